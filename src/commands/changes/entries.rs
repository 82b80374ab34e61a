//! The changes that wait: which there are, and what is left to do for those that somebody was killed over.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::changes::show::{self, Comparison, Item};
use crate::changes::store::{Entry, Phase, Record, Store};
use crate::changes::view::{Host, View};
use crate::changes::{interrupted, project};
use crate::context::Context;
use crate::error::{self, Error};
use crate::ui::{self, shown};

/// How long another process may work on changes before this one gives up.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// The changes of one command.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) record: Record,
}

impl Waiting {
    /// How many changes wait.
    pub(super) fn number(&self) -> usize {
        self.record.roots.iter().flat_map(|root| &root.changes).filter(|change| change.waits()).count()
    }
}

/// One line of what is shown of a command's changes.
pub(super) struct Shown<'a> {
    pub(super) item: Item<'a>,
    /// The directory that its path is relative to.
    pub(super) root: &'a Path,
    /// Of objects there is none.
    pub(super) comparison: Option<Comparison>,
}

impl Shown<'_> {
    /// As git shows it.
    pub(super) fn unified(&self) -> String {
        match (&self.comparison, &self.item) {
            (Some(comparison), _) => comparison.unified(),
            (None, item) => format!("{}: {}\n", show::path_text(item.path()), objects(item)),
        }
    }
}

/// `12 objects`.
pub(super) fn objects(item: &Item<'_>) -> String {
    match item {
        Item::Objects(_, number, _) => ui::counted(*number, "object"),
        Item::One(_) => String::new(),
    }
}

/// All changes that wait, and what it takes to work on them.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    pub(super) context: &'a Context,
    store: Store,
    /// Our private directory.
    pub(super) base: PathBuf,
    pub(super) host: Host,
}

impl<'a> Entries<'a> {
    /// # Errors
    /// There is no home directory, so nothing can wait.
    pub(super) fn new(context: &'a Context) -> anyhow::Result<Self> {
        let environment = &context.environment;
        let Some(base) = environment.data.clone() else {
            return Err(Error::new("there is no home directory, which changes would wait in")
                .hint("set it:", format!("HOME=DIRECTORY {}", context.command_line(["changes"])))
                .into());
        };
        let host = Host::of(context);
        Ok(Self { context, store: Store::new(&base), base, host })
    }

    /// `docker sandbox changes ID WORDS`.
    pub(super) fn line<S: AsRef<OsStr>>(&self, id: &str, words: impl IntoIterator<Item = S>) -> String {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.context.command_line(["changes", id].into_iter().map(OsString::from).chain(words))
    }

    /// That nothing waits, and where.
    pub(super) fn nothing_waits(&self, all: bool) -> String {
        if all {
            return "no changes wait".to_owned();
        }
        let all = self.context.command_line(["changes", "--all"]);
        format!("no changes of {} wait; those of all projects: {all}", shown(self.project()))
    }

    /// The project that the current directory belongs to.
    pub(super) fn project(&self) -> PathBuf {
        project::root(&self.context.environment.folder, self.context.environment.home.as_deref())
    }

    /// Those of the project of the current directory. A directory in no repository belongs to those above it too.
    pub(super) fn of_project(&self) -> Vec<Waiting> {
        let project = self.project();
        let is_repository = project.join(".git").symlink_metadata().is_ok();
        let is_ours = |record: &Record| {
            record.project == project || (!is_repository && project.starts_with(&record.project))
        };
        self.settled(|_, record| is_ours(record)).into_iter().filter(is_waiting).collect()
    }

    /// Those of all projects.
    pub(super) fn all(&self) -> Vec<Waiting> {
        self.settled(|_, _| true).into_iter().filter(is_waiting).collect()
    }

    /// The one whose id begins so.
    ///
    /// # Errors
    /// There is none, there are several, or its command still runs.
    pub(super) fn named(&self, prefix: &str) -> anyhow::Result<Waiting> {
        let found = self.find(prefix)?;
        if is_waiting(&found) {
            return Ok(found);
        }
        Err(self.still_runs(&found.id))
    }

    fn still_runs(&self, id: &str) -> anyhow::Error {
        Error::new(format!("the changes {} are not complete: their command still runs", shown(id)))
            .hint("see what runs:", self.context.command_line(["ls", "--all"]))
            .into()
    }

    /// Likewise, also if its command runs.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(super) fn find(&self, prefix: &str) -> anyhow::Result<Waiting> {
        let mut found =
            if prefix.is_empty() { Vec::new() } else { self.settled(|id, _| id.starts_with(prefix)) };
        if let Some(exact) = found.iter().position(|waiting| waiting.id == prefix) {
            return Ok(found.swap_remove(exact));
        }
        if found.len() > 1 {
            let message = format!("the ids of {} changes begin with {}", found.len(), shown(prefix));
            let hint = |error: Error, one: &Waiting| {
                error.hint(
                    format!("those of {}:", super::list::command(&one.record)),
                    self.line(&one.id, [""; 0]),
                )
            };
            return Err(found.iter().fold(Error::new(message).code(error::USAGE), hint).into());
        }
        found.pop().ok_or_else(|| {
            Error::new(format!("no changes with the id {} wait", shown(prefix)))
                .hint("list the changes of all projects:", self.context.command_line(["changes", "--all"]))
                .code(error::USAGE)
                .into()
        })
    }

    /// Those that are `wanted`, after what was interrupted is finished.
    fn settled(&self, wanted: impl Fn(&str, &Record) -> bool) -> Vec<Waiting> {
        let all = || {
            self.store
                .all()
                .into_iter()
                .filter(|(id, record)| wanted(id, record) && record.idle_until.is_none())
        };
        for (id, record) in all().filter(|(_, record)| record.phase != Phase::Waiting) {
            if let Err(error) = self.finish(&id, &record) {
                let hint = self.line(&id, ["--drop"]);
                ui::warn(&format!(
                    "changes {id} were interrupted, and are not finished: {error:#}; to drop them: {hint}"
                ));
            }
        }
        all().map(|(id, record)| Waiting { id, record }).collect()
    }

    /// Finishes what somebody was killed over, unless somebody else works on it.
    fn finish(&self, id: &str, record: &Record) -> anyhow::Result<()> {
        let applying = record.phase == Phase::Applying;
        let docker = self.context.docker()?;
        if let Some(finished) = interrupted::finish(&self.store, (id, record), &docker, &self.host)?
            && applying
        {
            let left = finished.waiting().count();
            ui::note(&format!("finished applying the changes {id}; {} left", ui::counted(left, "change")));
        }
        Ok(())
    }

    /// The view of `waiting`, for nobody else to work on.
    ///
    /// # Errors
    /// Another process works on it, or decided about it meanwhile; the directory is not there any more.
    pub(super) fn view(&self, waiting: &Waiting) -> anyhow::Result<View> {
        // Between the two, somebody may take the lock; not each time.
        for _ in 0..3 {
            drop(self.entry(waiting)?);
            if let Some(view) = View::open(&self.store, &waiting.id) {
                return Ok(view);
            }
        }
        Err(Error::new(format!("{:#}", interrupted::elsewhere(&waiting.record)))
            .hint("put it back, or drop the changes:", self.line(&waiting.id, ["--drop"]))
            .into())
    }

    /// The same without what it is of, which may not be there any more.
    ///
    /// # Errors
    /// Another process works on it, or decided about it meanwhile.
    pub(super) fn entry(&self, waiting: &Waiting) -> anyhow::Result<Entry> {
        let id = &waiting.id;
        // A command that runs holds the lock to its end.
        let patience = if is_waiting(waiting) { PATIENCE } else { Duration::ZERO };
        let deadline = Instant::now() + patience;
        loop {
            match self.store.open(id) {
                Some(entry) if entry.record().is_some() => return Ok(entry),
                None if self.is_there(id) && Instant::now() < deadline => std::thread::sleep(POLL),
                None if !is_waiting(waiting) => return Err(self.still_runs(id)),
                None if self.is_there(id) => {
                    return Err(Error::new(format!("another process works on the changes {}", shown(id)))
                        .hint("try again when it has ended:", self.line(id, [""; 0]))
                        .into());
                }
                _ => {
                    return Err(Error::new(format!("the changes {} do not wait any more", shown(id)))
                        .hint("see those that do:", self.context.command_line(["changes", "--all"]))
                        .into());
                }
            }
        }
    }

    fn is_there(&self, id: &str) -> bool {
        self.store.all().iter().any(|(known, _)| known == id)
    }

    /// Compares all that waits of `waiting`.
    pub(super) fn each_item(
        &self,
        waiting: &Waiting,
        mut each: impl FnMut(&Shown<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let view = self.view(waiting)?;
        for (number, root) in view.record().roots.iter().enumerate() {
            let (tree, host) = view.both(number)?;
            for item in show::items(&tree, host, &root.changes) {
                let comparison = match &item {
                    Item::One(change) => Some(show::compare(&tree, host, change)),
                    Item::Objects(..) => None,
                };
                each(&Shown { item, root: &root.path, comparison })?;
            }
        }
        Ok(())
    }
}

fn is_waiting(waiting: &Waiting) -> bool {
    waiting.record.phase != Phase::Running
}
