//! The SMB share: what a client sees that speaks the protocol byte by byte, and what `smbclient` gets where it is
//! installed. `tests/peers_smb.sh` does more with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

use discless::container::Container;
use discless::formats::Options;
use discless::nest;
use discless::serve::smb::{Account, Encryption, Server, Settings};
use discless::view::{self, View};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

const SAMPLE: &str = "testdata/sample/lab-tools.iso";

fn server(account: Account, encryption: Encryption) -> Server {
    let options = Options::default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE);
    let named = nest::open(path.to_str().unwrap(), &mut std::io::empty(), &options).unwrap();
    let container: Arc<dyn Container> = Arc::from(named.container(&options).unwrap());
    let view = View::new(vec![(SAMPLE.to_owned(), container)], view::Settings::default()).unwrap();
    let settings = Settings { listen: "127.0.0.1:0".parse().unwrap(), account, encryption, threads: 2 };
    Server::start(Arc::new(view), &settings, Box::new(|error| panic!("{error:?}"))).unwrap()
}

fn user() -> Account {
    Account::User { name: "lab".to_owned(), password: "secret-1".to_owned() }
}

/// SMB2 NEGOTIATE ([MS-SMB2] 2.2.3) with these dialects, in a transport packet (2.1).
fn negotiate(dialects: &[u16]) -> Vec<u8> {
    let mut body = vec![0u8; 36];
    body[0] = 36;
    body[2] = dialects.len() as u8;
    // Signing is enabled; the client can encrypt.
    body[4] = 1;
    body[8] = 0x40;
    body[12..28].copy_from_slice(&[7; 16]);
    dialects.iter().for_each(|dialect| body.extend(dialect.to_le_bytes()));
    let mut header = vec![0u8; 64];
    header[..4].copy_from_slice(b"\xfeSMB");
    header[4] = 64;
    header[14] = 1;
    let length = ((header.len() + body.len()) as u32).to_be_bytes();
    [&length[..], &header, &body].concat()
}

fn answer(server: &Server, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut out = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut out).unwrap();
    out
}

#[test]
fn a_client_that_negotiates_is_told_to_sign() {
    let server = server(user(), Encryption::Required);
    let answer = answer(&server, &negotiate(&[0x0210, 0x0300, 0x0302]));
    assert_eq!(&answer[..4], b"\xfeSMB");
    assert_eq!(&answer[8..12], [0; 4], "STATUS_SUCCESS");
    // SecurityMode: signing enabled and required. DialectRevision: the highest of those offered.
    assert_eq!((answer[66] & 3, &answer[68..70]), (3, &[0x02, 0x03][..]));
    // Capabilities: encryption.
    assert_eq!(answer[64 + 24] & 0x40, 0x40);
    server.stop().unwrap();
}

#[test]
fn nonsense_and_silence_hurt_nobody() {
    let server = server(user(), Encryption::Required);
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], &[0xff; 4096], &[0, 0, 0, 0], &[0, 0, 1, 0, 0xfe, b'S']] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let _ = stream.write_all(bytes);
        drop(stream);
    }
    let _silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    assert_eq!(&answer(&server, &negotiate(&[0x0302]))[..4], b"\xfeSMB");
    assert!(!server.is_over());
    server.stop().unwrap();
}

#[test]
fn a_port_that_is_taken_is_an_error_and_a_stopped_server_frees_it() {
    let first = server(user(), Encryption::Required);
    let address = first.address();
    let settings =
        |listen| Settings { listen, account: user(), encryption: Encryption::Required, threads: 1 };
    let view = || Arc::new(View::new(Vec::new(), view::Settings::default()).unwrap());
    assert!(Server::start(view(), &settings(address), Box::new(|_| ())).is_err());
    first.stop().unwrap();
    let again = Server::start(view(), &settings(address), Box::new(|_| ())).unwrap();
    assert_eq!(again.address(), address);
}

#[test]
fn accounts_that_cannot_be_are_refused() {
    let view = || Arc::new(View::new(Vec::new(), view::Settings::default()).unwrap());
    for (name, password) in [("lab", ""), ("", "x"), ("anonymous", "x")] {
        let account = Account::User { name: name.to_owned(), password: password.to_owned() };
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { listen, account, encryption: Encryption::Required, threads: 1 };
        let error = Server::start(view(), &settings, Box::new(|_| ())).err().expect(name);
        assert!(matches!(error.kind(), discless::error::Kind::Usage(_)), "{name}: {error:?}");
    }
}

/// `smbclient` with these arguments; nothing where it is not installed.
fn smbclient(server: &Server, args: &[&str]) -> Option<Output> {
    let port = server.address().port().to_string();
    let mut command = Command::new("smbclient");
    command.args(["//127.0.0.1/media", "-p", &port, "-s", "/dev/null"]).args(args);
    match command.output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("SKIPPED: smbclient is not installed; no real client asked");
            None
        }
    }
}

#[test]
fn a_real_client_gets_the_bytes_and_is_let_in_with_the_password_only() {
    let server = server(user(), Encryption::Required);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let good = ["-U", "lab%secret-1", "-m", "SMB3", "-c"];
    let get = format!("lcd {here}; get setup.exe; get Docs\\\"what IS in here.txt\" a.txt; ls");
    let Some(output) = smbclient(&server, &[&good[..], &[&get]].concat()) else { return };
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("README.TXT"), "{said}");
    let direct = Command::new(env!("CARGO_BIN_EXE_discless"))
        .args(["cat", &format!("{SAMPLE}!/setup.exe")])
        .output()
        .unwrap();
    assert_eq!(std::fs::read(folder.path().join("setup.exe")).unwrap(), direct.stdout);
    assert_eq!(std::fs::read(folder.path().join("a.txt")).unwrap().len(), 35);
    let refused = |args: &[&str], by: &str| {
        let output = smbclient(&server, args).unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(by), "{args:?}: {said}");
    };
    refused(&["-U", "lab%wrong", "-m", "SMB3", "-c", "ls"], "LOGON_FAILURE");
    refused(&["-N", "-m", "SMB3", "-c", "ls"], "NT_STATUS_");
    refused(&["-U", "lab%secret-1", "-m", "SMB2_10", "-c", "ls"], "ACCESS_DENIED");
    for write in ["mkdir x", "del setup.exe", "put /etc/hostname x", "rmdir docs", "rename setup.exe x"] {
        refused(&[&good[..], &[write]].concat(), "NT_STATUS_");
    }
    server.stop().unwrap();
}
