//! Rules over Docker's options and the container's command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::{Hit, Start, annotations, mounts, runtime};
use crate::docker::mounts::Mounts;
use crate::docker::networks::Network;
use crate::docker::run_line::Given;

/// The options of those names whose value `applies` says is meant.
pub(super) fn given(start: &Start<'_>, names: &[&str], applies: impl Fn(&str) -> bool) -> Vec<Hit> {
    let meant = |option: &Given<'_>| {
        names.contains(&option.name) && applies(&option.value.unwrap_or_default().to_string_lossy())
    };
    start.line.options().filter(meant).map(|option| Hit::new(option.written())).collect()
}

/// The last option of that name, the one that counts, if `applies` says it is meant.
pub(super) fn last(start: &Start<'_>, name: &str, applies: impl Fn(&str) -> bool) -> Vec<Hit> {
    let last = start.line.options().rfind(|option| option.name == name);
    let meant = last.filter(|option| applies(&option.value.unwrap_or_default().to_string_lossy()));
    meant.map(|option| Hit::new(option.written())).into_iter().collect()
}

pub(super) fn anything(value: &str) -> bool {
    !value.is_empty()
}

fn networks(start: &Start<'_>, applies: impl Fn(&Network) -> bool) -> Vec<Hit> {
    let networks = Network::of(start.line);
    networks.into_iter().filter(|network| applies(network)).map(|network| Hit::new(network.written)).collect()
}

pub(super) fn net_host(start: &Start<'_>) -> Vec<Hit> {
    if runtime::uses_host_network(start.runtime) {
        return Vec::new();
    }
    networks(start, |network| network.name == "host")
}

pub(super) fn net_container(start: &Start<'_>) -> Vec<Hit> {
    if runtime::uses_host_network(start.runtime) {
        return Vec::new();
    }
    networks(start, |network| network.container().is_some())
}

pub(super) fn net_user_dns(start: &Start<'_>) -> Vec<Hit> {
    if runtime::uses_host_network(start.runtime) {
        return Vec::new();
    }
    networks(start, Network::is_user_defined)
}

pub(super) fn ipc_host(start: &Start<'_>) -> Vec<Hit> {
    let mut hits = last(start, "ipc", |value| value == "host");
    hits.extend(mounts::shared_memory(start));
    hits
}

pub(super) fn pid(start: &Start<'_>) -> Vec<Hit> {
    last(start, "pid", |value| value == "host" || value.starts_with("container:"))
}

pub(super) fn uts_host(start: &Start<'_>) -> Vec<Hit> {
    last(start, "uts", |value| value == "host")
}

pub(super) fn sysctl(start: &Start<'_>) -> Vec<Hit> {
    given(start, &["sysctl"], anything)
}

pub(super) fn apparmor(start: &Start<'_>) -> Vec<Hit> {
    security_opt(start, "apparmor", |profile| profile != "unconfined")
}

pub(super) fn seccomp(start: &Start<'_>) -> Vec<Hit> {
    let read = runtime::has(start, "oci-seccomp")
        || annotations::flag(start, "oci-seccomp")
            .is_some_and(|value| matches!(value.as_str(), "true" | "1"));
    if read {
        return Vec::new();
    }
    security_opt(start, "seccomp", |profile| profile != "unconfined" && profile != "builtin")
}

/// `--security-opt NAME=VALUE`, or `NAME:VALUE` as it was once written.
fn security_opt(start: &Start<'_>, name: &str, applies: impl Fn(&str) -> bool) -> Vec<Hit> {
    given(start, &["security-opt"], |option| {
        option.split_once(['=', ':']).is_some_and(|(given, value)| given == name && applies(value))
    })
}

/// What the container runs, by its last name: the entrypoint, else the first word of the command.
fn program(start: &Start<'_>) -> Option<String> {
    let entrypoint = start.line.value("entrypoint").filter(|value| !value.is_empty());
    let word = entrypoint.or_else(|| start.line.command().first().map(OsString::as_os_str))?;
    let word = word.as_bytes();
    let name = word.rsplit(|&byte| byte == b'/').next().unwrap_or(word);
    Some(OsStr::from_bytes(name).to_string_lossy().into_owned())
}

pub(super) fn net_raw(start: &Start<'_>) -> Vec<Hit> {
    if runtime::has(start, "net-raw") {
        return Vec::new();
    }
    let wants = |value: &str| {
        let value = value.to_ascii_uppercase();
        value.strip_prefix("CAP_").unwrap_or(&value) == "NET_RAW"
    };
    let mut hits = given(start, &["cap-add"], wants);
    let tools = ["ping", "ping4", "ping6", "traceroute", "tcpdump", "arping", "nmap"];
    hits.extend(program(start).filter(|name| tools.contains(&name.as_str())).map(Hit::new));
    hits
}

pub(super) fn setuid(start: &Start<'_>) -> Vec<Hit> {
    if runtime::has(start, "allow-suid") {
        return Vec::new();
    }
    let tools = ["sudo", "su", "doas", "newgrp", "passwd", "pkexec"];
    program(start).filter(|name| tools.contains(&name.as_str())).map(Hit::new).into_iter().collect()
}

/// Whether Docker takes the value for a limit: it is no number below zero, and not zero. What Docker refuses needs no
/// word of ours.
fn is_a_limit(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && value.contains(|c| ('1'..='9').contains(&c))
}

/// Options that Docker turns into settings of the container's cgroup, and nothing else. Source: `WithResources` and
/// `withCgroups` in moby's `daemon/oci_linux.go`.
const OF_CGROUPS: [&str; 20] = [
    "blkio-weight",
    "blkio-weight-device",
    "cgroup-parent",
    "cpu-period",
    "cpu-quota",
    "cpu-rt-period",
    "cpu-rt-runtime",
    "cpu-shares",
    "cpus",
    "cpuset-cpus",
    "cpuset-mems",
    "device-read-bps",
    "device-read-iops",
    "device-write-bps",
    "device-write-iops",
    "kernel-memory",
    "memory",
    "memory-reservation",
    "memory-swap",
    "pids-limit",
];

/// One hit for all limits of a start: they are void for one reason.
pub(super) fn limits_unenforced(start: &Start<'_>) -> Vec<Hit> {
    if !runtime::ignores_cgroups(start.runtime) {
        return Vec::new();
    }
    let limits = |option: &Given<'_>| {
        let value = option.value.unwrap_or_default().to_string_lossy();
        match option.name {
            "cgroup-parent" | "cpuset-cpus" | "cpuset-mems" => anything(&value),
            // `DEVICE:VALUE`
            name if name.starts_with("device-") || name == "blkio-weight-device" => anything(&value),
            _ => is_a_limit(&value),
        }
    };
    let options: Vec<Given<'_>> =
        start.line.options().filter(|option| OF_CGROUPS.contains(&option.name)).collect();
    let counts = |at: usize| {
        let name = options[at].name;
        let is_list = name.starts_with("device-") || name == "blkio-weight-device";
        is_list || options[at + 1..].iter().all(|later| later.name != name)
    };
    let given = (0..options.len()).filter(|&at| counts(at) && limits(&options[at]));
    let given = given.map(|at| options[at].written());
    let of_do = start.limits_of_do.unwrap_or_default().iter().map(|word| word.to_string_lossy().into_owned());
    let all: Vec<String> = given.chain(of_do).collect();
    if all.is_empty() { Vec::new() } else { vec![Hit::new(all.join(" "))] }
}

pub(super) fn memory(start: &Start<'_>) -> Vec<Hit> {
    if runtime::ignores_cgroups(start.runtime) {
        return Vec::new();
    }
    last(start, "memory", is_a_limit)
}

pub(super) fn cpus(start: &Start<'_>) -> Vec<Hit> {
    if runtime::has(start, "cpu-num-from-quota") || runtime::ignores_cgroups(start.runtime) {
        return Vec::new();
    }
    let mut hits = last(start, "cpus", |value| value.parse::<f64>().is_ok_and(|cpus| cpus > 0.0));
    hits.extend(last(start, "cpu-quota", |value| value.parse::<i64>().is_ok_and(|quota| quota > 0)));
    hits
}

pub(super) fn pids_limit(start: &Start<'_>) -> Vec<Hit> {
    if runtime::ignores_cgroups(start.runtime) {
        return Vec::new();
    }
    last(start, "pids-limit", |value| value.parse::<i64>().is_ok_and(|pids| (1..100).contains(&pids)))
}

pub(super) fn oom_score_adj(start: &Start<'_>) -> Vec<Hit> {
    last(start, "oom-score-adj", |value| value.parse::<i64>().is_ok_and(|score| score != 0))
}

pub(super) fn restart(start: &Start<'_>) -> Vec<Hit> {
    let read_only = start.line.options().rfind(|option| option.name == "read-only");
    let keeps = annotations::flag(start, "overlay2").is_some_and(|value| value == "none")
        || start.runtime.iter().any(|argument| {
            argument.name == "overlay2" && argument.value == "none"
                || argument.name == "overlay" && argument.value == "false"
        })
        || read_only.is_some_and(|option| option.is_on());
    if keeps {
        return Vec::new();
    }
    last(start, "restart", |value| anything(value) && value != "no")
}

/// A watcher that is started on a folder of the host. Which program is meant to notice changes no
/// argument tells for certain; these say it in their own words.
pub(super) fn inotify(start: &Start<'_>) -> Vec<Hit> {
    if Mounts::of(start.line).mounts.is_empty() {
        return Vec::new();
    }
    let tools = ["nodemon", "inotifywait", "inotifywatch", "entr", "watchman", "watchexec", "cargo-watch"];
    let options = ["--watch", "--reload", "--hot", "--livereload"];
    let says = |word: &str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        tools.contains(&name) || options.contains(&word.split('=').next().unwrap_or(word))
    };
    let entrypoint = start.line.value("entrypoint").into_iter();
    let words = entrypoint.chain(start.line.command().iter().map(OsString::as_os_str));
    let mut words = words.map(|word| word.to_string_lossy().into_owned());
    words.find(|word| says(word)).map(Hit::new).into_iter().collect()
}

/// For what no argument shows.
pub(super) fn nothing(_: &Start<'_>) -> Vec<Hit> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::Flags;
    use crate::docker::run_line::RunLine;
    use crate::gvisor::arguments::{self, Argument};

    fn unenforced(words: &str, runtime: &[Argument], limits_of_do: Option<&[OsString]>) -> Vec<String> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let line = RunLine::parse(&words, &Flags::run()).unwrap();
        let start = Start { line: &line, runtime, mounts: &[], limits_of_do, read_only: &[] };
        limits_unenforced(&start).into_iter().map(|hit| hit.what).collect()
    }

    #[test]
    fn limits_that_the_runtime_ignores_are_found_in_every_spelling_and_are_one_hit() {
        let ignoring = arguments::in_force(&["--ignore-cgroups".to_owned()]);
        for (words, expected) in [
            ("-m 64m img", "-m 64m"),
            ("-im64m img", "-im64m"),
            ("--memory=64m --pids-limit 50 -c 5 img", "--memory=64m --pids-limit 50 -c 5"),
            (
                "--cpus=.5 --cpuset-cpus=0 --cgroup-parent /x img",
                "--cpus=.5 --cpuset-cpus=0 --cgroup-parent /x",
            ),
            (
                "--device-read-bps=/dev/sda:1mb --device-read-bps=/dev/sdb:1mb img",
                "--device-read-bps=/dev/sda:1mb --device-read-bps=/dev/sdb:1mb",
            ),
            ("--memory=64m --memory=32m img", "--memory=32m"),
        ] {
            assert_eq!(unenforced(words, &ignoring, None), [expected], "{words}");
        }
        for words in
            ["img", "--memory=0 --pids-limit=-1 --cpus=0 img", "--memory=64m --memory=0 img", "img -m 64m"]
        {
            assert_eq!(unenforced(words, &ignoring, None), [""; 0], "{words}");
        }
        assert_eq!(unenforced("img", &ignoring, Some(&["--cpus=2".into()])), ["--cpus=2"]);
        let off = arguments::in_force(&["--ignore-cgroups".to_owned(), "--ignore-cgroups=false".to_owned()]);
        assert_eq!(unenforced("-m 64m img", &off, Some(&["--cpus=2".into()])), [""; 0]);
    }
}
