//! What `do` says: nothing but the command's outputs, or one object.

use std::ffi::OsString;

use clap::ArgMatches;
use rustix::termios::isatty;

use super::{Manner, Outcome, arguments};
use crate::context::Context;
use crate::error::{self, Error, REFUSED};
use crate::sandbox::claims::Running;
use crate::sandbox::execution::{self, Input, Output};
use crate::ui::{self, shown};

/// Runs it, and ends with its exit code.
pub(super) fn give(context: &Context, matches: &ArgMatches, words: &[OsString]) -> u8 {
    text(context, matches, words).unwrap_or_else(|error| error::report(&error, REFUSED))
}

fn text(context: &Context, matches: &ArgMatches, words: &[OsString]) -> anyhow::Result<u8> {
    let inbox = execution::inbox();
    super::signals(context, &inbox)?;
    let request = arguments::request(matches)?;
    let limit = request.max_output.as_ref();
    let manner = Manner {
        output: if limit.is_some() { Output::Relayed(None) } else { Output::Inherited },
        input: Input::Inherited,
        terminal: limit.is_none() && isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stdout()),
        words: words.to_vec(),
        reports: false,
    };
    let outcome = super::execute(context, &request, &manner, &inbox)?;
    let Outcome { ended, prepared, .. } = &outcome;
    for (name, output) in [("output", &ended.stdout), ("error output", &ended.stderr)] {
        if output.truncated {
            let limit = crate::settings::one_shot::values::size_text(prepared.max_output());
            ui::warn(&format!(
                "the command's {name} was cut off after {limit} of {} bytes (`--max-output`)",
                output.total
            ));
        }
    }
    if ended.timed_out {
        let limit = humantime::format_duration(prepared.timeout());
        ui::warn(&format!("the command was ended after {limit} (`--timeout`)"));
    }
    Ok(ended.exit_code())
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
    .body(lines.collect::<String>())
    .hint("wait for one of them to end:", context.command_line(["do", "--wait", "…"]))
    .hint("see them, and end one:", context.command_line(["ls"]))
}
