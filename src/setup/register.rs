//! The entry written into daemon.json, and taken out again.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::change::{Change, Registered};
use super::daemon_json::{self, Added, Entry, Found, Problem};
use super::file;
use super::journal::Journal;
use super::reload::{Daemon, Want};
use super::steps::{Event, Report};
use super::tool::{Job, Tools, complaint};
use crate::docker::stop::Stop;
use crate::error::Error;
use crate::ui::shown;

/// What daemon.json is and what it will be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `None`: there is no file.
    pub before: Option<String>,
    /// The new text, and what stood there.
    pub added: Added,
}

/// Reads `config` and puts `entry` in.
///
/// # Errors
/// The file is none that can be understood: with its line.
pub fn plan(config: &Path, name: &str, entry: &Entry) -> anyhow::Result<Plan> {
    let before = file::read(config)?;
    let added =
        daemon_json::add(before.as_deref(), name, entry).map_err(|problem| refused(config, &problem))?;
    Ok(Plan { before: before.map(|text| String::from_utf8_lossy(&text).into_owned()), added })
}

fn refused(config: &Path, problem: &Problem) -> anyhow::Error {
    let edit = format!("{}${{EDITOR:-vi}} {}", sudo(config), crate::ui::shell_line([config]));
    Error::new(format!("{} line {}: {}; it was left as it is", shown(config), problem.line, problem.what))
        .hint("correct it:", edit)
        .into()
}

/// What stands before a command for `config`: rootless Docker's is its user's own.
fn sudo(config: &Path) -> &'static str {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(config).map(|file| file.uid());
    let ours = owner.is_ok_and(|owner| owner != 0 && owner == rustix::process::geteuid().as_raw());
    if ours { "" } else { "sudo " }
}

/// Lets the daemon's own program look at a configuration before it is put in its place. One that
/// cannot (before 23.0), or that finds fault with the old one too, from here, has no say.
///
/// # Errors
/// It accepts the old one and not the new one.
pub fn validate(tools: &Tools, daemon: &Daemon, config: &Path, plan: &Plan) -> anyhow::Result<()> {
    let Some(process) = &daemon.process else { return Ok(()) };
    let program = PathBuf::from(format!("/proc/{}/exe", process.pid()));
    let mut name = config.as_os_str().to_owned();
    name.push(format!(".check{}", file::UNFINISHED));
    let check = PathBuf::from(name);
    let complaint_about = |text: &str| -> anyhow::Result<Option<String>> {
        file::replace(&check, text.as_bytes(), None, 0o600)?;
        let job = Job::new(&program, ["--validate".as_ref(), "--config-file".as_ref(), check.as_os_str()]);
        let output = tools.run(&job);
        file::remove(&check)?;
        super::steps::go_on(&tools.stop)?;
        let failed = output.ok().filter(|output| !output.status.success());
        Ok(failed.map(|output| complaint(&output)))
    };
    let Some(said) = complaint_about(&plan.added.text)? else { return Ok(()) };
    if complaint_about(plan.before.as_deref().unwrap_or("{}"))?.is_some() {
        return Ok(());
    }
    Err(Error::new(format!("the daemon would refuse its new configuration: {said}"))
        .hint("look at what it has now:", format!("{}cat {}", sudo(config), crate::ui::shell_line([config])))
        .into())
}

/// Writes the new text, with the old one beside it and in the journal before.
///
/// # Errors
/// It cannot be written: the old one is there, whole.
pub fn write(journal: &mut Journal, change: &mut Change, entry: &Entry, plan: &Plan) -> anyhow::Result<()> {
    let Some(former) = plan.added.former.clone() else { return Ok(()) };
    let config = journal.config.clone();
    let backup = plan.before.is_some().then(|| beside(&config, &timestamp(SystemTime::now())));
    change.registered = Some(Registered {
        entry: entry.clone(),
        former,
        told: false,
        texts: Some((plan.before.clone(), plan.added.text.clone())),
        backup: backup.clone(),
    });
    journal.pending(change)?;
    if let (Some(backup), Some(before)) = (&backup, &plan.before) {
        file::replace(backup, before.as_bytes(), Some(&config), 0o600)?;
    }
    let now = file::read(&config)?.map(|text| String::from_utf8_lossy(&text).into_owned());
    if now != plan.before {
        return Err(Error::new(format!("somebody else is editing {}", shown(&config)))
            .hint("try again:", "docker sandbox setup")
            .into());
    }
    file::replace(&config, plan.added.text.as_bytes(), Some(&config), 0o644)
}

fn beside(config: &Path, ending: &str) -> PathBuf {
    let mut path = config.as_os_str().to_owned();
    path.push(format!(".{ending}.bak"));
    PathBuf::from(path)
}

/// `2026-11-21T02-34-12Z`.
fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace(':', "-")
}

/// Takes the entry out again and has the daemon drop it, then puts the old bytes back.
///
/// The daemon drops a runtime only if its file has a `runtimes` without it. Where the old file has
/// none, that stands there for as long as a reload takes, and the journal outlives it.
///
/// # Errors
/// The file cannot be understood or written, or the daemon does not drop the runtime.
pub fn take_back(
    journal: &Journal,
    registered: &Registered,
    daemon: Option<&Daemon>,
    report: &mut dyn Report,
) -> anyhow::Result<()> {
    let (config, name) = (journal.config.clone(), journal.name.as_str());
    let former = match &registered.former {
        daemon_json::Former::Entry(old) => Found::read(old),
        _ => Found::Nothing,
    };
    let Some(now) = file::read(&config)? else { return remove_backup(registered) };
    let found = daemon_json::find(&now, name);
    if found != Found::Nothing && found != former && found != Found::Entry(registered.entry.clone()) {
        let path = shown(&config);
        report.tell(Event::Warning(format!(
            "`{name}` in {path} was changed by somebody else since, and stays as it is"
        )));
        return remove_backup(registered);
    }
    let without = |keep| {
        daemon_json::remove(&now, name, &registered.former, keep)
            .map_err(|problem| refused(&config, &problem))
    };
    // The file's words as we left it, and no others: then the old bytes are the right ones.
    let untouched = registered.texts.as_ref().filter(|(_, after)| after.as_bytes() == now);
    let last = untouched.map_or_else(|| without(false), |(before, _)| Ok(before.clone()))?;
    let want = match &former {
        Found::Nothing => Want::Gone,
        Found::Entry(entry) => Want::Is(entry),
        Found::Other(_) => Want::IsNot(&registered.entry),
    };
    if let Some(daemon) = daemon
        && (registered.told || !daemon.shows(name, want).unwrap_or(false))
        && let Some(between) = without(true)?
    {
        if registered.told {
            daemon.settle(name, &registered.entry);
        }
        put(&config, &now, Some(&between))?;
        let dropped = daemon.reload(name, want, &Stop::default());
        put(&config, between.as_bytes(), last.as_deref())?;
        if let Err(error) = dropped {
            let path = shown(&config);
            report.tell(Event::Warning(format!("{path} is as it was, but {error:#}")));
        }
    } else {
        put(&config, &now, last.as_deref())?;
    }
    remove_backup(registered)
}

fn remove_backup(registered: &Registered) -> anyhow::Result<()> {
    registered.backup.as_deref().map_or(Ok(()), file::remove)
}

fn put(config: &Path, now: &[u8], text: Option<&str>) -> anyhow::Result<()> {
    match text {
        Some(text) if text.as_bytes() == now => Ok(()),
        Some(text) => file::replace(config, text.as_bytes(), Some(config), 0o644),
        None => file::remove(config),
    }
}
