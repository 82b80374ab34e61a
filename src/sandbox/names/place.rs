//! Whether the daemon sees files of this machine as we see them, and what it would have containers ask for names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::line::{Dns, RESOLV_CONF};
use super::resolv_conf;
use crate::docker::ask;
use crate::docker::client::Docker;
use crate::docker::daemon::{DaemonProcess, key};

/// Where a daemon's own files are that is a snap: it does not see hidden folders of a home.
const SNAP: &str = "/var/snap";

/// A daemon on this machine.
#[derive(Debug, Clone)]
pub struct Place {
    socket: PathBuf,
    daemon: DaemonProcess,
}

/// The daemon's, if it certainly is a process of this machine.
#[must_use]
pub fn find(docker: &Docker, socket: Option<&Path>, limit: Duration) -> Option<Place> {
    let named = || ask::endpoint(docker, limit).strip_prefix("unix://").map(PathBuf::from);
    let socket = socket.map(Path::to_owned).or_else(named)?;
    let user = rustix::process::geteuid().as_raw();
    let daemon = DaemonProcess::behind(&socket).or_else(|| DaemonProcess::served_by(&socket, user))?;
    let snap = daemon.named_configuration().is_some_and(|file| file.starts_with(SNAP));
    (!snap).then_some(Place { socket, daemon })
}

impl Place {
    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where the files of its containers go.
    #[must_use]
    pub fn folder_in(&self, data: &Path) -> PathBuf {
        data.join("names").join(key(&self.socket))
    }

    /// Whether it can mount what is in `folder`, as far as can be told.
    #[must_use]
    pub fn sees(&self, folder: &Path) -> bool {
        // Docker takes text, and a line's end cannot be quoted for it.
        let text = folder.to_str().is_some_and(|text| !text.contains(char::is_control));
        text && self.daemon.shares(folder) != Some(false) && !is_remote(folder)
    }

    /// What Docker would write into `/etc/resolv.conf` on its default bridge. `None` where that cannot be told.
    #[must_use]
    pub fn resolv_conf(&self, line: &Dns, ipv6: bool) -> Option<String> {
        let read = |file: &str| self.daemon.read(Path::new(file)).map(|text| resolv_conf::read(&text));
        let mut host = read(RESOLV_CONF).unwrap_or_default();
        if resolv_conf::is_systemds(&host) {
            host = read(resolv_conf::SYSTEMD).unwrap_or(host);
        }
        let [servers, search, options] = self.daemon.configured_dns()?;
        Some(resolv_conf::text(line, &Dns { servers, search, options }, &host, ipv6))
    }
}

/// Whether another user, root included, may not see what is in `folder` because it is on another machine's disk
/// or belongs to a program.
#[cfg(target_os = "linux")]
fn is_remote(folder: &Path) -> bool {
    // NFS, SMB in its three kinds, FUSE. Source: statfs(2).
    const REMOTE: [u32; 5] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546];
    rustix::fs::statfs(folder).is_ok_and(|about| {
        // Its width is the machine's; the numbers have 32 bits.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the low 32 bits are meant"
        )]
        let kind = about.f_type as u32;
        REMOTE.contains(&kind)
    })
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_: &Path) -> bool {
    true
}
