//! Questions to the daemon, through `docker`, each within a limit of time.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::Docker;
use super::failure;
use super::info::{Info, Runtimes};

/// The registered runtimes.
///
/// # Errors
/// Docker or its daemon did not answer: why, and what to do. Never an empty list instead.
pub fn runtimes(docker: &Docker, limit: Duration) -> anyhow::Result<Runtimes> {
    let runtimes: Runtimes = info(docker, "{{json .Runtimes}}", limit)?;
    // podman's service speaks Docker's API, lists runtimes that it does not have, and starts
    // containers with another one than was asked for (containers/podman#28429). dockerd lists
    // containerd's shims; who does not is asked for its name.
    if runtimes.keys().any(|name| name.starts_with("io.containerd.")) || is_docker_engine(docker, limit)? {
        return Ok(runtimes);
    }
    Err(failure::no_docker_engine(docker).into())
}

fn is_docker_engine(docker: &Docker, limit: Duration) -> anyhow::Result<bool> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Server {
        #[serde(default)]
        components: Vec<Component>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Component {
        name: String,
    }
    let answer = docker
        .command(["version", "--format", "{{json .Server}}"])
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    let server = serde_json::from_str::<Option<Server>>(answer.stdout.trim()).ok().flatten();
    Ok(server.is_some_and(|server| server.components.iter().any(|component| component.name == "Engine")))
}

/// Docker's two versions, `docker version`.
///
/// # Errors
/// As for [`runtimes`].
pub fn version<T: DeserializeOwned>(docker: &Docker, limit: Duration) -> anyhow::Result<T> {
    let answer = docker
        .command(["version", "--format", "{{json .}}"])
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    if !answer.status.success() {
        return Err(failure::explain(docker, &["version"], &answer).into());
    }
    serde_json::from_str(answer.stdout.trim())
        .map_err(|problem| failure::nonsense(docker, &["version"], &problem.to_string()).into())
}

/// What the daemon says about itself.
///
/// # Errors
/// As for [`runtimes`].
pub fn about(docker: &Docker, limit: Duration) -> anyhow::Result<Info> {
    info(docker, "{{json .}}", limit)
}

/// As [`about`], where nobody wants to know why there is no answer.
#[must_use]
pub fn about_if_it_answers(docker: &Docker, limit: Duration) -> Option<Info> {
    let answer = docker.command(["info", "--format", "{{json .}}"]).answer_within(limit).ok()??;
    serde_json::from_str(answer.stdout.trim()).ok()
}

/// Where the daemon keeps its data, in its own words; `None` where it does not say.
#[must_use]
pub fn data_root(docker: &Docker, limit: Duration) -> Option<PathBuf> {
    let asked = docker.command(["info", "--format", "{{json .DockerRootDir}}"]);
    let root: String = serde_json::from_str(asked.answer_within(limit).ok()??.stdout.trim()).ok()?;
    (root.starts_with('/') && root != "/").then(|| root.into())
}

/// The daemon's address, `unix:///var/run/docker.sock`; empty where Docker does not tell.
#[must_use]
pub fn endpoint(docker: &Docker, limit: Duration) -> String {
    let inspect = docker.command(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
    let answer = inspect.answer_within(limit).ok().flatten();
    answer
        .filter(|answer| answer.status.success())
        .map(|answer| answer.stdout.trim().to_owned())
        .unwrap_or_default()
}

fn info<T: DeserializeOwned>(docker: &Docker, format: &str, limit: Duration) -> anyhow::Result<T> {
    let answer = docker
        .command(["info", "--format", format])
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    let text = answer.stdout.trim();
    // Docker 26.1 answers `null` without a daemon, and succeeds.
    if !answer.status.success() || text.is_empty() || text == "null" {
        return Err(failure::explain(docker, &["info"], &answer).into());
    }
    serde_json::from_str(text).map_err(|problem| {
        failure::nonsense(docker, &["info", "--format", format], &problem.to_string()).into()
    })
}
