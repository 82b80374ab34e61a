//! So many at a time, and the others in order of arrival.

use rustix::process::Signal;

use super::Place;
use crate::stage::{Io, Running, wait_until};

/// Starts one that lasts until its input ends.
fn hold(place: &Place, name: &str) -> Running {
    let mut running = place.start(&["--", "sh", "-c", "echo ready; cat", name], Io::Pipes);
    running.wait_for("ready");
    running
}

#[test]
fn at_the_limit_nothing_must_be_started_and_all_be_named() {
    for engine in super::ENGINES {
        let place = Place::with(engine, &[("max-concurrent", "2")]);
        let (first, second) = (hold(&place, "first"), hold(&place, "second"));
        let before = place.sandboxes().len();
        let outcome = place.run(&["--", "true"]).exits(125).prints("");
        for said in ["max-concurrent", "cat' first", "cat' second", "--wait"] {
            assert!(outcome.err().contains(said), "{said}: {outcome}");
        }
        for running in [&first, &second] {
            assert!(
                outcome.err().contains(&format!("process {}", running.pid().as_raw_nonzero())),
                "{outcome}"
            );
        }
        let outcome = place.run(&["--wait=1s", "--", "true"]).exits(125).prints("");
        assert!(outcome.err().contains("max-concurrent"), "{outcome}");
        assert_eq!(place.sandboxes().len(), before);
        first.end().exits(0);
        place.run(&["--", "true"]).exits(0);
        second.end().exits(0);
        place.wait_until_over();
    }
}

#[test]
fn who_waits_must_be_served_in_order_of_arrival() {
    let place = Place::with("trixie", &[("max-concurrent", "1")]);
    let first = hold(&place, "first");
    let mut waiting = Vec::new();
    for number in 1..=4_usize {
        let script = format!("echo {number} >>order");
        waiting.push(place.start(&["--wait", "--write", "--", "sh", "-c", &script], Io::Pipes));
        wait_until("it waits", || place.claims().len() == 1 + number);
    }
    // One that gives up costs nobody a turn.
    let gone = waiting.remove(1);
    gone.signal(Signal::TERM);
    assert_eq!(gone.end().status.code(), Some(143));
    first.end().exits(0);
    for running in waiting {
        running.end().exits(0).prints("").says("waiting for one of 1 commands to end");
    }
    assert_eq!(std::fs::read_to_string(place.work().join("order")).unwrap(), "1\n3\n4\n");
    place.wait_until_over();
}

#[test]
fn a_killed_command_must_make_room() {
    let place = Place::with("trixie", &[("max-concurrent", "1")]);
    let first = hold(&place, "first");
    let second = place.start(&["--wait=1m", "--", "echo", "served"], Io::Pipes);
    wait_until("it waits", || place.claims().len() == 2);
    first.signal(Signal::KILL);
    second.end().exits(0).prints("served\n");
    place.wait_until_over();
}
