//! `discless cat`.

use super::Exit;
use super::args::Cat;
use super::list::options;
use super::ui::Ui;
use discless::container::EntryKind;
use discless::error::Kind;
use discless::{Error, Result, nest, source};
use std::io::{Read, Write};

/// `!/` means something to a shell: in double quotes too, but for those of Windows, which know no others.
const QUOTES: &str = if cfg!(windows) { "quotes" } else { "single quotes" };

pub(super) fn run(ui: &Ui, args: &Cat) -> Result<Exit> {
    let options = args.passwords.with(options(ui, &args.opening))?;
    let (outer, members) = nest::split(&args.member);
    let Some((last, path)) = members.split_last() else {
        let what = format!("{} names no member: use OUTER!/MEMBER, in {QUOTES}", args.member);
        return Err(Error::usage(what));
    };
    let spec = path.iter().fold(outer.to_owned(), |spec, part| format!("{spec}!/{part}"));
    let named = nest::open(&spec, &mut std::io::stdin(), &options)?;
    let name = named.name.clone();
    let container = named.container(&options)?;
    let id = nest::member(&*container, last).map_err(|error| error.of(&name))?;
    let entry = container.entry(id)?;
    if entry.kind != EntryKind::File {
        return Err(Error::usage(format!("{last} is no file")).of(&name));
    }
    let full = format!("{name}!/{}", entry.path.text());
    let mut content = container.open(id).map_err(|error| error.of(&full))?;
    let mut out = ui.stream();
    let mut buf = vec![0; 64 << 10];
    let mut left = entry.bytes;
    let mut read = || {
        loop {
            let n = content.read(&mut buf).map_err(|error| Error::from(error).of(&full))?;
            if n == 0 {
                break;
            }
            out.write_all(buf.get(..n).unwrap_or_default())?;
            left = left.saturating_sub(n as u64);
        }
        out.flush()?;
        if left > 0 {
            return Err(Error::truncated(entry.bytes, entry.bytes - left).during("content").of(&full));
        }
        Ok(Exit::Good)
    };
    let outcome = read();
    source::settled(&**container.source(), outcome).map_err(|error| match error.kind() {
        Kind::Changed(_) => error.of(&name),
        _ => error,
    })
}
