//! What `do` says: nothing but the command's outputs, or one object.

use std::ffi::OsString;
use std::time::SystemTime;

use clap::ArgMatches;
use rustix::termios::isatty;

use super::request::Apply;
use super::{Manner, Outcome, arguments, object, views};
use crate::changes::view::Finished;
use crate::context::Context;
use crate::error::{self, Error, Hint, Kind, REFUSED};
use crate::sandbox::claims::Running;
use crate::sandbox::execution::{self, Input, Output};
use crate::sandbox::report::{Code, Failure};
use crate::settings::one_shot::values::size_text;
use crate::ui::{self, shown};

/// Runs it, and ends with its exit code.
pub(super) fn give(context: &Context, matches: &ArgMatches, words: &[OsString]) -> u8 {
    let is_object = matches.get_one::<String>("format").is_some_and(|format| format == "json");
    let done = if is_object { as_object(context, matches, words) } else { as_text(context, matches, words) };
    done.unwrap_or_else(|error| error::report(&error, REFUSED))
}

fn as_text(context: &Context, matches: &ArgMatches, words: &[OsString]) -> anyhow::Result<u8> {
    let inbox = execution::inbox();
    super::signals(context, &inbox, || {})?;
    let request = arguments::request(matches)?;
    let is_cut = request.max_output.is_some();
    let manner = Manner {
        output: if is_cut { Output::Relayed(None) } else { Output::Inherited },
        input: Input::Inherited,
        terminal: !is_cut && isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stdout()),
        words: words.to_vec(),
        folder: None,
        silent: false,
        reports: false,
    };
    let outcome = super::execute(context, &request, &manner, &inbox)?;
    let Outcome { ended, prepared, .. } = &outcome;
    for (name, output) in [("output", &ended.stdout), ("error output", &ended.stderr)] {
        if output.truncated {
            let limit = size_text(prepared.max_output());
            let total = output.total;
            ui::warn(&format!(
                "the command's {name} was cut off after {limit} of {total} bytes (`--max-output`)"
            ));
        }
    }
    if let Some(hint) = &ended.hint {
        ui::err(&error::render_hint(hint));
    }
    if ended.timed_out {
        let limit = humantime::format_duration(prepared.timeout());
        ui::warn(&format!("the command was ended after {limit} (`--timeout`)"));
    }
    if let Some(changes) = &outcome.changes {
        tell(context, request.apply == Apply::Review, changes)?;
    }
    Ok(ended.exit_code())
}

/// What of the changes waits; on a terminal, and if somebody wants to look at it, what becomes of that.
fn tell(context: &Context, reviews: bool, changes: &Finished) -> anyhow::Result<()> {
    let Some(line) = views::summary(changes) else { return Ok(()) };
    if !(reviews && isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stderr())) {
        ui::warn(&line);
        return Ok(());
    }
    // Ctrl-C is for this process again.
    execution::is_over();
    crate::commands::changes::review(context, &changes.id)
}

fn as_object(context: &Context, matches: &ArgMatches, words: &[OsString]) -> anyhow::Result<u8> {
    let began = SystemTime::now();
    let request = match arguments::request(matches) {
        Ok(request) => request,
        Err(error) => {
            let error = error.kind(Kind::Usage).into();
            print(&object::report(&super::Request::default(), &Err(error), began))?;
            return Ok(REFUSED);
        }
    };
    let inbox = execution::inbox();
    let stopped = request.clone();
    super::signals(context, &inbox, move || {
        let message = "somebody stopped us before the command was started".to_owned();
        let again =
            Hint { text: "start it again:".to_owned(), commands: vec!["docker sandbox do …".to_owned()] };
        let failure = Failure { code: Code::Stopped, message, hints: vec![again] };
        // Nobody is left to tell if that fails.
        let _ = print(&object::failed(&stopped, failure, began));
    })?;
    let manner = Manner {
        output: Output::Kept(0),
        input: Input::Inherited,
        terminal: false,
        words: words.to_vec(),
        folder: None,
        silent: false,
        reports: true,
    };
    let done = super::execute(context, &request, &manner, &inbox);
    print(&object::report(&request, &done, began))?;
    Ok(done.map_or(REFUSED, |outcome| outcome.ended.exit_code()))
}

fn print(report: &crate::sandbox::report::Report) -> anyhow::Result<()> {
    ui::out(&format!("{}\n", ui::json(&serde_json::to_string(report)?)))
}

/// The error of a command line that clap does not understand, where an object was asked for.
pub(in crate::commands) fn usage(words: &[OsString], problem: &Error) -> bool {
    let asked = |pair: &[OsString]| pair[0] == "--format" && pair[1] == "json";
    let options = words.iter().take_while(|word| *word != "--").cloned().collect::<Vec<_>>();
    let is_object = options.windows(2).any(asked) || options.iter().any(|word| word == "--format=json");
    if !is_object || words.first().is_none_or(|verb| verb != "do") {
        return false;
    }
    let failure =
        Failure { code: Code::Usage, message: problem.to_string(), hints: problem.ways_out().to_vec() };
    let report = object::failed(&super::Request::default(), failure, SystemTime::now());
    print(&report).is_ok()
}

/// The error where as many run as may.
pub(in crate::commands) fn too_many(context: &Context, most: usize, running: &[Running]) -> Error {
    let lines = running.iter().map(|one| {
        let age = one.since.elapsed().unwrap_or_default();
        let age = humantime::format_duration(std::time::Duration::from_secs(age.as_secs()));
        format!("{} (process {}, since {age})\n", shown(&one.command), one.pid)
    });
    Error::new(format!(
        "{most} commands run already, which is the most (`max-concurrent`); nothing was started"
    ))
    .kind(Kind::TooMany)
    .body(lines.collect::<String>())
    .hint("wait for one of them to end:", context.command_line(["do", "--wait", "…"]))
    .hint("see them, and end one:", context.command_line(["ls"]))
}
