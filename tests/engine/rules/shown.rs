//! Facts, shown on every engine, and on one whose gVisor was given: what no longer holds there is told by its rule.
//!
//! `DOCKER_SANDBOX_TEST_RUNSC=PATH ./test.sh engine` makes that engine, named `given`. Each test goes on behind a fact
//! that does not hold, fails at its end, and adds a line for each of its rules to `given/rules.txt`.

use std::cell::RefCell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use docker_sandbox::gvisor::binary::release_date;
use docker_sandbox::gvisor::rules;

use crate::stage::{Engine, Engines, Scenario};

/// A rule, and why it no longer holds.
type Fact = (String, Result<(), String>);

thread_local! {
    /// What was found of the given gVisor.
    static GIVEN: RefCell<Option<Vec<Fact>>> = const { RefCell::new(None) };
}

/// Shows on every engine what `rules` are about.
#[track_caller]
pub(super) fn shown(rules: &[&str], show: impl Fn(&Scenario)) {
    for scenario in Scenario::on_each(Engines::PACKAGED) {
        show(&scenario);
    }
    if Engine::is_given() {
        on_given(rules, show);
    }
}

fn on_given(rules: &[&str], show: impl Fn(&Scenario)) {
    let scenario = Scenario::on("given");
    GIVEN.set(Some(Vec::new()));
    let whole = caught(|| show(&scenario));
    let facts = GIVEN.take().unwrap_or_default();
    let release = release(&scenario);
    let mut lines: Vec<String> = facts.iter().map(|(rule, fact)| line_of(rule, fact, release)).collect();
    // A whole scenario knows by itself with which releases what it shows holds.
    for rule in rules.iter().filter(|rule| facts.iter().all(|(id, _)| id != *rule)) {
        lines.push(line_of(rule, &whole, u32::MAX));
    }
    if let (Err(why), true) = (&whole, lines.iter().all(|line| !line.contains("HOLDS"))) {
        lines.push(format!("the scenario of {}: NO LONGER HOLDS: {}", rules.join(", "), first(why)));
    }
    let report = scenario.engine.dir.join("rules.txt");
    let mut report = std::fs::File::options().create(true).append(true).open(report).unwrap();
    for line in &lines {
        // One write each: tests run side by side.
        report.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    lines.retain(|line| line.contains("HOLDS"));
    assert!(lines.is_empty(), "with runsc of {release}:\n{}", lines.join("\n"));
}

/// What is reported of a rule.
fn line_of(rule: &str, outcome: &Result<(), String>, release: u32) -> String {
    let ended = |rule: &rules::Rule| release != u32::MAX && !rule.is_of(release);
    match (outcome, rules::find(rule).is_some_and(ended)) {
        (Ok(()), false) => format!("{rule}: holds"),
        (Ok(()), true) => format!("{rule}: HOLDS, and the table of rules says that it does not"),
        (Err(_), true) => format!("{rule}: does not hold, as the table of rules says"),
        (Err(why), false) => format!("{rule}: NO LONGER HOLDS: {}", first(why)),
    }
}

fn first(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A fact among several, which one rule is about. Elsewhere than on a given gVisor it must hold.
#[track_caller]
pub(super) fn holds(rule: &str, fact: impl FnOnce()) {
    if GIVEN.with_borrow(Option::is_none) {
        return fact();
    }
    let outcome = caught(fact);
    GIVEN.with_borrow_mut(|found| found.as_mut().unwrap().push((rule.to_owned(), outcome)));
}

fn caught(what: impl FnOnce()) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(what)).map_err(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("it panicked").to_owned()
    })
}

/// The release of the engine's gVisor, as `YYYYMMDD`; one that does not say is the newest.
pub(super) fn release(scenario: &Scenario) -> u32 {
    let path = scenario.ask(&["info", "--format", "{{(index .Runtimes \"runsc\").Path}}"]);
    let said = std::process::Command::new(path).arg("--version").output().unwrap();
    release_date(&String::from_utf8_lossy(&said.stdout)).unwrap_or(u32::MAX)
}

/// Those of `rules` that hold for the engine's gVisor, by the table.
pub(super) fn of_this_release<'a>(scenario: &Scenario, rules: &[&'a str]) -> Vec<&'a str> {
    let dated = |id: &str| rules::find(id).is_some_and(|rule| rule.since.is_some() || rule.until.is_some());
    if !rules.iter().any(|id| dated(id)) {
        return rules.to_vec();
    }
    let release = release(scenario);
    rules.iter().copied().filter(|id| rules::find(id).is_none_or(|rule| rule.is_of(release))).collect()
}

/// Whether gVisor is older than its overlay over the root filesystem.
pub(super) fn is_older(scenario: &Scenario) -> bool {
    release(scenario) < 20_230_501
}
