//! A view that is a copy of the directory, for where no overlay can be mounted.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;

use super::baseline::Seen;
use super::files::{self, Place};
use super::tree::{self, Tree, changed_at, file_type};
use super::{Change, Kind, Node, overlay};
use crate::ui::shown;

/// Copies everything below `host` into the empty directory `view`, and tells what was copied. What the caller may not read, what
/// is on another file system and what is no file, directory or link is left out.
///
/// # Errors
/// `view` cannot be written to, or a file disappears meanwhile.
pub(crate) fn make(host: &Tree, view: &Tree) -> anyhow::Result<HashMap<PathBuf, Seen>> {
    let device = host.identity()?.0;
    let mut copying = Copying { host, view, device, links: HashMap::new(), made: Vec::new() };
    copying.directory(Path::new(""))?;
    let Copying { made, .. } = copying;
    let mut seen = HashMap::with_capacity(made.len());
    for (path, stat) in made {
        // A directory's times are only settled now.
        let copied =
            view.stat(&path)?.with_context(|| format!("{} disappeared", shown(view.path().join(&path))))?;
        let about = Seen {
            node: Node::of(&stat),
            inode: stat.st_ino,
            changed_at: changed_at(&stat),
            copied_at: changed_at(&copied),
        };
        seen.insert(path, about);
    }
    Ok(seen)
}

struct Copying<'a> {
    host: &'a Tree,
    view: &'a Tree,
    device: u64,
    /// The first copy of each inode that has several names.
    links: HashMap<u64, PathBuf>,
    made: Vec<(PathBuf, Stat)>,
}

impl Copying<'_> {
    fn directory(&mut self, path: &Path) -> anyhow::Result<()> {
        let problem = || format!("cannot copy {}", shown(self.host.path().join(path)));
        let names = if tree::is_too_deep(path) { Err(Errno::NAMETOOLONG) } else { self.host.names(path) };
        let names = match names {
            Err(Errno::ACCESS) => return Ok(()),
            names => names.with_context(problem)?,
        };
        let (from, to) = (self.host.directory(path)?, self.view.directory(path)?);
        for name in names {
            let path = path.join(&name);
            let problem = || format!("cannot copy {}", shown(self.host.path().join(&path)));
            let stat = match tree::stat_at(&from, &name) {
                Err(Errno::NOENT) => continue,
                stat => stat.with_context(problem)?,
            };
            let (from, to) = (Place { parent: &from, name: &name }, Place { parent: &to, name: &name });
            match file_type(&stat) {
                FileType::Directory => {
                    rustix::fs::mkdirat(to.parent, &name, Mode::RWXU).with_context(problem)?;
                    if stat.st_dev == self.device {
                        self.directory(&path)?;
                    }
                    same_directory(to, &stat).with_context(problem)?;
                }
                FileType::RegularFile | FileType::Symlink => match self.file(&path, from, to, &stat) {
                    Err(Errno::ACCESS | Errno::PERM | Errno::NOENT) => continue,
                    copied => copied.with_context(problem)?,
                },
                _ => continue,
            }
            self.made.push((path, stat));
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, from: Place<'_>, to: Place<'_>, stat: &Stat) -> rustix::io::Result<()> {
        if stat.st_nlink > 1
            && let Some(first) = self.links.get(&stat.st_ino)
        {
            let (parent, name) = self.view.parent(first)?;
            return rustix::fs::linkat(&parent, name, to.parent, to.name, AtFlags::empty());
        }
        files::copy(from, to, stat, None)?;
        if stat.st_nlink > 1 {
            self.links.insert(stat.st_ino, path.to_owned());
        }
        Ok(())
    }
}

/// Mode, owner and times of a directory, once all of its entries are there.
fn same_directory(to: Place<'_>, stat: &Stat) -> rustix::io::Result<()> {
    if rustix::process::geteuid().is_root() {
        let (user, group) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
        rustix::fs::chownat(to.parent, to.name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::chmodat(to.parent, to.name, Mode::from_raw_mode(stat.st_mode & 0o7777), AtFlags::empty())?;
    rustix::fs::utimensat(to.parent, to.name, &files::times(stat), AtFlags::SYMLINK_NOFOLLOW)
}

/// What the command, run as user `owner`, changed in the copy `view` of `host`. The order is that of [`overlay::changes`].
///
/// # Errors
/// One of the two cannot be read.
pub(crate) fn changes(
    view: &Tree,
    host: &Tree,
    seen: &HashMap<PathBuf, Seen>,
    owner: u32,
) -> anyhow::Result<Vec<Change>> {
    let mut scan =
        Scan { view, host, seen, owner, there: BTreeSet::new(), unreadable: Vec::new(), found: Vec::new() };
    scan.directory(Path::new(""))?;
    let Scan { there, unreadable, mut found, .. } = scan;
    let is_removed =
        |path: &Path| !there.contains(path) && !unreadable.iter().any(|above| path.starts_with(above));
    // What replaces a directory comes behind what was in it.
    let mut removed: Vec<(&PathBuf, &Seen)> = seen.iter().filter(|(path, _)| is_removed(path)).collect();
    removed.sort_by(|one, other| other.0.cmp(one.0));
    let removed = removed.into_iter().map(|(path, seen)| Change::new(path.clone(), Kind::Removed, seen.node));
    let mut all: Vec<Change> = removed.collect();
    all.append(&mut found);
    Ok(all)
}

struct Scan<'a> {
    view: &'a Tree,
    host: &'a Tree,
    seen: &'a HashMap<PathBuf, Seen>,
    owner: u32,
    there: BTreeSet<PathBuf>,
    /// Directories of which nobody knows what is in them.
    unreadable: Vec<PathBuf>,
    found: Vec<Change>,
}

impl Scan<'_> {
    fn directory(&mut self, path: &Path) -> anyhow::Result<()> {
        let problem = || format!("cannot read {}", shown(self.view.path().join(path)));
        let names = if tree::is_too_deep(path) { Err(Errno::NAMETOOLONG) } else { self.view.names(path) };
        let names = match names {
            Err(Errno::ACCESS | Errno::NAMETOOLONG) => {
                self.unreadable.push(path.to_owned());
                self.found.retain(|change| change.path != path);
                let kind = if self.seen.contains_key(path) { Kind::Modified } else { Kind::Added };
                self.found.push(Change::unreadable(path.to_owned(), kind));
                return Ok(());
            }
            names => names.with_context(problem)?,
        };
        let parent = self.view.directory(path).with_context(problem)?;
        for name in names {
            let stat = tree::stat_at(&parent, &name).with_context(problem)?;
            let path = path.join(&name);
            let seen = self.seen.get(&path);
            self.there.insert(path.clone());
            if let Some(change) = self.compared(&path, &stat, seen)? {
                let plain = seen.is_none() && files::is_fit(&stat, self.owner);
                self.found.push(Change { plain, ..change });
            }
            if file_type(&stat) == FileType::Directory {
                self.directory(&path)?;
            }
        }
        Ok(())
    }

    fn compared(&self, path: &Path, stat: &Stat, seen: Option<&Seen>) -> anyhow::Result<Option<Change>> {
        let node = Node::of(stat);
        let Some(seen) = seen else { return Ok(Some(Change::new(path.to_owned(), Kind::Added, node))) };
        let modified = Change::new(path.to_owned(), Kind::Modified, node);
        if seen.node != node {
            return Ok(Some(modified));
        }
        if seen.copied_at == changed_at(stat) {
            return Ok(None);
        }
        let same = match self.host.stat(path)? {
            Some(host) if node == Node::Directory => host.st_mode == stat.st_mode,
            Some(host) => overlay::is_same(self.view, self.host, path, stat, &host)?,
            None => false,
        };
        Ok((!same).then_some(modified))
    }
}
