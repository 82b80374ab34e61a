//! The daemon's runtimes: which are gVisor, what they are given, and which only bear the name.

use super::Daemon;
use super::check::Check;
use crate::context::Context;
use crate::docker::info::Runtime;
use crate::gvisor::arguments;
use crate::gvisor::binary::Binary;
use crate::gvisor::detect::{self, Choice, Identity};
use crate::gvisor::rules;
use crate::ui::shell_line;

/// A registered runtime that is gVisor.
pub(super) struct Gvisor {
    /// Its name.
    pub(super) name: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Its program, where that is on this machine.
    pub(super) binary: Option<Binary>,
    /// What that says of itself.
    pub(super) version: Option<String>,
    /// Whether it is the one that `docker sandbox run` takes.
    pub(super) chosen: bool,
    /// As it is registered.
    pub(super) registered: Runtime,
}

pub(super) fn check(context: &Context, daemon: &Daemon, sink: &mut dyn FnMut(Check)) -> Vec<Gvisor> {
    let known = daemon.info.runtimes.clone().unwrap_or_default();
    let choice = detect::choose(&known, None);
    let mut gvisors = Vec::new();
    for (name, runtime) in &known {
        match detect::identify(name, runtime) {
            Identity::Gvisor => {
                let chosen = matches!(&choice, Choice::Use { name: chosen, .. } if chosen == name);
                let gvisor = read(context, daemon, name, runtime, chosen);
                registered(daemon, &gvisor, runtime, sink);
                arguments_of(daemon, &gvisor, sink);
                gvisors.push(gvisor);
            }
            Identity::Impostor(why) => sink(impostor(name, runtime, why)),
            Identity::Other => {}
        }
    }
    if gvisors.is_empty() {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let seen = format!("none of its runtimes is gVisor: {}", names.join(", "));
        sink(
            Check::fail("runtime.none", "a gVisor runtime", seen)
                .fix("Install and register it:", [context.command_line(["setup"])]),
        );
    }
    // What `run` would take comes first, in the proofs too.
    gvisors.sort_by_key(|gvisor| !gvisor.chosen);
    gvisors
}

fn read(context: &Context, daemon: &Daemon, name: &str, runtime: &Runtime, chosen: bool) -> Gvisor {
    // A path that another machine's daemon names is no program of this one.
    let registered = runtime.path.as_deref().filter(|path| !path.is_empty() && daemon.is_local());
    let binary = registered.and_then(|path| Binary::find(path, context.environment.path.as_deref()));
    Gvisor {
        name: name.to_owned(),
        args: runtime.runtime_args.clone().unwrap_or_default(),
        version: binary.as_ref().and_then(Binary::version),
        binary,
        chosen,
        registered: runtime.clone(),
    }
}

fn registered(daemon: &Daemon, gvisor: &Gvisor, runtime: &Runtime, sink: &mut dyn FnMut(Check)) {
    let (id, what) = ("runtime.registered", format!("runtime `{}`", gvisor.name));
    let place =
        match (runtime.path.as_deref().filter(|path| !path.is_empty()), runtime.runtime_type.as_deref()) {
            (Some(path), _) => path.to_owned(),
            (None, Some(shim)) => format!("the shim {shim}"),
            (None, None) => "no path".to_owned(),
        };
    let args = if gvisor.args.is_empty() { "no arguments".to_owned() } else { shell_line(&gvisor.args) };
    let platform = arguments::platform(&gvisor.args).unwrap_or_else(|| "its default".to_owned());
    let hidden = daemon.is_local() && runtime.path.as_deref().is_some_and(Binary::is_hidden);
    let version = match (&gvisor.version, daemon.is_local()) {
        (Some(version), _) => version.clone(),
        (None, true) if hidden => "you may not look at it".to_owned(),
        (None, true) => "it does not tell".to_owned(),
        (None, false) => "not visible from here".to_owned(),
    };
    let chosen = if gvisor.chosen { "; `docker sandbox run` takes this one" } else { "" };
    let seen = format!("{place}, version: {version}, platform: {platform}, {args}{chosen}");
    let by_path = runtime.path.as_deref().is_some_and(|path| !path.is_empty());
    sink(if by_path && daemon.is_local() && gvisor.binary.is_none() && !hidden {
        Check::fail(id, what, format!("there is no program {place}")).fix(
            "Find runsc, register it where it is, and reload:",
            ["command -v runsc", "sudo runsc install", "sudo systemctl reload docker"],
        )
    } else {
        Check::ok(id, what, seen)
    });
}

fn arguments_of(daemon: &Daemon, gvisor: &Gvisor, sink: &mut dyn FnMut(Check)) {
    let what = format!("arguments of `{}`", gvisor.name);
    let edit = "sudo ${EDITOR:-vi} /etc/docker/daemon.json && sudo systemctl reload docker";
    if let Some(complaint) = gvisor.binary.as_ref().and_then(|binary| binary.complaint(&gvisor.args)) {
        let mut line: Vec<String> =
            gvisor.binary.iter().map(|binary| binary.path().to_string_lossy().into_owned()).collect();
        line.extend(gvisor.args.iter().cloned());
        line.push("flags".to_owned());
        sink(
            Check::fail("runtime.arguments", what.clone(), format!("runsc refuses them: {complaint}"))
                .fix("See it refuse them, then correct `runtimeArgs`:", [shell_line(line), edit.to_owned()]),
        );
    }
    let contradictions = arguments::contradictions(&gvisor.args);
    if !contradictions.is_empty() {
        sink(
            Check::fail("runtime.contradiction", what.clone(), contradictions.join("; "))
                .fix("Leave one of them in `runtimeArgs`:", [edit]),
        );
    }
    let in_force = arguments::in_force(&gvisor.args);
    let weakening: Vec<String> =
        rules::of_runtime(&in_force).map(|found| format!("{}: {}", found.hit.what, found.rule.why)).collect();
    if let Some(rule) =
        rules::find("limits-unenforced").filter(|_| rules::runtime::ignores_cgroups(&in_force))
    {
        let what = format!("limits of `{}`", gvisor.name);
        let seen = format!("--ignore-cgroups: no limit of memory, CPUs or processes holds; {}", rule.way_out);
        let check = Check::warn("runtime.limits", what, seen);
        sink(if daemon.info.is_rootless() {
            check.fix("Use a daemon that runs as root where limits matter:", ["docker context ls"])
        } else {
            check.fix("Take it out of `runtimeArgs`:", [edit])
        });
    }
    if !weakening.is_empty() {
        sink(
            Check::warn("runtime.weakened", what, weakening.join("; "))
                .fix("Take it out of `runtimeArgs` if you do not need it:", [edit]),
        );
    }
}

fn impostor(name: &str, runtime: &Runtime, why: &str) -> Check {
    let path = runtime.path.as_deref().or(runtime.runtime_type.as_deref()).unwrap_or("no path");
    Check::fail("runtime.impostor", format!("runtime `{name}`"), format!("{path} is not gVisor: {why}")).fix(
        "Register gVisor under this name, and reload:",
        ["sudo runsc install", "sudo systemctl reload docker"],
    )
}
