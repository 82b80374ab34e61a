//! docs/compatibility.md and docs/changes.md list the rules as the tables have them.
//! `SNAPSHOTS=overwrite cargo test --test docs` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use docker_sandbox::changes;
use docker_sandbox::gvisor::rules::table::RULES;
use docker_sandbox::gvisor::rules::{Rule, Severity};

use crate::guides;

const BEGIN: &str = "<!-- The rules, generated from src/gvisor/rules/table.rs: SNAPSHOTS=overwrite cargo test --test docs -->\n";
const END: &str = "<!-- end of the rules -->\n";
const BEGIN_OF_CHANGES: &str = "<!-- The rules over changes, generated from src/changes/rules.rs: SNAPSHOTS=overwrite cargo test --test docs -->\n";
const END_OF_CHANGES: &str = "<!-- end of the rules over changes -->\n";

fn date(release: u32) -> String {
    format!("{:04}-{:02}", release / 10_000, release / 100 % 100)
}

fn seen_with(rule: &Rule) -> String {
    let since = rule.since.map(|since| format!("since {}", date(since)));
    let until = rule.until.map(|until| format!("before {}", date(until)));
    let seen = Some(rule.seen.to_owned()).filter(|seen| !seen.is_empty());
    since.into_iter().chain(until).chain(seen).collect::<Vec<_>>().join("; ")
}

fn section(severity: Severity, title: &str, about: &str) -> String {
    let mut text = format!("### {title}\n\n{about}\n\n");
    text.push_str("| rule | applies to | what happens | instead | seen with |\n|---|---|---|---|---|\n");
    for rule in RULES.iter().filter(|rule| rule.severity == severity) {
        let seen = seen_with(rule);
        let _ =
            writeln!(text, "| `{}` | {} | {} | {} | {seen} |", rule.id, rule.when, rule.why, rule.way_out);
    }
    text.replace("|  |", "| |") + "\n"
}

fn rules() -> String {
    [
        section(
            Severity::Deny,
            "Refused: deny",
            "They weaken the sandbox. Exit code 125, unless it is allowed.",
        ),
        section(
            Severity::Warn,
            "Said: warn",
            "Ignored or broken inside gVisor without a word from it. One line, then it starts.",
        ),
        section(Severity::Fix, "Put right: fix", "What we can make work, and say with `--verbose`."),
        section(Severity::Note, "Mentioned: note", "With `--verbose` and in `docker sandbox doctor`."),
        section(Severity::Fact, "Not to be seen in the arguments", "Nobody is warned of these."),
    ]
    .concat()
}

fn rules_of_changes() -> String {
    let mut text = String::from("| rule | applies to | what would happen otherwise |\n|---|---|---|\n");
    for rule in &changes::rules::RULES {
        let _ = writeln!(text, "| `{}` | {} | {} |", rule.id, rule.applies_to(), rule.why);
    }
    text + "\n"
}

/// The guide at `path` has `content` between the two lines.
fn check(path: &str, begin: &str, content: &str, end: &str) {
    let file = guides::root().join(path);
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let whole = format!("{before}{begin}\n{content}{end}{after}");
    snapbox::assert_data_eq!(whole, snapbox::Data::read_from(&file, None).raw());
}

#[test]
fn the_guide_has_the_rules_of_the_table() {
    check("docs/compatibility.md", BEGIN, &rules(), END);
}

#[test]
fn the_guide_has_the_rules_over_changes() {
    check("docs/changes.md", BEGIN_OF_CHANGES, &rules_of_changes(), END_OF_CHANGES);
}

#[test]
fn every_rule_has_an_id_of_its_own_and_says_what_to_do() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in &RULES {
        assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.id);
        for text in [rule.when, rule.why, rule.way_out] {
            assert!(
                !text.is_empty() && !text.contains(['|', '\n']) && !text.ends_with('.'),
                "{}: {text}",
                rule.id
            );
        }
    }
}
