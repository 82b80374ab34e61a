//! One file per verb: its arguments beside its behaviour.

mod aftermath;
mod alias;
mod changes;
mod config;
mod doctor;
mod enforcement;
mod fleet;
mod ls;
mod marks;
pub(crate) mod one_shot;
mod persist;
mod prune;
mod read_only;
mod refusal;
mod rm;
mod rules;
mod run;
mod setup;
mod stop;
mod trust;
mod version;

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::context::Context;
use crate::error::{self, Error};
use crate::{cli, ui};

/// Runs the command that `words`, those behind `sandbox`, name. `all` are those that we were called with. Returns its
/// exit code.
pub(crate) fn dispatch(context: &Context, words: &[OsString], all: &[OsString]) -> u8 {
    // `run` and `create` have Docker's grammar, which clap does not speak.
    if let Some((verb, rest)) = words.split_first() {
        for known in [run::Verb::Run, run::Verb::Create] {
            if verb == known.name() {
                return run::run(context, known, rest)
                    .unwrap_or_else(|error| error::report(&error, error::REFUSED));
            }
        }
    }
    let argv = std::iter::once(OsString::from("sandbox")).chain(words.iter().cloned());
    match cli::tree().try_get_matches_from(argv) {
        Ok(matches) if matches.subcommand_name() == Some("do") => match matches.subcommand() {
            Some((_, matches)) => one_shot::run(context, matches, all),
            None => error::REFUSED,
        },
        Ok(matches) => match command(context, &matches) {
            Ok(code) => code,
            Err(error) => error::report(&error, error::FAILURE),
        },
        Err(error) => usage(context, words, &error),
    }
}

/// The answer is the exit code.
fn command(context: &Context, matches: &ArgMatches) -> anyhow::Result<u8> {
    let done = match matches.subcommand() {
        Some(("changes", matches)) => return changes::run(context, matches),
        Some(("doctor", matches)) => return doctor::run(context, matches),
        Some(("rm", matches)) => return rm::run(context, matches),
        Some(("stop", matches)) => return stop::run(context, matches),
        Some(("ls", matches)) => ls::run(context, matches),
        Some(("prune", matches)) => prune::run(context, matches),
        Some(("config", matches)) => config::run(context, matches),
        Some(("setup", matches)) => setup::run(context, matches),
        Some(("trust", matches)) => trust::trust(context, matches),
        Some(("untrust", matches)) => trust::untrust(context, matches),
        Some(("alias", matches)) => alias::run(matches),
        Some(("version", _)) => version::run(context),
        _ => Err(Error::new("no such command").code(error::USAGE).into()),
    };
    done.map(|()| 0)
}

/// Prints the help of one of our commands to stdout.
fn help(verb: &str) -> anyhow::Result<()> {
    let mut tree = cli::tree();
    tree.build();
    let text = match tree.find_subcommand_mut(verb) {
        Some(command) => command.render_help().to_string(),
        None => tree.render_help().to_string(),
    };
    ui::out(&text)
}

/// Help goes to stdout and is a success; everything else that clap says is wrong usage.
fn usage(context: &Context, words: &[OsString], error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match ui::out(&text) {
            Ok(()) => 0,
            Err(error) => error::report(&error, error::FAILURE),
        },
        // `docker sandbox` alone, as `docker compose` alone: the help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ui::err(&text);
            error::USAGE
        }
        _ => {
            let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("error: ")).collect();
            let problem =
                lines.iter().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
            let problem: Vec<&str> =
                problem.copied().filter(|line| !line.trim().is_empty()).map(str::trim).collect();
            let problem = problem.join("; ").replace(":; ", ": ");
            let verb = words.first().filter(|verb| cli::tree().find_subcommand(verb).is_some());
            let help = verb.cloned().into_iter().chain([OsString::from("--help")]);
            let error = Error::new(problem).hint("see how it is used:", context.command_line(help));
            // As `docker run` ends with a line that it does not understand.
            let starts = verb.is_some_and(|verb| verb == "do");
            let code = if starts { error::REFUSED } else { error::USAGE };
            if starts && one_shot::usage(words, &error) {
                return code;
            }
            error::report(&error.into(), code)
        }
    }
}
