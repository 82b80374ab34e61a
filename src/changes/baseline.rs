//! What the host had when the command began, as far as it takes to see that the host has changed since.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

use super::Node;
use super::tree::{Time, Tree, changed_at};

/// How a change on the host is noticed.
#[derive(Debug, Clone)]
pub(crate) enum Baseline {
    /// By the status change time, which nobody can set: it is later than this one. The view is an overlay.
    Since(Time),
    /// By what was there when the view was copied.
    Copied(HashMap<PathBuf, Seen>),
}

/// What a file was when it was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) node: Node,
    pub(crate) inode: u64,
    pub(crate) changed_at: Time,
    /// The status change time of the copy, once it was made.
    pub(crate) copied_at: Time,
}

impl Baseline {
    /// Whether `path`, which is `now` on the host, is not what the command saw. A directory is the same as long as it is one:
    /// its entries are compared themselves.
    pub(crate) fn differs(&self, path: &Path, now: Option<&Stat>) -> bool {
        match (self, now) {
            (Self::Since(start), Some(now)) => Node::of(now) != Node::Directory && changed_at(now) > *start,
            (Self::Since(_), None) => false,
            (Self::Copied(seen), now) => match (seen.get(path), now) {
                (None, None) => false,
                (Some(seen), Some(now)) if seen.node == Node::Directory => Node::of(now) != Node::Directory,
                (Some(seen), Some(now)) => seen.inode != now.st_ino || seen.changed_at != changed_at(now),
                (None, Some(now)) => Node::of(now) != Node::Directory,
                (Some(_), None) => true,
            },
        }
    }

    /// Whether a file that the command has and the host has not was removed on the host meanwhile. In an overlay this is only
    /// known of files that were copied up, which also those are that the command renamed: then the directory tells, or the nearest
    /// one that the host has.
    pub(crate) fn was_removed(&self, path: &Path, host: &Tree, copied_up: bool) -> bool {
        match self {
            Self::Since(start) => {
                let directory = path.ancestors().skip(1).find_map(|above| host.stat(above).ok().flatten());
                copied_up && directory.is_none_or(|directory| changed_at(&directory) > *start)
            }
            Self::Copied(seen) => seen.contains_key(path),
        }
    }
}
