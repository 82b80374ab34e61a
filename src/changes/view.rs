//! A view from its making to its end: mounted into a container, then compared, judged and applied.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};

use super::apply::{self, Applying};
use super::baseline::{Baseline, Seen};
use super::git::{Git, Program};
use super::judge::{Judge, Result as Outcome};
use super::store::{self, Entry, Holds, Phase, Record, Root, Store};
use super::tree::{Time, Tree, changed_at};
use super::{Change, State, copy, overlay};
use crate::docker::csv;
use crate::error::Error;
use crate::ui::shown;

const SEEN: &str = "seen.json";

/// How a command gets a directory that it may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The kernel's overlay over it.
    Overlay,
    /// A copy.
    Copy,
}

/// A directory that a command may write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) path: PathBuf,
    pub(crate) means: Means,
    /// Whether what is written may come to the host.
    pub(crate) applies: bool,
}

/// Whose view it is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The user and group of the command.
    pub(crate) ids: (u32, u32),
    /// Where we keep what concerns the daemon that has the container.
    pub(crate) daemon: String,
    /// Of a container that waits for a command: until when.
    pub(crate) idle_until: Option<u64>,
}

/// What becomes of the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They are applied, but for those that are held back.
    Apply,
    /// They wait for somebody to decide.
    Wait,
    /// They are thrown away.
    Drop,
}

/// What of the host it takes to judge changes.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// The host's git.
    pub(crate) git: Option<PathBuf>,
    /// The user's home directory.
    pub(crate) home: Option<PathBuf>,
}

/// How many changes the host does not have, by what keeps them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Somebody is to look at them.
    pub(crate) wanted: usize,
    pub(crate) held: usize,
    pub(crate) conflicts: usize,
    pub(crate) failed: usize,
}

impl Counts {
    /// Those of a view.
    pub(crate) fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut counts = Self::default();
        for change in changes {
            match change.state {
                State::Wanted | State::Deferred => counts.wanted += 1,
                State::Held(_) => counts.held += 1,
                State::Conflict => counts.conflicts += 1,
                State::Failed(_) => counts.failed += 1,
                State::Applied => {}
            }
        }
        counts
    }
}

/// A view that a command may write to.
#[derive(Debug)]
pub(crate) struct View {
    entry: Entry,
    record: Record,
    /// Opened before the command: whatever becomes of their paths, changes go there.
    hosts: Vec<Tree>,
    /// Locks on overlayfs's own directories, and their paths.
    work: Vec<(PathBuf, File)>,
}

/// What became of a view.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) id: String,
    /// Each with the directory that its path is relative to.
    pub(crate) changes: Vec<(PathBuf, Change)>,
}

impl Finished {
    /// The changes that wait for somebody.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().map(|(_, change)| change).filter(|change| change.waits())
    }
}

impl View {
    /// Makes one of `wanted`, the project's directory first, for the container that has `id` in its name.
    ///
    /// # Errors
    /// A directory cannot be read, or ours cannot be written to.
    pub(crate) fn make(store: &Store, id: &str, wanted: &[Wanted], owner: &Owner) -> anyhow::Result<Self> {
        let entry = store.create(id)?;
        let record = Record {
            project: wanted.first().map(|wanted| wanted.path.clone()).unwrap_or_default(),
            command: String::new(),
            created: store::now(),
            phase: Phase::Running,
            daemon: owner.daemon.clone(),
            idle_until: owner.idle_until,
            owner: owner.ids.0,
            roots: Vec::new(),
        };
        let mut view = Self { entry, record, hosts: Vec::new(), work: Vec::new() };
        let made = wanted.iter().try_for_each(|wanted| view.add(store, wanted));
        match made.and_then(|()| view.entry.note(&view.record)) {
            Ok(()) => Ok(view),
            Err(error) => {
                view.entry.remove();
                Err(error)
            }
        }
    }

    fn add(&mut self, store: &Store, wanted: &Wanted) -> anyhow::Result<()> {
        let Wanted { path, means, applies } = wanted;
        let unreadable = || format!("cannot read {}", shown(path));
        let host = Tree::open(path).with_context(unreadable)?;
        let number = self.record.roots.len();
        let holds = if *means == Means::Overlay { Holds::Upper } else { Holds::Copy };
        let directory = self.entry.root(number, holds)?;
        let mut root = Root {
            path: path.to_owned(),
            identity: host.identity().with_context(unreadable)?,
            holds,
            since: (0, 0),
            work: None,
            applies: *applies,
            changes: Vec::new(),
        };
        if *means == Means::Overlay {
            let (number, work, lock) = store.work()?;
            root.work = Some(number);
            self.work.push((work, lock));
        } else {
            let seen = copy::make(&host, &Tree::open(&directory)?)?;
            let list: Vec<Listed> = seen.into_iter().map(|(path, seen)| Listed { path, seen }).collect();
            std::fs::write(directory.with_file_name(SEEN), serde_json::to_vec(&list)?)?;
        }
        // The root of an overlay has the mode and the owner of the upper directory.
        let stat = host.stat(Path::new("")).with_context(unreadable)?.with_context(unreadable)?;
        rustix::fs::chmodat(CWD, &directory, Mode::from_raw_mode(stat.st_mode & 0o1777), AtFlags::empty())?;
        if rustix::process::geteuid().is_root() {
            let ids = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
            rustix::fs::chownat(CWD, &directory, ids.0, ids.1, AtFlags::empty())?;
        }
        self.record.roots.push(root);
        self.hosts.push(host);
        Ok(())
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.entry.id
    }

    /// The value of `--mount` for each root.
    pub(crate) fn mounts(&self) -> Vec<OsString> {
        let mut words = Vec::new();
        let mut work = self.work.iter();
        for (number, root) in self.record.roots.iter().enumerate() {
            let directory = self.entry.directory.join(number.to_string()).join(root.holds.name());
            words.push(match (root.holds, work.next()) {
                (Holds::Upper, Some((work, _))) => overlay_mount(&root.path, &directory, work),
                _ => crate::sandbox::bind::word(directory.as_os_str(), root.path.as_os_str(), false),
            });
        }
        words
    }

    /// The command begins: what changes on the host from here on, it has not necessarily seen.
    ///
    /// # Errors
    /// Our directory cannot be written to.
    pub(crate) fn begin(&mut self, command: String) -> anyhow::Result<()> {
        let now = self.kernel_time()?;
        self.record.roots.iter_mut().for_each(|root| root.since = now);
        self.record.command = command;
        self.record.idle_until = None;
        self.record.created = store::now();
        self.entry.note(&self.record)
    }

    /// The time by the clock that the kernel stamps files with.
    fn kernel_time(&self) -> anyhow::Result<Time> {
        let name = Path::new("begin");
        std::fs::write(self.entry.directory.join(name), "")?;
        let stat = Tree::open(&self.entry.directory)?.stat(name)?.context("a file of ours disappeared")?;
        Ok(changed_at(&stat))
    }

    /// That of a container that waited for a command, or that was left behind; `None` if it is not there, or somebody works on it.
    pub(crate) fn open(store: &Store, id: &str) -> Option<Self> {
        let entry = store.open(id)?;
        let record = entry.record()?;
        let mut hosts = Vec::new();
        for root in &record.roots {
            let tree = Tree::open(&root.path).ok()?;
            // Another directory is in its place: nothing is applied to that.
            (tree.identity().ok()? == root.identity).then_some(())?;
            hosts.push(tree);
        }
        Some(Self { entry, record, hosts, work: Vec::new() })
    }

    /// What is known of it.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// After the command: finds what it changed, judges it, and does with it what `fate` says. `allowed` are the ids of rules
    /// that do not hold.
    ///
    /// # Errors
    /// What the command left cannot be read, or our directory cannot be written to; nothing was applied then.
    pub(crate) fn finish(
        mut self,
        fate: Fate,
        allowed: &BTreeSet<String>,
        about: &Host,
    ) -> anyhow::Result<Finished> {
        if fate == Fate::Drop {
            let id = self.entry.id.clone();
            self.entry.remove();
            return Ok(Finished { id, changes: Vec::new() });
        }
        let program = self.program(about);
        for number in 0..self.hosts.len() {
            if self.record.roots[number].applies {
                self.record.roots[number].changes = self.judged(number, allowed, program.clone())?;
            }
        }
        if fate == Fate::Apply {
            self.apply(program.as_ref())?;
        } else {
            self.record.phase = Phase::Waiting;
            self.entry.note(&self.record)?;
        }
        self.settled()
    }

    /// Goes on where somebody was killed who applied changes.
    ///
    /// # Errors
    /// Our directory cannot be written to.
    pub(crate) fn resume(mut self, about: &Host) -> anyhow::Result<Finished> {
        let program = self.program(about);
        for (root, host) in self.record.roots.iter().zip(&self.hosts) {
            apply::tidy(host, &root.changes, &self.entry.temporary());
        }
        self.apply(program.as_ref())?;
        self.settled()
    }

    /// Applies what waits: all that no rule holds back, or what is at `paths` or below, whatever holds it back.
    ///
    /// # Errors
    /// Our directory cannot be written to.
    pub(crate) fn apply_waiting(mut self, paths: &[PathBuf], about: &Host) -> anyhow::Result<Finished> {
        let program = self.program(about);
        for root in &mut self.record.roots {
            let root_path = root.path.clone();
            for change in root.changes.iter_mut().filter(|change| change.waits()) {
                let whole = root_path.join(&change.path);
                let named = paths.iter().any(|path| whole.starts_with(path));
                // What is above a named path is needed for it.
                let leads = change.is_directory() && paths.iter().any(|path| path.starts_with(&whole));
                if named || leads {
                    change.state = State::Wanted;
                } else if !paths.is_empty() && change.state == State::Wanted {
                    change.state = State::Deferred;
                }
            }
            // They have been looked at.
            if !paths.is_empty() {
                root.since = (i64::MAX, 0);
            }
        }
        self.apply(program.as_ref())?;
        self.settled()
    }

    fn program(&self, about: &Host) -> Option<Program> {
        let scratch = self.entry.directory.join("scratch");
        std::fs::create_dir_all(&scratch).ok()?;
        Program::new(about.git.clone()?, &scratch, about.home.clone()).ok()
    }

    fn tree(&self, number: usize) -> anyhow::Result<Tree> {
        let directory = self.entry.root(number, self.record.roots[number].holds)?;
        Tree::open(&directory).with_context(|| format!("cannot read {}", shown(&directory)))
    }

    fn baseline(&self, number: usize) -> anyhow::Result<Baseline> {
        let root = &self.record.roots[number];
        let file = self.entry.directory.join(number.to_string()).join(SEEN);
        if root.since.0 == i64::MAX || !file.exists() {
            return Ok(Baseline::Since(root.since));
        }
        let list: Vec<Listed> = serde_json::from_slice(&std::fs::read(file)?)?;
        let seen: HashMap<PathBuf, Seen> =
            list.into_iter().map(|listed| (listed.path, listed.seen)).collect();
        Ok(Baseline::Copied(seen))
    }

    fn judged(
        &self,
        number: usize,
        allowed: &BTreeSet<String>,
        program: Option<Program>,
    ) -> anyhow::Result<Vec<Change>> {
        let (view, host, baseline) = (self.tree(number)?, &self.hosts[number], self.baseline(number)?);
        let owner = self.record.owner;
        let found = match &baseline {
            Baseline::Since(_) => overlay::changes(&view, host, owner)?,
            Baseline::Copied(seen) => copy::changes(&view, host, seen, owner)?,
        };
        let result =
            Outcome { view: &view, host, is_overlay: self.record.roots[number].holds == Holds::Upper };
        let git = Git::new(result, program);
        Ok(Judge { result, baseline: &baseline, allowed, git }.decide(found))
    }

    /// Applies what is wanted. What is about to happen is noted first, for whoever has to go on with it.
    fn apply(&mut self, program: Option<&Program>) -> anyhow::Result<()> {
        self.record.phase = Phase::Applying;
        self.entry.note(&self.record)?;
        let temporary = self.entry.temporary();
        for number in 0..self.hosts.len() {
            let (view, baseline) = (self.tree(number)?, self.baseline(number)?);
            let host = &self.hosts[number];
            let result =
                Outcome { view: &view, host, is_overlay: self.record.roots[number].holds == Holds::Upper };
            let mut git = Git::new(result, program.cloned());
            let applying = Applying {
                view: &view,
                host,
                baseline: &baseline,
                owner: self.record.owner,
                temporary: &temporary,
                scratch: &self.entry.directory.join("scratch"),
                git: program,
            };
            apply::apply(&applying, &mut self.record.roots[number].changes, |path| git.rank(path));
        }
        Ok(())
    }

    /// Keeps what waits, and nothing else; without anything that waits, nothing.
    fn settled(mut self) -> anyhow::Result<Finished> {
        let waits = self.record.roots.iter().any(|root| root.changes.iter().any(Change::waits));
        let whole = |root: &Root| {
            root.changes.iter().map(|change| (root.path.clone(), change.clone())).collect::<Vec<_>>()
        };
        let finished = Finished {
            id: self.entry.id.clone(),
            changes: self.record.roots.iter().flat_map(whole).collect(),
        };
        if !waits {
            self.entry.remove();
            return Ok(finished);
        }
        if self.record.phase == Phase::Applying {
            for number in 0..self.hosts.len() {
                self.keep(number)?;
            }
            self.record.phase = Phase::Waiting;
            self.entry.note(&self.record)?;
        }
        Ok(finished)
    }

    fn keep(&mut self, number: usize) -> anyhow::Result<()> {
        let view = self.tree(number)?;
        let root = &mut self.record.roots[number];
        root.changes.retain(Change::waits);
        if root.holds == Holds::Kept {
            return Ok(());
        }
        let directory = self.entry.root(number, Holds::Kept)?;
        apply::keep(&view, &Tree::open(&directory)?, &root.changes)?;
        root.holds = Holds::Kept;
        self.entry.note(&self.record)?;
        store::remove_tree(view.path());
        Ok(())
    }

    /// Compares what a command left whose caller was killed. Its changes wait then.
    ///
    /// # Errors
    /// What it left cannot be read.
    pub(crate) fn examine(self, about: &Host) -> anyhow::Result<Finished> {
        self.finish(Fate::Wait, &BTreeSet::new(), about)
    }

    /// Throws everything away.
    pub(crate) fn drop_all(self) {
        self.entry.remove();
    }

    /// A change with what it is and what the host has, for those who look at it.
    pub(crate) fn both(&self, number: usize) -> anyhow::Result<(Tree, &Tree)> {
        Ok((self.tree(number)?, &self.hosts[number]))
    }
}

/// A line of the list of what was copied.
#[derive(serde::Serialize, serde::Deserialize)]
struct Listed {
    #[serde(with = "super::path_text")]
    path: PathBuf,
    seen: Seen,
}

/// A local volume of type overlay (docker volume create, `--opt type=overlay`).
fn overlay_mount(lower: &Path, upper: &Path, work: &Path) -> OsString {
    let mut options = OsString::from("volume-opt=o=lowerdir=");
    for (name, path) in [("", lower), (",upperdir=", upper), (",workdir=", work)] {
        options.push(name);
        options.push(path);
    }
    // `userxattr`: marks that the caller, who is not root, can read. No others are left on copied files.
    options.push(",userxattr,index=off,metacopy=off");
    let mut mount = OsString::from(
        "type=volume,volume-driver=local,volume-opt=type=overlay,volume-opt=device=overlay,\"",
    );
    mount.push(options);
    mount.push("\",");
    mount.push(OsString::from_vec(csv::field(b"dst=", lower.as_os_str())));
    mount
}

/// Whether an overlay can be mounted over `path` with its upper directory in `data`, as far as that can be told without trying;
/// the reason if not.
pub(crate) fn means(path: &Path, data: &Path) -> Result<Means, &'static str> {
    // Docker splits mount options at commas, and overlayfs its directories at colons.
    if [path, data]
        .iter()
        .any(|path| path.as_os_str().as_bytes().iter().any(|byte| b",:\\\"\n".contains(byte)))
    {
        return Err("a character in its name that mount options cannot have");
    }
    let magic = |path: &Path| rustix::fs::statfs(path).map_or(0, |about| about.f_type.cast_unsigned());
    let upper = data.ancestors().find(|path| path.exists()).map_or(0, magic);
    // From linux/magic.h: ext4, xfs, btrfs, f2fs, tmpfs. They have what an upper directory needs.
    if ![0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994].contains(&upper) {
        return Err("a home directory on a file system that overlayfs cannot write to");
    }
    // NFS, FUSE, 9p, CIFS, SMB2: another machine or program changes them, and may not let root in.
    if [0x6969, 0x6573_5546, 0x0102_1997, 0xff53_4d42, 0xfe53_4d42].contains(&magic(path)) {
        return Err("a file system that is not this machine's own");
    }
    Ok(Means::Overlay)
}

/// The error of a project in which changes wait that could not be finished.
pub(crate) fn left(id: &str, command_line: String) -> Error {
    Error::new(format!("changes of an earlier command were not applied to the end: {id}"))
        .hint("see them, and apply or drop them:", command_line)
}
