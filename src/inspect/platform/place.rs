//! What a program's place in the tree says about its weight.

use crate::container::Entry;
use std::collections::HashSet;

/// Endings of programs. Resource-only files (`.mui`) are for no processor.
const PROGRAMS: [&str; 10] = [".exe", ".dll", ".sys", ".efi", ".ocx", ".cpl", ".scr", ".drv", ".com", ".ax"];

/// What a program counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Part of what is installed.
    Payload,
    /// Starts the installation, or makes a drive start it.
    Starter,
    /// A bundled redistributable.
    Prerequisite,
    /// A 32-bit copy beside a 64-bit one.
    Wow,
    /// Runs in the firmware.
    Firmware,
}

/// True where the name ends as those of programs do.
pub(super) fn is_program(path: &str) -> bool {
    let ending = path.rfind('.').and_then(|dot| path.get(dot..)).unwrap_or_default();
    PROGRAMS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// True for installer packages.
pub(super) fn is_package(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".msi")
}

/// The folders of a medium that say something about their neighbours.
pub(super) struct Places {
    /// Folders named for a 64-bit processor, in lower case and with a closing slash.
    wide: HashSet<String>,
    /// The root's `x86` folder is a medium of its own, with its own setup.
    x86_is_a_medium: bool,
}

impl Places {
    /// Looks at the programs of a medium.
    pub(super) fn of<'a>(programs: impl Iterator<Item = &'a Entry>) -> Self {
        let mut places = Self { wide: HashSet::new(), x86_is_a_medium: false };
        for entry in programs {
            let path = entry.path.text().to_lowercase();
            places.x86_is_a_medium |= path == "x86/setup.exe" || path.starts_with("x86/sources/");
            for (start, folder) in folders(&path) {
                if matches!(folder, "x64" | "amd64" | "ia64") {
                    let end = start.saturating_add(folder.len()).saturating_add(1);
                    places.wide.insert(path.get(..end).unwrap_or_default().to_owned());
                }
            }
        }
        places
    }

    /// `path` is in lower case.
    pub(super) fn standing(&self, path: &str) -> Standing {
        let name = path.rsplit('/').next().unwrap_or(path);
        let starter = matches!(name, "setup.exe" | "setup.com" | "install.exe" | "autorun.exe");
        let root_program = !path.contains('/') && (name.ends_with(".exe") || name.ends_with(".com"));
        if name.ends_with(".efi") {
            Standing::Firmware
        } else if path.split('/').any(is_prerequisite) {
            Standing::Prerequisite
        } else if folders(path).any(|(start, folder)| self.is_wow(path, start, folder)) {
            Standing::Wow
        } else if starter || root_program || path.starts_with("boot/") {
            Standing::Starter
        } else {
            Standing::Payload
        }
    }

    fn is_wow(&self, path: &str, start: usize, folder: &str) -> bool {
        let above = path.get(..start).unwrap_or_default();
        let beside = |name: &str| self.wide.contains(&[above, name, "/"].concat());
        match folder {
            "syswow64" | "wow64" => true,
            "x86" => !(above.is_empty() && self.x86_is_a_medium) && (beside("x64") || beside("amd64")),
            // CDs of the 5.x systems have an i386 folder beside the one that is installed from.
            "i386" => beside("amd64") || beside("ia64"),
            _ => false,
        }
    }
}

/// The folders on the way to a file, with where their names begin in the path.
fn folders(path: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    path.match_indices('/').filter_map(move |(slash, _)| {
        let folder = path.get(start..slash).map(|folder| (start, folder));
        start = slash.saturating_add(1);
        folder
    })
}

/// Names of folders and files that bundled redistributables have.
fn is_prerequisite(part: &str) -> bool {
    const STARTS: [&str; 6] = ["redist", "vcredist", "vc_redist", "dotnetfx", "prereq", "windowsinstaller"];
    // ndp48-x86-x64-allos-enu.exe, but not ndproxy.sys.
    let ndp = part.strip_prefix("ndp").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    ndp || STARTS.iter().any(|start| part.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{EntryKind, EntryPath};

    fn standings(paths: &[&str]) -> Vec<Standing> {
        let entries: Vec<Entry> =
            paths.iter().map(|path| Entry::new(EntryPath::new(*path), EntryKind::File)).collect();
        let places = Places::of(entries.iter());
        paths.iter().map(|path| places.standing(&path.to_lowercase())).collect()
    }

    #[test]
    fn starters_prerequisites_and_wow_folders_are_told_from_the_payload() {
        use Standing::{Firmware, Payload, Prerequisite, Starter, Wow};
        let paths = [
            ("Setup.EXE", Starter),
            ("extra.exe", Starter),
            ("bin/setup.exe", Starter),
            ("boot/bootsect.exe", Starter),
            ("efi/boot/bootx64.efi", Firmware),
            ("redist/x.dll", Prerequisite),
            ("tools/vcredist_x86.exe", Prerequisite),
            ("NDP48-x86.exe", Prerequisite),
            ("drivers/ndproxy.sys", Payload),
            ("Windows/SysWOW64/a.dll", Wow),
            ("bin/x64/a.dll", Payload),
            ("bin/x86/a.dll", Wow),
            ("lib/x86/a.dll", Payload),
            ("root.dll", Payload),
        ];
        let names: Vec<&str> = paths.iter().map(|(path, _)| *path).collect();
        let expected: Vec<Standing> = paths.iter().map(|(_, standing)| *standing).collect();
        assert_eq!(standings(&names), expected);
    }

    #[test]
    fn an_i386_folder_beside_amd64_is_for_upgrades() {
        assert_eq!(standings(&["I386/a.dll", "AMD64/a.dll"]), [Standing::Wow, Standing::Payload]);
        assert_eq!(standings(&["I386/a.dll"]), [Standing::Payload]);
    }

    #[test]
    fn an_x86_folder_with_its_own_setup_is_a_medium_of_its_own() {
        let found = standings(&["x86/sources/a.dll", "x64/sources/a.dll"]);
        assert_eq!(found, [Standing::Payload, Standing::Payload]);
    }

    #[test]
    fn programs_are_known_by_their_ending() {
        assert!(is_program("a/B.EXE") && is_program("x.sys"));
        assert!(!is_program("a.exe/readme") && !is_program("a.dll.mui") && !is_program("exe"));
    }
}
