//! The server, asked over real sockets: what clients rely on, and what they must not be able to do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::formats::Options;
use discless::nest;
use discless::serve::{Access, Bounds, Given, Site, State, Verify, listen};
use discless::source::Source;
use discless::view::{Nested, Settings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::image::{Data, Iso, pattern};

const EVIL: &str = "<img src=x onerror=alert(1)>\"'&.txt";
const DAY: Duration = Duration::from_secs(86_400);

fn big() -> Vec<u8> {
    pattern(7, 3_000_001)
}

/// An image with what a server could stumble over.
fn made() -> Vec<u8> {
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("readme.txt", Data::Bytes(b"0123456789".to_vec()));
    iso.add("empty.bin", Data::Bytes(Vec::new()));
    iso.add("page.html", Data::Bytes(b"<script>alert(1)</script>".to_vec()));
    iso.add("drawing.svg", Data::Bytes(b"<svg onload='alert(1)'/>".to_vec()));
    iso.add(EVIL, Data::Bytes(b"evil".to_vec()));
    iso.add("dir/Été & more.bin", Data::Bytes(big()));
    let inner =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/zip/infozip-deflate/input.zip"));
    iso.add("dir/package.zip", Data::Bytes(inner.unwrap()));
    let image = iso.build();
    let mut bytes = vec![0; usize::try_from(image.len()).unwrap()];
    image.read_at(0, &mut bytes).unwrap();
    bytes
}

struct Server {
    address: SocketAddr,
    site: Arc<Site>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _files: tempfile::TempDir,
}

struct How {
    access: Option<Access>,
    bounds: Bounds,
    names: &'static [&'static str],
    nested: Nested,
}

impl Default for How {
    fn default() -> Self {
        Self { access: None, bounds: Bounds::default(), names: &["made.iso"], nested: Nested::Hidden }
    }
}

impl Server {
    fn start(how: How) -> Self {
        let files = tempfile::tempdir().unwrap();
        let given = how.names.iter().map(|name| {
            let path = files.path().join(name);
            std::fs::write(&path, made()).unwrap();
            let named =
                nest::open(path.to_str().unwrap(), &mut std::io::empty(), &Options::default()).unwrap();
            Given::new(named, name, &Options::default()).unwrap()
        });
        let settings = Settings { nested: how.nested, ..Settings::default() };
        let site = Arc::new(Site::new(given.collect(), settings).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (site, stop) = (site.clone(), stop.clone());
            move || {
                listen(&site, listener, how.access, None, how.bounds, &|| stop.load(Ordering::Relaxed))
                    .unwrap();
            }
        });
        Self { address, site, stop, thread: Some(thread), _files: files }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends `head` as it stands, with what a client always sends, and reads the answer to its end.
    fn raw(&self, head: &str, more: &str) -> Answer {
        let mut stream = self.connect();
        let request = format!("{head} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{more}\r\n", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    fn get(&self, path: &str) -> Answer {
        self.raw(&format!("GET {path}"), "")
    }

    fn ranged(&self, path: &str, range: &str) -> Answer {
        self.raw(&format!("GET {path}"), &format!("Range: {range}\r\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn read(stream: &mut TcpStream) -> Self {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let cut = all.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(all[..cut].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: all[cut + 4..].to_vec() }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[test]
fn a_file_comes_whole_with_what_clients_go_by() {
    let server = Server::start(How::default());
    let file = server.get("/dir/%C3%89t%C3%A9%20%26%20more.bin");
    assert_eq!((file.status, file.body == big()), (200, true));
    assert_eq!(file.field("content-length"), Some("3000001"));
    assert_eq!(file.field("accept-ranges"), Some("bytes"));
    assert_eq!(file.field("content-type"), Some("application/octet-stream"));
    assert!(file.field("content-disposition").unwrap().starts_with("attachment; filename*=utf-8''%c3%89t"));
    let etag = file.field("etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.len() > 10);
    let head = server.raw("HEAD /dir/%C3%89t%C3%A9%20%26%20more.bin", "");
    assert_eq!((head.status, head.body.len(), head.field("content-length")), (200, 0, Some("3000001")));
    assert_eq!(head.field("etag"), Some(&*etag));
    // Capitals do not matter, as on Windows; a directory is no file, and a file no directory.
    assert_eq!(server.get("/README.TXT").body, b"0123456789");
    assert_eq!(server.get("/dir").status, 301);
    assert_eq!(server.get("/dir").field("location"), Some("/dir/"));
    assert_eq!(server.get("/readme.txt/").status, 404);
    assert_eq!(server.get("/nosuch").status, 404);
    assert_eq!(server.get("/empty.bin").body, b"");
}

#[test]
fn conditions_are_kept() {
    let server = Server::start(How::default());
    let first = server.get("/readme.txt");
    let etag = first.field("etag").unwrap();
    let with = |field: &str| server.raw("GET /readme.txt", &format!("{field}\r\n"));
    for same in [
        format!("If-None-Match: {etag}"),
        format!("If-None-Match: \"x\", W/{etag}"),
        "If-None-Match: *".into(),
    ] {
        let answer = with(&same);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{same}");
        assert_eq!(answer.field("etag"), Some(etag));
    }
    assert_eq!(with("If-None-Match: \"other\"").status, 200);
    assert_eq!(with("If-Match: \"other\"").status, 412);
    assert_eq!(with(&format!("If-Match: {etag}")).status, 200);
    assert_eq!(with("If-Modified-Since: nonsense").status, 200);
    if let Some(time) = first.field("last-modified") {
        // Header values were folded to small letters: a date is not read from these.
        let upper = httpdate::fmt_http_date(std::time::SystemTime::now() + DAY);
        assert_eq!(with(&format!("If-Modified-Since: {upper}")).status, 304, "{time}");
    }
    let half = |condition: &str| {
        server.raw("GET /readme.txt", &format!("Range: bytes=2-3\r\nIf-Range: {condition}\r\n"))
    };
    assert_eq!((half(etag).status, half(etag).body), (206, b"23".to_vec()));
    assert_eq!((half("\"other\"").status, half(&format!("W/{etag}")).status), (200, 200));
}

#[test]
fn ranges_are_what_the_specification_says() {
    let server = Server::start(How::default());
    for (range, want, place) in [
        ("bytes=0-3", &b"0123"[..], "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=9-9", b"9", "bytes 9-9/10"),
        ("bytes=99-100,1-2", b"12", "bytes 1-2/10"),
    ] {
        let answer = server.ranged("/readme.txt", range);
        assert_eq!((answer.status, &*answer.body), (206, want), "{range}");
        assert_eq!(answer.field("content-range"), Some(place), "{range}");
    }
    for outside in ["bytes=10-", "bytes=10-20", "bytes=99-100"] {
        let answer = server.ranged("/readme.txt", outside);
        assert_eq!((answer.status, answer.field("content-range")), (416, Some("bytes */10")), "{outside}");
    }
    // What ends before it begins, and what is no range at all, never hangs and never gives other bytes.
    let many: Vec<String> = (0..5000).map(|n| format!("{n}-{n}")).collect();
    let many = format!("bytes={}", many[..900].join(","));
    for odd in [
        "bytes=5-1",
        "bytes=-0",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "lines=1-2",
        "bytes=18446744073709551616-",
        &many,
    ] {
        let answer = server.ranged("/readme.txt", odd);
        let whole = answer.status == 200 && answer.body == b"0123456789";
        let all = answer.status == 206 && answer.body == b"0123456789";
        assert!(whole || all || answer.status == 416, "{odd}: {}", answer.status);
    }
    assert_eq!(server.ranged("/empty.bin", "bytes=0-").status, 416);
    let two = server.ranged("/dir/%C3%89t%C3%A9%20%26%20more.bin", "bytes=1-3,2000000-2000004");
    assert_eq!(two.status, 206);
    let kind = two.field("content-type").unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!(two.field("content-length").unwrap().parse::<usize>().unwrap(), two.body.len());
    let bytes = big();
    let mut want = Vec::new();
    for (from, to) in [(1, 3), (2_000_000, 2_000_004)] {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {from}-{to}/3000001\r\n\r\n"
        );
        want.extend_from_slice(head.as_bytes());
        want.extend_from_slice(&bytes[from..=to]);
    }
    want.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(two.body == want);
}

#[test]
fn nothing_leads_out_and_nothing_is_written() {
    let server = Server::start(How::default());
    for path in [
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2fetc/passwd",
        "/dir/%2e%2e/readme.txt",
        "/%00",
        "/a%5c..%5cb",
        "/dir/..%5creadme.txt",
        "/%ff",
        "/./readme.txt",
    ] {
        let answer = server.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    for method in [
        "PUT",
        "POST",
        "DELETE",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "PROPPATCH",
        "PATCH",
        "TRACE",
        "BREW",
    ] {
        let answer = server.raw(&format!("{method} /readme.txt"), "Content-Length: 4\r\n");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.field("allow"), Some("get, head, options, propfind"));
    }
    assert_eq!(server.get("/readme.txt").body, b"0123456789");
}

#[test]
fn nothing_of_a_medium_is_active_in_a_browser() {
    let server = Server::start(How::default());
    for (path, kind) in [("/page.html", "text/plain"), ("/drawing.svg", "text/plain")] {
        let answer = server.get(path);
        assert!(answer.field("content-type").unwrap().starts_with(kind));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert!(answer.field("content-security-policy").unwrap().contains("sandbox"));
    }
    let found = format!("/?q={}", "%3Cimg");
    for page in [
        "/",
        "/dir/",
        &*found,
        "/?q=%22%3E%3Cscript%3E",
        "/readme.txt?info",
        "/%253Cimg%20src=x%20onerror=alert(1)%253E%2522'&.txt?info",
    ] {
        let answer = server.get(page);
        assert_eq!(answer.status, 200, "{page}");
        let text = answer.text();
        let policy = answer.field("content-security-policy").unwrap();
        let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert_eq!(
            text.matches("<script").count(),
            text.matches(&format!("<script nonce=\"{nonce}\"")).count(),
            "{page}"
        );
        assert!(!text.contains("<img") && !text.contains(" onerror=alert(1)>\""), "{page}");
        assert!(!text.contains("javascript:") && !text.contains("style=\""), "{page}");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    // As `extract` would write it, and no markup for what is left of it.
    assert!(server.get("/").text().contains("%3Cimg src=x onerror=alert(1)%3E%22&#39;&amp;.txt"));
    assert_ne!(
        server.get("/").field("content-security-policy"),
        server.get("/").field("content-security-policy"),
        "what a page may do is drawn anew"
    );
}

#[cfg(unix)]
#[test]
fn what_an_image_is_called_is_no_markup() {
    let server = Server::start(How { names: &["<b onclick='x'>&.iso", "b.iso"], ..How::default() });
    let front = server.get("/");
    assert!(front.text().contains("&lt;b onclick=&#39;x&#39;&gt;&amp;.iso"), "{}", front.text());
    assert!(!front.text().contains("<b onclick"));
}

#[test]
fn webdav_lists_and_reads() {
    let server = Server::start(How::default());
    let options = server.raw("OPTIONS /", "");
    assert_eq!((options.status, options.field("dav")), (200, Some("1")));
    let list = server.raw("PROPFIND /", "Depth: 1\r\n");
    assert_eq!(list.status, 207);
    let document = roxmltree::Document::parse(list.text()).unwrap();
    let hrefs: Vec<&str> = document
        .descendants()
        .filter(|node| node.has_tag_name(("DAV:", "href")))
        .filter_map(|node| node.text())
        .collect();
    assert_eq!(hrefs.len(), 7, "{hrefs:?}");
    assert!(hrefs.contains(&"/dir/") && hrefs.contains(&"/readme.txt"), "{hrefs:?}");
    for href in hrefs.iter().filter(|href| !href.ends_with('/')) {
        assert_eq!(server.get(href).status, 200, "{href}");
    }
    let body = "<propfind xmlns='DAV:'><prop><getcontentlength/><quota-used-bytes/><x xmlns='urn:&amp;y'/></prop></propfind>";
    let length = format!("Depth: 0\r\nContent-Length: {}\r\n", body.len());
    let one = server.raw("PROPFIND /readme.txt", &format!("{length}\r\n{body}"));
    let text = one.text();
    assert!(text.contains("<D:getcontentlength>10</D:getcontentlength>"), "{text}");
    assert!(text.contains("<D:quota-used-bytes/>") && text.contains("404 Not Found"), "{text}");
    assert!(roxmltree::Document::parse(text).is_ok(), "{text}");
    assert_eq!(server.raw("PROPFIND /", "").status, 403, "everything at once is not given");
    assert_eq!(server.raw("PROPFIND /nosuch", "Depth: 0\r\n").status, 404);
    let bad = "<a";
    let bad = server.raw("PROPFIND /", &format!("Depth: 0\r\nContent-Length: {}\r\n\r\n{bad}", bad.len()));
    assert_eq!(bad.status, 400);
    let large = server
        .raw("PROPFIND /", &format!("Depth: 0\r\nContent-Length: 100000\r\n\r\n{}", " ".repeat(100_000)));
    assert_eq!(large.status, 413);
}

#[test]
fn a_password_is_wanted_of_everybody() {
    let access = Some(Access::new("lab", "secret"));
    let server = Server::start(How { access, ..How::default() });
    for head in
        ["GET /", "GET /readme.txt", "HEAD /readme.txt", "PROPFIND /", "OPTIONS /", "PUT /x", "GET /nosuch"]
    {
        let answer = server.raw(head, "");
        assert_eq!(answer.status, 401, "{head}");
        assert!(answer.field("www-authenticate").unwrap().starts_with("basic realm="));
    }
    let with = |credentials: &str| {
        server.raw("GET /readme.txt", &format!("Authorization: {credentials}\r\n")).status
    };
    assert_eq!(with("Basic bGFiOnNlY3JldA=="), 200);
    for bad in ["Basic bGFiOnNlY3JldB==", "Basic bGFiOg==", "Basic", "Basic =", "Bearer bGFiOnNlY3JldA=="] {
        assert_eq!(with(bad), 401, "{bad}");
    }
}

#[test]
fn a_foreign_name_for_this_machine_is_refused() {
    let server = Server::start(How::default());
    let mut stream = server.connect();
    stream.write_all(b"GET /readme.txt HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).status, 421);
}

#[test]
fn large_heads_and_slow_clients_are_shown_out() {
    let bounds =
        Bounds { head: Duration::from_millis(600), stalled: Duration::from_millis(600), ..Bounds::default() };
    let server = Server::start(How { bounds, ..How::default() });
    for head in [
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(100_000)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(100_000)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(1000)),
    ] {
        let mut stream = server.connect();
        // The server may close before all of it is written.
        let _ = stream.write_all(head.as_bytes());
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    // One letter at a time, and none at all.
    let began = Instant::now();
    for bytes in [&b"GET / HT"[..], b""] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
    }
    // One that asks and then takes nothing.
    let mut idle = server.connect();
    idle.write_all(b"GET /dir/%C3%89t%C3%A9%20%26%20more.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(server.get("/readme.txt").status, 200);
    drop(idle);
}

#[test]
fn a_thousand_connections_are_served() {
    let server = Server::start(How::default());
    let mut streams: Vec<TcpStream> = (0..1000).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream
            .write_all(b"GET /readme.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
    }
    assert!(streams.iter_mut().all(|stream| Answer::read(stream).body == b"0123456789"));
}

#[test]
fn more_connections_than_there_is_room_for_wait() {
    let bounds = Bounds { connections: 8, head: Duration::from_secs(1), ..Bounds::default() };
    let server = Server::start(How { bounds, ..How::default() });
    let idle: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    assert_eq!(server.get("/readme.txt").body, b"0123456789", "the idle ones were shown out");
    drop(idle);
}

#[test]
fn what_is_known_stands_on_the_page() {
    let server = Server::start(How { names: &["one.iso", "two.iso"], ..How::default() });
    let front = server.get("/");
    assert!(front.text().contains("data-wait"), "nothing is known yet");
    let beside = server.site.media()[0].container.source().len();
    assert!(beside > 0);
    server.site.find_out(Verify::Whole, 1).unwrap();
    assert!(server.site.media().iter().all(|medium| matches!(medium.state(), State::Done(_))));
    let front = server.get("/");
    assert!(
        front.text().contains("not verified") && !front.text().contains("data-wait>"),
        "{}",
        front.text()
    );
    assert!(front.text().contains("href=\"/one.iso/\"") && front.text().contains("href=\"/two.iso/\""));
    let one = server.get("/one.iso/");
    for part in ["readme.txt", "structures and gaps", "SHA-256", "aria-labelledby", "role=\"search\""] {
        assert!(one.text().contains(part), "{part}");
    }
    let status = server.get("/one.iso/?status");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&status.body).unwrap()["pending"], false);
    let found = server.get("/two.iso/?q=MORE");
    assert!(found.text().contains("/two.iso/dir/%C3%89t%C3%A9%20%26%20more.bin"), "{}", found.text());
    let sum = server.get("/one.iso/readme.txt?sha256");
    assert_eq!(sum.text(), "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882  readme.txt\n");
    let json: serde_json::Value = serde_json::from_slice(&server.get("/one.iso/?json").body).unwrap();
    assert_eq!(json["entries"].as_array().unwrap().len(), 6);
}

#[test]
fn packed_members_of_nested_packages_are_served() {
    let server = Server::start(How { nested: Nested::Shown, ..How::default() });
    let list = server.get("/dir/package.zip.contents/?json");
    let json: serde_json::Value = serde_json::from_slice(&list.body).unwrap();
    let files = json["entries"].as_array().unwrap();
    let files: Vec<_> = files.iter().filter(|entry| entry["kind"] == "file").collect();
    assert!(!files.is_empty());
    for file in files {
        let got = server.get(file["href"].as_str().unwrap());
        assert_eq!((got.status, Some(got.body.len() as u64)), (200, file["bytes"].as_u64()));
    }
}

#[test]
fn five_thousand_files_are_listed_in_a_moment() {
    let files = tempfile::tempdir().unwrap();
    let mut iso = Iso::new().with_rock_ridge();
    for number in 0..5000 {
        iso.add(&format!("package_{number:04}_with_a_name.cab"), Data::Bytes(vec![b'x'; 10]));
    }
    let image = iso.build();
    let mut bytes = vec![0; usize::try_from(image.len()).unwrap()];
    image.read_at(0, &mut bytes).unwrap();
    let path = files.path().join("many.iso");
    std::fs::write(&path, bytes).unwrap();
    let named = nest::open(path.to_str().unwrap(), &mut std::io::empty(), &Options::default()).unwrap();
    let given = Given::new(named, "many.iso", &Options::default()).unwrap();
    let site = Arc::new(Site::new(vec![given], Settings::default()).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let stop = stop.clone();
        move || {
            listen(&site, listener, None, None, Bounds::default(), &|| stop.load(Ordering::Relaxed)).unwrap()
        }
    });
    for head in ["GET /", "PROPFIND /"] {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("{head} HTTP/1.1\r\nHost: localhost\r\nDepth: 1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        assert!(answer.text().matches("package_").count() >= 5000);
        println!("{head}: {} bytes in {:?}", answer.body.len(), began.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}
