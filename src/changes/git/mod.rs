//! What of the changes git would act on. In a git directory only what this module knows is applied.
//!
//! Source: gitrepository-layout(5), git-config(1), and `is_git_directory` and `read_gitfile_gently` in git's setup.c.

mod config;
mod index;
mod program;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::judge::Result;
use super::tree::Tree;
use super::{Change, Kind, Node, State, overlay, rules};
pub(crate) use config::{Keys, has as has_keys, set as set_keys};
pub(crate) use program::Program;

/// No file of these is longer: references and lists of them.
const MAX_TEXT: u64 = 16 << 20;

/// Each is asked for its configuration.
const MOST_SIBLINGS: usize = 200;

/// What is known of the repositories in a project.
#[derive(Debug)]
pub(crate) struct Git<'a> {
    result: Result<'a>,
    program: Option<Program>,
    /// Whether git would take a directory for a repository: the host's, and that of the result.
    directories: HashMap<PathBuf, (bool, bool)>,
    /// What the configuration for a working tree names, by the tree's directory.
    configured: HashMap<PathBuf, Vec<PathBuf>>,
    /// The working trees beside each other in a directory that is none.
    siblings: Option<Vec<PathBuf>>,
    /// What becomes of a `config`, by its path.
    keys: HashMap<PathBuf, config::Verdict>,
}

/// Where a path is, for git.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Area {
    /// In no git directory.
    Outside,
    /// In a git directory of the host, and under this path there.
    Inside(PathBuf, PathBuf),
    /// In something that would be a git directory afterwards, or is called like one.
    New,
}

impl<'a> Git<'a> {
    /// For these changes; `program` is the host's git, if there is one.
    pub(crate) fn new(result: Result<'a>, program: Option<Program>) -> Self {
        Self {
            result,
            program,
            directories: HashMap::new(),
            configured: HashMap::new(),
            siblings: None,
            keys: HashMap::new(),
        }
    }

    /// The rule that holds `change` back, as far as git is concerned.
    pub(crate) fn rule(&mut self, change: &Change) -> Option<&'static str> {
        match self.area(&change.path, change.is_directory()) {
            Area::New => Some(rules::GIT_DIRECTORY),
            Area::Inside(directory, path) => self.rule_inside(change, &directory, &path),
            Area::Outside if self.is_configured(change) => Some(rules::GIT_CONFIG),
            Area::Outside => None,
        }
    }

    fn area(&mut self, path: &Path, is_directory: bool) -> Area {
        let mut directories: Vec<&Path> = path.ancestors().skip(usize::from(!is_directory)).collect();
        directories.reverse();
        let mut area = Area::Outside;
        for directory in directories {
            let (before, after) = self.is_git_directory(directory);
            let named = directory.file_name().is_some_and(is_called_git) && area == Area::Outside;
            if before {
                let inside = path.strip_prefix(directory).unwrap_or(path).to_owned();
                area = Area::Inside(directory.to_owned(), inside);
            } else if after || named {
                return Area::New;
            }
        }
        let named = path.file_name().is_some_and(is_called_git);
        if !is_directory && named && area == Area::Outside { Area::New } else { area }
    }

    /// Whether git takes `path` for a repository now, and whether it would if all were applied. More than git does: it also looks
    /// at what `HEAD` says, and needs `refs`.
    fn is_git_directory(&mut self, path: &Path) -> (bool, bool) {
        if let Some(known) = self.directories.get(path) {
            return *known;
        }
        let before = |name: &str| self.result.host.stat(&path.join(name)).ok().flatten().is_some();
        let after = |name: &str| self.result.find(&path.join(name)).is_some();
        let known = (
            before("HEAD") && (before("objects") || before("commondir")),
            after("HEAD") && (after("objects") || after("commondir")),
        );
        self.directories.insert(path.to_owned(), known);
        known
    }

    /// The allow-list: `path` is relative to the git directory `directory`.
    fn rule_inside(&mut self, change: &Change, directory: &Path, path: &Path) -> Option<&'static str> {
        let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
        let Some(names) = names.filter(|names| !names.iter().any(|name| name.contains(char::is_control)))
        else {
            return Some(rules::GIT_CONFIG);
        };
        // Somebody may be in there, for whom git would look no further.
        if names.iter().any(|name| is_called_git(name.as_ref())) {
            return Some(rules::GIT_DIRECTORY);
        }
        if change.node == Node::Directory {
            let known = matches!(names[..], [] | ["refs" | "logs", ..] | ["objects"] | ["objects", "pack"])
                || matches!(names[..], ["objects", fan] if is_hex(fan, &[2]));
            let essential = matches!(names[..], [] | ["refs" | "objects"]) && change.kind == Kind::Removed;
            return (!known || essential).then_some(rules::GIT_CONFIG);
        }
        if names[..].first() == Some(&"objects") {
            let object =
                matches!(names[..], ["objects", fan, rest] if is_hex(fan, &[2]) && is_hex(rest, &[38, 62]));
            let pack = matches!(names[..], ["objects", "pack", file] if is_pack(file));
            let allowed = (object || pack) && change.kind == Kind::Added && change.node == Node::File;
            return (!allowed).then_some(rules::GIT_OBJECT);
        }
        if change.kind != Kind::Removed && change.node != Node::File {
            return Some(rules::GIT_CONFIG);
        }
        let content = || self.result.view.content(&change.path, MAX_TEXT);
        let removed = change.kind == Kind::Removed;
        let allowed = match names[..] {
            ["refs", _, ..] => {
                let is_named = is_reference_name(&names.join("/"));
                is_named && (removed || content().is_some_and(|text| is_reference(&text)))
            }
            ["packed-refs"] => removed || content().is_some_and(|text| is_packed_references(&text)),
            ["HEAD"] => !removed && content().is_some_and(|text| is_reference(&text)),
            ["logs", "HEAD"] | ["ORIG_HEAD" | "FETCH_HEAD" | "COMMIT_EDITMSG"] => true,
            ["logs", ref rest @ ..] => is_reference_name(&rest.join("/")),
            [name] if name.starts_with("MERGE_") => !is_locked(name),
            ["index"] => return self.index_rule(change, directory),
            ["config"] => return self.config_rule(change),
            _ => false,
        };
        (!allowed).then_some(rules::GIT_CONFIG)
    }

    fn index_rule(&self, change: &Change, directory: &Path) -> Option<&'static str> {
        let Some(program) = self.program.as_ref().filter(|_| change.kind != Kind::Removed) else {
            return Some(rules::GIT_INDEX);
        };
        let (view, host) =
            (self.result.view.path().join(&change.path), self.result.host.path().join(&change.path));
        let common = self.common_directory(directory);
        let acceptable = index::is_acceptable(program, &view, &host, &common.join("config"));
        (!acceptable).then_some(rules::GIT_INDEX)
    }

    /// The directory with what the worktrees of a repository share.
    fn common_directory(&self, directory: &Path) -> PathBuf {
        let host = self.result.host.path().join(directory);
        let named = self.result.host.content(&directory.join("commondir"), 1 << 12);
        let named = named.and_then(|text| String::from_utf8(text).ok());
        named.map_or_else(|| host.clone(), |text| host.join(text.trim_end()))
    }

    fn config_rule(&mut self, change: &Change) -> Option<&'static str> {
        let verdict = self.config_verdict(change)?;
        verdict.is_more_than_keys.then_some(rules::GIT_CONFIG)
    }

    fn config_verdict(&mut self, change: &Change) -> Option<&config::Verdict> {
        let path = &change.path;
        if !self.keys.contains_key(path) {
            let (view, host) = (self.result.view.path().join(path), self.result.host.path().join(path));
            let both = self.program.as_ref().filter(|_| change.kind == Kind::Modified);
            let verdict = both.and_then(|program| config::compare(program, &view, &host)).unwrap_or_default();
            self.keys.insert(path.clone(), verdict);
        }
        self.keys.get(path)
    }

    /// The change that sets those keys of a `config` that may be set, if `change` is of one.
    pub(crate) fn branch_keys(&mut self, change: &Change) -> Option<Change> {
        let inside = self.area(&change.path, change.is_directory());
        if !matches!(inside, Area::Inside(_, path) if path == Path::new("config")) || change.is_directory() {
            return None;
        }
        let keys = self.config_verdict(change)?.keys.clone();
        let applied = Change { state: State::Wanted, plain: false, ..change.clone() };
        (!keys.is_empty()).then_some(Change { keys: Some(keys), ..applied })
    }

    /// Whether `change` is of an object's time alone: git sets it where it would write the object once more.
    pub(crate) fn is_touched(&mut self, change: &Change) -> bool {
        let Area::Inside(_, path) = self.area(&change.path, change.is_directory()) else { return false };
        let is_object =
            path.starts_with("objects") && change.kind == Kind::Modified && change.node == Node::File;
        let both = is_object.then(|| {
            Some((self.result.view.stat(&change.path).ok()??, self.result.host.stat(&change.path).ok()??))
        });
        both.flatten().is_some_and(|(view, host)| {
            let same_kind = view.st_mode == host.st_mode && view.st_size == host.st_size;
            same_kind
                && overlay::has_same_content(self.result.view, self.result.host, &change.path)
                    .unwrap_or(false)
        })
    }

    /// Whether the keys that may be set are all that a change is about.
    pub(crate) fn is_applied_by_keys(&self, change: &Change) -> bool {
        self.keys.get(&change.path).is_some_and(|verdict| !verdict.is_more_than_keys)
    }

    /// Whether git's configuration on the host names `change` as a place of hooks or of more configuration.
    fn is_configured(&mut self, change: &Change) -> bool {
        let mut trees: Vec<PathBuf> = change.path.ancestors().skip(1).map(Path::to_owned).collect();
        trees.extend_from_slice(self.siblings());
        trees.iter().any(|tree| {
            let named = self.configured(tree);
            let leads_there = |named: &PathBuf| !change.is_directory() && named.starts_with(&change.path);
            named.iter().any(|named| change.path.starts_with(named) || leads_there(named))
        })
    }

    /// The repositories of one project may name what is in the next one, or beside them.
    fn siblings(&mut self) -> &[PathBuf] {
        let host = self.result.host;
        self.siblings.get_or_insert_with(|| {
            let is_tree = |path: &Path| host.stat(&path.join(".git")).ok().flatten().is_some();
            let names = host.names(Path::new("")).ok().filter(|_| !is_tree(Path::new("")));
            let trees = names.into_iter().flatten().map(PathBuf::from).filter(|name| is_tree(name));
            trees.take(MOST_SIBLINGS).collect()
        })
    }

    fn configured(&mut self, tree: &Path) -> &[PathBuf] {
        let (host, program) = (self.result.host, self.program.as_ref());
        self.configured.entry(tree.to_owned()).or_insert_with(|| {
            let is_root = tree.as_os_str().is_empty();
            let has_own = host.stat(&tree.join(".git")).ok().flatten().is_some();
            match program {
                Some(program) if is_root || has_own => configured_paths(program, host, tree),
                _ => Vec::new(),
            }
        })
    }

    /// When what git reads is applied: references behind objects, and what is checked out behind them.
    pub(crate) fn rank(&mut self, path: &Path) -> u8 {
        match self.area(path, false) {
            Area::Inside(_, inside) => match inside.iter().next().and_then(|name| name.to_str()) {
                Some("objects") => 0,
                Some("HEAD" | "index") => 2,
                _ => 1,
            },
            _ => 0,
        }
    }
}

/// What git's configuration for the working tree `tree` of `host` names within `host`, relative to it.
fn configured_paths(program: &Program, host: &Tree, tree: &Path) -> Vec<PathBuf> {
    let root = host.path();
    let named = config::named_paths(program, &root.join(tree));
    let real_root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let mut within = Vec::new();
    for path in named {
        within.extend(path.strip_prefix(root).map(Path::to_owned));
        // Where it leads to, if it is a link.
        let real = std::fs::canonicalize(&path).ok();
        within.extend(real.and_then(|real| real.strip_prefix(&real_root).map(Path::to_owned).ok()));
    }
    // The whole project would be meant by an empty path.
    within.retain(|path| !path.as_os_str().is_empty());
    within.sort();
    within.dedup();
    within
}

/// Whether git, on some file system, takes `name` for `.git`.
fn is_called_git(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    // Characters that HFS+ ignores, and Windows' short name.
    let plain: String = name.chars().filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')).collect();
    let plain = plain.trim_end_matches(['.', ' ']);
    plain.eq_ignore_ascii_case(".git") || plain.eq_ignore_ascii_case("git~1")
}

fn is_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `pack-ID.pack` and what belongs to it.
fn is_pack(file: &str) -> bool {
    let Some((id, kind)) = file.strip_prefix("pack-").and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    is_hex(id, &[40, 64]) && matches!(kind, "pack" | "idx" | "rev" | "bitmap" | "mtimes")
}

/// git's own lock on a file, left by one that was killed: it would block git.
fn is_locked(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("lock"))
}

/// An object id, or the name of another reference.
fn is_reference(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let text = text.strip_suffix('\n').unwrap_or(text);
    match text.strip_prefix("ref: ") {
        Some(name) => is_reference_name(name.trim()),
        None => is_hex(text, &[40, 64]),
    }
}

/// Below `refs`, and nothing that leads elsewhere (git-check-ref-format(1), without its finer points).
fn is_reference_name(name: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !is_locked(part);
    name.starts_with("refs/")
        && name.split('/').all(plain)
        && !name.contains(|c: char| c.is_control() || c == ' ')
}

fn is_packed_references(content: &[u8]) -> bool {
    content.split(|&byte| byte == b'\n').all(|line| match line {
        [] | [b'#', ..] => true,
        [b'^', id @ ..] => std::str::from_utf8(id).is_ok_and(|id| is_hex(id, &[40, 64])),
        line => std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(' '))
            .is_some_and(|(id, name)| is_hex(id, &[40, 64]) && is_reference_name(name)),
    })
}
