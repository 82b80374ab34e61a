//! A change taken back: by `--undo`, after a step that failed, after a run that was killed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::change::Change;
use super::journal::Journal;
use super::place::{self, TakenBack};
use super::reload::Daemon;
use super::steps::{Event, Report};
use super::tool::Tools;
use super::{apt, daemon_json, file, ownership, register};
use crate::docker::client::Docker;
use crate::docker::stop::Stop;
use crate::error::Error;
use crate::gvisor::proof;
use crate::ui::shown;

/// How long the daemon may take for one answer.
const LIMIT: Duration = Duration::from_secs(20);

/// Why something is pending at the start of a run.
pub const INTERRUPTED: &str = "take back what an interrupted run has left";

/// Takes back all that is on record for `journal`'s name. Returns whether there was anything.
///
/// # Errors
/// Something cannot be taken back: the record stays.
pub fn undo(
    journal: &mut Journal,
    daemon: Option<&Daemon>,
    tools: &Tools,
    report: &mut dyn Report,
) -> anyhow::Result<bool> {
    let recovered = recover(journal, daemon, tools, INTERRUPTED, report)?;
    let Some(done) = journal.record.done.clone() else { return Ok(recovered) };
    if let Some(daemon) = daemon {
        check_unused(&daemon.docker, &journal.name)?;
    }
    take_back(journal, &done, daemon, tools, report)?;
    journal.record.done = None;
    journal.save()?;
    remove_folders(&done);
    Ok(true)
}

/// Takes back what is pending: a step failed, or a run was killed. Returns whether there was one.
///
/// # Errors
/// Something cannot be taken back: the record stays.
pub fn recover(
    journal: &mut Journal,
    daemon: Option<&Daemon>,
    tools: &Tools,
    why: &str,
    report: &mut dyn Report,
) -> anyhow::Result<bool> {
    let Some(pending) = journal.record.pending.clone() else { return Ok(false) };
    report.begins(why.to_owned());
    if let Some(daemon) = daemon {
        remove_proofs(&daemon.docker, &journal.name);
    }
    take_back(journal, &pending, daemon, tools, report)?;
    journal.record.pending = None;
    journal.save()?;
    if journal.record.done.is_none() {
        remove_folders(&pending);
    }
    Ok(true)
}

/// Takes `change` back, the last part first. Nobody's signal ends that halfway.
///
/// # Errors
/// A part cannot be taken back; what comes before it stays as well.
fn take_back(
    journal: &Journal,
    change: &Change,
    daemon: Option<&Daemon>,
    tools: &Tools,
    report: &mut dyn Report,
) -> anyhow::Result<()> {
    let mut tools = tools.clone();
    tools.stop = Stop::default();
    check_ownership(change)?;
    if let Some(registered) = &change.registered {
        register::take_back(journal, registered, daemon, report)?;
        report.tell(Event::Undone(format!("`{}` is out of {}", journal.name, shown(&journal.config))));
    }
    let heirs: Vec<String> =
        Journal::names(&journal.config).into_iter().filter(|name| *name != journal.name).collect();
    if let (Some(heir), Some(registered)) = (heirs.first(), &change.registered) {
        journal.bequeath(heir, |other| other.inherit_former(registered))?;
    }
    if leave_to_others(journal, change, &heirs, report)? {
        return Ok(());
    }
    if let Some(done) = &change.apt {
        apt::take_back(&tools, done)?;
        report.tell(Event::Undone("apt's part".to_owned()));
    }
    for placed in change.placed.iter().rev() {
        match place::take_back(placed)? {
            TakenBack::Yes if placed.kept.is_some() => {
                report.tell(Event::Undone(format!("{} is the previous one", shown(&placed.to))));
            }
            TakenBack::Yes => report.tell(Event::Undone(format!("{} is gone", shown(&placed.to)))),
            TakenBack::NotThere => {}
            TakenBack::Foreign => {
                let text = format!("{} was replaced by somebody else since, and stays", shown(&placed.to));
                report.tell(Event::Warning(text));
            }
        }
    }
    change.stages.iter().try_for_each(|stage| file::remove_all(stage))
}

/// What is removed or moved lies where nobody else can put something else in its place meanwhile.
fn check_ownership(change: &Change) -> anyhow::Result<()> {
    let kept = change.placed.iter().filter_map(|placed| placed.kept.as_deref());
    let placed = change.placed.iter().map(|placed| placed.to.as_path()).chain(kept);
    let others = change.folders.iter().chain(&change.stages).map(PathBuf::as_path);
    for folder in placed.chain(others).filter_map(Path::parent) {
        let whose = ("see whose it is:", format!("namei -l {}", crate::ui::shell_line([folder])));
        ownership::check(folder, "and nothing is removed there", whose)?;
    }
    Ok(())
}

/// If another runtime in daemon.json uses what was placed, that stays, and is from now on its to take
/// back. Returns whether that is so.
fn leave_to_others(
    journal: &Journal,
    change: &Change,
    heirs: &[String],
    report: &mut dyn Report,
) -> anyhow::Result<bool> {
    let config = file::read(&journal.config)?.unwrap_or_default();
    let others = daemon_json::other_paths(&config, &journal.name);
    let ours = |path: &String| {
        let registered = change.registered.as_ref().is_some_and(|registered| registered.entry.path == *path);
        change.placed.iter().any(|placed| placed.to == Path::new(path))
            || (change.apt.is_some() && registered)
    };
    let Some(used) = others.iter().find(|path| ours(path)) else { return Ok(false) };
    report.tell(Event::Warning(format!("{} stays: another runtime in daemon.json uses it", shown(used))));
    for heir in heirs {
        if daemon_json::find(&config, heir).entry().is_some_and(|entry| entry.path == *used) {
            journal.bequeath(heir, |other| {
                let all = Change { registered: None, ..change.clone() };
                *other = all.and_then(std::mem::take(other));
            })?;
            break;
        }
    }
    Ok(true)
}

/// Folders that we made go if nobody has put anything into them.
pub(super) fn remove_folders(change: &Change) {
    for folder in change.folders.iter().rev() {
        let _ = std::fs::remove_dir(folder);
    }
}

/// Removes containers and images of proofs with the runtime `name` that nobody was left to remove.
fn remove_proofs(docker: &Docker, name: &str) {
    let filter = format!("--filter=label={}", proof::LABEL);
    for (runtime, container) in
        containers(docker, &["ps", "--all", "--quiet", "--no-trunc", &filter]).unwrap_or_default()
    {
        if runtime == name {
            let _ = ask(docker, &["rm", "--force", "--volumes", &container]);
        }
    }
    for image in ask(docker, &["images", "--quiet", &filter]).unwrap_or_default().split_whitespace() {
        // One that a proof is using stays: it is not forced.
        let _ = ask(docker, &["rmi", image]);
    }
}

/// Refuses to take a runtime from under running containers: they could not be stopped any more.
fn check_unused(docker: &Docker, name: &str) -> anyhow::Result<()> {
    let running = containers(docker, &["ps", "--quiet", "--no-trunc"])?;
    let users: Vec<String> =
        running.into_iter().filter(|(runtime, _)| runtime == name).map(|(_, container)| container).collect();
    if users.is_empty() {
        return Ok(());
    }
    let mut stop = vec!["stop".to_owned()];
    stop.extend(users.iter().cloned());
    Err(Error::new(format!(
        "containers run in `{name}`: {}; nothing was changed",
        crate::ui::plain(&users.join(", "))
    ))
    .hint("stop them first:", docker.shown(stop))
    .into())
}

/// Runtime and name of each container that `list` lists.
fn containers(docker: &Docker, list: &[&str]) -> anyhow::Result<Vec<(String, String)>> {
    let ids = ask(docker, list)?;
    let mut found = Vec::new();
    for id in ids.split_whitespace() {
        // One that ended and is gone by now does not count.
        let Ok(line) = ask(docker, &["inspect", "--format", "{{.HostConfig.Runtime}} {{.Name}}", id]) else {
            continue;
        };
        if let Some((runtime, name)) = line.trim().split_once(' ') {
            found.push((runtime.to_owned(), name.trim_start_matches('/').to_owned()));
        }
    }
    Ok(found)
}

fn ask(docker: &Docker, args: &[&str]) -> anyhow::Result<String> {
    let answer = docker.command(args.iter().copied()).answer_within(LIMIT)?;
    let answer = answer.filter(|answer| answer.status.success());
    answer
        .map(|answer| answer.stdout)
        .ok_or_else(|| Error::new("the daemon does not say which containers run").into())
}
