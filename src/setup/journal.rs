//! What was done, beside the daemon.json that it was done for: `daemon.json.docker-sandbox-NAME`.
//!
//! Written before each step, whole or not at all. It says what `--undo` takes back, and what a run
//! that was killed has left half done. As it names what is removed, it is believed only where nobody
//! else can have written it: the directory has been checked ([`super::target`]), and the file is ours.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::file;
use crate::error::Error;
use crate::ui::shown;

const SUFFIX: &str = ".docker-sandbox-";

/// The journal of one runtime name in one daemon.json.
#[derive(Debug)]
pub struct Journal {
    file: PathBuf,
    /// The daemon.json, links followed.
    pub config: PathBuf,
    /// The runtime's name.
    pub name: String,
    /// What is on record.
    pub record: Record,
    /// Nobody else works on this folder's files as long as this is open.
    _lock: File,
}

/// What is on record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// What finished runs have done.
    pub done: Option<Change>,
    /// What a run is doing, or was when it ended.
    pub pending: Option<Change>,
}

impl Journal {
    /// Opens the journal of `name` for `config`, which is no link. Its folder is there.
    ///
    /// # Errors
    /// Another run is at work, or the journal cannot be read.
    pub fn open(config: &Path, name: &str) -> anyhow::Result<Self> {
        let folder = config.parent().unwrap_or(Path::new("/"));
        let lock = File::open(folder).with_context(|| format!("cannot open {}", shown(folder)))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            Error::new(format!("another `docker sandbox setup` is at work in {} ({error})", shown(folder)))
        })?;
        let file = path(config, name);
        let record = read(&file)?;
        // Without the right to write there is nothing of ours.
        let _ = file::sweep(config);
        Ok(Self { file, config: config.to_owned(), name: name.to_owned(), record, _lock: lock })
    }

    /// The record of another name, to be given something to take back: what of ours it relies on.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn bequeath(&self, heir: &str, give: impl FnOnce(&mut Change)) -> anyhow::Result<()> {
        let file = path(&self.config, heir);
        let mut record = read(&file)?;
        let Some(done) = &mut record.done else { return Ok(()) };
        give(done);
        file::replace(&file, &serde_json::to_vec_pretty(&record)?, None, 0o600)
    }

    /// The names that journals beside `config` are about.
    #[must_use]
    pub fn names(config: &Path) -> Vec<String> {
        let prefix = format!("{}{SUFFIX}", config.file_name().unwrap_or_default().to_string_lossy());
        let entries = config.parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_prefix(&prefix)?.to_owned()))
            .filter(|name| Path::new(name).extension().is_none_or(|end| end != "tmp"))
            .collect();
        names.sort();
        names
    }

    /// Writes `change` down as what is being done.
    ///
    /// # Errors
    /// It cannot be written, so the step must not be taken.
    pub fn pending(&mut self, change: &Change) -> anyhow::Result<()> {
        self.record.pending = Some(change.clone());
        self.save()
    }

    /// What was pending is done.
    ///
    /// # Errors
    /// That cannot be written.
    pub fn commit(&mut self) -> anyhow::Result<()> {
        let mut next = self.record.clone();
        if let Some(pending) = next.pending.take() {
            next.done = Some(match next.done.take() {
                Some(done) => done.and_then(pending),
                None => pending,
            });
        }
        // If that fails, it is still pending: on the disk and here.
        let before = std::mem::replace(&mut self.record, next);
        self.save().inspect_err(|_| self.record = before)
    }

    /// Writes the record, or removes a file that has nothing to say.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self) -> anyhow::Result<()> {
        if self.record == Record::default() {
            return file::remove(&self.file);
        }
        file::replace(&self.file, &serde_json::to_vec_pretty(&self.record)?, None, 0o600)
    }
}

fn read(file: &Path) -> anyhow::Result<Record> {
    let Some(text) = file::read_own(file)? else { return Ok(Record::default()) };
    serde_json::from_slice(&text).map_err(|error| {
        Error::new(format!("{} is damaged: {error}", shown(file)))
            .hint(
                "look at it; without it, nothing can be undone:",
                format!("cat {}", crate::ui::shell_line([file])),
            )
            .into()
    })
}

fn path(config: &Path, name: &str) -> PathBuf {
    let mut path = config.as_os_str().to_owned();
    path.push(SUFFIX);
    path.push(name);
    PathBuf::from(path)
}
