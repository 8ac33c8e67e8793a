//! Setup information of drivers, `.inf`: texts stand as `%name%` for a line of `[Strings]`, and the processors in what
//! follows the names of the models' sections ("INF Manufacturer Section", Windows Driver Kit).

use super::Said;
use super::settings;

/// Processors that are given of one file.
const MOST: usize = 16;

/// What the file says of `key`: `version` and `date` of `DriverVer`, `class`, `provider`, or each `platform`.
pub(super) fn find(text: &str, key: &str) -> Vec<Said> {
    match key {
        "version" => driver_ver(text, 1),
        "date" => driver_ver(text, 0),
        "class" | "provider" => settings::find(text, &format!("Version/{key}"))
            .into_iter()
            .take(1)
            .filter_map(|said| Some(Said::new(said.part, resolved(text, &said.text)?)))
            .collect(),
        "platform" => platforms(text),
        _ => Vec::new(),
    }
}

/// `DriverVer=07/02/2019,12.18.9.7`
fn driver_ver(text: &str, part: usize) -> Vec<Said> {
    let said = settings::find(text, "Version/DriverVer").into_iter().take(1);
    said.filter_map(|said| {
        let value = said.text.split(',').nth(part)?.trim().to_owned();
        (!value.is_empty()).then(|| Said::new(said.part, value))
    })
    .collect()
}

/// A text, or the one that it stands for.
fn resolved(text: &str, value: &str) -> Option<String> {
    let Some(name) = value.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) else {
        return (!value.is_empty()).then(|| value.to_owned());
    };
    let strings = settings::find(text, &format!("Strings/{name}"));
    strings.into_iter().next().map(|said| said.text).filter(|text| !text.is_empty())
}

/// `%Maker% = Models, NTamd64.10.0, NTx86`: a section without what follows is for x86.
fn platforms(text: &str) -> Vec<Said> {
    let mut out: Vec<Said> = Vec::new();
    for line in settings::find(text, "Manufacturer/*") {
        let mut decorations =
            line.text.split(',').skip(1).map(str::trim).filter(|word| !word.is_empty()).peekable();
        if decorations.peek().is_none() {
            add(&mut out, &line.part, "x86");
        }
        for decoration in decorations {
            let word = decoration.split('.').next().unwrap_or_default().to_ascii_lowercase();
            match word.as_str() {
                "ntamd64" => add(&mut out, &line.part, "x64"),
                "ntx86" | "nt" => add(&mut out, &line.part, "x86"),
                "ntarm64" => add(&mut out, &line.part, "arm64"),
                "ntarm" => add(&mut out, &line.part, "arm"),
                "ntia64" => add(&mut out, &line.part, "ia64"),
                _ => {}
            }
        }
    }
    out
}

fn add(out: &mut Vec<Said>, part: &str, platform: &str) {
    if out.len() < MOST && !out.iter().any(|said| said.text == platform) {
        out.push(Said::new(part, platform));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: &str = "[Version]\r\nClass=Net\r\nProvider=%M%\r\nDriverVer = 07/02/2019,12.18.9.7 ; c\r\n\
                       [Manufacturer]\r\n%M% = Models, NTamd64.10.0, NTx86, NTamd64.6.1\r\nOther=More\r\n\
                       [Strings]\r\nM=\"Contoso, Inc.\"\r\n";

    fn values(text: &str, key: &str) -> Vec<String> {
        find(text, key).into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn a_driver_says_its_version_maker_and_processors() {
        assert_eq!(values(INF, "version"), ["12.18.9.7"]);
        assert_eq!(values(INF, "date"), ["07/02/2019"]);
        assert_eq!(values(INF, "class"), ["Net"]);
        assert_eq!(values(INF, "provider"), ["Contoso, Inc."]);
        assert_eq!(values(INF, "platform"), ["x64", "x86"]);
    }

    #[test]
    fn what_is_missing_says_nothing() {
        for key in ["version", "date", "class", "provider", "platform", "other"] {
            assert!(values("", key).is_empty());
            assert!(values("[Version]\nDriverVer=\nProvider=%none%\n", key).is_empty(), "{key}");
        }
    }
}
