//! Cabinets whose files are not packed (\[MS-CAB\]).

use super::Data;

/// A cabinet with those files; their names have slashes.
pub fn cab(files: &[(String, Data)]) -> Vec<u8> {
    const HEADER: usize = 36;
    const FOLDER: usize = 8;
    const BLOCK: usize = 32768;
    let mut list = Vec::new();
    let mut content: Vec<u8> = Vec::new();
    for (path, data) in files {
        let Data::Bytes(bytes) = data else { panic!("{path}: cabinets here are small") };
        list.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        list.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        // Folder 0, 2007-03-08 00:00, archive.
        list.extend([0, 0, 0x68, 0x36, 0, 0, 0x20, 0]);
        list.extend(path.replace('/', "\\").as_bytes());
        list.push(0);
        content.extend(bytes);
    }
    let blocks = content.chunks(BLOCK).collect::<Vec<_>>();
    let first_data = HEADER + FOLDER + list.len();
    let size = first_data + blocks.len() * 8 + content.len();
    let mut out = b"MSCF".to_vec();
    for value in [0, size, 0, HEADER + FOLDER, 0] {
        out.extend(u32::try_from(value).unwrap().to_le_bytes());
    }
    out.extend([3, 1]);
    // One folder, the files, no flags, no set, number 0.
    for value in [1, files.len(), 0, 0, 0] {
        out.extend(u16::try_from(value).unwrap().to_le_bytes());
    }
    out.extend(u32::try_from(first_data).unwrap().to_le_bytes());
    out.extend(u16::try_from(blocks.len()).unwrap().to_le_bytes());
    out.extend([0, 0]);
    out.extend(list);
    for block in blocks {
        // A checksum of 0 is none.
        out.extend([0; 4]);
        out.extend(u16::try_from(block.len()).unwrap().to_le_bytes());
        out.extend(u16::try_from(block.len()).unwrap().to_le_bytes());
        out.extend(block);
    }
    out
}
