//! The process that keeps the files: one per daemon, for as long as a container has one of them.
//!
//! A start makes it, and it outlives the start. It may be killed: the next start makes another, which begins by
//! looking at everything. What it cannot find out it leaves as it is.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::folder::Folder;
use super::follow::Events;
use super::keeper::{Ending, Keeper};
use crate::docker::client::Docker;

/// Our own argument for this process: then the folder, the docker program, and the daemon's socket.
pub const COMMAND: &str = "docker-sandbox-names";

/// Makes an updater for `folder`, if there is none: `program`, ours.
///
/// # Errors
/// It cannot be started.
pub fn see_to_it(
    docker: &Docker,
    program: Option<&Path>,
    socket: &Path,
    folder: &Folder,
) -> anyhow::Result<()> {
    // Whoever has the lock looks at all files once more after it gave the lock back.
    let Some(lock) = folder.lock() else { return Ok(()) };
    drop(lock);
    let program = program.context("our own program is not found")?;
    let mut child = Command::new(program)
        // Whoever ends processes by our name means starts.
        .arg0(COMMAND)
        .arg(COMMAND)
        .args([folder.path(), docker.program(), socket])
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
    close_inherited();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"sandbox-names");
    let [folder, program, socket] = words else { return 1 };
    // Not with the options of whoever came first: a context may change, and this daemon is meant.
    let mut host = OsString::from("--host=unix://");
    host.push(socket);
    let Ok(docker) = Docker::find(program, None, Path::new("/"), &[host]) else { return 1 };
    let folder = Folder::at(PathBuf::from(folder));
    loop {
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

/// Closes what whoever started us left open for its children: a lock or a pipe would be held for as long as
/// we live.
#[allow(unsafe_code, reason = "nobody in this process knows these descriptors: it has only just begun")]
pub(crate) fn close_inherited() {
    let folder = Path::new("/proc/self/fd");
    let names =
        |open: std::fs::ReadDir| -> Vec<OsString> { open.flatten().map(|entry| entry.file_name()).collect() };
    let numbers = std::fs::read_dir(folder).map(names).unwrap_or_default();
    for number in
        numbers.iter().filter_map(|name| name.to_str()?.parse().ok()).filter(|number: &i32| *number > 2)
    {
        // The one by which the folder was read is closed already.
        if folder.join(number.to_string()).is_symlink() {
            // SAFETY: nothing in this process owns it: see above.
            unsafe { rustix::io::close(number) };
        }
    }
}
