//! Ends the processes of a runtime that hangs, where they are on this machine and ours to end.

use std::collections::BTreeMap;

use rustix::process::{Pid, Signal, kill_process};

/// A process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    parent: i32,
    words: Vec<String>,
}

/// Kills what works for the container `id`: everything below its shim, and gVisor's own processes.
/// The shim stays, and tells dockerd that the runtime has ended.
pub(super) fn kill(id: &str) {
    for pid in of_container(&all(), id) {
        if let Some(pid) = Pid::from_raw(pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Every process there is; empty where there is no `/proc`.
fn all() -> BTreeMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let read = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, which may hold blanks.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = line.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        Some((pid, Process { parent, words: words.collect() }))
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(read).collect()
}

fn of_container(processes: &BTreeMap<i32, Process>, id: &str) -> Vec<i32> {
    if id.len() < 64 {
        return Vec::new();
    }
    let is_shim = |process: &Process| {
        process.words.first().is_some_and(|program| program.contains("containerd-shim"))
            && process.words.windows(2).any(|pair| pair[0] == "-id" && pair[1] == id)
    };
    let is_runsc = |process: &Process| {
        process.words.first().is_some_and(|name| name.starts_with("runsc-"))
            && process.words.iter().any(|word| word == id)
    };
    let below_shim = |process: &Process| {
        let mut parent = process.parent;
        // A line of ancestors is no longer than there are processes, whatever was read when.
        for _ in 0..processes.len() {
            match processes.get(&parent) {
                Some(ancestor) if is_shim(ancestor) => return true,
                Some(ancestor) => parent = ancestor.parent,
                None => return false,
            }
        }
        false
    };
    processes
        .iter()
        .filter(|(_, process)| !is_shim(process) && (is_runsc(process) || below_shim(process)))
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
        assert_eq!(of_container(&processes, ""), [0; 0]);
    }
}
