//! `docker sandbox changes`: what commands changed and nobody has decided about yet.

mod apply;
mod entries;
mod list;
mod pager;
mod paths;

use std::path::PathBuf;

use clap::ArgMatches;

use crate::context::Context;
use crate::ui;
use entries::{Entries, Waiting};

pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<u8> {
    let entries = Entries::new(context)?;
    let paths: Option<Vec<PathBuf>> = matches
        .contains_id("apply")
        .then(|| matches.get_many("apply").into_iter().flatten().cloned().collect());
    let id = matches.get_one::<String>("id");
    if let Some(paths) = paths {
        return apply::apply(&entries, id, &paths);
    }
    if matches.get_flag("drop") {
        return apply::drop(&entries, id).map(|()| 0);
    }
    let found = match id {
        Some(id) => vec![entries.named(id)?],
        None if matches.get_flag("all") => entries.all(),
        None => entries.of_project(),
    };
    let as_json = matches.get_one::<String>("format").is_some_and(|format| format == "json");
    if as_json {
        ui::out(&list::json(&found)?)?;
    } else if found.is_empty() {
        ui::note(&entries.nothing_waits(matches.get_flag("all")));
    } else if matches.get_flag("diff") {
        pager::show(context, &entries.base, |out| differences(&entries, &found, out))?;
    } else if matches.get_flag("stat") {
        ui::out(&list::stat(&entries, &found)?)?;
    } else if id.is_some() {
        ui::out(&list::of_one(&entries, &found[0])?)?;
        ui::note(&format!("see the differences: {}", entries.line(&found[0].id, ["--diff"])));
        ui::note(&format!("apply what no rule holds back: {}", entries.line(&found[0].id, ["--apply"])));
    } else {
        ui::out(&list::table(&found, matches.get_flag("all")))?;
        ui::note(&format!("show those of one command: {}", entries.line(&found[0].id, [""; 0])));
    }
    Ok(0)
}

/// Shows what the command of the changes `id` left, and asks what becomes of it: for `do --review`, where there is a terminal.
///
/// # Errors
/// They cannot be shown, or something that was wanted was not applied.
pub(super) fn review(context: &Context, id: &str) -> anyhow::Result<()> {
    let entries = Entries::new(context)?;
    let found = [entries.named(id)?];
    pager::show(context, &entries.base, |out| differences(&entries, &found, out))?;
    ui::err(&list::of_one(&entries, &found[0])?);
    let answer = ui::ask("Apply what no rule holds back? [y]es, [d]rop all, [N]either:")?;
    let id = &found[0].id;
    if ui::is_yes(&answer) {
        apply::apply(&entries, Some(id), &[])?;
    } else if ["d", "drop"].contains(&answer.as_str()) {
        apply::drop(&entries, Some(id))?;
    } else {
        ui::note(&format!("they wait: {}", entries.line(id, [""; 0])));
    }
    Ok(())
}

/// All that differs, a piece at a time: there may be more of it than memory.
fn differences(
    entries: &Entries<'_>,
    found: &[Waiting],
    out: &mut dyn FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for waiting in found {
        if found.len() > 1 {
            out(&format!("changes {} of {}\n", waiting.id, list::command(&waiting.record)))?;
        }
        entries.each_item(waiting, |shown| out(&shown.unified()))?;
    }
    Ok(())
}
