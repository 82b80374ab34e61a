//! Ends the processes of a container whose runtime hangs or failed, where they are on this machine
//! and ours to end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::gvisor::processes::{Process, all, are_hidden};

/// How long a shim takes to end by itself once its container is removed.
const BY_ITSELF: Duration = Duration::from_millis(500);
/// How long containerd takes to tidy up behind a shim that was killed.
const BY_CONTAINERD: Duration = Duration::from_secs(10);

/// Kills what works for the container `id`: everything below its shim, and gVisor's own processes.
/// The shim stays, and tells dockerd that the runtime has ended.
pub(super) fn kill(id: &str) {
    end(&of_container(&all(), id));
}

/// Sees to it that nothing works for the removed container `id` any more. Whether that is so, and can be seen.
///
/// A start that fails half-way leaves the sandbox, its files and its shim behind, and Docker forgets
/// them (seen with runsc 20221219 and 20240729, Docker 20.10 and 26.1). containerd removes all of it
/// when the shim is gone, so the shim is what is killed first.
pub(super) fn sweep(id: &str) -> bool {
    let began = Instant::now();
    let mut killed_shim = None;
    loop {
        let processes = all();
        let shims = shims_of(&processes, id);
        let workers = of_container(&processes, id);
        if shims.is_empty() && workers.is_empty() {
            return !are_hidden();
        }
        let now = Instant::now();
        match killed_shim {
            None if now - began > BY_ITSELF => {
                let ended = if shims.is_empty() { &workers } else { &shims };
                end(ended);
                killed_shim = Some(now);
            }
            Some(then) if now - then > BY_CONTAINERD => {
                end(&workers);
                return false;
            }
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end(pids: &[i32]) {
    for pid in pids.iter().filter_map(|&pid| Pid::from_raw(pid)) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn is_shim(process: &Process, id: &str) -> bool {
    process.words.first().is_some_and(|program| program.contains("containerd-shim"))
        && process.words.windows(2).any(|pair| pair[0] == "-id" && pair[1] == id)
        // While it tidies up, `delete` stands at the end.
        && process.words.iter().all(|word| word != "delete")
}

fn shims_of(processes: &BTreeMap<i32, Process>, id: &str) -> Vec<i32> {
    processes.iter().filter(|(_, process)| is_shim(process, id)).map(|(pid, _)| *pid).collect()
}

fn of_container(processes: &BTreeMap<i32, Process>, id: &str) -> Vec<i32> {
    if id.len() < 64 {
        return Vec::new();
    }
    let is_runsc = |process: &Process| {
        process.words.first().is_some_and(|name| name.starts_with("runsc-"))
            && process.words.iter().any(|word| word == id || word.ends_with(&format!("/{id}")))
    };
    let below_shim = |process: &Process| {
        let mut parent = process.parent;
        // A line of ancestors is no longer than there are processes, whatever was read when.
        for _ in 0..processes.len() {
            match processes.get(&parent) {
                Some(ancestor) if is_shim(ancestor, id) => return true,
                Some(ancestor) => parent = ancestor.parent,
                None => return false,
            }
        }
        false
    };
    processes
        .iter()
        .filter(|(_, process)| !is_shim(process, id) && (is_runsc(process) || below_shim(process)))
        .map(|(pid, _)| *pid)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_of_that_container_are_found_and_never_the_shim() {
        let id = "a".repeat(64);
        let other = "b".repeat(64);
        let process = |parent, words: &[&str]| Process {
            parent,
            age: None,
            words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        let shim = "/usr/bin/containerd-shim-runc-v2";
        let processes: BTreeMap<i32, Process> = [
            (1, process(0, &["init"])),
            (10, process(1, &[shim, "-namespace", "moby", "-id", &id])),
            (11, process(10, &["/bin/sh", "/x/runsc", "create", &id])),
            (12, process(11, &["sleep", "100"])),
            (13, process(1, &["runsc-sandbox", "boot", &id])),
            (20, process(1, &[shim, "-namespace", "moby", "-id", &other])),
            (21, process(20, &["runsc-sandbox", "boot", &other])),
            (30, process(1, &["docker", "inspect", &id])),
        ]
        .into();
        assert_eq!(of_container(&processes, &id), [11, 12, 13]);
        assert_eq!(shims_of(&processes, &id), [10]);
        assert_eq!(of_container(&processes, ""), [0; 0]);
    }
}
