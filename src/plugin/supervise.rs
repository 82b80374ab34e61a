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

use super::ledger::{Ledger, Seen};
use super::witness;
use crate::docker::client::DockerCommand;

/// The signals that `docker run` proxies and that would end us.
const FORWARDED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// SIGTERM, which the end of Docker's socket stands for.
pub(super) const TERMINATED: u8 = 15;

/// What can happen while the child runs.
#[derive(Debug)]
enum Event {
    Seen(Seen),
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
    let ledger = Ledger::new(witness.is_some());
    let status = watch(pid, ledger, &inbox);
    if let Some(mut witness) = witness {
        tell(Some(&mut witness), witness::DONE);
        drop(witness.stdin.take());
        let _ = witness.wait();
    }
    let status = status.context("cannot wait for docker")?;
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
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

fn watch_signals(events: Sender<Event>) -> anyhow::Result<()> {
    let mut signals = Signals::new(forwarded()).context("cannot watch for signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if events.send(Event::Seen(Seen::Own(signal))).is_err() {
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
            if events.send(Event::Seen(Seen::Witnessed(i32::from(byte[0])))).is_err() {
                return;
            }
        }
    });
    Some(witness)
}

fn watch_socket(socket: &std::ffi::OsStr, events: Sender<Event>) {
    when_closed(socket, move || {
        let _ = events.send(Event::Seen(Seen::SocketClosed));
    });
}

/// Calls `closed` when Docker's CLI closes its socket.
pub(super) fn when_closed(socket: &std::ffi::OsStr, closed: impl FnOnce() + Send + 'static) {
    // A socket that cannot be reached is taken for none: that it is closed already is as likely
    // as that it never was there, and the CLI's own end is watched besides.
    let Ok(mut stream) = connect(socket) else { return };
    std::thread::spawn(move || {
        // The CLI never writes to it.
        let mut nothing = [0; 64];
        while matches!(stream.read(&mut nothing), Ok(1..)) {}
        closed();
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
        let _ = events.send(Event::Seen(Seen::ParentGone));
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
