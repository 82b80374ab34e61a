//! What our rules do to a line: what they say before it starts, and whether the request that plain
//! docker sends really holds what they refuse.

use docker_sandbox::gvisor::rules::{self, Rule, Severity};
use serde_json::Value;

const WARNING: &str = "docker sandbox: warning: ";

/// The rule that a line of ours ends with, or names before what is said about all of them.
fn named(line: &str) -> Option<&'static Rule> {
    let line = line.strip_suffix("; nothing was started").unwrap_or(line);
    let (_, id) = line.strip_suffix(']')?.rsplit_once(" [")?;
    rules::find(id)
}

/// What is left of stderr behind the warnings of rules that only warn.
pub(crate) fn without_warnings(mut said: &str) -> &str {
    while let Some((line, rest)) = said.split_once('\n') {
        let rule = line.strip_prefix(WARNING).and_then(named);
        if rule.is_none_or(|rule| rule.severity == Severity::Deny) {
            break;
        }
        said = rest;
    }
    said
}

/// Whether every rule that a refusal names has something in the request to forbid.
///
/// # Errors
/// What was refused for nothing.
pub(crate) fn deserved(said: &str, create: &Value) -> Result<(), String> {
    let rules: Vec<&Rule> = said.lines().filter_map(named).collect();
    if rules.is_empty() {
        return Err("ours refused, and named no rule".to_owned());
    }
    for rule in rules {
        if rule.severity != Severity::Deny || !asks_for(create, rule.id) {
            return Err(format!("ours refused for `{}`, which is not in {}", rule.id, create["HostConfig"]));
        }
    }
    Ok(())
}

fn asks_for(create: &Value, id: &str) -> bool {
    let host = &create["HostConfig"];
    let mounts = || {
        let given = |list: &str| host[list].as_array().is_some_and(|list| !list.is_empty());
        given("Binds") || given("Mounts") || given("VolumesFrom")
    };
    match id {
        "ipc-host" => host["IpcMode"] == "host" || mounts(),
        "annotation-gvisor" => host["Annotations"].as_object().is_some_and(|all| {
            all.keys().any(|key| key.starts_with("dev.gvisor.") || key.starts_with("io.kubernetes.cri"))
        }),
        // `--gpus`, and a device by its vendor's name, are requests; the others are paths.
        "gpu-driver" => ["Devices", "DeviceRequests"]
            .iter()
            .any(|list| host[list].as_array().is_some_and(|list| !list.is_empty())),
        // Which ones, and whether rightly, is what `mounts.rs` is about.
        _ => mounts(),
    }
}

#[test]
fn warnings_are_taken_away_and_nothing_else() {
    let said = format!("{WARNING}`--pid host`: ignored; leave it out [pid-host]\n{WARNING}x\ny [pid-host]\n");
    assert_eq!(without_warnings(&said), format!("{WARNING}x\ny [pid-host]\n"));
    assert_eq!(without_warnings("y [pid-host]\n"), "y [pid-host]\n");
    let allowed = format!("{WARNING}`-v /:/x`: all of it [host-root]\n");
    assert_eq!(without_warnings(&allowed), allowed);
}
