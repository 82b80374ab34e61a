//! Files that are replaced whole: whatever happens, the old one or the new one is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::OFlags;

use super::ownership;
use crate::error::Error;
use crate::ui::{self, shown};

/// The end of names of files that are not finished. Who works in a folder holds its lock, so the name
/// is nobody else's, and what a killed run has left is found by it.
pub const UNFINISHED: &str = ".docker-sandbox.tmp";

/// No file of ours is as large.
const MAX_OWN: u64 = 4 << 20;

/// Where `path` really is, links followed to the end, be there a file or not.
///
/// # Errors
/// A link leads in a circle or cannot be read.
pub fn real(path: &Path) -> anyhow::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("/"));
        match fs::read_link(&path) {
            Ok(target) => path = parent.join(target),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                let name = path.file_name().with_context(|| format!("{} is no file", shown(&path)))?;
                return Ok(parent.canonicalize().unwrap_or_else(|_| parent.to_owned()).join(name));
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", shown(&path))),
        }
    }
    anyhow::bail!("{} is a link that leads in a circle", shown(&path))
}

/// The content of `path`; `None` if there is no such file.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", shown(path))),
    }
}

/// The content of a file of root's or the caller's own that nobody else can write to; `None` if there is no such file.
///
/// # Errors
/// It is somebody else's, no regular file, or cannot be read.
pub fn read_own(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let cannot = || format!("cannot read {}", shown(path));
    // A pipe that somebody has put there must not make us wait.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // O_NOFOLLOW's answer for a link.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(not_own(path));
        }
        opened => opened.with_context(cannot)?,
    };
    if !ownership::is_own_file(&file.metadata().with_context(cannot)?) {
        return Err(not_own(path));
    }
    let mut bytes = Vec::new();
    file.take(MAX_OWN).read_to_end(&mut bytes).with_context(cannot)?;
    Ok(Some(bytes))
}

fn not_own(path: &Path) -> anyhow::Error {
    Error::new(format!(
        "{} was not written by setup: another user has put it there or can write to it",
        shown(path)
    ))
    .hint("look at it:", format!("ls -l {}", ui::shell_line([path])))
    .hint("remove it; what a setup did cannot be undone then:", format!("sudo rm {}", ui::shell_line([path])))
    .into()
}

/// Puts `content` into `path` (which is no link), with mode and owner of `like`, else with `mode`.
///
/// # Errors
/// It cannot be written; what was there is still there, whole.
pub fn replace(path: &Path, content: &[u8], like: Option<&Path>, mode: u32) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    let temporary = PathBuf::from(name);
    let _ = fs::remove_file(&temporary);
    let written = write(&temporary, content, like, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_folder_of(path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write {}", shown(path)))
}

fn write(temporary: &Path, content: &[u8], like: Option<&Path>, mode: u32) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    let like = like.and_then(|like| fs::metadata(like).ok());
    if let Some(like) = &like {
        // Only root may give files away; anybody else's file was their own.
        if (like.uid(), like.gid()) != (out.metadata()?.uid(), out.metadata()?.gid()) {
            fchown(&out, Some(like.uid()), Some(like.gid()))?;
        }
    }
    let mode = like.map_or(mode, |like| like.mode() & 0o7777);
    out.set_permissions(fs::Permissions::from_mode(mode))?;
    out.write_all(content)?;
    out.sync_all()
}

/// Makes sure that a name which was made or moved is still there after a power cut.
///
/// # Errors
/// The folder cannot be opened, or the disk failed.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Removes what a killed run has left unfinished of `path` and of the files that are named after it.
///
/// # Errors
/// It cannot be removed.
pub fn sweep(path: &Path) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with(&name) && other.ends_with(UNFINISHED) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file; that it is gone already is fine.
///
/// # Errors
/// It cannot be removed.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", shown(path)))
        }
        _ => Ok(()),
    }
}

/// Removes a file or a folder with all that is in it; that it is gone already is fine.
///
/// # Errors
/// It cannot be removed.
pub fn remove_all(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(there) if there.is_dir() => {
            fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", shown(path)))
        }
        _ => remove(path),
    }
}
