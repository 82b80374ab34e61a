//! What a line mounts read-only, made so by the kernel of the daemon's host.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use crate::docker::mounts::{Mount, Source};
use crate::docker::read_only::{self, Bind};
use crate::docker::run_line::RunLine;
use crate::docker::volume_options::{self, Options};
use crate::gvisor::rules::read_only::{Kind, ReadOnly};
use crate::sandbox::bind;

/// Each becomes a volume, and more than these slow a start down.
const MOST_SUBMOUNTS: usize = 64;

/// What a line mounts read-only.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// For the rules.
    pub(super) all: Vec<ReadOnly>,
    /// The words that enforce it, for each option by its place.
    pub(super) words: Vec<(usize, Vec<OsString>)>,
}

/// Looks at what `line` mounts read-only. `others` comes from containers that it names, `known` are the options of
/// volumes that are there. `folder` is for relative paths; `None` where the daemon's files are not this machine's.
pub(super) fn look(
    line: &RunLine,
    given: &[Mount],
    others: &[Mount],
    known: &BTreeMap<String, Options>,
    folder: Option<&Path>,
) -> Found {
    let mut found = Found::default();
    let root = Path::new("/");
    let binds = read_only::binds(line, folder.unwrap_or(root));
    let targets = if binds.is_empty() { Vec::new() } else { read_only::targets(line) };
    for bind in binds {
        let kind = match kind_of(&bind.source, folder.is_some()) {
            // Docker refuses it.
            None if !bind.creates_source => continue,
            None => Kind::Unenforceable,
            Some(Kind::Enforceable) if bind.is_special => Kind::Unenforceable,
            Some(Kind::Enforceable) => match words(&bind, &targets) {
                Some(words) => {
                    found.words.push((bind.option, words));
                    Kind::Enforceable
                }
                None => Kind::Unenforceable,
            },
            Some(kind) => kind,
        };
        found.all.push(ReadOnly { written: bind.written, kind });
    }
    let volumes = given.iter().filter(|mount| matches!(mount.source, Source::Volume { .. }));
    for mount in volumes.chain(others).filter(|mount| mount.read_only) {
        let kind = match &mount.source {
            Source::Path(path) => match kind_of(Path::new(path), folder.is_some()) {
                Some(Kind::File) => Kind::File,
                _ => Kind::Unenforceable,
            },
            Source::Volume { name, options } => {
                let here: Vec<_> = options.iter().map(|option| option.to_string_lossy()).collect();
                let there = known.get(&*name.to_string_lossy()).cloned();
                // Those of the line make it if it is not there.
                if read_only::is_enforced(&there.unwrap_or_else(|| volume_options::of_mount(&here))) {
                    continue;
                }
                Kind::Unenforceable
            }
        };
        found.all.push(ReadOnly { written: mount.written.clone(), kind });
    }
    found
}

/// `None` if it is not there.
fn kind_of(path: &Path, local: bool) -> Option<Kind> {
    if !local {
        return Some(Kind::Unenforceable);
    }
    match path.metadata() {
        Ok(about) if about.is_dir() => Some(Kind::Enforceable),
        Ok(_) => Some(Kind::File),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        // Ours may not look at what the daemon may.
        Err(_) => Some(Kind::Unenforceable),
    }
}

/// A volume for `bind`, and a mount for each that is below it; `None` if there are too many.
fn words(bind: &Bind, targets: &[PathBuf]) -> Option<Vec<OsString>> {
    let mut words = vec!["--mount".into(), volume(&bind.source, &bind.target)];
    if !bind.recursive {
        return Some(words);
    }
    let source = bind.source.canonicalize().unwrap_or_else(|_| bind.source.clone());
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mut count = 0;
    for submount in read_only::submounts(&table, &source).iter().filter(|one| !one.is_private) {
        let Ok(below) = submount.path.strip_prefix(&source) else { continue };
        let target = bind.target.join(below);
        let is_hidden = |other: &PathBuf| {
            *other != bind.target && other.starts_with(&bind.target) && target.starts_with(other)
        };
        // What is over it hides it, or its name is no text.
        if targets.iter().any(is_hidden) || std::str::from_utf8(target.as_os_str().as_bytes()).is_err() {
            continue;
        }
        let Ok(about) = submount.path.metadata() else { continue };
        count += 1;
        words.push("--mount".into());
        words.push(if about.is_dir() {
            volume(&submount.path, &target)
        } else {
            bind::word(submount.path.as_os_str(), target.as_os_str(), true)
        });
    }
    (count <= MOST_SUBMOUNTS).then_some(words)
}

fn volume(device: &Path, target: &Path) -> OsString {
    let flags = rustix::fs::statvfs(device).map_or(StatVfsMountFlags::empty(), |about| about.f_flag);
    let known = [
        (StatVfsMountFlags::NOSUID, "nosuid"),
        (StatVfsMountFlags::NODEV, "nodev"),
        (StatVfsMountFlags::NOEXEC, "noexec"),
    ];
    let flags: Vec<&str> =
        known.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect();
    read_only::word(device, target, &flags)
}
