//! `discless formats`: what can be read, and what each reader cannot do.

use super::Exit;
use super::ui::Ui;
use discless::formats::FORMATS;
use discless::{Result, report};

pub(super) fn run(ui: &Ui) -> Result<Exit> {
    let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
    let formats = FORMATS.iter().map(|format| report::Format {
        name: format.name.to_owned(),
        title: format.title.to_owned(),
        spec: owned(format.spec),
        limits: owned(format.limits),
    });
    if ui.json {
        ui.document(&report::Formats {
            schema: "discless.formats/1".to_owned(),
            discless: report::VERSION.to_owned(),
            formats: formats.collect(),
        })?;
        return Ok(Exit::Good);
    }
    let mut out = String::new();
    for format in formats {
        out.push_str(&format!("{:<12} {}\n", format.name, format.title));
        for spec in &format.spec {
            out.push_str(&format!("{:<12}   {spec}\n", ""));
        }
        for limit in &format.limits {
            out.push_str(&format!("{:<12}   not: {limit}\n", ""));
        }
    }
    ui.answer(&out)?;
    Ok(Exit::Good)
}
