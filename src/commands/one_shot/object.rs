//! What became of a command, for programs.

use std::time::SystemTime;

use super::{Outcome, Request};
use crate::commands::aftermath;
use crate::docker::client::Docker;
use crate::error::{self, Error, Kind};
use crate::gvisor::failures;
use crate::sandbox::execution::{Death, Ended, Kept};
use crate::sandbox::guard;
use crate::sandbox::report::{self, Code, Failure, Report};
use crate::ui::plain;

/// What a signal leaves behind as Docker's exit code of a container that was killed.
const KILLED: u8 = 128 + 9;

/// The report of a command that was started, or of one that was not.
pub(crate) fn report(request: &Request, done: &anyhow::Result<Outcome>, began: SystemTime) -> Report {
    match done {
        Ok(outcome) => started(request, outcome),
        Err(error) => failed(request, Failure::of(code(error), error), began),
    }
}

/// The report of one that was not.
pub(super) fn failed(request: &Request, failure: Failure, began: SystemTime) -> Report {
    Report {
        command: request.command.clone(),
        outcome: report::Outcome::Failed(failure),
        timed_out: false,
        oom_killed: false,
        stdout: output(&Kept::default()),
        stderr: output(&Kept::default()),
        started_at: began,
        duration: began.elapsed().unwrap_or_default(),
        image: None,
        container: None,
        runtime: None,
        sandboxed: false,
        warm: false,
        limits: None,
        changes: Vec::new(),
        changes_id: None,
    }
}

fn output(kept: &Kept) -> report::Output {
    report::Output::of(&kept.bytes, kept.total)
}

/// The code of an error of ours.
pub(super) fn code(error: &anyhow::Error) -> Code {
    match error::kind(error) {
        Some(Kind::DockerNotFound) => Code::DockerNotFound,
        Some(Kind::DaemonUnreachable) => Code::DaemonUnreachable,
        Some(Kind::NoGvisor) => Code::NoGvisor,
        Some(Kind::RuleDenied) => Code::RuleDenied,
        Some(Kind::Policy) => Code::Policy,
        Some(Kind::Settings) => Code::Settings,
        Some(Kind::Limits) => Code::Limits,
        Some(Kind::Image) => Code::Image,
        Some(Kind::TooMany) => Code::TooMany,
        Some(Kind::Usage) => Code::Usage,
        None => Code::Internal,
    }
}

fn started(request: &Request, outcome: &Outcome) -> Report {
    let Outcome { ended, container, changes, warm, started_at, duration, prepared } = outcome;
    let waiting = changes.as_ref().filter(|changes| changes.waiting().next().is_some());
    let listed = changes.iter().flat_map(|changes| &changes.changes);
    let end = end(&prepared.docker, ended);
    let ran = ended.began || !matches!(end, report::Outcome::Failed(_));
    Report {
        command: request.command.clone(),
        outcome: end,
        timed_out: ended.timed_out || ended.report == Some(guard::Report::TimedOut),
        oom_killed: ended.death == Some(Death::OutOfMemory),
        stdout: output(&ended.stdout),
        stderr: output(&ended.stderr),
        started_at: *started_at,
        duration: *duration,
        image: Some(prepared.image()),
        container: Some(container.clone()),
        runtime: prepared.runtime.clone(),
        sandboxed: ran && prepared.runtime.is_some(),
        warm: *warm,
        limits: Some(prepared.limits()),
        changes: listed.map(|(root, change)| change.report(root)).collect(),
        changes_id: waiting.map(|changes| changes.id.clone()),
    }
}

fn end(docker: &Docker, ended: &Ended) -> report::Outcome {
    let killed = |signal: u8| report::Outcome::Killed(report::signal_name(signal));
    match ended.report {
        Some(guard::Report::Exited(code) | guard::Report::NotStarted(code)) => report::Outcome::Exited(code),
        Some(guard::Report::Signalled(signal)) => killed(signal),
        Some(guard::Report::TimedOut) => killed(9),
        Some(guard::Report::Begins) | None if ended.death == Some(Death::OutOfMemory) => killed(9),
        Some(guard::Report::Begins) | None if ended.began && ended.code == Some(KILLED) => killed(9),
        Some(guard::Report::Begins) | None => report::Outcome::Failed(failure(docker, ended)),
    }
}

/// Why there is no end of a command.
fn failure(docker: &Docker, ended: &Ended) -> Failure {
    let said = String::from_utf8_lossy(&ended.stderr.before).into_owned();
    if ended.death == Some(Death::ByItself) {
        let code = ended.code.map_or_else(String::new, |code| format!(" with exit code {code}"));
        let error = Error::new(format!("gVisor itself ended{code}, and nobody knows how the command did"))
            .hint(
                "if the command has many processes, give it more: on older releases each takes several:",
                "docker sandbox do --pids-limit 2048 …",
            )
            .hint("or see whether gVisor works here:", "docker sandbox doctor");
        return Failure::of(Code::SandboxFailed, &error.into());
    }
    if ended.began {
        let error = Error::new("nobody knows how the command ended: Docker stopped telling")
            .hint("see whether the daemon answers:", "docker version");
        return Failure::of(Code::DaemonLost, &error.into());
    }
    if ended.stopped_by.is_some() || ended.timed_out {
        let error = Error::new("the command was told to end before it began");
        return Failure::of(Code::Stopped, &error.into());
    }
    if let Some(error) = refusal(&said) {
        return Failure::of(Code::StartFailed, &error.into());
    }
    let lower = said.to_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
    let code = if has(&[
        "unable to find image",
        "no such image",
        "pull access denied",
        "manifest unknown",
        "invalid reference format",
    ]) {
        Code::Image
    } else if has(&["range of cpus is from", "storage-opt", "memory limit"]) {
        // More processors than there are, or what a storage driver refuses after all.
        Code::Limits
    } else if has(&["cannot connect to the docker daemon", "error during connect"]) {
        Code::DaemonUnreachable
    } else {
        Code::StartFailed
    };
    let line = said.lines().rev().find(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("See 'docker") && !line.starts_with("Run 'docker")
    });
    let message = line.map_or_else(|| "Docker gave no reason".to_owned(), |line| plain(line.trim()));
    let mut error = Error::new(message);
    let recognised = || Some(aftermath::hint_for(docker, failures::recognise(&said)?));
    let hint = ended.hint.clone().or_else(recognised);
    if let Some(hint) = hint {
        error = error.hints([hint]);
    }
    Failure::of(code, &error.into())
}

/// What the guard says where it does not start the command: a message, a hint, and a command, as people see errors of ours.
fn refusal(said: &str) -> Option<Error> {
    const START: &str = "docker sandbox: ";
    let mut lines = said.lines().skip_while(|line| !line.starts_with(START));
    let error = Error::new(plain(lines.next()?.strip_prefix(START)?));
    let hint = lines.next().and_then(|line| line.strip_prefix("hint: "));
    Some(match (hint, lines.next()) {
        (Some(text), Some(command)) => error.hint(plain(text), plain(command.trim())),
        _ => error,
    })
}
