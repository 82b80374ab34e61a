//! What may go, why, and its removal.

use std::time::{Duration, SystemTime};

use super::container::Container;
use super::filter::Filters;
use super::{answer, succeeded};
use crate::docker::client::Docker;
use crate::sandbox::labels::Kind;

/// How long something that has ended may belong to a command that is about to look at it.
pub const YOUNG: Duration = Duration::from_secs(60);
/// What the name of a container for a command begins with, and that of a spare once a command has it: labels cannot be
/// changed.
pub const TAKEN: &str = "docker-sandbox-do-";
/// The daemon ends and removes one after the other.
const EACH: Duration = Duration::from_secs(5);

/// Why something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its time is over.
    Expired,
    /// It waits for a command that nobody has given.
    Idle,
    /// Its command is over, or never began, and whoever started it has not removed it.
    Left,
}

impl Why {
    /// In a word or two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Idle => "idle spare",
            Self::Left => "left over",
        }
    }
}

/// Why `container` may go; `None` if it may not.
#[must_use]
pub fn why(container: &Container, now: SystemTime) -> Option<Why> {
    let labels = &container.labels;
    if labels.has_expired(now) {
        return Some(Why::Expired);
    }
    let taken = container.name.starts_with(TAKEN);
    match labels.kind? {
        Kind::Spare if !taken => Some(Why::Idle),
        Kind::Do | Kind::Spare => {
            let since = container.created.max(container.finished)?;
            let old = now.duration_since(since).is_ok_and(|age| age > YOUNG);
            (!container.runs() && old).then_some(Why::Left)
        }
        Kind::Run | Kind::Create => None,
    }
}

/// Those of `containers` that are wanted and may go.
#[must_use]
pub fn candidates<'a>(
    containers: &'a [Container],
    filters: &Filters,
    now: SystemTime,
) -> Vec<(&'a Container, Why)> {
    let wanted = containers.iter().filter(|one| filters.wants(&one.id, &one.name, &one.labels, now));
    wanted.filter_map(|container| Some((container, why(container, now)?))).collect()
}

/// When the next one of those that stay expires.
#[must_use]
pub fn next(containers: &[Container], filters: &Filters, now: SystemTime) -> Option<SystemTime> {
    let wanted = containers.iter().filter(|one| filters.wants(&one.id, &one.name, &one.labels, now));
    wanted.filter_map(|container| container.labels.expires).filter(|&expires| expires > now).min()
}

/// What came of a removal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The ids of those that are gone.
    pub ids: Vec<String>,
    /// What Docker said of those that are not, a line each.
    pub problems: Vec<String>,
}

/// Removes containers, running or not, with the volumes that have no name. One that is gone by itself is no problem.
///
/// # Errors
/// The daemon took too long, or `docker` could not be started.
pub fn remove(docker: &Docker, ids: &[String], limit: Duration) -> anyhow::Result<Removed> {
    let limit = limit + EACH * u32::try_from(ids.len()).unwrap_or(u32::MAX / 8);
    carry_out(docker, &["rm", "--force", "--volumes", "--"], ids, limit, |said| {
        said.contains("no such container") || said.contains("already in progress")
    })
}

/// Removes networks. One that somebody uses by now stays, and is no problem either.
pub(super) fn remove_networks(docker: &Docker, ids: &[String], limit: Duration) -> anyhow::Result<Removed> {
    carry_out(docker, &["network", "rm", "--"], ids, limit, |said| {
        said.contains("active endpoints") || said.contains("in use") || said.contains("not found")
    })
}

/// Removes volumes. One that a container has by now stays, and is no problem either.
pub(super) fn remove_volumes(docker: &Docker, names: &[String], limit: Duration) -> anyhow::Result<Removed> {
    carry_out(docker, &["volume", "rm", "--"], names, limit, |said| {
        said.contains("in use") || said.contains("no such volume")
    })
}

fn carry_out(
    docker: &Docker,
    words: &[&str],
    ids: &[String],
    limit: Duration,
    is_fine: impl Fn(&str) -> bool,
) -> anyhow::Result<Removed> {
    if ids.is_empty() {
        return Ok(Removed::default());
    }
    let words: Vec<&str> = words.iter().copied().chain(ids.iter().map(String::as_str)).collect();
    let answer = answer(docker, &words, limit)?;
    let gone = |id: &&String| answer.stdout.lines().any(|line| line.trim() == **id);
    let said = answer.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let problems: Vec<String> =
        said.filter(|line| !is_fine(&line.to_ascii_lowercase())).map(str::to_owned).collect();
    let removed = Removed { ids: ids.iter().filter(gone).cloned().collect(), problems };
    if removed.ids.is_empty() && answer.stderr.trim().is_empty() {
        // It failed without a word.
        succeeded(docker, &["version"], limit)?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::labels::Found;

    fn one(kind: Kind, status: &str, name: &str, ended: u64) -> Container {
        let now = SystemTime::now();
        Container {
            name: name.into(),
            status: status.into(),
            created: Some(now - Duration::from_secs(3600)),
            finished: (status == "exited").then(|| now - Duration::from_secs(ended)),
            labels: Found { kind: Some(kind), ..Found::default() },
            ..Container::default()
        }
    }

    #[test]
    fn what_is_expired_goes_and_running_ones_too() {
        let now = SystemTime::now();
        for kind in Kind::ALL {
            let mut container = one(kind, "running", "docker-sandbox-do-1", 0);
            assert_eq!(why(&container, now), None, "{kind:?}");
            container.labels.expires = Some(now);
            assert_eq!(why(&container, now), Some(Why::Expired), "{kind:?}");
        }
        assert_eq!(why(&one(Kind::Run, "exited", "x", 7200), now), None, "it can be started again");
    }

    #[test]
    fn a_spare_that_waits_goes_and_one_that_works_stays() {
        let now = SystemTime::now();
        assert_eq!(why(&one(Kind::Spare, "running", "docker-sandbox-spare-1", 0), now), Some(Why::Idle));
        assert_eq!(why(&one(Kind::Spare, "running", "docker-sandbox-do-1", 0), now), None);
        assert_eq!(why(&one(Kind::Spare, "exited", "docker-sandbox-do-1", 90), now), Some(Why::Left));
    }

    #[test]
    fn a_command_that_is_over_is_left_to_who_started_it_for_a_minute() {
        let now = SystemTime::now();
        assert_eq!(why(&one(Kind::Do, "exited", "x", 30), now), None);
        assert_eq!(why(&one(Kind::Do, "exited", "x", 90), now), Some(Why::Left));
        assert_eq!(why(&one(Kind::Do, "created", "x", 0), now), Some(Why::Left));
        assert_eq!(why(&one(Kind::Do, "running", "x", 0), now), None);
    }
}
