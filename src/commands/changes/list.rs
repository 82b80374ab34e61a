//! The changes that wait, as tables and as JSON.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::entries::{Entries, Shown, Waiting, objects};
use super::paths;
use crate::changes::show::{self, Item};
use crate::changes::store::Record;
use crate::changes::view::Counts;
use crate::changes::{Change, Node, State};
use crate::commands::fleet::brief;
use crate::commands::ls::{aligned, time};
use crate::sandbox::report::Word;
use crate::ui::{self, plain};

/// What is shown of a command.
const MAX_COMMAND: usize = 40;
/// Columns for `+` and `-`.
const MAX_BAR: usize = 40;

/// The command, not longer than a column is wide.
pub(super) fn command(record: &Record) -> String {
    let command = plain(&record.command);
    if command.chars().count() <= MAX_COMMAND {
        return command;
    }
    command.chars().take(MAX_COMMAND - 1).chain(['…']).collect()
}

/// A line for each command.
pub(super) fn table(found: &[Waiting], all: bool) -> String {
    let mut header = vec!["ID", "COMMAND", "CREATED", "CHANGES"];
    header.extend(all.then_some("PROJECT"));
    let line = |waiting: &Waiting| {
        let record = &waiting.record;
        let age = SystemTime::now().duration_since(created(record)).unwrap_or_default();
        let mut cells = vec![waiting.id.clone(), command(record), brief(age), summary(record)];
        cells.extend(all.then(|| show::path_text(&record.project)));
        cells.into_iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }).collect()
    };
    let header = header.into_iter().map(str::to_owned).collect();
    aligned(&std::iter::once(header).chain(found.iter().map(line)).collect::<Vec<_>>())
}

fn created(record: &Record) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(record.created)
}

/// `3 held back, 1 conflict, 2 to review`.
pub(super) fn summary(record: &Record) -> String {
    let changes = record.roots.iter().flat_map(|root| &root.changes);
    Counts::of(changes.filter(|change| change.waits())).to_string()
}

/// The changes of one command, a line for each.
pub(super) fn of_one(entries: &Entries<'_>, waiting: &Waiting) -> anyhow::Result<String> {
    let header = ["PATH", "CHANGE", "LINES", "STATE", "WHY"].map(str::to_owned).to_vec();
    let mut lines = vec![header];
    entries.each_item(waiting, |shown| {
        let path = match &shown.item {
            Item::Objects(..) => format!("{} ({})", named(entries, shown), objects(&shown.item)),
            Item::One(_) => named(entries, shown),
        };
        let change = match &shown.item {
            Item::Objects(..) => "-".to_owned(),
            Item::One(change) => what(change),
        };
        let counts = shown.comparison.as_ref().and_then(|comparison| {
            let counts = comparison.counts().map(|(added, removed)| format!("+{added} -{removed}"));
            let other = || match &shown.item {
                Item::One(Change { keys: Some(keys), .. }) => Some(ui::counted(keys.len(), "key")),
                _ => comparison.is_binary().then(|| "binary".to_owned()),
            };
            counts.or_else(other)
        });
        let (state, why) = verdict(shown.item.state());
        let cells = [path, change, counts.unwrap_or_default(), state.to_owned(), why];
        lines.push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }).to_vec());
        Ok(())
    })?;
    Ok(aligned(&lines))
}

/// The path as it can be typed in the current directory.
fn named(entries: &Entries<'_>, shown: &Shown<'_>) -> String {
    show::path_text(&path(entries, shown.root, shown.item.path()))
}

/// The same, not yet harmless to a terminal.
pub(super) fn path(entries: &Entries<'_>, root: &Path, path: &Path) -> PathBuf {
    paths::from(&entries.context.environment.folder, root, &root.join(path))
}

fn what(change: &Change) -> String {
    let node = match change.node {
        Node::File => "",
        Node::Directory => " directory",
        Node::Symlink => " symlink",
        Node::Special => " special file",
    };
    format!("{}{node}", change.kind.name())
}

/// The state of a change in words, and why it is so.
pub(super) fn verdict(state: &State) -> (&'static str, String) {
    let reason = state.reason().unwrap_or_default();
    match state {
        State::Held(rule) => ("held back", format!("{}: {reason}", plain(rule))),
        State::Wanted | State::Deferred => ("to review", reason),
        state => (state.name(), reason),
    }
}

/// A path with how many lines are added and removed, or what there is to say instead.
type Row = (String, Result<(usize, usize), String>);

/// As `git diff --stat`.
pub(super) fn stat(entries: &Entries<'_>, found: &[Waiting]) -> anyhow::Result<String> {
    let mut text = String::new();
    for waiting in found {
        if found.len() > 1 {
            let _ = writeln!(text, "changes {} of {}", waiting.id, command(&waiting.record));
        }
        let mut rows: Vec<Row> = Vec::new();
        entries.each_item(waiting, |shown| {
            let row = match (&shown.comparison, &shown.item) {
                (None, item) => Err(objects(item)),
                (Some(comparison), Item::One(change)) => comparison.counts().ok_or_else(|| {
                    let (old, new) = comparison.sizes();
                    match &change.keys {
                        Some(keys) => ui::counted(keys.len(), "key"),
                        None if comparison.is_binary() => format!("Bin {old} -> {new} bytes"),
                        None => what(change),
                    }
                }),
                (Some(_), Item::Objects(..)) => Ok((0, 0)),
            };
            rows.push((named(entries, shown), row));
            Ok(())
        })?;
        text.push_str(&bars(&rows));
        let sums = rows.iter().filter_map(|(_, row)| row.as_ref().ok());
        let (added, removed) = sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let _ = writeln!(
            text,
            " {} changed, {}(+), {}(-)",
            ui::counted(rows.len(), "file"),
            ui::counted(added, "insertion"),
            ui::counted(removed, "deletion")
        );
    }
    Ok(text)
}

fn bars(rows: &[Row]) -> String {
    let most = rows.iter().filter_map(|(_, row)| row.as_ref().ok()).map(|(added, removed)| added + removed);
    let most = most.max().unwrap_or(0);
    let names = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let numbers = most.to_string().len();
    // One that is there at all is seen.
    let scaled = |number: usize| match number {
        0 => 0,
        _ if most <= MAX_BAR => number,
        _ => (number * MAX_BAR / most).max(1),
    };
    let line = |(name, row): &Row| match row {
        Ok((added, removed)) => {
            let bar = "+".repeat(scaled(*added)) + &"-".repeat(scaled(*removed));
            let line = format!(" {name:<names$} | {:>numbers$} {bar}", added + removed);
            line.trim_end().to_owned() + "\n"
        }
        Err(words) => format!(" {name:<names$} | {words}\n"),
    };
    rows.iter().map(line).collect()
}

/// An array with an object for each command.
pub(super) fn json(found: &[Waiting]) -> anyhow::Result<String> {
    let one = |waiting: &Waiting| {
        let record = &waiting.record;
        let changes =
            record.roots.iter().flat_map(|root| root.changes.iter().map(move |change| (root, change)));
        let changes = changes.filter(|(_, change)| change.waits());
        let changes: Vec<_> = changes.map(|(root, change)| change.report(&root.path)).collect();
        json!({
            "id": waiting.id,
            "project": Word::of(record.project.as_os_str()),
            "command": record.command,
            "created_at": time(created(record)),
            "changes": changes,
        })
    };
    let all: Vec<Value> = found.iter().map(one).collect();
    Ok(ui::json(&serde_json::to_string_pretty(&all)?) + "\n")
}
