//! A signal that comes before the container does.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;

use crate::stage::gate::Gate;
use crate::stage::{Form, IMAGE, Io, Outcome, Running, Scenario, wait_until};

/// Sends a signal while the plugin waits for an answer with `marker` in its path, and lets the answer come.
fn interrupted_while(
    on: &Scenario,
    form: Form,
    marker: &'static str,
    send: impl Fn(&Running),
    meanwhile: impl Fn(&Gate),
) -> (Scenario, Outcome) {
    let scenario = on.again();
    let socket = scenario.home().join("gate.sock");
    let gate = Gate::before(&scenario.engine.dir.join("docker.sock"), &socket, marker);
    let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let running = scenario.start_run(form, ["--rm", IMAGE, "sleep", "600"], Io::Pipes);
    gate.wait_for_a_question();
    send(&running);
    meanwhile(&gate);
    gate.open();
    let outcome = running.end();
    (scenario, outcome)
}

#[track_caller]
fn assert_nothing_started((scenario, outcome): &(Scenario, Outcome)) {
    assert!(!outcome.status.success(), "{outcome}");
    assert_eq!(scenario.containers(), [""; 0], "{outcome}");
}

#[test]
fn a_signal_to_all_during_detection_must_start_nothing() {
    for on in Scenario::on_newer_engines() {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let seen =
                interrupted_while(&on, Form::Docker, "/info", |running| running.signal_group(signal), |_| {});
            assert_nothing_started(&seen);
        }
    }
    let seen = interrupted_while(
        &Scenario::on("trixie"),
        Form::Direct,
        "/info",
        |running| running.signal(Signal::TERM),
        |_| {},
    );
    assert_nothing_started(&seen);
}

#[test]
fn a_signal_to_docker_alone_during_detection_must_start_nothing() {
    for on in Scenario::on_newer_engines().filter(|on| on.cli.has_plugin_socket()) {
        for signal in [Signal::TERM, Signal::INT] {
            let seen =
                interrupted_while(&on, Form::Docker, "/info", |running| running.signal(signal), |_| {});
            assert_nothing_started(&seen);
        }
    }
}

#[test]
fn a_hangup_of_docker_alone_during_detection_must_start_nothing() {
    for on in Scenario::on_newer_engines() {
        let seen =
            interrupted_while(&on, Form::Docker, "/info", |running| running.signal(Signal::HUP), |_| {});
        assert_nothing_started(&seen);
    }
}

/// Docker itself may leave one that was made and never started.
#[test]
fn a_signal_while_the_container_is_made_must_leave_none_that_runs() {
    for on in Scenario::on_newer_engines().filter(|on| on.cli.has_plugin_socket()) {
        for form in [Form::Plain, Form::Docker, Form::Direct] {
            let (scenario, outcome) = interrupted_while(
                &on,
                form,
                "/containers/create",
                |running| running.signal(Signal::TERM),
                |gate| {
                    // Or the container is there before the signal, and is asked to end by it.
                    gate.wait_for_a_hang_up();
                },
            );
            let code = outcome.status.code().or_else(|| Some(128 + outcome.status.signal()?));
            assert_eq!(code, Some(143), "{outcome}");
            for container in scenario.containers() {
                assert_eq!(scenario.inspect(&container, "{{.State.Status}}"), "created", "{outcome}");
            }
        }
    }
}

/// Stands where the plugin does, and becomes it once it may.
const LATE: &str = r#"#!/bin/sh
    here=${0%/*}
    if [ "$1" != docker-cli-plugin-metadata ]; then
        printf %s "$DOCKER_CLI_PLUGIN_SOCKET" >"$here/socket.new"
        mv "$here/socket.new" "$here/socket"
        while ! [ -e "$here/go" ]; do sleep 0.02; done
    fi
    exec "$here/../../bin/docker-sandbox" "$@""#;

#[test]
fn a_signal_to_docker_before_the_plugin_has_looked_must_start_nothing() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};

    for scenario in Scenario::on_newer_engines().filter(|on| on.cli.has_plugin_socket()) {
        let folder = scenario.home().join(".docker/cli-plugins");
        std::fs::remove_file(folder.join("docker-sandbox")).unwrap();
        let late = scenario.write(".docker/cli-plugins/docker-sandbox", LATE);
        std::fs::set_permissions(late, std::fs::Permissions::from_mode(0o755)).unwrap();

        let running = scenario.start_run(Form::Docker, ["--rm", IMAGE, "sleep", "600"], Io::Pipes);
        wait_until("the plugin is started", || folder.join("socket").exists());
        let name = std::fs::read_to_string(folder.join("socket")).unwrap();
        let socket = SocketAddr::from_abstract_name(name.strip_prefix('@').unwrap()).unwrap();
        running.signal(Signal::TERM);
        wait_until("docker has closed its socket", || UnixStream::connect_addr(&socket).is_err());
        std::fs::write(folder.join("go"), "").unwrap();
        let outcome = running.end().exits(143).prints("");
        assert_nothing_started(&(scenario, outcome));
    }
}
