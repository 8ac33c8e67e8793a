//! What a full check has read already, so that one that was interrupted goes on where it stopped.
//!
//! A row stands for a file by device, inode, size and times. That finds accidents, not somebody who can set clocks, so
//! only an interrupted check is resumed, and only within a day; a check that begins anew reads everything.

use super::Share;
use super::tree::Stat;
use cap_std::fs::OpenOptions;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The journal's file in `.discless`.
const NAME: &str = "check.journal";
/// What its first line says.
const SCHEMA: &str = "discless.journal/1";
/// How old an interrupted check may be.
const MOST_AGE: Duration = Duration::from_secs(24 * 3600);
/// Bytes that a journal may have.
const MOST_BYTES: u64 = 1 << 30;
/// Bytes of files after whose reading the rows are written out.
const STEP: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Head {
    schema: String,
    /// Seconds since 1970.
    begun: u64,
}

#[derive(Serialize, Deserialize)]
struct Row {
    device: u64,
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanos: u32,
    changed: String,
    sha256: String,
}

/// What tells a file from another, and from itself after it changed.
type Key = (u64, u64, u64, i64, u32, i128);

fn key(stat: &Stat) -> Key {
    (stat.device, stat.inode, stat.bytes, stat.modified.seconds, stat.modified.nanos, stat.changed)
}

/// A journal that is being written.
pub(super) struct Journal {
    known: HashMap<Key, String>,
    out: Option<BufWriter<std::fs::File>>,
    since: u64,
}

impl Journal {
    /// One that remembers nothing and writes nothing.
    pub(super) fn none() -> Self {
        Self { known: HashMap::new(), out: None, since: 0 }
    }

    /// Opens the share's. Where it cannot be written, nothing is remembered: a share may be read-only.
    pub(super) fn open(share: &Share) -> Self {
        Self::try_open(share).unwrap_or_else(Self::none)
    }

    fn try_open(share: &Share) -> Option<Self> {
        if share.own.symlink_metadata(NAME).is_ok_and(|meta| !meta.is_file() || meta.len() > MOST_BYTES) {
            return None;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        let mut file = share.own.open_with(NAME, &options).ok()?.into_std();
        // Another check writes it: this one does without.
        file.try_lock().ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut known = HashMap::new();
        let mut lines = BufReader::new(&mut file).take(MOST_BYTES).lines();
        let head = lines.next().and_then(|line| serde_json::from_str::<Head>(&line.ok()?).ok());
        // One that was begun in the future is of a clock that went back: how old it is nobody knows.
        let age = |head: &Head| now.checked_sub(head.begun);
        let fresh =
            |head: &Head| head.schema == SCHEMA && age(head).is_some_and(|age| age <= MOST_AGE.as_secs());
        let resumed = head.is_some_and(|head| fresh(&head));
        let mut whole = 0u64;
        if resumed {
            // The last line of a killed program may be half a line; the next program begins another.
            for line in lines.map_while(Result::ok) {
                let Ok(row) = serde_json::from_str::<Row>(&line) else { continue };
                let Ok(changed) = row.changed.parse() else { continue };
                whole += 1;
                known.insert((row.device, row.inode, row.bytes, row.seconds, row.nanos, changed), row.sha256);
            }
        }
        let begin = |file: &mut std::fs::File| -> std::io::Result<()> {
            if whole > 0 {
                file.seek(SeekFrom::End(0))?;
                return file.write_all(b"\n");
            }
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            let head = serde_json::to_string(&Head { schema: SCHEMA.to_owned(), begun: now })?;
            writeln!(file, "{head}")
        };
        begin(&mut file).ok()?;
        Some(Self { known, out: Some(BufWriter::new(file)), since: 0 })
    }

    /// How many files it remembers.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The digest of a file that was read before.
    pub(super) fn find(&self, stat: &Stat) -> Option<&str> {
        if stat.inode == 0 { None } else { self.known.get(&key(stat)).map(String::as_str) }
    }

    /// That a file was read.
    pub(super) fn add(&mut self, stat: &Stat, sha256: &str) {
        if stat.inode == 0 {
            return;
        }
        self.known.insert(key(stat), sha256.to_owned());
        let row = Row {
            device: stat.device,
            inode: stat.inode,
            bytes: stat.bytes,
            seconds: stat.modified.seconds,
            nanos: stat.modified.nanos,
            changed: stat.changed.to_string(),
            sha256: sha256.to_owned(),
        };
        let Some(out) = &mut self.out else { return };
        self.since = self.since.saturating_add(stat.bytes.max(STEP / 1000));
        let written =
            serde_json::to_string(&row).map_err(std::io::Error::from).and_then(|row| writeln!(out, "{row}"));
        let written = written.and_then(|()| {
            if self.since >= STEP {
                self.since = 0;
                out.flush()?;
            }
            Ok(())
        });
        // A full disk is no reason to stop checking.
        if written.is_err() {
            self.out = None;
        }
    }

    /// The check is done: the next one reads everything.
    pub(super) fn done(self, share: &Share) {
        if self.out.is_some() {
            drop(self.out);
            let _ = share.own.remove_file(NAME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn stat(inode: u64) -> Stat {
        let modified = Timestamp { seconds: 5, nanos: 6, zone: Some(0) };
        Stat { bytes: 7, modified, device: 1, inode, changed: 8 }
    }

    #[test]
    fn an_interrupted_check_knows_what_it_read_and_a_finished_one_begins_anew() {
        let temp = tempfile::tempdir().unwrap();
        let (share, _) = Share::init(temp.path(), None).unwrap();
        let mut journal = Journal::open(&share);
        journal.add(&stat(1), "aa");
        journal.add(&stat(2), "bb");
        // The second check at once does without.
        assert!(Journal::open(&share).out.is_none());
        drop(journal);
        let path = temp.path().join(".discless").join(NAME);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"device\":1,\"ino");
        std::fs::write(&path, text).unwrap();
        let mut journal = Journal::open(&share);
        assert_eq!((journal.len(), journal.find(&stat(2))), (2, Some("bb")));
        assert_eq!(journal.find(&Stat { changed: 9, ..stat(2) }), None);
        journal.add(&stat(3), "cc");
        drop(journal);
        let journal = Journal::open(&share);
        assert_eq!(journal.find(&stat(1)), Some("aa"));
        journal.done(&share);
        assert_eq!(Journal::open(&share).len(), 0);
    }

    #[test]
    fn an_old_journal_and_one_that_is_none_are_not_believed() {
        let temp = tempfile::tempdir().unwrap();
        let (share, _) = Share::init(temp.path(), None).unwrap();
        let path = temp.path().join(".discless").join(NAME);
        for text in ["garbage\n", "", "{\"schema\":\"discless.journal/1\",\"begun\":1}\n{}\n"] {
            std::fs::write(&path, text).unwrap();
            let mut journal = Journal::open(&share);
            assert_eq!(journal.len(), 0, "{text}");
            journal.add(&stat(1), "aa");
            drop(journal);
            assert_eq!(Journal::open(&share).len(), 1, "{text}");
        }
    }
}
