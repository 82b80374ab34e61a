//! After a `docker run` that could not start its container: one hint, if the reason is gVisor's.
//!
//! Docker's own message has gone straight to the user's stderr. It is not read on its way: a pipe in
//! between would take the terminal from `docker run`, whose progress bars depend on it, would reorder
//! stdout and stderr where both are one file, and would swallow what is in it when we are killed. So
//! the reason is found out afterwards, and only after Docker's own codes for what did not start:
//!
//! 1. The daemon's events tell which container was made in this time and never started. With the
//!    container still there, its state has the daemon's message, word for word.
//! 2. With `--rm` it is gone. After 127, which is Docker's code for a runtime that cannot be executed
//!    or takes none of its arguments, its registration is looked at. After 125 the failure is
//!    reproduced: a proof with this runtime and those of the user's options that runsc itself reads.
//!
//! A container that did start, and ended with such a code of its own, costs one question.
//!
//! `do` asks the same, for another reason too: its exit code says whether the command was started.

use std::ffi::OsString;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::context::Context;
use crate::docker::ask;
use crate::docker::client::Docker;
use crate::docker::info::Runtime;
use crate::docker::run_line::RunLine;
use crate::docker::service::Service;
use crate::docker::stop::Stop;
use crate::error::{Hint, REFUSED};
use crate::gvisor::arguments;
use crate::gvisor::binary::Binary;
use crate::gvisor::failures::{self, Failure};
use crate::gvisor::proof::{self, Proof};
use crate::plugin::stop;

/// Docker's codes for a command that cannot be executed, and for one that is not there; a runtime's
/// failures end up under them by the words that they happen to use.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
const LIMIT: Duration = Duration::from_secs(5);
const PROOF_LIMIT: Duration = Duration::from_secs(10);

/// The start that failed.
pub(super) struct Start<'a> {
    pub(super) line: &'a RunLine,
    /// The container's name, where it is known: any one of this image counts otherwise.
    pub(super) container: Option<&'a str>,
    pub(super) runtime: &'a str,
    /// Whether the runtime was only remembered, and may no longer be registered.
    pub(super) remembered: bool,
    pub(super) began: SystemTime,
    pub(super) code: u8,
}

/// Whether `code` may be Docker's own.
pub(super) fn may_be_dockers(code: u8) -> bool {
    matches!(code, REFUSED | NOT_EXECUTABLE | NOT_FOUND)
}

/// What to tell the user, if there is something to tell.
pub(super) fn hint(context: &Context, docker: &Docker, start: &Start<'_>) -> Option<Hint> {
    if !may_be_dockers(start.code) {
        return None;
    }
    // A Ctrl-C from here on ends this search and not us before everything is removed.
    let stop = stop::watch(context).ok()?;
    let made = never_started(docker, start)?;
    find(context, docker, start, &made, &stop).map(|failure| hint_for(docker, failure))
}

/// What to do about a failure, for the daemon that is meant.
pub(super) fn hint_for(docker: &Docker, failure: &Failure) -> Hint {
    let service = Service::behind(None, docker, LIMIT);
    let mut hint = failure.hint();
    hint.commands.iter_mut().for_each(|command| *command = service.command(command));
    hint
}

/// What kept those that were `made` from starting.
pub(super) fn find(
    context: &Context,
    docker: &Docker,
    start: &Start<'_>,
    made: &[String],
    stop: &Stop,
) -> Option<&'static Failure> {
    let failure = look(context, docker, start, made, stop)?;
    let binary = registered(context, docker, start.runtime).and_then(|(_, binary)| binary);
    Some(binary.map_or(failure, |binary| binary.explain(failure)))
}

fn look(
    context: &Context,
    docker: &Docker,
    start: &Start<'_>,
    made: &[String],
    stop: &Stop,
) -> Option<&'static Failure> {
    if made.is_empty() {
        // Nothing was made: the image, the arguments, or a runtime that is gone since.
        let gone = start.remembered && !ask::runtimes(docker, LIMIT).ok()?.contains_key(start.runtime);
        return gone.then(|| failures::named("not-registered")).flatten();
    }
    for container in made {
        let said = said_of(docker, container);
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            return failures::recognise(&said);
        }
    }
    match start.code {
        REFUSED => reproduce(docker, start, stop),
        NOT_FOUND => by_registration(context, docker, start, stop),
        _ => None,
    }
}

/// The containers of this name or image that were made since, and did not start. `None` if the daemon does not say.
pub(super) fn never_started(docker: &Docker, start: &Start<'_>) -> Option<Vec<String>> {
    let image = start.line.image()?.to_string_lossy().into_owned();
    let time = |time: SystemTime| {
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
    };
    let (since, until) = (time(start.began), time(SystemTime::now()));
    let format = "{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.image}}";
    let which =
        start.container.map_or_else(|| "type=container".to_owned(), |name| format!("container={name}"));
    let words = ["events", "--since", &since, "--until", &until, "--filter", &which, "--format", format];
    let answer = docker.command(words).answer_within(LIMIT).ok()??;
    let events: Vec<Vec<&str>> = answer.stdout.lines().map(|line| line.splitn(3, ' ').collect()).collect();
    let of = |action: &str| {
        let events = events.iter().filter(move |event| event.len() == 3 && event[0] == action);
        let ours = |event: &Vec<&str>| start.container.is_some() || event[2] == image;
        events.map(|event| (event[1].to_owned(), ours(event))).collect::<Vec<_>>()
    };
    let started = of("start");
    let made =
        of("create").into_iter().filter(|(id, ours)| *ours && !started.iter().any(|(other, _)| other == id));
    answer.status.success().then(|| made.map(|(id, _)| id).collect())
}

/// What the daemon noted about a container that it could not start; `None` if that is gone.
fn said_of(docker: &Docker, container: &str) -> Option<String> {
    let inspect = docker.command(["container", "inspect", "--format", "{{.State.Error}}", container]);
    let answer = inspect.answer_within(LIMIT).ok()??;
    answer.status.success().then(|| answer.stdout.trim().to_owned())
}

fn reproduce(docker: &Docker, start: &Start<'_>, stop: &Stop) -> Option<&'static Failure> {
    let mut options = vec![OsString::from(format!("--runtime={}", start.runtime))];
    options.extend(start.line.read_by_the_runtime());
    match proof::attempt(docker, &options, PROOF_LIMIT, stop) {
        Proof::Failed { failure, .. } => failure,
        Proof::Hangs { .. } => Some(&failures::HANGS),
        Proof::Proven { .. } | Proof::NotGvisor { .. } | Proof::Interrupted => None,
    }
}

/// How the runtime is registered, and its program, where that is on this machine; `None` if it is not seen from here.
fn registered(context: &Context, docker: &Docker, runtime: &str) -> Option<(Runtime, Option<Binary>)> {
    if !ask::endpoint(docker, LIMIT).starts_with("unix://") {
        return None;
    }
    let runtime = ask::runtimes(docker, LIMIT).ok()?.remove(runtime)?;
    let path = runtime.path.as_deref().filter(|path| !path.is_empty())?;
    if Binary::is_hidden(path) {
        return None;
    }
    let binary = Binary::find(path, context.environment.path.as_deref());
    Some((runtime, binary))
}

/// Whether the runtime's program is there and takes its arguments. Whether its platform finds its device, only the daemon's
/// host knows.
fn by_registration(
    context: &Context,
    docker: &Docker,
    start: &Start<'_>,
    stop: &Stop,
) -> Option<&'static Failure> {
    let (runtime, binary) = registered(context, docker, start.runtime)?;
    let Some(binary) = binary else {
        return failures::named("path-missing");
    };
    let args = runtime.runtime_args.as_deref().unwrap_or_default();
    if arguments::platform(args).as_deref() == Some("kvm") {
        return reproduce(docker, start, stop);
    }
    let complaint = binary.complaint(args)?;
    let is_unknown = complaint.contains("flag") && complaint.contains("not defined");
    failures::named(if is_unknown { "unknown-flag" } else { "contradictory-flags" })
}
