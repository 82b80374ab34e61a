//! Sandboxes that failed starts have left behind, in state `created` and known to nobody.
//!
//! They hold memory and a shim each, and a containerd that is restarted can fail on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::Daemon;
use super::check::Check;
use crate::docker::client::Docker;
use crate::gvisor::processes::{self, Process};

const LIMIT: Duration = Duration::from_secs(10);
/// What is younger may be a start that is under way.
const YOUNG: Duration = Duration::from_secs(15);
/// How many are named.
const MOST: usize = 8;

pub(super) fn check(docker: &Docker, daemon: &Daemon, sink: &mut dyn FnMut(Check)) {
    let (id, what) = ("host.orphans", "sandboxes of failed starts");
    let Some(process) = &daemon.process else {
        return sink(Check::skip(id, what, "the daemon's processes cannot be seen from here"));
    };
    // Asked after the processes are read, so that none of them can be newer than the answer.
    let processes = processes::all();
    let Some(running) = running(docker) else {
        return sink(Check::warn(id, what, "docker does not tell which containers run"));
    };
    let root = process.exec_root();
    let states = root.join("runtime-runc/moby");
    let has_state = |container: &str| states.join(format!("{container}_sandbox:{container}.state")).exists();
    let orphans = find(&processes, &running, &root, has_state);
    sink(if orphans.is_empty() {
        Check::ok(id, what, "none")
    } else {
        let named: Vec<&str> = orphans.iter().map(|id| &id[..12]).collect();
        let more = if named.len() > MOST { " and more" } else { "" };
        let seen = format!(
            "{}, of containers that do not run: {}{more}",
            named.len(),
            named[..named.len().min(MOST)].join(", ")
        );
        // The brackets keep the pattern from matching sudo's own command line.
        let pattern = format!("([c]ontainerd-shim|[r]unsc-).*({})", named.join("|"));
        Check::warn(id, what, seen).fix(
            "End them; containerd then removes their files:",
            [format!("sudo pkill -KILL -f -- '{pattern}'")],
        )
    });
}

/// The ids of the containers that run.
fn running(docker: &Docker) -> Option<BTreeSet<String>> {
    let answer = docker.command(["ps", "--quiet", "--no-trunc"]).answer_within(LIMIT).ok()??;
    answer.status.success().then(|| answer.stdout.split_whitespace().map(str::to_owned).collect())
}

/// The ids of containers that this daemon's gVisor still works for and that do not run.
fn find(
    processes: &BTreeMap<i32, Process>,
    running: &BTreeSet<String>,
    root: &Path,
    has_state: impl Fn(&str) -> bool,
) -> BTreeSet<String> {
    let root = normal(&root.to_string_lossy());
    let names = |process: &Process, place: &str| normal(&process.words.join(" ")).contains(place);
    let ours = |process: &Process| names(process, &format!("{root}/"));
    processes
        .values()
        .filter(|process| process.age.is_none_or(|age| age > YOUNG))
        .filter_map(|process| {
            let program = process.words.first()?;
            let container = if program == "runsc-sandbox" && ours(process) {
                process.words.iter().rev().find_map(|word| container_of(word))?
            } else if program.contains("containerd-shim")
                && (ours(process) || names(process, "/run/containerd/"))
            {
                // The machine's containerd serves several daemons: what has no state here is another's.
                let id = process.words.windows(2).find(|pair| pair[0] == "-id")?[1].as_str();
                container_of(id).filter(|id| has_state(id))?
            } else {
                return None;
            };
            (!running.contains(container)).then(|| container.to_owned())
        })
        .collect()
}

/// `/var/run` is `/run`.
fn normal(path: &str) -> String {
    path.replace("/var/run/", "/run/")
}

/// A word that is a container's id, or a path that ends with one.
fn container_of(word: &str) -> Option<&str> {
    let last = word.rsplit('/').next()?;
    (last.len() == 64 && last.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_sandboxes_of_this_daemon_whose_container_does_not_run_are_orphans() {
        let process = |age, words: String| Process {
            parent: 1,
            age: Some(Duration::from_secs(age)),
            words: words.split(' ').map(str::to_owned).collect(),
        };
        let sandbox =
            |root: &str, id: &str| format!("runsc-sandbox --root={root}/runtime-runc/moby boot --x {id}");
        let shim = |id: &str| {
            format!(
                "/usr/bin/containerd-shim-runc-v2 -namespace moby -id {id} -address /run/containerd/c.sock"
            )
        };
        let [orphan, runs, young, other, empty, plain] =
            ["a", "b", "c", "d", "e", "f"].map(|digit| digit.repeat(64));
        let processes: BTreeMap<i32, Process> = [
            process(60, sandbox("/var/run/docker", &orphan)),
            process(60, sandbox("/run/docker", &runs)),
            process(1, sandbox("/run/docker", &young)),
            process(60, sandbox("/elsewhere", &other)),
            process(60, shim(&empty)),
            process(60, shim(&plain)),
        ]
        .into_iter()
        .zip(2..)
        .map(|(process, pid)| (pid, process))
        .collect();
        let found = find(&processes, &[runs].into(), Path::new("/run/docker"), |id| id == empty);
        assert_eq!(found, [orphan, empty.clone()].into());
    }
}
