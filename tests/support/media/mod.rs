//! Install media made in memory: a tree of small files that are what the readers look at, as an ISO image,
//! a UDF volume, a self-extractor or a directory. No other program is needed.
//!
//! ```ignore
//! let medium = Medium::new("EXCHANGE_2007")
//!     .file("setup.exe", pe(X86).version("8.0.685.24"))
//!     .file("ExchangeServer.msi", msi("x64;1033").product("Microsoft Exchange Server", "8.0.685.25"));
//! let image: Vec<u8> = medium.iso();
//! ```

pub mod cab;
pub mod msi;
pub mod pe;
pub mod text;
pub mod udf;
pub mod wim;

pub use super::image::Data;
use super::image::{Iso, Sparse, Volume};
use discless::source::Source as _;
use std::path::Path;

/// A medium that is being made.
#[derive(Clone)]
pub struct Medium {
    volume: Volume,
    files: Vec<(String, Data)>,
    joliet: bool,
    rock_ridge: bool,
}

impl Medium {
    /// A medium with that volume label. As an image it has a Joliet tree beside the plain one.
    pub fn new(label: &str) -> Self {
        let volume = Volume { label: label.to_owned(), ..Volume::default() };
        Self { volume, files: Vec::new(), joliet: true, rock_ridge: false }
    }

    /// Adds a file; its path has slashes.
    pub fn file(mut self, path: &str, data: impl Into<Data>) -> Self {
        assert!(self.files.iter().all(|(known, _)| known != path), "{path} is there twice");
        self.files.push((path.to_owned(), data.into()));
        self
    }

    /// Adds the same file under several names.
    pub fn files(mut self, paths: &[&str], data: impl Into<Data>) -> Self {
        let data = data.into();
        for path in paths {
            self = self.file(path, data.clone());
        }
        self
    }

    /// Adds all files of another medium, below a folder.
    pub fn below(mut self, folder: &str, other: Self) -> Self {
        for (path, data) in other.files {
            self = self.file(&format!("{folder}/{path}"), data);
        }
        self
    }

    /// Without a file: what a medium of the same family lacks.
    pub fn without(mut self, path: &str) -> Self {
        let before = self.files.len();
        self.files.retain(|(known, _)| known != path);
        assert_eq!(self.files.len() + 1, before, "{path} is not there");
        self
    }

    pub fn labelled(mut self, label: &str) -> Self {
        label.clone_into(&mut self.volume.label);
        self
    }

    pub fn publisher(mut self, name: &str) -> Self {
        name.clone_into(&mut self.volume.publisher);
        self
    }

    pub fn application(mut self, name: &str) -> Self {
        name.clone_into(&mut self.volume.application);
        self
    }

    /// Names of at most 8 and 3 capitals alone, as on media without Joliet.
    pub fn plain(mut self) -> Self {
        self.joliet = false;
        self
    }

    /// Rock Ridge in place of Joliet, as Linux media have it.
    pub fn rock_ridge(mut self) -> Self {
        self.joliet = false;
        self.rock_ridge = true;
        self
    }

    /// A boot catalog with an image for PC BIOS.
    pub fn boots_bios(mut self) -> Self {
        self.volume.bios = Some(vec![0xfa; 2048]);
        self
    }

    /// And one for UEFI, with that loader in its FAT directory: `BOOTX64 EFI`.
    pub fn boots_uefi(mut self, loader: &str) -> Self {
        let mut fat = vec![0; 4096];
        fat[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        fat[510..512].copy_from_slice(&[0x55, 0xaa]);
        fat[1024..1024 + loader.len()].copy_from_slice(loader.as_bytes());
        self.volume.uefi = Some(fat);
        self
    }

    /// The image, as a source that stores no zeros.
    pub fn sparse(self) -> Sparse {
        let mut iso = Iso::new().with_volume(self.volume);
        if self.joliet {
            iso = iso.with_joliet();
        }
        if self.rock_ridge {
            iso = iso.with_rock_ridge();
        }
        for (path, data) in self.files {
            iso.add(&path, data);
        }
        iso.build()
    }

    /// An ISO 9660 image.
    pub fn iso(self) -> Vec<u8> {
        bytes(&self.sparse())
    }

    /// A UDF volume whose ISO 9660 side has a text alone.
    pub fn udf(self) -> Vec<u8> {
        bytes(&udf::udf(&self.volume, self.files))
    }

    /// A self-extractor: a program with a cabinet behind it.
    pub fn self_extractor(self, program: pe::Pe) -> Vec<u8> {
        program.overlay(cab::cab(&self.files)).build()
    }

    /// Writes the tree below a directory.
    pub fn directory(self, root: &Path) {
        for (path, data) in self.files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match data {
                Data::Bytes(bytes) => std::fs::write(path, bytes).unwrap(),
                Data::Zeros(len) => std::fs::File::create(path).unwrap().set_len(len).unwrap(),
            }
        }
    }
}

fn bytes(image: &Sparse) -> Vec<u8> {
    assert!(image.len() < 256 << 20, "an image of {} bytes is for a source", image.len());
    let mut out = vec![0; usize::try_from(image.len()).unwrap()];
    let read = image.read_at(0, &mut out).unwrap();
    assert_eq!(read, out.len());
    out
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}
