//! What detection found is remembered, and a memory never leads out of gVisor.

use std::path::PathBuf;

use crate::stage::{Cli, Engines, Form, IMAGE, OwnEngine, Scenario};

const FORMS: [Form; 2] = [Form::Docker, Form::Direct];

/// Whether a start says that it relied on its memory.
#[track_caller]
fn remembers(scenario: &Scenario, form: Form) -> bool {
    let outcome = scenario.run(form, ["--rm", "--verbose", IMAGE, "true"]).exits(0).says("runtime `runsc` (");
    outcome.err().contains(", remembered)")
}

fn memories(scenario: &Scenario) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(scenario.home().join("cache/docker-sandbox/daemons"));
    folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// daemon.json with `runsc` being `path`.
fn runsc_is(path: &str) -> String {
    format!(r#"{{"runtimes": {{"runsc": {{"path": "{path}"}}}}}}"#)
}

/// Asserts that whatever happens, nothing runs outside of gVisor. Returns whether something ran.
#[track_caller]
fn assert_never_out(scenario: &Scenario, form: Form) -> bool {
    let outcome = scenario.run(form, ["-d", IMAGE, "sleep", "600"]);
    let containers = scenario.containers();
    for container in &containers {
        if scenario.inspect(container, "{{.State.Running}}") == "true" {
            assert_eq!(scenario.host_process(container), "runsc-sandbox", "{outcome}");
        }
        scenario.docker(["rm", "--force", container]).exits(0);
    }
    outcome.status.success()
}

#[test]
fn a_second_start_must_not_ask_again() {
    for engine in Engines::ALL {
        for form in FORMS {
            let scenario = Scenario::on(engine);
            assert!(!remembers(&scenario, form));
            assert!(remembers(&scenario, form));
        }
    }
}

#[test]
fn an_unwritable_cache_must_only_cost_time() {
    let scenario = Scenario::on("trixie");
    scenario.write("cache", "a file where the folder would be");
    for form in FORMS {
        assert!(!remembers(&scenario, form));
        assert!(!remembers(&scenario, form));
    }
}

#[test]
fn a_memory_must_be_dropped_when_docker_refuses() {
    let scenario = Scenario::on("trixie");
    assert!(!remembers(&scenario, Form::Docker));
    assert_eq!(memories(&scenario).len(), 1);
    scenario.run(Form::Docker, ["--network=no-such-network", IMAGE]).exits(125);
    assert!(memories(&scenario).is_empty());
    assert!(!remembers(&scenario, Form::Docker));
}

#[test]
fn a_memory_must_be_nobody_elses_to_read_or_write() {
    use std::os::unix::fs::PermissionsExt as _;
    let scenario = Scenario::on("trixie");
    remembers(&scenario, Form::Docker);
    for memory in memories(&scenario) {
        assert_eq!(memory.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(memory.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn no_change_of_the_daemon_must_let_a_memory_lead_out() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    let real = own.configuration();
    let remember = || {
        own.configure(&real);
        own.reload();
        assert!(assert_never_out(&scenario, Form::Docker));
        assert!(remembers(&scenario, Form::Docker));
        assert_eq!(memories(&scenario).len(), 1);
    };
    for form in FORMS {
        // The daemon still has the real one: it may start or not.
        remember();
        own.configure(&runsc_is("runc"));
        assert_never_out(&scenario, form);
        // It has the impostor.
        own.reload();
        assert!(!assert_never_out(&scenario, form), "an impostor was started");
        // It still has, and the file says otherwise.
        remember();
        own.configure(&runsc_is("runc"));
        own.reload();
        own.configure(&real);
        assert!(!assert_never_out(&scenario, form), "an impostor was started");
        // It has none.
        remember();
        own.configure(r#"{"runtimes": {}}"#);
        own.reload();
        assert!(!assert_never_out(&scenario, form), "nothing was there to start it");
    }
}

#[test]
fn a_daemon_that_was_replaced_must_be_asked_again() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    for form in FORMS {
        assert!(assert_never_out(&scenario, form));
    }
    own.replace("impostor");
    for form in FORMS {
        assert!(!assert_never_out(&scenario, form));
    }
}

#[test]
fn a_memory_edited_by_hand_must_not_lead_out() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    assert!(assert_never_out(&scenario, Form::Docker));
    let file = memories(&scenario).remove(0);
    let memory: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let real = memory["runtimes"]["runsc"].clone();
    let runc = serde_json::json!({"path": "runc"});
    let edits = [
        serde_json::json!({"runc": real}),
        serde_json::json!({"runc": {"path": "/usr/bin/runsc"}}),
        serde_json::json!({"runsc": runc}),
        serde_json::json!({"io.containerd.runc.v2": {"runtimeType": "io.containerd.runsc.v1"}}),
        serde_json::json!({"": real}),
        serde_json::json!(null),
    ];
    for configuration in [own.configuration(), runsc_is("runc")] {
        own.configure(&configuration);
        own.reload();
        for (edit, form) in edits.iter().zip(FORMS.iter().cycle()) {
            let mut memory = memory.clone();
            memory["runtimes"] = edit.clone();
            std::fs::write(&file, memory.to_string()).unwrap();
            assert_never_out(&scenario, *form);
        }
        std::fs::write(&file, memory.to_string()).unwrap();
        assert_never_out(&scenario, Form::Docker);
    }
}
