//! A signal that comes before the container does.

use rustix::process::Signal;

use crate::stage::gate::Gate;
use crate::stage::{Cli, Engine, Form, IMAGE, Io, Outcome, Running, Scenario};

/// Sends a signal while the plugin waits for an answer with `marker` in its path, and lets the answer come.
fn interrupted_while(
    cli: &Cli,
    form: Form,
    marker: &'static str,
    send: impl Fn(&Running),
) -> (Scenario, Outcome) {
    let scenario = Scenario::with(Engine::named("trixie"), cli.clone());
    let socket = scenario.home().join("gate.sock");
    let gate = Gate::before(&scenario.engine.dir.join("docker.sock"), &socket, marker);
    let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let running = scenario.start_run(form, ["--rm", IMAGE, "sleep", "600"], Io::Pipes);
    gate.wait_for_a_question();
    send(&running);
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
    for cli in Cli::all() {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let seen = interrupted_while(&cli, Form::Docker, "/info", |running| running.signal_group(signal));
            assert_nothing_started(&seen);
        }
    }
    let seen =
        interrupted_while(&Cli::newest(), Form::Direct, "/info", |running| running.signal(Signal::TERM));
    assert_nothing_started(&seen);
}

#[test]
fn a_signal_to_docker_alone_during_detection_must_start_nothing() {
    for cli in Cli::all().into_iter().filter(Cli::has_plugin_socket) {
        for signal in [Signal::TERM, Signal::INT] {
            let seen = interrupted_while(&cli, Form::Docker, "/info", |running| running.signal(signal));
            assert_nothing_started(&seen);
        }
    }
}

#[test]
fn a_hangup_of_docker_alone_during_detection_must_start_nothing() {
    for cli in Cli::all() {
        let seen = interrupted_while(&cli, Form::Docker, "/info", |running| running.signal(Signal::HUP));
        assert_nothing_started(&seen);
    }
}

#[test]
fn a_signal_while_the_container_is_made_must_leave_none_running() {
    for cli in Cli::all().into_iter().filter(Cli::has_plugin_socket) {
        let seen = interrupted_while(&cli, Form::Docker, "/containers/create", |running| {
            running.signal(Signal::TERM)
        });
        assert_nothing_started(&seen);
    }
}
