//! A process of ours that outlives the command's: it ends the container if nobody else can.
//!
//! Its standard input is a pipe from the process that minds the command. A line says which `docker` that one started, a
//! last one that all is well; the pipe's end without it means that the process was killed. Its standard output is the
//! claim that the command counts by (see [`super::claims`]), held until the container is gone. Its standard error is
//! a pipe that the `docker` has inherited: its end means that that has ended too, and makes nothing any more.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeWriter, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::claims::Claim;
use super::isolated;
use crate::docker::client::Docker;

/// Our own argument for this process: then [`Task`], and the words that we were called with.
pub const COMMAND: &str = "docker-sandbox-minder";

/// How long Docker may take to remove a container.
const REMOVAL: Duration = Duration::from_secs(60);
/// How often a daemon that does not answer is asked again. The container's own deadline does not need us.
const ATTEMPTS: usize = 30;
/// How often one that is not there is looked for, where it may appear.
const APPEARS: usize = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// What it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The container's name or id.
    pub container: String,
    /// What it is to be called from now on.
    pub rename: Option<String>,
    /// The file of the claim.
    pub claim: PathBuf,
    /// Whether to see to spares, and whether these have a terminal.
    pub warm: bool,
    /// See above.
    pub terminal: bool,
    /// The id of a network to remove if nobody uses it, and the folder of its lock.
    pub network: Option<(String, PathBuf)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The process id of the `docker` that was started.
    Docker(i32),
    /// Everything has ended; whether to make sure of it, and whether the claim is another container's now.
    Done { doubt: Doubt, keeps_claim: bool },
}

/// What whoever minded a command does not know about its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Nothing: it is gone.
    None,
    /// Whether it is gone.
    MayBeThere,
    /// Whether the daemon is still making it: `docker` was ended, or we were.
    MayAppear,
}

/// The hold on one.
#[derive(Debug)]
pub struct Minder {
    control: PipeWriter,
    alive: Option<PipeWriter>,
}

impl Minder {
    /// Starts one: `program` is ours, `words` what it was called with, in `folder` if not in this one.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        program: &Path,
        task: &Task,
        words: &[OsString],
        folder: Option<&Path>,
        claim: File,
    ) -> anyhow::Result<Self> {
        let (orders, control) = std::io::pipe().context("cannot make a pipe")?;
        let (lives, alive) = std::io::pipe().context("cannot make a pipe")?;
        let task = serde_json::to_string(task)?;
        let mut command = Command::new(program);
        if let Some(folder) = folder {
            command.current_dir(folder).env("PWD", folder);
        }
        let mut child = command
            // Whoever ends processes by our name means commands.
            .arg0(COMMAND)
            .args([OsString::from(COMMAND), task.into()])
            .args(words)
            .stdin(Stdio::from(OwnedFd::from(orders)))
            .stdout(Stdio::from(claim))
            .stderr(Stdio::from(OwnedFd::from(lives)))
            .process_group(0)
            .spawn()
            .context("no process can be started that minds the container")?;
        // Nobody else waits for it where we live longer.
        std::thread::Builder::new().spawn(move || drop(child.wait())).context("cannot make a thread")?;
        // The `docker` that is started next inherits it.
        rustix::io::fcntl_setfd(&alive, rustix::io::FdFlags::empty()).context("cannot share a pipe")?;
        Ok(Self { control, alive: Some(alive) })
    }

    /// `docker` runs.
    pub fn started(&mut self, docker: Pid) {
        self.alive = None;
        self.tell(&Line::Docker(docker.as_raw_nonzero().get()));
    }

    /// All has ended, as far as we know. `keeps_claim`: but the command has not begun, and gets another container.
    pub fn done(mut self, doubt: Doubt, keeps_claim: bool) {
        self.tell(&Line::Done { doubt, keeps_claim });
    }

    fn tell(&mut self, line: &Line) {
        if let Ok(mut text) = serde_json::to_vec(line) {
            text.push(b'\n');
            let _ = self.control.write_all(&text);
        }
    }
}

/// The minder's own life. `refill` sees to spares: while the command runs, or after it.
pub fn mind(docker: &Docker, task: &Task, refill: impl Fn()) {
    if let Some(name) = &task.rename {
        let _ = docker.command(["rename", &task.container, name]).answer_within(REMOVAL);
    }
    let mut docker_id = None;
    let mut doubt = Doubt::MayAppear;
    let (mut waited, mut releases) = (false, true);
    let mut orders = BufReader::new(std::io::stdin().lock());
    loop {
        // A spare is made meanwhile, but not while the command has just begun.
        if !waited
            && task.warm
            && orders.buffer().is_empty()
            && !is_ready(rustix::stdio::stdin(), Some(Duration::from_millis(700)))
        {
            waited = true;
            refill();
        }
        let mut text = String::new();
        if orders.read_line(&mut text).unwrap_or(0) == 0 {
            break;
        }
        match serde_json::from_str(&text) {
            Ok(Line::Docker(id)) => docker_id = Pid::from_raw(id),
            Ok(Line::Done { doubt: known, keeps_claim }) => (doubt, releases) = (known, !keeps_claim),
            Err(_) => {}
        }
    }
    if doubt != Doubt::None {
        make_sure(docker, &task.container, docker_id, doubt);
    }
    if releases && let Ok(file) = rustix::stdio::stdout().try_clone_to_owned() {
        Claim::inherited(File::from(file), task.claim.clone()).release();
    }
    if let Some((network, folder)) = &task.network {
        isolated::remove(docker, folder, network, REMOVAL);
    }
    if task.warm {
        refill();
    }
}

/// Ends the `docker` that was left behind, and removes the container, however far it has come.
fn make_sure(docker: &Docker, container: &str, docker_id: Option<Pid>, doubt: Doubt) {
    let mut absent = 0;
    for _ in 0..ATTEMPTS {
        // Its end of the pipe is open: it is certainly that process.
        let lives = !is_ready(rustix::stdio::stderr(), Some(Duration::ZERO));
        if let Some(id) = docker_id.filter(|_| lives) {
            let _ = kill_process(id, Signal::KILL);
        }
        let found = remove(docker, container);
        let ended = is_ready(rustix::stdio::stderr(), Some(PAUSE));
        match found {
            Found::Removed | Found::Going if ended => return,
            // The daemon goes on making what it was asked for by one that has ended since.
            Found::Absent => absent += 1,
            Found::Removed | Found::Going | Found::Unknown => {}
        }
        let patience = if doubt == Doubt::MayAppear { APPEARS } else { 1 };
        if ended && absent >= patience {
            return;
        }
        // Not a wait for anything that could be waited for: the daemon is gone, or busy, and says nothing of it.
        std::thread::sleep(PAUSE);
    }
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It was there, and is not any more.
    Removed,
    /// Somebody else removes it.
    Going,
    /// It is not there, or not yet.
    Absent,
    /// The daemon does not say.
    Unknown,
}

/// Removes a container.
#[must_use]
pub fn remove(docker: &Docker, container: &str) -> Found {
    let answer =
        docker.command(["rm", "--force", "--volumes", container]).answer_within(REMOVAL).ok().flatten();
    match answer {
        Some(answer) if answer.stderr.to_lowercase().contains("no such container") => Found::Absent,
        Some(answer) if answer.status.success() => Found::Removed,
        Some(answer) if answer.stderr.contains("already in progress") => Found::Going,
        _ => Found::Unknown,
    }
}

/// Removes a container, and waits until it is gone: nothing in it runs any more, and nothing is mounted for it. Whether that is
/// certain.
#[must_use]
pub fn removed(docker: &Docker, container: &str) -> bool {
    let until = Instant::now() + REMOVAL;
    while Instant::now() < until {
        match remove(docker, container) {
            Found::Absent | Found::Removed => return true,
            Found::Unknown => return false,
            // Nothing tells when it has.
            Found::Going => {}
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Whether `descriptor` has something, its end perhaps, within `limit`.
fn is_ready(descriptor: impl AsFd, limit: Option<Duration>) -> bool {
    let until = limit.map(|limit| Instant::now() + limit);
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut wanted = [PollFd::new(&descriptor, PollFlags::IN)];
        match poll(&mut wanted, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            found => return found.is_ok_and(|count| count > 0),
        }
    }
}
