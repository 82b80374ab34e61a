//! The lists in the guides are whole: settings, variables, fields and failures.

use std::collections::BTreeSet;

use docker_sandbox::gvisor::failures;
use docker_sandbox::sandbox::audit;
use docker_sandbox::settings::user;

use crate::guides::{self, Guide};

/// The first cell of each row of the table under the heading `heading`, without backticks.
fn first_cells(guide: &Guide, heading: &str) -> Vec<String> {
    let lines = guide.text.lines().skip_while(|line| *line != heading).skip(1);
    let section = lines.take_while(|line| !line.starts_with('#'));
    let rows = section.filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let cells = rows.map(|(cell, _)| cell.trim_matches('`').to_owned());
    cells.skip(1).filter(|cell| !cell.starts_with('-')).collect()
}

#[test]
fn the_guide_lists_exactly_the_keys_of_config_json() {
    let guide = Guide::named("docs/configuration.md");
    let listed: BTreeSet<String> = first_cells(&guide, "## Keys of config.json").into_iter().collect();
    assert_eq!(listed, user::KNOWN.map(str::to_owned).into());
}

#[test]
fn the_guide_lists_exactly_the_fields_of_the_audit_log_in_their_order() {
    let record = audit::Record {
        time: audit::now(),
        command: "run",
        mode: "required",
        decided_by: "the default",
        sandboxed: true,
        runtime: None,
        image: None,
        argv: &[],
    };
    let text = serde_json::to_string(&record).unwrap();
    let record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let fields: Vec<&String> = record.keys().collect();
    let guide = Guide::named("docs/configuration.md");
    assert_eq!(first_cells(&guide, "## The audit log").iter().collect::<Vec<_>>(), fields);
}

#[test]
fn the_guide_lists_every_variable_that_the_context_reads() {
    let source = std::fs::read_to_string(guides::root().join("src/context.rs")).unwrap();
    let read = source.split("variable(\"").chain(source.split("var_os(\"")).skip(1);
    let read: BTreeSet<String> = read
        .filter_map(|rest| rest.split_once('"').map(|(name, _)| name.to_owned()))
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    assert!(read.len() >= 8, "{read:?}");
    let guide = Guide::named("docs/configuration.md");
    let listed: BTreeSet<String> = first_cells(&guide, "## Environment variables").into_iter().collect();
    let missing: Vec<&String> = read.difference(&listed).collect();
    assert!(missing.is_empty(), "not in the guide: {missing:?}");
}

#[test]
fn each_failure_of_the_catalogue_is_in_the_guide_under_a_text_that_is_recognised_as_it() {
    let source = std::fs::read_to_string(guides::root().join("src/gvisor/failures.rs")).unwrap();
    let ids = source.split("id: \"").skip(1).filter_map(|rest| rest.split_once('"'));
    // A runtime that hangs says nothing.
    let ids: BTreeSet<String> = ids.map(|(id, _)| id.to_owned()).filter(|id| id != "hangs").collect();
    assert!(ids.len() >= 10, "{ids:?}");
    let guide = Guide::named("docs/troubleshooting.md");
    let texts = first_cells(&guide, "## When gVisor fails");
    let seen: BTreeSet<String> = texts
        .iter()
        .map(|text| {
            failures::recognise(text).map_or_else(|| format!("nothing: {text}"), |seen| seen.id.to_owned())
        })
        .collect();
    assert_eq!(seen, ids);
}
