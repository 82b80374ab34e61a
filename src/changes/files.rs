//! One file from one directory to another: renamed, or copied where that cannot be.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, SeekFrom, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use super::tree::{self, file_type};

/// Bytes that are copied at a time, so that memory does not grow with the file.
const CHUNK: usize = 1 << 20;

/// A name in an open directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) parent: &'a OwnedFd,
    pub(crate) name: &'a OsStr,
}

/// What a file is put into the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaces {
    Nothing,
    File,
    /// An empty one.
    Directory,
}

/// Puts `from` into the place of `to`. Renames if `from` belongs to `owner`, has no set-id bit and is on
/// the same file system; otherwise a copy, which is written beside `to` under the name `temporary`, takes the place.
///
/// # Errors
/// The file system refuses; `to` is then as it was. [`Errno::EXIST`]: there is something, and it is not to be replaced.
pub(crate) fn put(
    from: Place<'_>,
    to: Place<'_>,
    stat: &Stat,
    replaces: Replaces,
    owner: u32,
    temporary: &OsStr,
) -> rustix::io::Result<()> {
    if is_fit(stat, owner) {
        tree::remove_overlay_marks(from.parent, from.name, stat)?;
        match rename(from, to, replaces) {
            Err(Errno::XDEV) => {}
            renamed => return renamed,
        }
    }
    let beside = Place { parent: to.parent, name: temporary };
    // Of an earlier attempt that was killed.
    let _ = rustix::fs::unlinkat(beside.parent, beside.name, AtFlags::empty());
    let done = copy(from, beside, stat, Some(owner)).and_then(|()| rename(beside, to, replaces));
    if done.is_err() {
        let _ = rustix::fs::unlinkat(beside.parent, beside.name, AtFlags::empty());
        return done;
    }
    rustix::fs::unlinkat(from.parent, from.name, AtFlags::empty())
}

/// Whether a file, a link or a directory can become the host's as it is: it belongs to `owner`, and has no set-id bit. No
/// device, pipe or socket can.
pub(crate) fn is_fit(stat: &Stat, owner: u32) -> bool {
    let kind = file_type(stat);
    let set_id = kind == FileType::RegularFile && stat.st_mode & 0o6000 != 0;
    matches!(kind, FileType::RegularFile | FileType::Symlink | FileType::Directory)
        && stat.st_uid == owner
        && !set_id
}

fn rename(from: Place<'_>, to: Place<'_>, replaces: Replaces) -> rustix::io::Result<()> {
    let with = |flags| rustix::fs::renameat_with(from.parent, from.name, to.parent, to.name, flags);
    match replaces {
        Replaces::File => with(RenameFlags::empty()),
        Replaces::Directory => {
            with(RenameFlags::EXCHANGE)?;
            rustix::fs::unlinkat(from.parent, from.name, AtFlags::REMOVEDIR)
        }
        Replaces::Nothing => match with(RenameFlags::NOREPLACE) {
            // This file system cannot say NOREPLACE in one step.
            Err(Errno::INVAL | Errno::NOSYS) => match tree::stat_at(to.parent, to.name) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => with(RenameFlags::empty()),
                Err(error) => Err(error),
            },
            renamed => renamed,
        },
    }
}

/// Makes a file or a symbolic link at `to`, which is not there yet, with content, mode and modification time of `from`; for
/// root also with an owner, `owner` or the same.
///
/// # Errors
/// The file system refuses, or it is neither.
pub(crate) fn copy(
    from: Place<'_>,
    to: Place<'_>,
    stat: &Stat,
    owner: Option<u32>,
) -> rustix::io::Result<()> {
    match file_type(stat) {
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(from.parent, from.name, Vec::new())?;
            rustix::fs::symlinkat(target, to.parent, to.name)?;
            own(to, stat, owner)?;
        }
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let source = rustix::fs::openat(from.parent, from.name, flags, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let target = rustix::fs::openat(to.parent, to.name, flags, Mode::RUSR | Mode::WUSR)?;
            copy_content(&source.into(), &File::from(target.try_clone().map_err(|_| Errno::MFILE)?))?;
            own(to, stat, owner)?;
            rustix::fs::fchmod(&target, Mode::from_raw_mode(stat.st_mode & 0o1777))?;
        }
        _ => return Err(Errno::INVAL),
    }
    rustix::fs::utimensat(to.parent, to.name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
}

/// Only root may give files away.
fn own(to: Place<'_>, stat: &Stat, owner: Option<u32>) -> rustix::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let user = rustix::fs::Uid::from_raw(owner.unwrap_or(stat.st_uid));
    let group =
        (owner.is_none() || owner == Some(stat.st_uid)).then(|| rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(to.parent, to.name, Some(user), group, AtFlags::SYMLINK_NOFOLLOW)
}

/// The modification time of `stat`, for utimensat(2).
pub(crate) fn times(stat: &Stat) -> Timestamps {
    let modified =
        Timespec { tv_sec: stat.st_mtime, tv_nsec: i64::try_from(stat.st_mtime_nsec).unwrap_or(0) };
    Timestamps { last_access: modified, last_modification: modified }
}

/// Copies only what a sparse file holds; the kernel shares the blocks where the file system can.
fn copy_content(from: &File, to: &File) -> rustix::io::Result<()> {
    let length = rustix::fs::fstat(from)?.st_size;
    let length = u64::try_from(length).unwrap_or(0);
    rustix::fs::ftruncate(to, length)?;
    let mut at = 0;
    while at < length {
        let start = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole follows.
            Err(Errno::NXIO) => break,
            Err(_) => at,
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(start)).unwrap_or(length);
        copy_range(from, to, start, end)?;
        at = end;
    }
    Ok(())
}

fn copy_range(from: &File, to: &File, mut start: u64, end: u64) -> rustix::io::Result<()> {
    let mut kernel_copies = true;
    let mut buffer = Vec::new();
    while start < end {
        let wanted = usize::try_from(end - start).unwrap_or(usize::MAX);
        let (mut read_at, mut write_at) = (start, start);
        let copied = if kernel_copies {
            match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), wanted) {
                Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    kernel_copies = false;
                    continue;
                }
                copied => copied?,
            }
        } else {
            buffer.resize(wanted.min(CHUNK), 0);
            let length = rustix::io::pread(from, &mut buffer[..], start)?;
            if length == 0 {
                return Ok(());
            }
            let mut written = 0;
            while written < length {
                written += rustix::io::pwrite(to, &buffer[written..length], start + written as u64)?;
            }
            length
        };
        start += copied as u64;
    }
    Ok(())
}
