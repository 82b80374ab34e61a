//! Whatever ends a setup, daemon.json is the old or the new one, whole, and the next run knows what to do.

use std::time::Duration;

use rustix::process::Signal;

use crate::stage::{Io, Running, Site, wait_until};

/// What a setup says at the beginning of each step.
const STEPS: [&str; 5] = ["- copy gVisor", "- place", "- register", "- have the daemon", "- prove it"];

fn start(site: &Site) -> Running {
    let source = site.source();
    site.start(["--from".as_ref(), source.as_os_str(), "--yes".as_ref()], Io::Terminal)
}

/// daemon.json is the old one or the new one, and whole.
fn assert_whole(site: &Site, before: &str) {
    let now = std::fs::read_to_string(site.config()).unwrap();
    // The last one: undo on its way, where the daemon needs to see that there is no runtime.
    let between =
        before.replace("\n}", ", \"runtimes\": {}\n}").replace("false}", "false, \"runtimes\": {}}");
    let whole = now == before
        || now == between
        || now.contains(&format!("\"path\": \"{}\"", site.path("opt/runsc").display()));
    assert!(whole, "{now:?}");
    let _: serde_json::Value = serde_json::from_str(&now).unwrap();
}

#[test]
fn a_signal_between_steps_must_take_everything_back() {
    let site = Site::new();
    let before = site.files();
    for (step, signal, code) in STEPS
        .iter()
        .zip([Signal::INT, Signal::TERM].iter().cycle())
        .map(|(step, signal)| (step, *signal, if *signal == Signal::INT { 130 } else { 143 }))
    {
        let mut running = start(&site);
        running.wait_for(step);
        running.signal(signal);
        let outcome = running.end();
        assert!(outcome.out().contains("everything is as it was"), "{step}: {outcome}");
        outcome.exits(code);
        assert_eq!(site.files(), before, "{step}");
        assert_eq!(site.registered("runsc"), "", "{step}");
    }
}

#[test]
fn docker_told_to_end_must_have_everything_taken_back() {
    let site = Site::new();
    let before = site.files();
    let (source, opt) = (site.source(), site.path("opt"));
    let words =
        ["sandbox", "setup", "--yes", "--from", source.to_str().unwrap(), "--prefix", opt.to_str().unwrap()];
    let running = site.scenario.start("docker", words, Io::Pipes);
    wait_until("programs are placed", || opt.exists());
    running.signal(Signal::TERM);
    running.end().exits(143).says("everything is as it was");
    assert_eq!(site.files(), before);
    assert_eq!(site.registered("runsc"), "");
}

#[test]
fn a_kill_at_any_step_must_leave_a_whole_file_and_the_next_run_must_tidy_up() {
    let site = Site::new();
    let before = site.files();
    let text = std::fs::read_to_string(site.config()).unwrap();
    for (number, step) in STEPS.into_iter().enumerate() {
        let mut running = start(&site);
        running.wait_for(step);
        running.signal(Signal::KILL);
        running.end();
        assert_whole(&site, &text);
        if number % 2 == 0 {
            let undone = site.undo();
            // Killed before anything was on record: then nothing was done.
            assert!(undone.status.success() || undone.err().contains("nothing to undo"), "{step}: {undone}");
            assert_eq!(site.registered("runsc"), "", "{step}");
        } else {
            site.set_up().exits(0).says("take back what an interrupted run has left");
            assert_eq!(site.registered("runsc"), site.path("opt/runsc").to_str().unwrap(), "{step}");
            site.undo().exits(0);
        }
        assert_eq!(site.files(), before, "{step}");
    }
}

#[test]
fn a_kill_at_any_moment_must_leave_a_whole_file() {
    let site = Site::new();
    let before = site.files();
    let text = std::fs::read_to_string(site.config()).unwrap();
    // No state to wait for: any moment will do, and these are some of them.
    for delay in (0..1200).step_by(75) {
        let mut running = start(&site);
        running.wait_for("- copy gVisor");
        std::thread::sleep(Duration::from_millis(delay));
        if running.has_ended() {
            break;
        }
        running.signal(Signal::KILL);
        running.end();
        assert_whole(&site, &text);
        let undone = site.undo();
        assert!(undone.status.success() || undone.err().contains("nothing to undo"), "{delay}: {undone}");
        assert_eq!(site.files(), before, "{delay}");
    }
    assert_eq!(site.registered("runsc"), "");
    let left = site.scenario.docker(["ps", "--all", "--quiet", "--filter=label=docker-sandbox.proof"]).out();
    let images = site.scenario.docker(["images", "--quiet", "--filter=label=docker-sandbox.proof"]).out();
    assert_eq!((left.as_str(), images.as_str()), ("", ""));
}

#[test]
fn a_kill_during_undo_must_leave_an_undo_that_can_go_on() {
    let site = Site::new();
    site.write_config("{\"debug\": false}", 0o644);
    let before = site.files();
    for delay in (0..400).step_by(80) {
        site.set_up().exits(0);
        let mut running = site.start(["--undo", "--yes"], Io::Terminal);
        running.wait_for("takes");
        std::thread::sleep(Duration::from_millis(delay));
        running.signal(Signal::KILL);
        running.end();
        let again = site.undo();
        assert!(again.status.success() || again.err().contains("nothing to undo"), "{delay}: {again}");
        assert_eq!(site.files(), before, "{delay}");
        assert_eq!(site.registered("runsc"), "", "{delay}");
    }
}

/// Lays a small file system over the folder of the real daemon.json, for the daemon as for the plugin.
fn on_a_small_disk(pages: usize) -> (Site, String) {
    let pid = |site: &Site| std::fs::read_to_string(site.path("docker.pid")).unwrap().trim().to_owned();
    let site = Site::new();
    let (pid, tiny) = (pid(&site), site.path("tiny"));
    std::fs::create_dir(&tiny).unwrap();
    let line = format!(
        "mount -t tmpfs -o size={}k,mode=755 none {tiny} && cp {config} {tiny}/daemon.json && ln -sf tiny/daemon.json {config}",
        pages * 4,
        tiny = tiny.display(),
        config = site.config().display()
    );
    inside(&pid, &line);
    let Site { scenario, own } = site;
    let scenario = scenario.through(["nsenter".to_owned(), format!("--target={pid}"), "--mount".to_owned()]);
    (Site { scenario, own }, pid)
}

/// Runs a shell line where the daemon is; returns what it prints.
fn inside(pid: &str, line: &str) -> String {
    let words = ["-t", pid, "-m", "sh", "-ec", line];
    let output = std::process::Command::new("nsenter").args(words).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_full_disk_must_leave_the_old_file_or_the_new_one() {
    let mut ends = Vec::new();
    let (site, pid) = on_a_small_disk(1);
    let tiny = site.path("tiny");
    let list = format!("cd {} && ls -A && cat daemon.json", tiny.display());
    let before = inside(&pid, &list);
    for pages in 1..9 {
        inside(&pid, &format!("mount -o remount,size={}k {}", pages * 4, tiny.display()));
        let outcome = site.set_up();
        if outcome.status.success() {
            inside(&pid, &format!("grep -q opt/runsc {}/daemon.json", tiny.display()));
            site.undo().exits(0);
        } else {
            assert!(outcome.err().contains("No space left"), "{pages}: {outcome}");
        }
        assert_eq!(inside(&pid, &list), before, "{pages}: {outcome}");
        assert_eq!(site.registered("runsc"), "", "{pages}");
        assert_eq!(site.names(), ["daemon.json"], "{pages}");
        ends.push(outcome.status.success());
    }
    assert!(!ends[0] && ends[7], "small disks are too small and larger ones are not: {ends:?}");
}

#[test]
fn a_read_only_file_system_must_be_left_as_it_is() {
    let (site, pid) = on_a_small_disk(64);
    let tiny = site.path("tiny").display().to_string();
    let before = inside(&pid, &format!("ls -A {tiny}; cat {tiny}/daemon.json"));
    inside(&pid, &format!("mount -o remount,ro {tiny}"));
    site.set_up().exits(1).says("Read-only file system");
    assert_eq!(inside(&pid, &format!("ls -A {tiny}; cat {tiny}/daemon.json")), before);
    assert_eq!(site.names(), ["daemon.json"]);
    inside(&pid, &format!("mount -o remount,rw {tiny}"));
    site.set_up().exits(0);
    inside(&pid, &format!("mount -o remount,ro {tiny}"));
    site.undo().exits(1).says("Read-only file system");
    wait_until("the runtime is still there", || !site.registered("runsc").is_empty());
}

/// What a setup and an undo ask of the kernel that is seen afterwards.
const CALLS: [&str; 5] = ["rename", "renameat2", "unlink", "mkdir", "kill"];

#[test]
fn a_kill_at_every_change_on_the_disk_must_leave_what_can_be_taken_back() {
    let site = Site::new();
    site.write_config("{\"debug\": false}\n", 0o600);
    let (before, text) = (site.files(), "{\"debug\": false}\n");
    let source = site.source();
    let up = ["--from".as_ref(), source.as_os_str(), "--yes".as_ref()];
    let mut kills = 0;
    for call in CALLS {
        for undoing in [false, true] {
            if undoing && call != "rename" && call != "kill" {
                continue;
            }
            for number in 1.. {
                assert!(number < 40, "{call} does not end");
                if undoing {
                    site.set_up().exits(0);
                }
                let at = format!("{call} {number}, undoing: {undoing}");
                let words: &[&std::ffi::OsStr] =
                    if undoing { &["--undo".as_ref(), "--yes".as_ref()] } else { &up };
                let killed = site.killed_at(call, number, words);
                assert_whole(&site, text);
                let undone = site.undo();
                assert!(
                    undone.status.success() || undone.err().contains("nothing to undo"),
                    "{at}: {undone}"
                );
                assert_eq!(site.files(), before, "{at}");
                assert_eq!(site.registered("runsc"), "", "{at}");
                if !killed {
                    break;
                }
                kills += 1;
            }
        }
    }
    assert!(kills > 20, "{kills} kills");
}
