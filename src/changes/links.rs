//! Links of the host that lead from a path that a rule is about to another place in the project: what reads the one reads the other.
//!
//! They are looked for beside each changed path and above it, and within directories that a rule is about.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use rustix::fs::FileType;

use super::rules::{self, Rule};
use super::tree::{Tree, file_type};
use super::{Change, Node};

/// As many links as the kernel follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;
/// Entries of a directory, and of those in it that a rule is about. More of them are not looked at.
const MAX_ENTRIES: usize = 100_000;

/// The links of a project that concern rules.
#[derive(Debug)]
pub(crate) struct Links<'a> {
    host: &'a Tree,
    /// By the directory that they were looked for in.
    known: HashMap<PathBuf, Vec<Link>>,
    /// A directory without any beside it or above: the next change is in the same one, mostly.
    without: Option<PathBuf>,
}

#[derive(Debug)]
struct Link {
    path: PathBuf,
    rules: Vec<&'static Rule>,
    route: Route,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    /// Links on the way, but for the first one.
    through: Vec<PathBuf>,
    target: PathBuf,
}

impl<'a> Links<'a> {
    /// Those of `host`.
    pub(crate) fn new(host: &'a Tree) -> Self {
        Self { host, known: HashMap::new(), without: None }
    }

    /// The rules about paths that lead to `change`.
    pub(crate) fn rules(&mut self, change: &Change) -> Vec<&'static Rule> {
        let mut found = Vec::new();
        if self.without.as_deref() == change.path.parent() {
            return found;
        }
        let mut count = 0;
        for directory in change.path.ancestors().skip(1) {
            let links = self.beside(directory);
            count += links.len();
            found.extend(links.iter().flat_map(|link| link.rules_of(change)));
        }
        self.without = change.path.parent().filter(|_| count == 0).map(Path::to_owned);
        found
    }

    fn beside(&mut self, directory: &Path) -> &[Link] {
        let host = self.host;
        self.known.entry(directory.to_owned()).or_insert_with(|| find(host, directory))
    }
}

impl Link {
    fn rules_of(&self, change: &Change) -> Vec<&'static Rule> {
        let Route { through, target } = &self.route;
        // Something else in the place of a part of the way would lead elsewhere.
        let mut parts = through.iter().chain([target]);
        if !change.is_directory() && parts.any(|part| part.starts_with(&change.path)) {
            return self.rules.clone();
        }
        let Ok(rest) = change.path.strip_prefix(target) else { return Vec::new() };
        rules::of_path(&self.path.join(rest), change.node == Node::Symlink)
    }
}

fn find(host: &Tree, directory: &Path) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = entries(host, directory);
    let mut count = 0;
    while let Some(path) = rest.pop() {
        count += 1;
        if count > MAX_ENTRIES {
            break;
        }
        let rules = rules::of_path(&path, true);
        if rules.is_empty() {
            continue;
        }
        let Some(stat) = host.stat(&path).ok().flatten() else { continue };
        match file_type(&stat) {
            FileType::Symlink => {
                links.extend(route(host, &path).map(|route| Link { path, rules, route }));
            }
            FileType::Directory => rest.extend(entries(host, &path)),
            _ => {}
        }
    }
    links
}

fn entries(host: &Tree, directory: &Path) -> Vec<PathBuf> {
    let names = host.names(directory).unwrap_or_default();
    names.into_iter().map(|name| directory.join(name)).collect()
}

/// Where the link `link` leads within `host`; `None` if it leads out. What is not there yet counts too.
fn route(host: &Tree, link: &Path) -> Option<Route> {
    let mut through = Vec::new();
    let mut at = link.parent()?.to_owned();
    let mut rest: VecDeque<OsString> = VecDeque::from([link.file_name()?.to_owned()]);
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            if !at.pop() {
                return None;
            }
            continue;
        }
        let next = at.join(&name);
        let stat = host.stat(&next).ok().flatten();
        if stat.is_none_or(|stat| file_type(&stat) != FileType::Symlink) {
            at = next;
            continue;
        }
        let target = PathBuf::from(host.link_target(&next).ok()?);
        let mut within = target.as_path();
        if target.is_absolute() {
            at = PathBuf::new();
            within = target.strip_prefix(host.path()).ok()?;
        }
        let names = within.components().filter(|part| *part != Component::CurDir);
        let names: Vec<OsString> = names.map(|part| part.as_os_str().to_owned()).collect();
        names.into_iter().rev().for_each(|name| rest.push_front(name));
        through.push(next);
        if through.len() > MAX_LINKS {
            return None;
        }
    }
    through.remove(0);
    Some(Route { through, target: at })
}
