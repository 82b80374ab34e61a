//! Where the sockets of container engines are, and whether a path is one or holds one.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::{Place, identity};

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

/// Where they are, there or not; `*` is any one name. `/var/run` is `/run`, see `paths::unwound`.
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
    /// Whether `path` is the socket of an engine, or holds one, by its name.
    pub(super) fn is_named_like_one(&self, path: &Path) -> bool {
        if path.file_name().is_some_and(|name| SOCKET_NAMES.iter().any(|socket| name == *socket)) {
            return true;
        }
        let mut patterns = SOCKETS.iter().map(PathBuf::from).chain(self.socket.clone());
        patterns.any(|pattern| is_above(path, &pattern))
    }

    /// Whether a socket that is really there is `path` or within it, by identity: a bind mount or a
    /// hard link gives it another name.
    pub(super) fn is_seen_to_hold_one(&self, path: &Path) -> bool {
        let path = &self.view.seen(path);
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

/// Whether `pattern`, in which a part `*` is any name, is `path` or below it.
fn is_above(path: &Path, pattern: &Path) -> bool {
    let mut parts = pattern.components();
    path.components().all(|name| parts.next().is_some_and(|part| part == name || part.as_os_str() == "*"))
}
