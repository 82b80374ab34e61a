//! `--persist`: the root filesystem behaves as it does without gVisor, so that `docker cp`,
//! `commit`, `diff` and a stop and start see what was written.

use std::ffi::OsString;

use serde::Deserialize;

use super::rules::{Asked, keeps_writes, release_of};
use crate::docker::ask;
use crate::docker::info::{Runtime, Runtimes};
use crate::error::Error;
use crate::gvisor::arguments;
use crate::gvisor::detect::{self, Identity};

/// The annotation that takes gVisor's overlay away.
const ANNOTATION: &str = "dev.gvisor.flag.overlay2";
/// From this release on, the overlay is there without being asked for.
const OVERLAY_BY_DEFAULT: u32 = 20_230_501;
/// From this release on, a `features` without [`ANNOTATION`] says that it is refused; and the last
/// one that was seen to refuse it without a word about it.
const REFUSED_AT: u32 = 20_240_729;
/// Docker 24. Before, the daemon drops annotations without a word.
const API_WITH_ANNOTATIONS: (u32, u32) = (1, 43);

/// How the start is made to keep what is written.
#[derive(Debug, Default)]
pub(super) struct Persisted {
    pub(super) runtime: String,
    pub(super) words: Vec<OsString>,
    pub(super) notes: Vec<String>,
}

/// The way to keep writes, if the line asks for it: nothing where they are kept anyway, a runtime
/// that is registered so, or the annotation.
///
/// # Errors
/// There is none: what is missing, and how to get it.
pub(super) fn choose(asked: &Asked<'_>, runtimes: &Runtimes, name: &str) -> anyhow::Result<Persisted> {
    let with = |runtime: &str, words: Vec<OsString>, note: String| Persisted {
        runtime: runtime.to_owned(),
        words,
        notes: vec![format!("{note} [rootfs-writes]")],
    };
    if !asked.line.ours.persist {
        return Ok(Persisted { runtime: name.to_owned(), ..Persisted::default() });
    }
    let registered = runtimes.get(name);
    let keeps = |runtime: &Runtime| keeps_writes(&arguments::of(runtime));
    if registered.is_some_and(keeps) {
        return Ok(with(name, Vec::new(), format!("the runtime `{name}` keeps what is written")));
    }
    let other = runtimes
        .iter()
        .find(|(name, runtime)| detect::identify(name, runtime) == Identity::Gvisor && keeps(runtime));
    if let (Some((other, _)), None) = (other, asked.line.runtime()) {
        return Ok(with(other, Vec::new(), format!("the runtime `{other}`, which keeps what is written")));
    }
    let release = release_of(asked, runtimes, name);
    if release.is_some_and(|release| release < OVERLAY_BY_DEFAULT) {
        return Ok(with(name, Vec::new(), "this gVisor keeps what is written".to_owned()));
    }
    if let Some(seen) = too_old(asked)? {
        let message = format!("`--persist` needs Docker 24 or newer (API 1.43); {seen}; nothing was started");
        return Err(register_one(asked, message).into());
    }
    if !takes_annotation(registered, release) {
        let message = format!(
            "`--persist`: the runtime `{name}` lets no container switch its overlay off{}; nothing was started",
            release.map_or(String::new(), |release| format!(" (it is release {release})"))
        );
        return Err(register_one(asked, message).into());
    }
    let words = vec![OsString::from(format!("--annotation={ANNOTATION}=none"))];
    Ok(with(name, words, format!("added --annotation={ANNOTATION}=none")))
}

/// Whether the runtime obeys the annotation, as far as can be known; otherwise it says itself that
/// it does not.
fn takes_annotation(runtime: Option<&Runtime>, release: Option<u32>) -> bool {
    let given = runtime.map(arguments::of).unwrap_or_default();
    if given.iter().any(|one| one.name == "allow-flag-override" && one.is_on()) {
        return true;
    }
    let features = runtime.and_then(Runtime::feature_annotations);
    if let Some(features) = features.filter(|all| all.keys().any(|key| key.starts_with("dev.gvisor."))) {
        return features.contains_key(ANNOTATION);
    }
    release.is_none_or(|release| release > REFUSED_AT)
}

/// Which of Docker's two sides drops or refuses annotations, as a clause.
fn too_old(asked: &Asked<'_>) -> anyhow::Result<Option<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Side {
        #[serde(rename = "APIVersion", alias = "ApiVersion")]
        api_version: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Versions {
        client: Side,
        server: Side,
    }
    let versions: Versions = ask::version(asked.docker, asked.settings.detect_timeout.value)?;
    let old = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < API_WITH_ANNOTATIONS
    };
    let said = |side: &str, version: &str| format!("{side} has API {}", crate::ui::plain(version));
    Ok(if old(&versions.server.api_version) {
        Some(said("this daemon", &versions.server.api_version))
    } else if old(&versions.client.api_version) {
        Some(said("this docker", &versions.client.api_version))
    } else {
        None
    })
}

fn register_one(asked: &Asked<'_>, message: String) -> Error {
    let run = asked.context.command_line([asked.verb, "--persist"]);
    let setup =
        asked.context.command_line(["setup", "--name=runsc-persist", "--runtime-arg=--overlay2=none"]);
    Error::new(message)
        .hint("register a runtime that keeps what is written; `--persist` finds it:", setup)
        .hint("then:", format!("{run} …"))
}
