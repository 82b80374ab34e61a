//! What a mount reaches on the daemon's host. Where that is this machine, links, bind mounts and
//! sockets are looked at; elsewhere only the words count.

use std::ffi::OsStr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

use crate::docker::mounts::Mount;

/// Where paths of a command line lead.
#[derive(Debug, Clone)]
pub struct Place {
    /// The working folder, for relative paths.
    pub folder: PathBuf,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// Whether the daemon's files are this machine's.
    pub local: bool,
    /// The daemon's socket, where it is known.
    pub socket: Option<PathBuf>,
}

/// A mount of something on the daemon's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMount {
    /// The option as it was typed.
    pub written: String,
    /// The same, read-only.
    pub instead: Option<String>,
    /// The path that was named, cleaned as the daemon cleans it, and where it leads.
    pub paths: Vec<PathBuf>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// The user's home, and every folder that is anybody's.
    pub home: Option<PathBuf>,
    /// Whether the socket of a container engine is in it.
    pub engine_socket: bool,
    /// Whether it is a socket or a pipe itself.
    pub is_endpoint: bool,
}

/// Names that sockets of container engines have.
const SOCKET_NAMES: [&str; 10] = [
    "docker.sock",
    "docker.raw.sock",
    "docker-cli.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "podman.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "buildkitd.sock",
];

/// Where they are, there or not; `*` is any one name. `/var/run` is `/run`, see [`unwound`].
const SOCKETS: [&str; 13] = [
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
    "/run/dockershim.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/snap.docker/docker.sock",
    "/run/user/*/docker.sock",
    "/run/user/*/podman/podman.sock",
    "/run/user/*/docker/containerd/containerd.sock",
];

/// Where others are, if they are: what holds these holds much else.
const OTHER_SOCKETS: [&str; 9] = [
    "/var/snap/microk8s/common/run/containerd.sock",
    "/private/var/run/docker.sock",
    "~/.docker/run/docker.sock",
    "~/.docker/desktop/docker.sock",
    "~/.docker/desktop/docker-cli.sock",
    "~/.colima/*/docker.sock",
    "~/.orbstack/run/docker.sock",
    "~/.rd/docker.sock",
    "~/.lima/*/sock/docker.sock",
];

impl Place {
    /// What `mount`, whose source is the path `named`, reaches.
    #[must_use]
    pub fn look(&self, mount: &Mount, named: &OsStr) -> HostMount {
        let named = self.cleaned(Path::new(named));
        let mut paths = vec![named.clone()];
        if self.local {
            let led_to = unwound(&resolved(&named));
            // A volume of the disk that the root is on is the root.
            if is_disk_of_the_root(&led_to) {
                paths.push("/".into());
            }
            if led_to != named {
                paths.push(led_to);
            }
        }
        let kind = self.local.then(|| std::fs::metadata(paths.last().unwrap_or(&named)).ok()).flatten();
        let kind = kind.map(|about| about.file_type());
        HostMount {
            written: mount.written.clone(),
            instead: Some(mount.instead.clone()).filter(|_| !mount.read_only),
            engine_socket: paths.iter().any(|path| self.holds_a_socket(path)),
            is_endpoint: kind.is_some_and(|kind| kind.is_socket() || kind.is_fifo()),
            read_only: mount.read_only,
            home: self.home.clone(),
            paths,
        }
    }

    /// Absolute, without `.` and `..`: Docker removes those by their letters, before any link is
    /// followed (`path.Clean`).
    fn cleaned(&self, path: &Path) -> PathBuf {
        let home = self.home.as_deref().unwrap_or(Path::new("/root"));
        let path = match path.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => self.folder.join(path),
        };
        let mut clean = PathBuf::from("/");
        for part in path.components() {
            match part {
                Component::Normal(name) => clean.push(name),
                Component::ParentDir => {
                    clean.pop();
                }
                _ => {}
            }
        }
        unwound(&clean)
    }

    fn holds_a_socket(&self, path: &Path) -> bool {
        if path.file_name().is_some_and(|name| SOCKET_NAMES.iter().any(|socket| name == *socket)) {
            return true;
        }
        let mut patterns = SOCKETS.iter().map(PathBuf::from).chain(self.socket.clone());
        patterns.any(|pattern| is_above(path, &pattern)) || self.local && self.is_seen_to_hold_one(path)
    }

    /// Whether a socket that is really there is `path` or within it, by identity: a bind mount or a
    /// hard link gives it another name.
    fn is_seen_to_hold_one(&self, path: &Path) -> bool {
        let is_socket = |path: &Path| path.metadata().is_ok_and(|about| about.file_type().is_socket());
        if SOCKET_NAMES
            .iter()
            .any(|name| path.join(name).symlink_metadata().is_ok_and(|about| about.file_type().is_socket()))
        {
            return true;
        }
        let Some(wanted) = identity(path) else { return false };
        let listening = listening().into_iter().filter(|path| {
            path.file_name().is_some_and(|name| SOCKET_NAMES.iter().any(|socket| name == *socket))
        });
        let home = self.home.as_deref().unwrap_or(Path::new("/root"));
        let known = SOCKETS.iter().chain(&OTHER_SOCKETS).map(|socket| match socket.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => PathBuf::from(socket),
        });
        known
            .flat_map(|pattern| there(&pattern))
            .chain(self.socket.clone())
            .chain(listening)
            .filter(|socket| is_socket(socket))
            .filter_map(|socket| socket.canonicalize().ok())
            .any(|socket| socket.ancestors().any(|above| identity(above) == Some(wanted)))
    }
}

/// The paths that match `pattern`, in which a part `*` is any name.
fn there(pattern: &Path) -> Vec<PathBuf> {
    pattern.components().fold(vec![PathBuf::new()], |found, part| {
        let step = |folder: PathBuf| -> Vec<PathBuf> {
            if part.as_os_str() != "*" {
                return vec![folder.join(part)];
            }
            let entries = std::fs::read_dir(&folder).into_iter().flatten();
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
        };
        found.into_iter().flat_map(step).collect()
    })
}

/// Paths of the unix sockets of this network namespace, as the kernel lists them.
fn listening() -> Vec<PathBuf> {
    let list = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    list.lines()
        .filter_map(|line| line.split_once(" /").map(|(_, path)| PathBuf::from(format!("/{path}"))))
        .collect()
}

fn is_disk_of_the_root(path: &Path) -> bool {
    let (Ok(disk), Ok(root)) = (path.metadata(), Path::new("/").metadata()) else { return false };
    disk.file_type().is_block_device() && disk.rdev() == root.dev()
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|about| (about.dev(), about.ino()))
}

/// Whether `pattern`, in which a part `*` is any name, is `path` or below it.
fn is_above(path: &Path, pattern: &Path) -> bool {
    let mut parts = pattern.components();
    path.components().all(|name| parts.next().is_some_and(|part| part == name || part.as_os_str() == "*"))
}

/// `path` with its links followed, as the daemon does it: as root. What we may not look at (a process's
/// `root` under `/proc`, say) is not taken for something that is no link.
fn resolved(path: &Path) -> PathBuf {
    let mut done = PathBuf::from("/");
    let mut rest: Vec<PathBuf> = parts(path);
    // As many as the kernel follows.
    let mut links = 40;
    while let Some(part) = rest.pop() {
        if part == Path::new("..") {
            done.pop();
            continue;
        }
        let next = done.join(part);
        let door = unwound(&next);
        match std::fs::read_link(&next) {
            _ if door != next => done = door,
            Ok(target) if links > 0 => {
                links -= 1;
                if target.is_absolute() {
                    done = PathBuf::from("/");
                }
                rest.extend(parts(&target));
            }
            _ => done = next,
        }
    }
    done
}

/// The names in a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let named = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.map(|part| PathBuf::from(part.as_os_str())).rev().collect()
}

/// Other names of the same: `/var/run` is `/run` wherever systemd is, and a process's `root`, `cwd`
/// and open files under `/proc` are a door to anywhere, so to the root.
fn unwound(path: &Path) -> PathBuf {
    if let Ok(rest) = path.strip_prefix("/var/run") {
        return Path::new("/run").join(rest);
    }
    let mut parts = path.components().skip(1).map(Component::as_os_str);
    if parts.next() == Some(OsStr::new("proc")) {
        let behind: Vec<&OsStr> = parts.skip(1).collect();
        let door = |name: &OsStr| ["root", "cwd", "fd", "map_files", "exe"].iter().any(|door| name == *door);
        let behind = match behind.as_slice() {
            [task, _, behind @ ..] if *task == "task" => behind,
            behind => behind,
        };
        if let [first, rest @ ..] = behind
            && door(first)
        {
            // Behind `root` the path goes on as from the root.
            let rest = if *first == "root" { rest } else { &[] };
            return rest.iter().fold(PathBuf::from("/"), |path, name| path.join(name));
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::mounts::Source;

    fn place(local: bool) -> Place {
        Place {
            folder: "/work/project".into(),
            home: Some("/home/me".into()),
            local,
            socket: Some("/srv/docker.socket".into()),
        }
    }

    fn look(place: &Place, path: &str) -> HostMount {
        let mount = Mount {
            written: String::new(),
            source: Source::Path(path.into()),
            read_only: false,
            instead: String::new(),
        };
        place.look(&mount, OsStr::new(path))
    }

    #[test]
    fn paths_are_cleaned_as_the_daemon_cleans_them() {
        for (given, clean) in [
            ("/a/../etc//./x/", "/etc/x"),
            ("./x", "/work/project/x"),
            ("../../../..", "/"),
            ("~/.ssh", "/home/me/.ssh"),
            ("~", "/home/me"),
            ("/var/run/x", "/run/x"),
            ("/proc/1/root/etc", "/etc"),
            ("/proc/self/task/7/root", "/"),
            ("/proc/7/fd/3", "/"),
            ("/proc/sys/kernel", "/proc/sys/kernel"),
        ] {
            assert_eq!(look(&place(false), given).paths, [PathBuf::from(clean)], "{given}");
        }
    }

    #[test]
    fn a_socket_is_found_by_its_name_and_in_every_folder_above() {
        for path in [
            "/run/docker.sock",
            "/var/run/../run/docker.sock",
            "/run",
            "/",
            "/run/user",
            "/run/user/1000",
            "/anything/docker.sock",
            "/srv",
            "/srv/docker.socket",
            "/run/containerd",
        ] {
            assert!(look(&place(false), path).engine_socket, "{path}");
        }
        for path in [
            "/run/user/1000/pulse",
            "/home/me/project",
            "/home/me",
            "/var/log",
            "/data",
            "/run/docker.socket",
        ] {
            assert!(!look(&place(false), path).engine_socket, "{path}");
        }
    }

    #[test]
    fn links_and_other_names_of_a_socket_are_followed_where_the_daemon_is_here() {
        let top = tempfile::tempdir().unwrap();
        let real = top.path().canonicalize().unwrap().join("engine");
        std::fs::create_dir_all(&real).unwrap();
        let socket = real.join("api");
        let _held = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let hard = top.path().join("hard");
        std::fs::hard_link(&socket, &hard).unwrap();
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let place = Place { socket: Some(socket.clone()), ..place(true) };
        for path in [&socket, &hard, &link, &link.join("api"), &real] {
            assert!(look(&place, path.to_str().unwrap()).engine_socket, "{}", path.display());
        }
        assert_eq!(look(&place, link.to_str().unwrap()).paths[1], real);
        assert!(!look(&place, link.join("nothing").to_str().unwrap()).engine_socket);
        // A link into a folder that only the daemon may look at.
        let door = top.path().join("door");
        std::os::unix::fs::symlink("../../../../../proc/1/root/etc", &door).unwrap();
        assert_eq!(look(&place, door.to_str().unwrap()).paths[1], PathBuf::from("/etc"));
        let around = top.path().join("around");
        std::os::unix::fs::symlink("around", &around).unwrap();
        look(&place, around.to_str().unwrap());
        assert!(look(&place, hard.to_str().unwrap()).is_endpoint);
    }
}
