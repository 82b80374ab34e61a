//! The refusal: what was found, how to get gVisor there, and the ways out.

use std::time::Duration;

use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::info::{Info, Runtimes};
use crate::docker::{ask, failure};
use crate::error::{Error, Hint};
use crate::gvisor::detect::{self, Choice, Identity};
use crate::gvisor::instructions::{self, Platform};
use crate::ui::{plain, shown};

/// What is registered by `runtimeType`, whose value `docker info` does not show.
const UNSTATED: &str = "type not reported";

/// The error for a `choice` that nothing may start with.
pub(super) fn explain(
    context: &Context,
    docker: &Docker,
    verb: &str,
    limit: Duration,
    runtimes: &Runtimes,
    choice: &Choice,
) -> Error {
    let mut info = ask::about_if_it_answers(docker, limit).unwrap_or_default();
    let unstated: Vec<String> =
        runtimes.iter().filter(|(_, runtime)| !runtime.is_stated()).map(|(name, _)| name.clone()).collect();
    for (name, shown) in info.runtimes.get_or_insert_with(|| runtimes.clone()) {
        if let Some(known) = runtimes.get(name).filter(|_| !shown.is_stated()) {
            *shown = known.clone();
        }
    }
    if info.os_type == "windows" {
        return failure::windows_containers();
    }
    let ways_out = ways_out(context, verb);
    match choice {
        Choice::NamedIsOther { name, impostor } => {
            let why = impostor.map_or(String::new(), |why| format!(": {why}"));
            let error =
                Error::new(format!("the runtime {} is not gVisor{why}; nothing was started", shown(name)));
            let error = match gvisor_of(&info) {
                Some(name) => {
                    let run = context.command_line([verb, &format!("--runtime={name}")]);
                    error.hint("take this daemon's gVisor:", format!("{run} …"))
                }
                None => instructed(error, context, docker, limit, &info),
            };
            error.hint(
                "to start it without the sandbox, if that is what you want:",
                format!("{} …", context.command_line([verb, "--no-sandbox", &format!("--runtime={name}")])),
            )
        }
        Choice::NamedIsMissing { name } => {
            let message = format!(
                "the runtime {} is not registered with the Docker daemon; nothing was started",
                shown(name)
            );
            let error = Error::new(message);
            if gvisor_of(&info).is_none() {
                return instructed(error, context, docker, limit, &info).hints(ways_out);
            }
            error.body(found(&info)).hint(
                "leave `--runtime` away to take the daemon's gVisor:",
                format!("{} …", context.command_line([verb])),
            )
        }
        Choice::Impostor { why } => {
            let path = info.runtimes.as_ref().and_then(|all| all.get(detect::USUAL_NAME)?.path.clone());
            let path = path.map_or(String::new(), |path| format!(" ({})", plain(&path)));
            let message = format!("the runtime `runsc`{path} is not gVisor: {why}; nothing was started");
            instructed(Error::new(message), context, docker, limit, &info).hints(ways_out)
        }
        Choice::Nothing if !unstated.is_empty() => {
            let names: Vec<String> = unstated.iter().map(shown).collect();
            Error::new(format!(
                "the daemon does not report the `runtimeType` of {}, and no other runtime is gVisor; nothing was started",
                names.join(", ")
            ))
            .body(found(&info))
            .hint(
                "name the runtime that is gVisor, to have it proven:",
                format!("{} …", context.command_line([verb, &format!("--runtime={}", unstated[0])])),
            )
            .hint("or register gVisor by its path:", context.command_line(["setup"]))
            .hints(ways_out)
        }
        Choice::Nothing | Choice::Use { .. } => {
            let error = Error::new("this Docker daemon has no gVisor (runsc); nothing was started");
            instructed(error, context, docker, limit, &info).hints(ways_out)
        }
    }
}

/// The daemon's gVisor, if it has one.
fn gvisor_of(info: &Info) -> Option<String> {
    match detect::choose(info.runtimes.as_ref()?, None) {
        Choice::Use { name, .. } => Some(name),
        _ => None,
    }
}

/// The daemon, its operating system and its runtimes.
fn found(info: &Info) -> String {
    let or = |value: &str| if value.is_empty() { "?".to_owned() } else { plain(value) };
    let runtimes: Vec<String> = info
        .runtimes
        .iter()
        .flatten()
        .map(|(name, runtime)| {
            let default = if *name == info.default_runtime { ", the default" } else { "" };
            let what = runtime.path.as_deref().or(runtime.runtime_type.as_deref()).unwrap_or(UNSTATED);
            let impostor = if matches!(detect::identify(name, runtime), Identity::Impostor(_)) {
                ", not gVisor"
            } else {
                ""
            };
            format!("{} ({}{default}{impostor})", plain(name), plain(what))
        })
        .collect();
    format!(
        "Docker daemon:     {}, version {}\nIts system:        {}, {}\nIts runtimes:      {}",
        or(&info.name),
        or(&info.server_version),
        or(&info.operating_system),
        or(&info.architecture),
        if runtimes.is_empty() { "none that it names".to_owned() } else { runtimes.join(", ") },
    )
}

/// The way that needs no instructions, where the daemon is on this machine.
fn done_for_you(context: &Context, platform: &Platform) -> Option<Hint> {
    matches!(platform, Platform::Linux | Platform::Rootless).then(|| Hint {
        text: "to have all of this done, proven, and taken back with --undo:".to_owned(),
        commands: vec![context.command_line(["setup"])],
    })
}

fn with_instructions(
    context: &Context,
    docker: &Docker,
    limit: Duration,
    info: &Info,
) -> (String, Option<Hint>) {
    let platform = Platform::of(info, &ask::endpoint(docker, limit));
    let verify = context.command_line(["run", "--rm", "busybox", "dmesg"]);
    let text = format!("{}\n\n{}", found(info), instructions::for_platform(&platform, &verify));
    (text, done_for_you(context, &platform))
}

/// `error` with what was found, the instructions, and the command that carries them out.
fn instructed(error: Error, context: &Context, docker: &Docker, limit: Duration, info: &Info) -> Error {
    let (text, hint) = with_instructions(context, docker, limit, info);
    error.body(text).hints(hint)
}

/// Out of the sandbox, in plain words: for this once, and for good.
fn ways_out(context: &Context, verb: &str) -> Vec<Hint> {
    let config = context
        .config_json()
        .map_or("~/.docker/config.json".to_owned(), |path| plain(&path.to_string_lossy()));
    vec![
        Hint {
            text: "to start without a sandbox, this once:".to_owned(),
            commands: vec![format!("{} …", context.command_line([verb, "--no-sandbox"]))],
        },
        Hint {
            text: format!(
                "or wherever the daemon has no gVisor: for good by `\"plugins\": {{\"sandbox\": {{\"mode\": \"preferred\"}}}}` in {config}, or in this shell by:"
            ),
            commands: vec!["export DOCKER_SANDBOX=preferred".to_owned()],
        },
    ]
}
