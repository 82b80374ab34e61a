//! Views and changes on disk: one directory each, from before the command starts until nothing of it waits any more.
//!
//! ```text
//! ID/record.json   what it is of, and what became of each change: written before the first one is applied
//! ID/lock          held by whoever works on it; the kernel lets go of it when that process ends
//! ID/N/upper       what the command wrote to the N-th directory (an overlay), or
//! ID/N/copy        the directory as the command left it, with seen.json, or
//! ID/N/kept        what waits of it
//! work/N           overlayfs's own directories. Docker's root leaves files in them that only the next mount removes, so they are
//!                  used again instead of being removed
//! ```

use std::ffi::OsString;
use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::tree::{self, Time};
use super::{Change, path_text};
use crate::sandbox::private_file;
use crate::ui::shown;

/// How long changes wait for somebody before `prune` and later commands remove them.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many seconds later than it should a container that waited for a command has ended for certain.
const IDLE_MARGIN: u64 = 600;
const RECORD: &str = "record.json";

/// The views of a user.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    base: PathBuf,
}

/// What is known of one view.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The project's directory.
    #[serde(with = "path_text")]
    pub(crate) project: PathBuf,
    /// The command, as text that is harmless to a terminal.
    pub(crate) command: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) phase: Phase,
    /// Of the daemon that has the container.
    #[serde(with = "path_text")]
    pub(crate) socket: PathBuf,
    /// Of a container that waits for a command: until when it does, as seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idle_until: Option<u64>,
    /// The user id that the command ran as.
    pub(crate) owner: u32,
    pub(crate) roots: Vec<Root>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// The command runs, or waits to be started.
    Running,
    /// The changes are listed, and are being applied.
    Applying,
    /// What is left waits for somebody.
    Waiting,
}

/// A directory that the command may write to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Root {
    /// On the host, and in the container.
    #[serde(with = "path_text")]
    pub(crate) path: PathBuf,
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    /// Where what the command left is.
    pub(crate) holds: Holds,
    /// When the command began.
    pub(crate) since: Time,
    /// overlayfs's own directory.
    pub(crate) work: Option<u32>,
    /// Whether what was written may come to the host.
    pub(crate) applies: bool,
    /// Whether somebody chose what is being applied: it takes the place of whatever the host has.
    #[serde(default)]
    pub(crate) chosen: bool,
    pub(crate) changes: Vec<Change>,
}

/// What is in the directory of a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Holds {
    /// Differences, as overlayfs writes them.
    Upper,
    /// Everything.
    Copy,
    /// Changes that wait.
    Kept,
}

impl Holds {
    /// The name of the directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upper => "upper",
            Self::Copy => "copy",
            Self::Kept => "kept",
        }
    }
}

/// One view that nobody else works on.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) directory: PathBuf,
    _lock: File,
}

impl Store {
    /// Those below `data`, our directory for what is to stay.
    pub(crate) fn new(data: &Path) -> Self {
        Self { base: data.join("changes") }
    }

    /// A new one. The container that writes to it has `id` in its name.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub(crate) fn create(&self, id: &str) -> anyhow::Result<Entry> {
        let directory = self.base.join(id);
        let cannot = || format!("cannot make the directory {}", shown(&directory));
        private_directory(&self.base).with_context(cannot)?;
        private_directory(&directory).with_context(cannot)?;
        let lock = File::create(directory.join("lock")).with_context(cannot)?;
        lock.lock().with_context(cannot)?;
        Ok(Entry { id: id.to_owned(), directory, _lock: lock })
    }

    /// That one, if it is there and nobody works on it.
    pub(crate) fn open(&self, id: &str) -> Option<Entry> {
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let directory = plain.then(|| self.base.join(id))?;
        let lock = File::options().write(true).open(directory.join("lock")).ok()?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            _ => Some(Entry { id: id.to_owned(), directory, _lock: lock }),
        }
    }

    /// All of them by their ids with what is known of them, the oldest first, those at work too.
    pub(crate) fn all(&self) -> Vec<(String, Record)> {
        let entries = std::fs::read_dir(&self.base).into_iter().flatten().flatten();
        let read = |entry: std::fs::DirEntry| {
            let record = record(&entry.path())?;
            Some((entry.file_name().into_string().ok()?, record))
        };
        let mut all: Vec<(String, Record)> = entries.filter_map(read).collect();
        all.sort_by(|one, other| (one.1.created, &one.0).cmp(&(other.1.created, &other.0)));
        all
    }

    /// Removes those whose time is over. Their number.
    pub(crate) fn prune(&self, now: SystemTime) -> usize {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // Of a container that waits, nobody has given it a command by then, and nobody will.
        let expired = |record: &Record| match record.idle_until {
            Some(until) => until + IDLE_MARGIN < now,
            None => record.created + LIFETIME.as_secs() < now,
        };
        let all = self.all().into_iter().filter(|(_, record)| expired(record));
        let removed = all.filter_map(|(id, _)| self.open(&id)).map(Entry::remove).count();
        // Of those that were killed before they had a record nothing waits; who makes one has its lock.
        let entries = std::fs::read_dir(&self.base).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter_map(|id| self.open(&id))
            .filter(|entry| entry.record().is_none())
            .for_each(Entry::remove);
        removed
    }

    /// Removes the views of containers of these names that waited for a command, and are gone.
    pub(crate) fn forget(&self, names: &[&str]) {
        for id in names.iter().filter_map(|name| name.rsplit('-').next()) {
            if let Some(entry) = self.open(id)
                && entry.record().is_some_and(|record| record.idle_until.is_some())
            {
                entry.remove();
            }
        }
    }

    /// A directory for overlayfs's own use, and its number. It is free again when the lock is dropped, and no record of a
    /// container that may be there names it: two mounts must not have the same.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn work(&self) -> anyhow::Result<(u32, PathBuf, File)> {
        let base = self.base.join("work");
        let cannot = || format!("cannot make a directory in {}", shown(&base));
        private_directory(&base).with_context(cannot)?;
        let all = self.all();
        let records = all.iter().map(|(_, record)| record).filter(|record| record.phase == Phase::Running);
        let used: Vec<u32> = records.flat_map(|record| &record.roots).filter_map(|root| root.work).collect();
        for number in (0_u32..).filter(|number| !used.contains(number)) {
            let lock = File::create(base.join(format!("{number}.lock"))).with_context(cannot)?;
            if lock.try_lock().is_ok() {
                let directory = base.join(number.to_string());
                private_directory(&directory).with_context(cannot)?;
                return Ok((number, directory, lock));
            }
        }
        anyhow::bail!(cannot())
    }
}

impl Entry {
    /// The directory of the root `number`, made if it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn root(&self, number: usize, holds: Holds) -> anyhow::Result<PathBuf> {
        let directory = self.directory.join(number.to_string()).join(holds.name());
        private_directory(&directory).with_context(|| format!("cannot make {}", shown(&directory)))?;
        Ok(directory)
    }

    /// What a file is called on the host before it takes its place.
    pub(crate) fn temporary(&self) -> OsString {
        format!(".docker-sandbox-{}", self.id).into()
    }

    /// What is known of it.
    pub(crate) fn record(&self) -> Option<Record> {
        record(&self.directory)
    }

    /// Notes what is known now.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn note(&self, record: &Record) -> anyhow::Result<()> {
        let text = serde_json::to_vec(record)?;
        private_file::replace(&self.directory, &self.directory.join(RECORD), &text)
    }

    /// Removes it with everything in it.
    pub(crate) fn remove(self) {
        // First what makes it one: a killed removal leaves nothing that looks whole.
        let _ = std::fs::remove_file(self.directory.join(RECORD));
        remove_tree(&self.directory);
    }
}

fn record(directory: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(directory.join(RECORD)).ok()?).ok()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn private_directory(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes a directory of which the command may have taken rights away, and which may be deeper than a path can be long.
pub(crate) fn remove_tree(path: &Path) {
    let _ = empty(path);
    let _ = std::fs::remove_dir(path);
}

/// Removes what is in a directory: what is in the directories there is moved up first, so that no depth needs a stack.
fn empty(path: &Path) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let _ = rustix::fs::chmodat(CWD, path, Mode::RWXU, AtFlags::empty());
    let root = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    let mut number = 0_u64;
    loop {
        let names = tree::names_in(&root)?;
        let mut goes_on = false;
        for name in &names {
            if rustix::fs::unlinkat(&root, name, AtFlags::empty()).is_ok() {
                goes_on = true;
                continue;
            }
            let _ = rustix::fs::chmodat(&root, name, Mode::RWXU, AtFlags::empty());
            let directory = rustix::fs::openat(&root, name, flags, Mode::empty())?;
            for inner in tree::names_in(&directory)? {
                if rustix::fs::unlinkat(&directory, &inner, AtFlags::empty()).is_ok() {
                    continue;
                }
                // Of a directory that is moved, the entry for its parent is written.
                let _ = rustix::fs::chmodat(&directory, &inner, Mode::RWXU, AtFlags::empty());
                loop {
                    let moved = number.to_string();
                    number += 1;
                    let never = rustix::fs::RenameFlags::NOREPLACE;
                    match rustix::fs::renameat_with(&directory, &inner, &root, &moved, never) {
                        Err(Errno::EXIST) => {}
                        done => break done?,
                    }
                }
            }
            rustix::fs::unlinkat(&root, name, AtFlags::REMOVEDIR)?;
            goes_on = true;
        }
        if !goes_on {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_depth_keeps_a_directory_from_being_removed() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("deep");
        std::fs::create_dir_all(path.join("0/1")).unwrap();
        std::fs::write(path.join("0/file"), "").unwrap();
        std::os::unix::fs::symlink(base.path(), path.join("0/link")).unwrap();
        std::fs::write(base.path().join("outside"), "").unwrap();
        let mut at = rustix::fs::open(path.join("0/1"), OFlags::PATH, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "0", Mode::RUSR | Mode::XUSR | Mode::WUSR).unwrap();
            let inner = rustix::fs::openat(&at, "0", OFlags::PATH, Mode::empty()).unwrap();
            rustix::fs::chmodat(&at, "0", Mode::XUSR, AtFlags::empty()).unwrap();
            at = inner;
        }
        remove_tree(&path);
        assert!(!path.exists() && base.path().join("outside").exists());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let store = Store::new(base.path());
        let record = |created: u64, idle_until: Option<u64>, phase: Phase| Record {
            project: "/p".into(),
            command: String::new(),
            created,
            phase,
            socket: "/s".into(),
            idle_until,
            owner: 0,
            roots: Vec::new(),
        };
        let put = |id: &str, record: &Record| store.create(id).unwrap().note(record).unwrap();
        let time = now();
        let old = time - LIFETIME.as_secs() - 1;
        put("waits", &record(time, None, Phase::Waiting));
        put("expired", &record(old, None, Phase::Waiting));
        put("runs", &record(time, None, Phase::Running));
        put("left", &record(old, None, Phase::Running));
        put("idle", &record(old, Some(time), Phase::Running));
        put("unused", &record(time, Some(time - IDLE_MARGIN - 1), Phase::Running));
        let locked = store.create("begins").unwrap();
        drop(store.create("killed").unwrap());
        assert_eq!(store.prune(SystemTime::now()), 3);
        let mut left: Vec<String> = std::fs::read_dir(base.path().join("changes"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["begins", "idle", "runs", "waits"]);
        drop(locked);
        store.forget(&["docker-sandbox-spare-idle", "docker-sandbox-do-runs"]);
        assert!(store.open("idle").is_none() && store.open("runs").is_some());
    }
}
