//! Whether the daemon runs the runtime that a container requests, remembered for daemons that are known by a proof only.
//!
//! A dockerd of this machine is known by its process ([`crate::docker::daemon::is_dockerd`]). Anything else that
//! speaks Docker's API, behind a tunnel or a virtual machine's socket, may be podman's service, a proxy or a stand-in,
//! and its own word is no proof: a container of ours is ([`super::proof`]). What was proven holds for the same way to
//! the daemon, the same process behind a local socket, and the same registered runtimes, for [`LIFETIME`].

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::docker::daemon::{Server, hex};
use crate::docker::info::Runtimes;
use crate::sandbox::private_file;

/// How long a proof holds.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What was proven about the daemon at the end of one way.
#[derive(Debug, Clone)]
pub struct Enforcement {
    file: PathBuf,
    kept: Kept,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// The daemon's socket, where it has one on this machine.
    socket: Option<PathBuf>,
    /// What that is: device and inode.
    place: Option<(u64, u64)>,
    /// The process behind it.
    server: Option<Server>,
    /// A runtime's name, and [`fingerprint`] of all that were registered beside it.
    proven: BTreeMap<String, String>,
}

impl Enforcement {
    /// Reads what was kept under `cache` for `route` (see [`crate::docker::endpoint::route`]).
    #[must_use]
    pub fn load(route: &str, cache: &Path) -> Self {
        let file = cache.join("daemons").join(format!("{route}.proven.json"));
        let age = || std::fs::metadata(&file).ok()?.modified().ok()?.elapsed().ok();
        let young = age().is_some_and(|age| age < LIFETIME);
        let read = || serde_json::from_slice(&private_file::read(&file)?).ok();
        let kept = young.then(read).flatten().unwrap_or_default();
        Self { file, kept }
    }

    /// Whether `runtime`, one of `registered`, was proven to be what a container gets that requests it.
    #[must_use]
    pub fn holds(&self, runtime: &str, registered: &Runtimes) -> bool {
        let socket = self.kept.socket.as_deref();
        socket.and_then(place) == self.kept.place
            && socket.and_then(Server::behind) == self.kept.server
            && self.kept.proven.get(runtime) == Some(&fingerprint(registered))
    }

    /// Keeps that it was, by the daemon behind `socket`. Failing to is no error: the next start proves it again.
    pub fn keep(mut self, socket: Option<PathBuf>, runtime: &str, registered: &Runtimes) {
        let (place, server) = (socket.as_deref().and_then(place), socket.as_deref().and_then(Server::behind));
        if socket != self.kept.socket || place != self.kept.place || server != self.kept.server {
            self.kept.proven.clear();
        }
        let fingerprint = fingerprint(registered);
        self.kept.proven.retain(|_, other| *other == fingerprint);
        self.kept.proven.insert(runtime.to_owned(), fingerprint);
        self.kept = Kept { socket, place, server, ..self.kept };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let text = serde_json::to_vec(&self.kept).unwrap_or_default();
        let _ = private_file::replace(folder, &self.file, &text);
    }
}

fn place(socket: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(socket).ok().map(|about| (about.dev(), about.ino()))
}

/// All that the daemon says of its runtimes, their programs' versions included where it tells them.
fn fingerprint(registered: &Runtimes) -> String {
    hex(&Sha256::digest(serde_json::to_vec(registered).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::net::UnixListener;

    fn runtimes(value: serde_json::Value) -> Runtimes {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_proof_holds_for_its_runtime_its_registration_and_its_route() {
        let cache = tempfile::tempdir().unwrap();
        let load = |route: &str| Enforcement::load(route, cache.path());
        let registered = runtimes(json!({"runsc": {"path": "/usr/bin/runsc"}, "gv": {"path": "/opt/runsc"}}));
        assert!(!load("a").holds("runsc", &registered));
        load("a").keep(None, "runsc", &registered);
        load("a").keep(None, "gv", &registered);
        assert!(load("a").holds("runsc", &registered) && load("a").holds("gv", &registered));
        assert!(!load("a").holds("other", &registered) && !load("b").holds("runsc", &registered));
        let changed = runtimes(json!({"runsc": {"path": "/usr/bin/runsc"}, "gv": {"path": "/other/runsc"}}));
        assert!(!load("a").holds("runsc", &changed));
        load("a").keep(None, "runsc", &changed);
        assert!(load("a").holds("runsc", &changed) && !load("a").holds("gv", &registered));
    }

    #[test]
    fn a_proof_holds_for_the_same_process_behind_the_socket_only() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let cache = tempfile::tempdir().unwrap();
        let socket = cache.path().join("socket");
        let registered = runtimes(json!({"runsc": {"path": "/usr/bin/runsc"}}));
        let listener = UnixListener::bind(&socket).unwrap();
        let load = || Enforcement::load("a", cache.path());
        load().keep(Some(socket.clone()), "runsc", &registered);
        assert!(load().holds("runsc", &registered));
        // Another socket of the same process.
        std::fs::rename(&socket, cache.path().join("before")).unwrap();
        let other = UnixListener::bind(&socket).unwrap();
        assert!(!load().holds("runsc", &registered));
        drop((listener, other));
        assert!(!load().holds("runsc", &registered));
    }

    #[test]
    fn a_proof_that_is_old_or_that_others_may_have_written_does_not_hold() {
        use std::os::unix::fs::PermissionsExt as _;
        let cache = tempfile::tempdir().unwrap();
        let registered = runtimes(json!({"runsc": {"path": "/usr/bin/runsc"}}));
        let load = || Enforcement::load("a", cache.path());
        load().keep(None, "runsc", &registered);
        let file = cache.path().join("daemons/a.proven.json");
        let open = || std::fs::File::options().append(true).open(&file).unwrap();
        let now = std::time::SystemTime::now();
        open().set_modified(now - LIFETIME).unwrap();
        assert!(!load().holds("runsc", &registered));
        open().set_modified(now).unwrap();
        assert!(load().holds("runsc", &registered));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!load().holds("runsc", &registered));
    }
}
