//! Answers to Docker's shell completion: our commands and options, and all of `docker run`'s.
//!
//! Source: cobra's `__complete` protocol: `value<TAB>description` lines, then `:DIRECTIVE`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::time::Duration;

use clap::{Arg, Command};

use crate::changes::store::{Phase, Store};
use crate::cli;
use crate::context::Context;
use crate::docker::flags::Flags;
use crate::docker::grammar::Problem;
use crate::docker::run_line::RunLine;
use crate::gvisor::rules::Severity;
use crate::settings::rule::NamedRule;
use crate::ui;

/// cobra's `ShellCompDirectiveNoFileComp`.
const NO_FILES: &str = ":4";
/// cobra's `ShellCompDirectiveDefault`: the shell completes file names.
const FILES: &str = ":0";
/// A completion that takes longer is of no use.
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn answer(context: &Context, words: &[OsString], described: bool) -> anyhow::Result<()> {
    let answer = complete(context, words);
    ui::out(&render(&answer, described))
}

struct Answer {
    candidates: Vec<(String, String)>,
    directive: String,
}

fn complete(context: &Context, words: &[OsString]) -> Answer {
    let empty = OsString::new();
    let (last, before) = words.split_last().unwrap_or((&empty, &[]));
    let unfinished = last.to_string_lossy();
    let tree = cli::tree();
    let Some((verb, given)) = before.split_first() else {
        return ours(commands(&tree), &unfinished, NO_FILES);
    };
    let Some(command) = tree.find_subcommand(verb) else { return ours(Vec::new(), &unfinished, NO_FILES) };
    match command.get_name() {
        name @ ("run" | "create") => of_docker(context, command, name, given, last),
        _ if unfinished.starts_with('-') && !unfinished.contains('=') => {
            ours(options(command), &unfinished, NO_FILES)
        }
        "changes" => of_changes(context, command, given, &unfinished),
        _ => of_command(command, given, &unfinished),
    }
}

/// Ids of changes that wait; behind `--apply`, files.
fn of_changes(context: &Context, command: &Command, given: &[OsString], unfinished: &str) -> Answer {
    if given.iter().any(|word| word == "--apply") {
        return ours(Vec::new(), unfinished, FILES);
    }
    let is_option = |word: &OsString| word.to_string_lossy().starts_with('-');
    if given.last().is_some_and(|word| word == "--format") || given.iter().any(|word| !is_option(word)) {
        return of_command(command, given, unfinished);
    }
    let store = context.environment.data.as_deref().map(Store::new);
    let waiting = store.map(|store| store.all()).unwrap_or_default().into_iter();
    let waiting = waiting.filter(|(_, record)| record.phase != Phase::Running);
    ours(waiting.map(|(id, record)| (id, ui::plain(&record.command))).collect(), unfinished, NO_FILES)
}

/// What `docker __complete run …` offers, and our options among it.
fn of_docker(
    context: &Context,
    command: &Command,
    verb: &str,
    given: &[OsString],
    last: &OsString,
) -> Answer {
    let unfinished = &*last.to_string_lossy();
    if let Some((values, begun)) = values(command, given, unfinished) {
        return ours(values, begun, NO_FILES);
    }
    let flags = Flags::run();
    // Our options are nothing that Docker could complete behind. An option at the end that lacks
    // its value gets one to be read with.
    let whole = || [given, &[OsString::new()]].concat();
    let (read, added) = match RunLine::parse(given, &flags) {
        Err(Problem::NoValue(_)) => (RunLine::parse(&whole(), &flags), 1),
        read => (read, 0),
    };
    let before_image = read.as_ref().is_ok_and(|line| line.image().is_none());
    let words = read.as_ref().map_or(given, |line| &line.words()[..line.words().len() - added]);
    let mut answer = ask(context, verb, words, last)
        .unwrap_or_else(|| Answer { candidates: Vec::new(), directive: FILES.to_owned() });
    if before_image && unfinished.starts_with('-') {
        answer.candidates.extend(ours(options(command), unfinished, NO_FILES).candidates);
        answer.candidates.sort();
        answer.candidates.dedup_by(|a, b| a.0 == b.0);
    }
    answer
}

fn ask(context: &Context, verb: &str, words: &[OsString], last: &OsString) -> Option<Answer> {
    let docker = context.docker().ok()?;
    let mut args = vec![OsString::from("__complete"), verb.into()];
    args.extend(words.iter().cloned());
    args.push(last.clone());
    let answer = docker.command(args).answer_within(LIMIT).ok().flatten()?;
    let mut candidates = Vec::new();
    let mut directive = FILES.to_owned();
    for line in answer.stdout.lines() {
        if line.starts_with(':') {
            line.clone_into(&mut directive);
        } else {
            let (value, description) = line.split_once('\t').unwrap_or((line, ""));
            candidates.push((value.to_owned(), description.to_owned()));
        }
    }
    Some(Answer { candidates, directive })
}

/// The values of our option that `unfinished` belongs to, if it belongs to one, and what is there
/// of the value. As cobra's, they come without the `--option=`: the shells put that before them.
fn values<'a>(
    command: &Command,
    given: &[OsString],
    unfinished: &'a str,
) -> Option<(Vec<(String, String)>, &'a str)> {
    let (option, begun) = option_and_value(given, unfinished)?;
    let name = option.strip_prefix("--")?;
    command.get_arguments().find(|arg| arg.get_long() == Some(name))?;
    let pair = |(value, about): (&str, &str)| (value.to_owned(), about.to_owned());
    let offered = match name {
        "sandbox" => [
            ("required", "gVisor, or nothing starts"),
            ("preferred", "gVisor where the daemon has it"),
            ("none", "Docker as it is"),
        ]
        .map(pair)
        .to_vec(),
        "detect-timeout" => [("10s", ""), ("60s", "")].map(pair).to_vec(),
        "ttl" => [("1h", ""), ("1d", ""), ("30d", ""), ("none", "for ever")].map(pair).to_vec(),
        "allow" if command.get_name() == "do" => rules(|rule| rule.can_be_allowed()).map(pair).collect(),
        // What a container changes is nobody's to hold back.
        "allow" => rules(|rule| rule.can_be_allowed() && !rule.is_of_changes()).map(pair).collect(),
        "quiet-rule" => {
            rules(|rule| matches!(rule, NamedRule::OfStart(rule) if rule.severity < Severity::Note))
                .map(pair)
                .collect()
        }
        _ => return None,
    };
    Some((offered, begun))
}

/// The rules that are wanted, and what each is about.
fn rules(wanted: fn(&NamedRule) -> bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    NamedRule::all().filter(wanted).map(|rule| (rule.id(), rule.why()))
}

/// `--option=beg`, or the word before for `beg`.
fn option_and_value<'a>(given: &[OsString], unfinished: &'a str) -> Option<(String, &'a str)> {
    match unfinished.split_once('=') {
        Some((option, begun)) if option.starts_with("--") => Some((option.to_owned(), begun)),
        _ => Some((given.last()?.to_string_lossy().into_owned(), unfinished)),
    }
}

fn of_command(command: &Command, given: &[OsString], unfinished: &str) -> Answer {
    // Behind `--` are the words of a command of somebody else's.
    let is_ours = !given.iter().any(|word| word == "--");
    if let Some((values, begun)) = values(command, given, unfinished).filter(|_| is_ours) {
        return ours(values, begun, NO_FILES);
    }
    let (option, begun) = option_and_value(given, unfinished).unwrap_or_default();
    let position = given.iter().filter(|word| !word.to_string_lossy().starts_with('-')).count();
    let named = |arg: &&Arg| {
        arg.get_action().takes_values() && arg.get_long().is_some_and(|long| option == format!("--{long}"))
    };
    let (arg, begun) = match command.get_arguments().find(named) {
        Some(arg) => (Some(arg), begun),
        None => (command.get_positionals().nth(position), unfinished),
    };
    let Some(arg) = arg else { return ours(Vec::new(), unfinished, NO_FILES) };
    let possible: Vec<(String, String)> =
        arg.get_possible_values().iter().map(|value| (value.get_name().to_owned(), String::new())).collect();
    let directive = if possible.is_empty() { FILES } else { NO_FILES };
    ours(possible, begun, directive)
}

fn ours(candidates: Vec<(String, String)>, unfinished: &str, directive: &str) -> Answer {
    let candidates = candidates.into_iter().filter(|(value, _)| value.starts_with(unfinished)).collect();
    Answer { candidates, directive: directive.to_owned() }
}

fn commands(tree: &Command) -> Vec<(String, String)> {
    tree.get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| (command.get_name().to_owned(), about(command.get_about())))
        .collect()
}

fn options(command: &Command) -> Vec<(String, String)> {
    let mut options: Vec<(String, String)> = command
        .get_arguments()
        .filter_map(|arg| Some((format!("--{}", arg.get_long()?), about(arg.get_help()))))
        .collect();
    options.push(("--help".to_owned(), "Print help".to_owned()));
    options.sort();
    options.dedup_by(|a, b| a.0 == b.0);
    options
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(|text| text.to_string().lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

fn render(answer: &Answer, described: bool) -> String {
    let mut text = String::new();
    for (value, description) in &answer.candidates {
        let _ = match (described, description.as_str()) {
            (false, _) | (true, "") => writeln!(text, "{value}"),
            (true, description) => writeln!(text, "{value}\t{description}"),
        };
    }
    text.push_str(&answer.directive);
    text.push('\n');
    text
}
