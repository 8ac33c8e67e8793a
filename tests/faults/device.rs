//! The program over a file that the kernel itself cannot read: a file system of our own, whose one file fails in a
//! range. It needs FUSE, and says so where there is none.

use crate::{Lab, contents, digests, iso, standing};
use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, LockOwner, MountOption,
    OpenFlags, ReplyAttr, ReplyData, ReplyEntry, Request, Session,
};
use std::ffi::OsStr;
use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

struct Disk {
    bytes: Vec<u8>,
    bad: Range<u64>,
}

const KEPT: Duration = Duration::from_secs(60);

impl Disk {
    fn attributes(&self, number: u64) -> FileAttr {
        let is_file = number == 2;
        FileAttr {
            ino: INodeNo(number),
            size: if is_file { self.bytes.len() as u64 } else { 0 },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file { FileType::RegularFile } else { FileType::Directory },
            perm: if is_file { 0o444 } else { 0o555 },
            nlink: 1,
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match name.to_str() {
            Some("medium.iso") => reply.entry(&KEPT, &self.attributes(2), Generation(0)),
            _ => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KEPT, &self.attributes(number.0));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let len = self.bytes.len() as u64;
        let end = offset.saturating_add(size.into()).min(len);
        if offset < self.bad.end && end > self.bad.start {
            return reply.error(Errno::EIO);
        }
        reply.data(&self.bytes[offset.min(len) as usize..end as usize]);
    }
}

#[test]
fn a_disk_that_fails_in_the_middle_is_named_spared_and_read_around_where_asked() {
    let lab = Lab::new();
    let contents = contents(40, 4 << 20);
    let image = iso(&contents);
    let largest = &contents[std::path::Path::new("d0/f0.bin")];
    let at = image.windows(64).position(|window| window == &largest[..64]).unwrap() as u64 + (2 << 20);
    let disk = lab.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("failing-disk".to_owned())];
    let session = Session::new(Disk { bytes: image, bad: at..at + 4096 }, &disk, &config);
    let mut session = match session {
        Ok(session) => session,
        Err(error) => {
            eprintln!("SKIPPED: nothing can be mounted here: {error}");
            return;
        }
    };
    let mut unmounter = session.unmount_callable();
    let answering = std::thread::spawn(move || session.run());
    let mut want = digests(&contents);
    lab.run(&["list", "disk/medium.iso"]).is(0);
    let place = "reading at 0x";
    lab.run(&["extract", "disk/medium.iso", "-o", "out"])
        .is(2)
        .complains("disk/medium.iso!/d0/f0.bin: input/output error")
        .complains(place)
        .complains("hint: copy it to another disk; discless extract --keep-going takes out what can be read");
    assert!(!lab.path("out/d0/f0.bin").exists() && !lab.path("out/d0/f0.bin.part").exists());
    lab.run(&["verify", "disk/medium.iso"]).is(2).complains("input/output error").complains(place);
    lab.run(&["verify", "--deep", "disk/medium.iso"]).is(2).complains("d0/f0.bin").complains(place);
    lab.run(&["hash", "disk/medium.iso"]).is(2).complains("input/output error");
    lab.run(&["cat", "disk/medium.iso!/d0/f0.bin"]).is(2).complains("input/output error");
    let any = "0".repeat(64);
    lab.run(&["extract", "disk/medium.iso", "-o", "verified", "--sha256", &any])
        .is(2)
        .complains("input/output error");
    assert!(!lab.path("verified").exists());
    // The same command goes on, past it.
    lab.run(&["extract", "disk/medium.iso", "-o", "out", "--keep-going"])
        .is(2)
        .complains("d0/f0.bin is not written")
        .says("1 file could not be read");
    want.remove(std::path::Path::new("d0/f0.bin"));
    assert_eq!(standing(&lab.path("out")), want);
    lab.run(&[
        "extract",
        "disk/medium.iso",
        "-o",
        "kept",
        "--keep-going",
        "--keep-unverified",
        "--sha256",
        &any,
    ])
    .is(2)
    .says("the source cannot be read to its end");
    assert_eq!(standing(&lab.path("kept")), want);
    lab.run(&["extract", "disk/medium.iso", "-o", "gone", "--keep-going", "--sha256", &any])
        .is(2)
        .says("wrote nothing");
    assert!(!lab.path("gone").exists() && !lab.path("gone.part").exists());
    unmounter.unmount().unwrap();
    answering.join().unwrap().unwrap_or_default();
}
