//! `discless serve`.

use super::Exit;
use super::args::{Passwords, Serve};
use super::list::options;
use super::smb;
use super::ui::Ui;
use discless::formats::Options;
use discless::nest::{self, What};
use discless::observe::Observer;
use discless::serve::{Access, Bounds, Given, Secured, Site, Verify, listen};
use discless::view::{Nested, Settings};
use discless::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(ui: &Ui, args: &Serve) -> Result<Exit> {
    let options = Passwords::default().with(options(ui, &args.opening))?;
    let account = account(args)?;
    let access = account.as_ref().map(|(user, password)| Access::new(user, password));
    let tls = tls(args)?;
    let given = given(ui, args, &options)?;
    let nested = if args.recurse { Nested::Shown } else { Nested::Hidden };
    let site = Arc::new(Site::new(given, Settings { options, nested, kept: args.keep_unpacked })?);
    for shown in site.view().sources().iter().filter(|shown| shown.left > 0) {
        let members = super::show::count(shown.left, "member");
        ui.note(&format!("{}: {members} not shown, as extract leaves them out", shown.name));
    }
    let listener =
        TcpListener::bind(args.listen).map_err(|error| Error::from(error).of(&args.listen.to_string()))?;
    let address = listener.local_addr()?;
    warn(ui, address, access.is_some(), tls.is_some());
    let share = args.smb.smb.map(|at| smb::start(ui, &args.smb, at, account, site.view())).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    ui.answer(&format!("{scheme}://{address}/\n"))?;
    ui.note("ready; Ctrl-C ends it");
    let background = {
        let (site, threads) = (site.clone(), ui.threads);
        let verify = if args.no_verify { Verify::Never } else { Verify::Whole };
        std::thread::spawn(move || site.find_out(verify, threads))
    };
    let progress = ui.until_interrupted();
    let stop = || {
        share.iter().for_each(|share| share.tell(ui));
        progress.cancelled()
    };
    let outcome = listen(&site, listener, access, tls, Bounds::default(), &stop);
    drop(share);
    site.stop();
    // What it found is on no page any more.
    drop(background);
    outcome?;
    Ok(Exit::Interrupted)
}

/// The sources, each by a name of its own.
fn given(ui: &Ui, args: &Serve, options: &Options) -> Result<Vec<Given>> {
    let mut out = Vec::new();
    for spec in &args.sources {
        let path = Path::new(spec);
        let (beneath, several) =
            if path.is_dir() { Given::beneath(path, options)? } else { (Vec::new(), false) };
        if !several {
            let named = nest::open(spec, &mut std::io::stdin(), options)?;
            let name = match &named.what {
                What::Directory(_) => directory_name(path),
                What::Bytes(_) => named.file_name.clone(),
            };
            out.push(Given::new(named, &name, options)?);
            continue;
        }
        // With other sources beside it, what is in the directory stays together.
        let prefix = if args.sources.len() > 1 { directory_name(path) + "/" } else { String::new() };
        for found in beneath {
            let below = found.strip_prefix(path).unwrap_or(&found).to_string_lossy().replace('\\', "/");
            let opened = nest::open(&found.to_string_lossy(), &mut std::io::empty(), options)
                .and_then(|named| Given::new(named, &format!("{prefix}{below}"), options));
            match opened {
                Ok(given) => out.push(given),
                // One bad download does not hide the others.
                Err(error) => ui.complain(&error),
            }
        }
    }
    if out.is_empty() {
        return Err(Error::not_found("install media in what was named", None));
    }
    Ok(out)
}

fn directory_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().map_or_else(|| "directory".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The environment variable that has the password where no file has it: command lines are seen by everybody.
const PASSWORD: &str = "DISCLESS_PASSWORD";

/// The user and the password that are wanted; `None` where none is.
fn account(args: &Serve) -> Result<Option<(String, String)>> {
    let Some(user) = &args.user else { return Ok(None) };
    if user.contains(':') || user.chars().any(char::is_control) {
        return Err(Error::usage("a user's name has no colon"));
    }
    let Some(file) = &args.password_file else {
        return match std::env::var(PASSWORD) {
            Ok(password) if !password.is_empty() => Ok(Some((user.clone(), password))),
            _ => Err(Error::usage(format!("{user} needs a password: --password-file FILE, or {PASSWORD}"))),
        };
    };
    let name = file.to_string_lossy();
    let opened = std::fs::File::open(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(name.clone(), None),
        _ => Error::from(error).of(&name),
    })?;
    let mut line = String::new();
    BufReader::new(opened.take(4096)).read_line(&mut line).map_err(|error| Error::from(error).of(&name))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::usage(format!("{name} has no password in its first line")));
    }
    Ok(Some((user.clone(), password.to_owned())))
}

#[cfg(feature = "tls")]
fn tls(args: &Serve) -> Result<Secured> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => discless::serve::Tls::new(certificate, key).map(Some),
        _ => Ok(None),
    }
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unnecessary_wraps, reason = "the signature is that of the other one")]
fn tls(_: &Serve) -> Result<Secured> {
    Ok(None)
}

/// What others can see or hear.
fn warn(ui: &Ui, address: std::net::SocketAddr, password: bool, secured: bool) {
    if address.ip().is_loopback() {
        return;
    }
    match (password, secured) {
        (false, _) => ui.warn("everybody who reaches this machine can read what is served: see --user"),
        (true, false) => ui.warn("the password goes over the network as it is: https would hide it"),
        (true, true) => {}
    }
}
