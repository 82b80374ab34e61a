//! A terminal outside is a terminal inside.

use rustix::termios::LocalModes;

use crate::stage::{Form, IMAGE, Io, Running, Scenario, wait_until};

const FORMS: [Form; 2] = [Form::Docker, Form::Direct];

#[test]
fn it_must_give_a_terminal_inside() {
    for scenario in Scenario::abreast() {
        for form in FORMS {
            let words = [
                "--rm",
                "-it",
                IMAGE,
                "sh",
                "-c",
                "test -t 0 -a -t 1 -a -t 2 && echo ready && read line && echo got $line",
            ];
            let mut running = scenario.start_run(form, words, Io::Terminal);
            running.wait_for("ready");
            running.press(b"hello\r");
            let outcome = running.end().exits(0);
            assert!(outcome.out().contains("got hello\r\n"), "{outcome}");
        }
    }
}

/// Asks for the size inside until it is `size`: it travels on its own.
fn wait_for_size(running: &Running, size: &str) {
    wait_until(&format!("the size inside is {size}"), || {
        running.press(b"\r");
        running.printed().contains(size)
    });
}

#[test]
fn a_resize_must_reach_the_container() {
    let script = "echo ready; while read line; do stty size; done";
    for scenario in Scenario::abreast() {
        for form in FORMS {
            let mut running =
                scenario.start_run(form, ["--rm", "-it", IMAGE, "sh", "-c", script], Io::Terminal);
            running.wait_for("ready");
            wait_for_size(&running, "24 80");
            running.terminal.as_ref().unwrap().resize(33, 99);
            wait_for_size(&running, "33 99");
            running.press(b"\x04");
            running.end().exits(0);
        }
    }
}

#[test]
fn the_detach_keys_must_leave_the_container_running() {
    for scenario in Scenario::abreast() {
        for form in FORMS {
            let words = ["-it", IMAGE, "sh", "-c", "echo ready; sleep 600"];
            let mut running = scenario.start_run(form, words, Io::Terminal);
            running.wait_for("ready");
            running.press(b"\x10\x11");
            let outcome = running.end();
            assert!(outcome.status.success(), "{outcome}");
            let container = scenario.container();
            assert_eq!(scenario.inspect(&container, "{{.State.Running}}"), "true");
            scenario.docker(["rm", "--force", &container]).exits(0);
        }
    }
}

#[test]
fn other_detach_keys_must_detach_too() {
    let scenario = Scenario::on("trixie");
    let words = ["--detach-keys=a,b", "-it", IMAGE, "sh", "-c", "echo ready; sleep 600"];
    let mut running = scenario.start_run(Form::Docker, words, Io::Terminal);
    running.wait_for("ready");
    running.press(b"ab");
    running.end();
    assert_eq!(scenario.inspect(&scenario.container(), "{{.State.Running}}"), "true");
}

#[test]
fn ctrl_c_in_a_terminal_must_reach_the_container_as_a_key() {
    for scenario in Scenario::abreast() {
        for form in FORMS {
            let script = "trap 'echo interrupted; exit 42' INT; echo ready; while :; do sleep 0.1; done";
            let mut running =
                scenario.start_run(form, ["--rm", "-it", IMAGE, "sh", "-c", script], Io::Terminal);
            running.wait_for("ready");
            running.press(b"\x03");
            let outcome = running.end().exits(42);
            assert_eq!(outcome.out().matches("interrupted").count(), 1, "{outcome}");
        }
    }
}

#[test]
fn the_terminal_must_be_left_as_it_was() {
    let scenario = Scenario::on("trixie");
    for form in FORMS {
        let mut running =
            scenario.start_run(form, ["--rm", "-it", IMAGE, "sh", "-c", "echo ready; read x"], Io::Terminal);
        // Docker makes it raw after the start.
        running.wait_for("ready");
        let raw = running.terminal.as_ref().unwrap().modes();
        assert!(!raw.local_modes.contains(LocalModes::ECHO));
        running.press(b"\r");
        let (outcome, terminal) = running.end_in_terminal();
        outcome.exits(0);
        let after = terminal.modes();
        assert!(after.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    }
}

#[test]
fn without_a_terminal_t_must_be_refused_as_docker_refuses_it() {
    let scenario = Scenario::on("trixie");
    let plain = scenario.run(Form::Plain, ["--rm", "-it", IMAGE, "true"]);
    assert!(!plain.status.success(), "{plain}");
    for form in FORMS {
        let outcome = scenario.run(form, ["--rm", "-it", IMAGE, "true"]);
        assert_eq!((outcome.status, outcome.err()), (plain.status, plain.err()));
    }
}
