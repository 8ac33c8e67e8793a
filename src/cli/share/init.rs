//! `discless share init`.

use crate::cli::Exit;
use crate::cli::args::Init;
use crate::cli::hints::quoted;
use crate::cli::ui::Ui;
use discless::Result;
use discless::report::share as report;
use discless::share::{Made, Share};
use discless::text::for_terminal;

pub(super) fn run(ui: &Ui, args: &Init) -> Result<Exit> {
    let (share, made) = Share::init(&args.share, args.template.as_deref())?;
    let template = &share.settings().template;
    if ui.json {
        ui.document(&report::Init {
            schema: report::schema("init"),
            discless: report::version(),
            share: args.share.to_string_lossy().into_owned(),
            created: made == Made::New,
            template: template.clone(),
        })?;
        return Ok(Exit::Good);
    }
    let word = if made == Made::New { "is a share now" } else { "is a share already" };
    ui.answer(&format!("{} {word}; media go to {}\n", super::shown(&args.share), for_terminal(template)))?;
    if made == Made::New {
        ui.hint(&format!("discless share add {} FILE.iso", quoted(&args.share.to_string_lossy())));
    }
    Ok(Exit::Good)
}
