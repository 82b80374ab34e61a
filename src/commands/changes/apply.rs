//! `--apply` and `--drop`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::entries::{Entries, Waiting};
use super::{list, paths};
use crate::changes::show;
use crate::changes::store::Record;
use crate::changes::view::Finished;
use crate::changes::{Change, State};
use crate::error::{self, Error};
use crate::ui::{self, shown};

/// No message names more paths.
const MAX_NAMED: usize = 10;

/// Applies what no rule holds back, or what is at `typed`. The exit code.
///
/// # Errors
/// It is not clear what is meant, or something that was meant was not applied.
pub(super) fn apply(entries: &Entries<'_>, id: Option<&String>, typed: &[PathBuf]) -> anyhow::Result<u8> {
    let words: Vec<&OsStr> =
        std::iter::once("--apply".as_ref()).chain(typed.iter().map(|path| path.as_os_str())).collect();
    let Some(waiting) = the_one(entries, id, &words)? else {
        if let Some(path) = typed.first() {
            let error = Error::new(format!("no change at {} waits: {}", shown(path), nothing(entries)));
            return Err(with_id_hint(entries, typed, error)
                .hint("list the changes of all projects:", entries.context.command_line(["changes", "--all"]))
                .code(error::USAGE)
                .into());
        }
        ui::note(&entries.nothing_waits(false));
        return Ok(0);
    };
    // Another process may have applied some of them until now.
    let view = entries.view(&waiting)?;
    let waiting = Waiting { record: view.record().clone(), ..waiting };
    let chosen: Vec<PathBuf> =
        typed.iter().map(|path| change_at(entries, &waiting, path, typed)).collect::<anyhow::Result<_>>()?;
    let finished = view.apply_waiting(&chosen, &entries.host)?;
    report(entries, &waiting, &chosen, &finished)
}

fn nothing(entries: &Entries<'_>) -> String {
    format!("no changes of {} do", shown(entries.project()))
}

/// Throws the changes away.
///
/// # Errors
/// It is not clear which, or another process works on them.
pub(super) fn drop(entries: &Entries<'_>, id: Option<&String>) -> anyhow::Result<()> {
    let found = match id {
        // Also if it is not known whether its command runs: what it writes from now on is lost.
        Some(id) => Some(entries.find(id)?),
        None => the_one(entries, None, &["--drop".as_ref()])?,
    };
    let Some(waiting) = found else {
        ui::note(&entries.nothing_waits(false));
        return Ok(());
    };
    let entry = entries.entry(&waiting)?;
    entry.remove();
    ui::out(&format!("dropped {} of {}\n", ui::counted(waiting.number(), "change"), waiting.id))
}

/// The changes that are meant: by their id, or the only ones of the project.
fn the_one(entries: &Entries<'_>, id: Option<&String>, words: &[&OsStr]) -> anyhow::Result<Option<Waiting>> {
    if let Some(id) = id {
        return entries.named(id).map(Some);
    }
    let mut found = entries.of_project();
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let message = format!("the changes of {} commands in {} wait", found.len(), shown(entries.project()));
    let error = Error::new(message).code(error::USAGE);
    let hint = |error: Error, one: &Waiting| {
        let what = format!("of {} ({}):", list::command(&one.record), list::summary(&one.record));
        error.hint(what, entries.line(&one.id, words))
    };
    Err(found.iter().fold(error, hint).into())
}

/// The whole path of the changes that `typed` names.
fn change_at(
    entries: &Entries<'_>,
    waiting: &Waiting,
    typed: &Path,
    all: &[PathBuf],
) -> anyhow::Result<PathBuf> {
    let record = &waiting.record;
    let meant = paths::meant(typed, &entries.context.environment.folder);
    let is_changed = |path: &PathBuf| waiting_changes(record).any(|(whole, _)| whole.starts_with(path));
    if let Some(path) = meant.iter().find(|path| is_changed(path)) {
        return Ok(path.clone());
    }
    let is_inside = |path: &PathBuf| record.roots.iter().any(|root| path.starts_with(&root.path));
    let message = if meant.iter().any(is_inside) {
        format!("no change at {} waits", shown(typed))
    } else {
        format!("{} is outside of the project {}", shown(typed), shown(&record.project))
    };
    Err(with_id_hint(entries, all, Error::new(message))
        .hint("list the changes that wait:", entries.line(&waiting.id, [""; 0]))
        .code(error::USAGE)
        .into())
}

/// An id behind `--apply` is read as a path.
fn with_id_hint(entries: &Entries<'_>, typed: &[PathBuf], error: Error) -> Error {
    let [one] = typed else { return error };
    let id = one.to_str().and_then(|id| entries.named(id).ok());
    match id {
        Some(waiting) => {
            error.hint("to apply the changes of this id:", entries.line(&waiting.id, ["--apply"]))
        }
        None => error,
    }
}

/// Those that wait, with their whole paths.
fn waiting_changes(record: &Record) -> impl Iterator<Item = (PathBuf, &Change)> {
    let changes = record.roots.iter().flat_map(|root| root.changes.iter().map(move |change| (root, change)));
    changes.filter(|(_, change)| change.waits()).map(|(root, change)| (root.path.join(&change.path), change))
}

fn report(
    entries: &Entries<'_>,
    waiting: &Waiting,
    chosen: &[PathBuf],
    finished: &Finished,
) -> anyhow::Result<u8> {
    let left: Vec<&(PathBuf, Change)> =
        finished.changes.iter().filter(|(_, change)| change.waits()).collect();
    let applied = finished.changes.len() - left.len();
    ui::out(&format!("applied {} of {}\n", ui::counted(applied, "change"), waiting.id))?;
    let is_wanted = |(root, change): &&&(PathBuf, Change)| {
        let whole = root.join(&change.path);
        if chosen.is_empty() {
            !matches!(change.state, State::Held(_))
        } else {
            chosen.iter().any(|path| whole.starts_with(path))
        }
    };
    let refused: Vec<&(PathBuf, Change)> = left.iter().filter(is_wanted).copied().collect();
    if refused.is_empty() {
        if !left.is_empty() {
            ui::note(&format!(
                "{} left: {}",
                ui::counted(left.len(), "change"),
                entries.line(&waiting.id, [""; 0])
            ));
        }
        let held: Vec<&(PathBuf, Change)> =
            left.iter().filter(|(_, change)| change.state.rule().is_some()).copied().collect();
        if !held.is_empty() {
            ui::note(&format!("to apply what a rule holds back: {}", apply_line(entries, waiting, &held)));
        }
        return Ok(0);
    }
    let mut body = String::new();
    for (root, change) in refused.iter().take(MAX_NAMED) {
        let (state, why) = list::verdict(&change.state);
        let path = show::path_text(&list::path(entries, root, &change.path));
        let _ = writeln!(body, "{path}: {state}: {why}");
    }
    if refused.len() > MAX_NAMED {
        let _ = writeln!(body, "and {} more", refused.len() - MAX_NAMED);
    }
    let message = format!("{} of {} not applied", ui::counted(refused.len(), "change"), waiting.id);
    Err(Error::new(message)
        .body(body.trim_end())
        .hint("see the differences:", entries.line(&waiting.id, ["--diff"]))
        .hint("replace what the host has with the command's:", apply_line(entries, waiting, &refused))
        .hint("or drop all that is left:", entries.line(&waiting.id, ["--drop"]))
        .into())
}

/// The command line that applies those, whatever holds them back.
fn apply_line(entries: &Entries<'_>, waiting: &Waiting, changes: &[&(PathBuf, Change)]) -> String {
    let paths = changes.iter().take(MAX_NAMED).map(|(root, change)| list::path(entries, root, &change.path));
    let words = std::iter::once(OsString::from("--apply")).chain(paths.map(PathBuf::into_os_string));
    entries.line(&waiting.id, words)
}
