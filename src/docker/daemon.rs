//! The daemon process behind a local socket, and what its configuration registers right now.
//!
//! Linux only: elsewhere the daemon lives in a virtual machine, and is asked every time.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::info::{Runtime, Runtimes};

mod places;

/// Where dockerd leaves its process id when systemd holds its socket.
const SYSTEM_PID_FILE: &str = "/run/docker.pid";
const SYSTEM_CONFIG: &str = "/etc/docker/daemon.json";

/// One run of one daemon with one configuration file. Two values are equal only for the same process of
/// the same boot, and if nobody has touched the file in between: not even to put it back as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonProcess {
    boot: String,
    /// Its user, as a number of ours: not 0 for rootless Docker.
    owner: u32,
    pid: i32,
    /// Clock ticks since boot: field 22 of `/proc/PID/stat`.
    started: String,
    command_line: Vec<String>,
    /// Device, inode and time of the last change of its configuration file, and of the link to it
    /// where it is one; empty if there is none.
    configuration: Vec<(u64, u64, i64, i64)>,
}

impl DaemonProcess {
    /// The process that serves `socket`, if it is a root dockerd that shares our view of processes.
    #[must_use]
    pub fn behind(socket: &Path) -> Option<Self> {
        Self::served_by(socket, 0)
    }

    /// The process that serves `socket`, if it is a dockerd of the user `owner` that shares our view of
    /// processes: a rootless one is its user's.
    #[must_use]
    pub fn served_by(socket: &Path, owner: u32) -> Option<Self> {
        Self::serving(socket).filter(|daemon| daemon.owner == owner)
    }

    /// The process that serves `socket`, if it is somebody's dockerd that shares our view of processes.
    #[must_use]
    pub fn serving(socket: &Path) -> Option<Self> {
        let peer = peer_of(socket)?;
        if let Some(daemon) = Self::of_pid(peer) {
            return Some(daemon);
        }
        // systemd made the socket (`dockerd -H fd://`): the kernel names systemd as the peer.
        let system = [Path::new("/var/run/docker.sock"), Path::new("/run/docker.sock")].contains(&socket);
        if peer != 1 || !system {
            return None;
        }
        let pid = std::fs::read_to_string(SYSTEM_PID_FILE).ok()?.trim().parse().ok()?;
        Self::with_pid(pid, 0).filter(|daemon| {
            daemon.flag_values(&["-H", "--host"]).iter().any(|host| host.starts_with("fd://"))
        })
    }

    /// The process `pid`, if it is a dockerd of the user `owner` that shares our view of processes.
    #[must_use]
    pub fn with_pid(pid: i32, owner: u32) -> Option<Self> {
        Self::of_pid(pid).filter(|daemon| daemon.owner == owner)
    }

    fn of_pid(pid: i32) -> Option<Self> {
        let file = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
        let command_line: Vec<String> = file("cmdline")?
            .split(|&byte| byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        if Path::new(command_line.first()?).file_name() != Some(OsStr::new("dockerd")) {
            return None;
        }
        // In a PID namespace of its own it is in a container, and its /etc is not ours.
        let status = String::from_utf8(file("status")?).ok()?;
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace);
        if field("NSpid:")?.count() != 1 {
            return None;
        }
        let owner = field("Uid:")?.next()?.parse().ok()?;
        // The second field is the program's name in brackets, which may hold blanks.
        let stat = String::from_utf8(file("stat")?).ok()?;
        let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        let mut daemon = Self { boot, owner, pid, started, command_line, configuration: Vec::new() };
        let file = daemon.configuration_file();
        daemon.configuration = [std::fs::symlink_metadata(&file), std::fs::metadata(&file)]
            .into_iter()
            .flatten()
            .map(|file| (file.dev(), file.ino(), file.ctime(), file.ctime_nsec()))
            .collect();
        Some(daemon)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its user.
    #[must_use]
    pub fn owner(&self) -> u32 {
        self.owner
    }

    /// Whether it is rootless Docker.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        self.owner != 0
    }

    /// The configuration file that its command line names, as it sees it.
    #[must_use]
    pub fn named_configuration(&self) -> Option<PathBuf> {
        self.flag_values(&["--config-file"]).pop().map(PathBuf::from)
    }

    /// The runtimes that its command line registers, `NAME=PATH`.
    #[must_use]
    pub fn runtimes_on_its_command_line(&self) -> Vec<String> {
        self.flag_values(&["--add-runtime"])
    }

    /// Whether it still runs: the number of a process that ended is given to another one day.
    #[must_use]
    pub fn still_runs(&self, owner: u32) -> bool {
        Self::with_pid(self.pid, owner)
            .is_some_and(|now| now.boot == self.boot && now.started == self.started)
    }

    /// Whether `path` is the same file for it as for us; `None` where we may not look.
    #[must_use]
    pub fn shares(&self, path: &Path) -> Option<bool> {
        let theirs = self.in_its_root(path);
        if theirs == path {
            return None;
        }
        let id = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        Some(id(&theirs) == id(path))
    }

    fn configuration_file(&self) -> PathBuf {
        self.in_its_root(&self.configuration_path().unwrap_or_else(|| SYSTEM_CONFIG.into()))
    }

    /// The configuration file that it reads, as it sees it. `None` where that is not known. Source: `homedir.GetConfigHome`
    /// in moby's `pkg/homedir`, for rootless Docker.
    #[must_use]
    pub fn configuration_path(&self) -> Option<PathBuf> {
        if let Some(named) = self.named_configuration() {
            return Some(named);
        }
        if !self.is_rootless() {
            return Some(SYSTEM_CONFIG.into());
        }
        let folder =
            self.variable("XDG_CONFIG_HOME").or_else(|| Some(self.variable("HOME")?.join(".config")))?;
        Some(folder.join("docker/daemon.json"))
    }

    /// A folder in its environment, where we may read that.
    fn variable(&self, name: &str) -> Option<PathBuf> {
        let environment = std::fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let start = format!("{name}=");
        let value =
            environment.split(|&byte| byte == 0).find_map(|set| set.strip_prefix(start.as_bytes()))?;
        Some(PathBuf::from(OsStr::from_bytes(value))).filter(|folder| folder.is_absolute())
    }

    /// The runtimes that its configuration registers as it is on disk now: what a reload would load.
    /// `None` where that cannot be read.
    #[must_use]
    pub fn configured_runtimes(&self) -> Option<Runtimes> {
        let mut runtimes = Runtimes::new();
        for added in self.flag_values(&["--add-runtime"]) {
            let (name, path) = added.split_once('=')?;
            runtimes.insert(name.to_owned(), Runtime { path: Some(path.to_owned()), ..Runtime::default() });
        }
        let text = match std::fs::read(self.configuration_file()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(runtimes),
            Err(_) => return None,
        };
        let file: DaemonJson = serde_json::from_slice(&text).ok()?;
        runtimes.extend(file.runtimes.unwrap_or_default());
        Some(runtimes)
    }

    /// Where it keeps what running containers need: `--exec-root`, or what its configuration says.
    #[must_use]
    pub fn exec_root(&self) -> PathBuf {
        let configured = || {
            let text = std::fs::read(self.configuration_file()).ok()?;
            serde_json::from_slice::<DaemonJson>(&text).ok()?.exec_root
        };
        self.flag_values(&["--exec-root"])
            .pop()
            .or_else(configured)
            .map(PathBuf::from)
            // Source: `setDefaultUmask` and `NewDaemonConfig` in moby's `cmd/dockerd`.
            .or_else(|| Some(self.variable("XDG_RUNTIME_DIR").filter(|_| self.is_rootless())?.join("docker")))
            .unwrap_or_else(|| PathBuf::from("/var/run/docker"))
    }

    /// Who it has containers ask for names, as its command line and its configuration on disk say: servers, search
    /// domains and options. `None` where that cannot be read.
    #[must_use]
    pub fn configured_dns(&self) -> Option<[Vec<String>; 3]> {
        let file = match std::fs::read(self.configuration_file()) {
            Ok(text) => serde_json::from_slice::<DaemonJson>(&text).ok()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => DaemonJson::default(),
            Err(_) => return None,
        };
        let both = |flags: &[&str], configured: Option<Vec<String>>| {
            let mut values = self.flag_values(flags);
            values.extend(configured.unwrap_or_default());
            values
        };
        Some([
            both(&["--dns"], file.dns),
            both(&["--dns-search"], file.dns_search),
            both(&["--dns-opt", "--dns-option"], file.dns_opts),
        ])
    }

    /// The text of a file as it sees it, where we may look, else of ours.
    #[must_use]
    pub fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(self.in_its_root(path)).ok()
    }

    /// `path` as the daemon sees it, where we may look through its eyes (as root), else as it is.
    fn in_its_root(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid));
        match std::fs::metadata(root.join("proc")) {
            Ok(_) => root.join(path.strip_prefix("/").unwrap_or(path)),
            Err(_) => path.to_owned(),
        }
    }

    fn flag_values(&self, names: &[&str]) -> Vec<String> {
        let mut values = Vec::new();
        let mut words = self.command_line.iter();
        while let Some(word) = words.next() {
            for name in names {
                if word == name {
                    values.extend(words.next().cloned());
                } else if let Some(value) = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                    values.push(value.to_owned());
                }
            }
        }
        values
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DaemonJson {
    data_root: Option<String>,
    dns: Option<Vec<String>>,
    dns_opts: Option<Vec<String>>,
    dns_search: Option<Vec<String>>,
    exec_root: Option<String>,
    /// What `data-root` was called before Docker 17.05.
    graph: Option<String>,
    runtimes: Option<BTreeMap<String, Runtime>>,
}

#[cfg(target_os = "linux")]
fn peer_of(socket: &Path) -> Option<i32> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    // A daemon that does not accept must not hold us: then it is asked, within the limit for that.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let stream = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&stream, &SocketAddrUnix::new(socket).ok()?).ok()?;
    let credentials = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    Some(credentials.pid.as_raw_nonzero().get())
}

#[cfg(not(target_os = "linux"))]
fn peer_of(_: &Path) -> Option<i32> {
    None
}

/// A short name for a socket, fit for a file name.
#[must_use]
pub fn key(socket: &Path) -> String {
    use sha2::{Digest as _, Sha256};
    hex(&Sha256::digest(socket.as_os_str().as_bytes())[..8])
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_daemon_are_read_in_both_spellings() {
        let line = ["dockerd", "--config-file", "/a", "--add-runtime=x=/y", "--config-file=/b"];
        let daemon = DaemonProcess {
            boot: String::new(),
            owner: 0,
            pid: 0,
            started: String::new(),
            command_line: line.map(str::to_owned).to_vec(),
            configuration: Vec::new(),
        };
        assert_eq!(daemon.flag_values(&["--config-file"]), ["/a", "/b"]);
        assert_eq!(daemon.flag_values(&["--add-runtime"]), ["x=/y"]);
    }

    #[test]
    fn a_process_that_is_no_dockerd_is_nobody() {
        assert_eq!(DaemonProcess::with_pid(std::process::id().cast_signed(), 0), None);
    }
}
