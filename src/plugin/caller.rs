//! Docker's CLI, which started us and waits for us: whether it still does.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Pid, getppid};
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::ledger::Seen;

/// The CLI and the socket that it closes when it is told to end.
#[derive(Debug)]
pub struct Caller {
    parent: Option<Pid>,
    socket: Option<UnixStream>,
    /// Whether the socket was closed before we got to it.
    closed: bool,
}

impl Caller {
    /// To be called first thing: what was missed before it stays unknown.
    ///
    /// `socket` is `DOCKER_CLI_PLUGIN_SOCKET`. Without one (Docker's CLI before 25.0) only the CLI's
    /// own end is noticed.
    #[must_use]
    pub fn find(socket: Option<&OsStr>) -> Self {
        let parent = getppid();
        match socket.map(connect) {
            Some(Ok(socket)) => Self { parent, socket: Some(socket), closed: false },
            // The CLI listens before it starts us.
            Some(Err(error)) => {
                Self { parent, socket: None, closed: error.kind() == io::ErrorKind::ConnectionRefused }
            }
            None => Self { parent, socket: None, closed: false },
        }
    }

    /// The signal that would have ended `docker run` by now, if there was one.
    pub(super) fn has_left(&self) -> Option<i32> {
        if getppid() != self.parent {
            return Some(SIGHUP);
        }
        if self.closed {
            return Some(SIGTERM);
        }
        let mut socket = self.socket.as_ref()?;
        socket.set_nonblocking(true).ok()?;
        let closed = matches!(socket.read(&mut [0; 64]), Ok(0));
        socket.set_nonblocking(false).ok()?;
        closed.then_some(SIGTERM)
    }

    /// Reports from now on what becomes of it.
    pub(super) fn watch(self, report: impl Fn(Seen) + Clone + Send + 'static) {
        if let Some(mut socket) = self.socket {
            let report = report.clone();
            std::thread::spawn(move || {
                // The CLI never writes to it.
                let mut nothing = [0; 64];
                while matches!(socket.read(&mut nothing), Ok(1..)) {}
                report(Seen::SocketClosed);
            });
        }
        std::thread::spawn(move || {
            wait_for_end(self.parent);
            report(Seen::ParentGone);
        });
    }
}

fn connect(socket: &OsStr) -> io::Result<UnixStream> {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;
        if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
            return UnixStream::connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?);
        }
    }
    UnixStream::connect(socket)
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
