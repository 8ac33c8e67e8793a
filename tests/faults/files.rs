//! Few open files.

use crate::{Lab, Medium};

/// Twelve and a half thousand files in seven hundred directories.
fn many(lab: &Lab) {
    let mut medium = Medium::new("MANY").rock_ridge();
    for number in 0..12_500u32 {
        medium = medium.file(&format!("d{}/f{number}.txt", number % 700), &*format!("{number}\n"));
    }
    lab.write("many.iso", &medium.iso());
}

#[test]
fn twelve_thousand_files_need_no_more_than_a_few_open_ones() {
    let lab = Lab::new();
    many(&lab);
    // Eight threads, so that each has something open at the same time.
    lab.shell("ulimit -n 64; \"$D\" extract --threads 8 many.iso -o out").is(0).says("wrote 12 500 files");
    assert_eq!(crate::standing(&lab.path("out")).len(), 12_500);
    lab.shell("ulimit -n 24; \"$D\" extract --threads 2 many.iso -o again").is(0).says("wrote 12 500 files");
    lab.shell("ulimit -n 64; \"$D\" list many.iso | wc -l").is(0).says("13200");
    lab.shell("ulimit -n 64; \"$D\" list out | wc -l").is(0).says("13200");
    lab.shell("ulimit -n 64; \"$D\" verify --deep many.iso").is(3).says("all can be read to their end");
    let digest = crate::sha256(&std::fs::read(lab.path("many.iso")).unwrap());
    lab.shell(&format!("ulimit -n 64; \"$D\" extract --threads 8 many.iso -o verified --sha256 {digest}"))
        .is(0)
        .says("verified");
    lab.shell("ulimit -n 64; \"$D\" share init share && \"$D\" share add share many.iso --allow-unverified")
        .is(0)
        .says("added 12 500 files");
    lab.shell("ulimit -n 64; \"$D\" share check share --full").says("all is as it was");
}

#[cfg(feature = "serve")]
#[test]
fn a_server_with_few_open_files_answers_one_after_the_other() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    let lab = Lab::new();
    lab.write("m.iso", &crate::iso(&crate::contents(50, 100_000)));
    let mut command = std::process::Command::new("sh");
    command.current_dir(lab.temp.path()).env("D", env!("CARGO_BIN_EXE_discless"));
    command.arg("-c").arg("ulimit -n 40; exec \"$D\" serve m.iso --listen 127.0.0.1:0");
    command.stdin(std::process::Stdio::null());
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut address = None;
    let out = child.stdout.take().unwrap();
    let err = child.stderr.take().unwrap();
    let lines = BufReader::new(out.chain(err)).lines();
    for line in lines {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
            address =
                rest.split(|c: char| !c.is_ascii_digit()).next().map(|port| format!("127.0.0.1:{port}"));
            break;
        }
    }
    let address = address.expect("it says where it listens");
    // More than it has files for, all at once.
    let mut clients: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let mut answered = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        client.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let request = format!(
            "GET /d{}/f{}.bin HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
            number % 9,
            number % 9
        );
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        let is_whole = answer.starts_with(b"HTTP/1.1 200");
        assert!(is_whole, "{number}: {}", String::from_utf8_lossy(&answer[..answer.len().min(300)]));
        answered += 1;
        client.shutdown(std::net::Shutdown::Both).unwrap_or_default();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answered, 80);
}
