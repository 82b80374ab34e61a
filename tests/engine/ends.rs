//! However a start is ended, nothing stays behind.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Cli, Engine, Form, IMAGE, Io, Running, Scenario, wait_until};

/// Says which signal it got, and ends with Docker's code for it.
const OBEYING: &str = "for name in HUP:129 INT:130 TERM:143 USR1:138; do
        trap \"echo got ${name%:*}; exit ${name#*:}\" ${name%:*}
    done
    echo ready
    while :; do sleep 0.05; done";

fn start(scenario: &Scenario, form: Form, io: Io) -> Running {
    let mut running = scenario.start_run(form, ["--rm", IMAGE, "sh", "-c", OBEYING], io);
    running.wait_for("ready");
    running
}

fn wait_until_gone(scenario: &Scenario) {
    wait_until("the container is gone", || scenario.containers().is_empty());
}

/// The processes that `pid` has started, directly or not.
fn descendants(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

fn command_line(pid: i32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The process of this family whose first word ends with `name`.
#[track_caller]
fn process(of: &Running, name: &str) -> Pid {
    let family = descendants(of.pid().as_raw_nonzero().get());
    let found: Vec<i32> =
        family.iter().copied().filter(|&pid| command_line(pid)[0].ends_with(name)).collect();
    let all: Vec<_> = family.iter().map(|&pid| command_line(pid)).collect();
    assert_eq!(found.len(), 1, "one {name} among {all:?}");
    Pid::from_raw(found[0]).unwrap()
}

fn lives(pid: Pid) -> bool {
    let folder = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    // A dead one that nobody has waited for has no command line.
    folder.exists() && !std::fs::read(folder.join("cmdline")).unwrap_or_default().is_empty()
}

#[test]
fn timeout_must_end_the_container() {
    let others = [(Cli::newest(), Form::Plain), (Cli::newest(), Form::Direct)];
    for (cli, form) in Cli::all().into_iter().map(|cli| (cli, Form::Docker)).chain(others) {
        let scenario = Scenario::with(Engine::named("trixie"), cli).through(["timeout", "5"]);
        let outcome = scenario.run(form, ["--rm", IMAGE, "sh", "-c", OBEYING]).exits(124);
        assert_eq!(outcome.out(), "ready\ngot TERM\n", "{outcome}");
        wait_until_gone(&scenario);
    }
}

#[test]
fn sigterm_through_docker_must_end_with_143() {
    for scenario in Scenario::on_newer_engines().filter(|scenario| scenario.cli.has_plugin_socket()) {
        let plain = start(&scenario, Form::Plain, Io::Pipes);
        plain.signal(Signal::TERM);
        plain.end().exits(143).prints("ready\ngot TERM\n").quietly();
        let running = start(&scenario, Form::Docker, Io::Pipes);
        running.signal(Signal::TERM);
        running.end().exits(143).prints("ready\ngot TERM\n");
        wait_until_gone(&scenario);
    }
}

#[test]
fn sigterm_must_end_what_does_not_listen_as_it_does_for_docker_run() {
    let ended = |form| {
        let scenario = Scenario::on("trixie");
        let name = scenario.name();
        let running =
            scenario.start_run(form, ["--rm", "--init", "--name", name, IMAGE, "sleep", "600"], Io::Pipes);
        wait_until("the container runs", || scenario.inspect(name, "{{.State.Running}}") == "true");
        running.signal(Signal::TERM);
        let status = running.end().status;
        wait_until_gone(&scenario);
        status
    };
    let plain = ended(Form::Plain);
    assert_eq!(plain.code(), Some(143));
    assert_eq!(ended(Form::Docker), plain);
    assert_eq!(ended(Form::Direct), plain);
}

/// Docker 20.10 tells its plugins nothing, gives up at the third signal, and its end is noticed.
#[test]
fn docker_20_must_be_signalled_until_it_gives_up() {
    let scenario = Scenario::with(Engine::named("bookworm"), Cli::oldest());
    let mut running = start(&scenario, Form::Docker, Io::Pipes);
    wait_until("docker gives up", || {
        if !running.has_ended() {
            running.signal(Signal::TERM);
        }
        running.has_ended()
    });
    running.end().exits(1).prints("ready\ngot HUP\n");
    wait_until_gone(&scenario);
}

/// While stdout is a terminal, Docker's CLI takes a signal for the terminal's and does nothing.
#[test]
fn in_a_terminal_a_signal_to_docker_alone_must_not_spoil_the_next_one_to_all() {
    for scenario in Scenario::on_newer_engines() {
        let running = start(&scenario, Form::Docker, Io::Terminal);
        running.signal(Signal::TERM);
        running.press(b"\x03");
        let outcome = running.end();
        // A CLI of 28 listens to no signal for a moment after its first one, and may die by the second.
        let code = outcome.status.code().or_else(|| Some(128 + outcome.status.signal()?));
        assert_eq!(code, Some(130), "{outcome}");
        assert_eq!(outcome.out().matches("got ").count(), 1, "{outcome}");
        assert!(outcome.out().contains("got INT"), "{outcome}");
        wait_until_gone(&scenario);
    }
}

#[test]
fn a_killed_plugin_must_take_its_docker_run_along() {
    for cli in Cli::all() {
        for io in [Io::Pipes, Io::Terminal] {
            let scenario = Scenario::with(Engine::named("trixie"), cli.clone());
            let running = start(&scenario, Form::Docker, io);
            let plugin = process(&running, "/docker-sandbox");
            let family = descendants(plugin.as_raw_nonzero().get());
            assert!(family.iter().any(|&pid| command_line(pid).contains(&"run".to_owned())), "{family:?}");
            kill_process(plugin, Signal::KILL).unwrap();
            // Its output's end is waited for too: nobody holds it.
            let outcome = running.end();
            assert!(!outcome.status.success(), "{outcome}");
            for pid in family {
                wait_until("the inner processes have ended", || !lives(Pid::from_raw(pid).unwrap()));
            }
        }
    }
}

#[test]
fn a_killed_docker_must_take_the_container_along() {
    for scenario in Scenario::on_newer_engines() {
        let running = start(&scenario, Form::Docker, Io::Pipes);
        let family = descendants(running.pid().as_raw_nonzero().get());
        running.signal(Signal::KILL);
        let outcome = running.end();
        assert_eq!(outcome.out(), "ready\ngot HUP\n", "{outcome}");
        wait_until_gone(&scenario);
        for pid in family {
            wait_until("the inner processes have ended", || !lives(Pid::from_raw(pid).unwrap()));
        }
    }
}

#[test]
fn a_killed_witness_must_not_cost_a_signal() {
    let scenario = Scenario::on("trixie");
    let running = start(&scenario, Form::Docker, Io::Pipes);
    let witness = process(&running, "docker-sandbox-witness");
    kill_process(witness, Signal::KILL).unwrap();
    wait_until("the witness is gone", || !lives(witness));
    running.signal(Signal::TERM);
    running.end().exits(143).prints("ready\ngot TERM\n").quietly();
    wait_until_gone(&scenario);
}

#[test]
fn a_signal_to_the_plugin_alone_must_be_passed_on() {
    for (signal, name, code) in [
        (Signal::TERM, "TERM", 143),
        (Signal::INT, "INT", 130),
        (Signal::HUP, "HUP", 129),
        (Signal::USR1, "USR1", 138),
    ] {
        let scenario = Scenario::on("trixie");
        let running = start(&scenario, Form::Docker, Io::Pipes);
        kill_process(process(&running, "/docker-sandbox"), signal).unwrap();
        running.end().exits(code).prints(&format!("ready\ngot {name}\n")).quietly();
        wait_until_gone(&scenario);
    }
}

#[test]
fn a_reader_that_goes_away_must_mean_what_it_means_to_docker_run() {
    // `$0` is docker.
    let script = "\"$0\" \"$@\" | head -c 6";
    let ended = |words: [&str; 2]| {
        let scenario = Scenario::on("trixie").through(["sh", "-c", script]);
        let outcome = scenario.docker(words.into_iter().chain([
            "--rm",
            IMAGE,
            "sh",
            "-c",
            "while echo y; do sleep 0.1; done",
        ]));
        // Docker leaves it running.
        let state = scenario.inspect(&scenario.container(), "{{.State.Status}}");
        (outcome.status, outcome.out(), outcome.err(), state)
    };
    assert_eq!(ended(["sandbox", "run"]), ended(["run", "--runtime=runsc"]));
}
