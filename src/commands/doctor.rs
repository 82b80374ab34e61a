//! `docker sandbox doctor`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::ArgMatches;
use serde::Serialize;

use crate::context::Context;
use crate::doctor::check::{Check, Outcome};
use crate::doctor::{self, PROOF_LIMIT, Verdict, Wanted};
use crate::error;
use crate::plugin::stop;
use crate::ui::{self, plain};

/// The whole answer as JSON.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether a sandbox starts and is proven; with `--quick`, whether nothing failed.
    healthy: bool,
    checks: &'a [Check],
}

/// The answer is the exit code.
pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<u8> {
    let stop = stop::watch(context)?;
    let wanted = Wanted {
        context,
        quick: matches.get_flag("quick"),
        proof_limit: matches.get_one::<Duration>("timeout").copied().unwrap_or(PROOF_LIMIT),
        stop: stop.clone(),
    };
    let json = matches.get_one::<String>("format").is_some_and(|format| format == "json");
    let mut checks: Vec<Check> = Vec::new();
    let mut written = Ok(());
    let mut sink = |check: Check| {
        if !json && written.is_ok() {
            written = ui::out(&line(&check));
        }
        checks.push(check);
    };
    let verdict = match matches.get_one::<String>("container") {
        Some(container) => doctor::examine_container(&wanted, container, &mut sink),
        None => doctor::examine(&wanted, &mut sink),
    };
    written?;
    let healthy = verdict == Verdict::Healthy;
    if json {
        let report = Report { healthy, checks: &checks };
        ui::out(&format!("{}\n", ui::json(&serde_json::to_string_pretty(&report)?)))?;
    } else {
        ui::out(&summary(&checks, verdict, wanted.quick, matches.contains_id("container")))?;
    }
    Ok(match (verdict, stop.signal()) {
        (_, Some(signal)) => 128 + signal,
        (Verdict::Healthy, None) => 0,
        _ => error::FAILURE,
    })
}

fn mark(result: Outcome) -> &'static str {
    match result {
        Outcome::Ok => "ok",
        Outcome::Warn => "warn",
        Outcome::Fail => "FAIL",
        Outcome::Skip => "skip",
    }
}

/// One check, as it finishes.
fn line(check: &Check) -> String {
    format!("{:<4}  {}: {}\n", mark(check.result), plain(&check.what), on_one_line(&check.evidence))
}

fn on_one_line(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| plain(line.trim())).collect();
    lines.join("; ")
}

/// What failed and what to do, before what only should be known; then the verdict.
fn summary(checks: &[Check], verdict: Verdict, quick: bool, container: bool) -> String {
    let mut text = String::new();
    for result in [Outcome::Fail, Outcome::Warn] {
        let mut told: Vec<(&Option<String>, &Vec<crate::error::Hint>)> = Vec::new();
        for check in checks.iter().filter(|check| check.result == result) {
            // Where the cause is known it says more than what was seen, which stands further up.
            let seen = on_one_line(check.cause.as_ref().unwrap_or(&check.evidence));
            // The same thing may show in several places: what to do about it stands once.
            if check.cause.is_some() && told.contains(&(&check.cause, &check.fix)) {
                let _ = writeln!(text, "\n{}  {}: as above", mark(result), plain(&check.what));
                continue;
            }
            let _ = writeln!(text, "\n{}  {}: {seen}", mark(result), plain(&check.what));
            told.push((&check.cause, &check.fix));
            for fix in &check.fix {
                let _ = writeln!(text, "      {}", on_one_line(&fix.text));
                for command in &fix.commands {
                    let _ = writeln!(text, "          {}", plain(command));
                }
            }
        }
    }
    let failed = checks.iter().filter(|check| check.result == Outcome::Fail).count();
    let warned = checks.iter().filter(|check| check.result == Outcome::Warn).count();
    let word = match verdict {
        Verdict::Stopped => "stopped; everything that was started is removed",
        Verdict::Healthy if container => "this container is in gVisor",
        Verdict::Ill if container => "this container is not proven to be in gVisor",
        Verdict::Healthy if quick => "nothing is wrong, as far as can be told without starting a container",
        Verdict::Healthy => "a sandbox starts, and is gVisor",
        Verdict::Ill => "no sandbox is proven to start",
    };
    let _ = writeln!(
        text,
        "\n{word} ({} checks: {failed} failed, {})",
        checks.len(),
        ui::counted(warned, "warning")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_what_failed_first_with_its_way_out() {
        let checks = [
            Check::ok("a", "first", "fine"),
            Check::warn("b", "second", "hm").fix("Look:", ["look"]),
            Check::fail("c", "third\x1b", "bad\nworse").fix("Do this:", ["sudo this"]),
        ];
        assert_eq!(
            summary(&checks, Verdict::Ill, false, false),
            "\nFAIL  third\\u{1b}: bad; worse\n      Do this:\n          sudo this\n\
             \nwarn  second: hm\n      Look:\n          look\n\
             \nno sandbox is proven to start (3 checks: 1 failed, 1 warning)\n"
        );
    }
}
