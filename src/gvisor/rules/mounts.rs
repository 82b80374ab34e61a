//! Rules over what is mounted from the daemon's host.

use std::path::Path;

use super::host::{Holds, HostMount};
use super::places::{
    self, Area, CREDENTIALS, DEV, ENGINE, ENGINE_AT_HOME, ETC, PROC, RUN, RUN_INSIDE, SECRETS, SHM, STARTUP,
    SYS, SYSTEM,
};
use super::{Hit, Start, annotations, runtime};
use crate::docker::mounts::Mounts;

fn is_touched(area: &Area, mount: &HostMount) -> bool {
    mount.paths.iter().any(|path| area.holds(path))
}

fn is_touched_at_home(names: &[&str], mount: &HostMount) -> bool {
    mount.paths.iter().any(|path| places::touches_at_home(path, mount.home.as_deref(), names))
}

fn is_root(mount: &HostMount) -> bool {
    mount.paths.iter().any(|path| path == Path::new("/"))
}

/// Whether a mount is of a home, or of what holds homes.
fn is_home(mount: &HostMount) -> bool {
    let own = mount.home.as_deref().filter(|own| *own != Path::new("/"));
    mount.paths.iter().filter(|path| *path != Path::new("/")).any(|path| {
        own.is_some_and(|own| own.starts_with(path))
            || ["/home", "/Users"].iter().any(|users| path == Path::new(users))
            || places::home_of(path, own).is_some_and(|home| home == *path)
    })
}

/// Whether a mount is of credentials, or of a folder of a home that holds them.
fn is_credentials(mount: &HostMount) -> bool {
    is_touched_at_home(&CREDENTIALS, mount)
}

/// Whether a mount is of what a container engine keeps or runs, by its usual place or by where this one has it.
fn is_engine(mount: &HostMount) -> bool {
    mount.holds(Holds::Engine) || is_touched(&ENGINE, mount) || is_touched_at_home(&ENGINE_AT_HOME, mount)
}

/// Those that are mounted writable and that `applies` says are meant.
fn writable(start: &Start<'_>, applies: impl Fn(&HostMount) -> bool) -> Vec<Hit> {
    let meant = start.mounts.iter().filter(|mount| !mount.read_only && applies(mount));
    meant.map(|mount| Hit { what: mount.written.clone(), instead: mount.instead.clone() }).collect()
}

/// A socket needs no write permission on its file system to be used: read-only makes no difference.
pub(super) fn engine_socket(start: &Start<'_>) -> Vec<Hit> {
    let given = start.mounts.iter().filter(|mount| mount.holds(Holds::EngineSocket));
    let asked = Mounts::of(start.line).api_socket;
    given.map(|mount| Hit::new(&mount.written)).chain(asked.map(Hit::new)).collect()
}

pub(super) fn root(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_root)
}

pub(super) fn etc(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| is_touched(&ETC, mount))
}

pub(super) fn proc(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| is_touched(&PROC, mount))
}

pub(super) fn sys(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| is_touched(&SYS, mount))
}

pub(super) fn run(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| is_touched(&RUN, mount) || is_touched(&RUN_INSIDE, mount))
}

pub(super) fn home(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_home)
}

pub(super) fn credentials(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_credentials)
}

/// But for what another rule forbids because of all that is in it: one word is enough.
pub(super) fn engine(start: &Start<'_>) -> Vec<Hit> {
    let has_a_rule = |mount: &HostMount| {
        [&ETC, &RUN, &RUN_INSIDE].iter().any(|area| is_touched(area, mount))
            || is_programs(mount)
            || is_home(mount)
    };
    writable(start, |mount| is_engine(mount) && !has_a_rule(mount))
}

/// What the host's user runs at login or by a tool.
pub(super) fn startup(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| is_touched_at_home(&STARTUP, mount))
}

/// Packages of `/opt` without their programs.
pub(super) fn opt(start: &Start<'_>) -> Vec<Hit> {
    let is_data = |path: &Path| path.starts_with("/opt") && !places::is_opt_programs(path);
    writable(start, |mount| mount.paths.iter().any(|path| is_data(path)) && !is_programs(mount))
}

/// Programs of the host.
fn is_programs(mount: &HostMount) -> bool {
    is_touched(&SYSTEM, mount)
        || is_touched(&DEV, mount)
        || mount.paths.iter().any(|path| places::is_opt_programs(path))
}

pub(super) fn system(start: &Start<'_>) -> Vec<Hit> {
    writable(start, is_programs)
}

/// The host's shared memory, by its path.
pub(super) fn shared_memory(start: &Start<'_>) -> Vec<Hit> {
    writable(start, |mount| is_touched(&SHM, mount) && !is_touched(&DEV, mount))
}

/// The same ones mounted read-only: whole folders and secrets, not single files of `/etc`.
pub(super) fn readable(start: &Start<'_>) -> Vec<Hit> {
    let whole = |path: &Path| {
        let places = ["/etc", "/proc", "/sys", "/run", "/dev", "/var"].iter().chain(ENGINE.places);
        places.into_iter().any(|place| path == Path::new(place))
    };
    let meant = |mount: &&HostMount| {
        mount.read_only
            && !mount.holds(Holds::EngineSocket)
            && (is_root(mount)
                || mount.paths.iter().any(|path| whole(path))
                || is_home(mount)
                || is_credentials(mount)
                || mount.holds(Holds::EngineData)
                || is_touched(&SECRETS, mount))
    };
    start.mounts.iter().filter(meant).map(|mount| Hit::new(&mount.written)).collect()
}

/// Sockets and pipes of the host that are no engine's: mounted by themselves, or with the directory that they are in.
/// Where gVisor lets them through, nothing is wrong with them, and [`runtime::host_uds`] has the word.
pub(super) fn endpoint(start: &Start<'_>) -> Vec<Hit> {
    let opens = |value: &str| !matches!(value, "" | "none" | "create");
    let annotated = |name| annotations::flag(start, name).is_some_and(|value| opens(&value));
    let sockets = runtime::lets_sockets_through(start.runtime) || annotated("host-uds");
    let pipes = runtime::has(start, "host-fifo") || annotated("host-fifo");
    let shut =
        |mount: &&HostMount| mount.holds(Holds::Socket) && !sockets || mount.holds(Holds::Pipe) && !pipes;
    let meant = start.mounts.iter().filter(|mount| !mount.holds(Holds::EngineSocket)).filter(shut);
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
            holds: Vec::new(),
        }
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

    #[test]
    fn what_tools_of_the_host_run_is_found_in_any_home() {
        let is_startup = |path: &str| is_touched_at_home(&STARTUP, &mount(path));
        for path in [
            "/srv/people/me/.bashrc",
            "/home/x/.local",
            "/home/x/.local/bin/tool",
            "/root/.config/systemd/user/x.service",
            "/home/x/.vscode-server/extensions",
            "/home/x/.cargo",
        ] {
            assert!(is_startup(path), "{path}");
        }
        for path in
            ["/home/x", "/home/x/project/.bashrc", "/home/x/.cargo/registry", "/home/x/.m2", "/srv/.bashrc"]
        {
            assert!(!is_startup(path), "{path}");
        }
        assert!(
            is_engine(&mount("/home/x/.local/share/docker/overlay2")) && is_engine(&mount("/var/lib/docker"))
        );
        assert!(!is_engine(&mount("/home/x/docker")));
    }
}
