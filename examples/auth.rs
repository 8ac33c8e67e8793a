fn main(){ 
 let mut trust=discless::verify::authenticode::Trust::default();
 for f in std::env::args().skip(1){
  if let Some(r)=f.strip_prefix("--roots="){ if r=="system"{trust.roots.add_system().unwrap();}else{trust.roots.add_file(std::path::Path::new(r)).unwrap();} continue;}
  if let Some(r)=f.strip_prefix("--now="){ trust.now=r.parse().unwrap(); continue;}
  let s: discless::source::SharedSource=std::sync::Arc::new(discless::source::FileSource::open(std::path::Path::new(&f)).unwrap());
  println!("== {f}");
  match discless::verify::authenticode::check(&s,&trust){ Ok(c)=>for c in c{println!("  {} [{}] v={} {}",c.outcome.name(),c.by,c.vouches,c.note);}, Err(e)=>println!("  ERR {e}")}
 }}
