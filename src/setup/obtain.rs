//! gVisor's programs, from wherever they come to where they stay.

use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::change::Change;
use super::install::{self, Order, Work};
use super::journal::Journal;
use super::runsc::{self, Trial};
use super::source::{self, Source};
use super::steps::{self, Event};
use super::target::Kind;
use super::{apt, checksum, copy, fetch, file, ownership, place, unpack};
use crate::error::Error;
use crate::ui::shown;

/// Gets runsc to where it stays, and returns that place.
pub(super) fn get(
    work: &mut Work<'_>,
    order: &Order,
    journal: &mut Journal,
    change: &mut Change,
) -> anyhow::Result<PathBuf> {
    let prefix = work.target.prefix.clone();
    match &order.source {
        Source::Found(path) => {
            work.report.begins(order.source.to_string());
            let elsewhere =
                ("take gVisor's release instead:", "docker sandbox setup --from release".to_owned());
            ownership::check(path, "and the daemon runs it", elsewhere)?;
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
    let folders = install::missing(&prefix);
    change.folders.extend(folders.iter().cloned());
    journal.pending(change)?;
    install::make_folders(&folders)?;
    if work.target.kind != Kind::Rootless {
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
    match &order.source {
        Source::Folder(folder) => copy::parts(folder, new),
        Source::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut sums = path.as_os_str().to_owned();
            sums.push(".sha512");
            let text = copy::small(Path::new(&sums))?.ok_or_else(|| {
                let wanted = shown(&sums);
                Error::new(format!("no checksum: there is no {wanted}")).hint(
                    "write it where the file is known to be good:",
                    format!("sha512sum {name} > {name}.sha512"),
                )
            })?;
            // A copy that nobody else can change between the look at it and its use.
            let at = if is_archive(&name) { stage.join(&name) } else { new.join("runsc") };
            let mut copy = copy::file(path, &at, unpack::LIMITS.bytes)?;
            checksum::verify(&mut copy, &String::from_utf8_lossy(&text), &name, &path.to_string_lossy())?;
            if is_archive(&name) {
                unpack(work, copy, path, new)?;
                return file::remove(&at);
            }
            make_executable(&copy)
        }
        Source::Release(date) => {
            download(work, order, &source::release_url(date, std::env::consts::ARCH)?, new)
        }
        Source::Url(url) => download(work, order, url, new),
        Source::Found(_) | Source::Apt => Ok(()),
    }
}

fn download(work: &mut Work<'_>, order: &Order, url: &str, new: &Path) -> anyhow::Result<()> {
    let fetch::Fetched { mut file, path } =
        fetch::archive(work.tools, url, &order.downloads, order.progress)?;
    let outcome = if is_archive(url) {
        unpack(work, file, Path::new(url), new)
    } else {
        let mut options = File::options();
        let runsc = options.write(true).create_new(true).mode(0o600).open(new.join("runsc"));
        let mut runsc = runsc.context("cannot write runsc")?;
        std::io::copy(&mut file, &mut runsc).context("cannot write runsc")?;
        make_executable(&runsc)
    };
    file::remove(&path)?;
    // A directory that has nothing to go on with says nothing.
    for folder in order.downloads.ancestors().take(2) {
        let _ = fs::remove_dir(folder);
    }
    outcome
}

/// Unpacks `file`, which is verified and at its beginning, into `new`, and reports how far that is.
fn unpack(work: &mut Work<'_>, file: File, name: &Path, new: &Path) -> anyhow::Result<()> {
    let archive = unpack::Archive { file, name };
    let report = &mut *work.report;
    let mut progress = |percent| report.tell(Event::Progress(percent));
    unpack::archive(work.tools, &archive, new, unpack::LIMITS, &mut progress)
}

fn make_executable(runsc: &File) -> anyhow::Result<()> {
    runsc
        .set_permissions(fs::Permissions::from_mode(0o755))
        .and_then(|()| runsc.sync_all())
        .context("cannot make runsc executable")
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
            work.report.tell(Event::Warning(format!("it cannot be tried outside of Docker: {why}")));
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
