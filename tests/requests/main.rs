//! `docker sandbox run` is `docker run`: over generated command lines, the real docker CLI is the
//! judge of what ours must ask the daemon for.
//!
//! Each case is run twice against a stand-in for the daemon's socket: as plain `docker run`, and
//! through our binary. Either we refuse, or the container that we ask for is in gVisor and
//! everything else is equal to what plain docker asks for: the other requests, the path, the query,
//! the headers and the body.
//!
//! `DOCKER_SANDBOX_CASES=20000` (or `PROPTEST_CASES`) makes as many cases; `./test.sh` makes 2,000.

// Only functions marked as tests may by themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod bench;
mod daemon;
mod generate;
mod judge;
mod line;
mod mounts;
mod regressions;
mod ruled;
#[allow(dead_code, reason = "what is read-only is told by Docker here")]
#[path = "../../src/gvisor/rules/spelling.rs"]
mod spelling;
mod values;
mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use bench::{Bench, Cli};
use judge::{Verdict, judge};

/// In all, over all the parts below.
const CASES: u32 = 2000;

/// Parts run side by side. The newest CLI gets three quarters of the cases, all the others the rest:
/// they take twice as long to start.
#[test]
fn what_the_newest_cli_sends_is_what_plain_docker_sends_but_in_gvisor_1_of_3() {
    on_the_newest(25);
}

#[test]
fn what_the_newest_cli_sends_is_what_plain_docker_sends_but_in_gvisor_2_of_3() {
    on_the_newest(25);
}

#[test]
fn what_the_newest_cli_sends_is_what_plain_docker_sends_but_in_gvisor_3_of_3() {
    on_the_newest(25);
}

#[test]
fn what_older_clis_send_is_what_plain_docker_sends_but_in_gvisor_1_of_2() {
    on_the_older(13);
}

#[test]
fn what_older_clis_send_is_what_plain_docker_sends_but_in_gvisor_2_of_2() {
    on_the_older(12);
}

fn on_the_newest(percent: u32) {
    check(&Cli::all()[0], share(percent));
}

/// Each in turn; the newest again if there is no other.
fn on_the_older(percent: u32) {
    let clis = Cli::all();
    let older = if clis.len() > 1 { &clis[1..] } else { &clis };
    let each = share(percent).div_ceil(u32::try_from(older.len()).unwrap());
    for cli in older {
        check(cli, each);
    }
}

pub(crate) fn share(percent: u32) -> u32 {
    let variable = |name| std::env::var(name).ok().map(|value| value.parse().expect(name));
    let cases = variable("DOCKER_SANDBOX_CASES").or_else(|| variable("PROPTEST_CASES")).unwrap_or(CASES);
    (cases * percent).div_ceil(100)
}

fn check(cli: &Cli, cases: u32) {
    let bench = Bench::new(cli);
    let verdicts: RefCell<BTreeMap<Verdict, u32>> = RefCell::default();
    // A failure becomes a line in regressions.rs, which can be read, and not a seed in a file.
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 600, ..Config::default() };
    let outcome = TestRunner::new(config).run(&generate::line(), |line| {
        let verdict = judge(&bench, &line).map_err(TestCaseError::fail)?;
        *verdicts.borrow_mut().entry(verdict).or_default() += 1;
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(problem, line)) => panic!("{cli:?}: {problem}\n\n{line:?}"),
        Err(error) => panic!("{error}"),
    }
    let verdicts = verdicts.into_inner();
    println!("{cli:?}: {cases} cases: {verdicts:?}");
    assert_eq!(verdicts.values().sum::<u32>(), cases, "a case was not judged");
    // About half, two fifths and a tenth of the cases; the limits are where chance alone does not get.
    if cases >= 100 {
        let at_least = |verdict, percent| {
            let seen = verdicts.get(&verdict).copied().unwrap_or_default();
            assert!(seen * 100 >= cases * percent, "{cli:?}: only {seen} of {cases} cases were {verdict:?}");
        };
        at_least(Verdict::Sandboxed, 20);
        at_least(Verdict::BothRefused, 15);
        at_least(Verdict::WeRefused, 1);
    }
}
