//! Rules over the arguments with which a runtime is registered.

use super::{Hit, Start};
use crate::gvisor::arguments::Argument;

/// Their ids, the gravest first.
pub(super) const IDS: [&str; 7] = [
    "runtime-host-uds",
    "runtime-host-fifo",
    "runtime-profile",
    "runtime-flag-override",
    "runtime-testonly",
    "runtime-net-host",
    "runtime-net-raw",
];

/// Where the rule `id` applies to a runtime's arguments.
pub(super) fn hits(id: &str, arguments: &[Argument]) -> Vec<Hit> {
    let applies = |argument: &&Argument| {
        let name = argument.name.as_str();
        match id {
            "runtime-host-uds" => argument.is_on() && matches!(name, "host-uds" | "fsgofer-host-uds"),
            "runtime-host-fifo" => argument.is_on() && name == "host-fifo",
            // `profile-block`, `profile-cpu` and the like are files it writes.
            "runtime-profile" => argument.is_on() && (name == "profile" || name.starts_with("profile-")),
            "runtime-flag-override" => argument.is_on() && name == "allow-flag-override",
            "runtime-testonly" => argument.is_on() && name.starts_with("TESTONLY-"),
            "runtime-net-host" => name == "network" && argument.value == "host",
            "runtime-net-raw" => argument.is_on() && name == "net-raw",
            _ => false,
        }
    };
    arguments
        .iter()
        .filter(applies)
        .map(|argument| Hit::new(format!("--{}={}", argument.name, argument.value)))
        .collect()
}

/// Whether the runtime has this switch on.
pub(super) fn has(start: &Start<'_>, name: &str) -> bool {
    start.runtime.iter().any(|argument| argument.name == name && argument.is_on())
}

/// Whether the runtime leaves cgroups alone, and with them every limit that Docker puts there.
#[must_use]
pub fn ignores_cgroups(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| argument.name == "ignore-cgroups" && argument.is_on())
}

/// Whether the runtime uses the network of the container's namespace instead of its own.
#[must_use]
pub fn uses_host_network(arguments: &[Argument]) -> bool {
    !hits("runtime-net-host", arguments).is_empty()
}

pub(super) fn host_uds(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-host-uds", start.runtime)
}

pub(super) fn host_fifo(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-host-fifo", start.runtime)
}

pub(super) fn profile(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-profile", start.runtime)
}

pub(super) fn flag_override(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-flag-override", start.runtime)
}

pub(super) fn testonly(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-testonly", start.runtime)
}

pub(super) fn net_host(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-net-host", start.runtime)
}

pub(super) fn net_raw(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-net-raw", start.runtime)
}
