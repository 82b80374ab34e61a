//! A terminal outside is a terminal inside, from a spare too.

use rustix::process::Signal;
use rustix::termios::{LocalModes, Termios};

use super::{ENGINES, Place};
use crate::stage::{Io, Running, wait_until};

fn modes(running: &Running) -> Termios {
    running.terminal.as_ref().unwrap().modes()
}

/// Its modes, as far as `do` and Docker change them.
fn plain(modes: &Termios) -> (LocalModes, rustix::termios::InputModes, rustix::termios::OutputModes) {
    (modes.local_modes, modes.input_modes, modes.output_modes)
}

#[test]
fn a_terminal_must_be_a_terminal_inside_and_be_left_as_it_was() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = "test -t 0 -a -t 1 -a -t 2 && echo ready && read -r line && echo \"<$line>\"; exit 7";
        let seen = place.both_ways(Io::Terminal, &["--", "sh", "-c", script], |mut running| {
            let before = modes(&running);
            running.wait_for("ready");
            assert!(!modes(&running).local_modes.contains(LocalModes::ECHO), "keys are for the command");
            running.press(b"hello\r");
            let (outcome, terminal) = running.end_in_terminal();
            assert_eq!(plain(&terminal.modes()), plain(&before), "{outcome}");
            (outcome.status.code(), outcome.out())
        });
        assert_eq!(seen, (Some(7), "ready\r\nhello\r\n<hello>\r\n".to_owned()));
        place.wait_until_over();
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
fn a_resize_must_reach_the_command() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = "echo ready; while read -r line; do stty size; done; exit 8";
        let code = place.both_ways(Io::Terminal, &["--", "sh", "-c", script], |mut running| {
            running.wait_for("ready");
            wait_for_size(&running, "24 80");
            running.terminal.as_ref().unwrap().resize(33, 99);
            wait_for_size(&running, "33 99");
            running.press(b"\x04");
            running.end().status.code()
        });
        assert_eq!(code, Some(8));
    }
}

#[test]
fn ctrl_c_must_reach_the_command_as_a_key() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = "trap 'echo interrupted; exit 42' INT; echo ready; while :; do sleep 0.1; done";
        let seen = place.both_ways(Io::Terminal, &["--", "sh", "-c", script], |mut running| {
            let before = modes(&running);
            running.wait_for("ready");
            running.press(b"\x03");
            let (outcome, terminal) = running.end_in_terminal();
            assert_eq!(plain(&terminal.modes()), plain(&before), "{outcome}");
            (outcome.status.code(), outcome.out().matches("interrupted").count())
        });
        assert_eq!(seen, (Some(42), 1));
        place.wait_until_over();
    }
}

#[test]
fn a_signal_must_end_a_command_in_a_terminal_and_leave_that_as_it_was() {
    let place = Place::on("trixie");
    let script = "trap 'echo told; exit 43' TERM; echo ready; while :; do sleep 0.1; done";
    let seen = place.both_ways(Io::Terminal, &["--", "sh", "-c", script], |mut running| {
        let before = modes(&running);
        running.wait_for("ready");
        running.signal(Signal::TERM);
        let (outcome, terminal) = running.end_in_terminal();
        assert_eq!(plain(&terminal.modes()), plain(&before), "{outcome}");
        (outcome.status.code(), outcome.out().matches("told").count())
    });
    assert_eq!(seen, (Some(43), 1));
    place.wait_until_over();
}

#[test]
fn keys_must_reach_a_command_whose_output_is_a_pipe() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = "test -t 0 || test -t 1 || echo ready; cat; exit 5";
        let seen = place.both_ways(Io::Pipeline, &["--", "sh", "-c", script], |mut running| {
            running.wait_for("ready");
            running.press(b"one\ntwo\n");
            running.wait_for("two");
            running.press(b"\x04");
            let outcome = running.end();
            (outcome.status.code(), outcome.out())
        });
        assert_eq!(seen, (Some(5), "ready\none\ntwo\n".to_owned()));
    }
}

#[test]
fn ctrl_c_must_reach_a_command_whose_output_is_a_pipe_once() {
    let place = Place::on("trixie");
    let script = "trap 'echo interrupted; n=$((n+1))' INT; echo ready; while [ -z \"$n\" ]; do sleep 0.1; done; sleep 0.3; exit 44";
    let seen = place.both_ways(Io::Pipeline, &["--", "sh", "-c", script], |mut running| {
        running.wait_for("ready");
        running.press(b"\x03");
        let outcome = running.end();
        (outcome.status.code(), outcome.out())
    });
    assert_eq!(seen, (Some(44), "ready\ninterrupted\n".to_owned()));
}
