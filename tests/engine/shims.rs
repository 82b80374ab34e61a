//! Runtimes that are registered by `runtimeType`, of which `docker info` says nothing: `{}`.
//!
//! Debian's runsc comes without its shim, so `containerd-shim-runsc-v1` is a stand-in here: a script of that name that
//! starts containerd's shim for runc with runsc as its `runc`. What runs is gVisor; what the shim of gVisor does
//! beyond that (its `ConfigPath`) is not run.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::stage::gate::Gate;
use crate::stage::{Cli, Form, IMAGE, OwnEngine, Scenario};

const FORMS: [Form; 2] = [Form::Docker, Form::Direct];
const OUTSIDE: &str =
    "this daemon starts containers outside of gVisor, although they request the runtime `runsc`";

/// Puts the stand-in into `folder`, below the engine's.
fn stand_in(own: &OwnEngine, folder: &str) -> PathBuf {
    let folder = own.engine.dir.join(folder);
    let runc = folder.join("as-runc");
    std::fs::create_dir_all(&runc).unwrap();
    let _ = std::os::unix::fs::symlink(own.programs().join("runsc"), runc.join("runc"));
    let shim = folder.join("containerd-shim-runsc-v1");
    let text = format!("#!/bin/sh\nPATH={}:$PATH exec containerd-shim-runc-v2 \"$@\"\n", runc.display());
    std::fs::write(&shim, text).unwrap();
    std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o755)).unwrap();
    shim
}

fn registered(name: &str, runtime: &serde_json::Value) -> String {
    serde_json::json!({"runtimes": {name: runtime}}).to_string()
}

/// Starts a container and asserts that it is in gVisor. Returns what was said.
#[track_caller]
fn starts_in_gvisor(scenario: &Scenario, form: Form, options: &[&str]) -> String {
    let words = [&["--detach", "--verbose"], options, &[IMAGE, "sleep", "600"]].concat();
    let outcome = scenario.run(form, words).exits(0);
    let container = scenario.container();
    assert_eq!(scenario.host_process(&container), "runsc-sandbox", "{outcome}");
    scenario.docker(["rm", "--force", &container]).exits(0);
    outcome.err()
}

#[track_caller]
fn starts_nothing(scenario: &Scenario, form: Form, options: &[&str], message: &str) {
    let words = [&["--detach"], options, &[IMAGE, "sleep", "600"]].concat();
    let outcome = scenario.run(form, words).exits(125).says(message).says("hint: ");
    assert_eq!(scenario.containers(), [""; 0], "{outcome}");
    assert_eq!(scenario.ask(&["ps", "--all", "--quiet"]), "", "{outcome}");
}

#[test]
fn gvisor_that_is_registered_by_its_shim_must_be_found_proven_and_remembered() {
    let own = OwnEngine::start("none");
    let shim = stand_in(&own, "shim").display().to_string();
    let runsc = own.programs().join("runsc").display().to_string();
    let by_runc =
        serde_json::json!({"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": runsc}});
    for runtime in [serde_json::json!({"runtimeType": shim}), by_runc] {
        for form in FORMS {
            let scenario = Scenario::with(own.engine.clone(), Cli::newest());
            own.configure(&registered("gv", &runtime));
            own.reload();
            let shown = scenario.ask(&["info", "--format", "{{json .Runtimes.gv}}"]);
            assert_eq!(shown, "{}", "the daemon tells more than it did");
            let first = starts_in_gvisor(&scenario, form, &[]);
            assert!(first.contains("runtime `gv`") && !first.contains(", remembered"), "{first}");
            let second = starts_in_gvisor(&scenario, form, &["--runtime=gv"]);
            assert!(second.contains(", remembered)"), "{second}");
            scenario.direct(["do", "--image", IMAGE, "true"]).exits(0);
            assert_eq!(scenario.ask(&["ps", "--all", "--quiet"]), "");
        }
    }
}

#[test]
fn a_type_that_is_not_gvisors_must_not_pass_by_its_name_or_by_a_file_that_is_not_loaded() {
    let own = OwnEngine::start("none");
    let shim = stand_in(&own, "shim").display().to_string();
    let gvisor = registered("runsc", &serde_json::json!({"runtimeType": shim}));
    let runc = registered("runsc", &serde_json::json!({"runtimeType": "io.containerd.runc.v2"}));
    for form in FORMS {
        let scenario = Scenario::with(own.engine.clone(), Cli::newest());
        own.configure(&runc);
        own.reload();
        starts_nothing(&scenario, form, &[], "the runtime `runsc`");
        // The file says gVisor, and the daemon has not read it.
        own.configure(&gvisor);
        starts_nothing(&scenario, form, &[], OUTSIDE);
        starts_nothing(&scenario, form, &["--runtime=runsc"], OUTSIDE);
        own.reload();
        starts_in_gvisor(&scenario, form, &[]);
        let said = starts_in_gvisor(&scenario, form, &[]);
        assert!(said.contains(", remembered)"), "{said}");
        // And the other way round, after it was remembered.
        own.configure(&runc);
        own.reload();
        starts_nothing(&scenario, form, &[], "the runtime `runsc`");
        own.configure(&gvisor);
        starts_nothing(&scenario, form, &[], OUTSIDE);
    }
}

#[test]
fn where_nobody_says_what_a_runtime_is_a_proof_must_tell_each_time() {
    let own = OwnEngine::start("none");
    let shim = stand_in(&own, "shim").display().to_string();
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    let socket = scenario.home().join("proxy.sock");
    let gate = Gate::before(&own.engine.dir.join("docker.sock"), &socket, "/images/create");
    gate.open();
    let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    own.configure(&registered("gv", &serde_json::json!({"runtimeType": shim})));
    own.reload();
    starts_nothing(&scenario, Form::Docker, &[], "the daemon does not report the `runtimeType` of `gv`");
    let doctor = scenario.docker(["sandbox", "doctor", "--quick"]);
    assert!(doctor.out().contains("warn  runtime `gv`: registered by `runtimeType`"), "{doctor}");
    for (number, form) in FORMS.into_iter().enumerate() {
        starts_in_gvisor(&scenario, form, &["--runtime=gv"]);
        assert_eq!(gate.questions(), number + 1);
    }
    own.configure(&registered("gv", &serde_json::json!({"runtimeType": "io.containerd.runc.v2"})));
    own.reload();
    for form in FORMS {
        starts_nothing(&scenario, form, &["--runtime=gv"], "starts containers outside of gVisor");
    }
}

#[test]
fn gvisors_shim_on_the_daemons_path_must_work_without_registration() {
    let own = OwnEngine::start("none");
    let named = ["--runtime=io.containerd.runsc.v1"];
    for form in FORMS {
        let scenario = Scenario::with(own.engine.clone(), Cli::newest());
        let outcome = scenario.run(form, named.iter().chain(&["--rm", IMAGE, "true"]));
        outcome.exits(125).says("containerd-shim-runsc-v1");
    }
    stand_in(&own, "bin");
    for form in FORMS {
        let scenario = Scenario::with(own.engine.clone(), Cli::newest());
        starts_in_gvisor(&scenario, form, &named);
        // Somebody else's under that name.
        own.configure(&registered(
            "io.containerd.runsc.v1",
            &serde_json::json!({"runtimeType": "io.containerd.runc.v2"}),
        ));
        own.reload();
        starts_nothing(&scenario, form, &named, "the runtime `io.containerd.runsc.v1` is not gVisor");
        own.configure(r#"{"runtimes": {}}"#);
        own.reload();
    }
}

#[test]
fn rules_must_see_the_flags_in_a_shims_own_file() {
    let own = OwnEngine::start("none");
    let shim = stand_in(&own, "shim").display().to_string();
    let toml = own.engine.dir.join("runsc.toml");
    let options = serde_json::json!({"TypeUrl": "io.containerd.runsc.v1.options", "ConfigPath": toml});
    own.configure(&registered("gv", &serde_json::json!({"runtimeType": shim, "options": options})));
    own.reload();
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    std::fs::write(&toml, "[runsc_config]\n  host-uds = \"open\"\n").unwrap();
    for form in FORMS {
        starts_nothing(&scenario, form, &[], "host-uds");
    }
    std::fs::write(&toml, "binary_name = \"/usr/bin/runc\"\n").unwrap();
    for form in FORMS {
        starts_nothing(&scenario, form, &["--runtime=gv"], "not gVisor");
    }
}
