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
use super::runsc::{self, Trial};
use super::source::Source;
use super::steps::{self, Event, Interrupted, Report};
use super::target::Target;
use super::tool::Tools;
use super::undo::INTERRUPTED;
use super::{apt, checksum, fetch, file, place, register, source, undo, unpack};
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
    make_folder(folder, &mut change)?;
    let mut journal = Journal::open(&work.target.real_config, &order.name)?;
    undo::recover(&mut journal, Some(work.daemon), work.tools, INTERRUPTED, work.report)?;
    make_folder(folder, &mut change)?;
    journal.pending(&change)?;
    match all_steps(work, order, &mut journal, &mut change) {
        Ok(evidence) => {
            finish(&mut journal, &change)?;
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

fn finish(journal: &mut Journal, change: &Change) -> anyhow::Result<()> {
    if change.placed.is_empty() && change.apt.is_none() && change.registered.is_none() {
        change.stages.iter().try_for_each(|stage| file::remove_all(stage))?;
        journal.record.pending = None;
        return journal.save();
    }
    journal.commit()?;
    // What was replaced is kept for undo; what a run of ours had put there is not.
    let done = journal.record.done.clone().unwrap_or_default();
    for stage in &change.stages {
        let new = stage.join("new");
        for entry in fs::read_dir(&new).into_iter().flatten().flatten() {
            if !done.keeps(&entry.path()) {
                file::remove_all(&entry.path())?;
            }
        }
        let _ = fs::remove_dir(new);
        let _ = fs::remove_dir(stage);
    }
    Ok(())
}

fn all_steps(
    work: &mut Work<'_>,
    order: &Order,
    journal: &mut Journal,
    change: &mut Change,
) -> anyhow::Result<String> {
    let stop = work.tools.stop.clone();
    let runsc = get(work, order, journal, change)?;
    let entry = Entry { path: runsc.to_string_lossy().into_owned(), args: order.args.clone() };
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
        Proof::Failed { text, failure } => {
            let hints = failure.map(|failure| Hint {
                text: format!("{}. For setup:", failure.cause),
                commands: remedies(failure.id),
            });
            Err(failed(&text).hints(hints).into())
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

/// Gets runsc to where it stays, and returns that place.
fn get(
    work: &mut Work<'_>,
    order: &Order,
    journal: &mut Journal,
    change: &mut Change,
) -> anyhow::Result<PathBuf> {
    let prefix = work.target.prefix.clone();
    match &order.source {
        Source::Found(path) => {
            work.report.begins(order.source.to_string());
            let version = runsc::version(work.tools, path)?;
            work.report.done(format!("version {version}"));
            try_platform(work, order, path)?;
            return Ok(path.clone());
        }
        Source::Apt => {
            work.report.begins(order.source.to_string());
            let path = apt::install(work.tools, journal, change)?;
            work.report.done(format!("{}, version {}", shown(&path), runsc::version(work.tools, &path)?));
            try_platform(work, order, &path)?;
            return Ok(path);
        }
        _ => {}
    }
    make_folder(&prefix, change)?;
    if work.target.kind != super::target::Kind::Rootless {
        place::check_open(&prefix)?;
    }
    let stage = prefix.join(format!(".docker-sandbox-{}-{}", order.name, std::process::id()));
    change.stages.push(stage.clone());
    journal.pending(change)?;
    file::remove_all(&stage)?;
    let new = stage.join("new");
    fs::create_dir_all(&new).with_context(|| format!("cannot make the folder {}", shown(&new)))?;
    work.report.begins(order.source.to_string());
    stage_source(work, order, &stage, &new)?;
    let names = place::members(&new, &prefix)?;
    let version = runsc::version(work.tools, &new.join("runsc"))?;
    work.report.done(format!("version {version}"));
    steps::go_on(&work.tools.stop)?;
    try_platform(work, order, &new.join("runsc"))?;
    steps::go_on(&work.tools.stop)?;
    work.report.begins(format!("place {} into {}", names.join(", "), shown(&prefix)));
    if place::is_there(&new, &prefix, &names) {
        work.report.done("the same is there already".to_owned());
        return Ok(prefix.join("runsc"));
    }
    for name in &names {
        change.placed.push(place::plan(&new, &prefix, name)?);
        journal.pending(change)?;
        if let Some(placed) = change.placed.last() {
            place::place(&new, placed)?;
        }
        steps::go_on(&work.tools.stop)?;
    }
    let kept = change.placed.iter().filter(|placed| placed.kept.is_some()).count();
    work.report.done(if kept > 0 {
        "the previous ones are kept for --undo".to_owned()
    } else {
        "done".to_owned()
    });
    Ok(prefix.join("runsc"))
}

/// Brings the source's files into `new`, verified.
fn stage_source(work: &mut Work<'_>, order: &Order, stage: &Path, new: &Path) -> anyhow::Result<()> {
    let tools = work.tools;
    match &order.source {
        Source::Folder(folder) => place::copy_parts(folder, new),
        Source::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut sums = path.as_os_str().to_owned();
            sums.push(".sha512");
            let text = file::read(Path::new(&sums))?.ok_or_else(|| {
                let wanted = shown(&sums);
                Error::new(format!("no checksum: there is no {wanted}")).hint(
                    "write it where the file is known to be good:",
                    format!("sha512sum {name} > {name}.sha512"),
                )
            })?;
            // A copy that nobody else can change between the look at it and its use.
            let copy = if is_archive(&name) { stage.join(&name) } else { new.join("runsc") };
            place::copy(path, &copy)?;
            checksum::verify(&copy, &String::from_utf8_lossy(&text), &name, &path.to_string_lossy())?;
            if is_archive(&name) {
                unpack::archive(tools, &copy, new)?;
                return file::remove(&copy);
            }
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))
                .context("cannot make runsc executable")
        }
        Source::Release(date) => {
            download(work, order, &source::release_url(date, std::env::consts::ARCH)?, new)
        }
        Source::Url(url) => download(work, order, url, new),
        Source::Found(_) | Source::Apt => Ok(()),
    }
}

fn download(work: &mut Work<'_>, order: &Order, url: &str, new: &Path) -> anyhow::Result<()> {
    let archive = fetch::archive(work.tools, url, &order.downloads, order.progress)?;
    if is_archive(&archive.to_string_lossy()) {
        let unpacked = unpack::archive(work.tools, &archive, new);
        file::remove(&archive)?;
        return unpacked;
    }
    place::copy(&archive, &new.join("runsc"))?;
    fs::set_permissions(new.join("runsc"), fs::Permissions::from_mode(0o755))
        .context("cannot make runsc executable")?;
    file::remove(&archive)
}

fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains(".tar") || [".tgz", ".tbz", ".tbz2", ".txz"].iter().any(|end| name.ends_with(end))
}

/// A platform that needs the machine's help is tried before anything depends on it.
fn try_platform(work: &mut Work<'_>, order: &Order, runsc: &Path) -> anyhow::Result<()> {
    if !order.args.iter().any(|word| word.trim_start_matches('-') == "platform=kvm") {
        return Ok(());
    }
    work.report.begins("try gVisor's KVM platform on this machine".to_owned());
    let scratch = tempdir()?;
    let outcome = runsc::try_kvm(work.tools, runsc, &scratch);
    let _ = fs::remove_dir_all(&scratch);
    match outcome? {
        Trial::Works => work.report.done("it works".to_owned()),
        Trial::Unknown(why) => {
            work.report.tell(Event::Warning(format!("it cannot be tried outside of Docker: {why}")))
        }
        Trial::Fails(why) => {
            return Err(Error::new(format!("gVisor's KVM platform does not work on this machine: {why}"))
                .hint(
                    "take the usual one, which needs no /dev/kvm:",
                    "docker sandbox setup --platform systrap",
                )
                .into());
        }
    }
    Ok(())
}

fn tempdir() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(format!("/tmp/docker-sandbox-trial-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).with_context(|| format!("cannot make the folder {}", shown(&folder)))?;
    Ok(folder)
}

/// Makes `folder` for everybody to read, with those above it, and notes which were not there.
fn make_folder(folder: &Path, change: &mut Change) -> anyhow::Result<()> {
    let mut missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    while let Some(folder) = missing.pop() {
        let cannot = || format!("cannot make the folder {}", shown(folder));
        fs::create_dir(folder).with_context(cannot)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).with_context(cannot)?;
        change.folders.push(folder.to_owned());
    }
    Ok(())
}
