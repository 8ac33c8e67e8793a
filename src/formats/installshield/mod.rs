//! InstallShield: its cabinets (`ISc(`), and the programs that carry an installation behind them.
//!
//! | where | what |
//! |---|---|
//! | `data1.hdr`, or `data1.cab` where there is none | `ISc(`, version, descriptor: directories, files, file groups |
//! | `data1.cab`, `data2.cab`, … | files' bytes: blocks of u16 length and Deflate each, or stored |
//! | behind a program's sections | `InstallShield` or `ISSetupStream` and records; or records of plain strings |
//!
//! References: unshield (MIT) for cabinets, ISx (MIT) for programs; nothing is published by the maker.

mod cabinet;
mod data;
mod descriptor;
mod launcher;

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::Container;
use crate::error::Result;
use crate::source::SharedSource;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "installshield",
    title: "InstallShield cabinet or setup program",
    spec: &["unshield 1.6 (MIT), lib/cabfile.h", "ISx 0.3 (MIT), ISx.c"],
    limits: &[
        "InstallShield 3 archives (.Z) are not read",
        "files that lie beside the cabinets are not shown",
        "encrypted cabinets are not decoded",
        "sizes of compressed files behind a program are not recorded: they are unpacked once to list them",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if probe.has(0, cabinet::SIGNATURE) {
        return Ok(Some(Evidence { certainty: Certainty::Likely, why: "ISc( at byte 0".to_owned() }));
    }
    if !probe.has(0, b"MZ") {
        return Ok(None);
    }
    let found = launcher::find(probe.source)?;
    Ok(found.map(|found| Evidence {
        certainty: Certainty::Sure,
        why: format!("{} at {:#x}", found.kind.title(), found.at),
    }))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    match launcher::find(&*source)? {
        Some(found) => launcher::open(source, &found, options),
        None => cabinet::open(source, options),
    }
}
