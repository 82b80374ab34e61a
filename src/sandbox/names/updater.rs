//! The process that keeps the files: one per daemon, for as long as a container has one of them.
//!
//! Each start makes one, which waits until the container is made and writes what it is called into its file. That takes
//! no question to the daemon, which may take longer to answer than the container takes to its first instruction. Then it
//! goes on, or ends if there is one that does. It may be killed: the next start makes another, which begins by looking at
//! everything. What it cannot find out it leaves as it is.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::folder::Folder;
use super::follow::Events;
use super::hosts::{self, Place};
use super::keeper::{Ending, Keeper};
use crate::docker::client::Docker;

/// How often we look whether a container is made. From then on to its first instruction it takes at least 200 ms.
const PAUSE: Duration = Duration::from_millis(10);

/// Our own argument for this process: then the folder, the docker program, the daemon's socket, and the folder of the
/// container that is about to be made.
pub const COMMAND: &str = "docker-sandbox-names";

/// Makes an updater for `folder`, where `path` is what concerns the container that is about to be made: `program`, ours.
///
/// # Errors
/// It cannot be started.
pub fn see_to_it(
    docker: &Docker,
    program: Option<&Path>,
    socket: &Path,
    folder: &Folder,
    path: &Path,
) -> anyhow::Result<()> {
    let program = program.context("our own program is not found")?;
    let mut child = Command::new(program)
        // Whoever ends processes by our name means starts.
        .arg0(COMMAND)
        .arg(COMMAND)
        .args([folder.path(), docker.program(), socket, path])
        // Neither the terminal's nor anybody's folder is kept busy.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("no process can be started for that")?;
    // Where we live longer, somebody must wait for it.
    let waiting = std::thread::Builder::new().spawn(move || drop(child.wait()));
    waiting.map(drop).context("cannot make a thread")
}

/// The updater's own life. Returns its exit code.
#[must_use]
pub fn run(words: &[OsString]) -> u8 {
    // The terminal's signals and its end are the start's.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"sandbox-names");
    let [folder, program, socket, path] = words else { return 1 };
    // Not with the options of whoever came first: a context may change, and this daemon is meant.
    let mut host = OsString::from("--host=unix://");
    host.push(socket);
    let Ok(docker) = Docker::find(program, None, Path::new("/"), &[host]) else { return 1 };
    let folder = Folder::at(PathBuf::from(folder));
    introduce(&folder, Path::new(path));
    loop {
        // Whoever has the lock looks at all files once more after it gave the lock back.
        let Some(lock) = folder.lock() else { return 0 };
        let Ok(events) = Events::follow(&docker) else { return 1 };
        let mut keeper = Keeper::new(&docker, &folder);
        let ending = keeper.keep(&events);
        drop((events, lock));
        // A start that came meanwhile found the lock taken, and relies on us.
        if ending == Ending::DaemonGone || !keeper.has_news() {
            return 0;
        }
    }
}

/// Writes what a new container is called into its file, as soon as it is made.
fn introduce(folder: &Folder, path: &Path) {
    let Some(kept) = folder.kept().into_iter().find(|kept| kept.path == path) else { return };
    let mut runs = true;
    let id = loop {
        match kept.id() {
            Some(id) => break id,
            // It may have come between the two questions.
            None if !runs => return,
            None => runs = kept.about.starter.runs(),
        }
        std::thread::sleep(PAUSE);
    };
    let own = &kept.about.own;
    let place = Place { id, name: own.name.clone().unwrap_or_default(), addresses: Vec::new() };
    // What cannot be written now is written later.
    let _ = kept.edit(|text| hosts::introduced(text, own, &place));
}
