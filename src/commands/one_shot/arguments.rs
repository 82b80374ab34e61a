//! The command line of `do`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::ArgMatches;

use super::request::{Access, Apply, Folder, Request, Wait};
use crate::cli;
use crate::docker::run_line::Ours;
use crate::error::{Error, REFUSED};
use crate::settings::user::parse_duration;

/// Reads what clap has read.
///
/// # Errors
/// There is nothing to run, or two options contradict each other.
pub(super) fn request(matches: &ArgMatches) -> Result<Request, Error> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let words = |name: &str| -> Vec<OsString> {
        matches.get_many::<OsString>(name).into_iter().flatten().cloned().collect()
    };
    let mut command = words("command");
    if let Some(script) = matches.get_one::<OsString>("shell") {
        // What follows are `$1` and so on; `$0` is the shell's own name, as in `sh -c`.
        let shell = [OsStr::new("sh"), OsStr::new("-c"), script, OsStr::new("sh")].map(OsStr::to_owned);
        command = shell.into_iter().chain(command).collect();
    }
    if command.first().is_none_or(|program| program.is_empty()) {
        return Err(Error::new("`do` needs a command")
            .code(REFUSED)
            .hint("name one:", "docker sandbox do -- npm test"));
    }
    let access = match (matches.get_flag("write"), matches.get_flag("discard")) {
        (true, _) => Access::Write,
        (_, true) => Access::Discard,
        _ => Access::Read,
    };
    let apply = match (matches.get_flag("review"), text("apply").as_deref()) {
        (true, _) => Apply::Review,
        (_, Some("on-success")) => Apply::OnSuccess,
        _ => Apply::Always,
    };
    let folders: Vec<Folder> = words("mount").iter().map(|text| Folder::parse(text)).collect();
    if apply != Apply::Always && access != Access::Write && !folders.iter().any(|folder| folder.writable) {
        let option = if apply == Apply::Review { "--review" } else { "--apply=on-success" };
        return Err(Error::new(format!("`{option}` is for commands that may write, and this one may not"))
            .hint("let it write to the project:", format!("docker sandbox do --write {option} …")));
    }
    let wait = match text("wait").as_deref() {
        None => Wait::No,
        Some("") => Wait::ForEver,
        Some(limit) => Wait::For(parse_duration(limit).map_err(|problem| {
            Error::new(format!("`--wait` on the command line: {problem}"))
                .hint("wait as long as it takes:", "docker sandbox do --wait …")
        })?),
    };
    Ok(Request {
        command,
        access,
        apply,
        folders,
        image: text("image"),
        platform: text("platform"),
        env: words("env"),
        env_files: words("env-file").into_iter().map(PathBuf::from).collect(),
        user: matches.get_one::<OsString>("user").cloned(),
        workdir: matches.get_one::<OsString>("workdir").map(PathBuf::from),
        network: matches.get_one::<OsString>("network").cloned(),
        runtime: matches.get_one::<OsString>("runtime").cloned(),
        cpus: text("cpus"),
        memory: text("memory"),
        memory_swap: text("memory-swap"),
        pids_limit: text("pids-limit"),
        disk: text("disk"),
        timeout: text("timeout"),
        max_output: text("max-output"),
        wait,
        warm: text("warm"),
        ours: ours(matches),
    })
}

/// What `run` takes as well.
fn ours(matches: &ArgMatches) -> Ours {
    let mode = matches.get_one::<OsString>("sandbox");
    let mode = mode.map(|mode| (format!("--sandbox={}", mode.to_string_lossy()), mode.clone()));
    let off = matches.get_flag("no-sandbox").then(|| ("--no-sandbox".to_owned(), OsString::from("none")));
    let all = |name: &str| matches.get_many::<OsString>(name).into_iter().flatten().cloned().collect();
    Ours {
        mode: off.or(mode),
        verbose: matches.get_flag("verbose"),
        detect_timeout: matches.get_one::<OsString>("detect-timeout").cloned(),
        allow: all("allow"),
        quiet: all("quiet-rule"),
        no_fix: matches.get_flag("no-fix"),
        ttl: matches.get_one::<OsString>("ttl").cloned(),
        ..Ours::default()
    }
}

/// The request of a `do` that was read before: `words` are those behind `sandbox`.
///
/// # Errors
/// It is none.
pub(super) fn again(words: &[OsString]) -> anyhow::Result<Request> {
    let argv = std::iter::once(OsString::from("sandbox")).chain(words.iter().cloned());
    let matches = cli::tree().try_get_matches_from(argv)?;
    match matches.subcommand() {
        Some(("do", matches)) => Ok(request(matches)?),
        _ => Err(Error::new("it is no `do`").into()),
    }
}
