//! `discless share export`.

use crate::cli::Exit;
use crate::cli::args::{Export, ExportFormat};
use crate::cli::confine::Confined;
use crate::cli::show::count;
use crate::cli::ui::Ui;
use discless::share::{self, Client, Format, Item, Share, Stanza};
use discless::text::for_terminal;
use discless::{Error, Result};

pub(super) fn run(ui: &Ui, args: &Export, confined: &mut Confined) -> Result<Exit> {
    let share = Share::open(&args.share)?;
    let survey = share.survey()?;
    let items = survey.select(&share, &args.products)?;
    let bytes = match args.format {
        Some(ExportFormat::Sidecars) => {
            let Some(to) = &args.output else {
                return Err(Error::usage("sidecars are files: name a new directory for them with -o DIR"));
            };
            let number = share::sidecars(&share, &items, to)?;
            confined.directories.keep();
            ui.answer(&format!("wrote {} into {}\n", count(number, "sidecar"), super::shown(to)))?;
            return Ok(Exit::Good);
        }
        Some(ExportFormat::Sha256sums) => share::export(&items, Format::Sha256Sums)?,
        Some(ExportFormat::Hashdeep) => share::export(&items, Format::Hashdeep)?,
        Some(ExportFormat::PulpManifest) => share::export(&items, Format::PulpManifest)?,
        Some(ExportFormat::Json) => share::export(&items, Format::Json)?,
        None => stanza(ui, args, &share, &items)?.into_bytes(),
    };
    match &args.output {
        Some(path) => confined.outputs.write_new(path, &bytes)?,
        None => ui.bytes(&bytes)?,
    }
    Ok(Exit::Good)
}

fn stanza(ui: &Ui, args: &Export, share: &Share, items: &[&Item]) -> Result<String> {
    let kind = if args.samba {
        Stanza::Samba
    } else if args.nfs {
        Stanza::Nfs
    } else {
        Stanza::Windows
    };
    let own = share.root().canonicalize()?.file_name().map(|name| name.to_string_lossy().into_owned());
    let own = own.unwrap_or_else(|| "media".to_owned());
    let client = Client {
        share: args.name.as_deref().unwrap_or(&own),
        user: &args.user,
        clients: &args.clients,
        path: args.path.as_deref(),
    };
    let text = share::stanza(share, items, kind, &client)?;
    let mut paths = Vec::new();
    for item in items {
        let manifest = item.manifest()?;
        paths.extend(manifest.files.iter().map(|file| format!("{}/{}", item.folder, file.path)));
        for link in &manifest.links {
            ui.warn(&format!(
                "{}/{}: a symbolic link, which is not followed and not shown",
                item.folder, link.path
            ));
        }
    }
    let mut lines = String::new();
    let troubles = share::troubles(paths.iter().map(String::as_str));
    super::few(
        ui,
        &mut lines,
        troubles.iter().map(|trouble| format!("{}: {}", for_terminal(&trouble.path), trouble.why)),
    );
    lines.lines().for_each(|line| ui.warn(line));
    Ok(text)
}
