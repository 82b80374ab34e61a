//! `docker sandbox do`: one command in a fresh sandbox, bounded, and gone afterwards.
//!
//! ```text
//! request, specification   what is asked for; what that comes to, as words for Docker
//! prepare                  the settings, the runtime and the rules for it: everything but the start
//! attempt                  one container, minded, from its start to its end
//! warm                     spares: taking one, and seeing to it that there are some
//! arguments, answer        the command line, and what is printed
//! ```

mod answer;
mod arguments;
mod attempt;
mod environment;
mod image;
mod mounts;
mod object;
mod prepare;
mod request;
mod specification;
mod user;
mod views;
mod warm;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::ArgMatches;

use crate::changes::view::Finished;
use crate::context::Context;
use crate::error::{self, Error, Kind};
use crate::sandbox::claims::{Claim, Claims, Patience, Running, Taken};
use crate::sandbox::execution::{self, Ended, Event, Inbox, Input, Output};
use crate::ui;
use attempt::Done;
pub(crate) use object::report;
use prepare::{Pass, Prepared};
pub(crate) use request::{Access, Folder, Request, Wait};

pub(super) use answer::{too_many, usage};
pub(crate) use warm::mind;

/// How one is made that is not about the command itself.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) output: Output,
    pub(crate) input: Input,
    pub(crate) terminal: bool,
    /// The words that make our program do the same, for who sees to spares.
    pub(crate) words: Vec<OsString>,
    /// Where that is to be done, if not here.
    pub(crate) folder: Option<PathBuf>,
    /// Whether nobody reads our standard error.
    pub(crate) silent: bool,
    /// Whether the guard says how the command ended: for who tells more than an exit code.
    pub(crate) reports: bool,
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) container: String,
    /// What it changed, where it might write; nothing if the daemon does not tell whether it has ended.
    pub(crate) changes: Option<Finished>,
    /// Whether a spare ran it.
    pub(crate) warm: bool,
    pub(crate) started_at: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) prepared: Prepared,
}

pub(super) fn run(context: &Context, matches: &ArgMatches, words: &[OsString]) -> u8 {
    answer::give(context, matches, words)
}

/// Runs the command of `request` to its end.
///
/// # Errors
/// It was not started.
pub(crate) fn execute(
    context: &Context,
    request: &Request,
    manner: &Manner,
    inbox: &Inbox,
) -> anyhow::Result<Outcome> {
    let pass = Pass { tells: true, names: false, silent: matches!(manner.output, Output::Kept(_)) };
    let prepared = prepare::prepare(context, request, manner.terminal, pass)?;
    if !manner.silent {
        prepared.warnings.iter().for_each(|warning| ui::warn(warning));
        let notes = prepared.notes.iter().filter(|_| request.ours.verbose);
        notes.for_each(|note| ui::note(note));
    }
    let claim = claim(context, request, manner, &prepared)?;
    let settled =
        views::settle(context, &prepared.docker, &prepared.data, &prepared.specification.seen.project);
    if !manner.silent {
        for line in settled {
            ui::warn(&line);
        }
    }
    let (started_at, began) = (SystemTime::now(), std::time::Instant::now());
    let done = attempts(context, request, manner, prepared, &claim, inbox).and_then(|done| {
        let (Done { ended, container, started, view }, warm, prepared) = done;
        let duration = began.elapsed();
        let changes = match (&prepared.views, view) {
            (Some(views), Some(view)) => Some(views.finish(view, started.then(|| ended.exit_code()))?),
            _ => None,
        };
        Ok(Outcome { ended, container, changes, warm, started_at, duration, prepared })
    });
    // Whose turn it is next sees what this one has changed.
    claim.release();
    done
}

/// In a spare, else in a container of its own: how it ended, and whether it was a spare.
fn attempts(
    context: &Context,
    request: &Request,
    manner: &Manner,
    prepared: Prepared,
    claim: &Claim,
    inbox: &Inbox,
) -> anyhow::Result<(Done, bool, Prepared)> {
    if prepared.spares > 0
        && prepared.runtime.is_some()
        && let Some(done) = warm::attempt(context, request, manner, &prepared, claim, inbox)?
    {
        return Ok((done, true, prepared));
    }
    // Names on a network are made for one container, and a spare's were its own.
    let prepared = if prepared.spares > 0 && prepared.needs_names() {
        prepare::prepare(context, request, manner.terminal, Pass { tells: false, names: true, silent: true })?
    } else {
        prepared
    };
    let done = attempt::cold(context, request, manner, &prepared, claim, inbox)?;
    Ok((done, false, prepared))
}

fn claim(
    context: &Context,
    request: &Request,
    manner: &Manner,
    prepared: &Prepared,
) -> anyhow::Result<Claim> {
    let about = Running {
        container: String::new(),
        command: ui::plain(&ui::shell_line(&request.command)),
        pid: std::process::id(),
        since: SystemTime::now(),
    };
    let patience = match request.wait {
        Wait::No => None,
        Wait::ForEver => Some(Patience::ForEver),
        Wait::For(limit) => Some(Patience::Until(std::time::Instant::now() + limit)),
    };
    let most = prepared.max_concurrent;
    let mut told = false;
    let mut waiting = |ahead: usize| {
        if !manner.silent && !std::mem::replace(&mut told, true) {
            let ahead = if ahead > 0 { format!(", behind {ahead} others") } else { String::new() };
            ui::note(&format!("waiting for one of {most} commands to end{ahead}"));
        }
    };
    let claims = Claims::of_a_daemon(&prepared.state);
    let taken = claims.take(most, &about, patience, &mut waiting, &|| false);
    match error::or_kind(taken, Kind::Settings)? {
        Taken::Claim(claim) => Ok(claim),
        Taken::Full(running) => Err(too_many(context, most, &running).into()),
        Taken::Stopped => Err(Error::new("stopped while waiting").into()),
    }
}

/// A way for signals, which end this process as long as there is nothing to tell them to, after its `last_words`.
pub(crate) fn signals(
    context: &Context,
    inbox: &Inbox,
    last_words: impl Fn() + Send + 'static,
) -> anyhow::Result<()> {
    let events = inbox.0.clone();
    crate::plugin::inbox::watch(context, move |signal| {
        if execution::has_started() {
            let _ = events.send(Event::Signal(signal));
        } else {
            crate::docker::client::abandon_question();
            last_words();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}
