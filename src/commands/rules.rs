//! The rules before a start: what is refused, what is said, what is put right.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::commands::one_shot::Request;
use crate::commands::run::Verb;
use crate::commands::{persist, read_only};
use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::daemon::DaemonProcess;
use crate::docker::info::{Runtime, Runtimes};
use crate::docker::mounts::{Mount, Mounts, Source};
use crate::docker::run_line::RunLine;
use crate::docker::service::Service;
use crate::docker::{ask, inspect};
use crate::error::{self, Error};
use crate::gvisor::arguments::{self, Argument};
use crate::gvisor::binary::{Binary, release_date};
use crate::gvisor::detect::USUAL_NAME;
use crate::gvisor::kept::{self, Kept};
use crate::gvisor::rules::host::{HostMount, Place, View};
use crate::gvisor::rules::read_only::{Kind, ReadOnly};
use crate::gvisor::rules::{self, Finding, Severity, Start};
use crate::sandbox::names;
use crate::settings::load::Settings;
use crate::settings::policy;
use crate::ui::plain;

/// The rule over names on user-defined networks.
const NAMES: &str = "net-user-dns";

const SOCKET: &str = "socket-mount";

/// The rule over limits that nothing enforces.
const LIMITS: &str = "limits-unenforced";

/// The rule over what is mounted read-only and can be changed all the same.
const UNENFORCED: &str = "read-only-unenforced";

/// The rule over folders that are mounted read-only.
const READ_ONLY: &str = "read-only";

/// More containers that share the memory of one another are not followed, and taken for the host.
const LONGEST_CHAIN: usize = 8;

/// A start that is about to be made.
pub(super) struct Asked<'a> {
    pub(super) context: &'a Context,
    pub(super) docker: &'a Docker,
    pub(super) settings: &'a Settings,
    /// `run` or `create`.
    pub(super) verb: &'static str,
    pub(super) line: &'a RunLine,
    /// Whether names on networks are made to work now; else somebody does it before the start.
    pub(super) names: bool,
    /// What is known of a start by `do`.
    pub(super) of_do: Option<&'a OfDo<'a>>,
}

/// A start by `do`, beside its line.
#[derive(Debug)]
pub(super) struct OfDo<'a> {
    /// The limits of the container, as Docker's options.
    pub(super) limits: Vec<OsString>,
    /// What it is asked for.
    pub(super) request: &'a Request,
}

/// What the rules came to.
#[derive(Debug, Default)]
pub(super) struct Ruled {
    /// The runtime to start it with.
    pub(super) runtime: String,
    /// For docker, among its options.
    pub(super) words: Vec<OsString>,
    /// Whether limits of cgroups hold.
    pub(super) limits_hold: bool,
    /// For docker, each in the stead of one of the line's options.
    pub(super) replaced: Vec<(usize, Vec<OsString>)>,
    /// A line each, before the start.
    pub(super) warnings: Vec<String>,
    /// A line each with `--verbose`.
    pub(super) notes: Vec<String>,
}

/// Holds the rules against a start with the runtime `name` out of `runtimes`.
///
/// # Errors
/// A rule forbids it and nobody allowed it; or what it names cannot be looked at.
pub(super) fn apply(asked: &Asked<'_>, runtimes: &Runtimes, name: &str) -> anyhow::Result<Ruled> {
    let persisted = persist::choose(asked, runtimes, name)?;
    let runtime = runtimes.get(&persisted.runtime);
    let arguments = runtime.map(arguments::of).unwrap_or_default();
    let looked = look(asked)?;
    let limits_of_do = asked.of_do.map(|of_do| of_do.limits.as_slice());
    let always = asked.verb == Verb::Do.name();
    let mut read_only = looked.read_only;
    let mut proven = None;
    if always {
        // Whatever the release: enforced, or not started.
        enforced(asked, &read_only.all)?;
        read_only.all.clear();
    } else if !read_only.all.is_empty() && !rules::read_only::is_kept(&arguments) {
        proven = remembered(asked, runtime, &persisted.runtime);
        if asked.line.ours.no_fix {
            let fixable = read_only.all.iter_mut().filter(|one| one.kind == Kind::Enforceable);
            fixable.for_each(|one| one.kind = Kind::Unenforceable);
        }
    }
    if proven == Some(Kept::Yes) {
        read_only.all.clear();
    }
    let start = Start {
        line: asked.line,
        runtime: &arguments,
        mounts: &looked.mounts,
        read_only: &read_only.all,
        limits_of_do,
    };
    // One that was seen to change files is not what its number says.
    let release = || {
        let release = release_of(asked, runtimes, &persisted.runtime);
        release.filter(|_| proven != Some(Kept::No))
    };
    let found = rules::check(&start, release);
    let limits_hold = !rules::runtime::ignores_cgroups(&arguments);
    let mut ruled = Ruled { runtime: persisted.runtime.clone(), limits_hold, ..Ruled::default() };
    let exceptions = &asked.settings.exceptions;
    ruled.words.extend(persisted.words);
    ruled.notes.extend(persisted.notes);
    let (denied, others): (Vec<Finding>, Vec<Finding>) = found
        .into_iter()
        .partition(|one| one.severity == Severity::Deny && exceptions.allows(one.rule.id).is_none());
    if !denied.is_empty() {
        return Err(refusal(asked, &denied, &persisted.runtime, looked.local)
            .kind(error::Kind::RuleDenied)
            .into());
    }
    let place = |one: &Finding| {
        if looked.local || !one.rule.is_about_paths() { "" } else { " (a path of the daemon's machine)" }
    };
    let names = others.iter().any(|one| one.rule.id == NAMES).then(|| names(asked, &arguments)).flatten();
    let is_put_right = names.is_some();
    if let Some(names) = names {
        let tagged = |text: String| format!("{text} [{NAMES}]");
        ruled.words.extend(names.words);
        ruled.notes.extend(names.said.into_iter().map(tagged));
        if !exceptions.silences(NAMES) {
            ruled.warnings.extend(names.warnings.into_iter().map(tagged));
        }
    }
    if always || others.iter().any(|one| one.rule.id == READ_ONLY) {
        ruled.replaced = read_only.words;
    }
    for one in others.into_iter().filter(|one| !exceptions.silences(one.rule.id)) {
        match (one.severity, exceptions.allows(one.rule.id)) {
            (Severity::Deny, Some(origin)) => {
                let allowed = format!("[{}, allowed by {origin}]", one.rule.id);
                ruled.warnings.push(format!("{}{} {allowed}", one.describe(), place(&one)));
            }
            (Severity::Note, _) => ruled.notes.push(one.line()),
            _ if one.rule.id == NAMES && is_put_right => {}
            _ if one.rule.id == READ_ONLY => {
                let what = plain(&one.hit.what);
                ruled
                    .notes
                    .push(format!("`{what}`: a volume that the host's kernel keeps read-only [{READ_ONLY}]"));
            }
            // What `--persist` is for.
            _ if one.rule.id == "restart" && asked.line.ours.persist => {}
            _ => ruled.warnings.push(one.line() + place(&one)),
        }
    }
    Ok(ruled)
}

/// What is done for names on user-defined networks. `None` if nothing is: the rule has the word.
fn names(asked: &Asked<'_>, arguments: &[Argument]) -> Option<names::Outcome> {
    let line = names::line::Line::of(asked.line);
    if !names::concerns(&line, arguments) {
        return Some(names::Outcome::default());
    }
    if asked.line.ours.no_fix {
        return None;
    }
    if !asked.names {
        return Some(names::Outcome::default());
    }
    let socket = asked.context.local_socket(asked.settings.current_context.as_deref());
    let start = names::Start {
        line: &line,
        runtime: arguments,
        socket: socket.as_deref(),
        program: asked.context.program.as_deref(),
        data: asked.context.environment.data.as_deref(),
        limit: asked.settings.detect_timeout.value,
    };
    let outcome = names::prepare(asked.docker, &start);
    (!outcome.words.is_empty() || !outcome.warnings.is_empty()).then_some(outcome)
}

/// The release of a runtime as `YYYYMMDD`, if its program is on this machine and tells. Starts a
/// process: for rules that need it only.
pub(super) fn release_of(asked: &Asked<'_>, runtimes: &Runtimes, name: &str) -> Option<u32> {
    let local = asked.context.local_socket(asked.settings.current_context.as_deref()).is_some();
    let path = runtimes.get(name)?.path.as_deref().filter(|path| local && !path.is_empty())?;
    release_date(&Binary::find(path, asked.context.environment.path.as_deref())?.version()?)
}

/// What a proof has shown of the runtime `name`.
fn remembered(asked: &Asked<'_>, runtime: Option<&Runtime>, name: &str) -> Option<Kept> {
    let environment = &asked.context.environment;
    let socket = asked.context.local_socket(asked.settings.current_context.as_deref());
    let endpoint = match socket {
        Some(socket) => format!("unix://{}", socket.display()),
        None => ask::endpoint(asked.docker, asked.settings.detect_timeout.value),
    };
    let memory = kept::Memory::of(
        environment.cache.as_deref()?,
        &endpoint,
        name,
        runtime?,
        environment.path.as_deref(),
    );
    memory.recall()
}

/// For commands of `do`: whether all is enforced that is mounted read-only.
///
/// # Errors
/// Something is not.
fn enforced(asked: &Asked<'_>, all: &[ReadOnly]) -> anyhow::Result<()> {
    let Some(one) = all.iter().find(|one| one.kind == Kind::Unenforceable) else { return Ok(()) };
    Err(Error::new(format!(
        "`{}` cannot be kept read-only: it cannot be looked at, or too much is mounted below it; nothing was started",
        plain(&one.written)
    ))
    .hint("mount only what is needed:", asked.context.command_line(["do", "--mount", "PATH", "…"]))
    .hint("see what is mounted there:", "findmnt --submounts --target .")
    .into())
}

/// What the line mounts.
struct Looked {
    mounts: Vec<HostMount>,
    read_only: read_only::Found,
    /// Whether the daemon's files are this machine's.
    local: bool,
}

/// Asks the daemon only about volumes and containers that the line names.
fn look(asked: &Asked<'_>) -> anyhow::Result<Looked> {
    let given = Mounts::of(asked.line);
    let memory = memory_of_another(asked)?;
    if given.is_empty() && memory.is_none() {
        return Ok(Looked { mounts: Vec::new(), read_only: read_only::Found::default(), local: true });
    }
    let (docker, limit) = (asked.docker, asked.settings.detect_timeout.value);
    let mut mounts = given.mounts;
    let count = mounts.len();
    mounts.extend(memory);
    for from in given.from {
        for mounted in inspect::mounts_of(docker, &from.container, limit)? {
            let source = match mounted.kind.as_str() {
                "bind" => Source::Path(mounted.source.into()),
                "volume" | "cluster" => Source::Volume { name: mounted.name.into(), options: Vec::new() },
                _ => continue,
            };
            mounts.push(Mount {
                written: from.written.clone(),
                source,
                read_only: from.read_only || !mounted.writable,
                instead: format!("{}:ro", from.written.trim_end_matches(":rw")),
            });
        }
    }
    let volumes: BTreeSet<OsString> = mounts.iter().filter_map(|mount| name_of(&mount.source)).collect();
    let volumes: Vec<OsString> = volumes.into_iter().collect();
    let known = if volumes.is_empty() { BTreeMap::new() } else { inspect::volumes(docker, &volumes, limit)? };
    let place = place(asked);
    let (own, others) = mounts.split_at(count);
    let folder = place.local.then_some(place.folder.as_path());
    let read_only = read_only::look(asked.line, own, others, &known, folder);
    Ok(Looked { mounts: place.look(&mounts, &known), read_only, local: place.local })
}

/// The host's shared memory, if `--ipc=container:X` brings it along: X has `--ipc=host`, or shares that of one
/// which has.
fn memory_of_another(asked: &Asked<'_>) -> anyhow::Result<Option<Mount>> {
    let Some(option) = asked.line.options().rfind(|option| option.name == "ipc") else { return Ok(None) };
    let mut mode = option.value.unwrap_or_default().to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Some(container) = mode.as_bytes().strip_prefix(b"container:") else { return Ok(None) };
        let container = OsStr::from_bytes(container);
        mode = inspect::ipc_mode_of(asked.docker, container, asked.settings.detect_timeout.value)?.into();
        if mode == "host" {
            break;
        }
    }
    Ok(Some(Mount {
        written: option.written(),
        source: Source::Path("/dev/shm".into()),
        read_only: false,
        instead: String::new(),
    }))
}

/// What the daemon can be asked about. A blank is no name to it, and it refuses the start itself.
fn name_of(source: &Source) -> Option<OsString> {
    match source {
        Source::Volume { name, .. } if !name.to_string_lossy().trim().is_empty() => Some(name.clone()),
        _ => None,
    }
}

/// Where paths lead. A context that was named may be this machine's as well: Docker is asked.
fn place(asked: &Asked<'_>) -> Place {
    let environment = &asked.context.environment;
    let socket = asked.context.local_socket(asked.settings.current_context.as_deref()).or_else(|| {
        let endpoint = ask::endpoint(asked.docker, asked.settings.detect_timeout.value);
        endpoint.strip_prefix("unix://").map(Into::into)
    });
    let daemon = socket.as_deref().and_then(|socket| {
        // A daemon without root is its user's.
        let owners = [0, rustix::process::geteuid().as_raw()];
        owners.into_iter().find_map(|owner| DaemonProcess::served_by(socket, owner))
    });
    let config = environment.home.as_deref().map(|home| home.join(".config/docker/daemon.json"));
    let (data, engine) = match &daemon {
        Some(daemon) => (daemon.data_roots(config.as_deref()), daemon.places(config.as_deref())),
        None => (data_of_an_unknown_daemon(asked, socket.as_deref()).into_iter().collect(), Vec::new()),
    };
    Place {
        folder: environment.folder_in_words.clone(),
        home: environment.home.clone(),
        local: socket.is_some(),
        view: View::of(daemon.as_ref()),
        socket,
        data,
        engine,
    }
}

/// Where a daemon keeps its data whose process we cannot look at: it is on another machine, in a container, or behind
/// something else that answers for it. Such a one is never remembered, and asked about its runtimes each time too.
fn data_of_an_unknown_daemon(asked: &Asked<'_>, socket: Option<&Path>) -> Option<PathBuf> {
    // Where nothing answers, Docker will say so.
    if socket.is_some_and(|socket| UnixStream::connect(socket).is_err()) {
        return None;
    }
    ask::data_root(asked.docker, asked.settings.detect_timeout.value)
}

fn refusal(asked: &Asked<'_>, denied: &[Finding], runtime: &str, local: bool) -> Error {
    let mut ids: Vec<&str> = denied.iter().map(|one| one.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut error = match denied {
        [one] => Error::new(format!("{} [{}]; nothing was started", one.describe(), one.rule.id)),
        several => {
            let lines = several.iter().map(|one| format!("{} [{}]\n", one.describe(), one.rule.id));
            Error::new("this would weaken the sandbox; nothing was started").body(lines.collect::<String>())
        }
    };
    let run = |word: Option<&str>| {
        let start = asked.context.command_line([asked.verb]);
        word.map_or_else(|| format!("{start} …"), |word| format!("{start} {word} …"))
    };
    let service = || {
        let socket = asked.context.local_socket(asked.settings.current_context.as_deref());
        Service::behind(socket, asked.docker, asked.settings.detect_timeout.value)
    };
    let mut said = BTreeSet::new();
    // Read-only does not help where a socket is in it.
    let holds_a_socket =
        |one: &Finding| denied.iter().any(|other| other.rule.id == SOCKET && other.hit.what == one.hit.what);
    let ways = denied.iter().filter(|one| one.rule.id == SOCKET || !holds_a_socket(one));
    for one in ways.filter(|one| said.insert((one.rule.way_out, &one.hit.instead))) {
        let command = match &one.hit.instead {
            Some(instead) => run(Some(&plain(instead))),
            None if one.rule.id == LIMITS && service().is_rootless() => {
                asked.context.docker_line(["context", "ls"])
            }
            None if one.rule.id == UNENFORCED && local => {
                let name = (runtime != USUAL_NAME).then(|| format!("--name={runtime}"));
                asked.context.command_line(std::iter::once("setup".to_owned()).chain(name))
            }
            None if one.rule.id == UNENFORCED => asked.context.command_line(["doctor"]),
            None if one.rule.id == LIMITS || one.rule.id.starts_with("runtime-") => service().edit(),
            None => run(None),
        };
        let way_out = if one.rule.id == UNENFORCED && !local {
            "let it be proven that this gVisor keeps read-only what is mounted so"
        } else {
            one.rule.way_out
        };
        error = error.hint(format!("{way_out}:"), command);
    }
    if !local && denied.iter().any(|one| one.rule.is_about_paths()) {
        error = error.hint(
            "the paths are those of the daemon's machine; see which that is:",
            asked.context.docker_line(["context", "ls"]),
        );
    }
    let may = asked.settings.policy.as_ref().and_then(|policy| policy.may_allow.as_ref());
    if may.is_some_and(|may| ids.iter().any(|id| !may.iter().any(|allowed| allowed == id))) {
        return error.hint(
            "this machine's policy lets nobody allow it; who administers the machine can:",
            format!("sudo ${{EDITOR:-vi}} {}", policy::PATH),
        );
    }
    let allow = format!("--allow={}", ids.join(","));
    let again = asked.of_do.map(|of_do| asked.context.command_line(of_do.request.with(&allow)));
    error.hint("or allow it, if that is what you want:", again.unwrap_or_else(|| run(Some(&allow))))
}

/// Whether a runtime registered with `arguments` keeps what is written to the root filesystem.
pub(super) fn keeps_writes(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| match argument.name.as_str() {
        "overlay2" => argument.value == "none",
        "overlay" => argument.value == "false",
        _ => false,
    })
}
