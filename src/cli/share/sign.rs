//! `discless share sign`.

use crate::cli::Exit;
use crate::cli::args::Sign;
use crate::cli::hints::quoted;
use crate::cli::show::count;
use crate::cli::ui::{Ui, word};
use discless::Result;
use discless::report::{self as contract, share as report};
use discless::share::{self, Share, Signer};
use discless::text::for_terminal;
use std::fmt::Write as _;

pub(super) fn run(ui: &Ui, args: &Sign) -> Result<Exit> {
    let share = Share::open(&args.share)?;
    let signer = Signer::read(&args.key)?;
    let lock = share.lock("sign")?;
    let signed = share::sign(&share, &lock, &signer, &args.products)?;
    let exit = if signed.refused.is_empty() { Exit::Good } else { Exit::Bad };
    if ui.json {
        ui.document(&report::Signed {
            schema: report::schema("sign"),
            discless: report::version(),
            share: args.share.to_string_lossy().into_owned(),
            key: signed.key.clone(),
            signed: signed.signed.clone(),
            refused: signed
                .refused
                .iter()
                .map(|(path, why)| contract::Left { path: path.clone(), why: (*why).to_owned() })
                .collect(),
        })?;
        return Ok(exit);
    }
    let mut out = String::new();
    let style = word("damaged");
    super::few(
        ui,
        &mut out,
        signed
            .refused
            .iter()
            .map(|(path, why)| format!("{style}not signed{style:#} {}: {why}", for_terminal(path))),
    );
    let index = if args.products.is_empty() && signed.refused.is_empty() { " and the index" } else { "" };
    let _ = writeln!(
        out,
        "signed {}{index} with {}",
        count(signed.signed.len() as u64, "manifest"),
        for_terminal(&signed.key)
    );
    ui.answer(&out)?;
    ui.hint(&format!(
        "discless share check {} --signature --key {}.pub",
        quoted(&args.share.to_string_lossy()),
        quoted(&args.key.to_string_lossy())
    ));
    Ok(exit)
}
