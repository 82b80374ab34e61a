//! What a command changed in directories that it may write to: it works on a view of them, and what it changed is
//! compared, judged and applied when it has ended.
//!
//! ```text
//! tree            a directory that nothing leads out of
//! means           which of the two kinds of view a directory gets
//! overlay, copy   the two kinds of view, and what they hold in comparison with the host
//! judge, rules    which changes are applied, and which are held back; git has a part of its own, and so have links
//! apply           the changes onto the host, each one atomically
//! project         the directory that a command may write to, and the git directory that belongs to it
//! show            changes side by side, for somebody who looks at them
//! interrupted     what is left when somebody is killed
//! store, view     views and changes on disk, from the command's start until nothing waits any more
//! ```
//!
//! `do --write` makes them, `docker sandbox changes` shows, applies and drops what waits.

pub(crate) mod apply;
pub(crate) mod baseline;
pub(crate) mod copy;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod interrupted;
pub(crate) mod judge;
pub(crate) mod links;
pub(crate) mod means;
pub(crate) mod overlay;
pub(crate) mod project;
pub mod rules;
pub(crate) mod show;
pub(crate) mod store;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
pub(crate) mod view;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sandbox::report;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// It was not there.
    Added,
    /// Its content, mode, modification time or type is another.
    Modified,
    /// It is not there any more.
    Removed,
}

/// What a path is after the command; before it, if it was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Node {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe.
    Special,
}

/// One path that a command changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Relative to the root of the view.
    #[serde(with = "path_text")]
    pub(crate) path: PathBuf,
    /// What happened to it.
    pub(crate) kind: Kind,
    /// What it is.
    pub(crate) node: Node,
    /// What becomes of it.
    pub(crate) state: State,
    /// Of a git `config`: not the file is applied, but these keys are set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<git::Keys>,
    /// Whether the file in the view can become the host's as it is: its owner is right, and overlayfs left no marks.
    #[serde(skip)]
    pub(crate) plain: bool,
}

/// What becomes of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It is to be applied.
    Wanted,
    /// The host has it.
    Applied,
    /// The rule of this id holds it back.
    Held(String),
    /// The path changed on the host while the command ran: the host's stays.
    Conflict,
    /// The host refused it, for this reason.
    Failed(String),
    /// Others were chosen.
    Deferred,
}

impl Change {
    fn new(path: PathBuf, kind: Kind, node: Node) -> Self {
        Self { path, kind, node, state: State::Wanted, keys: None, plain: false }
    }

    /// A directory of which the command took the right to read it away, or that is in too many others.
    fn unreadable(path: PathBuf, kind: Kind) -> Self {
        let reason = if tree::is_too_deep(&path) { "its path is too long" } else { "it cannot be read" };
        let state = State::Failed(reason.to_owned());
        Self { state, ..Self::new(path, kind, Node::Directory) }
    }

    /// Whether nothing but a directory can be in its place, before or after.
    pub(crate) fn is_directory(&self) -> bool {
        self.node == Node::Directory
    }

    /// For programs; `root` is the directory that its path is relative to.
    pub(crate) fn report(&self, root: &Path) -> report::Change {
        report::Change {
            path: root.join(&self.path),
            kind: self.kind.name(),
            node: self.node.name(),
            state: self.state.name(),
            rule: self.state.rule().map(str::to_owned),
            reason: self.state.reason(),
        }
    }

    /// Whether it waits for somebody to decide.
    pub(crate) fn waits(&self) -> bool {
        self.state != State::Applied
    }
}

impl Node {
    fn of(stat: &rustix::fs::Stat) -> Self {
        use rustix::fs::FileType;
        match tree::file_type(stat) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            _ => Self::Special,
        }
    }
}

/// Paths in our own files: text, with `%` and two hexadecimal digits for what is not UTF-8.
mod path_text {
    use std::ffi::OsString;
    use std::fmt::Write as _;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        for chunk in path.as_os_str().as_bytes().utf8_chunks() {
            text.push_str(&chunk.valid().replace('%', "%25"));
            for byte in chunk.invalid() {
                let _ = write!(text, "%{byte:02x}");
            }
        }
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let digits = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let byte = digits.ok_or_else(|| serde::de::Error::custom("a path that is not ours"))?;
            bytes.push(byte);
            bytes.extend(part.as_bytes().get(2..).unwrap_or_default());
        }
        Ok(OsString::from_vec(bytes).into())
    }
}
