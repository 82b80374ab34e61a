//! Signals reach the command once, and time ends it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{ENGINES, Place};
use crate::stage::{Engines, Io, Running, wait_until};

/// Says which signals it got; ends half a second after the first one with a code of its own.
const COUNTING: &str = "note() { echo got $1; seen=1; }
    trap 'note INT' INT; trap 'note TERM' TERM; trap 'note HUP' HUP; trap 'note QUIT' QUIT; trap 'note USR1' USR1
    echo ready
    left=5
    while [ $left -gt 0 ]; do sleep 0.1 & wait; [ -z \"$seen\" ] || left=$((left-1)); done
    exit 40";
/// Does not end by itself, nor by SIGTERM.
const STUBBORN: &str = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
/// How long a command has after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

fn end_by(mut running: Running, send: impl Fn(&Running)) -> (Option<i32>, String) {
    running.wait_for("ready");
    send(&running);
    let outcome = running.end();
    (outcome.status.code(), outcome.out())
}

fn signals(engine: &str) {
    let place = Place::on(engine);
    for (signal, name) in
        [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")]
    {
        let alone = place.both_ways(Io::Pipes, &["--", "sh", "-c", COUNTING], |running| {
            end_by(running, |running| running.signal(signal))
        });
        assert_eq!(alone, (Some(40), format!("ready\ngot {name}\n")), "{name}");
    }
    place.wait_until_over();
}

#[test]
fn a_signal_must_reach_the_command_once_on_an_old_engine() {
    signals("bookworm");
}

#[test]
fn a_signal_must_reach_the_command_once() {
    signals("trixie");
}

#[test]
fn a_signal_must_reach_the_command_once_on_the_newest_engines() {
    for engine in Engines::NEWEST {
        signals(engine);
    }
}

#[test]
fn a_signal_to_the_whole_group_must_reach_the_command_once() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let seen = place.both_ways(Io::Pipes, &["--", "sh", "-c", COUNTING], |running| {
            end_by(running, |running| running.signal_group(Signal::TERM))
        });
        assert_eq!(seen, (Some(40), "ready\ngot TERM\n".to_owned()));
        let sleep = ["--", "sh", "-c", "echo ready; exec sleep 600"];
        let seen = place.both_ways(Io::Pipes, &sleep, |running| {
            end_by(running, |running| running.signal_group(Signal::TERM))
        });
        assert_eq!(seen, (Some(143), "ready\n".to_owned()), "what does not listen ends, too");
        place.wait_until_over();
    }
}

#[test]
fn a_signal_to_dockers_cli_must_reach_the_command_once() {
    for engine in ENGINES {
        let place = Place::on(engine);
        for warm in [false, true] {
            let spares = place.spares();
            let words = ["sandbox", "do", "--warm=1", "--", "sh", "-c", COUNTING];
            let seen = end_by(place.scenario.start("docker", words, Io::Pipes), |running| {
                running.signal(Signal::TERM);
            });
            // Docker's CLI adds its own words only where it was not told to end.
            assert_eq!(seen, (Some(40), "ready\ngot TERM\n".to_owned()), "{warm}");
            let spare = place.wait_for_spare(|spare| !spares.contains(spare));
            assert_eq!(place.spares(), [spare], "the one before was taken");
        }
        place.wait_until_over();
    }
}

#[test]
fn a_command_must_end_when_its_time_is_over() {
    let script = "trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    for engine in ENGINES {
        let place = Place::on(engine);
        let seen = place.same(&["--timeout=5s", "--", "sh", "-c", script], b"");
        assert_eq!((seen.code, &*String::from_utf8_lossy(&seen.stdout)), (Some(124), "ready\ngot TERM\n"));
        let said = String::from_utf8_lossy(&seen.stderr);
        assert_eq!(said, "docker sandbox: warning: the command was ended after 5s (`--timeout`)\n");
        let seen = place.same(&["--timeout=5s", "--", "sleep", "600"], b"");
        assert_eq!(seen.code, Some(124));
        place.wait_until_over();
    }
}

fn ignores_its_end(engine: &str) {
    let place = Place::on(engine);
    let options = ["--timeout=5s", "--", "sh", "-c", STUBBORN];
    let code = place.both_ways(Io::Pipes, &options, |mut running| {
        running.wait_for("ready");
        let began = Instant::now();
        let code = running.end().status.code();
        let took = began.elapsed();
        // It may be ready late.
        assert!(took > GRACE && took < GRACE + Duration::from_secs(8), "{took:?}");
        code
    });
    assert_eq!(code, Some(124));
    place.wait_until_over();
}

#[test]
fn a_command_that_ignores_its_end_must_be_killed_on_an_old_engine() {
    ignores_its_end("bookworm");
}

#[test]
fn a_command_that_ignores_its_end_must_be_killed() {
    ignores_its_end("trixie");
}

#[test]
fn a_command_that_ignores_its_end_must_be_killed_on_the_newest_engines() {
    for engine in Engines::NEWEST {
        ignores_its_end(engine);
    }
}

#[test]
fn the_time_until_it_begins_must_not_be_the_commands() {
    let place = Place::on("trixie");
    // As if the image were on its way for longer than the command may take.
    let docker = place.scenario.home().join("bin/docker");
    let script = std::fs::read_to_string(&docker).unwrap();
    std::fs::write(&docker, script.replace("\nexec ", "\n[ \"$1\" != run ] || sleep 5\nexec ")).unwrap();
    let done = place.run(&["--timeout=2s", "--", "echo", "done"]).exits(0).quietly();
    assert_eq!(done.out(), "done\n");
    let late = place.run(&["--timeout=2s", "--", "sleep", "600"]).exits(124);
    assert!(place.asked().iter().any(|line| line.starts_with("kill --signal 15 ")), "{late}");
    place.wait_until_over();
}

#[test]
fn a_command_that_ignores_a_signal_must_be_killed() {
    let place = Place::on("trixie");
    let seen = place.both_ways(Io::Pipes, &["--", "sh", "-c", STUBBORN], |running| {
        let began = Instant::now();
        let seen = end_by(running, |running| running.signal(Signal::TERM));
        assert!(began.elapsed() > GRACE, "{:?}", began.elapsed());
        seen
    });
    assert_eq!(seen, (Some(137), "ready\n".to_owned()));
    place.wait_until_over();
}

#[test]
fn a_second_signal_must_be_a_second_one() {
    let place = Place::on("trixie");
    let script = "trap 'n=$((n+1)); echo got $n; [ $n -lt 2 ] || exit 42' INT; echo ready; while :; do sleep 0.05; done";
    let seen = place.both_ways(Io::Pipes, &["--", "sh", "-c", script], |mut running| {
        running.wait_for("ready");
        running.signal(Signal::INT);
        running.wait_for("got 1");
        running.signal(Signal::INT);
        let outcome = running.end();
        (outcome.status.code(), outcome.out())
    });
    assert_eq!(seen, (Some(42), "ready\ngot 1\ngot 2\n".to_owned()));
}

#[test]
fn a_signal_before_the_command_begins_must_leave_nothing() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let made = || !place.sandboxes().is_empty();
        let asked =
            |what: &str, before: usize| place.asked()[before..].iter().any(|line| line.starts_with(what));
        for moment in ["info ", "run ", "made"] {
            let before = place.asked().len();
            let mut running = place.start(&["--", "sh", "-c", "echo ready; exec sleep 600"], Io::Pipes);
            wait_until("its moment has come", || {
                assert!(!running.has_ended(), "{running}");
                if moment == "made" { made() } else { asked(moment, before) }
            });
            running.signal(Signal::TERM);
            let outcome = running.end();
            assert_eq!(outcome.status.code(), Some(143), "{moment}: {outcome}");
            place.wait_until_over();
        }
    }
}
