//! What this machine shows of a container: whether it is in gVisor, and the memory that it uses.

use std::path::{Component, Path, PathBuf};

use super::container::Container;
use crate::gvisor::proof::HostProcess;

/// Whether a running container is in gVisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its process on this machine is gVisor's sandbox.
    Proven,
    /// Its process on this machine is something else.
    NotGvisor,
    /// Its process cannot be seen from here.
    Unproven,
    /// It has no process.
    NotRunning,
}

/// Looks at the process that the daemon names for it.
#[must_use]
pub fn seen(container: &Container) -> Seen {
    if !container.runs() || container.pid == 0 {
        return Seen::NotRunning;
    }
    match HostProcess::read(&container.pid.to_string(), &container.id) {
        Some(process) if process.is_gvisor() => Seen::Proven,
        Some(_) => Seen::NotGvisor,
        None => Seen::Unproven,
    }
}

/// How many bytes its control group holds, if it can be read here.
#[must_use]
pub fn memory(container: &Container) -> Option<u64> {
    if !container.runs() || container.id.is_empty() {
        return None;
    }
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid)).ok()?;
    let file = memory_file(&groups, &container.id)?;
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Where the number stands, by a process's cgroup(7) file. A group that is not named after the container holds
/// others too.
fn memory_file(groups: &str, container: &str) -> Option<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut files = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, Path::new(fields.next()?).strip_prefix("/").ok()?);
        let ordinary = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !ordinary || !path.to_str()?.contains(container) {
            return None;
        }
        match controllers {
            "" => Some(root.join(path).join("memory.current")),
            _ if controllers.split(',').any(|name| name == "memory") => {
                Some(root.join("memory").join(path).join("memory.usage_in_bytes"))
            }
            _ => None,
        }
    });
    // A machine may have both kinds; the memory is in one of them.
    let first = files.next()?;
    Some(if first.exists() { first } else { files.next().unwrap_or(first) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_found_in_both_kinds_of_groups_and_only_in_the_containers_own() {
        let file = |text: &str| memory_file(text, "c1").map(|file| file.display().to_string());
        let v2 = "0::/system.slice/docker-c1.scope\n";
        assert_eq!(file(v2).unwrap(), "/sys/fs/cgroup/system.slice/docker-c1.scope/memory.current");
        let v1 = "5:cpu,cpuacct:/docker/c1\n4:memory:/docker/c1\n";
        assert_eq!(file(v1).unwrap(), "/sys/fs/cgroup/memory/docker/c1/memory.usage_in_bytes");
        for others in ["0::/user.slice\n", "0::/../docker/c1\n", "4:cpu:/docker/c1\n", ""] {
            assert_eq!(file(others), None, "{others}");
        }
    }
}
