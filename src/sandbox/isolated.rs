//! The network of `--network isolated`: its containers reach the outside, and not each other.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::docker::client::Docker;
use crate::docker::failure;
use crate::error::Error;
use crate::ui::shown;

/// What `--network` calls it.
pub const NAME: &str = "isolated";

/// Its name for Docker. Each user has one of their own.
#[must_use]
pub fn network() -> String {
    format!("docker-sandbox-isolated-{}", rustix::process::geteuid().as_raw())
}

/// Its use: as long as somebody has one, nobody of the same user removes it. A container that is being made does not keep
/// Docker from that.
#[derive(Debug)]
pub struct Use {
    _lock: File,
}

impl Use {
    /// `folder` is for the lock, and holds nothing.
    fn begin(folder: &Path) -> std::io::Result<Self> {
        let lock = open(folder)?;
        lock.lock_shared()?;
        Ok(Self { _lock: lock })
    }
}

fn open(folder: &Path) -> std::io::Result<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    File::open(folder)
}

/// Makes it, if it is not there. `labels` are for Docker.
///
/// # Errors
/// The daemon does not make it, or the folder cannot be locked.
pub fn make(docker: &Docker, folder: &Path, labels: &[OsString], limit: Duration) -> anyhow::Result<Use> {
    let lock = Use::begin(folder).with_context(|| format!("cannot lock {}", shown(folder)))?;
    let name = network();
    // Source: `com.docker.network.bridge.enable_icc` in Docker's documentation of the bridge driver.
    let mut words: Vec<OsString> =
        ["network", "create", "--driver=bridge", "--opt=com.docker.network.bridge.enable_icc=false"]
            .map(Into::into)
            .to_vec();
    words.extend_from_slice(labels);
    words.push(name.clone().into());
    let answer =
        docker.command(words).answer_within(limit)?.ok_or_else(|| failure::timed_out(docker, limit))?;
    if answer.status.success() || answer.stderr.contains("already exists") {
        return Ok(lock);
    }
    Err(Error::new("the network for `--network isolated` cannot be made")
        .body(answer.stderr.clone())
        .hint(
            "see which networks there are, and remove those that nobody uses:",
            docker.shown(["network", "prune"]),
        )
        .hint("or do without a network:", "docker sandbox do --network none …")
        .into())
}

/// Keeps everybody of the same user from beginning to use it, with any daemon of `state`. `None` if somebody does.
#[must_use]
pub fn unused(state: &Path) -> Option<Vec<File>> {
    let daemons = std::fs::read_dir(state).into_iter().flatten().flatten();
    let locks = daemons.filter_map(|daemon| File::open(daemon.path().join(NAME)).ok());
    locks.map(|lock| lock.try_lock().is_ok().then_some(lock)).collect()
}

/// Removes it, unless somebody uses it.
pub fn remove(docker: &Docker, folder: &Path, name: &str, limit: Duration) {
    if let Ok(lock) = open(folder)
        && lock.try_lock().is_ok()
    {
        // Docker refuses as long as a container is on it, a spare for example.
        let _ = docker.command(["network", "rm", name]).answer_within(limit);
    }
}
