//! How a command gets a directory that it may write to.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::docker::csv;

/// How a command gets a directory that it may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The kernel's overlay over it.
    Overlay,
    /// A copy.
    Copy,
}

/// A directory that a command may write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) path: PathBuf,
    pub(crate) means: Means,
    /// Whether what is written may come to the host.
    pub(crate) applies: bool,
}

/// A local volume of type overlay (docker volume create, `--opt type=overlay`).
pub(super) fn overlay_mount(lower: &Path, upper: &Path, work: &Path) -> OsString {
    let mut options = OsString::from("volume-opt=o=lowerdir=");
    for (name, path) in [("", lower), (",upperdir=", upper), (",workdir=", work)] {
        options.push(name);
        options.push(path);
    }
    // `userxattr`: marks that the caller, who is not root, can read. No others are left on copied files.
    options.push(",userxattr,index=off,metacopy=off");
    let mut mount = OsString::from(
        "type=volume,volume-driver=local,volume-opt=type=overlay,volume-opt=device=overlay,\"",
    );
    mount.push(options);
    mount.push("\",");
    mount.push(OsString::from_vec(csv::field(b"dst=", lower.as_os_str())));
    mount
}

/// Whether an overlay can be mounted over `path` with its upper directory in `data`, as far as that can be told without trying;
/// the reason if not.
pub(crate) fn means(path: &Path, data: &Path) -> Result<Means, &'static str> {
    // Docker splits mount options at commas, and overlayfs its directories at colons.
    if [path, data]
        .iter()
        .any(|path| path.as_os_str().as_bytes().iter().any(|byte| b",:\\\"\n".contains(byte)))
    {
        return Err("a character in its name that mount options cannot have");
    }
    let magic = |path: &Path| rustix::fs::statfs(path).map_or(0, |about| about.f_type.cast_unsigned());
    let upper = data.ancestors().find(|path| path.exists()).map_or(0, magic);
    // From linux/magic.h: ext4, xfs, btrfs, f2fs, tmpfs. They have what an upper directory needs.
    if ![0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994].contains(&upper) {
        return Err("a home directory on a file system that overlayfs cannot write to");
    }
    // NFS, FUSE, 9p, CIFS, SMB2: another machine or program changes them, and may not let root in.
    if [0x6969, 0x6573_5546, 0x0102_1997, 0xff53_4d42, 0xfe53_4d42].contains(&magic(path)) {
        return Err("a file system that is not this machine's own");
    }
    Ok(Means::Overlay)
}
