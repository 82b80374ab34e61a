//! A daemon behind a socket of this machine: its process, where that can be seen, or what it says of itself.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use super::ask;
use super::client::Docker;
use super::daemon::DaemonProcess;
use super::info::Info;

/// One that is asked at the most once.
#[derive(Debug)]
pub struct Local<'a> {
    docker: &'a Docker,
    /// The socket.
    pub socket: &'a Path,
    limit: Duration,
    /// Its process, if that is somebody's dockerd that shares our view of processes.
    pub process: Option<DaemonProcess>,
    info: OnceCell<Option<Info>>,
}

impl<'a> Local<'a> {
    /// The daemon behind `socket`, which may take that long to answer.
    #[must_use]
    pub fn behind(docker: &'a Docker, socket: &'a Path, limit: Duration) -> Self {
        Self { docker, socket, limit, process: DaemonProcess::serving(socket), info: OnceCell::new() }
    }

    fn info(&self) -> Option<&Info> {
        self.info.get_or_init(|| ask::about_if_it_answers(self.docker, self.limit)).as_ref()
    }

    /// Whether it is a user's own.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        match &self.process {
            Some(process) => process.is_rootless(),
            None => self.info().is_some_and(Info::is_rootless),
        }
    }

    /// Whether it is in a virtual machine, perhaps, which sees this machine's directories by way of another file system.
    #[must_use]
    pub fn has_another_kernel(&self) -> bool {
        let own = rustix::system::uname();
        self.process.is_none()
            && self.info().is_some_and(|info| info.kernel_version.as_bytes() != own.release().to_bytes())
    }
}
