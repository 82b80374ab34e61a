//! Started by Docker's CLI, we stay until the `docker run` that we started has ended, and see to it
//! that it gets every signal that `docker run` alone would have got, once.
//!
//! Source: `tryPluginRun` in docker/cli's `cmd/docker/docker.go` and `cli-plugins/socket`: the CLI
//! does not signal a plugin. It closes the socket that it named to us, and does not say why.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, getppid, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::witness;
use crate::docker::client::DockerCommand;

/// The signals that `docker run` proxies and that would end us.
pub(super) const FORWARDED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// How long the other half of a pair of events may take: the witness's report after our own
/// signal, our own signal after the socket's end. Both are underway when the first one arrives.
const GRACE: Duration = Duration::from_millis(100);

/// What can happen while the child runs.
#[derive(Debug)]
enum Event {
    /// We got a signal.
    Own(i32),
    /// The witness got one.
    Witnessed(i32),
    /// Docker's CLI closed its socket: it was told to end.
    SocketClosed,
    /// Docker's CLI is gone.
    ParentGone,
    /// The child has ended.
    Ended(std::io::Result<ExitStatus>),
}

/// Runs `command` to its end and returns the exit code to end with: the child's, or 128+n.
///
/// `socket` is `DOCKER_CLI_PLUGIN_SOCKET`. Without one (Docker's CLI before 25.0) only the CLI's
/// own end is noticed.
///
/// # Errors
/// The child or the watch for signals cannot be started.
pub fn run(command: &DockerCommand, socket: Option<&std::ffi::OsStr>) -> anyhow::Result<u8> {
    let (events, inbox) = channel();
    watch_signals(events.clone())?;
    let mut witness = watch_witness(&events);
    let parent = getppid();
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    tell(witness.as_mut(), &format!("{pid}\n", pid = pid.as_raw_nonzero()));
    if let Some(socket) = socket {
        watch_socket(socket, events.clone());
    }
    watch_parent(parent, events.clone());
    std::thread::spawn(move || {
        let _ = events.send(Event::Ended(child.wait()));
    });
    let witnessed = witness.is_some();
    let status =
        Supervisor { pid, parent, inbox, witnessed, ended: None, balance: [0; 32], told: false }.watch();
    if let Some(mut witness) = witness {
        tell(Some(&mut witness), witness::DONE);
        drop(witness.stdin.take());
        let _ = witness.wait();
    }
    let status = status.context("cannot wait for docker")?;
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

struct Supervisor {
    pid: Pid,
    parent: Option<Pid>,
    inbox: Receiver<Event>,
    /// Whether there is a witness to ask.
    witnessed: bool,
    ended: Option<std::io::Result<ExitStatus>>,
    /// Per signal: those that the witness reported and we did not get yet, less those that we got
    /// and it did not report yet.
    balance: [i32; 32],
    /// Whether the child has been told to end, by us or by the group's signal.
    told: bool,
}

impl Supervisor {
    fn watch(mut self) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended.take() {
                return status;
            }
            match self.inbox.recv() {
                Ok(event) => self.react(event),
                // All senders gone cannot happen before the child's end was sent.
                Err(_) => return Err(std::io::Error::other("the watch on docker ended")),
            }
        }
    }

    fn react(&mut self, event: Event) {
        match event {
            Event::Ended(status) => self.ended = Some(status),
            Event::Witnessed(signal) => self.note(signal, 1),
            Event::Own(signal) => self.own(signal),
            Event::SocketClosed => self.docker_was_told(false),
            Event::ParentGone => self.docker_was_told(true),
        }
    }

    /// A signal for us alone is passed on; one for the group has reached the child by itself.
    fn own(&mut self, signal: i32) {
        self.note(signal, -1);
        if self.witnessed {
            self.wait_until(|this| this.owed(signal) >= 0);
        }
        let alone = self.witnessed && self.owed(signal) < 0;
        if alone {
            self.note(signal, 1);
            self.send(signal);
        }
        self.told = true;
    }

    /// Docker's CLI has been told to end, or is gone, and does not say by which signal.
    fn docker_was_told(&mut self, gone: bool) {
        let mut gone = gone;
        if !self.told {
            // If the group was signalled, our own copy is on its way.
            self.wait_until(|this| this.told);
            gone |= getppid() != self.parent;
        }
        if !self.told {
            // The CLI catches SIGTERM and SIGINT and stays; what ends it is the terminal's hangup.
            self.send(if gone { SIGHUP } else { SIGTERM });
            self.told = true;
        }
    }

    /// Handles what arrives until `done`, the child's end, or the grace period is over.
    fn wait_until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + GRACE;
        while self.ended.is_none() && !done(self) {
            match self.inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Own(signal)) => {
                    self.note(signal, -1);
                    self.told = true;
                }
                Ok(Event::Witnessed(signal)) => self.note(signal, 1),
                Ok(Event::Ended(status)) => self.ended = Some(status),
                Ok(Event::SocketClosed | Event::ParentGone) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn note(&mut self, signal: i32, by: i32) {
        if let Some(balance) = usize::try_from(signal).ok().and_then(|signal| self.balance.get_mut(signal)) {
            *balance += by;
        }
    }

    fn owed(&self, signal: i32) -> i32 {
        usize::try_from(signal).ok().and_then(|signal| self.balance.get(signal)).copied().unwrap_or(0)
    }

    fn send(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = kill_process(self.pid, signal);
        }
    }
}

fn tell(witness: Option<&mut Child>, line: &str) {
    use std::io::Write as _;
    if let Some(input) = witness.and_then(|witness| witness.stdin.as_mut()) {
        let _ = input.write_all(line.as_bytes());
    }
}

fn watch_signals(events: Sender<Event>) -> anyhow::Result<()> {
    let mut signals = Signals::new(FORWARDED).context("cannot watch for signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if events.send(Event::Own(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn watch_witness(events: &Sender<Event>) -> Option<Child> {
    let mut witness = witness::start()?;
    let mut reports = witness.stdout.take()?;
    let events = events.clone();
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(reports.read(&mut byte), Ok(1)) {
            if events.send(Event::Witnessed(i32::from(byte[0]))).is_err() {
                return;
            }
        }
    });
    Some(witness)
}

fn watch_socket(socket: &std::ffi::OsStr, events: Sender<Event>) {
    // A socket that cannot be reached is taken for none: that it is closed already is as likely
    // as that it never was there, and the CLI's own end is watched besides.
    let Ok(mut stream) = connect(socket) else { return };
    std::thread::spawn(move || {
        // The CLI never writes to it.
        let mut nothing = [0; 64];
        while matches!(stream.read(&mut nothing), Ok(1..)) {}
        let _ = events.send(Event::SocketClosed);
    });
}

fn connect(socket: &std::ffi::OsStr) -> std::io::Result<std::os::unix::net::UnixStream> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixStream;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        return UnixStream::connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?);
    }
    UnixStream::connect(socket)
}

/// Reports the end of the process that started us.
fn watch_parent(parent: Option<Pid>, events: Sender<Event>) {
    std::thread::spawn(move || {
        wait_for_end(parent);
        let _ = events.send(Event::ParentGone);
    });
}

#[cfg(target_os = "linux")]
fn wait_for_end(parent: Option<Pid>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let descriptor =
        parent.and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
    if let Some(descriptor) = descriptor.filter(|_| getppid() == parent) {
        while poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], None) == Err(rustix::io::Errno::INTR) {}
    } else {
        wait_by_asking(parent);
    }
}

#[cfg(not(target_os = "linux"))]
fn wait_for_end(parent: Option<Pid>) {
    wait_by_asking(parent);
}

/// For kernels without process descriptors.
fn wait_by_asking(parent: Option<Pid>) {
    while getppid() == parent {
        std::thread::sleep(Duration::from_millis(500));
    }
}
