//! Sandboxes that wait for a command: which there are, one file each, so that whoever takes one away has it alone.
//!
//! A file is named by the specification and the container: `SPEC.CONTAINER.ready`. Taking it is removing it, which only
//! one process can. While a spare is being made its file ends in `.starting`, and whoever makes it holds a lock on it.

use std::fs::{File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use crate::ui::shown;

/// A spare that is about to give up is not taken.
const MARGIN: Duration = Duration::from_secs(5);

/// Where they are, among what concerns a daemon.
pub const FOLDER: &str = "spares";

/// The spares of one daemon.
#[derive(Debug, Clone)]
pub struct Pool {
    folder: PathBuf,
}

/// A spare that is ours now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    /// The container's name, as it was made.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// Room for one more spare, until it is dropped or the spare is ready.
#[derive(Debug)]
pub struct Room {
    /// Locked.
    _file: File,
    path: PathBuf,
    /// The container's name.
    pub container: String,
}

impl Pool {
    /// Those whose files are in `folder`.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Takes one of these specifications, if there is one.
    #[must_use]
    pub fn take(&self, specification: &str) -> Option<Spare> {
        let mut ready = self.files(specification, "ready");
        ready.sort();
        ready.into_iter().find_map(|path| {
            let content = read(&path);
            // Whoever removes it has it.
            std::fs::remove_file(&path).ok()?;
            let (until, id) = content?;
            let name = container_of(&path)?;
            (until > SystemTime::now() + MARGIN).then_some(Spare { name, id })
        })
    }

    /// Room for one more, if fewer than `most` are there or on their way. `container` is what it is to be called.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn room(&self, specification: &str, most: usize, container: &str) -> anyhow::Result<Option<Room>> {
        let cannot = || format!("cannot write to {}", shown(&self.folder));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).with_context(cannot)?;
        // One at a time counts.
        let folder = File::open(&self.folder).with_context(cannot)?;
        folder.lock().with_context(cannot)?;
        self.remove_stale();
        let there = self.files(specification, "ready").len() + self.files(specification, "starting").len();
        if there >= most {
            return Ok(None);
        }
        let path = self.folder.join(format!("{specification}.{container}.starting"));
        let file =
            File::options().write(true).create_new(true).mode(0o600).open(&path).with_context(cannot)?;
        file.lock().with_context(cannot)?;
        Ok(Some(Room { _file: file, path, container: container.to_owned() }))
    }

    /// Removes the files of spares that have given up, or whose maker was killed.
    fn tidy(&self) {
        // One at a time, as in `room`.
        if let Ok(folder) = File::open(&self.folder)
            && folder.lock().is_ok()
        {
            self.remove_stale();
        }
    }

    fn remove_stale(&self) {
        for path in self.files("", "ready") {
            if read(&path).is_none_or(|(until, _)| until <= SystemTime::now() + MARGIN) {
                let _ = std::fs::remove_file(path);
            }
        }
        for path in self.files("", "starting") {
            let abandoned = |file: File| !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if File::open(&path).is_ok_and(abandoned) {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn files(&self, specification: &str, state: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let wanted = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut parts = name.split('.');
            let fits = parts.next().is_some_and(|first| specification.is_empty() || first == specification);
            fits && parts.next_back() == Some(state)
        };
        entries.flatten().map(|entry| entry.path()).filter(wanted).collect()
    }
}

impl Room {
    /// The spare `id` waits, until `until`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn ready(self, id: &str, until: SystemTime) -> anyhow::Result<()> {
        let seconds = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let ready = self.path.with_extension("ready");
        std::fs::write(&self.path, format!("{seconds} {id}"))
            .and_then(|()| std::fs::rename(&self.path, &ready))
            .with_context(|| format!("cannot write {}", shown(&ready)))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Not there any more if the spare is ready.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn container_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str()?.split('.').nth(1).map(str::to_owned)
}

/// Until when it waits, and its id.
fn read(path: &Path) -> Option<(SystemTime, String)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (seconds, id) = text.trim().split_once(' ')?;
    Some((UNIX_EPOCH + Duration::from_secs(seconds.parse().ok()?), id.to_owned()))
}

/// Forgets the spares called `names`, of all daemons, which somebody has removed, and those that came to nothing. `state` is
/// where we keep what concerns them.
pub fn forget(state: &Path, names: &[&str]) {
    for daemon in std::fs::read_dir(state).into_iter().flatten().flatten() {
        let pool = Pool::at(daemon.path().join(FOLDER));
        for path in pool.files("", "ready") {
            if container_of(&path).is_some_and(|name| names.contains(&name.as_str())) {
                let _ = std::fs::remove_file(path);
            }
        }
        pool.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> SystemTime {
        SystemTime::now() + Duration::from_secs(60)
    }

    #[test]
    fn no_two_take_the_same_one_and_none_is_lost() {
        let top = tempfile::tempdir().unwrap();
        let pool = Pool::at(top.path().join("warm"));
        for number in 0..40 {
            pool.room("spec", 40, &format!("c{number}")).unwrap().unwrap().ready("id", soon()).unwrap();
        }
        let takers: Vec<_> = (0..8)
            .map(|_| {
                let pool = pool.clone();
                std::thread::spawn(move || {
                    std::iter::from_fn(|| Some(pool.take("spec")?.name)).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut taken: Vec<String> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 40);
        assert_eq!(std::fs::read_dir(top.path().join("warm")).unwrap().count(), 0);
    }

    #[test]
    fn there_is_room_for_so_many_of_each_specification() {
        let top = tempfile::tempdir().unwrap();
        let pool = Pool::at(top.path().to_owned());
        let first = pool.room("a", 2, "one").unwrap().unwrap();
        let second = pool.room("a", 2, "two").unwrap().unwrap();
        assert!(pool.room("a", 2, "three").unwrap().is_none());
        assert!(pool.room("b", 1, "four").unwrap().is_some());
        // One that failed makes room again, one that is ready does not.
        drop(first);
        second.ready("id", soon()).unwrap();
        assert!(pool.room("a", 1, "five").unwrap().is_none());
        assert!(pool.room("a", 2, "five").unwrap().is_some());
        assert_eq!(pool.take("b"), None);
        assert_eq!(pool.take("a"), Some(Spare { name: "two".into(), id: "id".into() }));
        assert_eq!(pool.take("a"), None);
    }

    #[test]
    fn what_waited_too_long_or_was_abandoned_is_not_counted() {
        let top = tempfile::tempdir().unwrap();
        let pool = Pool::at(top.path().to_owned());
        pool.room("a", 1, "old").unwrap().unwrap().ready("id", SystemTime::now()).unwrap();
        std::fs::write(top.path().join("a.killed.starting"), "").unwrap();
        let daemon = top.path().join("daemon");
        Pool::at(daemon.join(FOLDER)).room("a", 1, "gone").unwrap().unwrap().ready("id", soon()).unwrap();
        forget(top.path(), &["other"]);
        forget(top.path(), &["gone"]);
        assert_eq!(Pool::at(daemon.join(FOLDER)).take("a"), None);
        assert_eq!(pool.take("a"), None);
        assert!(pool.room("a", 1, "new").unwrap().is_some());
    }
}
