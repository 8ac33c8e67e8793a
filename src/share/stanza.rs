//! What to tell a file server about a share: read only, user and password, no link followed.
//!
//! Windows 11 24H2 and Server 2025 refuse guests and want signing, so there is no guest share here.

use super::Share;
use super::export::summary;
use super::survey::Item;
use crate::error::{Error, Result};
use std::fmt::Write as _;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stanza {
    /// `smb.conf`.
    Samba,
    /// `/etc/exports`.
    Nfs,
    /// PowerShell.
    Windows,
}

/// Who may read.
#[derive(Debug, Clone)]
pub struct Client<'a> {
    /// What the share is called.
    pub share: &'a str,
    /// The user that may read it.
    pub user: &'a str,
    /// The machines that may mount it by NFS, which knows no password: `192.168.1.0/24`.
    pub clients: &'a str,
    /// Where the share is on the server, if not where it is here.
    pub path: Option<&'a str>,
}

/// The stanza.
///
/// # Errors
/// `Usage` where a name cannot be in one.
pub fn stanza(share: &Share, items: &[&Item], kind: Stanza, client: &Client<'_>) -> Result<String> {
    let here = share.root().canonicalize()?;
    let path = client.path.map_or_else(|| crate::path::as_written(&here), str::to_owned);
    for (what, text) in
        [("share", client.share), ("user", client.user), ("clients", client.clients), ("path", &*path)]
    {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Error::usage(format!("\"{text}\" can be no {what} in a stanza")));
        }
    }
    let name = |text: &str| !text.contains(|c: char| r#"[]\/:|<>+=;,*?"%"#.contains(c));
    if !name(client.share) {
        return Err(Error::usage(format!("\"{}\" can be no share's name", client.share)));
    }
    let (files, bytes) = summary(items);
    let about = format!("{} products, {files} files, {bytes} bytes", items.len());
    match kind {
        Stanza::Samba => samba(&path, &about, client),
        Stanza::Nfs => nfs(&path, &about, client),
        Stanza::Windows => Ok(windows(&path, &about, client)),
    }
}

fn samba(path: &str, about: &str, client: &Client<'_>) -> Result<String> {
    // A list of users is cut at blanks and commas; `%` begins a variable.
    if path.contains('%') || client.user.contains([' ', ',', '%', '"', ';', '#']) {
        return Err(Error::usage("a % in the path, or a blank in the user's name, cannot be in smb.conf"));
    }
    let Client { share, user, .. } = client;
    let mut out = String::new();
    let _ = writeln!(out, "# {about}");
    let _ = writeln!(
        out,
        "# in /etc/samba/smb.conf; then: useradd -M -s /usr/sbin/nologin {user}; smbpasswd -a {user}"
    );
    let _ = writeln!(out, "[{share}]");
    for (name, value) in [
        ("comment", "install media, read only"),
        ("path", path),
        ("valid users", user),
        ("guest ok", "no"),
        ("read only", "yes"),
        ("follow symlinks", "no"),
        ("wide links", "no"),
        ("server smb encrypt", "desired"),
        ("store dos attributes", "no"),
        ("map archive", "no"),
    ] {
        let _ = writeln!(out, "  {name} = {value}");
    }
    Ok(out)
}

fn nfs(path: &str, about: &str, client: &Client<'_>) -> Result<String> {
    if client.clients.contains(['(', ')', '"', '#']) || path.contains('"') {
        return Err(Error::usage("a quote or a parenthesis cannot be in /etc/exports"));
    }
    let mut out = String::new();
    let _ = writeln!(out, "# {about}");
    let _ = writeln!(
        out,
        "# in /etc/exports; then: exportfs -ra. NFS asks for no password: only these machines may mount it"
    );
    let clients = client.clients.split_whitespace();
    let clients: Vec<String> = clients.map(|one| format!("{one}(ro,all_squash,no_subtree_check)")).collect();
    let _ = writeln!(out, "\"{path}\" {}", clients.join(" "));
    Ok(out)
}

fn windows(path: &str, about: &str, client: &Client<'_>) -> String {
    // In single quotes PowerShell sees nothing but quotes, of which it knows five.
    let quoted = |text: &str| {
        let doubled: String = text
            .chars()
            .flat_map(|c| {
                let twice = matches!(c, '\'' | '\u{2018}'..='\u{201b}');
                std::iter::repeat_n(c, if twice { 2 } else { 1 })
            })
            .collect();
        format!("'{doubled}'")
    };
    let (share, user, path) = (quoted(client.share), quoted(client.user), quoted(path));
    let mut out = String::new();
    let _ = writeln!(out, "# {about}");
    let _ = writeln!(out, "# in PowerShell, as administrator");
    let _ = writeln!(
        out,
        "New-LocalUser -Name {user} -Password (Read-Host -AsSecureString 'Password') -PasswordNeverExpires"
    );
    let _ = writeln!(
        out,
        "New-SmbShare -Name {share} -Path {path} -ReadAccess {user} -EncryptData $true -CachingMode None -FolderEnumerationMode AccessBased"
    );
    let _ = writeln!(out, "icacls {path} /grant {}", quoted(&format!("{}:(OI)(CI)RX", client.user)));
    out
}
