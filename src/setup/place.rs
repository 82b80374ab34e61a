//! New programs put where old ones may be, and the old ones put back.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::change::Placed;
use super::{checksum, file};
use crate::error::Error;
use crate::ui::shown;

/// The names in `stage` in the order in which they are placed: runsc, which needs the others, last.
///
/// # Errors
/// There is no runsc, or something that is none of gVisor's would replace a file of `prefix`.
pub fn members(stage: &Path, prefix: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(stage).with_context(|| format!("cannot read {}", shown(stage)))? {
        let name = entry.with_context(|| format!("cannot read {}", shown(stage)))?.file_name();
        let name = name.to_string_lossy().into_owned();
        let known = ["runsc", "gvisor", "containerd-shim-runsc"].iter().any(|start| name.starts_with(start));
        if !known && prefix.join(&name).symlink_metadata().is_ok() {
            let there = shown(prefix.join(&name));
            return Err(
                Error::new(format!("{there} is not gVisor's, and the archive would replace it")).into()
            );
        }
        names.push(name);
    }
    names.sort_by_key(|name| (name == "runsc", name.clone()));
    if names.last().is_none_or(|last| last != "runsc") {
        return Err(Error::new("there is no `runsc` in it at its top").into());
    }
    Ok(names)
}

/// Whether all of `names` are in `prefix` as they are in `stage`.
#[must_use]
pub fn is_there(stage: &Path, prefix: &Path, names: &[String]) -> bool {
    names.iter().all(|name| same(&stage.join(name), &prefix.join(name)).unwrap_or(false))
}

fn same(one: &Path, other: &Path) -> anyhow::Result<bool> {
    let (first, second) = (fs::symlink_metadata(one)?, fs::symlink_metadata(other)?);
    // Also where it is the same by its content, somebody else's could be another tomorrow.
    if first.file_type() != second.file_type() || first.mode() != second.mode() || first.uid() != second.uid()
    {
        return Ok(false);
    }
    if first.is_symlink() {
        return Ok(fs::read_link(one)? == fs::read_link(other)?);
    }
    if !first.is_dir() {
        return Ok(first.len() == second.len() && checksum::of(one)? == checksum::of(other)?);
    }
    if fs::read_dir(one)?.count() != fs::read_dir(other)?.count() {
        return Ok(false);
    }
    for entry in fs::read_dir(one)? {
        let name = entry?.file_name();
        if !same(&one.join(&name), &other.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What placing `stage/name` into `prefix` will be.
///
/// # Errors
/// It cannot be read.
pub fn plan(stage: &Path, prefix: &Path, name: &str) -> anyhow::Result<Placed> {
    let (from, to) = (stage.join(name), prefix.join(name));
    let id = id(&from).with_context(|| format!("{} is gone", shown(&from)))?;
    let kept = to.symlink_metadata().is_ok().then(|| from.clone());
    Ok(Placed { to, kept, id })
}

/// Does it, in one move: there is no moment without a file of that name, if there was one before.
///
/// # Errors
/// It cannot be moved; nothing has happened then.
pub fn place(stage: &Path, placed: &Placed) -> anyhow::Result<()> {
    let from = stage.join(placed.to.file_name().unwrap_or_default());
    let flag = if placed.kept.is_some() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    swap(&from, &placed.to, flag)
}

fn swap(from: &Path, to: &Path, flag: RenameFlags) -> anyhow::Result<()> {
    renameat_with(CWD, from, CWD, to, flag)
        .map_err(std::io::Error::from)
        .and_then(|()| file::sync_folder_of(to))
        .with_context(|| format!("cannot move {} to {}", shown(from), shown(to)))
}

/// What became of taking something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// It was placed, and what was there before is there again.
    Yes,
    /// There is nothing of ours.
    NotThere,
    /// Somebody else has put something else there since.
    Foreign,
}

/// Puts back what was there before.
///
/// # Errors
/// It cannot be moved or removed.
pub fn take_back(placed: &Placed) -> anyhow::Result<TakenBack> {
    let now = id(&placed.to);
    if now != Some(placed.id) {
        // Not placed yet, or somebody else's since.
        let waits = placed.kept.as_deref().is_some_and(|kept| id(kept) == Some(placed.id));
        return Ok(if now.is_none() || waits { TakenBack::NotThere } else { TakenBack::Foreign });
    }
    match placed.kept.as_deref().filter(|kept| kept.symlink_metadata().is_ok()) {
        Some(kept) => {
            swap(kept, &placed.to, RenameFlags::EXCHANGE)?;
            file::remove_all(kept)?;
        }
        None => file::remove_all(&placed.to)?,
    }
    Ok(TakenBack::Yes)
}

fn id(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|there| (there.dev(), there.ino()))
}

/// Refuses a folder that not everybody can enter: gVisor gives up root before it starts.
///
/// # Errors
/// One on the way is closed.
pub fn check_open(prefix: &Path) -> anyhow::Result<()> {
    let closed = |folder: &Path| fs::metadata(folder).is_ok_and(|there| there.mode() & 0o001 == 0);
    let Some(folder) = prefix.ancestors().find(|folder| closed(folder)) else { return Ok(()) };
    Err(Error::new(format!("{} is closed to other users, and gVisor runs as one", shown(folder)))
        .hint("take a folder that everybody can read:", "docker sandbox setup --prefix /usr/local/bin")
        .into())
}

/// The nearest folder on the way to `path` that is there.
#[must_use]
pub fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}
