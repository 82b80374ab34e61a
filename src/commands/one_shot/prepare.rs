//! Everything before the start: settings, runtime, rules.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::environment::{self, Variables};
use super::image::{self, Found, Image};
use super::mounts::Seen;
use super::request::Request;
use super::specification::{self, GRACE, Specification};
use super::user::{Caller, User};
use super::views::Views;
use crate::changes::project;
use crate::commands::rules::OfDo;
use crate::commands::run::{self, Manner, Verb};
use crate::context::Context;
use crate::docker::ask;
use crate::docker::client::Docker;
use crate::docker::daemon::key;
use crate::docker::flags::Flags;
use crate::docker::local::Local;
use crate::docker::run_line::RunLine;
use crate::error::{self, Error, Kind};
use crate::gvisor::memory::Memory;
use crate::sandbox::expiry::Ledger;
use crate::sandbox::labels::{self, Labels};
use crate::sandbox::report;
use crate::sandbox::{guard, isolated};
use crate::settings::load::{self, Settings};
use crate::settings::mode::Mode;
use crate::settings::one_shot::OneShot;
use crate::settings::ttl::Ttl;
use crate::ui;

/// How much later than everybody else `prune` may take a container that should be gone.
const SLACK: Duration = Duration::from_secs(30);

/// A command that may be started.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) specification: Specification,
    pub(super) docker: Docker,
    /// gVisor's; `None` where the command runs without.
    pub(crate) runtime: Option<String>,
    /// How the runtime is registered.
    pub(super) registration: String,
    /// The options that the rules passed, and what they added; the runtime is the last.
    pub(super) checked: Vec<OsString>,
    /// What `--env` and `--env-file` come to.
    pub(super) environment: Variables,
    pub(super) guard: PathBuf,
    /// What it may write to.
    pub(super) views: Option<Views>,
    /// Its image, as the daemon had it before the start.
    pub(super) image: Found,
    /// Where we keep what is to stay.
    pub(super) data: PathBuf,
    /// Where we keep what concerns this daemon.
    pub(super) state: PathBuf,
    /// The use of the isolated network.
    pub(super) network: Option<(isolated::Use, String)>,
    pub(super) spares: usize,
    pub(super) warm_idle: Duration,
    pub(super) max_concurrent: usize,
    /// How long the daemon may take to answer.
    pub(super) limit: Duration,
    /// The warnings that are due.
    pub(crate) warnings: Vec<String>,
    /// For `--verbose`.
    pub(crate) notes: Vec<String>,
    settled: OneShot,
    /// Whether the limits of cgroups hold.
    limits_hold: bool,
    mode: Mode,
    /// The project's folder.
    project: PathBuf,
    /// How long after its start `prune` may take it, if somebody said so.
    ttl: Option<Ttl>,
    relied_on: Option<Memory>,
}

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    /// Whether warnings and the audit log are due.
    pub(super) tells: bool,
    /// Whether names on networks are made to work, which is for one container only.
    pub(super) names: bool,
    /// Whether nobody reads how far a pull has come.
    pub(super) silent: bool,
}

/// Settles all of it.
///
/// # Errors
/// Something forbids the start, or is wrong with what was asked for.
pub(super) fn prepare(
    context: &Context,
    request: &Request,
    terminal: bool,
    pass: Pass,
) -> anyhow::Result<Prepared> {
    let settings = error::or_kind(load::load(context, &request.ours), Kind::Settings)?;
    let ignored = settings.decision.ignored.as_ref().map(|file| load::ignored_project(context, file));
    let settled =
        specification::settled(request, &settings.one_shot).map_err(|error| error.kind(Kind::Usage))?;
    let project = project::root(&context.environment.folder_in_words, context.environment.home.as_deref());
    let seen = error::or_kind(Seen::of(context, request, project).map_err(Into::into), Kind::Usage)?;
    let environment = error::or_kind(environment::variables(request), Kind::Usage)?;
    let docker = context.docker()?;
    let socket = local_socket(context, &settings, &docker)?;
    let limit = settings.detect_timeout.value;
    let daemon = Local::behind(&docker, &socket, limit);
    let user = match &request.user {
        Some(user) => User::Given(user.clone()),
        None => User::Caller(Caller::of(&daemon, &seen.project).map_err(|error| {
            let again = context.command_line(request.with("--user=0:0"));
            error
                .kind(Kind::Usage)
                .hint("use a daemon of your own:", "docker context ls")
                .hint("or let the command be that user, with what that user may do:", again)
        })?),
    };
    let mut specification = Specification::of(request, &settled, terminal, seen, user);
    let project = labels::project(&specification.seen.project);
    let data = context.environment.data.as_deref().ok_or_else(|| {
        Error::new("there is no folder for our files: HOME is not set, or not there")
            .kind(Kind::Settings)
            .hint("set it:", "export HOME=/root")
    })?;
    let state = data.join("do").join(key(&socket));
    let (views, copies) = Views::of(context, request, &specification, &settings, &daemon, data);
    let can_wait = views.as_ref().is_none_or(Views::can_wait);
    let spares = if can_wait { settled.warm.value.of(&project) as usize } else { 0 };
    let isolated = specification.isolated;
    let network = isolated.then(|| make_network(&docker, &settings, &specification, &state)).transpose()?;
    if let Some((_, id)) = &network {
        // A name may be another one's by the time that Docker looks.
        specification.network = id.clone().into();
    }
    let words = specification.line(request);
    let line = RunLine::parse(&words, &Flags::run()).map_err(|problem| Error::new(problem.to_string()))?;
    let line = line.with_ours(request.ours.clone());
    let of_do = OfDo { limits: specification.limits.of_cgroups(), request };
    let manner = Manner { names: pass.names || spares == 0, of_do: Some(of_do) };
    let mut plan = run::plan(context, Verb::Do, &docker, &settings, &line, &[], &manner)?;
    views.as_ref().map_or(Ok(()), |views| views.check(data)).map_err(|error| error.kind(Kind::Settings))?;
    let limits_hold = match plan.runtime {
        Some(_) => plan.limits_hold,
        None => daemon_limits(&docker, settings.detect_timeout.value, &mut plan.warnings),
    };
    specification.in_gvisor = plan.runtime.is_some();
    if specification.limits.disk.is_some() {
        check_disk(&docker, settings.detect_timeout.value)?;
    }
    let image = known_image(&docker, &specification, settings.detect_timeout.value, pass)?;
    let ttl = request.ours.ttl.as_ref().map(|_| settings.ttl.value);
    if pass.tells {
        let ledger = Ledger::of(context, settings.current_context.as_deref());
        ledger.prune_on_the_way(&docker);
        let longest = settled.warm_idle.value + specification.limits.timeout + GRACE + SLACK;
        let expires = ttl.and_then(Ttl::from_now);
        ledger.note(expires.unwrap_or_else(|| SystemTime::now() + longest));
        run::log(&settings, Verb::Do, &plan, specification.image.as_ref(), &line)?;
    }
    let behind = 1 + request.command.len();
    let options = plan.words.len().saturating_sub(behind);
    Ok(Prepared {
        environment,
        image,
        guard: error::or_kind(guard::file(context.environment.cache.as_deref()), Kind::Settings)?,
        data: data.to_owned(),
        state,
        network,
        checked: plan.words[..options].to_vec(),
        registration: plan.registration,
        runtime: plan.runtime,
        relied_on: plan.relied_on,
        spares,
        warm_idle: settled.warm_idle.value,
        max_concurrent: settled.max_concurrent.value as usize,
        limit,
        mode: settings.decision.mode.value,
        project,
        ttl,
        warnings: ignored.into_iter().chain(plan.warnings).collect(),
        limits_hold,
        notes: plan.notes.into_iter().chain(copies).collect(),
        views,
        settled,
        specification,
        docker,
    })
}

/// The daemon's socket. What it mounts must be this machine's.
fn local_socket(context: &Context, settings: &Settings, docker: &Docker) -> anyhow::Result<PathBuf> {
    if let Some(socket) = context.local_socket(settings.current_context.as_deref()) {
        return Ok(socket);
    }
    let endpoint = ask::endpoint(docker, settings.detect_timeout.value);
    if let Some(socket) = endpoint.strip_prefix("unix://") {
        return Ok(socket.into());
    }
    Err(Error::new(
        "`do` needs a daemon on this machine: it mounts the working folder, which another does not see",
    )
    .hint("use this machine's daemon:", "docker --context default sandbox do …")
    .hint(
        "or start a container without the folder:",
        context.command_line(["run", "--rm", "IMAGE", "COMMAND"]),
    )
    .into())
}

/// Whether a container without gVisor is held to its limits, which the rules have not looked at.
fn daemon_limits(docker: &Docker, limit: Duration, warnings: &mut Vec<String>) -> bool {
    let missing =
        ask::about_if_it_answers(docker, limit).map(|info| info.missing_limits()).unwrap_or_default();
    if !missing.is_empty() {
        warnings.push(format!("this daemon does not enforce limits of {}", missing.join(", ")));
    }
    missing.is_empty()
}

fn make_network(
    docker: &Docker,
    settings: &Settings,
    specification: &Specification,
    state: &Path,
) -> anyhow::Result<(isolated::Use, String)> {
    let labels = Labels {
        kind: labels::Kind::Do,
        mode: settings.decision.mode.value,
        project: &labels::project(&specification.seen.project),
        expires: None,
        spec: None,
    };
    isolated::make(docker, &state.join(isolated::NAME), &labels.words(), settings.detect_timeout.value)
}

/// The image, whose volumes make nothing on this machine.
fn known_image(
    docker: &Docker,
    specification: &Specification,
    limit: Duration,
    pass: Pass,
) -> anyhow::Result<Found> {
    let (name, platform) = (&specification.image, specification.platform.as_deref());
    let mut found = image::inspect(docker, name, platform, limit);
    if found == Found::Missing && pass.tells {
        // `docker run` would pull and start it in one: nobody could look at its volumes in between.
        image::pull(docker, name, platform, pass.silent)?;
        found = image::inspect(docker, name, platform, limit);
    }
    if let Some(image) = found.image() {
        image.check_volumes(name, &specification.seen.mounts).map_err(|error| error.kind(Kind::Usage))?;
    }
    Ok(found)
}

/// Whether the storage driver keeps to a size. What it says itself, it says only when the container is made.
fn check_disk(docker: &Docker, limit: Duration) -> anyhow::Result<()> {
    let about = ask::about(docker, limit)?;
    let mut status = about.driver_status.iter().flatten();
    let backing = status.find(|row| row.first().is_some_and(|name| name == "Backing Filesystem"));
    let backing = backing.and_then(|row| row.get(1)).map(String::as_str).unwrap_or_default();
    let keeps = match about.driver.as_str() {
        "btrfs" | "zfs" | "windowsfilter" => true,
        "overlay2" | "vfs" | "fuse-overlayfs" => backing == "xfs",
        _ => false,
    };
    if keeps {
        return Ok(());
    }
    let on = if backing.is_empty() { String::new() } else { format!(" on {}", ui::plain(backing)) };
    let driver = ui::plain(&about.driver);
    Err(Error::new(format!(
        "`--disk` cannot be kept to: this daemon's storage is {driver}{on}, which has no limits"
    ))
    .hint(
        "leave it out: the root is read-only, and what goes to /tmp counts as memory:",
        "docker sandbox do …",
    )
    .hint(
        "or keep Docker's data on btrfs, zfs, or xfs with project quotas; see what it is on:",
        docker.shown(["info", "--format", "{{.Driver}} {{.DriverStatus}}"]),
    )
    .kind(Kind::Limits)
    .into())
}

impl Prepared {
    /// Where the lock of the isolated network is.
    pub(super) fn network_folder(&self) -> PathBuf {
        self.state.join(isolated::NAME)
    }

    /// Whether names on its network are made to work for each container.
    pub(super) fn needs_names(&self) -> bool {
        let network = self.specification.network.to_string_lossy();
        !matches!(&*network, "none" | "host" | "bridge" | "default") && !network.starts_with("container:")
    }

    /// `create` or `run` for a container called `name`, up to its image, with what the guard is told always.
    pub(super) fn words(
        &self,
        verb: &str,
        name: &str,
        kind: labels::Kind,
        lifetime: Duration,
        hash: Option<&str>,
    ) -> Vec<OsString> {
        let specification = &self.specification;
        // A spare's is its own: the command that takes it may come without one.
        let ttl = self.ttl.filter(|_| kind != labels::Kind::Spare);
        let expires = ttl.and_then(Ttl::from_now);
        let labels = Labels {
            kind,
            mode: self.mode,
            project: &self.project,
            expires: Some(expires.unwrap_or_else(|| SystemTime::now() + lifetime + SLACK)),
            spec: hash,
        };
        let mut words = vec![OsString::from(verb)];
        words.extend(specification.options(name));
        words.extend(guard::options(&self.guard));
        words.extend(last_resort(lifetime));
        words.extend(self.checked.iter().cloned());
        words.extend(labels.words());
        words.push(specification.image.clone().into());
        words.extend(specification.guard_words());
        words
    }

    /// What it may use.
    pub(super) fn limits(&self) -> report::Limits {
        report::Limits::of(&self.settled, self.limits_hold)
    }

    /// Its image, as far as the daemon knows it.
    pub(super) fn image(&self) -> report::Image {
        let (name, platform) = (&self.specification.image, self.specification.platform.as_deref());
        let later = match &self.image {
            Found::Image(_) => None,
            Found::Missing | Found::Unknown => Some(image::inspect(&self.docker, name, platform, self.limit)),
        };
        Image::report(later.as_ref().unwrap_or(&self.image).image(), name, platform)
    }

    /// How long the command may take.
    pub(super) fn timeout(&self) -> Duration {
        self.specification.limits.timeout
    }

    /// How much of each output is kept.
    pub(super) fn max_output(&self) -> u64 {
        self.specification.limits.max_output
    }

    /// Whether the choice of the runtime relied on what is remembered.
    pub(super) fn relied_on(&self) -> bool {
        self.relied_on.is_some()
    }

    /// Docker refused the start: what the choice of the runtime relied on may be wrong.
    pub(super) fn forget(&self) {
        self.relied_on.iter().for_each(Memory::forget);
    }
}

/// A command may stop the guard, which is another process of its user, and whoever started it may be killed: then the
/// daemon itself ends the container, with the first look at its health, which comes when its time is over.
fn last_resort(lifetime: Duration) -> [OsString; 4] {
    [
        "--health-cmd=kill -9 1".into(),
        format!("--health-interval={}s", lifetime.as_secs() + 1).into(),
        "--health-timeout=10s".into(),
        "--health-retries=1".into(),
    ]
}
