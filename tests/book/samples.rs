//! The media that the book shows: small ones, with the numbers of real ones in the same places.

use crate::support::media::Data;
use crate::support::media::Medium;
use crate::support::media::msi::{msi, msp};
use crate::support::media::pe::{Pe, X64, X86, dll, efi, pe};
use crate::support::media::wim::{Image, image, wim};
use crate::support::sha256;
use std::path::{Path, PathBuf};

/// The product code of Exchange Server 2007.
const PRODUCT_2007: &str = "{24B2C164-DE66-44FE-B468-A46D9D5E6B31}";
/// A key of the tests, which is nobody's.
const SECRET: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCzPq7zfqLffKoBDe/eo04kH2XxtSmk9D7RQyf1xUqrYgAAAJgAIAxdACAM
XQAAAAtzc2gtZWQyNTUxOQAAACCzPq7zfqLffKoBDe/eo04kH2XxtSmk9D7RQyf1xUqrYg
AAAEC2BsIi0QwW2uFscKTUUXNHLsYX4FxlaSDSblbAj7WR7bM+rvN+ot98qgEN796jTiQf
ZfG1KaT0PtFDJ/XFSqtiAAAAEHVzZXJAZXhhbXBsZS5jb20BAgMEBQ==
-----END OPENSSH PRIVATE KEY-----
";
const PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example.com\n";
const WINDOWS: &str = "Microsoft® Windows® Operating System";

/// A directory of media.
pub(crate) struct Samples {
    root: PathBuf,
}

/// Makes all of them, anew.
pub(crate) fn made() -> Samples {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/book");
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    let samples = Samples { root };
    std::fs::create_dir_all(samples.media()).unwrap();
    samples.discs();
    samples.packages();
    samples.bad();
    samples
}

impl Samples {
    fn media(&self) -> PathBuf {
        self.root.join("media")
    }

    /// A fresh directory with all media in it; they share their bytes with the others.
    pub(crate) fn for_page(&self, name: &str) -> PathBuf {
        let directory = self.root.join(name.trim_end_matches(".md").replace('/', "-"));
        for entry in walkdir::WalkDir::new(self.media()) {
            let entry = entry.unwrap();
            let to = directory.join(entry.path().strip_prefix(self.media()).unwrap());
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(to).unwrap();
            } else {
                std::fs::hard_link(entry.path(), to).unwrap();
            }
        }
        // Pages beside the sources name fixtures as the README does.
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"),
            directory.join("testdata"),
        )
        .unwrap();
        directory
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.media().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// A medium with a list of one digest beside it.
    fn put_published(&self, name: &str, bytes: &[u8]) {
        self.put(name, bytes);
        self.put(&format!("{name}.sha256"), format!("{}  {name}\n", sha256(bytes)));
    }

    fn fixture(&self, fixture: &str, name: &str) {
        self.put(name, read(fixture));
    }

    fn discs(&self) {
        self.fixture("sample/lab-tools.iso", "lab-tools.iso");
        self.fixture("sample/SHA256SUMS", "SHA256SUMS");
        self.put_published("EX2007_64.iso", &exchange(X64).iso());
        self.put("EX2007_32.iso", exchange(X86).iso());
        self.put("server2022.iso", server().udf());
        let large = exchange(X64).file("Setup/Data/more.bin", Data::Zeros(4_800_000_000)).file(
            "Setup/zzz.txt",
            "The end of the disc is no zeros: those are what a download leaves that stopped.",
        );
        large.sparse().write(&self.media().join("large.iso"));
    }

    fn packages(&self) {
        self.fixture("authenticode/pe-rsa-timestamped/input.exe", "agent-setup.exe");
        self.fixture("authenticode/pe-rsa-timestamped/beside/roots.pem", "lab-roots.pem");
        self.fixture("msi/embedded-cabinets/input.msi", "tool.msi");
        self.fixture("burn/plain/input.exe", "bundle.exe");
        self.fixture("sfx/iexpress/input.exe", "update.exe");
        self.fixture("zip/infozip-encrypted/input.zip", "locked.zip");
        self.fixture("iso9660/hostile-links-out/input.iso", "links-out.iso");
        for name in ["tools.tar", "SHA256SUMS", "SHA256SUMS.gpg"] {
            self.fixture(&format!("signature/published/beside/signed/{name}"), &format!("published/{name}"));
        }
        self.fixture("signature/published/beside/key.asc", "publisher.asc");
        self.fixture("signature/published/beside/other.asc", "somebody.asc");
        let title = "Update Rollup 4 for Exchange Server 2007 (KB940006)";
        let rollup = msp(&[PRODUCT_2007]).metadata("DisplayName", title).subject("Microsoft Exchange Server");
        self.put("Exchange2007-KB940006-x64-EN.msp", rollup.build());
        self.put("lab-key", SECRET);
        self.put("lab-key.pub", PUBLIC);
    }

    /// Downloads that went wrong.
    fn bad(&self) {
        let good = read("sample/lab-tools.iso");
        self.put("cut-short.iso", &good[..good.len() / 2]);
        let mut flipped = good;
        let at = flipped.windows(8).position(|bytes| bytes == b"a sample").unwrap();
        flipped[at] ^= 0x20;
        self.put("flipped.iso", &flipped);
        let mut changed = read("authenticode/pe-rsa-timestamped/input.exe");
        changed[0x60] ^= 1;
        self.put("agent-changed.exe", changed);
        self.fixture("not_medium/web-page/input.iso", "sign-in.iso");
        self.fixture("not_medium/empty/input.iso", "empty.iso");
        self.put("zeros.iso", vec![0; 1 << 20]);
    }
}

fn read(fixture: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(fixture);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Exchange Server 2007 without a service pack: the starter is an x86 program on both media, as it was.
fn exchange(machine: u16) -> Medium {
    let (build, shown) = ("8.0.685.25", "8.0.685.24");
    let own = |program: Pe| program.version(build).microsoft("Microsoft® Exchange");
    let (label, template) =
        if machine == X64 { ("EX2007_64", "x64;1033") } else { ("EX2007_32", "Intel;1033") };
    Medium::new(label)
        .file("Setup.EXE", pe(X86).version(shown).microsoft("Microsoft® Exchange"))
        .file("Setup.com", pe(machine).version(shown).microsoft("Microsoft® Exchange"))
        .file(
            "ExchangeServer.msi",
            msi(template).product("Microsoft Exchange Server", build).code(PRODUCT_2007),
        )
        .file("Setup/ServerRoles/Common/ExSetup.exe", own(pe(machine)))
        .file("Setup/ServerRoles/Mailbox/store.exe", own(pe(machine)))
        .file("Setup/ServerRoles/Common/exmgmt.dll", own(dll(machine)))
        .file("en/ServerLanguagePack.msi", msi("Intel;1033").product("Exchange Language Pack", build))
        .file("autorun.inf", "[autorun]\r\nopen=Setup.EXE\r\n")
}

/// Windows Server 2022, evaluation: everything in UDF, a README.TXT in ISO 9660.
fn server() -> Medium {
    let build = "10.0.20348.587";
    let setup = |program: Pe| program.version(build).microsoft(WINDOWS);
    let edition = |name: &str, id: &str| -> Image {
        image(name).display(name).arch(9).version(build).edition(id).server().languages(&["en-US"])
    };
    let boot = image("Microsoft Windows Setup (x64)").arch(9).version(build).preinstallation();
    let install = wim([
        edition("Windows Server 2022 Standard Evaluation", "ServerStandardEval").core(),
        edition("Windows Server 2022 Standard Evaluation (Desktop Experience)", "ServerStandardEval"),
        edition("Windows Server 2022 Datacenter Evaluation", "ServerDatacenterEval").core(),
        edition("Windows Server 2022 Datacenter Evaluation (Desktop Experience)", "ServerDatacenterEval"),
    ]);
    Medium::new("SSS_X64FREE_EN-US_DV9")
        .publisher("MICROSOFT CORPORATION")
        .boots_bios()
        .file("setup.exe", setup(pe(X64)))
        .file("sources/setup.exe", setup(pe(X64)))
        .file("sources/boot.wim", wim([boot]).build())
        .file("sources/install.wim", install.build())
        .file("efi/boot/bootx64.efi", efi(X64))
        .file("bootmgr.efi", efi(X64))
}
