//! At most so many at a time, over all processes of a user: who may run claims it first, and the rest waits in
//! order of arrival.
//!
//! A claim is a file with a lock, and counts while that lock is held. flock(2) belongs to the open file, not to a
//! process: a claim handed on as one of a child's standard streams lives until both have ended, however they do,
//! and nobody has to tidy up for one that was killed. The file of one that has ended is removed by whoever looks
//! next. Waiting is the same, with a ticket instead of a claim. Counting and claiming are one step, because both
//! happen under the lock of the folder itself.

#[cfg(test)]
mod crowd;
mod folder;
#[cfg(test)]
mod tests;
mod watch;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use folder::Locked;
use watch::Watch;

/// How often somebody who waits looks again, whatever woke them or did not.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Where they are, among what concerns a daemon.
const FOLDER: &str = "running";
/// The kernel tells of a file that closes just before it drops its lock.
const LOCK_DROPPED: Duration = Duration::from_millis(20);

/// The claims on one thing of which there are only so many: the containers of one daemon.
#[derive(Debug, Clone)]
pub struct Claims {
    folder: PathBuf,
}

/// What somebody who claimed a place is doing: the content of the claim's file, for those who find no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The container's name.
    pub container: String,
    /// What runs in it, for people.
    pub command: String,
    /// Who claimed the place.
    pub pid: u32,
    /// Since when.
    pub since: SystemTime,
}

/// How long to wait for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until there is one.
    ForEver,
    /// No longer than this.
    Until(Instant),
}

/// What came of asking for a place.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Claim(Claim),
    /// There is none. These have one, the oldest first; a place that they leave free belongs to those who wait.
    Full(Vec<Running>),
    /// We were told to stop while we waited.
    Stopped,
}

/// A place. It is given back by [`Claim::release`], or when this and every [`Claim::file`] of it are closed.
#[derive(Debug)]
pub struct Claim {
    file: File,
    path: PathBuf,
}

impl Claims {
    /// Those for a daemon, in `state`, where we keep what concerns it.
    #[must_use]
    pub fn of_a_daemon(state: &Path) -> Self {
        Self::at(state.join(FOLDER))
    }

    /// Those in the folder at `folder`, which is made when somebody claims. It may hold nothing else.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Claims one of `max` places for `about`. Without `wait`, one that is free after all who wait were served.
    ///
    /// `on_wait` is called when waiting begins, and whenever the number of those ahead of us changes, with that
    /// number; `stop` is asked ten times a second whether to give up.
    ///
    /// # Errors
    /// The folder or a file in it cannot be made, read or locked.
    pub fn take(
        &self,
        max: usize,
        about: &Running,
        wait: Option<Patience>,
        on_wait: &mut dyn FnMut(usize),
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<Taken> {
        let folder = Locked::lock(&self.folder)?;
        let seen = folder.look(None)?;
        if seen.has_room(max) {
            return Ok(Taken::Claim(folder.claim(about)?));
        }
        let Some(patience) = wait else { return Ok(Taken::Full(seen.running)) };
        let mut ticket = folder.ticket(seen.next)?;
        drop(folder);

        // Before the next look, so that nothing happens unseen between that and the wait.
        let mut watch = Watch::begin(&self.folder);
        let mut told = None;
        loop {
            let folder = Locked::lock(&self.folder)?;
            // Somebody removed the folder with all in it: the last comes first now, as for everybody.
            if !ticket.is_there() {
                ticket = folder.ticket(folder.look(None)?.next)?;
                watch = Watch::begin(&self.folder);
            }
            let seen = folder.look(Some(&ticket))?;
            if seen.has_room(max) {
                let claim = folder.claim(about)?;
                // Before anybody else looks: we would be there twice.
                drop(ticket);
                return Ok(Taken::Claim(claim));
            }
            drop(folder);
            if matches!(patience, Patience::Until(end) if end <= Instant::now()) {
                return Ok(Taken::Full(seen.running));
            }
            if told != Some(seen.ahead) {
                told = Some(seen.ahead);
                on_wait(seen.ahead);
            }
            watch.wait(patience, stop);
            if stop() {
                return Ok(Taken::Stopped);
            }
        }
    }

    /// Those who have a place, the oldest first; what the dead left behind is removed.
    ///
    /// # Errors
    /// As for [`Claims::take`].
    pub fn running(&self) -> anyhow::Result<Vec<Running>> {
        Ok(Locked::lock(&self.folder)?.look(None)?.running)
    }
}

/// Removes what those who were killed left behind, of all daemons. `state` is where we keep what concerns them.
pub fn tidy(state: &Path) {
    for daemon in std::fs::read_dir(state).into_iter().flatten().flatten() {
        let claims = Claims::of_a_daemon(&daemon.path());
        if claims.folder.is_dir() {
            // Whoever looks next does the same.
            let _ = claims.running();
        }
    }
}

impl Claim {
    /// The claim behind a `file` of its, in a process that got that as a stream and was told its `path`.
    #[must_use]
    pub fn inherited(file: File, path: PathBuf) -> Self {
        Self { file, path }
    }

    /// The same open file once more, for a background process: the claim lives until that has closed it, too. What
    /// that process starts must not inherit it in turn.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Where its file is, for [`Claim::inherited`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the place back at once, whoever else still has the file open. One that is gone already is no error.
    pub fn release(self) {
        folder::remove(&self.file, &self.path);
    }
}
