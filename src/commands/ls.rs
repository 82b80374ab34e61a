//! `docker sandbox ls`: what of ours there is.

mod row;
mod template;

use std::time::SystemTime;

use clap::ArgMatches;

use crate::commands::fleet;
use crate::context::Context;
use crate::sandbox::fleet::filter::Filters;
use crate::ui;
use row::Row;
pub(super) use row::{aligned, time};
use template::Template;

pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let format = matches.get_one::<String>("format").map_or("table", String::as_str);
    // Looked at before the daemon is asked: what is written wrong is wrong without it.
    let template = match format {
        "table" | "json" | "{{json .}}" => None,
        text => Some(Template::read(text)?),
    };
    let given: Vec<&String> = matches.get_many("filter").into_iter().flatten().collect();
    let filters = Filters::read(&given, &context.environment.folder)?;
    let fleet = fleet::Asking::new(context)?;
    let found = fleet.all(matches.get_flag("all"))?;
    let now = SystemTime::now();
    let whole = matches.get_flag("no-trunc");
    let wanted = found.containers.iter().filter(|one| filters.wants(&one.id, &one.name, &one.labels, now));
    let rows: Vec<Row> = wanted.map(|container| Row::of(container, now, whole)).collect();
    ui::out(&match template {
        _ if matches.get_flag("quiet") => lines(rows.iter().map(|row| row.field("ID"))),
        Some(template) => template.fill(&rows),
        None if format == "table" => row::table(&rows),
        None => lines(rows.iter().map(Row::json)),
    })?;
    fleet.warn_of_unclear(&found);
    fleet.done();
    Ok(())
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}
