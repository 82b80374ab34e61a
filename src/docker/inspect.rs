//! What containers and volumes that a command line names bring along.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use serde::Deserialize;

use super::client::Docker;
use super::failure;
use super::volume_options::Options;
use crate::error::Error;
use crate::ui::shown;

/// A mount of a container that is there. Source: `MountPoint` in moby's `api/types/container`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Mounted {
    /// `bind`, `volume`, `tmpfs`, ….
    #[serde(rename = "Type")]
    pub kind: String,
    /// A volume's name.
    #[serde(rename = "Name")]
    pub name: String,
    /// A path on the daemon's host.
    #[serde(rename = "Source")]
    pub source: String,
    /// Whether it is writable.
    #[serde(rename = "RW")]
    pub writable: bool,
}

#[derive(Deserialize)]
struct Volume {
    #[serde(rename = "Options", default)]
    options: Option<Options>,
    #[serde(rename = "Name")]
    name: String,
}

/// The mounts of `container`.
///
/// # Errors
/// The daemon did not tell: there is no such container, most likely.
pub fn mounts_of(docker: &Docker, container: &OsStr, limit: Duration) -> anyhow::Result<Vec<Mounted>> {
    let words = ["container", "inspect", "--format", "{{json .Mounts}}", "--"].map(OsString::from);
    let answer = docker
        .command(words.into_iter().chain([container.to_owned()]))
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    let mounts = Some(&answer).filter(|answer| answer.status.success());
    let mounts = mounts.and_then(|answer| serde_json::from_str(answer.stdout.trim()).ok());
    mounts.ok_or_else(|| {
        let message = format!("`--volumes-from`: cannot see what {} mounts", shown(container));
        Error::new(message)
            .body(answer.stderr.clone())
            .hint("see which containers there are:", docker.shown(["ps", "-a"]))
            .into()
    })
}

/// Whose memory `container` shares: `host`, `container:ID`, `private`.
///
/// # Errors
/// The daemon did not tell: there is no such container, most likely.
pub fn ipc_mode_of(docker: &Docker, container: &OsStr, limit: Duration) -> anyhow::Result<String> {
    let words =
        ["container", "inspect", "--format", "{{json .HostConfig.IpcMode}}", "--"].map(OsString::from);
    let answer = docker
        .command(words.into_iter().chain([container.to_owned()]))
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    let mode = Some(&answer).filter(|answer| answer.status.success());
    let mode = mode.and_then(|answer| serde_json::from_str(answer.stdout.trim()).ok());
    mode.ok_or_else(|| {
        Error::new(format!("`--ipc`: cannot see whose memory {} shares", shown(container)))
            .body(answer.stderr.clone())
            .hint("see which containers there are:", docker.shown(["ps", "-a"]))
            .into()
    })
}

/// The options of those of `names` that are volumes already, by name.
///
/// # Errors
/// The daemon did not tell.
pub fn volumes(
    docker: &Docker,
    names: &[OsString],
    limit: Duration,
) -> anyhow::Result<BTreeMap<String, Options>> {
    let asked = ["volume", "inspect", "--format", "{{json .}}", "--"];
    let shown: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    let by_hand: Vec<&str> =
        ["volume", "inspect", "--"].into_iter().chain(shown.iter().map(|name| &**name)).collect();
    let answer = docker
        .command(asked.map(OsString::from).into_iter().chain(names.iter().cloned()))
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    // One that is not there yet is made by the start.
    let missing = |line: &str| line.to_ascii_lowercase().contains("no such volume");
    // Each complaint ends with the name, whose own lines are none.
    let broken = shown.iter().filter(|name| name.contains(['\n', '\r']));
    let complaints = broken.fold(answer.stderr.clone(), |said, name| said.replace(&**name, ""));
    let said = complaints.lines().filter(|line| !line.trim().is_empty());
    if !answer.status.success() && !said.clone().all(missing) || !answer.status.success() && said.count() == 0
    {
        return Err(failure::explain(docker, &by_hand, &answer).into());
    }
    let mut found = BTreeMap::new();
    for line in answer.stdout.lines().filter(|line| !line.trim().is_empty()) {
        let volume: Volume = serde_json::from_str(line)
            .map_err(|problem| failure::nonsense(docker, &by_hand, &problem.to_string()))?;
        found.insert(volume.name, volume.options.unwrap_or_default());
    }
    Ok(found)
}
