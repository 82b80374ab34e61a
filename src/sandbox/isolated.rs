//! The network of `--network isolated`: its containers reach the outside, and not each other.

use std::time::Duration;

use crate::docker::client::Docker;
use crate::docker::failure;
use crate::error::Error;

/// What `--network` calls it.
pub const NAME: &str = "isolated";

/// Its name for Docker. Each user has one of their own.
#[must_use]
pub fn network() -> String {
    format!("docker-sandbox-isolated-{}", rustix::process::geteuid().as_raw())
}

/// Makes it, if it is not there. `labels` are for Docker.
///
/// # Errors
/// The daemon does not make it.
pub fn make(docker: &Docker, labels: &[std::ffi::OsString], limit: Duration) -> anyhow::Result<()> {
    let name = network();
    // Source: `com.docker.network.bridge.enable_icc` in Docker's documentation of the bridge driver.
    let mut words: Vec<std::ffi::OsString> =
        ["network", "create", "--driver=bridge", "--opt=com.docker.network.bridge.enable_icc=false"]
            .map(Into::into)
            .to_vec();
    words.extend_from_slice(labels);
    words.push(name.clone().into());
    let answer =
        docker.command(words).answer_within(limit)?.ok_or_else(|| failure::timed_out(docker, limit))?;
    if answer.status.success() || answer.stderr.contains("already exists") {
        return Ok(());
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

/// Removes it, unless somebody uses it: then Docker refuses.
pub fn remove(docker: &Docker, name: &str, limit: Duration) {
    let _ = docker.command(["network", "rm", name]).answer_within(limit);
}
