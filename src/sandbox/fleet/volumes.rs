//! Volumes that mounted a folder read-only for a container of ours that was removed without them. Nothing is in them: what
//! they show is a folder of the host's.

use std::ffi::OsString;
use std::time::Duration;

use super::{answer, prune};
use crate::docker::client::Docker;
use crate::docker::{inspect, read_only};

/// Those that no container has, by name.
///
/// # Errors
/// The daemon took too long, or `docker` could not be started.
pub fn unused(docker: &Docker, limit: Duration) -> anyhow::Result<Vec<String>> {
    let label = format!("--filter=label={}", read_only::LABEL);
    let asked = ["volume", "ls", "--quiet", "--filter=dangling=true", &label];
    let answer = answer(docker, &asked, limit)?;
    // Of a volume with a name, and of any that keeps something, the label was not ours.
    let anonymous = |name: &&str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let names: Vec<OsString> =
        answer.stdout.split_whitespace().filter(anonymous).map(OsString::from).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = inspect::volumes(docker, &names, limit)?;
    Ok(known
        .into_iter()
        .filter(|(_, options)| read_only::is_enforced(options))
        .map(|(name, _)| name)
        .collect())
}

/// Removes them.
///
/// # Errors
/// The daemon took too long, or `docker` could not be started.
pub fn remove(docker: &Docker, names: &[String], limit: Duration) -> anyhow::Result<prune::Removed> {
    prune::remove_volumes(docker, names, limit)
}
