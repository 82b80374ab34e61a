//! Views of the directories that a command may write to: made before its start, compared and applied after its end.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::request::{Apply, Request};
use super::specification::Specification;
use super::user::User;
use crate::changes::means::{self, Means, Wanted};
use crate::changes::store::{Record, Store};
use crate::changes::view::{Counts, Fate, Finished, Host, Owner, View};
use crate::changes::{interrupted, rules};
use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::local::Local;
use crate::error::Error;
use crate::sandbox::bind;
use crate::settings::load::Settings;
use crate::ui::{counted, plain, shell_line, shown};

/// How a command writes, and what becomes of that.
#[derive(Debug)]
pub(super) struct Views {
    store: Store,
    wanted: Vec<Wanted>,
    ids: (u32, u32),
    socket: PathBuf,
    /// Rules over changes that do not hold.
    allowed: BTreeSet<String>,
    host: Host,
    apply: Apply,
    command: String,
}

impl Views {
    /// Those for a command, and what there is to say of them with `--verbose`; `None` if it may write to nothing.
    pub(super) fn of(
        context: &Context,
        request: &Request,
        specification: &Specification,
        settings: &Settings,
        daemon: &Local<'_>,
        data: &Path,
    ) -> (Option<Self>, Vec<String>) {
        if specification.seen.views.is_empty() {
            return (None, Vec::new());
        }
        let no_overlay = no_overlay(&specification.user, daemon);
        let mut notes = Vec::new();
        let mut wanted = Vec::new();
        for viewed in &specification.seen.views {
            let means = no_overlay.map_or_else(|| means::means(&viewed.path, data), Err);
            let means = means.unwrap_or_else(|why| {
                let path = shown(&viewed.path);
                notes.push(format!("the command works on a copy of {path}, as there is no overlay: {why}"));
                Means::Copy
            });
            wanted.push(Wanted { path: viewed.path.clone(), means, applies: viewed.applies });
        }
        let allowed = rules::RULES.iter().filter(|rule| settings.exceptions.allows(rule.id).is_some());
        let views = Self {
            store: Store::new(data),
            wanted,
            ids: specification.user.owner(),
            socket: daemon.socket.to_owned(),
            allowed: allowed.map(|rule| rule.id.to_owned()).collect(),
            host: Host::of(context),
            apply: request.apply,
            command: plain(&shell_line(&request.command)),
        };
        (Some(views), notes)
    }

    /// A view of a directory that the view itself is in would have no end.
    ///
    /// # Errors
    /// Our directory `data` is in one that the command may write to.
    pub(super) fn check(&self, data: &Path) -> Result<(), Error> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let there = data.ancestors().find(|path| path.exists()).unwrap_or(data);
        let Some(wanted) = self.wanted.iter().find(|wanted| real(there).starts_with(real(&wanted.path)))
        else {
            return Ok(());
        };
        let (path, data) = (shown(&wanted.path), shown(data));
        Err(Error::new(format!("what a command writes to {path} cannot be kept in {data}, which is in it"))
            .hint("let our files be somewhere else:", "export XDG_DATA_HOME=/var/tmp/data"))
    }

    /// Whether a container can have them before there is a command: a copy would not be the host's any more.
    pub(super) fn can_wait(&self) -> bool {
        self.wanted.iter().all(|wanted| wanted.means == Means::Overlay)
    }

    /// What tells the containers that have such views from others.
    pub(super) fn words(&self) -> String {
        format!("{:?}", self.wanted)
    }

    /// Makes them, for the container `name`, which waits for a command until `idle_until`.
    ///
    /// # Errors
    /// A directory cannot be read, or ours cannot be written to.
    pub(super) fn make(&self, name: &str, idle_until: Option<SystemTime>) -> anyhow::Result<View> {
        self.store.prune(SystemTime::now());
        let idle_until =
            idle_until.map(|until| until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let owner = Owner { ids: self.ids, socket: self.socket.clone(), idle_until };
        View::make(&self.store, id(name), &self.wanted, &owner)
    }

    /// Those of a container that waited for a command.
    pub(super) fn open(&self, name: &str) -> Option<View> {
        View::open(&self.store, id(name))
    }

    /// `words` with the view in the place of the directories themselves.
    ///
    /// # Errors
    /// One of them is not there: nothing may be started.
    pub(super) fn put(&self, view: &View, words: &mut [OsString]) -> anyhow::Result<()> {
        for (wanted, mount) in self.wanted.iter().zip(view.mounts()) {
            let path = wanted.path.as_os_str();
            let place = bind::word(path, path, false);
            let found = words.iter_mut().find(|word| **word == place);
            *found.ok_or_else(|| Error::new(format!("{} is not mounted", shown(&wanted.path))))? = mount;
        }
        Ok(())
    }

    /// The command is about to begin.
    ///
    /// # Errors
    /// Our directory cannot be written to.
    pub(super) fn begin(&self, view: &mut View) -> anyhow::Result<()> {
        view.begin(self.command.clone())
    }

    /// The command has ended, or was not started, and its container is gone: its changes are applied, or wait.
    ///
    /// # Errors
    /// What it left cannot be read, or a directory of ours cannot be written to.
    pub(super) fn finish(&self, view: View, exit_code: Option<u8>) -> anyhow::Result<Finished> {
        let fate = match (exit_code, self.apply) {
            (None, _) => Fate::Drop,
            (Some(_), Apply::Always) | (Some(0), Apply::OnSuccess) => Fate::Apply,
            (Some(_), Apply::OnSuccess | Apply::Review) => Fate::Wait,
        };
        view.finish(fate, &self.allowed, &self.host)
    }
}

/// Finishes what earlier commands in `project` have left whose callers were killed, of the changes below `data`. What there is to
/// say of that.
pub(super) fn settle(context: &Context, docker: &Docker, data: &Path, project: &Path) -> Vec<String> {
    let store = Store::new(data);
    let earlier = store.all().into_iter().filter(|(_, record)| record.project == project);
    earlier.filter_map(|(id, record)| settle_one(context, docker, &store, &id, &record)).collect()
}

fn settle_one(
    context: &Context,
    docker: &Docker,
    store: &Store,
    id: &str,
    record: &Record,
) -> Option<String> {
    let command = &record.command;
    match interrupted::finish(store, (id, record), docker, &Host::of(context)) {
        Err(error) => Some(format!(
            "`{command}` was interrupted, and its changes wait: {}; to drop them: docker sandbox changes {id} --drop",
            plain(&format!("{error:#}"))
        )),
        Ok(finished) => {
            let finished = finished?;
            let rest = "the rest of its changes was applied".to_owned();
            let left = summary(&finished).or((!finished.changes.is_empty()).then_some(rest))?;
            Some(format!("`{command}` was interrupted: {left}"))
        }
    }
}

/// The part of a container's name that its view is known by.
fn id(container: &str) -> &str {
    container.rsplit('-').next().unwrap_or_default()
}

/// Why the daemon mounts no overlay for us.
fn no_overlay(user: &User, daemon: &Local<'_>) -> Option<&'static str> {
    let is_mapped = matches!(user, User::Caller(caller) if caller.is_mapped);
    if is_mapped || daemon.is_rootless() {
        return Some("Docker is rootless");
    }
    daemon.has_another_kernel().then_some("the daemon has another kernel")
}

/// What of a command's changes the host does not have, in a line; `None` if it has all.
pub(super) fn summary(finished: &Finished) -> Option<String> {
    let number = finished.waiting().count();
    let (counts, id) = (Counts::of(finished.waiting()), &finished.id);
    (number > 0).then(|| {
        let number = counted(number, "change");
        format!("{number} not applied: {counts}; see, and apply or drop: docker sandbox changes {id}")
    })
}
