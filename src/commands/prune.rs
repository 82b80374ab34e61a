//! `docker sandbox prune`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::ArgMatches;

use crate::changes::store::Store;
use crate::commands::fleet::{Asking, brief};
use crate::context::Context;
use crate::error::Error;
use crate::sandbox::fleet::container::Container;
use crate::sandbox::fleet::filter::Filters;
use crate::sandbox::fleet::prune::{self, Why};
use crate::sandbox::fleet::{Fleet, networks, volumes};
use crate::sandbox::{claims, isolated, spares};
use crate::ui::{self, plain};

pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let given: Vec<&String> = matches.get_many("filter").into_iter().flatten().collect();
    let filters = Filters::read(&given, &context.environment.folder)?;
    let asking = Asking::new(context)?;
    let dry = matches.get_flag("dry-run");
    let whole = given.is_empty() && !dry;
    if whole {
        asking.ledger.claim();
    }
    let now = SystemTime::now();
    let fleet = asking.all(true)?;
    let going = prune::candidates(&fleet.containers, &filters, now);
    asking.warn_of_unclear(&fleet);
    if dry {
        return tell(&asking, &filters, &fleet, &going, now, given.is_empty());
    }
    let ask = !matches.get_flag("force") && std::io::stdin().is_terminal() && !going.is_empty();
    if ask && !confirmed(&going, now)? {
        return Err(Error::new("not confirmed; nothing was removed").into());
    }
    let state = context.environment.data.as_ref().map(|data| data.join("do"));
    let idle: Vec<&str> = of(&going, Why::Idle).map(|one| one.name.as_str()).collect();
    if let Some(state) = &state {
        // From here on no command takes one of them.
        spares::forget(state, &idle);
        claims::tidy(state);
    }
    // One that a command took in the meantime has another name.
    let again = if idle.is_empty() { None } else { Some(asking.all(true)?) };
    let going: Vec<&Container> = match &again {
        Some(again) => prune::candidates(&again.containers, &filters, now)
            .into_iter()
            .map(|(container, _)| container)
            .filter(|one| going.iter().any(|(before, _)| before.id == one.id))
            .collect(),
        None => going.iter().map(|(container, _)| *container).collect(),
    };
    let ids: Vec<String> = going.iter().map(|container| container.id.clone()).collect();
    let containers = prune::remove(&asking.docker, &ids, asking.limit)?;
    ui::out(&lines(&containers.ids))?;
    let removed = going.iter().filter(|one| containers.ids.contains(&one.id));
    let names: Vec<&str> = removed.map(|one| one.name.as_str()).collect();
    let store = context.environment.data.as_deref().map(Store::new);
    let records = store.map_or(0, |store| {
        store.forget(&names);
        store.prune(now)
    });
    let left: Vec<&Container> =
        fleet.containers.iter().filter(|one| !containers.ids.contains(&one.id)).collect();
    let mut unused = networks::unused(&asking.docker, &left, &filters, asking.limit)?;
    let locks = state.as_deref().map_or(Some(Vec::new()), isolated::unused);
    if locks.is_none() {
        unused.retain(|network| network.name != isolated::network());
    }
    let networks = networks::remove(&asking.docker, &unused, asking.limit)?;
    drop(locks);
    ui::out(&lines(&networks.ids))?;
    let volumes = if whole { volumes::unused(&asking.docker, asking.limit)? } else { Vec::new() };
    let volumes = volumes::remove(&asking.docker, &volumes, asking.limit)?;
    ui::out(&lines(&volumes.ids))?;
    ui::note(&format!(
        "removed {}",
        told(&[
            (containers.ids.len(), "container"),
            (networks.ids.len(), "network"),
            (volumes.ids.len(), "volume"),
            (records, "change record"),
        ])
    ));
    let problems = [containers.problems, networks.problems, volumes.problems].concat();
    if whole {
        asking.ledger.looked(prune::next(&fleet.containers, &filters, now), problems.is_empty());
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::new("not everything could be removed")
        .body(problems.join("\n"))
        .hint("see what is left:", context.command_line(["prune", "--dry-run"]))
        .into())
}

/// Those that go for that reason.
fn of<'a>(going: &'a [(&Container, Why)], why: Why) -> impl Iterator<Item = &'a Container> {
    going.iter().filter(move |(_, reason)| *reason == why).map(|(container, _)| *container)
}

/// What would go, and why.
fn tell(
    asking: &Asking<'_>,
    filters: &Filters,
    fleet: &Fleet,
    going: &[(&Container, Why)],
    now: SystemTime,
    all: bool,
) -> anyhow::Result<()> {
    let stays = |one: &&Container| going.iter().all(|(container, _)| container.id != one.id);
    let left: Vec<&Container> = fleet.containers.iter().filter(stays).collect();
    let unused = networks::unused(&asking.docker, &left, filters, asking.limit)?;
    let mut text = going.iter().map(|(container, why)| line(container, *why, now)).collect::<String>();
    for network in &unused {
        let _ = writeln!(text, "{}  network {}: unused", short(&network.id), plain(&network.name));
    }
    let volumes = if all { volumes::unused(&asking.docker, asking.limit)? } else { Vec::new() };
    for volume in &volumes {
        let _ = writeln!(text, "{}  volume: unused", short(volume));
    }
    ui::out(&text)?;
    ui::note(&format!(
        "would remove {}; nothing was touched",
        told(&[(going.len(), "container"), (unused.len(), "network"), (volumes.len(), "volume")])
    ));
    Ok(())
}

fn line(container: &Container, why: Why, now: SystemTime) -> String {
    let since = match why {
        Why::Expired => container.labels.expires,
        Why::Idle => container.created,
        Why::Left => container.finished.max(container.created),
    };
    let since = since.and_then(|since| now.duration_since(since).ok()).unwrap_or_default();
    let (id, name) = (short(&container.id), plain(&container.name));
    format!("{id}  {name} ({}): {} since {}\n", plain(&container.status), why.name(), brief(since))
}

fn confirmed(going: &[(&Container, Why)], now: SystemTime) -> anyhow::Result<bool> {
    ui::err(&going.iter().map(|(container, why)| line(container, *why, now)).collect::<String>());
    let answer = ui::ask("Remove them? [y/N]").context("cannot read the answer")?;
    Ok(ui::is_yes(&answer))
}

fn lines(ids: &[String]) -> String {
    ids.iter().map(|id| plain(id) + "\n").collect()
}

fn short(id: &str) -> String {
    plain(id).chars().take(12).collect()
}

/// How many of each; volumes only if there are some.
fn told(counts: &[(usize, &str)]) -> String {
    let counts =
        counts.iter().filter(|(number, what)| *number > 0 || matches!(*what, "container" | "network"));
    let counts: Vec<String> = counts.map(|(number, what)| ui::counted(*number, what)).collect();
    match counts.split_last() {
        Some((last, [first])) => format!("{first} and {last}"),
        Some((last, others)) => format!("{}, and {last}", others.join(", ")),
        None => String::new(),
    }
}
