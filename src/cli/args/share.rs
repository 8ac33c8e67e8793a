//! The arguments of `discless share`.

use super::{Expected, Opening, Passwords};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  discless share init /srv/lab                       an empty share
  discless share add /srv/lab downloads/*.iso        verified by what lies beside them
  discless share check /srv/lab --full               is every byte as it was
  discless share export /srv/lab --samba             a stanza for smb.conf

Exit codes: 0 good, 1 a medium is bad or the share is not as it was,
2 could not do it, 3 nothing vouched for it";

const ADD: &str = "\
Each source is verified as `discless verify` does it, by what lies beside it or
what is named here. What is damaged is refused (exit code 1), and so is what
nothing vouches for (3), unless --allow-unverified takes it and marks it. The
folder follows from the share's template and from what `discless inspect` finds.
Files stand aside until all are there and verified; then the folder gets its name
in one step. An add that was stopped goes on when it is called again.";

const CHECK: &str = "\
Quick looks at size and time of every file, and reads those that have another
time; --full reads all bytes. A full check that was stopped goes on where it was,
within a day. Times can be set back: --full finds what that hides, --signature a
manifest that was made to agree.

Exit codes: 0 all as it was, 1 something is not, 3 all as it was and nothing
vouches for a product: it was added with --allow-unverified, or, with
--signature, no key that was named signed its manifest";

const SIGN: &str = "\
Each manifest is signed, and the index unless products are named. A key with a
passphrase, an agent's or a token's signs by ssh-keygen, in each product folder:
  ssh-keygen -Y sign -n discless-share -f KEY .discless/manifest.json
Whoever has the public key checks it with discless or with ssh-keygen -Y verify.";

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Share {
    #[command(subcommand)]
    pub(crate) command: ShareCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShareCommand {
    /// Make a share of an empty directory
    Init(Init),
    /// Verify media and put their files into the share
    Add(Box<Add>),
    /// Say what was added, changed, moved or lost since
    Check(Check),
    /// List the products, with what to know about them
    List(ListProducts),
    /// Remove what belongs to a product
    Remove(Remove),
    /// Put updates where a product's setup takes them along
    AddUpdate(AddUpdate),
    /// Sign the manifests with an SSH key
    Sign(Sign),
    /// Print digests for other tools, or a stanza for a file server
    Export(Export),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// A new or empty directory
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// Where media go: {vendor} {product} {release} {build} {platform} {language} {edition} {channel} {label} {stem};
    /// what is in [ ] is left out where a field in it is not known
    /// [default: {vendor}/{product}/{release} ({build})/{platform}[/{language}]]
    #[arg(long, value_name = "TEMPLATE", hide_default_value = true)]
    pub(crate) template: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = ADD)]
pub(crate) struct Add {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// Files, directories, `-`, or OUTER!/MEMBER
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Take also what nothing vouches for, and mark it so
    #[arg(long)]
    pub(crate) allow_unverified: bool,
    /// The folder, where not the template is to tell it
    #[arg(long = "as", value_name = "FOLDER")]
    pub(crate) folder: Option<String>,
    /// Files that the share has already: reflink (they share blocks, where the file system can), hard, none
    #[arg(long, value_name = "HOW", default_value = "reflink", hide_possible_values = true)]
    pub(crate) link: SharingChoice,
    /// Leave out files that hold product keys or passwords
    #[arg(long)]
    pub(crate) strip_secrets: bool,
    /// Do not look for lists of digests beside the sources
    #[arg(long)]
    pub(crate) no_sidecars: bool,
    /// Tables and rules that add to those compiled in, or take their place
    #[arg(long, value_name = "DIR")]
    pub(crate) facts: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) expected: Expected,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SharingChoice {
    /// They share blocks, where the file system can
    Reflink,
    /// They are one file with several names: who changes one changes all
    Hard,
    /// They are copies
    None,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = CHECK)]
pub(crate) struct Check {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// Products: an id, a folder, or one that they lie below [default: all]
    #[arg(value_name = "PRODUCT")]
    pub(crate) products: Vec<String>,
    /// Read all bytes
    #[arg(long)]
    pub(crate) full: bool,
    /// Check the signatures of the manifests and the index
    #[arg(long)]
    pub(crate) signature: bool,
    /// A key that may have signed: a public SSH key, or a file of allowed signers
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<String>,
    /// Write a report as one page of HTML; a file that is there is left alone
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListProducts {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Remove {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// The product: its id or its folder
    #[arg(value_name = "PRODUCT", required_unless_present = "unfinished")]
    pub(crate) product: Option<String>,
    /// Say what would go, and remove nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Remove also what changed since it was added; files that others put there stay
    #[arg(long)]
    pub(crate) force: bool,
    /// Remove what stopped adds left
    #[arg(long, conflicts_with_all = ["product", "dry_run", "force"])]
    pub(crate) unfinished: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddUpdate {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// The product: its id or its folder
    #[arg(value_name = "PRODUCT")]
    pub(crate) product: String,
    /// Updates: a rollup (.msp) for Exchange Server, a service pack or update (.exe) for SQL Server
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = SIGN)]
pub(crate) struct Sign {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// Products: an id, a folder, or one that they lie below [default: all]
    #[arg(value_name = "PRODUCT")]
    pub(crate) products: Vec<String>,
    /// A secret key of OpenSSH: Ed25519 or ECDSA, without a passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["format", "samba", "nfs", "windows"]))]
pub(crate) struct Export {
    /// The share
    #[arg(value_name = "DIR")]
    pub(crate) share: PathBuf,
    /// Products: an id, a folder, or one that they lie below [default: all]
    #[arg(value_name = "PRODUCT")]
    pub(crate) products: Vec<String>,
    /// Digests of all files: sha256sums, sidecars (needs -o DIR), hashdeep, pulp-manifest, json
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) format: Option<ExportFormat>,
    /// A stanza for smb.conf
    #[arg(long)]
    pub(crate) samba: bool,
    /// A line for /etc/exports
    #[arg(long)]
    pub(crate) nfs: bool,
    /// Lines for PowerShell
    #[arg(long)]
    pub(crate) windows: bool,
    /// Where to: a file, for sidecars a new directory [default: standard output]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// What the share is called [default: its directory's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The user who may read it
    #[arg(long, value_name = "USER", default_value = "lab")]
    pub(crate) user: String,
    /// Machines that may mount it by NFS
    #[arg(long, value_name = "NETWORK", default_value = "localhost")]
    pub(crate) clients: String,
    /// Where the share is on the server [default: where it is here]
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// For `sha256sum -c`
    Sha256sums,
    /// NAME.sha256 for every file
    Sidecars,
    /// For `hashdeep -a -k`
    Hashdeep,
    /// `PULP_MANIFEST`
    PulpManifest,
    /// All manifests
    Json,
}
