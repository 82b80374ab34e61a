//! Reads every source of settings: the edge between [`decide`] and files and environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::decide::{self, BelowPolicy, Decision, Origin, Sourced, Sources};
use super::exceptions::Exceptions;
use super::mode::Mode;
use super::one_shot::OneShot;
use super::policy::{self, Policy};
use super::project::{self, ProjectFile};
use super::trust::Trust;
use super::ttl::{self, Ttl};
use super::user::{self, UserSettings};
use crate::context::Context;
use crate::docker::config_file::ConfigFile;
use crate::docker::run_line::Ours;
use crate::error::{Error, Kind};
use crate::ui::shown;

/// How long the daemon may take to say which runtimes it has.
pub const DETECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings in force.
#[derive(Debug)]
pub struct Settings {
    /// How strict, and who said so.
    pub decision: Decision,
    /// The machine's policy.
    pub policy: Option<Policy>,
    /// How long the daemon may take to answer.
    pub detect_timeout: Sourced<Duration>,
    /// The file that gets a line for every start; absolute.
    pub audit: Option<Sourced<PathBuf>>,
    /// Which rules do not hold, and which say nothing.
    pub exceptions: Exceptions,
    /// What one-shot commands may use.
    pub one_shot: OneShot,
    /// How long what nobody waits for may stay.
    pub ttl: Sourced<Ttl>,
    /// The context that `docker context use` chose.
    pub current_context: Option<String>,
    /// Keys of `plugins.sandbox` that mean nothing to us or to Docker.
    pub unknown_keys: Vec<String>,
}

/// Reads all sources and decides.
///
/// # Errors
/// A source cannot be read or says something invalid, or the policy forbids what was asked for.
pub fn load(context: &Context, ours: &Ours) -> anyhow::Result<Settings> {
    let settings = survey(context, ours)?;
    within_policy(context, &settings)?;
    Ok(settings)
}

/// Reads all sources and decides, whatever the policy says to it: for showing, not for starting.
///
/// # Errors
/// A source cannot be read or says something invalid.
pub fn survey(context: &Context, ours: &Ours) -> anyhow::Result<Settings> {
    let policy = policy::read()?;
    let config_json = context.config_json();
    let config = match &config_json {
        Some(path) => ConfigFile::read(path)?,
        None => ConfigFile::default(),
    };
    let config_path = config_json.as_deref().unwrap_or(Path::new(""));
    let user = UserSettings::of(&config, config_path)?;
    let one_shot = OneShot::of(&config, config_path)?;
    let unknown_keys =
        config.sandbox.keys().filter(|key| !user::KNOWN.contains(&key.as_str())).cloned().collect();
    let user_origin = |key| Origin::User(config_json.clone().unwrap_or_default(), key);

    let sources = Sources {
        flag: mode_of_flag(ours)?,
        environment: mode_of_environment(context)?,
        projects: projects(context)?,
        user: user.mode.map(|value| Sourced { value, origin: user_origin("mode") }),
    };
    let decision = decide::decide(&sources);
    let audit = match user.audit {
        Some(path) => Some(Sourced { value: audit_file(context, &path)?, origin: user_origin("audit") }),
        None => None,
    };
    let detect_timeout = detect_timeout(
        context,
        ours,
        user.detect_timeout.map(|value| (value, user_origin("detect-timeout"))),
    )?;
    let mut exceptions = Exceptions::default();
    exceptions.of_flags(&ours.allow, &ours.quiet)?;
    let of_user = |ids: Option<Vec<&'static str>>, key| {
        let origin = user_origin(key);
        ids.unwrap_or_default().into_iter().map(move |value| Sourced { value, origin: origin.clone() })
    };
    exceptions.allow.extend(of_user(user.allow, "allow"));
    exceptions.quiet.extend(of_user(user.quiet, "quiet-rule"));
    let ttl = ttl::decide(ours.ttl.as_deref(), user.ttl.map(|value| (value, user_origin("ttl"))))?;
    Ok(Settings {
        decision,
        exceptions,
        one_shot,
        ttl,
        policy,
        detect_timeout,
        audit,
        current_context: config.current_context,
        unknown_keys,
    })
}

/// Whether the machine's policy allows what was decided.
///
/// # Errors
/// It does not: who asked for what, and the ways to ask for more.
pub fn within_policy(context: &Context, settings: &Settings) -> Result<(), Error> {
    decide::allowed(&settings.decision, settings.policy.as_ref())
        .map_err(|below| below_policy(context, &below).kind(Kind::Policy))?;
    match settings.exceptions.beyond(settings.policy.as_ref()) {
        Some(allowed) => Err(beyond_policy(context, allowed).kind(Kind::Policy)),
        None => Ok(()),
    }
}

/// The project's files that say something about the sandbox, the nearest first, and whether each is
/// trusted.
///
/// # Errors
/// A file or the list of trusted files cannot be read or is invalid.
fn projects(context: &Context) -> anyhow::Result<Vec<ProjectFile>> {
    let mut found = Vec::new();
    for path in project::files(&context.environment.folder) {
        found.extend(project::read(&path)?);
    }
    if let (Some(data), false) = (&context.environment.data, found.is_empty()) {
        let trust = Trust::read(data)?;
        for file in &mut found {
            file.trusted = trust.holds(file);
        }
    }
    Ok(found)
}

fn mode_of_flag(ours: &Ours) -> anyhow::Result<Option<Sourced<Mode>>> {
    let Some((flag, value)) = &ours.mode else { return Ok(None) };
    let value = parse_mode(value).map_err(|problem| {
        Error::new(format!("{} on the command line: {problem}", shown(flag)))
            .hint("write one of the three:", "--sandbox=required")
    })?;
    Ok(Some(Sourced { value, origin: Origin::Flag(flag.clone()) }))
}

fn mode_of_environment(context: &Context) -> anyhow::Result<Option<Sourced<Mode>>> {
    let Some(value) = &context.environment.mode else { return Ok(None) };
    let origin = Origin::Environment("DOCKER_SANDBOX");
    let value = parse_mode(value).map_err(|problem| {
        Error::new(format!("{origin}: {problem}"))
            .hint("set it to one of the three:", "export DOCKER_SANDBOX=required")
            .hint("or take it away:", "unset DOCKER_SANDBOX")
    })?;
    Ok(Some(Sourced { value, origin }))
}

fn parse_mode(value: &OsStr) -> Result<Mode, String> {
    value.to_string_lossy().parse()
}

/// How long the daemon may take to answer a command that starts nothing.
///
/// # Errors
/// The environment variable or `config.json` cannot be read.
pub fn patience(context: &Context) -> anyhow::Result<Duration> {
    let config_json = context.config_json();
    let user = match &config_json {
        Some(path) => UserSettings::of(&ConfigFile::read(path)?, path)?.detect_timeout,
        None => None,
    };
    let user = user.map(|value| (value, Origin::User(config_json.unwrap_or_default(), "detect-timeout")));
    Ok(detect_timeout(context, &Ours::default(), user)?.value)
}

fn detect_timeout(
    context: &Context,
    ours: &Ours,
    user: Option<(Duration, Origin)>,
) -> anyhow::Result<Sourced<Duration>> {
    let flag = ours.detect_timeout.as_ref().map(|value| (value, Origin::Flag("--detect-timeout".into())));
    let variable = context.environment.detect_timeout.as_ref();
    let variable = variable.map(|value| (value, Origin::Environment("DOCKER_SANDBOX_DETECT_TIMEOUT")));
    let Some((value, origin)) = flag.or(variable) else {
        let (value, origin) = user.unwrap_or((DETECT_TIMEOUT, Origin::Default));
        return Ok(Sourced { value, origin });
    };
    let value = user::parse_duration(&value.to_string_lossy()).map_err(|problem| {
        let example = match origin {
            Origin::Environment(name) => format!("export {name}=30s"),
            _ => "--detect-timeout=30s".to_owned(),
        };
        Error::new(format!("{origin}: {problem}")).hint("for example:", example)
    })?;
    Ok(Sourced { value, origin })
}

/// `~/` is the home folder; anything else must be absolute, or each folder would get its own log.
fn audit_file(context: &Context, path: &Path) -> anyhow::Result<PathBuf> {
    let home = context.environment.home.as_deref();
    if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), home) {
        return Ok(home.join(rest));
    }
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let message = format!("`plugins.sandbox.audit`: {} is not an absolute path", shown(path));
    let config = context.config_json().unwrap_or_default();
    let edit = format!("${{EDITOR:-vi}} {}", crate::ui::shell_line([config]));
    Err(Error::new(message).hint("write one that starts with `/` or `~/`:", edit).into())
}

fn below_policy(context: &Context, below: &BelowPolicy) -> Error {
    let message = format!(
        "this machine's policy ({}) allows nothing weaker than `{}`; {} asks for `{}`",
        policy::PATH,
        below.weakest,
        below.asked.origin,
        below.asked.value
    );
    let flag = format!("--sandbox={}", below.weakest);
    let run = context.command_line([verb(context), OsStr::new(&flag)]);
    let error = Error::new(message).hint("run it as the policy allows:", format!("{run} …"));
    match &below.asked.origin {
        Origin::Project(path, _) => error.hint(
            "or stop trusting the file that asks for less:",
            context.command_line([OsStr::new("untrust"), path.as_os_str()]),
        ),
        Origin::User(path, _) => error
            .hint("or correct the setting:", format!("${{EDITOR:-vi}} {}", crate::ui::shell_line([path]))),
        Origin::Environment(name) => error.hint("or take the variable away:", format!("unset {name}")),
        Origin::Flag(_) | Origin::Default => error,
    }
}

fn beyond_policy(context: &Context, allowed: &Sourced<&'static str>) -> Error {
    let error = Error::new(format!(
        "this machine's policy ({}) does not let anybody allow `{}`, as {} does",
        policy::PATH,
        allowed.value,
        allowed.origin
    ));
    match &allowed.origin {
        Origin::User(path, _) => error.hint(
            "take it out of the setting:",
            format!("${{EDITOR:-vi}} {}", crate::ui::shell_line([path])),
        ),
        _ => error.hint("leave it out:", format!("{} …", context.command_line([verb(context)]))),
    }
}

/// What starts something and was called; `run` for commands that only look.
fn verb(context: &Context) -> &OsStr {
    let called = context.verb.as_deref().filter(|verb| ["create", "do"].iter().any(|start| verb == start));
    called.unwrap_or(OsStr::new("run"))
}

/// The warning for a project file that was ignored because nobody trusts it.
#[must_use]
pub fn ignored_project(context: &Context, file: &ProjectFile) -> String {
    format!(
        "ignored `sandbox: {}` in {} line {}: a project may not weaken the sandbox by itself; if you trust it: {}",
        file.mode,
        shown(&file.path),
        file.line,
        context.command_line([OsStr::new("trust"), file.path.as_os_str()])
    )
}
