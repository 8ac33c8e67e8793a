//! The headers of one cabinet: CFHEADER, CFFOLDER and CFFILE ([MS-CAB] §2).

use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{Source, read_up_to};
use std::ops::Range;

/// Bytes of a CFHEADER without what is optional.
const HEADER: usize = 36;
/// Bytes of a name and its NUL at most (§2.3: 255 and the NUL; writers go a byte further).
const NAME: usize = 257;
/// Bytes of a CFFILE without its name.
const FILE: usize = 16;
/// Bytes of a CFFOLDER without its reserve.
const FOLDER: usize = 8;

const FLAG_PREVIOUS: u16 = 1;
const FLAG_NEXT: u16 = 2;
const FLAG_RESERVE: u16 = 4;

/// What one cabinet says of itself and its members.
#[derive(Debug, Clone)]
pub(super) struct Cabinet {
    /// Bytes of the whole cabinet, by its header.
    pub(super) bytes: u64,
    pub(super) version: (u8, u8),
    pub(super) set: u16,
    /// Its number in the set, from 0.
    pub(super) number: u16,
    pub(super) previous: Option<Vec<u8>>,
    pub(super) next: Option<Vec<u8>>,
    pub(super) folders: Vec<Folder>,
    pub(super) files: Vec<File>,
    /// Bytes that each CFDATA reserves.
    pub(super) data_reserve: u8,
    /// Where a signature lies, by the header's reserve.
    pub(super) signature: Option<Range<u64>>,
    /// The first byte behind the list of files.
    pub(super) files_end: u64,
}

/// A CFFOLDER.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder {
    /// Where its first CFDATA lies.
    pub(super) at: u64,
    pub(super) blocks: u16,
    pub(super) method: u16,
}

/// A CFFILE.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) name: Vec<u8>,
    pub(super) bytes: u32,
    /// Where it begins in its folder, unpacked.
    pub(super) offset: u32,
    pub(super) place: Place,
    pub(super) date: u16,
    pub(super) time: u16,
    pub(super) attributes: u16,
}

/// The folder of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It begins and ends in that folder of this cabinet.
    Here(u16),
    /// It begins in the cabinet before and ends here.
    FromPrevious,
    /// It begins in this cabinet's last folder and ends in the next cabinet.
    ToNext,
    /// It begins before and ends behind.
    Through,
}

impl Place {
    fn new(folder: u16) -> Self {
        match folder {
            0xfffd => Self::FromPrevious,
            0xfffe => Self::ToNext,
            0xffff => Self::Through,
            folder => Self::Here(folder),
        }
    }

    pub(super) fn is_from_previous(self) -> bool {
        matches!(self, Self::FromPrevious | Self::Through)
    }

    pub(super) fn goes_on(self) -> bool {
        matches!(self, Self::ToNext | Self::Through)
    }
}

/// How long the cabinet is that seems to begin at `at`, by its header; `None` where none does. Checked are
/// the fixed fields, and that folders, files and data lie where a writer would put them.
///
/// # Errors
/// What the operating system said.
pub(super) fn extent_at(source: &dyn Source, at: u64) -> Result<Option<u64>> {
    let head = read_up_to(source, at, HEADER)?;
    Ok(extent(&head).filter(|&bytes| bytes <= u64::from(u32::MAX)))
}

/// As [`extent_at`], of the bytes of a header.
pub(super) fn extent(head: &[u8]) -> Option<u64> {
    let fields = Fields::new("CFHEADER", head, 0);
    let u16_at = |at| fields.u16_le(at, "").ok();
    let u32_at = |at| fields.u32_le(at, "").ok().map(u64::from);
    let (bytes, files_at) = (u32_at(8)?, u32_at(16)?);
    let (folders, files, flags) = (u64::from(u16_at(26)?), u16_at(28)?, u16_at(30)?);
    let fits = head.starts_with(b"MSCF")
        && (u32_at(4)?, u32_at(12)?, u32_at(20)?) == (0, 0, 0)
        && (fields.u8(25, "").ok()?, fields.u8(24, "").ok()?) == (1, 3)
        && flags & !7 == 0
        && folders > 0
        && files > 0
        && files_at >= HEADER as u64 + folders * FOLDER as u64
        && files_at + u64::from(files) * (FILE as u64 + 1) <= bytes;
    fits.then_some(bytes)
}

/// Reads the headers of the cabinet that begins at the source's first byte.
///
/// # Errors
/// Where not even one file can be read.
pub(super) fn read(source: &dyn Source, limits: &Limits, findings: &mut Findings) -> Result<Cabinet> {
    let head = read_up_to(source, 0, HEADER)?;
    let fields = Fields::new("CFHEADER", &head, 0);
    if fields.bytes(0, 4, "signature")? != b"MSCF" {
        return Err(fields.wrong(0, "signature", Error::invalid("signature")));
    }
    let folder_count = fields.u16_le(26, "cFolders")?;
    let flags = fields.u16_le(30, "flags")?;
    let files_at = u64::from(fields.u32_le(16, "coffFiles")?);
    let mut cabinet = Cabinet {
        bytes: u64::from(fields.u32_le(8, "cbCabinet")?),
        version: (fields.u8(25, "versionMajor")?, fields.u8(24, "versionMinor")?),
        set: fields.u16_le(32, "setID")?,
        number: fields.u16_le(34, "iCabinet")?,
        previous: None,
        next: None,
        folders: Vec::new(),
        files: Vec::new(),
        data_reserve: 0,
        signature: None,
        files_end: 0,
    };
    if cabinet.version.0 != 1 {
        return Err(fields.wrong(25, "versionMajor", Error::unsupported("version of the cabinet format")));
    }
    // Reserve, four strings and the folders: all that may lie between the fixed part and the files.
    let most = 4 + 65535 + 4 * NAME + usize::from(folder_count) * (FOLDER + 255);
    let rest = read_up_to(source, HEADER as u64, most)?;
    let fields = Fields::new("CFHEADER", &rest, HEADER as u64);
    let mut at = 0;
    let mut folder_reserve = 0;
    if flags & FLAG_RESERVE != 0 {
        let reserve = usize::from(fields.u16_le(0, "cbCFHeader")?);
        folder_reserve = usize::from(fields.u8(2, "cbCFFolder")?);
        cabinet.data_reserve = fields.u8(3, "cbCFData")?;
        cabinet.signature = signature(fields.bytes(4, reserve, "abReserve")?, source.len());
        at = 4 + reserve;
    }
    if flags & FLAG_PREVIOUS != 0 {
        cabinet.previous = Some(string(&fields, &mut at, "szCabinetPrev")?.to_vec());
        string(&fields, &mut at, "szDiskPrev")?;
    }
    if flags & FLAG_NEXT != 0 {
        cabinet.next = Some(string(&fields, &mut at, "szCabinetNext")?.to_vec());
        string(&fields, &mut at, "szDiskNext")?;
    }
    for _ in 0..folder_count {
        let folder = fields.part("CFFOLDER", at, FOLDER + folder_reserve)?;
        cabinet.folders.push(Folder {
            at: u64::from(folder.u32_le(0, "coffCabStart")?),
            blocks: folder.u16_le(4, "cCFData")?,
            method: folder.u16_le(6, "typeCompress")?,
        });
        at += FOLDER + folder_reserve;
    }
    let file_count = usize::from(Fields::new("CFHEADER", &head, 0).u16_le(28, "cFiles")?);
    if file_count as u64 > limits.entries {
        return Err(Error::limit("entries", limits.entries));
    }
    let table = read_up_to(source, files_at, file_count * (FILE + NAME))?;
    let fields = Fields::new("CFFILE", &table, files_at);
    let mut at = 0;
    for number in 0..file_count {
        match file(&fields, &mut at) {
            Ok(file) => cabinet.files.push(file),
            Err(error) if number == 0 => return Err(error),
            Err(error) => {
                let what = format!("{} of {file_count} files are listed: {error}", cabinet.files.len());
                findings.push(Finding::new(Severity::Damaged, what));
                break;
            }
        }
    }
    cabinet.files_end = files_at.saturating_add(at as u64);
    Ok(cabinet)
}

/// The CFFILE at `at`, which goes on behind it.
fn file(fields: &Fields<'_>, at: &mut usize) -> Result<File> {
    let start = *at;
    let head = fields.part("CFFILE", start, FILE)?;
    let mut at_name = start + FILE;
    let name = string(fields, &mut at_name, "szName")?;
    *at = at_name;
    Ok(File {
        name: name.to_vec(),
        bytes: head.u32_le(0, "cbFile")?,
        offset: head.u32_le(4, "uoffFolderStart")?,
        place: Place::new(head.u16_le(8, "iFolder")?),
        date: head.u16_le(10, "date")?,
        time: head.u16_le(12, "time")?,
        attributes: head.u16_le(14, "attribs")?,
    })
}

/// A string that ends with NUL.
fn string<'a>(fields: &Fields<'a>, at: &mut usize, field: &'static str) -> Result<&'a [u8]> {
    let rest = fields.rest(*at);
    let window = rest.get(..rest.len().min(NAME)).unwrap_or_default();
    let Some(len) = window.iter().position(|&byte| byte == 0) else {
        let error = if rest.len() >= NAME {
            Error::invalid("string longer than 256 bytes")
        } else {
            let end = fields.base().saturating_add(fields.len() as u64);
            Error::truncated(end + 1, end)
        };
        return Err(fields.wrong(*at, field, error));
    };
    *at += len + 1;
    Ok(rest.get(..len).unwrap_or_default())
}

/// Where the signature lies that `signtool` put behind the cabinet: the reserve is `00 00 10 00`, its offset,
/// its size and eight zeros.
fn signature(reserve: &[u8], have: u64) -> Option<Range<u64>> {
    let fields = Fields::new("abReserve", reserve, 0);
    let (at, len) = (fields.u32_le(4, "").ok()?, fields.u32_le(8, "").ok()?);
    let (at, end) = (u64::from(at), u64::from(at).checked_add(u64::from(len))?);
    (reserve.starts_with(&[0, 0, 0x10, 0]) && len > 0 && end <= have).then_some(at..end)
}
