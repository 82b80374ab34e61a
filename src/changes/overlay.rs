//! The upper directory of an overlay, in comparison with the host's directory below it.
//!
//! Source: the kernel's Documentation/filesystems/overlayfs.rst: a character device 0:0 is a whiteout, and a directory
//! with `user.overlay.opaque` (mount option `userxattr`) hides what is below it.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::files;
use super::tree::{self, Tree, file_type, modified_at};
use super::{Change, Kind, Node};
use crate::ui::shown;

/// What the command, run as user `owner`, changed: `upper` is what it wrote, `host` what it saw below that. An added
/// directory comes before its entries, a removed one behind them, and both behind what they replace.
///
/// # Errors
/// One of the two cannot be read.
pub(crate) fn changes(upper: &Tree, host: &Tree, owner: u32) -> anyhow::Result<Vec<Change>> {
    let mut scan = Scan { upper, host, owner, found: Vec::new() };
    scan.directory(Path::new(""), true)?;
    Ok(scan.found)
}

struct Scan<'a> {
    upper: &'a Tree,
    host: &'a Tree,
    owner: u32,
    found: Vec<Change>,
}

impl Scan<'_> {
    /// What is in the directory `path` of the upper directory; the host has that directory too if it is `merged`.
    fn directory(&mut self, path: &Path, merged: bool) -> anyhow::Result<()> {
        let unreadable = || format!("cannot read {}", shown(self.upper.path().join(path)));
        let names = if tree::is_too_deep(path) { Err(Errno::NAMETOOLONG) } else { self.upper.names(path) };
        let names = match names {
            Err(Errno::ACCESS | Errno::NAMETOOLONG) => {
                let kind = if merged { Kind::Modified } else { Kind::Added };
                self.found.retain(|change| change.path != path);
                self.found.push(Change::unreadable(path.to_owned(), kind));
                return Ok(());
            }
            names => names.with_context(unreadable)?,
        };
        let parent = self.upper.directory(path).with_context(unreadable)?;
        for name in names {
            let stat = tree::stat_at(&parent, &name).with_context(unreadable)?;
            let path = path.join(&name);
            let below = if merged { self.stat_below(&path)? } else { None };
            let before = self.found.len();
            if file_type(&stat) == FileType::CharacterDevice && stat.st_rdev == 0 {
                if let Some(below) = below {
                    self.removed(path, &below)?;
                }
            } else if file_type(&stat) == FileType::Directory {
                let opaque = tree::is_opaque(parent.as_fd(), &name);
                self.one_directory(&path, &stat, below.as_ref(), opaque)?;
            } else {
                self.one_file(path, &stat, below.as_ref())?;
            }
            if files::is_fit(&stat, self.owner)
                && let Some(change) = self.found.get_mut(before).filter(|change| change.kind == Kind::Added)
            {
                change.plain = tree::overlay_marks(parent.as_fd(), &name).is_empty();
            }
        }
        Ok(())
    }

    fn stat_below(&self, path: &Path) -> anyhow::Result<Option<Stat>> {
        self.host.stat(path).with_context(|| format!("cannot read {}", shown(self.host.path().join(path))))
    }

    fn one_directory(
        &mut self,
        path: &Path,
        stat: &Stat,
        below: Option<&Stat>,
        opaque: bool,
    ) -> anyhow::Result<()> {
        let Some(below) = below.filter(|below| file_type(below) == FileType::Directory) else {
            let kind = if below.is_some() { Kind::Modified } else { Kind::Added };
            self.found.push(Change::new(path.to_owned(), kind, Node::Directory));
            return self.directory(path, false);
        };
        if stat.st_mode != below.st_mode {
            self.found.push(Change::new(path.to_owned(), Kind::Modified, Node::Directory));
        }
        if opaque {
            for name in self.names_below(path)? {
                let inner = path.join(&name);
                // What is there again is compared like everything else.
                if self.upper.stat(&inner)?.is_none()
                    && let Some(below) = self.stat_below(&inner)?
                {
                    self.removed(inner, &below)?;
                }
            }
        }
        self.directory(path, true)
    }

    fn one_file(&mut self, path: PathBuf, stat: &Stat, below: Option<&Stat>) -> anyhow::Result<()> {
        let Some(below) = below else {
            self.found.push(Change::new(path, Kind::Added, Node::of(stat)));
            return Ok(());
        };
        if file_type(below) == FileType::Directory {
            self.removed_below(&path)?;
        } else if is_same(self.upper, self.host, &path, stat, below)? {
            return Ok(());
        }
        self.found.push(Change::new(path, Kind::Modified, Node::of(stat)));
        Ok(())
    }

    /// `path` and all that the host has below it: what is in a directory comes before the directory.
    fn removed(&mut self, path: PathBuf, below: &Stat) -> anyhow::Result<()> {
        if file_type(below) == FileType::Directory {
            self.removed_below(&path)?;
        }
        self.found.push(Change::new(path, Kind::Removed, Node::of(below)));
        Ok(())
    }

    fn removed_below(&mut self, path: &Path) -> anyhow::Result<()> {
        if tree::is_too_deep(path) {
            // It stays, and so do those that it is in.
            return Ok(());
        }
        for name in self.names_below(path)? {
            let inner = path.join(name);
            if let Some(below) = self.stat_below(&inner)? {
                self.removed(inner, &below)?;
            }
        }
        Ok(())
    }

    fn names_below(&self, path: &Path) -> anyhow::Result<Vec<std::ffi::OsString>> {
        self.host.names(path).with_context(|| format!("cannot read {}", shown(self.host.path().join(path))))
    }
}

/// Whether a file of `left` is the one of `right`: overlayfs copies one up that is only opened for writing.
///
/// # Errors
/// One of them cannot be read.
pub(crate) fn is_same(
    left: &Tree,
    right: &Tree,
    path: &Path,
    in_left: &Stat,
    in_right: &Stat,
) -> anyhow::Result<bool> {
    if in_left.st_mode != in_right.st_mode || in_left.st_size != in_right.st_size {
        return Ok(false);
    }
    match file_type(in_left) {
        FileType::Symlink => Ok(left.link_target(path)? == right.link_target(path)?),
        FileType::RegularFile if modified_at(in_left) == modified_at(in_right) => {
            // The command chooses the modification time.
            has_same_content(left, right, path)
        }
        _ => Ok(false),
    }
}

/// Whether two regular files have the same content.
///
/// # Errors
/// One of them cannot be read.
pub(crate) fn has_same_content(left: &Tree, right: &Tree, path: &Path) -> anyhow::Result<bool> {
    match (left.file(path), right.file(path)) {
        (Ok(left), Ok(right)) => {
            same_content(left, right).with_context(|| format!("cannot compare {}", shown(path)))
        }
        _ => Ok(false),
    }
}

fn same_content(left: std::fs::File, right: std::fs::File) -> std::io::Result<bool> {
    use std::io::{BufRead as _, BufReader};
    let (mut left, mut right) =
        (BufReader::with_capacity(1 << 16, left), BufReader::with_capacity(1 << 16, right));
    loop {
        let (one, other) = (left.fill_buf()?, right.fill_buf()?);
        let length = one.len().min(other.len());
        if length == 0 {
            return Ok(one.len() == other.len());
        }
        if one[..length] != other[..length] {
            return Ok(false);
        }
        left.consume(length);
        right.consume(length);
    }
}
