//! Names: `{app}\bin\a.exe` as `app/bin/a.exe`.

/// The destination with constants by their names. `{{` is a brace; a constant that is computed keeps what
/// computes it: `{code:Dir|x}` is `code$Dir`.
pub(super) fn restored(destination: &str) -> String {
    let mut out = String::with_capacity(destination.len());
    let mut rest = destination;
    while let Some(brace) = rest.find('{') {
        let (before, behind) = rest.split_at(brace);
        out.push_str(before);
        let behind = behind.get(1..).unwrap_or_default();
        if let Some(literal) = behind.strip_prefix('{') {
            out.push('{');
            rest = literal;
            continue;
        }
        let Some((constant, after)) = behind.split_once('}') else {
            out.push('{');
            rest = behind;
            break;
        };
        let name = constant.split(['|', ',']).next().unwrap_or_default();
        out.push_str(&name.replace([':', '\\', '/'], "$"));
        rest = after;
    }
    out.push_str(rest);
    out.replace('\\', "/").trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_folders() {
        assert_eq!(restored(r"{app}\sub\a.txt"), "app/sub/a.txt");
        assert_eq!(restored(r"{cf32}\x"), "cf32/x");
        assert_eq!(restored(r"{code:GetDir|a}\x"), "code$GetDir/x");
        assert_eq!(restored(r"{app}\{{x}.txt"), "app/{x}.txt");
        assert_eq!(restored(r"{open"), "{open");
        assert_eq!(restored(r"{app}\..\evil"), "app/../evil");
    }
}
