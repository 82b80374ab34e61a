//! Rules over what is mounted from the daemon's host.

use std::path::{Path, PathBuf};

use super::host::HostMount;
use super::{Hit, Start};
use crate::docker::mounts::Mounts;

/// Folders that a rule is about: it applies to them, to what holds them, and, where `inside`, to
/// what they hold.
struct Area {
    folders: &'static [&'static str],
    inside: bool,
}

const ETC: Area = Area { folders: &["/etc"], inside: true };
const PROC: Area = Area { folders: &["/proc"], inside: true };
const SYS: Area = Area { folders: &["/sys"], inside: true };
const RUN: Area = Area { folders: &["/run"], inside: false };
/// What systemd and udev read there is run by them.
const RUN_INSIDE: Area = Area { folders: &["/run/systemd", "/run/udev"], inside: true };
/// Programs of the host, what starts them, the engines' own data, and devices that a folder brings along: gVisor
/// opens those that can be read and written at a place.
const SYSTEM: Area = Area {
    folders: &[
        "/bin",
        "/boot",
        "/dev/cpu",
        "/dev/mapper",
        "/dev/mem",
        "/dev/port",
        "/dev/raw",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/sbin",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib32",
        "/usr/lib64",
        "/usr/libexec",
        "/usr/libx32",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/local/libexec",
        "/usr/local/sbin",
        "/usr/sbin",
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/docker",
        "/var/spool/cron",
    ],
    inside: true,
};
const DEV: Area = Area { folders: &["/dev"], inside: false };
const SHM: Area = Area { folders: &["/dev/shm"], inside: true };

/// Where keys and credentials are kept, under a home. Our own list of trusted files is one.
const CREDENTIALS: [&str; 21] = [
    ".ssh",
    ".aws",
    ".azure",
    ".bluemix",
    ".config/containers",
    ".config/doctl",
    ".config/gcloud",
    ".config/gh",
    ".config/hub",
    ".config/rclone",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/docker-sandbox",
    ".local/share/keyrings",
    ".netrc",
    ".oci",
    ".password-store",
    ".terraform.d",
    ".vault-token",
];

/// Secrets outside of a home.
const SECRETS: Area = Area { folders: &["/etc/shadow", "/etc/gshadow", "/etc/ssl/private"], inside: true };

/// Where homes are.
const HOMES: [&str; 3] = ["/root", "/home", "/Users"];

/// The folders that rules are about, the user's home aside.
pub(super) fn folders() -> impl Iterator<Item = &'static str> {
    let areas = [ETC, PROC, SYS, RUN, RUN_INSIDE, SYSTEM, DEV, SHM];
    areas.into_iter().flat_map(|area| area.folders).copied().chain(HOMES)
}

impl Area {
    /// The root holds everything and has its own rule.
    fn holds(&self, path: &Path) -> bool {
        path != Path::new("/")
            && self
                .folders
                .iter()
                .map(Path::new)
                .any(|folder| folder.starts_with(path) || self.inside && path.starts_with(folder))
    }

    fn is_touched_by(&self, mount: &HostMount) -> bool {
        mount.paths.iter().any(|path| self.holds(path))
    }
}

fn is_root(mount: &HostMount) -> bool {
    mount.paths.iter().any(|path| path == Path::new("/"))
}

/// The user's home, root's, and what is one by its place.
fn home_of(path: &Path, own: Option<&Path>) -> Option<PathBuf> {
    if let Some(own) = own.filter(|own| *own != Path::new("/") && path.starts_with(own)) {
        return Some(own.to_owned());
    }
    if path.starts_with("/root") {
        return Some("/root".into());
    }
    let users = ["/home", "/Users"].into_iter().find(|users| path.starts_with(users))?;
    Some(Path::new(users).join(path.strip_prefix(users).ok()?.components().next()?))
}

/// Whether a mount is of a home, or of what holds homes.
fn is_home(mount: &HostMount) -> bool {
    let own = mount.home.as_deref().filter(|own| *own != Path::new("/"));
    mount.paths.iter().filter(|path| *path != Path::new("/")).any(|path| {
        own.is_some_and(|own| own.starts_with(path))
            || ["/home", "/Users"].iter().any(|users| path == Path::new(users))
            || home_of(path, own).is_some_and(|home| home == *path)
    })
}

/// Whether a mount is of credentials, or of a folder of a home that holds them.
fn is_credentials(mount: &HostMount) -> bool {
    mount.paths.iter().any(|path| {
        home_of(path, mount.home.as_deref()).filter(|home| home != path).is_some_and(|home| {
            CREDENTIALS
                .iter()
                .map(|name| home.join(name))
                .any(|secret| path.starts_with(&secret) || secret.starts_with(path))
        })
    })
}

/// Those that are mounted writable and that `applies` says are meant.
fn writable(start: &Start<'_>, applies: impl Fn(&HostMount) -> bool) -> Vec<Hit> {
    let meant = start.mounts.iter().filter(|mount| !mount.read_only && applies(mount));
    meant.map(|mount| Hit { what: mount.written.clone(), instead: mount.instead.clone() }).collect()
}

/// A socket needs no write permission on its file system to be used: read-only makes no difference.
pub(super) fn engine_socket(start: &Start<'_>) -> Vec<Hit> {
    let given = start.mounts.iter().filter(|mount| mount.engine_socket);
    let asked = Mounts::of(start.line).api_socket;
    given.map(|mount| Hit::new(&mount.written)).chain(asked.map(Hit::new)).collect()
}

pub(super) fn root(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_root)
}

pub(super) fn etc(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| ETC.is_touched_by(mount))
}

pub(super) fn proc(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| PROC.is_touched_by(mount))
}

pub(super) fn sys(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| SYS.is_touched_by(mount))
}

pub(super) fn run(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| RUN.is_touched_by(mount) || RUN_INSIDE.is_touched_by(mount))
}

pub(super) fn home(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_home)
}

pub(super) fn credentials(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_credentials)
}

pub(super) fn system(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| SYSTEM.is_touched_by(mount) || DEV.is_touched_by(mount))
}

/// The host's shared memory, by its path.
pub(super) fn shared_memory(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| SHM.is_touched_by(mount) && !DEV.is_touched_by(mount))
}

/// The same ones mounted read-only: whole folders and secrets, not single files of `/etc`.
pub(super) fn readable(start: &Start<'_>) -> Vec<Hit> {
    let whole = |path: &Path| {
        ["/etc", "/proc", "/sys", "/run", "/dev", "/var", "/var/lib/docker", "/var/lib/containerd"]
            .iter()
            .any(|folder| path == Path::new(folder))
    };
    let meant = |mount: &&HostMount| {
        mount.read_only
            && !mount.engine_socket
            && (is_root(mount)
                || mount.paths.iter().any(|path| whole(path))
                || is_home(mount)
                || is_credentials(mount)
                || SECRETS.is_touched_by(mount))
    };
    start.mounts.iter().filter(meant).map(|mount| Hit::new(&mount.written)).collect()
}

/// A socket or a pipe that is mounted by itself and is no engine's.
pub(super) fn endpoint(start: &Start<'_>) -> Vec<Hit> {
    let meant = start.mounts.iter().filter(|mount| mount.is_endpoint && !mount.engine_socket);
    meant.map(|mount| Hit::new(&mount.written)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(path: &str) -> HostMount {
        HostMount {
            written: path.into(),
            instead: None,
            paths: vec![path.into()],
            read_only: false,
            home: Some("/srv/people/me".into()),
            engine_socket: false,
            is_endpoint: false,
        }
    }

    #[test]
    fn an_area_is_its_folders_what_holds_them_and_what_they_hold() {
        assert!(ETC.holds(Path::new("/etc")) && ETC.holds(Path::new("/etc/cron.d/x")));
        assert!(!ETC.holds(Path::new("/")) && !ETC.holds(Path::new("/etcetera")));
        for path in ["/dev/mapper", "/dev/cpu/0", "/usr/local/lib/x", "/usr/local"] {
            assert!(SYSTEM.holds(Path::new(path)), "{path}");
        }
        for path in ["/dev/null", "/dev/net/tun", "/usr/local/share/x", "/usr/local/src"] {
            assert!(!SYSTEM.holds(Path::new(path)), "{path}");
        }
        assert!(SYSTEM.holds(Path::new("/usr")) && !SYSTEM.holds(Path::new("/usr/share/x")));
        assert!(RUN.holds(Path::new("/run")) && !RUN.holds(Path::new("/run/mysqld")));
    }

    #[test]
    fn homes_are_known_by_their_owner_and_by_their_place() {
        for home in ["/srv/people/me", "/srv/people", "/srv", "/root", "/home", "/home/other", "/Users/x"] {
            assert!(is_home(&mount(home)), "{home}");
        }
        for other in ["/srv/people/me/project", "/srv/people/you", "/home/other/project", "/data", "/"] {
            assert!(!is_home(&mount(other)), "{other}");
        }
    }

    #[test]
    fn credentials_are_found_in_any_home_and_in_what_holds_them() {
        for path in [
            "/srv/people/me/.ssh",
            "/root/.ssh/id_rsa",
            "/home/x/.aws",
            "/home/x/.config",
            "/root/.local/share",
        ] {
            assert!(is_credentials(&mount(path)), "{path}");
        }
        for path in ["/home/x", "/home/x/.cache", "/work/.docker/nginx.conf", "/srv/people/me/.m2"] {
            assert!(!is_credentials(&mount(path)), "{path}");
        }
    }
}
