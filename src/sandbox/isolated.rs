//! The network of `--network isolated`: its containers reach the outside, and not each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::labels::{self, All, Found};
use crate::docker::client::Docker;
use crate::docker::failure;
use crate::error::Error;
use crate::ui::shown;

/// What `--network` calls it.
pub const NAME: &str = "isolated";

const CONTAINERS_REACH_EACH_OTHER: &str = "com.docker.network.bridge.enable_icc";

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

/// Makes it, if it is not there, and takes it only if it is ours and isolated: somebody may have made one of that name
/// before. `labels` are for Docker. Returns its id, which no other network ever has.
///
/// # Errors
/// The daemon does not make it, it is not what it has to be, or the folder cannot be locked.
pub fn make(
    docker: &Docker,
    folder: &Path,
    labels: &[OsString],
    limit: Duration,
) -> anyhow::Result<(Use, String)> {
    let lock = Use::begin(folder).with_context(|| format!("cannot lock {}", shown(folder)))?;
    let name = network();
    // Source: `com.docker.network.bridge.enable_icc` in Docker's documentation of the bridge driver.
    let mut words: Vec<OsString> = ["network", "create", "--driver=bridge"].map(Into::into).to_vec();
    words.push(format!("--opt={CONTAINERS_REACH_EACH_OTHER}=false").into());
    words.extend_from_slice(labels);
    words.push(name.clone().into());
    let answer =
        docker.command(words).answer_within(limit)?.ok_or_else(|| failure::timed_out(docker, limit))?;
    if answer.status.success() {
        return Ok((lock, answer.stdout.trim().to_owned()));
    }
    if answer.stderr.contains("already exists") {
        return Ok((lock, taken(docker, &name, limit)?));
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

/// The id of the one that is there already, if that is one that we would make.
fn taken(docker: &Docker, name: &str, limit: Duration) -> anyhow::Result<String> {
    let words = ["network", "inspect", "--format", "{{json .}}", "--", name];
    let answer =
        docker.command(words).answer_within(limit)?.ok_or_else(|| failure::timed_out(docker, limit))?;
    let found = answer.stdout.lines().filter_map(|line| serde_json::from_str::<Network>(line).ok());
    // A name can be the beginning of another one's id.
    let found: Vec<Network> = found.filter(|network| network.name == name).collect();
    let wrong = match found.as_slice() {
        [network] => match network.foreign() {
            None => return Ok(network.id.clone()),
            Some(wrong) => wrong,
        },
        [] => "Docker says that it is there, and does not show it",
        _ => "there are several of that name",
    };
    Err(Error::new(format!("the network `{name}` is not the one of `--network isolated`: {wrong}"))
        .hint("see what it is, and who uses it:", docker.shown(["network", "inspect", name]))
        .hint("remove it, if nobody needs it:", docker.shown(["network", "rm", name]))
        .hint("or do without a network:", "docker sandbox do --network none …")
        .into())
}

/// A network, as `docker network inspect` shows it. Source: `Inspect` in moby's `api/types/network`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: String,
    /// `bridge`, `macvlan`.
    pub driver: String,
    /// Whether it has no way out.
    pub internal: bool,
    /// The driver's.
    pub options: Option<BTreeMap<String, String>>,
    /// Anybody's.
    pub labels: Option<All>,
    /// Those that run on it, by id.
    pub containers: Option<BTreeMap<String, serde_json::Value>>,
}

impl Network {
    /// Whether it is isolated.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        let option = self.options.as_ref().and_then(|options| options.get(CONTAINERS_REACH_EACH_OTHER));
        self.driver == "bridge" && option.is_some_and(|value| value == "false")
    }

    /// Why we would not have made it for ourselves; `None` if we would.
    fn foreign(&self) -> Option<&'static str> {
        let labels = self.labels.as_ref().and_then(Found::of);
        match labels {
            None => Some("`docker sandbox` did not make it"),
            Some(found) if found.owner != Some(labels::caller()) => Some("it was made for another user"),
            Some(_) if !self.is_isolated() => Some("its containers reach each other"),
            Some(_) if self.internal => Some("it has no way out"),
            Some(_) => None,
        }
    }
}

/// Keeps everybody of the same user from beginning to use it, with any daemon of `state`. `None` if somebody does.
#[must_use]
pub fn unused(state: &Path) -> Option<Vec<File>> {
    let daemons = std::fs::read_dir(state).into_iter().flatten().flatten();
    let locks = daemons.filter_map(|daemon| File::open(daemon.path().join(NAME)).ok());
    locks.map(|lock| lock.try_lock().is_ok().then_some(lock)).collect()
}

/// Removes it, unless somebody uses it. `id` is what [`make`] returned.
pub fn remove(docker: &Docker, folder: &Path, id: &str, limit: Duration) {
    if let Ok(lock) = open(folder)
        && lock.try_lock().is_ok()
    {
        // Docker refuses as long as a container is on it, a spare for example.
        let _ = docker.command(["network", "rm", id]).answer_within(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(change: impl FnOnce(&mut Network)) -> Network {
        let options = BTreeMap::from([(CONTAINERS_REACH_EACH_OTHER.to_owned(), "false".to_owned())]);
        let owner = labels::caller().to_string();
        let labels = [(labels::OURS, "0"), ("docker-sandbox.owner", &owner)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let mut network = Network {
            driver: "bridge".into(),
            options: Some(options),
            labels: Some(labels),
            ..Network::default()
        };
        change(&mut network);
        network
    }

    #[test]
    fn only_an_isolated_one_of_the_callers_is_taken() {
        let wrong = |change: fn(&mut Network)| network(change).foreign();
        assert_eq!(wrong(|_| {}), None);
        assert!(wrong(|one| one.labels = None).is_some());
        assert!(wrong(|one| one.labels = Some(All::from([(labels::OURS.into(), "0".into())]))).is_some());
        assert!(wrong(|one| one.driver = "macvlan".into()).is_some());
        assert!(wrong(|one| one.options = None).is_some());
        assert!(
            wrong(|one| one.options.iter_mut().flatten().for_each(|(_, value)| *value = "true".into()))
                .is_some()
        );
        assert!(wrong(|one| one.internal = true).is_some());
    }
}
