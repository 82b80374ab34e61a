//! The daemon: who it is and what is special about it.

use super::Daemon;
use super::check::Check;
use crate::docker::failure;
use crate::gvisor::detect::{self, Identity};
use crate::gvisor::instructions::Platform;

pub(super) fn check(daemon: &Daemon, sink: &mut dyn FnMut(Check)) {
    let info = &daemon.info;
    sink(Check::ok(
        "daemon.reachable",
        "the Docker daemon answers",
        format!("{} at {}", info.name, daemon.endpoint),
    ));
    if info.os_type == "windows" {
        sink(super::client::broken("daemon.containers", "containers", &failure::windows_containers().into()));
    }
    sink(version(&info.server_version));
    sink(system(daemon));
    for special in specials(daemon) {
        sink(special);
    }
    sink(default_runtime(daemon));
}

fn version(version: &str) -> Check {
    let (id, what) = ("daemon.version", "its version");
    let major = version.split('.').next().and_then(|part| part.parse::<u32>().ok());
    match major {
        Some(..20) => Check::warn(id, what, format!("{version}: older than 20.10, which nobody has tried"))
            .fix("Upgrade it:", ["sudo apt-get install --only-upgrade docker.io docker-ce"]),
        Some(20..24) => Check::ok(id, what, format!("{version}; annotations need 24.0 or newer")),
        _ => Check::ok(id, what, version),
    }
}

fn system(daemon: &Daemon) -> Check {
    let info = &daemon.info;
    let place = match &daemon.platform {
        Platform::Desktop => "Docker Desktop, a virtual machine that keeps no changes".to_owned(),
        Platform::OrbStack => "OrbStack, a virtual machine".to_owned(),
        Platform::Colima => "Colima, a virtual machine".to_owned(),
        Platform::Rootless => "rootless".to_owned(),
        Platform::Remote(endpoint) => format!("another machine, {endpoint}"),
        Platform::Linux if daemon.process.is_some() => "this machine".to_owned(),
        Platform::Linux => {
            "its process cannot be seen from here: a container, a virtual machine, a tunnel, or /proc hides it from you"
                .to_owned()
        }
    };
    let seen =
        format!("{}, Linux {}, {}; {place}", info.operating_system, info.kernel_version, info.architecture);
    let (id, what) = ("daemon.system", "its system");
    match daemon.platform {
        Platform::Desktop => Check::warn(id, what, seen).fix(
            "Use a Docker engine on Linux that has gVisor:",
            ["docker context create linux --docker host=ssh://USER@HOST"],
        ),
        _ => Check::ok(id, what, seen),
    }
}

fn specials(daemon: &Daemon) -> Vec<Check> {
    let info = &daemon.info;
    let mut found = Vec::new();
    if info.has("rootless") {
        found.push(Check::ok(
            "daemon.rootless",
            "rootless",
            "runsc needs --ignore-cgroups in its runtimeArgs, and enforces no limits of cgroups then",
        ));
    }
    if info.has("userns") {
        found.push(Check::warn(
            "daemon.userns",
            "userns-remap",
            "files of mounted folders belong to other users inside; runsc and its folders must be readable for the remapped root",
        ));
    }
    if info.has("selinux") {
        found.push(
            Check::warn(
                "daemon.selinux",
                "SELinux",
                "the daemon labels containers, which gVisor does not support",
            )
            .fix(
                "Switch the label off for a container:",
                ["docker sandbox run --security-opt label=disable …"],
            ),
        );
    }
    let missing = info.missing_limits();
    // Rootless Docker's runtimes are told about one by one.
    if !missing.is_empty() && !info.is_rootless() {
        let seen = format!(
            "the daemon cannot limit {}: it accepts `--memory` and the like, and drops what it cannot enforce",
            missing.join(", ")
        );
        found.push(
            Check::warn("daemon.limits", "limits", seen)
                .fix("See which controllers its kernel has:", ["cat /proc/cgroups"]),
        );
    }
    let images =
        if info.has_containerd_images() { "containerd's image store" } else { "Docker's own image store" };
    found.push(Check::ok("daemon.images", "its images", format!("{images}, driver {}", info.driver)));
    found
}

fn default_runtime(daemon: &Daemon) -> Check {
    let name = &daemon.info.default_runtime;
    let runtime = daemon.info.runtimes.as_ref().and_then(|all| all.get(name));
    let gvisor = runtime.is_some_and(|runtime| detect::identify(name, runtime) == Identity::Gvisor);
    let seen = if gvisor {
        "gVisor: plain `docker run` is sandboxed too"
    } else {
        "plain `docker run` is not sandboxed"
    };
    Check::ok("daemon.default-runtime", "its default runtime", format!("{name}; {seen}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::info::Info;
    use crate::docker::service::Service;
    use crate::doctor::check::Outcome;

    fn seen(info: Info, endpoint: &str) -> Vec<Check> {
        let platform = Platform::of(&info, endpoint);
        let daemon =
            Daemon { info, endpoint: endpoint.into(), platform, process: None, service: Service::default() };
        let mut checks = Vec::new();
        check(&daemon, &mut |check| checks.push(check));
        checks
    }

    #[track_caller]
    fn has(checks: &[Check], id: &str, result: Outcome, text: &str) {
        let found = checks
            .iter()
            .any(|check| check.id == id && check.result == result && check.evidence.contains(text));
        assert!(found, "{id} {result:?} {text}: {checks:#?}");
    }

    fn info(system: &str, security: &[&str]) -> Info {
        Info {
            operating_system: system.into(),
            server_version: "28.5.0".into(),
            security_options: Some(security.iter().map(|&option| option.into()).collect()),
            ..Info::default()
        }
    }

    #[test]
    fn each_kind_of_daemon_is_told() {
        let local = "unix:///var/run/docker.sock";
        let system = "daemon.system";
        has(&seen(info("Docker Desktop", &[]), local), system, Outcome::Warn, "keeps no changes");
        has(&seen(info("OrbStack", &[]), local), system, Outcome::Ok, "OrbStack");
        has(&seen(info("Ubuntu", &[]), "unix:///home/u/.colima/docker.sock"), system, Outcome::Ok, "Colima");
        has(&seen(info("Debian", &[]), "ssh://h"), system, Outcome::Ok, "another machine, ssh://h");
        has(&seen(info("Debian", &["name=rootless"]), local), system, Outcome::Ok, "rootless");
    }

    #[test]
    fn what_is_special_about_a_daemon_is_told() {
        let checks = seen(info("Debian", &["name=rootless", "name=userns", "name=selinux"]), "unix:///x");
        has(&checks, "daemon.rootless", Outcome::Ok, "--ignore-cgroups");
        has(&checks, "daemon.userns", Outcome::Warn, "remapped root");
        has(&checks, "daemon.selinux", Outcome::Warn, "labels containers");
        has(&checks, "daemon.images", Outcome::Ok, "Docker's own image store");
        let store = vec![vec!["driver-type".into(), "io.containerd.snapshotter.v1".into()]];
        let checks = seen(Info { driver_status: Some(store), ..info("Debian", &[]) }, "unix:///x");
        has(&checks, "daemon.images", Outcome::Ok, "containerd's image store");
        let windows = Info { os_type: "windows".into(), ..info("Windows", &[]) };
        has(&seen(windows, "npipe://x"), "daemon.containers", Outcome::Fail, "Windows containers");
    }

    #[test]
    fn limits_that_a_daemon_cannot_enforce_are_told() {
        let lacking = Info { memory_limit: Some(false), pids_limit: Some(true), ..info("Debian", &[]) };
        has(&seen(lacking, "unix:///x"), "daemon.limits", Outcome::Warn, "cannot limit memory:");
        let able = Info { memory_limit: Some(true), ..info("Debian", &[]) };
        assert!(seen(able, "unix:///x").iter().all(|check| check.id != "daemon.limits"));
    }

    #[test]
    fn an_old_daemon_is_warned_of() {
        let old = Info { server_version: "19.03.1".into(), ..info("Debian", &[]) };
        has(&seen(old, "unix:///x"), "daemon.version", Outcome::Warn, "older than 20.10");
        let no_annotations = Info { server_version: "20.10.24+dfsg1".into(), ..info("Debian", &[]) };
        has(&seen(no_annotations, "unix:///x"), "daemon.version", Outcome::Ok, "annotations need 24.0");
    }
}
