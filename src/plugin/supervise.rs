//! Started by Docker's CLI, we stay until the `docker run` that we started has ended, and see to it
//! that it gets every signal that `docker run` alone would have got, once.
//!
//! Source: `tryPluginRun` in docker/cli's `cmd/docker/docker.go` and `cli-plugins/socket`: the CLI
//! does not signal a plugin. It closes the socket that it named to us, and does not say why.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::caller::Caller;
use super::ledger::{Ledger, Seen};
use super::witness;
use crate::docker::client::{self, DockerCommand};

/// The signals that `docker run` proxies and that would end us.
const FORWARDED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// What can happen while the child runs.
#[derive(Debug)]
enum Event {
    Seen(Seen),
    /// The child has ended.
    Ended(std::io::Result<ExitStatus>),
}

/// The watch over everything that may end us or the child: signals, and Docker's CLI.
#[derive(Debug)]
pub struct Watch {
    events: Sender<Event>,
    inbox: Receiver<Event>,
    /// Whether there is, or is about to be, a child that has to be told.
    started: Arc<AtomicBool>,
}

impl Watch {
    /// Begins it, before anything is asked or started. Until [`Watch::run`], what would have ended
    /// `docker run` ends this process, with the same exit code.
    ///
    /// # Errors
    /// Signals cannot be watched for, or there is no room for the threads that do.
    pub fn begin(caller: Caller) -> anyhow::Result<Self> {
        let (events, inbox) = channel();
        let started = Arc::new(AtomicBool::new(false));
        if let Some(signal) = caller.has_left() {
            leave(signal);
        }
        let (to, begun) = (events.clone(), Arc::clone(&started));
        let report = move |seen| match seen {
            Seen::Own(signal) if !begun.load(Ordering::SeqCst) => leave(signal),
            Seen::SocketClosed if !begun.load(Ordering::SeqCst) => leave(SIGTERM),
            Seen::ParentGone if !begun.load(Ordering::SeqCst) => leave(SIGHUP),
            seen => drop(to.send(Event::Seen(seen))),
        };
        let mut signals = Signals::new(forwarded()).context("cannot watch for signals")?;
        let own = report.clone();
        thread(move || signals.forever().for_each(|signal| own(Seen::Own(signal))))?;
        caller.watch(report).context(NO_THREAD)?;
        Ok(Self { events, inbox, started })
    }

    /// Runs `command` to its end and returns the exit code to end with: the child's, or 128+n.
    ///
    /// # Errors
    /// The child or the threads that wait for it cannot be started.
    pub fn run(self, command: &DockerCommand) -> anyhow::Result<u8> {
        let Self { events, inbox, started } = self;
        let mut witness = watch_witness(&events)?;
        // Everything is there before the child is: nothing may fail while it runs.
        let (hand_over, handed) = channel::<Child>();
        thread(move || {
            if let Ok(mut child) = handed.recv() {
                let _ = events.send(Event::Ended(child.wait()));
            }
        })?;
        started.store(true, Ordering::SeqCst);
        let child = command.spawn()?;
        let pid = Pid::from_child(&child);
        let _ = hand_over.send(child);
        tell(witness.as_mut(), &format!("{pid}\n", pid = pid.as_raw_nonzero()));
        let status = watch(pid, Ledger::new(witness.is_some()), &inbox);
        if let Some(mut witness) = witness {
            tell(Some(&mut witness), witness::DONE);
            drop(witness.stdin.take());
            let _ = witness.wait();
        }
        let status = status.context("cannot wait for docker")?;
        let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
        Ok(u8::try_from(code).unwrap_or(1))
    }
}

const NO_THREAD: &str = "cannot make a thread: this user's or this group's limit of processes is reached";

fn thread(work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new().spawn(work).map(drop).context(NO_THREAD)
}

/// Ends this process as `signal` would have ended `docker run`: nothing has been started yet.
fn leave(signal: i32) -> ! {
    client::abandon_question();
    std::process::exit(128 + signal)
}

/// Passes on what the child must still be told, until it has ended.
fn watch(pid: Pid, mut ledger: Ledger, inbox: &Receiver<Event>) -> std::io::Result<ExitStatus> {
    loop {
        let event = match ledger.deadline() {
            Some(deadline) => inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Ended(status)) => return status,
            Ok(Event::Seen(seen)) => ledger.note(seen, Instant::now()),
            Err(RecvTimeoutError::Timeout) => {}
            // All senders gone cannot happen before the child's end was sent.
            Err(RecvTimeoutError::Disconnected) => {
                return Err(std::io::Error::other("the watch on docker ended"));
            }
        }
        for signal in ledger.due(Instant::now()) {
            if let Some(signal) = Signal::from_named_raw(signal) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// [`FORWARDED`] less what we were started to ignore: `nohup` stays in force for the child.
pub(super) fn forwarded() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored =
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let ignored = ignored.unwrap_or(0);
    FORWARDED.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect()
}

fn tell(witness: Option<&mut Child>, line: &str) {
    use std::io::Write as _;
    if let Some(input) = witness.and_then(|witness| witness.stdin.as_mut()) {
        let _ = input.write_all(line.as_bytes());
    }
}

fn watch_witness(events: &Sender<Event>) -> anyhow::Result<Option<Child>> {
    let Some(mut witness) = witness::start() else { return Ok(None) };
    let Some(mut reports) = witness.stdout.take() else { return Ok(None) };
    let events = events.clone();
    thread(move || {
        let mut byte = [0];
        while matches!(reports.read(&mut byte), Ok(1)) {
            if events.send(Event::Seen(Seen::Witnessed(i32::from(byte[0])))).is_err() {
                return;
            }
        }
    })?;
    Ok(Some(witness))
}
