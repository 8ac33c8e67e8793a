//! Bounds as a Landlock ruleset.

use super::{Bounds, Enforced, Grant};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetStatus, Scope, make_bitflags,
};
use std::os::fd::AsFd;

/// The newest interface whose restrictions are asked for; older kernels enforce what they know.
const NEWEST: ABI = ABI::V10;

/// What each interface added that a program can be kept from.
const SINCE: &[(ABI, &str)] = &[
    (ABI::V3, "cutting files short"),
    (ABI::V4, "TCP"),
    (ABI::V5, "talking to devices"),
    (ABI::V6, "signals, abstract sockets"),
    (ABI::V9, "sockets that are files"),
    (ABI::V10, "UDP"),
];

fn access(grant: Grant) -> BitFlags<AccessFs> {
    match grant {
        Grant::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        Grant::Write => make_bitflags!(AccessFs::{
            ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir
                | Refer
        }),
        Grant::Name => make_bitflags!(AccessFs::{MakeReg}),
        Grant::Make => make_bitflags!(AccessFs::{MakeReg | WriteFile}),
        Grant::Replace => make_bitflags!(AccessFs::{MakeReg | WriteFile | Truncate | RemoveFile}),
        Grant::Directories => make_bitflags!(AccessFs::{MakeDir | RemoveDir}),
        Grant::Device => make_bitflags!(AccessFs::{ReadFile | WriteFile | IoctlDev}),
    }
}

/// True where the kernel knows that kind of access.
fn knows(access: AccessFs) -> bool {
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(access).is_ok()
}

/// Why the kernel of this machine cannot keep a process within `bounds`; `None` where it can.
pub(super) fn absent(bounds: &Bounds) -> Option<String> {
    if !knows(AccessFs::ReadFile) {
        return Some("this kernel has no Landlock, or it is not switched on".to_owned());
    }
    // Without it no file gets from one directory to another, whatever is allowed.
    if bounds.writes() && !knows(AccessFs::Refer) {
        return Some("Landlock of this kernel (before Linux 5.19) lets no file be moved".to_owned());
    }
    None
}

pub(super) fn enter(bounds: &Bounds) -> Enforced {
    if let Some(why) = absent(bounds) {
        return Enforced::Not(why);
    }
    match restrict(bounds) {
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, .. }) => {
            Enforced::Not("this kernel has no Landlock, or it is not switched on".to_owned())
        }
        Ok(RestrictionStatus { landlock: LandlockStatus::Available { effective_abi, .. }, .. }) => {
            let left = SINCE.iter().filter(|(abi, _)| *abi > effective_abi).map(|(_, what)| *what);
            Enforced::By { abi: effective_abi as u32, left: left.collect() }
        }
        Ok(_) => Enforced::Not("the kernel does not say what it enforces".to_owned()),
        Err(error) => Enforced::Not(error.to_string()),
    }
}

fn restrict(bounds: &Bounds) -> Result<RestrictionStatus, landlock::RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for (grant, path) in &bounds.grants {
        // What is not there, or cannot be reached, is not reached later either.
        let Ok(at) = PathFd::new(path) else { continue };
        let wanted = match path.metadata() {
            Ok(meta) if meta.is_dir() => access(*grant),
            // A file has nothing below it that could be listed or made.
            _ => access(*grant) & AccessFs::from_file(NEWEST),
        };
        ruleset = allow(ruleset, at, wanted);
    }
    if let Some(spool) = &bounds.spool {
        // It is listed when it is removed.
        ruleset =
            allow(ruleset, spool, make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate}));
    }
    for path in &bounds.removals {
        let Ok(at) = PathFd::new(path) else { continue };
        ruleset = allow(ruleset, at, make_bitflags!(AccessFs::{RemoveDir}));
    }
    for port in &bounds.ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    ruleset.restrict_self()
}

/// Adds a rule. A pipe that was handed over as `/dev/fd/63` can have none and needs none: it lies on no file system
/// that Landlock restricts.
fn allow(ruleset: RulesetCreated, at: impl AsFd, access: BitFlags<AccessFs>) -> RulesetCreated {
    let Ok(spare) = ruleset.try_clone() else { return ruleset };
    match access.is_empty() {
        true => ruleset,
        false => ruleset.add_rule(PathBeneath::new(at, access)).unwrap_or(spare),
    }
}
