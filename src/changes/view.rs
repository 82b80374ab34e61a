//! A view from its making to its end: mounted into a container, then compared, judged and applied.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};

use super::apply::{self, Applying};
use super::baseline::{Baseline, Seen};
use super::git::{Git, Program};
use super::judge::{Judge, Result as Outcome};
use super::means::{Means, Wanted, overlay_mount};
use super::store::{self, Entry, Holds, Phase, Record, Root, Store};
use super::tree::{Time, Tree, changed_at};
use super::{Change, State, copy, overlay};
use crate::context::Context;
use crate::docker::program;
use crate::ui::shown;

const SEEN: &str = "seen.json";

/// Whose view it is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The user and group of the command.
    pub(crate) ids: (u32, u32),
    /// Of the daemon that has the container.
    pub(crate) socket: PathBuf,
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

impl Host {
    /// Of this machine.
    pub(crate) fn of(context: &Context) -> Self {
        let environment = &context.environment;
        // Not the git of a directory that the command could write to: `.` on PATH is none.
        let git = program::find(OsStr::new("git"), environment.path.as_deref(), Path::new("/"));
        Self { git, home: environment.home.clone() }
    }
}

/// `3 held back, 1 conflict, 2 to review`.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let conflicts = if self.conflicts == 1 { "conflict" } else { "conflicts" };
        let parts = [
            (self.held, "held back"),
            (self.conflicts, conflicts),
            (self.failed, "failed"),
            (self.wanted, "to review"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts.map(|(number, what)| format!("{number} {what}")).collect();
        f.write_str(&parts.join(", "))
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
            socket: owner.socket.clone(),
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
            chosen: false,
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
                } else if paths.is_empty() && change.state == State::Deferred {
                    change.state = State::Wanted;
                }
            }
            root.chosen = !paths.is_empty();
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
        if root.chosen {
            return Ok(Baseline::Since((i64::MAX, 0)));
        }
        if !file.exists() {
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
        root.chosen = false;
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
