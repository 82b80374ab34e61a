//! What we say after Docker's own commands, where the user asked for it.

use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use crate::environment::TestEnvironment;
use crate::transcript::Transcript;

fn after(test: &TestEnvironment, request: &Value) -> Transcript {
    test.docker_words(["sandbox", "docker-cli-plugin-hooks", &request.to_string()])
}

/// What Docker prints: the answer's template as Go's `text/template` renders it.
fn said(command: &str, error: &str) -> String {
    let seen =
        after(&TestEnvironment::new(), &json!({"RootCmd": command, "Flags": {}, "CommandError": error}));
    let text = seen.text();
    let Some(answer) = text.strip_prefix("exit 0\n--- stdout\n") else {
        assert_eq!(text, "exit 0\n");
        return String::new();
    };
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["Type"], 0);
    let template = answer["Template"].as_str().unwrap().to_owned();
    let braces = "{{\"{{\"}}";
    assert!(template.lines().count() <= 10 && !template.replace(braces, "").contains("{{"), "{template}");
    template.replace(braces, "{{")
}

#[test]
fn after_a_plain_run_the_way_into_the_sandbox_is_shown() {
    let test = TestEnvironment::new();
    after(&test, &json!({"RootCmd": "run", "Flags": {"rm": ""}})).is(str![[r#"
exit 0
--- stdout
{"Type":0,"Template":"Run the same inside gVisor, a kernel of its own → docker sandbox run …"}

"#]]);
    assert_data_eq!(
        said("create", ""),
        str!["Run the same inside gVisor, a kernel of its own → docker sandbox create …"]
    );
    assert_data_eq!(
        said("container run", ""),
        str!["Run the same inside gVisor, a kernel of its own → docker sandbox run …"]
    );
    assert_data_eq!(
        said("container create", ""),
        str!["Run the same inside gVisor, a kernel of its own → docker sandbox create …"]
    );
}

#[test]
fn after_any_other_command_there_is_nothing_to_say() {
    for command in ["ps", "build", "compose run", "container", "container ls", "sandbox run", "", "runx"] {
        assert_eq!(said(command, ""), "", "{command}");
    }
}

#[test]
fn an_error_that_has_nothing_to_do_with_gvisor_is_left_alone() {
    for error in
        ["exit status 1", "pull access denied for x", "Cannot connect to the Docker daemon at unix:///x."]
    {
        assert_eq!(said("run", error), "", "{error}");
    }
}

#[test]
fn a_runtime_that_is_not_registered_is_explained() {
    let modern = said(
        "run",
        "docker: Error response from daemon: unknown or invalid runtime name: runsc\n\nRun 'docker run --help' for more information",
    );
    assert_data_eq!(
        modern.clone(),
        str![[r#"
Why: the runtime is not registered with the Docker daemon, or the daemon was not reloaded since
Register it and reload the daemon:
    sudo runsc install
    sudo systemctl reload docker
    docker info --format '{{json .Runtimes}}'
"#]]
    );
    assert_eq!(
        said(
            "create",
            "docker: Error response from daemon: Unknown runtime specified runsc.\nSee 'docker run --help'."
        ),
        modern
    );
}

#[test]
fn a_runsc_too_old_for_its_kernel_is_explained() {
    assert_data_eq!(
        said(
            "run",
            "docker: Error response from daemon: failed to create task: OCI runtime create failed: creating container: cannot create sandbox: cannot run with network enabled in root network namespace: unknown"
        ),
        str![[r#"
Why: this runsc is older than release-20240807.0 and the kernel newer (google/gvisor#10704), or `--network=host` on Docker 24 or older
Upgrade runsc, or register it with the container's own network stack and reload:
    sudo runsc install -- --network=host
    sudo systemctl reload docker
"#]]
    );
}

#[test]
fn a_sentry_that_died_is_explained() {
    assert_data_eq!(
        said(
            "run",
            "docker: Error response from daemon: OCI runtime create failed: creating container: cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF: unknown."
        ),
        str![[r#"
Why: gVisor's kernel died at its start: KVM inside a virtual machine, ptrace_scope 3, a `--pids-limit` below the 40 or so that it needs itself, /tmp being a link, or an old CPU
Use the systrap platform, allow tracing, and reload (the boot log says more: --debug --debug-log=/tmp/runsc/ in runtimeArgs):
    sudo runsc install -- --platform=systrap
    sudo sysctl kernel.yama.ptrace_scope=1
    sudo systemctl reload docker
"#]]
    );
}

#[test]
fn a_missing_binary_is_explained() {
    assert_data_eq!(
        said(
            "run",
            "docker: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime error (open /run/containerd/io.containerd.runtime.v2.task/moby/x/log.json: no such file or directory): fork/exec /usr/local/bin/runsc: no such file or directory: unknown"
        ),
        str![[r#"
Why: the registered runsc does not exist on the daemon's host
Register it where it is, and reload:
    sudo runsc install
    sudo systemctl reload docker
    docker info --format '{{json .Runtimes}}'
"#]]
    );
}

#[test]
fn a_flag_that_runsc_does_not_know_is_explained() {
    assert_data_eq!(
        said(
            "run",
            "docker: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime error (open /run/x/log.json: no such file or directory): /usr/bin/runsc did not terminate successfully: exit status 2: unknown"
        ),
        str![[r#"
Why: runsc does not know one of its runtimeArgs, or `--pids-limit` is below the 40 or so that it needs itself
See what runsc says to them, with the path and arguments from:
    docker info --format '{{json .Runtimes}}'
"#]]
    );
}

#[test]
fn rootless_docker_is_explained() {
    assert_data_eq!(
        said(
            "run",
            "docker: Error response from daemon: OCI runtime create failed: creating container: cannot set up cgroup for root: configuring cgroup: mkdir /sys/fs/cgroup/x: permission denied: unknown"
        ),
        str![[r#"
Why: rootless Docker may not set up the sandbox's cgroup
Add `--ignore-cgroups` to the runtime's runtimeArgs, then:
    ${EDITOR:-vi} ~/.config/docker/daemon.json
    systemctl --user restart docker
"#]]
    );
}

#[test]
fn our_own_run_is_not_told_how_to_use_us() {
    let mut test = TestEnvironment::new();
    test.set("DOCKER_SANDBOX_INNER", "1");
    after(&test, &json!({"RootCmd": "run", "Flags": {}})).is(str![[r#"
exit 0

"#]]);
    after(&test, &json!({"RootCmd": "run", "CommandError": "unknown or invalid runtime name: runsc"})).is(
        str![[r#"
exit 0

"#]],
    );
}

#[test]
fn a_request_that_makes_no_sense_is_an_error_and_no_panic() {
    let test = TestEnvironment::new();
    let ask = |request: &str| test.docker_words(["sandbox", "docker-cli-plugin-hooks", request]);
    ask("").is(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read Docker's hook request: EOF while parsing a value at line 1 column 0

"#]]);
    ask("nonsense").is(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read Docker's hook request: expected ident at line 1 column 2

"#]]);
    ask("{}").is(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read Docker's hook request: missing field `RootCmd` at line 1 column 2

"#]]);
    ask(r#"{"RootCmd": 7}"#).is(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read Docker's hook request: invalid type: integer `7`, expected a string at line 1 column 13

"#]]);
    ask("\x1b[2J").is(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read Docker's hook request: expected value at line 1 column 1

"#]]);
    test.docker("sandbox docker-cli-plugin-hooks").is(str![[r#"
exit 2
--- stderr
docker sandbox: unrecognized subcommand 'docker-cli-plugin-hooks'
hint: see how it is used:
    docker sandbox --help

"#]]);
}

#[test]
fn what_docker_adds_to_its_request_some_day_is_ignored() {
    let test = TestEnvironment::new();
    after(&test, &json!({"RootCmd": "ps", "Flags": null, "CommandError": "", "New": [1]})).is(str![[r#"
exit 0

"#]]);
}
