//! What we ask the daemon about names, each within a limit of time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::resolver::{Connection, Connections, Network};
use crate::docker::client::Docker;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Docker refused the question: what it was about is not there.
    Refused,
    /// The daemon took too long, or `docker` could not be started.
    TimedOut,
}

/// A container, whatever its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `created`, `running`, `exited`.
    pub state: String,
    /// What it mounts, in one text: sources of bind mounts, names of volumes.
    pub mounts: String,
}

impl Container {
    /// Whether its start is over, so that inspecting it does not wait for that.
    #[must_use]
    pub fn has_started(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused")
    }
}

/// The networks of those names or ids.
///
/// # Errors
/// One of them is not there, or there is no answer.
pub fn networks(docker: &Docker, names: &[String], limit: Duration) -> Result<Vec<Network>, Silence> {
    let words = ["network", "inspect", "--format", "{{json .}}", "--"].map(str::to_owned);
    let text = answer(docker, words.into_iter().chain(names.iter().cloned()), limit)?;
    Ok(lines(&text))
}

/// As [`networks`], without those that are gone.
///
/// # Errors
/// There is no answer.
pub fn networks_left(docker: &Docker, ids: &[String], limit: Duration) -> Result<Vec<Network>, Silence> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let words = ["network", "inspect", "--format", "{{json .}}", "--"].map(str::to_owned);
    let command = docker.command(words.into_iter().chain(ids.iter().cloned()));
    let answer = command.answer_within(limit).ok().flatten().ok_or(Silence::TimedOut)?;
    Ok(lines(&answer.stdout))
}

/// The ids of all networks that somebody made.
///
/// # Errors
/// There is no answer.
pub fn network_ids(docker: &Docker, limit: Duration) -> Result<Vec<String>, Silence> {
    let words = ["network", "ls", "--quiet", "--no-trunc", "--filter=type=custom", "--filter=driver=bridge"];
    Ok(answer(docker, words.map(str::to_owned), limit)?.lines().map(str::to_owned).collect())
}

/// All containers.
///
/// # Errors
/// There is no answer.
pub fn containers(docker: &Docker, limit: Duration) -> Result<Vec<Container>, Silence> {
    let words = ["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}} {{json .Mounts}}"];
    let text = answer(docker, words.map(str::to_owned), limit)?;
    let container = |line: &str| {
        let mut words = line.splitn(4, ' ').map(str::to_owned);
        // Links of others show as `OTHER/NAME`.
        let own = |names: String| names.split(',').find(|name| !name.contains('/')).map(str::to_owned);
        let (id, name) = (words.next()?, own(words.next()?).unwrap_or_default());
        Some(Container { id, name, state: words.next()?, mounts: words.next()? })
    };
    Ok(text.lines().filter_map(container).collect())
}

/// The connections of containers, which must have been started: inspecting one that is being started waits for it.
/// Those that are gone are left out.
///
/// # Errors
/// There is no answer.
pub fn connections(docker: &Docker, ids: &[String], limit: Duration) -> Result<Connections, Silence> {
    if ids.is_empty() {
        return Ok(Connections::new());
    }
    let words =
        ["container", "inspect", "--format", "{{json .NetworkSettings.Networks}}", "--"].map(str::to_owned);
    let command = docker.command(words.into_iter().chain(ids.iter().cloned()));
    let answer = command.answer_within(limit).ok().flatten().ok_or(Silence::TimedOut)?;
    let networks: Vec<BTreeMap<String, Connection>> = lines(&answer.stdout);
    let all = networks.into_iter().flat_map(BTreeMap::into_values);
    Ok(all.map(|connection| (connection.endpoint.clone(), connection)).collect())
}

fn answer(
    docker: &Docker,
    words: impl IntoIterator<Item = String>,
    limit: Duration,
) -> Result<String, Silence> {
    let answer = docker.command(words).answer_within(limit).ok().flatten().ok_or(Silence::TimedOut)?;
    if answer.status.success() { Ok(answer.stdout) } else { Err(Silence::Refused) }
}

/// One JSON value a line. What we do not understand is not there.
fn lines<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
