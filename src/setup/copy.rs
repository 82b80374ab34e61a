//! gVisor's files copied out of somebody else's directory, who may change it meanwhile.
//!
//! Root reads there: a link that is followed would hand out what only root can read, so none is. What is copied can
//! be written to by nobody else, and only the copy is looked at, verified and used.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

use super::unpack::{LIMITS, Limits, check_links, points_out};
use crate::error::Error;
use crate::ui::shown;

/// What belongs to gVisor in a folder that may have other things in it.
const PARTS: [&str; 3] = ["gvisor-bin", "containerd-shim-runsc-v1", "runsc"];
/// A `.sha512` has one line.
const MAX_SMALL: u64 = 1 << 20;
/// gVisor's directories have one level.
const MAX_DEPTH: u32 = 16;

/// Copies gVisor's parts out of `from` into `stage`.
///
/// # Errors
/// They cannot be read or written, or are no files and directories.
pub fn parts(from: &Path, stage: &Path) -> anyhow::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder =
        openat(CWD, from, flags, Mode::empty()).with_context(|| format!("cannot read {}", shown(from)))?;
    let mut copying = Copying { left: LIMITS, links: Vec::new() };
    for part in PARTS {
        copying.member(&folder, OsStr::new(part), &from.join(part), &stage.join(part), 0)?;
    }
    match check_links(stage, &copying.links) {
        Some(link) => Err(refused(link, "is a link that leads to nothing that was copied")),
        None => Ok(()),
    }
}

/// Copies the file at `path` to `to`, at most `most` bytes, for the caller's eyes only. Returns the copy, open and at
/// its end.
///
/// # Errors
/// It cannot be read or written, is no regular file, or is larger.
pub fn file(path: &Path, to: &Path, most: u64) -> anyhow::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let from = opened.with_context(|| format!("cannot read {}", shown(path)))?;
    contents(&from, path, to, most).map(|(file, _)| file)
}

/// The content of a small file in somebody else's directory; `None` if there is none.
///
/// # Errors
/// It cannot be read, is no regular file, or is too large.
pub fn small(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let cannot = || format!("cannot read {}", shown(path));
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(cannot)?,
    };
    if !file.metadata().with_context(cannot)?.is_file() {
        return Err(refused(path, "is neither file, folder nor link"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SMALL + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > MAX_SMALL {
        return Err(refused(path, &format!("has more than {} MB", MAX_SMALL >> 20)));
    }
    Ok(Some(bytes))
}

struct Copying {
    left: Limits,
    links: Vec<PathBuf>,
}

impl Copying {
    /// Copies what is called `name` in the open directory `folder`, if it is there; `path` is what messages call it.
    fn member(
        &mut self,
        folder: &OwnedFd,
        name: &OsStr,
        path: &Path,
        to: &Path,
        depth: u32,
    ) -> anyhow::Result<()> {
        let cannot = || format!("cannot copy {} to {}", shown(path), shown(to));
        self.left.members =
            self.left.members.checked_sub(1).ok_or_else(|| refused(path, "has too many files beside it"))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match openat(folder, name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::LOOP) => return self.link(folder, name, path, to),
            Err(Errno::NOENT) if depth == 0 => return Ok(()),
            Err(error) => return Err(io::Error::from(error)).with_context(cannot),
        };
        let file = File::from(opened);
        if !file.metadata().with_context(cannot)?.is_dir() {
            let (mut copy, length) = contents(&file, path, to, self.left.bytes)?;
            self.left.bytes = self.left.bytes.saturating_sub(length);
            let runs = file.metadata().with_context(cannot)?.mode() & 0o111 != 0;
            let mode = fs::Permissions::from_mode(if runs { 0o755 } else { 0o644 });
            return copy
                .set_permissions(mode)
                .and_then(|()| copy.flush())
                .and_then(|()| copy.sync_all())
                .with_context(cannot);
        }
        if depth >= MAX_DEPTH {
            return Err(refused(path, "has too many directories above it"));
        }
        fs::create_dir(to).with_context(cannot)?;
        let names = names(&file).map_err(io::Error::from).with_context(cannot)?;
        let folder = OwnedFd::from(file);
        for name in names {
            self.member(&folder, &name, &path.join(&name), &to.join(&name), depth + 1)?;
        }
        fs::set_permissions(to, fs::Permissions::from_mode(0o755)).with_context(cannot)
    }

    fn link(&mut self, folder: &OwnedFd, name: &OsStr, path: &Path, to: &Path) -> anyhow::Result<()> {
        let target = readlinkat(folder, name, Vec::new()).map_err(io::Error::from);
        let target = target.with_context(|| format!("cannot read {}", shown(path)))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if points_out(&target) {
            return Err(refused(path, "is a link that points out of its directory"));
        }
        self.links.push(to.to_owned());
        symlink(target, to).with_context(|| format!("cannot write {}", shown(to)))
    }
}

fn names(folder: &File) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

fn contents(from: &File, path: &Path, to: &Path, most: u64) -> anyhow::Result<(File, u64)> {
    let cannot = || format!("cannot copy {} to {}", shown(path), shown(to));
    if !from.metadata().with_context(cannot)?.is_file() {
        return Err(refused(path, "is neither file, folder nor link"));
    }
    let mut copy = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .with_context(cannot)?;
    let length = io::copy(&mut from.take(most.saturating_add(1)), &mut copy).with_context(cannot)?;
    if length > most {
        return Err(refused(path, &format!("has more than {} MB", most >> 20)));
    }
    Ok((copy, length))
}

fn refused(path: &Path, why: &str) -> anyhow::Error {
    Error::new(format!("{} {why}; it was not copied", shown(path))).into()
}
