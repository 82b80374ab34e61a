//! The changes that are wanted onto the host, each one in a single step of the file system. Whoever is killed in between can start
//! again with the same list: a file that has left the view is where it belongs.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::baseline::Baseline;
use super::files::{self, Place, Replaces};
use super::tree::{self, Tree};
use super::{Change, Kind, Node, State, git, overlay};

/// From where to where, and in comparison with what.
#[derive(Debug)]
pub(crate) struct Applying<'a> {
    /// What the command left.
    pub(crate) view: &'a Tree,
    pub(crate) host: &'a Tree,
    pub(crate) baseline: &'a Baseline,
    /// The user id that files on the host belong to.
    pub(crate) owner: u32,
    /// What temporary files on the host are called.
    pub(crate) temporary: &'a OsStr,
    /// A private directory on the view's file system.
    pub(crate) scratch: &'a Path,
    /// The host's git.
    pub(crate) git: Option<&'a git::Program>,
}

/// Applies what is wanted of `changes`, in an order in which nothing refers to what is not there yet: files, then what `late` ranks
/// from 1 on (git's references after its objects), then removals.
pub(crate) fn apply(applying: &Applying<'_>, changes: &mut [Change], mut late: impl FnMut(&Path) -> u8) {
    settle_directories(changes);
    let ranks: Vec<u8> = changes.iter().map(|change| late(&change.path)).collect();
    let last = ranks.iter().copied().max().unwrap_or(0);
    let mut modes = Vec::new();
    for rank in 0..=last {
        let mut at = 0;
        while at < changes.len() {
            at = applying.one(changes, &ranks, at, rank, &mut modes);
        }
    }
    for change in changes.iter_mut().filter(|change| change.kind == Kind::Removed) {
        applying.remove(change);
    }
    // Deepest first, and last: a directory may be one that its owner cannot write to.
    for (path, mode) in modes.into_iter().rev() {
        if let Ok((parent, name)) = applying.host.parent(&path) {
            let _ = rustix::fs::chmodat(&parent, name, mode, AtFlags::empty());
        }
    }
}

/// Removes what somebody who was killed has left beside the files of `changes`, under the name `temporary`.
pub(crate) fn tidy(host: &Tree, changes: &[Change], temporary: &OsStr) {
    let parents: BTreeSet<&Path> = changes.iter().filter_map(|change| change.path.parent()).collect();
    for parent in parents.into_iter().filter_map(|parent| host.directory(parent).ok()) {
        // A copy, or the empty directory in whose place one came.
        if rustix::fs::unlinkat(&parent, temporary, AtFlags::empty()).is_err() {
            let _ = rustix::fs::unlinkat(&parent, temporary, AtFlags::REMOVEDIR);
        }
    }
}

/// An entry of a directory that is not made cannot be made, and a directory that keeps an entry cannot be removed.
pub(crate) fn settle_directories(changes: &mut [Change]) {
    let mut above: Vec<(PathBuf, State)> = Vec::new();
    for change in changes.iter_mut().filter(|change| change.kind != Kind::Removed) {
        above.retain(|(path, _)| change.path.starts_with(path));
        if change.state == State::Wanted
            && let Some((_, state)) = above.last()
        {
            change.state = state.clone();
        }
        if change.state.is_kept() && change.is_directory() {
            above.push((change.path.clone(), change.state.clone()));
        }
    }
    // Behind what was in it stands the directory, or what replaces it. What keeps something, by its path: all above it too.
    let mut kept: HashMap<PathBuf, State> = HashMap::new();
    for change in changes.iter_mut() {
        if change.state == State::Wanted
            && let Some(state) = kept.get(&change.path)
            && (change.kind == Kind::Removed || !change.is_directory())
        {
            change.state = state.clone();
        }
        if change.kind == Kind::Removed && change.state.is_kept() {
            for above in change.path.ancestors() {
                if kept.insert(above.to_owned(), change.state.clone()).is_some() {
                    break;
                }
            }
        }
    }
}

impl State {
    fn is_kept(&self) -> bool {
        !matches!(self, Self::Wanted | Self::Applied)
    }
}

impl Applying<'_> {
    /// Applies the change `at`, with what belongs to it, if it is of this rank; the next one.
    fn one(
        &self,
        changes: &mut [Change],
        ranks: &[u8],
        at: usize,
        rank: u8,
        modes: &mut Vec<(PathBuf, Mode)>,
    ) -> usize {
        let change = &changes[at];
        if change.state != State::Wanted || change.kind == Kind::Removed || ranks[at] != rank {
            return at + 1;
        }
        if change.node == Node::Directory && change.kind == Kind::Added {
            let path = change.path.clone();
            let entries = changes[at..].iter().take_while(|change| change.path.starts_with(&path)).count();
            let whole =
                changes[at..at + entries].iter().all(|change| change.plain && change.state == State::Wanted);
            if whole && ranks[at..at + entries].iter().all(|&other| other == rank) && self.whole(&path) {
                changes[at..at + entries].iter_mut().for_each(|change| change.state = State::Applied);
                return at + entries;
            }
        }
        self.make_room(changes, at);
        let change = &changes[at];
        let done = match (&change.keys, change.node) {
            (Some(keys), _) => self.keys(&change.path, keys),
            (None, Node::Directory) => self.directory(&change.path, modes),
            (None, _) => self.file(&change.path, change.kind),
        };
        changes[at].state = done.unwrap_or_else(|error| State::Failed(reason(error)));
        at + 1
    }

    /// Renames a directory that the host has not, with everything in it.
    fn whole(&self, path: &Path) -> bool {
        let renamed = || {
            let ((from, name), (to, _)) = (self.view.parent(path)?, self.host.parent(path)?);
            rustix::fs::renameat_with(&from, name, &to, name, rustix::fs::RenameFlags::NOREPLACE)
        };
        renamed().is_ok()
    }

    /// Removes what was in a directory in whose place something else comes.
    fn make_room(&self, changes: &mut [Change], at: usize) {
        let path = changes[at].path.clone();
        let there = self.host.stat(&path).ok().flatten();
        if changes[at].is_directory() || there.is_none_or(|there| Node::of(&there) != Node::Directory) {
            return;
        }
        for change in changes.iter_mut() {
            if change.kind == Kind::Removed && change.path.starts_with(&path) {
                self.remove(change);
            }
        }
    }

    fn directory(&self, path: &Path, modes: &mut Vec<(PathBuf, Mode)>) -> rustix::io::Result<State> {
        let Some(stat) = self.view.stat(path)? else { return Ok(State::Applied) };
        let (parent, name) = self.host.parent(path)?;
        match self.host.stat(path)? {
            Some(there) if Node::of(&there) == Node::Directory => {}
            there => {
                if there.is_some() && self.baseline.differs(path, there.as_ref()) {
                    return Ok(State::Conflict);
                }
                if there.is_some() {
                    rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
                }
                rustix::fs::mkdirat(&parent, name, Mode::RWXU)?;
                if rustix::process::geteuid().is_root() {
                    let (user, group) =
                        (rustix::fs::Uid::from_raw(self.owner), rustix::fs::Gid::from_raw(stat.st_gid));
                    let group = (stat.st_uid == self.owner).then_some(group);
                    rustix::fs::chownat(&parent, name, Some(user), group, AtFlags::SYMLINK_NOFOLLOW)?;
                }
            }
        }
        modes.push((path.to_owned(), Mode::from_raw_mode(stat.st_mode & 0o7777)));
        Ok(State::Applied)
    }

    fn file(&self, path: &Path, kind: Kind) -> rustix::io::Result<State> {
        let stat = self.view.stat(path)?.filter(|stat| Node::of(stat) != Node::Directory);
        let Some(stat) = stat else { return Ok(State::Applied) };
        if Node::of(&stat) == Node::Special {
            return Ok(State::Failed("no device, pipe or socket is made".to_owned()));
        }
        let (to, name) = match self.host.parent(path) {
            // Its directory was removed, or is something else now.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(State::Conflict),
            found => found?,
        };
        let (from, _) = self.view.parent(path)?;
        let there = self.host.stat(path)?;
        let removed = there.is_none() && kind == Kind::Modified;
        if removed || self.baseline.differs(path, there.as_ref()) {
            // Somebody was killed who had put a copy there.
            let same = |there| overlay::is_same(self.view, self.host, path, &stat, &there).unwrap_or(false);
            return Ok(if there.is_some_and(same) { State::Applied } else { State::Conflict });
        }
        let replaces = match there {
            None => Replaces::Nothing,
            Some(there) if Node::of(&there) == Node::Directory => Replaces::Directory,
            Some(_) => Replaces::File,
        };
        if replaces == Replaces::Directory && !self.host.names(path)?.is_empty() {
            return Ok(State::Conflict);
        }
        let (from, to) = (Place { parent: &from, name }, Place { parent: &to, name });
        match files::put(from, to, &stat, replaces, self.owner, self.temporary) {
            Err(Errno::EXIST) => Ok(State::Conflict),
            done => done.map(|()| State::Applied),
        }
    }

    /// Sets `keys` in the host's git configuration `path`: in a copy, which then takes its place.
    fn keys(&self, path: &Path, keys: &git::Keys) -> rustix::io::Result<State> {
        let failed = || Ok(State::Failed("git does not set these keys".to_owned()));
        let Some(git) = self.git else { return failed() };
        let file = self.host.path().join(path);
        if git::has_keys(git, &file, keys) {
            return Ok(State::Applied);
        }
        let Some(stat) = self.host.stat(path)? else { return Ok(State::Conflict) };
        if self.baseline.differs(path, Some(&stat)) {
            return Ok(State::Conflict);
        }
        let (to, name) = self.host.parent(path)?;
        let scratch = Tree::open(self.scratch)?;
        let from = scratch.directory(Path::new(""))?;
        let place = Place { parent: &from, name: OsStr::new("config") };
        let _ = rustix::fs::unlinkat(&from, place.name, AtFlags::empty());
        files::copy(Place { parent: &to, name }, place, &stat, None)?;
        if !git::set_keys(git, &self.scratch.join("config"), keys) {
            return failed();
        }
        let stat = tree::stat_at(&from, place.name)?;
        files::put(place, Place { parent: &to, name }, &stat, Replaces::File, self.owner, self.temporary)?;
        Ok(State::Applied)
    }

    fn remove(&self, change: &mut Change) {
        if change.state != State::Wanted {
            return;
        }
        let removed = || {
            let Some(there) = self.host.stat(&change.path)? else { return Ok(State::Applied) };
            if Node::of(&there) != change.node || self.baseline.differs(&change.path, Some(&there)) {
                return Ok(State::Conflict);
            }
            let (parent, name) = self.host.parent(&change.path)?;
            let flags = if change.is_directory() { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            match rustix::fs::unlinkat(&parent, name, flags) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(State::Conflict),
                done => done.map(|()| State::Applied),
            }
        };
        change.state = removed().unwrap_or_else(|error: Errno| State::Failed(reason(error)));
    }
}

fn reason(error: Errno) -> String {
    std::io::Error::from(error).to_string()
}

/// Moves what is kept of `changes` from the view to the same path below `kept`, so that the view can go.
///
/// # Errors
/// The file system refuses.
pub(crate) fn keep(view: &Tree, kept: &Tree, changes: &[Change]) -> rustix::io::Result<()> {
    let kept_ones = changes.iter().filter(|change| change.waits() && change.kind != Kind::Removed);
    for change in kept_ones {
        let Some(stat) = view.stat(&change.path)? else { continue };
        let (to, name) = parent_made(kept, &change.path)?;
        if change.is_directory() {
            match rustix::fs::mkdirat(&to, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            // It stays one that we can write to: what was in it follows.
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777) | Mode::RWXU;
            rustix::fs::chmodat(&to, name, mode, AtFlags::empty())?;
            continue;
        }
        let (from, _) = view.parent(&change.path)?;
        tree::remove_overlay_marks(&from, name, &stat)?;
        rustix::fs::renameat(&from, name, &to, name)?;
    }
    Ok(())
}

/// The directory of `path` below `tree`, made where it is missing.
fn parent_made<'a>(tree: &Tree, path: &'a Path) -> rustix::io::Result<(OwnedFd, &'a OsStr)> {
    let mut made = PathBuf::new();
    for name in path.parent().into_iter().flat_map(Path::components) {
        let above = tree.directory(&made)?;
        let name: OsString = name.as_os_str().to_owned();
        match rustix::fs::mkdirat(&above, &name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        made.push(name);
    }
    tree.parent(path)
}
