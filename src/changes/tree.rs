//! A directory of which only what lies below it can be reached: no symbolic link is followed and no `..` is taken,
//! whoever changes the tree meanwhile.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// What overlayfs writes into extended attributes of the files in its upper directory.
const OVERLAY_MARK: &[u8] = b"user.overlay.";

/// Directories in each other.
const MAX_DEPTH: usize = 200;
/// The length of a path below the root.
const MAX_PATH: usize = 3000;

/// An open directory, and the path by which it was opened.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    path: PathBuf,
}

/// A time as `stat` has it: seconds and nanoseconds.
pub(crate) type Time = (i64, i64);

/// The status change time of a file: nobody but the kernel sets it.
pub(crate) fn changed_at(stat: &Stat) -> Time {
    (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0))
}

/// The modification time of a file.
pub(crate) fn modified_at(stat: &Stat) -> Time {
    (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0))
}

/// The type of a file.
pub(crate) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether an error says that a path is not there, or that it leads through something that is no directory.
fn is_absent(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

impl Tree {
    /// Opens the directory at `path`, following links in `path` itself.
    ///
    /// # Errors
    /// It is not a directory, or cannot be opened.
    pub(crate) fn open(path: &Path) -> rustix::io::Result<Self> {
        let root = rustix::fs::openat(CWD, path, flags(OFlags::PATH), Mode::empty())?;
        Ok(Self { root, path: path.to_owned() })
    }

    /// The path by which it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Device and inode.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) fn identity(&self) -> rustix::io::Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.root)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// A handle of the directory `path` below the root; the empty path is the root.
    ///
    /// # Errors
    /// It is not there, it is not a directory, or a link leads to it.
    pub(crate) fn directory(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        self.open_at(path, flags(OFlags::PATH))
    }

    /// Opens `path` beneath the root with openat2(2), and where the kernel has none (before 5.6), name by name.
    fn open_at(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let named = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.root, named, flags | OFlags::NOFOLLOW, Mode::empty(), resolve) {
            // Some seccomp filters answer with EPERM; EAGAIN is a rename elsewhere in the file system at this moment.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => self.open_by_name(path, flags),
            opened => opened,
        }
    }

    fn open_by_name(&self, path: &Path, last: OFlags) -> rustix::io::Result<OwnedFd> {
        let names = path.components().map(|part| match part {
            Component::Normal(name) => Ok(name),
            _ => Err(Errno::XDEV),
        });
        let names: Vec<&OsStr> = names.collect::<Result<_, _>>()?;
        let mut at = rustix::fs::openat(&self.root, ".", flags(OFlags::PATH), Mode::empty())?;
        for (position, name) in names.iter().enumerate() {
            let wanted = if position + 1 == names.len() { last } else { flags(OFlags::PATH) };
            at = rustix::fs::openat(&at, *name, wanted | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(at)
    }

    /// The directory that holds `path`, and its name there.
    ///
    /// # Errors
    /// As [`Tree::directory`]; `path` is the root itself.
    pub(crate) fn parent<'a>(&self, path: &'a Path) -> rustix::io::Result<(OwnedFd, &'a OsStr)> {
        let name = path.file_name().ok_or(Errno::INVAL)?;
        Ok((self.directory(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// The status of `path` itself, not of what it links to; `None` if it is not there.
    ///
    /// # Errors
    /// The file system fails.
    pub(crate) fn stat(&self, path: &Path) -> rustix::io::Result<Option<Stat>> {
        if path.as_os_str().is_empty() {
            return rustix::fs::fstat(&self.root).map(Some);
        }
        let found = self.parent(path).and_then(|(parent, name)| stat_at(&parent, name));
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if is_absent(error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names in the directory `path`, sorted.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn names(&self, path: &Path) -> rustix::io::Result<Vec<OsString>> {
        names_in(&self.open_at(path, flags(OFlags::RDONLY))?)
    }

    /// The target of the symbolic link `path`.
    ///
    /// # Errors
    /// It is not a link.
    pub(crate) fn link_target(&self, path: &Path) -> rustix::io::Result<OsString> {
        let (parent, name) = self.parent(path)?;
        Ok(OsString::from_vec(rustix::fs::readlinkat(&parent, name, Vec::new())?.into_bytes()))
    }

    /// Opens the regular file `path` for reading.
    ///
    /// # Errors
    /// It cannot be opened, or is not a regular file.
    pub(crate) fn file(&self, path: &Path) -> rustix::io::Result<std::fs::File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let opened = self.open_at(path, flags)?;
        let is_regular = file_type(&rustix::fs::fstat(&opened)?) == FileType::RegularFile;
        if is_regular { Ok(opened.into()) } else { Err(Errno::INVAL) }
    }

    /// The content of the regular file `path`, if it is one and has at most `limit` bytes.
    pub(crate) fn content(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        use std::io::Read as _;
        let mut content = Vec::new();
        self.file(path).ok()?.take(limit + 1).read_to_end(&mut content).ok()?;
        (content.len() as u64 <= limit).then_some(content)
    }
}

/// The names in an open directory, sorted.
///
/// # Errors
/// It cannot be read.
pub(crate) fn names_in(directory: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    names.sort();
    Ok(names)
}

/// Whether `path`, of a directory, is one that nobody goes into: a command chooses how deep its directories are, and neither the
/// stack nor a path is without end (`PATH_MAX` is 4096, limits.h).
pub(crate) fn is_too_deep(path: &Path) -> bool {
    path.as_os_str().len() > MAX_PATH || path.iter().count() > MAX_DEPTH
}

/// The status of `name` in `parent`, not of what it links to.
///
/// # Errors
/// It is not there.
pub(crate) fn stat_at(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<Stat> {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
}

fn flags(access: OFlags) -> OFlags {
    access | OFlags::DIRECTORY | OFlags::CLOEXEC
}

/// The path by which the kernel finds `name` in an open directory. It is for files that nobody changes meanwhile.
fn path_in(parent: BorrowedFd<'_>, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string()).join(name)
}

/// The names of overlayfs's marks on `name` in `parent`, which is in an upper directory.
pub(crate) fn overlay_marks(parent: BorrowedFd<'_>, name: &OsStr) -> Vec<OsString> {
    let path = path_in(parent, name);
    let Ok(length) = rustix::fs::llistxattr_query(&path) else { return Vec::new() };
    if length == 0 {
        return Vec::new();
    }
    let mut list = vec![0; length];
    let Ok(length) = rustix::fs::llistxattr(&path, &mut list[..]) else { return Vec::new() };
    let names = list[..length].split(|&byte| byte == 0);
    names
        .filter(|name| name.starts_with(OVERLAY_MARK))
        .map(|name| OsStr::from_bytes(name).to_owned())
        .collect()
}

/// Whether overlayfs hides what lies below the directory `name`.
pub(crate) fn is_opaque(parent: BorrowedFd<'_>, name: &OsStr) -> bool {
    overlay_marks(parent, name).iter().any(|mark| mark == "user.overlay.opaque")
}

/// Removes overlayfs's marks from `name`. A file that its owner may not write is made writable for that moment.
///
/// # Errors
/// They cannot be removed.
pub(crate) fn remove_overlay_marks(parent: &OwnedFd, name: &OsStr, stat: &Stat) -> rustix::io::Result<()> {
    use std::os::fd::AsFd as _;
    // A link has no such attributes.
    if file_type(stat) == FileType::Symlink {
        return Ok(());
    }
    let path = path_in(parent.as_fd(), name);
    for mark in overlay_marks(parent.as_fd(), name) {
        match rustix::fs::lremovexattr(&path, mark.as_os_str()) {
            Err(Errno::ACCESS | Errno::PERM) => {
                let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
                rustix::fs::chmodat(parent, name, mode | Mode::RUSR | Mode::WUSR, AtFlags::empty())?;
                let removed = rustix::fs::lremovexattr(&path, mark.as_os_str());
                rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
                removed?;
            }
            removed => removed?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_and_no_dots_lead_out_of_a_tree() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = outside.path().join("inside");
        std::fs::create_dir_all(inside.join("real")).unwrap();
        std::fs::write(inside.join("real/file"), "f").unwrap();
        std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
        std::os::unix::fs::symlink("real", inside.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", inside.join("passwd")).unwrap();
        let tree = Tree::open(&inside).unwrap();
        assert_eq!(tree.content(Path::new("real/file"), 10).as_deref(), Some(&b"f"[..]));
        assert_eq!(tree.content(Path::new("real/file"), 0), None);
        for path in ["up/secret", "../secret", "link/file", "passwd", "real/../../secret"] {
            assert!(tree.content(Path::new(path), 100).is_none(), "{path}");
            assert!(tree.open_by_name(Path::new(path), OFlags::RDONLY).is_err(), "{path}");
        }
        assert!(tree.stat(Path::new("up/secret")).unwrap().is_none());
        assert_eq!(file_type(&tree.stat(Path::new("passwd")).unwrap().unwrap()), FileType::Symlink);
        assert_eq!(tree.names(Path::new("")).unwrap(), ["link", "passwd", "real", "up"]);
        assert!(tree.names(Path::new("up")).is_err());
        assert_eq!(tree.link_target(Path::new("up")).unwrap(), "..");
    }
}
