//! Installer packages and patches: a compound file with summary information and a `Property` table, as
//! Windows Installer stores them.

use super::Data;
use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

/// An installer file that is being made.
#[derive(Clone)]
pub struct Msi {
    /// The byte of the class that tells packages from patches.
    class: u8,
    template: String,
    revision: String,
    texts: BTreeMap<u32, String>,
    /// The tables of two columns, by name: those of the columns, and the rows.
    properties: Vec<(String, String)>,
    patch: Vec<(String, String)>,
    payload: Vec<u8>,
}

/// A package with that template: `x64;1033`.
pub fn msi(template: &str) -> Msi {
    Msi {
        class: 0x84,
        template: template.to_owned(),
        revision: "{8A2F6D30-0000-4685-8025-999900000018}".to_owned(),
        texts: BTreeMap::from([(2, "Installation Database".to_owned())]),
        properties: Vec::new(),
        patch: Vec::new(),
        payload: Vec::new(),
    }
}

/// A patch for the products with those codes.
pub fn msp(targets: &[&str]) -> Msi {
    Msi {
        class: 0x86,
        texts: BTreeMap::from([(2, "Patch".to_owned())]),
        revision: "{8A2F6D30-0000-4685-8025-999900000077}".to_owned(),
        ..msi(&targets.join(";"))
    }
}

impl Msi {
    /// A row of the `Property` table.
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `ProductName` and `ProductVersion`.
    pub fn product(self, name: &str, version: &str) -> Self {
        let this = self.property("ProductName", name).property("ProductVersion", version);
        this.property("Manufacturer", "Microsoft Corporation")
    }

    /// `ProductCode`.
    pub fn code(self, code: &str) -> Self {
        self.property("ProductCode", code)
    }

    /// A row of a patch's `MsiPatchMetadata`: `DisplayName`, `Description`.
    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        self.patch.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The summary's subject.
    pub fn subject(self, text: &str) -> Self {
        self.summary(3, text)
    }

    /// A text of the summary information, by its number.
    pub fn summary(mut self, number: u32, text: &str) -> Self {
        self.texts.insert(number, text.to_owned());
        self
    }

    /// A stream of so many bytes: real packages have their cabinets in them.
    pub fn payload(self, bytes: usize) -> Self {
        Self { payload: vec![0xa5; bytes], ..self }
    }

    pub fn build(&self) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        let mut add = |name: &str, bytes: &[u8]| {
            file.create_stream(name).unwrap().write_all(bytes).unwrap();
        };
        add("\u{5}SummaryInformation", &self.summary_information());
        let mut strings = Strings::default();
        let mut columns = Vec::new();
        let mut tables = vec![("Property", "Property", &self.properties)];
        if !self.patch.is_empty() {
            tables.push(("MsiPatchMetadata", "Property", &self.patch));
        }
        for (table, key, rows) in tables {
            // Keys are strings of 72 characters, values have any length and may be missing.
            columns.push((strings.id(table), 1, strings.id(key), 0x2d48u16));
            columns.push((strings.id(table), 2, strings.id("Value"), 0x0f00u16));
            let mut names: Vec<(u16, u16)> =
                rows.iter().map(|(name, value)| (strings.id(name), strings.id(value))).collect();
            names.sort_unstable();
            let columns = names.iter().map(|row| row.0).chain(names.iter().map(|row| row.1));
            let bytes: Vec<u8> = columns.flat_map(u16::to_le_bytes).collect();
            add(&table_name(table), &bytes);
        }
        let mut tables: Vec<u16> = columns.iter().map(|column| column.0).collect();
        tables.dedup();
        add(&table_name("_Tables"), &tables.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        let stored = columns.iter().map(|column| column.0);
        let stored = stored.chain(columns.iter().map(|column| column.1 | 0x8000));
        let stored = stored.chain(columns.iter().map(|column| column.2));
        let stored = stored.chain(columns.iter().map(|column| column.3 | 0x8000));
        add(&table_name("_Columns"), &stored.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        let (pool, data) = strings.stored();
        add(&table_name("_StringPool"), &pool);
        add(&table_name("_StringData"), &data);
        if !self.payload.is_empty() {
            add("payload.bin", &self.payload);
        }
        let mut bytes = file.into_inner().into_inner();
        // The root is the first entry of the directory; its CLSID is at 80. Version 4 has sectors of 4096.
        let sector = usize::try_from(u32::from_le_bytes(bytes[48..52].try_into().unwrap())).unwrap();
        let class = (sector + 1) * 4096 + 80;
        let id = [self.class, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
        bytes[class..class + 16].copy_from_slice(&id);
        bytes
    }

    /// \[MS-OLEPS\] §2.21.
    fn summary_information(&self) -> Vec<u8> {
        let mut properties = vec![(1, [2u32.to_le_bytes(), 1252u32.to_le_bytes()].concat())];
        let mut texts = self.texts.clone();
        texts.insert(7, self.template.clone());
        texts.insert(9, self.revision.clone());
        for (number, text) in &texts {
            properties.push((*number, lpstr(text)));
        }
        let i4 = |value: u32| [3u32.to_le_bytes(), value.to_le_bytes()].concat();
        properties.push((14, i4(200)));
        properties.push((15, i4(2)));
        let head = 8 + properties.len() * 8;
        let (mut index, mut values) = (Vec::new(), Vec::new());
        for (number, value) in &properties {
            index.extend(number.to_le_bytes());
            index.extend(u32::try_from(head + values.len()).unwrap().to_le_bytes());
            values.extend(value);
        }
        let size = u32::try_from(head + values.len()).unwrap();
        let format =
            [0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9];
        [
            &[0xfe, 0xff, 0, 0, 5, 1, 2, 0][..],
            &[0; 16],
            &1u32.to_le_bytes(),
            &format,
            &48u32.to_le_bytes(),
            &size.to_le_bytes(),
            &u32::try_from(properties.len()).unwrap().to_le_bytes(),
            &index,
            &values,
        ]
        .concat()
    }
}

impl From<Msi> for Data {
    fn from(msi: Msi) -> Self {
        Self::Bytes(msi.build())
    }
}

/// `VT_LPSTR`, padded to a multiple of 4.
fn lpstr(text: &str) -> Vec<u8> {
    assert!(text.is_ascii(), "{text}");
    let mut out = 0x1eu32.to_le_bytes().to_vec();
    out.extend(u32::try_from(text.len() + 1).unwrap().to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Strings that are kept once, the first of them number 1.
#[derive(Default)]
struct Strings {
    list: Vec<(String, u16)>,
}

impl Strings {
    fn id(&mut self, text: &str) -> u16 {
        if text.is_empty() {
            return 0;
        }
        if let Some(at) = self.list.iter().position(|(known, _)| known == text) {
            self.list[at].1 += 1;
            return u16::try_from(at + 1).unwrap();
        }
        self.list.push((text.to_owned(), 1));
        u16::try_from(self.list.len()).unwrap()
    }

    /// The pool and the strings' bytes, in UTF-8.
    fn stored(&self) -> (Vec<u8>, Vec<u8>) {
        let mut pool = 65001u32.to_le_bytes().to_vec();
        let mut data = Vec::new();
        for (text, uses) in &self.list {
            pool.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            pool.extend(uses.to_le_bytes());
            data.extend(text.as_bytes());
        }
        (pool, data)
    }
}

/// The stream of a table: two characters of a name in one.
fn table_name(name: &str) -> String {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    let digit = |c: &u8| u32::try_from(ALPHABET.find(char::from(*c)).unwrap()).unwrap();
    let pairs = name.as_bytes().chunks(2).map(|pair| match pair {
        [a, b] => 0x3800 + digit(a) + (digit(b) << 6),
        one => 0x4800 + digit(&one[0]),
    });
    std::iter::once('\u{4840}').chain(pairs.map(|code| char::from_u32(code).unwrap())).collect()
}
