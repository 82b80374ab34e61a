//! The processes of this machine, as far as `/proc` shows them.

use std::collections::BTreeMap;
use std::time::Duration;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The id of the process that it is below.
    pub parent: i32,
    /// How long it has been there.
    pub age: Option<Duration>,
    /// Its command line.
    pub words: Vec<String>,
}

/// Whether `/proc` shows us our own processes only. Source: proc(5), `hidepid`.
#[must_use]
pub fn are_hidden() -> bool {
    let proc = std::path::Path::new("/proc");
    proc.join("self").exists() && !proc.join("1").exists()
}

/// Every process there is, by its id; empty where there is no `/proc`.
#[must_use]
pub fn all() -> BTreeMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    // Seconds with two places: hundredths, without the dot.
    let uptime: Option<u64> =
        uptime.and_then(|text| text.split_whitespace().next()?.replace('.', "").parse().ok());
    let read = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, which may hold blanks.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        // Field 22: clock ticks since boot, of which Linux has shown 100 in a second since ever.
        let started: Option<u64> = fields.nth(17).and_then(|ticks| ticks.parse().ok());
        let age = uptime.zip(started).map(|(now, then)| Duration::from_millis(now.saturating_sub(then) * 10));
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = line.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        Some((pid, Process { parent, age, words: words.filter(|word| !word.is_empty()).collect() }))
    };
    let pids = entries.flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, read(pid)?.1))
    });
    pids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_them_and_young() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let all = all();
        let this = &all[&std::process::id().cast_signed()];
        assert!(this.age.unwrap() < Duration::from_secs(3600), "{this:?}");
        assert_eq!(this.parent, rustix::process::getppid().unwrap().as_raw_nonzero().get());
    }
}
