//! One container for one command, from its start to its end.

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use super::prepare::Prepared;
use super::request::Request;
use super::specification::GRACE;
use super::{Manner, environment};
use crate::changes::view::View;
use crate::commands::aftermath;
use crate::context::Context;
use crate::docker::flags::Flags;
use crate::docker::run_line::RunLine;
use crate::docker::stop::Stop;
use crate::error::REFUSED;
use crate::gvisor::failures;
use crate::sandbox::claims::Claim;
use crate::sandbox::execution::{Ended, Event, Execution, Inbox, Output};
use crate::sandbox::fleet::prune;
use crate::sandbox::guard::{self, Task};
use crate::sandbox::labels::Kind;
use crate::sandbox::minder::{self, Doubt, Minder};
use crate::sandbox::spares::Spare;

/// How long a signal waits while we find out what kept a command from starting.
const STOP_PAUSE: Duration = Duration::from_millis(50);

/// One container that was there.
pub(super) struct Done {
    pub(super) ended: Ended,
    pub(super) container: String,
    /// Whether the command was started, as far as anybody knows.
    pub(super) started: bool,
    /// What it could write to, if it is certain that nothing writes to it any more.
    pub(super) view: Option<View>,
}

/// `docker run`.
pub(super) fn cold(
    context: &Context,
    request: &Request,
    manner: &Manner,
    prepared: &Prepared,
    claim: &Claim,
    inbox: &Inbox,
) -> anyhow::Result<Done> {
    let name = format!("{}{}", prune::TAKEN, &guard::random_word()?[..12]);
    let word = manner.reports.then(guard::random_word).transpose()?;
    let deadline = prepared.specification.guards_deadline();
    let task = Task {
        timeout: deadline,
        grace: GRACE,
        workdir: prepared.specification.seen.workdir.clone(),
        environment: Vec::new(),
        report: word.clone(),
        command: request.command.clone(),
    };
    let mut words = prepared.words("run", &name, Kind::Do, deadline + GRACE, None);
    // Docker reads them itself, and the image's are below them.
    let image =
        words.iter().rposition(|word| word == prepared.specification.image.as_str()).unwrap_or(words.len());
    words.splice(image..image, environment::words(request));
    let mut view = None;
    if let Some(views) = &prepared.views {
        let mut made = views.make(&name, None)?;
        views.put(&made, &mut words)?;
        views.begin(&mut made)?;
        view = Some(made);
    }
    words.extend(task.arguments());
    let (line, began) = (words[1..].to_vec(), SystemTime::now());
    let execution = Execution {
        docker: &prepared.docker,
        command: prepared.docker.command(words),
        container: &name,
        timeout: prepared.specification.limits.timeout,
        grace: GRACE,
        output: output(manner, prepared),
        input: manner.input.clone(),
        terminal: manner.terminal,
        report: word.as_deref(),
        block: task.secrets()?,
        ends_with_report: false,
    };
    let (mut ended, gone) = minded(context, manner, prepared, claim, None, execution, inbox)?;
    let mut started = true;
    if let Some(code) = ended.code.filter(|&code| aftermath::may_be_dockers(code))
        && ended.report.is_none()
        && ended.came_to_nothing()
    {
        // A guard that reports would have.
        if word.is_some() {
            ended.code = Some(REFUSED);
            started = false;
        }
        let failed = Failed { line: &line, name: &name, began, code };
        started &= !find_out(context, prepared, &failed, inbox, &mut ended);
    }
    if ended.code == Some(REFUSED) && ended.report.is_none() {
        prepared.forget();
    }
    Ok(Done { ended, container: name, started, view: view.filter(|_| gone) })
}

/// A start that Docker ended with a code that may be its own.
struct Failed<'a> {
    line: &'a [OsString],
    /// The container's.
    name: &'a str,
    began: SystemTime,
    code: u8,
}

/// Whether the command was certainly not started, where Docker's code does not tell; and in that case what gVisor has to do with
/// it.
fn find_out(
    context: &Context,
    prepared: &Prepared,
    failed: &Failed<'_>,
    inbox: &Inbox,
    ended: &mut Ended,
) -> bool {
    let Ok(line) = RunLine::parse(failed.line, &Flags::run()) else { return false };
    let start = aftermath::Start {
        line: &line,
        container: Some(failed.name),
        runtime: prepared.runtime.as_deref().unwrap_or_default(),
        remembered: prepared.relied_on(),
        began: failed.began,
        code: failed.code,
    };
    let docker = &prepared.docker;
    let Some(made) = aftermath::never_started(docker, &start) else { return false };
    let never = !made.is_empty();
    if never {
        ended.code = Some(REFUSED);
    }
    let said = failures::recognise(&String::from_utf8_lossy(&ended.stderr.before));
    if prepared.runtime.is_none() || said.is_some_and(|failure| failure.id != failures::DIED) {
        return never;
    }
    // Whoever wants us to end wants this to end, and what it made to be removed.
    let (_, events) = inbox;
    let stop = Stop::default();
    ended.hint = std::thread::scope(|threads| {
        let search = threads.spawn(|| aftermath::find(context, docker, &start, &made, &stop));
        while !search.is_finished() {
            if let Ok(Event::Signal(signal)) = events.recv_timeout(STOP_PAUSE) {
                stop.ask(u8::try_from(signal).unwrap_or_default());
            }
        }
        search.join().ok().flatten().map(|failure| aftermath::hint_for(docker, failure))
    });
    never
}

/// Makes it with a minder beside it, which outlives us if it must. Whether the container is gone for certain is told as well, if
/// the command may write.
pub(super) fn minded(
    context: &Context,
    manner: &Manner,
    prepared: &Prepared,
    claim: &Claim,
    spare: Option<&Spare>,
    execution: Execution<'_>,
    inbox: &Inbox,
) -> anyhow::Result<(Ended, bool)> {
    let task = minder::Task {
        container: execution.container.to_owned(),
        rename: spare.map(name_at_work),
        claim: claim.path().to_owned(),
        warm: prepared.spares > 0,
        terminal: manner.terminal,
        network: prepared.network.as_ref().map(|(_, id)| (id.clone(), prepared.network_folder())),
    };
    let words: Vec<OsString> = manner.words.clone();
    let mut minder = match &context.program {
        Some(program) => {
            Some(Minder::start(program, &task, &words, manner.folder.as_deref(), claim.file()?)?)
        }
        None => None,
    };
    let (docker, container) = (prepared.docker.clone(), execution.container.to_owned());
    let certain = !manner.terminal && spare.is_none();
    let ended = execution.run(inbox, |pid| {
        if let Some(minder) = &mut minder {
            minder.started(pid);
        }
    });
    let mut doubt = match &ended {
        Ok(ended) if ended.complete && certain && ended.exit_code() == 0 => Doubt::None,
        // Any other code may be that of a `docker` that has failed while the container goes on.
        Ok(ended) if ended.complete || ended.began => Doubt::MayBeThere,
        _ => Doubt::MayAppear,
    };
    // `docker` has ended by itself, so the daemon makes nothing more.
    let settled = ended.as_ref().is_ok_and(|ended| ended.complete || ended.began);
    let mut gone = doubt == Doubt::None;
    if prepared.views.is_some() && !gone {
        gone = minder::removed(&docker, &container) && settled;
        doubt = if gone { Doubt::None } else { doubt };
    }
    // For another container, or until the changes are applied.
    let keeps_claim = gone && prepared.views.is_some()
        || spare.is_some() && ended.as_ref().is_ok_and(Ended::came_to_nothing);
    match minder {
        Some(minder) => minder.done(doubt, keeps_claim),
        None if doubt != Doubt::None => drop(minder::remove(&docker, &container)),
        None => {}
    }
    Ok((ended?, gone))
}

/// What a spare is called once a command has it.
pub(super) fn name_at_work(spare: &Spare) -> String {
    format!("{}{}", prune::TAKEN, spare.name.rsplit('-').next().unwrap_or_default())
}

/// What becomes of the outputs, with the limit that is in force.
pub(super) fn output(manner: &Manner, prepared: &Prepared) -> Output {
    let most = prepared.max_output();
    match manner.output {
        Output::Inherited => Output::Inherited,
        Output::Relayed(_) => Output::Relayed(Some(most)),
        Output::Kept(_) => Output::Kept(most),
    }
}
