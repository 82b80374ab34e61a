//! One run: from a source to a proven sandbox, or back to where it began.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::change::Change;
use super::daemon_json::Entry;
use super::journal::Journal;
use super::reload::{Daemon, Want};
use super::source::Source;
use super::steps::{self, Event, Interrupted, Report};
use super::target::Target;
use super::tool::Tools;
use super::undo::INTERRUPTED;
use super::{file, obtain, register, runsc, undo};
use crate::error::{Error, Hint};
use crate::gvisor::proof::{self, Network, Proof};
use crate::ui::{plain, shown};

/// A proof takes two seconds; a runtime that hangs takes all of this.
const PROOF: Duration = Duration::from_secs(40);

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Order {
    /// The runtime's name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where gVisor comes from.
    pub source: Source,
    /// Where what was fetched waits.
    pub downloads: PathBuf,
    /// Whether a bar shows how far a download is.
    pub progress: bool,
}

/// What a run works with.
pub struct Work<'a> {
    /// Other programs.
    pub tools: &'a Tools,
    /// The daemon.
    pub daemon: &'a Daemon,
    /// Its files.
    pub target: &'a Target,
    /// Who is told.
    pub report: &'a mut dyn Report,
}

/// Does it. Returns what was seen of the sandbox that started.
///
/// # Errors
/// A step failed or somebody asked to stop; what had been done is taken back then, or the error
/// says that it could not be.
pub fn run(work: &mut Work<'_>, order: &Order) -> anyhow::Result<String> {
    let mut change = Change::default();
    let folder = work.target.real_config.parent().unwrap_or(Path::new("/"));
    // The journal is in there, so this alone cannot be on record before it is done.
    change.folders = missing(folder);
    make_folders(&change.folders)?;
    let mut journal = Journal::open(&work.target.real_config, &order.name)?;
    if undo::recover(&mut journal, Some(work.daemon), work.tools, INTERRUPTED, work.report)? {
        change.folders.extend(missing(folder));
        make_folders(&missing(folder))?;
    }
    journal.pending(&change)?;
    let outcome = all_steps(work, order, &mut journal, &mut change)
        .and_then(|evidence| settle(&mut journal, &change).map(|()| evidence));
    match outcome {
        Ok(evidence) => {
            tidy(&journal, &change);
            Ok(evidence)
        }
        Err(error) => {
            let nothing = journal.record.done.is_none();
            let why = "take back what was done";
            match undo::recover(&mut journal, Some(work.daemon), work.tools, why, work.report) {
                Ok(_) => {
                    let left = if nothing {
                        "everything is as it was"
                    } else {
                        "everything is as the last setup left it"
                    };
                    work.report.tell(Event::Undone(left.to_owned()));
                    Err(error)
                }
                Err(other) => Err(error.context(
                    Error::new(format!("not everything could be taken back ({other:#})"))
                        .hint("when that is mended:", "docker sandbox setup --undo"),
                )),
            }
        }
    }
}

/// From here on it is done, and not pending.
fn settle(journal: &mut Journal, change: &Change) -> anyhow::Result<()> {
    if change.placed.is_empty() && change.apt.is_none() && change.registered.is_none() {
        change.stages.iter().try_for_each(|stage| file::remove_all(stage))?;
        journal.record.pending = None;
        return journal.save();
    }
    journal.commit()
}

/// What was replaced is kept for undo; what a run of ours had put there is not.
fn tidy(journal: &Journal, change: &Change) {
    let done = journal.record.done.clone().unwrap_or_default();
    for stage in &change.stages {
        let new = stage.join("new");
        for entry in fs::read_dir(&new).into_iter().flatten().flatten() {
            if !done.keeps(&entry.path()) {
                // What cannot be removed is on record, and goes with the next undo.
                let _ = file::remove_all(&entry.path());
            }
        }
        let _ = fs::remove_dir(new);
        let _ = fs::remove_dir(stage);
    }
}

fn all_steps(
    work: &mut Work<'_>,
    order: &Order,
    journal: &mut Journal,
    change: &mut Change,
) -> anyhow::Result<String> {
    let stop = work.tools.stop.clone();
    let runsc = obtain::get(work, order, journal, change)?;
    let args = order.args.iter().cloned().chain(runsc::for_read_only(&runsc, &order.args)).collect();
    let entry = Entry { path: runsc.to_string_lossy().into_owned(), args };
    runsc::check_word("the path", &entry.path)?;
    if work.daemon.process.as_ref().and_then(|process| process.shares(&runsc)) == Some(false) {
        let message = format!("the daemon does not see {}: it has a file system of its own", shown(&runsc));
        return Err(Error::new(message)
            .hint("choose a folder that it sees:", "docker sandbox setup --prefix FOLDER")
            .into());
    }
    steps::go_on(&stop)?;
    let config = journal.config.clone();
    work.report.begins(format!("register `{}` in {}", order.name, shown(&config)));
    let plan = register::plan(&config, &order.name, &entry)?;
    if plan.added.former.is_some() {
        register::validate(work.tools, work.daemon, &config, &plan)?;
        steps::go_on(&stop)?;
        register::write(journal, change, &entry, &plan)?;
        work.report.done(plain(&crate::ui::shell_line(std::iter::once(&entry.path).chain(&entry.args))));
    } else {
        work.report.done("it is there already".to_owned());
    }
    steps::go_on(&stop)?;
    let pid = work.daemon.process.as_ref().map_or(0, crate::docker::daemon::DaemonProcess::pid);
    work.report.begins(format!("have the daemon (process {pid}) read it"));
    if work.daemon.shows(&order.name, Want::Is(&entry))? {
        work.report.done("it knows it already".to_owned());
    } else {
        if let Some(registered) = &mut change.registered {
            registered.told = true;
            journal.pending(change)?;
        }
        work.daemon.reload(&order.name, Want::Is(&entry), &stop)?;
        work.report.done("running containers were not touched".to_owned());
    }
    steps::go_on(&stop)?;
    work.report.begins(format!("prove it: start a container with `{}`", order.name));
    let evidence = prove(work, &order.name)?;
    work.report.done(evidence.clone());
    Ok(evidence)
}

fn prove(work: &Work<'_>, name: &str) -> anyhow::Result<String> {
    let stop = &work.tools.stop;
    let failed = |text: &str| Error::new(format!("the proof failed: {}", plain(text)));
    match proof::prove(&work.daemon.docker, name, Network::Default, PROOF, stop) {
        Proof::Proven { evidence, .. } => Ok(evidence),
        Proof::NotGvisor { evidence } => {
            Err(failed(&format!("the container is not in gVisor: {evidence}")).into())
        }
        Proof::Failed { text, failure, left } => {
            let hints = failure.map(|failure| Hint {
                text: format!("{}. For setup:", failure.cause),
                commands: remedies(failure.id),
            });
            let error = failed(&text).hints(hints);
            Err(match left {
                Some(command) => error.hint("something is left of it; remove it:", command).into(),
                None => error.into(),
            })
        }
        Proof::Hangs { limit, left } => {
            let limit = humantime::format_duration(limit);
            let error = failed(&format!("no container started within {limit}, and none failed"));
            let error = match left {
                Some(command) => error.hint("something is left of it; remove it:", command),
                None => error,
            };
            Err(error.hint("try gVisor's usual platform:", "docker sandbox setup --platform systrap").into())
        }
        Proof::Interrupted => Err(Interrupted(stop.signal().unwrap_or(15)).into()),
    }
}

/// The setup that avoids a known failure.
fn remedies(failure: &str) -> Vec<String> {
    let line = |line: &str| vec![format!("docker sandbox setup {line}")];
    match failure {
        "network-root-namespace" => {
            ["--from release", "--runtime-arg=--network=host"].into_iter().flat_map(line).collect()
        }
        "sentry-died" => line("--platform systrap"),
        _ => line("--from release"),
    }
}

/// The folders that have to be made for `folder` to be there, the outermost first.
pub(super) fn missing(folder: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> =
        folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// Makes them, for everybody to read.
pub(super) fn make_folders(folders: &[PathBuf]) -> anyhow::Result<()> {
    for folder in folders {
        let cannot = || format!("cannot make the folder {}", shown(folder));
        fs::create_dir(folder).with_context(cannot)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).with_context(cannot)?;
    }
    Ok(())
}
