//! What is left of commands whose callers were killed.

use std::time::Duration;

use super::store::{Phase, Record, Store};
use super::view::{Finished, Host, View};
use crate::docker::client::Docker;
use crate::ui::shown;

/// How long Docker may take to say whether there is a container.
const LIMIT: Duration = Duration::from_secs(10);

/// Finishes what somebody was killed over: goes on with what was being applied; compares what a command left whose container is
/// gone, so that it waits. `None` if there is nothing to do, or not yet, or somebody else does it.
///
/// # Errors
/// Docker does not say whether the command still runs, the directory is not there any more, or ours cannot be written to.
pub(crate) fn finish(
    store: &Store,
    (id, record): (&str, &Record),
    docker: &Docker,
    host: &Host,
) -> anyhow::Result<Option<Finished>> {
    if record.phase == Phase::Waiting || record.idle_until.is_some() {
        return Ok(None);
    }
    let Some(view) = View::open(store, id) else {
        return match store.open(id) {
            Some(_) => Err(elsewhere(record)),
            None => Ok(None),
        };
    };
    // Somebody may have finished it since.
    match view.record().phase {
        Phase::Waiting => Ok(None),
        Phase::Applying => view.resume(host).map(Some),
        Phase::Running if is_there(docker, id, record)? => Ok(None),
        Phase::Running => view.examine(host).map(Some),
    }
}

/// Whether the container that writes to it is there.
fn is_there(docker: &Docker, id: &str, record: &Record) -> anyhow::Result<bool> {
    let docker = docker.at(&record.socket);
    let filter = format!("--filter=name={id}");
    let words = ["ps", "--all", "--quiet", "--no-trunc", &filter];
    match docker.command(words).answer_within(LIMIT)? {
        Some(answer) if answer.status.success() => Ok(!answer.stdout.trim().is_empty()),
        _ => anyhow::bail!("Docker does not say whether the command still runs: `{}`", docker.shown(words)),
    }
}

/// The error of changes whose directories are not what they were.
pub(crate) fn elsewhere(record: &Record) -> anyhow::Error {
    let roots: Vec<String> = record.roots.iter().map(|root| shown(&root.path)).collect();
    anyhow::anyhow!("the directory that they are of is not there, or is another one: {}", roots.join(", "))
}
