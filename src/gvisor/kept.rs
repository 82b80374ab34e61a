//! Whether a runtime keeps what is mounted read-only as it is: what a proof has shown, remembered for the starts.
//!
//! Remembered is what was proven for one daemon (the process that it was, where it is on this machine; else for a day),
//! one registration and one program: its file, and the version that it tells. Anything else is another runtime.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::binary::Binary;
use crate::docker::daemon::{DaemonProcess, hex};
use crate::docker::info::Runtime;

/// How long a proof counts on a daemon whose process cannot be seen.
const UNSEEN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a proof has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// Files that are mounted read-only stay as they are.
    Yes,
    /// The container could change one.
    No,
}

/// Where it is remembered for one runtime of one daemon.
#[derive(Debug)]
pub struct Memory {
    file: PathBuf,
    /// The daemon's socket, where it is on this machine.
    socket: Option<PathBuf>,
    runtime: Runtime,
    binary: Option<Binary>,
}

/// What it holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    daemon: Option<DaemonProcess>,
    runtime: Runtime,
    /// Device, inode, size and time of the last change.
    program: Option<(u64, u64, u64, i64, i64)>,
    version: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    about: About,
    kept: Kept,
}

impl Memory {
    /// For `runtime`, called `name`, of the daemon at `endpoint`. Its program is looked for on `search`, where that
    /// is on this machine.
    #[must_use]
    pub fn of(cache: &Path, endpoint: &str, name: &str, runtime: &Runtime, search: Option<&OsStr>) -> Self {
        let mut key = hex(&Sha256::digest(format!("{endpoint}\n{name}")));
        key.truncate(32);
        let socket = endpoint.strip_prefix("unix://").map(PathBuf::from);
        let path = runtime.path.as_deref().filter(|path| !path.is_empty() && socket.is_some());
        Self {
            file: cache.join("kept").join(key),
            binary: path.and_then(|path| Binary::find(path, search)),
            // What the daemon adds to its answer is not what it was given.
            runtime: Runtime { status: None, ..runtime.clone() },
            socket,
        }
    }

    /// Starts its program: only where something was proven.
    fn about(&self) -> About {
        let owner = rustix::process::geteuid().as_raw();
        let daemon = self.socket.as_deref().and_then(|socket| {
            DaemonProcess::behind(socket).or_else(|| DaemonProcess::served_by(socket, owner))
        });
        let program = self.binary.as_ref().and_then(|binary| binary.path().metadata().ok());
        let program =
            program.map(|about| (about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()));
        let version = self.binary.as_ref().and_then(Binary::version);
        About { daemon, runtime: self.runtime.clone(), program, version }
    }

    /// What is remembered of exactly this runtime.
    #[must_use]
    pub fn recall(&self) -> Option<Kept> {
        let text = crate::sandbox::private_file::read(&self.file)?;
        let remembered: Remembered = serde_json::from_slice(&text).ok()?;
        let age = || std::fs::metadata(&self.file).ok()?.modified().ok()?.elapsed().ok();
        let counts = remembered.about.daemon.is_some() || age().is_some_and(|age| age < UNSEEN);
        (counts && remembered.about == self.about()).then_some(remembered.kept)
    }

    /// Remembers it. Failing to is no error: what is not known to be kept is not believed.
    pub fn keep(&self, kept: Kept) {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        if let Ok(text) = serde_json::to_vec(&Remembered { about: self.about(), kept }) {
            let _ = crate::sandbox::private_file::replace(folder, &self.file, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_proven_counts_for_the_very_same_runtime_only() {
        let top = tempfile::tempdir().unwrap();
        let program = top.path().join("runsc");
        let build = |version: &str| {
            std::fs::write(&program, format!("#!/bin/sh\necho runsc version {version}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        let memory = |args: &[&str], endpoint: &str| {
            let runtime = Runtime {
                path: Some(program.to_str().unwrap().into()),
                runtime_args: Some(args.iter().map(|&arg| arg.to_owned()).collect()),
                ..Runtime::default()
            };
            Memory::of(top.path(), endpoint, "runsc", &runtime, None)
        };
        let here = format!("unix://{}", top.path().join("socket").display());
        build("1");
        assert_eq!(memory(&[], &here).recall(), None);
        memory(&[], &here).keep(Kept::Yes);
        assert_eq!(memory(&[], &here).recall(), Some(Kept::Yes));
        assert_eq!(memory(&["--directfs"], &here).recall(), None);
        assert_eq!(memory(&[], "ssh://host").recall(), None);
        // The same file, and another program.
        build("2");
        assert_eq!(memory(&[], &here).recall(), None);
        memory(&[], &here).keep(Kept::No);
        assert_eq!(memory(&[], &here).recall(), Some(Kept::No));
    }
}
