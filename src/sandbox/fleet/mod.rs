//! What we have started and made: finding it, and telling it from what others did.
//!
//! An image may carry our labels, and each container of it then has them. Such a container is not ours, and nothing
//! here ever lists, stops or removes it: its id is the one that its image has.
//!
//! ```text
//! container, filter    pure: what Docker says of one, and which ones are wanted
//! sight                what this machine shows of one: whether it is in gVisor, its memory
//! prune, networks, volumes    what may go, and its removal
//! ```

pub mod container;
pub mod filter;
pub mod networks;
pub mod prune;
pub mod pruner;
pub mod sight;
pub mod volumes;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::docker::client::{Answer, Docker};
use crate::docker::failure;
use crate::sandbox::labels::{All, Found, OURS};
use container::{Container, Inspected};

/// Whose a container is.
#[derive(Debug, Clone, PartialEq)]
pub enum Whose {
    /// We started it.
    Ours(Box<Container>),
    /// It has our labels from its image.
    Images,
    /// It has our labels, and its image is gone: they may be its image's.
    Unclear,
    /// It has none of our labels.
    Others,
}

/// A container by the name that it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// As it was asked for.
    pub name: String,
    /// Whose it is; `None` if there is none.
    pub whose: Option<Whose>,
}

/// All of ours on a daemon.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    /// The newest first.
    pub containers: Vec<Container>,
    /// The names of those that may be ours: [`Whose::Unclear`].
    pub unclear: Vec<String>,
}

/// Finds all of ours; `ended`: those too that do not run.
///
/// # Errors
/// The daemon did not tell.
pub fn all(docker: &Docker, ended: bool, limit: Duration) -> anyhow::Result<Fleet> {
    let filter = format!("--filter=label={OURS}");
    let mut asked = vec!["ps", "--quiet", "--no-trunc", &filter];
    if ended {
        asked.push("--all");
    }
    let answer = succeeded(docker, &asked, limit)?;
    let ids: Vec<String> = answer.stdout.split_whitespace().map(str::to_owned).collect();
    let mut fleet = Fleet::default();
    let (inspected, _) = inspect(docker, &ids, limit)?;
    let names: Vec<String> = inspected.iter().map(|one| one.name().to_owned()).collect();
    for (name, whose) in names.into_iter().zip(sort_out(docker, inspected, limit)?) {
        match whose {
            Whose::Ours(container) => fleet.containers.push(*container),
            Whose::Unclear => fleet.unclear.push(name),
            Whose::Images | Whose::Others => {}
        }
    }
    Ok(fleet)
}

/// Finds containers by names, ids or the beginnings of ids, as Docker takes them.
///
/// # Errors
/// The daemon did not tell.
pub fn named(docker: &Docker, names: &[String], limit: Duration) -> anyhow::Result<Vec<Named>> {
    let (inspected, missing) = inspect(docker, names, limit)?;
    let found = sort_out(docker, inspected, limit)?;
    let there: Vec<&String> = names.iter().filter(|name| !missing.contains(name)).collect();
    // Each complaint names what is missing; if it does not, nothing is certain.
    if there.len() != found.len() {
        let problem = format!("{} containers for {} names", found.len(), there.len());
        return Err(failure::nonsense(docker, &["container", "inspect"], &problem).into());
    }
    let mut found = found.into_iter();
    let mut answers = Vec::new();
    for name in names {
        let whose = if missing.contains(name) { None } else { found.next() };
        answers.push(Named { name: name.clone(), whose });
    }
    Ok(answers)
}

/// What Docker says of `names`, in their order, and which of them are not there.
fn inspect(
    docker: &Docker,
    names: &[String],
    limit: Duration,
) -> anyhow::Result<(Vec<Inspected>, Vec<String>)> {
    about(docker, "container", names, limit)
}

/// `docker KIND inspect NAMES`, and which of the names are not there.
fn about<T: DeserializeOwned>(
    docker: &Docker,
    kind: &str,
    names: &[String],
    limit: Duration,
) -> anyhow::Result<(Vec<T>, Vec<String>)> {
    if names.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut asked = vec![kind, "inspect", "--format", "{{json .}}", "--"];
    asked.extend(names.iter().map(String::as_str));
    let answer = answer(docker, &asked, limit)?;
    let said: Vec<&str> = answer.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    // `Error: No such container: NAME`, `Error response from daemon: network NAME not found`.
    let is_missing = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.contains("no such") || line.contains("not found")
    };
    if !answer.status.success() && (said.is_empty() || !said.iter().all(is_missing)) {
        return Err(failure::explain(docker, &asked[..2], &answer).into());
    }
    let is_of = |line: &str, name: &str| {
        line.ends_with(&format!(": {name}")) || line.contains(&format!(" {name} not found"))
    };
    let missing = names.iter().filter(|name| said.iter().any(|line| is_of(line, name)));
    let parsed = answer.stdout.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
    let parsed: Result<Vec<T>, _> = parsed.collect();
    let parsed = parsed.map_err(|problem| failure::nonsense(docker, &asked[..2], &problem.to_string()))?;
    Ok((parsed, missing.cloned().collect()))
}

/// Whose each of them is. The images of those that may be ours are asked for in one question.
fn sort_out(docker: &Docker, inspected: Vec<Inspected>, limit: Duration) -> anyhow::Result<Vec<Whose>> {
    let claims = |one: &Inspected| Found::of(one.labels());
    let mut images: Vec<String> =
        inspected.iter().filter(|one| claims(one).is_some()).map(|one| one.image.clone()).collect();
    images.sort();
    images.dedup();
    let (known, _) = about::<Image>(docker, "image", &images, limit)?;
    let known: BTreeMap<&str, &Image> = known.iter().map(|image| (image.id.as_str(), image)).collect();
    let whose = |one: Inspected| {
        let Some(found) = claims(&one) else { return Whose::Others };
        match known.get(one.image.as_str()).and_then(|image| image.labels(&one)) {
            Some(image) if found.is_from(&image) => Whose::Images,
            Some(_) => Whose::Ours(Box::new(Container::new(one, found))),
            None => Whose::Unclear,
        }
    };
    Ok(inspected.into_iter().map(whose).collect())
}

/// Source: `InspectResponse` in moby's `api/types/image`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default)]
    architecture: String,
    config: Option<ImageConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfig {
    #[serde(default)]
    labels: Option<All>,
}

impl Image {
    /// The labels that `container` has of it. `None` if that cannot be told: an image of several platforms shows
    /// those of one.
    fn labels(&self, container: &Inspected) -> Option<All> {
        let other = container.architecture().is_some_and(|architecture| architecture != self.architecture);
        let config = self.config.as_ref().filter(|_| !other)?;
        Some(config.labels.clone().unwrap_or_default())
    }
}

/// What `docker ASKED` says.
fn answer(docker: &Docker, asked: &[&str], limit: Duration) -> anyhow::Result<Answer> {
    let answer = docker.command(asked.iter().copied()).answer_within(limit)?;
    Ok(answer.ok_or_else(|| failure::timed_out(docker, limit))?)
}

/// Likewise, and that it failed is an error.
fn succeeded(docker: &Docker, asked: &[&str], limit: Duration) -> anyhow::Result<Answer> {
    let answer = answer(docker, asked, limit)?;
    if answer.status.success() { Ok(answer) } else { Err(failure::explain(docker, asked, &answer).into()) }
}
