//! The arguments, from which help, completions and the man page are made.

mod limits;
mod share;

pub(crate) use limits::*;
pub(crate) use share::*;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use discless::digest::{Algorithm, Value};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  discless inspect setup.iso                 what is it, is it all there
  discless verify setup.iso --sha256 HASH    is it what was published
  discless extract setup.iso -o media        get the files out

Exit codes: 0 good, 1 the medium is bad, 2 could not do it,
3 nothing vouched for it, 130 interrupted";

const BUILDS_EXAMPLES: &str = "\
Examples:
  discless builds exchange 8.3.83.6          which release is it
  discless builds 10.0.20348                 of any product
  discless builds exchange 'Version 15.1 (Build 32507.6)'
  discless builds sql 2019                   a product's builds
  discless builds                            the products";

const MOUNT_EXAMPLES: &str = "\
Examples:
  discless mount media.iso /mnt/media        until Ctrl-C, or umount /mnt/media
  discless mount 'media.iso!/x.cab' dir      what lies in a member
  discless mount a.iso b.exe dir             each in a folder of its name
  discless mount -r media.iso dir            packages too, as NAME.contents";

#[cfg(feature = "serve")]
const SERVE_EXAMPLES: &str = "\
Examples:
  discless serve setup.iso                   a page at http://127.0.0.1:8080/
  discless serve downloads/                  each image in it, under its name
  discless serve setup.iso --listen 0.0.0.0:8080 --user lab --password-file pw
  discless serve setup.iso --smb=0.0.0.0:445                \\\\HOST\\media for Windows
  curl -O http://127.0.0.1:8080/sources/install.wim
  curl 'http://127.0.0.1:8080/setup.exe?sha256' | sha256sum -c

It only reads, and only this machine reaches it unless --listen says otherwise.
The same addresses are a WebDAV folder. Files that change while they are served
are noticed when it is started again. Ctrl-C ends it, with exit code 130.";

/// Install media without the disc: say what a download is, prove it, get its files out
#[derive(Debug, Parser)]
#[command(name = "discless", version, about, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that mean the same everywhere.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the result only; twice: nothing, the exit code tells
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) quiet: u8,
    /// Print evidence and offsets
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) color: When,
    /// When to show progress
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) progress: When,
    /// Threads to use; 0 means as many as there are processors
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: usize,
    /// Do not have the kernel confine it to its files (Linux; see -v)
    #[arg(long, global = true)]
    pub(crate) no_sandbox: bool,
}

/// When something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what it is: product, platform, layers, disc fit, what can be checked
    Inspect(Inspect),
    /// List the members
    #[command(visible_alias = "ls")]
    List(List),
    /// Check that it is whole and what was published
    Verify(Verify),
    /// Get the files out
    #[command(visible_alias = "x")]
    Extract(Extract),
    /// Write one member to standard output
    Cat(Cat),
    /// Compute digests in one pass
    Hash(Hash),
    /// Show media as a directory, read-only, without extracting them (Linux)
    #[command(after_help = MOUNT_EXAMPLES)]
    Mount(Mount),
    /// Look a build number up, without a medium
    #[command(after_help = BUILDS_EXAMPLES)]
    Builds(Builds),
    /// A lab's share: add media, check it later, list, sign, export
    Share(Share),
    /// Show media to browsers and file managers, with nothing extracted
    #[cfg(feature = "serve")]
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// List the formats and their limits
    Formats,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man {
        /// Write a page for each command (discless.1, discless-verify.1, ...) into this directory
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

impl Command {
    /// The sources, of those commands that take several.
    pub(crate) fn sources(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Inspect(args) => Some(&mut args.sources),
            Self::Verify(args) => Some(&mut args.sources),
            Self::Hash(args) => Some(&mut args.sources),
            #[cfg(feature = "serve")]
            Self::Serve(args) => Some(&mut args.sources),
            Self::Share(args) => match &mut args.command {
                ShareCommand::Add(args) => Some(&mut args.sources),
                _ => None,
            },
            _ => None,
        }
    }
}

/// How a medium is opened.
#[derive(Debug, ClapArgs)]
pub(crate) struct Opening {
    /// Show this tree of the disc, not the best one
    #[arg(long, value_name = "TREE")]
    pub(crate) tree: Option<Tree>,
    #[command(flatten)]
    pub(crate) limits: Bounds,
}

/// What encrypted members are tried with.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct Passwords {
    /// A password of encrypted members; several are tried in turn. Other users of this machine see it
    #[arg(long, value_name = "TEXT")]
    pub(crate) password: Vec<String>,
    /// A file of passwords, one a line [default: what DISCLESS_PASSWORD_FILE names]
    #[arg(long, value_name = "FILE", hide_default_value = true)]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tree {
    /// UDF
    Udf,
    /// ISO 9660 with Rock Ridge
    Rockridge,
    /// Joliet
    Joliet,
    /// ISO 9660:1999
    Enhanced,
    /// Plain ISO 9660
    Iso9660,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// Files, directories, `-`, or OUTER!/MEMBER (also OUTER::MEMBER)
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// End with exit code 1 where what the medium says contradicts itself
    #[arg(long)]
    pub(crate) strict: bool,
    /// Leave out what to know before using it
    #[arg(long)]
    pub(crate) no_advice: bool,
    /// Read all of it for its SHA-256, and look that up among published media
    #[arg(long)]
    pub(crate) hash: bool,
    /// Tables (*.tsv) and rules (rules/*.tsv) that add to those compiled in, or take their place
    #[arg(long, value_name = "DIR")]
    pub(crate) facts: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// A file, a directory, `-`, or OUTER!/MEMBER
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Members: globs as in .gitignore; `!GLOB` leaves out
    #[arg(value_name = "GLOB")]
    pub(crate) globs: Vec<String>,
    /// Show kind, size and time
    #[arg(short, long)]
    pub(crate) long: bool,
    /// End each path with NUL and leave its bytes as they are
    #[arg(short = '0', long = "null", conflicts_with_all = ["long", "json"])]
    pub(crate) null: bool,
    /// Go into containers that are members
    #[arg(short, long)]
    pub(crate) recurse: bool,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

/// What the source ought to be.
#[derive(Debug, ClapArgs)]
pub(crate) struct Expected {
    /// The SHA-256 it ought to have
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Vec<String>,
    /// The SHA-512 it ought to have
    #[arg(long, value_name = "HEX")]
    pub(crate) sha512: Vec<String>,
    /// The SHA-384 it ought to have
    #[arg(long, value_name = "HEX", hide_short_help = true)]
    pub(crate) sha384: Vec<String>,
    /// The SHA-224 it ought to have
    #[arg(long, value_name = "HEX", hide_short_help = true)]
    pub(crate) sha224: Vec<String>,
    /// The SHA-1 it ought to have
    #[arg(long, value_name = "HEX")]
    pub(crate) sha1: Vec<String>,
    /// The MD5 it ought to have
    #[arg(long, value_name = "HEX")]
    pub(crate) md5: Vec<String>,
    /// The CRC-32 it ought to have
    #[arg(long, value_name = "HEX")]
    pub(crate) crc32: Vec<String>,
    /// Any digest it ought to have: blake3:…, sha3-256:…
    #[arg(long, value_name = "ALGO:HEX")]
    pub(crate) digest: Vec<String>,
    /// Pasted text with a digest anywhere in it; `-` reads standard input
    #[arg(long, value_name = "TEXT")]
    pub(crate) expect: Vec<String>,
    /// A list of digests that names the source
    #[arg(long, value_name = "FILE")]
    pub(crate) sums: Vec<PathBuf>,
    /// A key that may have signed it, or its list: OpenPGP, minisign, signify, SSH; a file or a directory
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<String>,
    /// A signature over it, or over the list of --sums
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Vec<PathBuf>,
}

impl Expected {
    /// The digests that were given.
    pub(crate) fn values(&self) -> discless::Result<Vec<Value>> {
        let given = [
            (Algorithm::Sha256, &self.sha256),
            (Algorithm::Sha512, &self.sha512),
            (Algorithm::Sha384, &self.sha384),
            (Algorithm::Sha224, &self.sha224),
            (Algorithm::Sha1, &self.sha1),
            (Algorithm::Md5, &self.md5),
            (Algorithm::Crc32, &self.crc32),
        ];
        given
            .into_iter()
            .flat_map(|(algorithm, values)| {
                values.iter().map(move |hex| Value::from_hex(algorithm, hex.trim()))
            })
            .chain(self.digest.iter().map(|text| Value::from_prefixed(text)))
            .collect()
    }

    /// True where nothing was given.
    pub(crate) fn is_empty(&self) -> bool {
        let signed = !self.key.is_empty() || !self.signature.is_empty();
        let said = !self.sums.is_empty() || !self.expect.is_empty();
        !signed && !said && self.values().is_ok_and(|values| values.is_empty())
    }
}

/// Where lists are looked for, as `verify/discover` does it.
const DISCOVERY: &str = "\
Without a digest, --expect or --sums, lists of digests are looked for beside the
source, in this order; what says something about it first ends the search:
  1. lists named for it: NAME.sha256, .sha512, .sha1, .md5, .b3, .DIGESTS,
     .meta4, .sfv and their like; the same in place of its extension;
     NAME-CHECKSUM; CHECKSUM.SHA256-NAME
  2. lists of the directory: SHA512SUMS, SHA256SUMS, SHA1SUMS, MD5SUMS (any case,
     .txt, - or _), b2sums.txt, SHA256.sig, CHECKSUM, checksums*.txt, *-CHECKSUM,
     *_SHA256SUMS, *.sha256 and their like, products.xml, *.meta4, *.hashdeep
A list found beside a file proves that the transfer went well, not who made it.
A list may have any layout that is in use: GNU, BSD, OpenSSL, SFV, rhash, hashdeep,
certutil, Get-FileHash, Metalink, BagIt, Debian, winget, text from a web page.

Examples:
  discless verify setup.iso --sha256 HASH
  discless verify setup.iso --expect \"$(xclip -o)\"
  discless verify --check-all SHA256SUMS --ignore-missing

Exit codes: 0 verified, 1 it is damaged or another, 2 could not do it,
3 nothing vouched for it";

#[derive(Debug, ClapArgs)]
#[command(after_help = MEMORY, after_long_help = DISCOVERY)]
pub(crate) struct Verify {
    /// Files, directories (with --sums), `-`, or OUTER!/MEMBER; with --check-all, lists
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) expected: Expected,
    /// Read every member to its end, too
    #[arg(long)]
    pub(crate) deep: bool,
    /// Do not look for lists of digests beside the source
    #[arg(long)]
    pub(crate) no_sidecars: bool,
    /// Write a report as one page of HTML; a file that is there is left alone
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Certificates that signatures may end at, besides Microsoft's: a PEM file, or `system`
    #[arg(long, value_name = "FILE")]
    pub(crate) roots: Vec<String>,
    /// The sources are lists of digests: verify every file that they name
    #[arg(long, conflicts_with_all = ["deep", "no_sidecars", "sums", "expect", "digest", "sha256", "sha512",
        "sha384", "sha224", "sha1", "md5", "crc32"])]
    pub(crate) check_all: bool,
    /// With --check-all: files that are not there do not matter, if others are
    #[arg(long, requires = "check_all")]
    pub(crate) ignore_missing: bool,
    /// With --check-all: lines that are not understood are an error
    #[arg(long, requires = "check_all")]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

const MEMORY: &str = "\
Memory: a few megabytes, whatever the size of the medium. Packed runs are unpacked by all threads:
LZX and XPRESS (.wim, .cab) stay under 128 MiB. Solid LZMS (.esd) takes up to two chunks for each
thread, 128 MiB for chunks of 64 MiB; --threads 1 takes least.";

#[derive(Debug, ClapArgs)]
#[command(after_help = MEMORY)]
pub(crate) struct Extract {
    /// A file, a directory, `-`, or OUTER!/MEMBER
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Members: globs as in .gitignore; `!GLOB` leaves out
    #[arg(value_name = "GLOB")]
    pub(crate) globs: Vec<String>,
    /// Where to; ./NAME/ without it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// With a digest, a list or a key: keep the files also where nothing vouches for the source, or it is damaged
    #[arg(long)]
    pub(crate) keep_unverified: bool,
    /// Say what would be written, and write nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// What happens to files that are there: never, changed, always
    #[arg(long, value_name = "WHICH", default_value = "never", hide_possible_values = true)]
    pub(crate) overwrite: OverwriteChoice,
    /// Names to keep: portable (every system can hold them), native
    #[arg(long, value_name = "WHICH", default_value = "portable", hide_possible_values = true)]
    pub(crate) names: NamesChoice,
    /// Files that share their content to link, not copy: auto (all), names (of one file), never
    #[arg(long, value_name = "WHICH", default_value = "auto", hide_possible_values = true)]
    pub(crate) link: LinkChoice,
    /// Write SHA-256 sums of what was written
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Unpack packages that are members, too, each into NAME.contents/
    #[arg(long)]
    pub(crate) recurse: bool,
    /// Where the source cannot be read: go on with the other members, and do not spare the disk it is on
    #[arg(long)]
    pub(crate) keep_going: bool,
    #[command(flatten)]
    pub(crate) expected: Expected,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OverwriteChoice {
    /// The destination must be new or empty
    Never,
    /// Files of another size or time are replaced
    Changed,
    /// All are replaced
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamesChoice {
    /// Names that Windows, Linux and macOS can all hold
    Portable,
    /// Names that this system can hold
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinkChoice {
    /// Names of one file, and files of which the medium keeps the content once
    Auto,
    /// What the medium has as names of one file
    Names,
    /// None: all are copies
    Never,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cat {
    /// OUTER!/MEMBER (also OUTER::MEMBER)
    #[arg(value_name = "SOURCE!/MEMBER")]
    pub(crate) member: String,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

#[cfg(feature = "serve")]
#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Files, directories, or OUTER!/MEMBER; a directory of images, or a share, shows each medium in it
    #[arg(required = true, value_name = "SOURCE|DIR")]
    pub(crate) sources: Vec<String>,
    /// Where to listen; 0.0.0.0 or [::] for all addresses of this machine, port 0 for a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// Show packages that are members, too, each as NAME.contents/
    #[arg(long)]
    pub(crate) recurse: bool,
    /// Do not read the sources to verify them
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Who may see it; without --password-file the password is what DISCLESS_PASSWORD says
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// A file whose first line is the password of --user
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) smb: Smb,
    /// A certificate, with those above it, for https
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Bytes that temporary files with unpacked members may have: 500M, 20G [default: 8G]
    #[arg(long, value_name = "SIZE", value_parser = size, hide_default_value = true)]
    pub(crate) keep_unpacked: Option<u64>,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Hash {
    /// Files, `-`, or OUTER!/MEMBER
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Digests, with commas between
    #[arg(long, value_name = "LIST", default_value = "sha256", value_delimiter = ',')]
    pub(crate) algo: Vec<String>,
    /// Print in the BSD layout: SHA256 (name) = digest
    #[arg(long)]
    pub(crate) tag: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Builds {
    /// A product in any words, a number as it is written somewhere, or both
    #[arg(value_name = "PRODUCT|NUMBER")]
    pub(crate) words: Vec<String>,
    /// Tables that add to those compiled in, or replace rows of them
    #[arg(long, value_name = "DIR")]
    pub(crate) facts: Option<PathBuf>,
}

/// The same as an SMB share.
#[cfg(feature = "serve")]
#[derive(Debug, ClapArgs)]
pub(crate) struct Smb {
    /// Serve the share `media` over SMB, too, which Windows installs from [default: 127.0.0.1:4450]
    #[arg(
        long,
        value_name = "PORT|ADDRESS:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "4450",
        value_parser = address
    )]
    pub(crate) smb: Option<std::net::SocketAddr>,
    /// Let everybody read the share, without a password: neither signed nor encrypted
    #[arg(long, requires = "smb", conflicts_with = "user")]
    pub(crate) guest: bool,
    /// Whether clients of the share have to encrypt
    #[arg(long, value_name = "WHEN", requires = "smb", default_value = "require")]
    pub(crate) smb_encrypt: SmbEncrypt,
}

/// A port of this machine that only it reaches, or an address with a port.
#[cfg(feature = "serve")]
fn address(text: &str) -> Result<std::net::SocketAddr, String> {
    match text.parse::<u16>() {
        Ok(port) => Ok((std::net::Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse().map_err(|_| "a port, or ADDRESS:PORT, is wanted".to_owned()),
    }
}

/// Whether what goes over the network is encrypted.
#[cfg(feature = "serve")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SmbEncrypt {
    /// Always: SMB 3 only
    Require,
    /// Where the client can; signed where it cannot
    Offer,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Mount {
    /// Files, directories, `-`, or OUTER!/MEMBER
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// An empty directory
    #[arg(required = true, value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Show what is in containers that are members, as NAME.contents
    #[arg(short, long)]
    pub(crate) recurse: bool,
    /// Let every user of this machine look into it
    #[arg(long)]
    pub(crate) allow_other: bool,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}
