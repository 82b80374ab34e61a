//! What detection found, remembered per daemon, so that a start needs no `docker info`.
//!
//! A memory is believed only for the very process that answered (boot, pid, start time, command
//! line), while its configuration file is the one that was there before it answered (inode, time of
//! the last change), and only for runtimes that this file, read anew each time, registers with the
//! same binary and arguments: what the daemon loads again is what it has. So a stale memory,
//! or one that somebody tampered with, can make a start fail and cannot make it leave gVisor.
//! What is not gVisor is never remembered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::detect::{Identity, identify};
use super::shim;
use crate::docker::daemon::{DaemonProcess, key};
use crate::docker::info::{Runtime, Runtimes};

/// The memory of one daemon.
#[derive(Debug, Clone)]
pub struct Memory {
    file: PathBuf,
    daemon: DaemonProcess,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    daemon: DaemonProcess,
    runtimes: Runtimes,
}

impl Memory {
    /// The memory of the daemon behind `socket`, kept under `cache`. `None` where the daemon's
    /// identity cannot be established: it is asked every time then.
    #[must_use]
    pub fn of(socket: &Path, cache: &Path) -> Option<Self> {
        let daemon = DaemonProcess::behind(socket)?;
        Some(Self { file: cache.join("daemons").join(format!("{}.json", key(socket))), daemon })
    }

    /// The remembered gVisor runtimes that still hold; empty if there are none, or if they are
    /// older than `limit`.
    #[must_use]
    pub fn recall(&self, limit: Option<Duration>) -> Runtimes {
        let age = || std::fs::metadata(&self.file).ok()?.modified().ok()?.elapsed().ok();
        if limit.is_some_and(|limit| age().is_none_or(|age| age > limit)) {
            return Runtimes::new();
        }
        let Some(text) = crate::sandbox::private_file::read(&self.file) else { return Runtimes::new() };
        match serde_json::from_slice::<Remembered>(&text) {
            Ok(remembered) if remembered.daemon == self.daemon => self.confirmed(remembered.runtimes),
            _ => Runtimes::new(),
        }
    }

    /// What the daemon's configuration registers as it is on disk now.
    #[must_use]
    pub fn configured(&self) -> Option<Runtimes> {
        shim::configured(&self.daemon)
    }

    /// Remembers what the daemon answered. Failing to is no error: the next start asks again.
    pub fn keep(&self, runtimes: &Runtimes) {
        let runtimes = self.confirmed(runtimes.clone());
        if !runtimes.is_empty() {
            let _ = self.write(&Remembered { daemon: self.daemon.clone(), runtimes });
        }
    }

    /// Forgets it: Docker refused a start that relied on it.
    pub fn forget(&self) {
        let _ = std::fs::remove_file(&self.file);
    }

    /// Those of `runtimes` that are gVisor and that the configuration registers likewise. If the
    /// configuration names an impostor, nothing is: that is for the daemon itself to answer.
    fn confirmed(&self, runtimes: Runtimes) -> Runtimes {
        let Some(configured) = self.configured() else { return Runtimes::new() };
        if configured.iter().any(|(name, runtime)| matches!(identify(name, runtime), Identity::Impostor(_))) {
            return Runtimes::new();
        }
        runtimes
            .into_iter()
            .filter(|(name, runtime)| {
                identify(name, runtime) == Identity::Gvisor
                    && configured.get(name).is_some_and(|now| {
                        identify(name, now) == Identity::Gvisor && registration(now) == registration(runtime)
                    })
            })
            .collect()
    }

    fn write(&self, remembered: &Remembered) -> anyhow::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        crate::sandbox::private_file::replace(folder, &self.file, &serde_json::to_vec(remembered)?)
    }
}

/// What makes two registrations the same: the daemon's answer adds a status of its own.
fn registration(runtime: &Runtime) -> (Option<&str>, &[String], Option<&str>, Option<&serde_json::Value>) {
    (
        runtime.path.as_deref().filter(|path| !path.is_empty()),
        runtime.runtime_args.as_deref().unwrap_or_default(),
        runtime.runtime_type.as_deref().filter(|kind| !kind.is_empty()),
        runtime.options.as_ref(),
    )
}
