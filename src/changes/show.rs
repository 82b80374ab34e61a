//! Changes for somebody who looks at them: what the host has beside what the command left. Names and contents are the command's:
//! all text that is made of them here is harmless to a terminal.

mod diff;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

use super::git::Keys;
use super::tree::{self, Tree};
use super::{Change, Kind, Node, State, rules};
use crate::ui::{plain, shell_line};
use diff::Lines;

/// Files that are larger are not compared line by line.
const MAX_SIZE: u64 = 8 << 20;

/// Text with what is no UTF-8 as `\xff`, harmless to a terminal, on one line.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&plain(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A path likewise.
pub(crate) fn path_text(path: &Path) -> String {
    text(path.as_os_str().as_bytes())
}

impl State {
    /// Its name, for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Wanted | Self::Deferred => "waiting",
            Self::Applied => "applied",
            Self::Held(_) => "held-back",
            Self::Conflict => "conflict",
            Self::Failed(_) => "failed",
        }
    }

    /// The id of the rule that holds the change back.
    pub(crate) fn rule(&self) -> Option<&str> {
        if let Self::Held(rule) = self { Some(rule) } else { None }
    }

    /// Why the change was not applied, if there is more to say than that nobody has looked at it yet.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Wanted | Self::Deferred | Self::Applied => None,
            Self::Held(rule) => rules::find(rule).map(|rule| rule.why.to_owned()),
            Self::Conflict => Some("it changed on the host since the command began".to_owned()),
            Self::Failed(reason) => Some(plain(reason)),
        }
    }
}

impl Kind {
    /// `added`, `modified`, `removed`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Removed => "removed",
        }
    }
}

impl Node {
    /// In JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Special => "special",
        }
    }
}

/// One line of a list of changes.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    /// A change.
    One(&'a Change),
    /// That many of git's objects and packs in this git directory: nobody can read them.
    Objects(PathBuf, usize, &'a State),
}

/// Those of `changes` that wait, ordered by their paths, the objects of a git directory as one.
pub(crate) fn items<'a>(view: &Tree, host: &Tree, changes: &'a [Change]) -> Vec<Item<'a>> {
    let mut ones: Vec<&Change> = changes.iter().filter(|change| change.waits()).collect();
    ones.sort_by(|one, other| one.path.cmp(&other.path));
    let mut objects: BTreeMap<(PathBuf, String), (usize, &State)> = BTreeMap::new();
    let mut items = Vec::new();
    for change in ones {
        match object_directory(view, host, change) {
            Some(directory) => {
                let key = (directory.join("objects"), format!("{:?}", change.state));
                let counted = objects.entry(key).or_insert((0, &change.state));
                counted.0 += usize::from(!change.is_directory());
            }
            None => items.push(Item::One(change)),
        }
    }
    let objects = objects.into_iter().filter(|(_, (number, _))| *number > 0);
    items.extend(objects.map(|((path, _), (number, state))| Item::Objects(path, number, state)));
    items.sort_by(|one, other| one.path().cmp(other.path()));
    items
}

impl Item<'_> {
    /// Relative to the root of the view.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::One(change) => &change.path,
            Self::Objects(path, _, _) => path,
        }
    }

    /// What becomes of it.
    pub(crate) fn state(&self) -> &State {
        match self {
            Self::One(change) => &change.state,
            Self::Objects(_, _, state) => state,
        }
    }
}

/// The git directory that `change` is an object of, by its name: gitrepository-layout(5).
fn object_directory(view: &Tree, host: &Tree, change: &Change) -> Option<PathBuf> {
    let names: Vec<&str> = change.path.iter().map(|name| name.to_str()).collect::<Option<_>>()?;
    let at = names.iter().rposition(|name| *name == "objects")?;
    let is_hex = |name: &str, lengths: &[usize]| {
        lengths.contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_pack = |name: &str| {
        let stem = name.strip_prefix("pack-").and_then(|rest| rest.split_once('.'));
        stem.is_some_and(|(stem, _)| is_hex(stem, &[40, 64]))
    };
    let fits = match names[at + 1..] {
        [] | ["pack"] => change.is_directory(),
        [fan] => change.is_directory() && is_hex(fan, &[2]),
        ["pack", name] => change.node == Node::File && is_pack(name),
        [fan, rest] => change.node == Node::File && is_hex(fan, &[2]) && is_hex(rest, &[38, 62]),
        _ => false,
    };
    let directory: PathBuf = names[..at].iter().collect();
    (fits && is_there(view, host, &directory.join("HEAD"))).then_some(directory)
}

fn is_there(view: &Tree, host: &Tree, path: &Path) -> bool {
    [view, host].into_iter().any(|tree| tree.stat(path).ok().flatten().is_some())
}

/// One side of a change.
#[derive(Debug)]
struct Version {
    /// As git writes it: type and permissions.
    mode: u32,
    size: u64,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// Of a file, or the target of a link.
    Bytes(Vec<u8>),
    /// Larger than [`MAX_SIZE`].
    Large,
    /// The index of a git directory.
    Index,
    Unreadable,
    /// A directory.
    Directory,
    /// A device, a socket or a pipe.
    Special,
}

impl Version {
    /// What `tree` has at `path`.
    fn of(tree: &Tree, path: &Path) -> Option<Self> {
        let stat = tree.stat(path).ok().flatten()?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let content = match tree::file_type(&stat) {
            FileType::RegularFile if size > MAX_SIZE => Content::Large,
            FileType::RegularFile => match tree.content(path, MAX_SIZE) {
                Some(bytes) if is_index(path, &bytes) => Content::Index,
                Some(bytes) => Content::Bytes(bytes),
                None => Content::Unreadable,
            },
            FileType::Symlink => match tree.link_target(path) {
                Ok(target) => Content::Bytes(target.as_bytes().to_vec()),
                Err(_) => Content::Unreadable,
            },
            // A whiteout: overlayfs writes what is removed so.
            FileType::CharacterDevice if stat.st_rdev == 0 => return None,
            FileType::Directory => Content::Directory,
            _ => Content::Special,
        };
        Some(Self { mode: git_mode(&stat), size, content })
    }

    /// Whether the other one is the same type of file.
    fn is_like(&self, other: &Self) -> bool {
        self.mode & 0o170_000 == other.mode & 0o170_000
    }

    fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) if !diff::is_binary(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// git writes no permissions of a link.
fn git_mode(stat: &Stat) -> u32 {
    if tree::file_type(stat) == FileType::Symlink { 0o120_000 } else { stat.st_mode }
}

/// Whether a file is what git calls an index. Anything may be called so.
fn is_index(path: &Path, bytes: &[u8]) -> bool {
    path.file_name().is_some_and(|name| name == "index") && bytes.starts_with(b"DIRC\0")
}

/// A change, compared.
#[derive(Debug)]
pub(crate) struct Comparison {
    name: String,
    /// Of a git configuration of which only these keys are applied.
    keys: Option<String>,
    /// Two if the type of the file is another: as git does, one is removed and another one added.
    parts: Vec<Part>,
}

/// Compares what `view` has at the path of `change` with what `host` has.
pub(crate) fn compare(view: &Tree, host: &Tree, change: &Change) -> Comparison {
    let name = path_text(&change.path);
    if let Some(keys) = &change.keys {
        return Comparison { name, keys: Some(key_lines(keys)), parts: Vec::new() };
    }
    let old = Version::of(host, &change.path);
    let new = if change.kind == Kind::Removed { None } else { Version::of(view, &change.path) };
    let is_other = old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| !old.is_like(new));
    let parts =
        if is_other { vec![Part::new(old, None), Part::new(None, new)] } else { vec![Part::new(old, new)] };
    Comparison { name, keys: None, parts }
}

/// Keys as the command lines that set them.
fn key_lines(keys: &Keys) -> String {
    let mut lines = String::new();
    for (key, values) in keys {
        let mut add = |words: &[&str]| {
            let words = ["git", "config"].iter().chain(words);
            let _ = writeln!(lines, "{}", shell_line(words));
        };
        match values.as_slice() {
            [] => add(&["--unset-all", key]),
            [value] => add(&[key, value]),
            values => values.iter().for_each(|value| add(&["--add", key, value])),
        }
    }
    lines
}

impl Comparison {
    /// How many lines are added and removed; `None` if they cannot be counted.
    pub(crate) fn counts(&self) -> Option<(usize, usize)> {
        let lines = self.parts.iter().map(|part| part.lines.as_ref().map(Lines::counts));
        let all: Option<Vec<(usize, usize)>> = lines.collect();
        let all = all.filter(|all| !all.is_empty())?;
        Some(all.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)))
    }

    /// Sizes before and after, in bytes, of what has a size.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let size = |version: Option<&Version>| {
            version.filter(|version| version.has_size()).map_or(0, |version| version.size)
        };
        let old = self.parts.iter().find_map(|part| part.old.as_ref());
        (size(old), size(self.parts.iter().find_map(|part| part.new.as_ref())))
    }

    /// Whether both sides have content that is not text.
    pub(crate) fn is_binary(&self) -> bool {
        let mut versions = self.parts.iter().flat_map(|part| [&part.old, &part.new]).flatten();
        versions.any(|version| version.has_size() && version.bytes().is_none())
    }

    /// As git shows it.
    pub(crate) fn unified(&self) -> String {
        let mut text = String::new();
        let header = format!("diff --git a/{0} b/{0}\n", self.name);
        if let Some(keys) = &self.keys {
            text = header + keys;
            return text;
        }
        for part in &self.parts {
            text.push_str(&header);
            text.push_str(&part.unified(&self.name));
        }
        text
    }
}

/// What was there, and what is there instead.
#[derive(Debug)]
struct Part {
    old: Option<Version>,
    new: Option<Version>,
    /// If both are text.
    lines: Option<Lines>,
}

impl Part {
    fn new(old: Option<Version>, new: Option<Version>) -> Self {
        let text = |version: &Option<Version>| match version {
            None => Some(Vec::new()),
            Some(version) => version.bytes().map(<[u8]>::to_vec),
        };
        let lines = text(&old).zip(text(&new)).map(|(old, new)| Lines::new(old, new));
        Self { old, new, lines }
    }

    fn unified(&self, name: &str) -> String {
        let mut text = String::new();
        let (old, new) = (self.old.as_ref(), self.new.as_ref());
        let _ = match (old, new) {
            (Some(old), None) => writeln!(text, "deleted file mode {:06o}", old.mode),
            (None, Some(new)) => writeln!(text, "new file mode {:06o}", new.mode),
            (Some(old), Some(new)) if old.mode != new.mode => {
                writeln!(text, "old mode {:06o}\nnew mode {:06o}", old.mode, new.mode)
            }
            _ => Ok(()),
        };
        let names = [old.map(|_| 'a'), new.map(|_| 'b')]
            .map(|side| side.map_or_else(|| "/dev/null".to_owned(), |side| format!("{side}/{name}")));
        match &self.lines {
            Some(lines) if lines.differ() => {
                let _ = write!(text, "--- {}\n+++ {}\n{}", names[0], names[1], lines.hunks());
            }
            Some(_) => {}
            None if old.zip(new).is_some_and(|(old, new)| old.has_content_of(new)) => {}
            None => {
                if let Some(what) = [old, new].into_iter().flatten().find_map(Version::unshown) {
                    let sided = |name: &str, version: Option<&Version>| match version {
                        Some(version) if version.has_size() => format!("{name} ({} bytes)", version.size),
                        _ => name.to_owned(),
                    };
                    let (old, new) = (sided(&names[0], old), sided(&names[1], new));
                    let _ = writeln!(text, "{} {old} and {new} {}", what.0, what.1);
                }
            }
        }
        match (old, new) {
            (None, None) => text.push_str("neither the host nor the command has it any more\n"),
            _ if text.is_empty() => text.push_str("only the modification time differs\n"),
            _ => {}
        }
        text
    }
}

impl Version {
    fn has_content_of(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Bytes(one), Content::Bytes(other)) => one == other,
            (Content::Directory, Content::Directory) | (Content::Special, Content::Special) => true,
            _ => false,
        }
    }

    fn has_size(&self) -> bool {
        !matches!(self.content, Content::Directory | Content::Special)
    }

    /// What it is, if it is not shown, and what is known of it.
    fn unshown(&self) -> Option<(&'static str, &'static str)> {
        match &self.content {
            Content::Bytes(bytes) => diff::is_binary(bytes).then_some(("Binary files", "differ")),
            Content::Large => Some(("Large files", "are not compared")),
            Content::Index => Some(("Indexes of git", "differ")),
            Content::Unreadable => Some(("Unreadable files", "are not compared")),
            Content::Directory => None,
            Content::Special => Some(("Special files", "differ")),
        }
    }
}
