//! `docker sandbox run` and `create`.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, SystemTime};

use crate::commands::marks::Marks;
use crate::commands::{aftermath, refusal, rules};
use crate::context::Context;
use crate::docker::ask;
use crate::docker::client::Docker;
use crate::docker::flags::Flags;
use crate::docker::grammar::Problem;
use crate::docker::info::Runtimes;
use crate::docker::run_line::RunLine;
use crate::error::{self, Error};
use crate::gvisor::detect::{self, Choice};
use crate::gvisor::memory::Memory;
use crate::plugin::caller::Caller;
use crate::plugin::supervise::Watch;
use crate::sandbox::audit;
use crate::settings::load::{self, Settings};
use crate::settings::mode::Mode;
use crate::ui::{self, plain, shown};

/// What starts a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Run,
    Create,
    /// Our own: one command.
    Do,
}

impl Verb {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Create => "create",
            Self::Do => "do",
        }
    }
}

/// A direct call becomes docker and never learns that Docker refused, so it believes a memory for
/// so long only.
const UNSUPERVISED_MEMORY: Duration = Duration::from_secs(60);

/// How long we ask about the default runtime where nobody wants the sandbox.
const UNASKED: Duration = Duration::from_secs(2);

/// What to start and what to say about it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Docker's words behind the verb.
    pub(super) words: Vec<OsString>,
    /// The gVisor runtime; `None` where the container starts without.
    pub(super) runtime: Option<String>,
    /// Whether limits of cgroups hold, where it is in gVisor.
    pub(super) limits_hold: bool,
    /// How that is registered: another registration is another sandbox.
    pub(super) registration: String,
    /// Printed before the start, a line each.
    pub(super) warnings: Vec<String>,
    /// For `--verbose`.
    pub(super) notes: Vec<String>,
    /// What the choice of the runtime relied on, to be forgotten if Docker refuses.
    pub(super) relied_on: Option<Memory>,
}

/// Runs the command; the exit code is Docker's.
pub(super) fn run(context: &Context, verb: Verb, words: &[OsString]) -> anyhow::Result<u8> {
    let socket = context.environment.plugin_socket.as_deref();
    let watch = context.through_docker.then(|| Watch::begin(Caller::find(socket))).transpose()?;
    let line = read(context, verb, words)?;
    if line.wants_help() {
        return super::help(verb.name()).map(|()| 0);
    }
    let Some(image) = line.image() else {
        let example = context.command_line([verb.name(), "--rm", "-it", "IMAGE", "sh"]);
        return Err(Error::new(format!("`{}` needs an image", verb.name()))
            .hint("name one:", example)
            .into());
    };
    let settings = load::load(context, &line.ours)?;
    if let Some(file) = &settings.decision.ignored {
        ui::warn(&load::ignored_project(context, file));
    }
    let docker = context.docker()?;
    let marks = Marks::of(context, verb, &settings, &line);
    let manner = Manner { names: true, of_do: None };
    let plan = plan(context, verb, &docker, &settings, &line, &marks.words, &manner)?;
    log(&settings, verb, &plan, image, &line)?;
    plan.warnings.iter().for_each(|warning| ui::warn(warning));
    if line.ours.verbose {
        plan.notes.iter().for_each(|note| ui::note(note));
    }
    marks.note(context, &settings, &docker);
    start(context, verb, &docker, plan, &line, watch)
}

/// Reads the line. An option that we do not know is looked up in the help of the CLI in use.
fn read(context: &Context, verb: Verb, words: &[OsString]) -> anyhow::Result<RunLine> {
    let mut flags = Flags::run();
    let problem = match RunLine::parse(words, &flags) {
        Ok(line) => return Ok(line),
        Err(problem) => problem,
    };
    let mut problem = problem;
    if matches!(problem, Problem::Unknown { .. }) {
        let help = context.docker()?.command([verb.name(), "--help"]).answer_within(load::DETECT_TIMEOUT)?;
        if let Some(help) = help.filter(|help| help.status.success()) {
            flags.learn(Flags::from_help(&help.stdout));
            match RunLine::parse(words, &flags) {
                Ok(line) => return Ok(line),
                Err(still) => problem = still,
            }
        }
    }
    let help = format!("docker {} --help", verb.name());
    let error = Error::new(problem.to_string()).hint("see the options there are:", help);
    Err(error.hint("and those that the sandbox adds:", context.command_line([verb.name(), "--help"])).into())
}

/// How a start is made.
pub(super) struct Manner<'a> {
    /// Whether names on networks are made to work.
    pub(super) names: bool,
    /// For `do`.
    pub(super) of_do: Option<rules::OfDo<'a>>,
}

/// Chooses the runtime and holds the rules against the line.
///
/// # Errors
/// Nothing may be started.
pub(super) fn plan(
    context: &Context,
    verb: Verb,
    docker: &Docker,
    settings: &Settings,
    line: &RunLine,
    labels: &[OsString],
    manner: &Manner<'_>,
) -> anyhow::Result<Plan> {
    let mode = &settings.decision.mode;
    if mode.value == Mode::None {
        return Ok(unsandboxed(docker, settings, line, labels));
    }
    let limit = settings.detect_timeout.value;
    let Found { choice, has_gvisor, runtimes, relied_on } = choose(context, docker, settings, line)?;
    match choice {
        Choice::Use { name, why } => {
            let (names, of_do) = (manner.names, manner.of_do.as_ref());
            let asked = rules::Asked { context, docker, settings, verb: verb.name(), line, names, of_do };
            let ruled = rules::apply(&asked, &runtimes, &name)?;
            let why = format!(
                "runtime {} ({}{}); mode `{}`, decided by {}",
                shown(&name),
                plain(&why),
                if relied_on.is_some() { ", remembered" } else { "" },
                mode.value,
                mode.origin
            );
            Ok(Plan {
                words: line
                    .replacing(&ruled.replaced)
                    .with_runtime(&ruled.runtime, &[&ruled.words, labels].concat()),
                limits_hold: ruled.limits_hold,
                registration: format!("{:?}", runtimes.get(&ruled.runtime)),
                runtime: Some(ruled.runtime),
                warnings: ruled.warnings,
                notes: std::iter::once(why).chain(ruled.notes).collect(),
                relied_on,
            })
        }
        // Falling back is for daemons without gVisor, not for arguments that avoid it.
        Choice::Nothing | Choice::Impostor { .. } if mode.value == Mode::Preferred => {
            Ok(fallen_back(settings, line, labels))
        }
        Choice::NamedIsOther { .. } | Choice::NamedIsMissing { .. }
            if mode.value == Mode::Preferred && !has_gvisor =>
        {
            Ok(fallen_back(settings, line, labels))
        }
        refused => {
            let refusal = refusal::explain(context, docker, verb.name(), limit, runtimes, &refused);
            Err(refusal.kind(error::Kind::NoGvisor).into())
        }
    }
}

/// What detection came to.
struct Found {
    choice: Choice,
    /// Whether there is a gVisor runtime at all, whatever the user named.
    has_gvisor: bool,
    /// The runtimes that the choice was made among.
    runtimes: Runtimes,
    relied_on: Option<Memory>,
}

impl Found {
    fn among(runtimes: Runtimes, line: &RunLine) -> Self {
        let has_gvisor = matches!(detect::choose(&runtimes, None), Choice::Use { .. });
        Self { choice: detect::choose(&runtimes, line.runtime()), has_gvisor, runtimes, relied_on: None }
    }
}

/// Chooses the runtime by what is remembered, else by what the daemon says now.
fn choose(context: &Context, docker: &Docker, settings: &Settings, line: &RunLine) -> anyhow::Result<Found> {
    let socket = context.local_socket(settings.current_context.as_deref());
    let memory = socket
        .zip(context.environment.cache.as_deref())
        .and_then(|(socket, cache)| Memory::of(&socket, cache));
    if let Some(memory) = memory.as_ref() {
        let limit = (!context.through_docker).then_some(UNSUPERVISED_MEMORY);
        let remembered = memory.recall(limit);
        if !remembered.is_empty() {
            let found = Found::among(remembered, line);
            if matches!(found.choice, Choice::Use { .. }) {
                return Ok(Found { relied_on: Some(memory.clone()), ..found });
            }
        }
    }
    let runtimes = ask::runtimes(docker, settings.detect_timeout.value)?;
    if let Some(memory) = memory {
        memory.keep(&runtimes);
    }
    Ok(Found::among(runtimes, line))
}

/// Mode `preferred` on a daemon without gVisor.
fn fallen_back(settings: &Settings, line: &RunLine, labels: &[OsString]) -> Plan {
    let mode = &settings.decision.mode;
    let what = format!(
        "this container is NOT in gVisor: the daemon has none, and mode `{}`, decided by {}, lets it start",
        mode.value, mode.origin
    );
    Plan { words: line.with(labels), warnings: vec![what], ..Plan::default() }
}

/// Mode `none`: Docker as it is. If it ends up in gVisor all the same, that is said instead of warned.
fn unsandboxed(docker: &Docker, settings: &Settings, line: &RunLine, labels: &[OsString]) -> Plan {
    let mode = &settings.decision.mode;
    // Whatever goes wrong here goes wrong for Docker too, which then says so itself, and at once.
    let limit = settings.detect_timeout.value.min(UNASKED);
    let about = ask::about_if_it_answers(docker, limit).unwrap_or_default();
    let given = line.runtime().map(|name| name.to_string_lossy().into_owned());
    let whose = if given.is_some() { "the runtime asked for," } else { "Docker's own choice," };
    let name = given.unwrap_or_else(|| about.default_runtime.clone());
    let runtimes = about.runtimes.unwrap_or_default();
    let gvisor =
        !name.is_empty() && matches!(detect::choose(&runtimes, Some(OsStr::new(&name))), Choice::Use { .. });
    let words = line.with(labels);
    if gvisor {
        let why = format!(
            "mode `{}`, decided by {}; {whose} {}, is gVisor all the same: this container is sandboxed",
            mode.value,
            mode.origin,
            shown(&name)
        );
        ui::note(&why);
        return Plan {
            words,
            runtime: Some(name),
            notes: vec!["nothing but labels was added to Docker's arguments".into()],
            ..Plan::default()
        };
    }
    let why = format!("this container is NOT in gVisor: mode `{}`, decided by {}", mode.value, mode.origin);
    Plan { words, warnings: vec![why], ..Plan::default() }
}

/// Writes the line for the audit log, if there is one.
///
/// # Errors
/// It cannot be written: nothing may be started then.
pub(super) fn log(
    settings: &Settings,
    verb: Verb,
    plan: &Plan,
    image: &OsStr,
    line: &RunLine,
) -> anyhow::Result<()> {
    let Some(file) = &settings.audit else { return Ok(()) };
    let given = line.runtime().map(|name| name.to_string_lossy().into_owned());
    let record = audit::Record {
        time: audit::now(),
        command: verb.name(),
        mode: settings.decision.mode.value.name(),
        decided_by: &settings.decision.mode.origin.to_string(),
        sandboxed: plan.runtime.is_some(),
        runtime: plan.runtime.as_deref().or(given.as_deref()),
        image: Some(&image.to_string_lossy()),
        argv: &line.redacted(),
    };
    audit::append(&file.value, &record)
}

/// Called directly, we become docker. Called by Docker's CLI, we stay: it does not signal us.
fn start(
    context: &Context,
    verb: Verb,
    docker: &Docker,
    plan: Plan,
    line: &RunLine,
    watch: Option<Watch>,
) -> anyhow::Result<u8> {
    let command = docker.command(std::iter::once(OsString::from(verb.name())).chain(plan.words));
    let Some(watch) = watch else { return Err(command.exec()) };
    let began = SystemTime::now();
    let code = watch.run(&command)?;
    if code == crate::error::REFUSED {
        plan.relied_on.iter().for_each(Memory::forget);
    }
    if let Some(runtime) = plan.runtime.as_deref().filter(|_| verb == Verb::Run) {
        let remembered = plan.relied_on.is_some();
        let failed = aftermath::Start { line, container: None, runtime, remembered, began, code };
        if let Some(hint) = aftermath::hint(context, docker, &failed) {
            ui::err(&error::render_hint(&hint));
        }
    }
    Ok(code)
}
