//! Which changes are applied and which are held back: the rules over the result, before anything is applied.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Stat};

use super::apply::settle_directories;
use super::baseline::Baseline;
use super::git::Git;
use super::links::Links;
use super::tree::{self, Tree, file_type};
use super::{Change, Kind, Node, State, rules};

/// Links within the project that one link may lead through.
const MAX_LINKS: u8 = 8;

/// What the host would have if everything were applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Result<'a> {
    pub(crate) view: &'a Tree,
    pub(crate) host: &'a Tree,
    /// Whether what the view does not have is the host's.
    pub(crate) is_overlay: bool,
}

impl Result<'_> {
    /// The tree in which `path` is found, and its status there.
    pub(crate) fn find(&self, path: &Path) -> Option<(&Tree, Stat)> {
        match self.view.stat(path) {
            Ok(Some(stat)) => {
                let whiteout = file_type(&stat) == FileType::CharacterDevice && stat.st_rdev == 0;
                (!whiteout).then_some((self.view, stat))
            }
            _ if self.is_overlay => Some((self.host, self.host.stat(path).ok().flatten()?)),
            _ => None,
        }
    }
}

/// What the verdicts depend on.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) result: Result<'a>,
    pub(crate) baseline: &'a Baseline,
    /// Rules that do not hold.
    pub(crate) allowed: &'a BTreeSet<String>,
    pub(crate) git: Git<'a>,
}

impl Judge<'_> {
    /// Decides about each change that is wanted.
    pub(crate) fn decide(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let mut decided = Vec::with_capacity(changes.len());
        let mut links = Links::new(self.result.host);
        for mut change in changes {
            if change.state != State::Wanted {
                decided.push(change);
                continue;
            }
            if self.git.is_touched(&change) {
                continue;
            }
            if let Some(applied) = self.git.branch_keys(&change) {
                decided.push(applied);
            }
            change.state = self.verdict(&change, &mut links);
            // Nothing is left of it once these keys are applied.
            if change.state == State::Applied {
                continue;
            }
            decided.push(change);
        }
        settle_directories(&mut decided);
        decided
    }

    fn verdict(&mut self, change: &Change, links: &mut Links<'_>) -> State {
        if let Some(rule) = self.rules(change, links).into_iter().find(|rule| !self.allowed.contains(*rule)) {
            return State::Held(rule.to_owned());
        }
        if self.git.is_applied_by_keys(change) {
            return State::Applied;
        }
        if self.conflicts(change) { State::Conflict } else { State::Wanted }
    }

    /// The ids of all rules that hold it back.
    fn rules(&mut self, change: &Change, links: &mut Links<'_>) -> Vec<&'static str> {
        let mut found = Vec::new();
        found.extend(self.git.rule(change));
        found.extend(rules::of_path(&change.path, change.node == Node::Symlink).iter().map(|rule| rule.id));
        found.extend(links.rules(change).iter().map(|rule| rule.id));
        if change.kind == Kind::Removed {
            return found;
        }
        let stat = self.result.view.stat(&change.path).ok().flatten();
        match change.node {
            Node::Special => found.push(rules::SPECIAL_FILE),
            Node::File if stat.is_some_and(|stat| stat.st_mode & 0o6000 != 0) => found.push(rules::SET_ID),
            Node::Symlink if self.leads_out(&change.path, MAX_LINKS) => found.push(rules::LINK_OUTSIDE),
            _ => {}
        }
        found
    }

    fn conflicts(&self, change: &Change) -> bool {
        let now = self.result.host.stat(&change.path).ok().flatten();
        match (change.kind, &now) {
            (Kind::Added, None) if !change.is_directory() => {
                let parent = change.path.parent().unwrap_or(Path::new(""));
                let was_there = self.is_copied_up(&change.path)
                    // The command made the directory, so nothing has been there.
                    && (self.is_copied_up(parent) || self.result.host.stat(parent).ok().flatten().is_some());
                self.baseline.was_removed(&change.path, self.result.host, was_there)
            }
            (Kind::Modified, None) => !change.is_directory(),
            (Kind::Added | Kind::Removed, None) => false,
            (_, now) => self.baseline.differs(&change.path, now.as_ref()),
        }
    }

    fn is_copied_up(&self, path: &Path) -> bool {
        use std::os::fd::AsFd as _;
        let Ok((parent, name)) = self.result.view.parent(path) else { return false };
        tree::overlay_marks(parent.as_fd(), name).iter().any(|mark| mark == "user.overlay.origin")
    }

    /// Whether the link `path` leads out of the project, or may do so.
    fn leads_out(&self, path: &Path, links: u8) -> bool {
        let Some((tree, _)) = self.result.find(path) else { return true };
        let Ok(target) = tree.link_target(path) else { return true };
        let Some(target) = self.within(path, &target) else { return true };
        // A link on the way, or at its end, leads on.
        let mut reached = PathBuf::new();
        for name in &target {
            reached.push(name);
            let is_link =
                self.result.find(&reached).is_some_and(|(_, stat)| file_type(&stat) == FileType::Symlink);
            if is_link && (links == 0 || reached != target || self.leads_out(&reached, links - 1)) {
                return true;
            }
        }
        false
    }

    /// Where `target`, read as the target of the link `path`, is below the root; `None` if it is not, or cannot be told without
    /// following it.
    fn within(&self, path: &Path, target: &OsStr) -> Option<PathBuf> {
        let target = Path::new(target);
        let mut at: PathBuf = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut rest = target;
        if target.is_absolute() {
            rest = target.strip_prefix(self.result.host.path()).ok()?;
            at = PathBuf::new();
        }
        let mut descends = false;
        for part in rest.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if !descends => {
                    if !at.pop() {
                        return None;
                    }
                }
                Component::Normal(name) => {
                    descends = true;
                    at.push(name);
                }
                // Behind a name, `..` is wherever that name leads.
                _ => return None,
            }
        }
        Some(at)
    }
}
