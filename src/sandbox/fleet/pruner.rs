//! The process that removes what has expired, started on the way by a command that does not wait for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::filter::Filters;
use super::prune::{self, Why};
use crate::docker::client::Docker;
use crate::sandbox::expiry::Ledger;

/// How long the daemon may take for each answer. Nobody waits.
const LIMIT: Duration = Duration::from_secs(60);

/// The process's own life: `words` are those behind [`crate::sandbox::expiry::COMMAND`]. Returns its exit code.
#[must_use]
pub fn run(words: &[OsString]) -> u8 {
    // The terminal's signals and its end are somebody else's.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"sandbox-prune");
    let [file, program, globals @ ..] = words else { return 1 };
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let Ok(docker) = Docker::find(program, None, Path::new(&folder), globals) else { return 1 };
    let ledger = Ledger::at(PathBuf::from(file), globals.to_vec());
    // What it cannot do is tried again after a while.
    u8::from(look(&docker, &ledger).is_err())
}

/// Removes those of the caller that have expired, and writes down when the next one does.
fn look(docker: &Docker, ledger: &Ledger) -> anyhow::Result<()> {
    let (filters, now) = (Filters::of_the_caller(), SystemTime::now());
    let fleet = super::all(docker, true, LIMIT)?;
    let expired = prune::candidates(&fleet.containers, &filters, now);
    let expired = expired.into_iter().filter(|(_, why)| *why == Why::Expired);
    let ids: Vec<String> = expired.map(|(container, _)| container.id.clone()).collect();
    let removed = prune::remove(docker, &ids, LIMIT)?;
    let unused = super::volumes::unused(docker, LIMIT)?;
    super::volumes::remove(docker, &unused, LIMIT)?;
    ledger.looked(prune::next(&fleet.containers, &filters, now), removed.problems.is_empty());
    Ok(())
}
