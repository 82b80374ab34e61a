//! Exit codes are `docker run`'s.

use crate::stage::{Engines, Form, IMAGE, Scenario};

type Case = (&'static [&'static str], i32);

/// Docker's own code for what never started, and the container's for what did.
const ENDED: [Case; 3] =
    [(&[IMAGE, "true"], 0), (&[IMAGE, "sh", "-c", "exit 7"], 7), (&[IMAGE, "sh", "-c", "exit 255"], 255)];
const NEVER_STARTED: [Case; 5] = [
    (&["--memory=lots", IMAGE, "true"], 125),
    (&["--pull=never", "no-such-image:none", "true"], 125),
    (&["--network=no-such-network", IMAGE, "true"], 125),
    (&[IMAGE, "/etc/passwd"], 126),
    (&[IMAGE, "no-such-command"], 127),
];

/// Asserts that each case ends as plain `docker run` does, and as it should.
fn assert_codes(scenario: &Scenario, cases: &[Case]) {
    for (words, code) in cases {
        let plain = scenario.run(Form::Plain, *words);
        assert_eq!(plain.status.code(), Some(*code), "{plain}");
        scenario.run(Form::Docker, *words).exits(*code).prints(&plain.out());
        scenario.run(Form::Direct, *words).exits(*code).prints(&plain.out());
    }
}

#[test]
fn the_containers_own_exit_code_must_come_through() {
    assert_codes(&Scenario::on("bookworm"), &ENDED);
}

#[test]
fn the_containers_own_exit_code_must_come_through_every_cli() {
    for scenario in Scenario::every_cli("trixie") {
        scenario.run(Form::Docker, ["--rm", IMAGE, "sh", "-c", "exit 7"]).exits(7).prints("").quietly();
    }
}

#[test]
fn what_never_started_must_end_with_dockers_code() {
    assert_codes(&Scenario::on("bookworm"), &NEVER_STARTED);
}

#[test]
fn what_never_started_must_end_with_dockers_code_on_a_newer_engine() {
    assert_codes(&Scenario::on("trixie"), &NEVER_STARTED);
}

#[test]
fn every_exit_code_must_come_through_on_the_newest_engines_and_a_given_gvisor() {
    for engine in Engines::NEWEST.into_iter().chain(Engines::GIVEN) {
        assert_codes(&Scenario::on(engine), &ENDED);
        assert_codes(&Scenario::on(engine), &NEVER_STARTED);
    }
}

#[test]
fn a_container_killed_by_a_signal_must_end_with_its_code() {
    for scenario in Scenario::on_each(Engines::ALL) {
        let words = ["--rm", IMAGE, "sh", "-c", "kill -9 $$; sleep 1"];
        let plain = scenario.run(Form::Plain, words);
        for form in [Form::Docker, Form::Direct] {
            let outcome = scenario.run(form, words);
            assert_eq!(outcome.status, plain.status, "{outcome}\n{plain}");
        }
    }
}

#[test]
fn dockers_own_complaint_must_come_through_unchanged() {
    for scenario in Scenario::every_cli("trixie").chain(Scenario::on_each(Engines::NEWEST)) {
        let words = ["--memory=lots", IMAGE];
        let plain = scenario.run(Form::Plain, words);
        for form in [Form::Docker, Form::Direct] {
            let outcome = scenario.run(form, words);
            assert_eq!((outcome.status, outcome.err()), (plain.status, plain.err()));
        }
    }
}
