//! `discless hash`.

use super::Exit;
use super::args::Hash;
use super::ui::Ui;
use discless::digest::{Algorithm, Value};
use discless::formats::Options;
use discless::nest::{self, What};
use discless::observe::Observer;
use discless::{Error, Result, report, verify};

pub(super) fn run(ui: &Ui, args: &Hash) -> Result<Exit> {
    let algorithms = args.algo.iter().map(|name| Algorithm::named(name)).collect::<Result<Vec<_>>>()?;
    let mut out = Vec::new();
    let mut exit = Exit::Good;
    for spec in &args.sources {
        match one(ui, spec, &algorithms) {
            Ok((source, values)) => {
                if !ui.json {
                    let line = if args.tag { verify::tag_line } else { verify::gnu_line };
                    let lines: String = values.iter().map(|value| line(value, &source.name)).collect();
                    ui.answer(&lines)?;
                }
                let digest = |value: &Value| (value.algorithm.name().to_owned(), value.hex());
                out.push(report::Hash { source, digests: values.iter().map(digest).collect() });
            }
            Err(error) if args.sources.len() > 1 => {
                ui.complain(&error);
                exit = exit.and(Exit::of(&error));
            }
            Err(error) => return Err(error),
        }
    }
    if ui.json {
        ui.document(&report::Document::new("hash", out))?;
    }
    Ok(exit)
}

fn one(ui: &Ui, spec: &str, algorithms: &[Algorithm]) -> Result<(report::Source, Vec<Value>)> {
    let named = nest::open(spec, &mut std::io::stdin(), &Options::default())?;
    let What::Bytes(source) = named.what else {
        return Err(Error::usage(format!("{spec} is a directory; hash takes files")));
    };
    let progress = ui.progress("hash");
    progress.total(source.len());
    progress.working_on(&named.file_name);
    let values = verify::hash(&*source, algorithms, ui.threads, &progress).map_err(|e| e.of(&named.name))?;
    let sha256 = values.iter().find(|value| value.algorithm == Algorithm::Sha256).map(Value::hex);
    Ok((report::Source { name: named.name, bytes: source.len(), sha256 }, values))
}
