//! Files: what of them is lost, unseen or not noticed.

use std::path::Path;

use super::{Kept, assert_lines, is_older, ours, remove_containers, shown};
use crate::stage::{Form, IMAGE, Scenario, wait_until};

/// The start of a container that waits.
const WAIT: [&str; 3] = [IMAGE, "sleep", "600"];

/// What is left of a file that a container wrote into its root filesystem before it was restarted, and into a volume.
fn after_a_restart(scenario: &Scenario, container: &str) -> (bool, bool) {
    scenario.docker(["exec", container, "sh", "-c", "echo 1 > /mine; echo 1 > /volume/mine"]).exits(0);
    scenario.docker(["restart", "--time=0", container]).exits(0);
    let has = |path: &str| scenario.docker(["exec", container, "test", "-e", path]).status.success();
    (has("/mine"), has("/volume/mine"))
}

#[test]
fn a_restart_must_lose_what_was_written() {
    shown(&["restart"], |scenario| {
        let older = is_older(scenario);
        let restarted = |runtime: &str, options: &[&str]| {
            let line = [&["run", "-d", runtime, "-v", "/volume"], options, &WAIT].concat();
            let id = scenario.docker(line).exits(0).out();
            after_a_restart(scenario, id.trim())
        };
        assert_eq!(restarted("--runtime=runc", &["--restart=always"]), (true, true));
        assert_eq!(restarted("--runtime=runsc", &["--restart=always"]), (older, true));

        // It is asked which release it is, and nothing is said where it does not hold.
        let rules: &[&str] = if older { &[] } else { &["restart"] };
        let line = [&["-d", "--restart=on-failure", "-v", "/volume"], &WAIT[..]].concat();
        let id = ours(scenario, rules, &line).exits(0).quietly().out();
        assert_eq!(after_a_restart(scenario, id.trim()), (older, true));
        // Nor where there is nothing to lose.
        for harmless in ["--restart=no", "--read-only"] {
            let line = ["--rm", "--restart=no", harmless, IMAGE, "true"];
            scenario.run(Form::Docker, line).exits(0).quietly();
        }
        let line = [&["-d", "--restart=always", "--read-only"], &WAIT[..]].concat();
        scenario.run(Form::Docker, line).exits(0).quietly();
        remove_containers(scenario);
    });
}

#[test]
fn docker_must_not_see_what_was_written() {
    // Nothing is said of it, as no argument shows it.
    shown(&["rootfs-writes"], |scenario| {
        let older = is_older(scenario);
        let image = Kept::new(scenario, "image", "committed");
        for (runtime, sees) in [("runc", true), ("runsc", older)] {
            let option = format!("--runtime={runtime}");
            let line = [&["run", "-d", &option], &WAIT[..]].concat();
            let id = scenario.docker(line).exits(0).out();
            let id = id.trim();
            scenario.docker(["exec", id, "sh", "-c", "echo 1 > /mine"]).exits(0);
            scenario.docker(["exec", id, "cat", "/mine"]).exits(0).prints("1\n");

            let copied = scenario.home().join(format!("work/{runtime}"));
            let copy = scenario.docker(["cp", &format!("{id}:/mine"), copied.to_str().unwrap()]);
            assert_eq!((copy.status.success(), copied.exists()), (sees, sees), "{copy}");
            let changes = scenario.docker(["diff", id]).exits(0);
            assert_eq!(changes.out().lines().any(|line| line == "A /mine"), sees, "{changes}");
            scenario.docker(["commit", id, &image.name]).exits(0);
            let look = ["run", "--rm", "--runtime=runc", &image.name, "ls", "-A", "/"];
            let names = scenario.docker(look).exits(0).out();
            assert_eq!(names.lines().any(|name| name == "mine"), sees, "{names}");
            // The store of the overlay is in it instead.
            let store = names.lines().any(|name| name.starts_with(".gvisor.filestore."));
            assert_eq!(store, !sees, "{names}");
            scenario.docker(["image", "rm", &image.name]).exits(0);
        }
        let line = [&["-d"], &WAIT[..]].concat();
        ours(scenario, &[], &line).exits(0).quietly();
        remove_containers(scenario);
    });
}

/// Says "ready", and then the name of the first file that is closed after it was written in /w. The host's perl: its
/// system calls have other numbers on other processors.
const WATCH: &str = r#"
    my ($init, $add) = `uname -m` =~ /x86_64/ ? (294, 254) : (26, 27);
    my $watch = syscall($init, 0);
    my $path = "/w";
    syscall($add, $watch, $path, 8) >= 0 or die $!;
    $| = 1;
    print "ready\n";
    open(my $file, "<&=", $watch);
    sysread($file, my $event, 4096);
    print unpack("Z*", substr($event, 16)), "\n";
    sleep(600);"#;

/// The options that lend a container the host's perl.
fn perl() -> Vec<String> {
    let folders = ["/usr", "/lib", "/lib64"].into_iter().filter(|folder| Path::new(folder).exists());
    folders.flat_map(|folder| ["-v".to_owned(), format!("{folder}:{folder}:ro")]).collect()
}

/// Starts a watcher by `docker WORDS`, writes a file from outside and then one from inside, and says which it noticed.
fn noticed(scenario: &Scenario, words: &[&str], rules: &[&str]) -> String {
    let folder = tempfile::tempdir_in(scenario.home()).unwrap();
    let mount = format!("{}:/w", folder.path().display());
    let mut line: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    line.extend(perl());
    line.extend(["-d", "-v", &mount, IMAGE, "perl", "-e", WATCH, "--", "--watch"].map(str::to_owned));
    let started = scenario.docker(&line).exits(0);
    assert_lines(&started, &started.err(), rules);
    let id = started.out().trim().to_owned();
    let says = || scenario.docker(["logs", &id]).exits(0).out();
    wait_until("it watches", || says() == "ready\n");
    std::fs::write(folder.path().join("outside"), "1\n").unwrap();
    if says() == "ready\n" {
        scenario.docker(["exec", &id, "sh", "-c", "cat /w/outside && echo 1 > /w/inside"]).exits(0);
    }
    wait_until("it has noticed something", || says().lines().count() == 2);
    says().lines().last().unwrap().to_owned()
}

#[test]
fn changes_by_the_host_must_not_be_noticed() {
    shown(&["inotify"], |scenario| {
        assert_eq!(noticed(scenario, &["run", "--runtime=runc"], &[]), "outside");
        assert_eq!(noticed(scenario, &["run", "--runtime=runsc"], &[]), "inside");
        let ours = ["sandbox", "run", "--quiet-rule=host-read"];
        assert_eq!(noticed(scenario, &ours, &["inotify"]), "inside");
        let quiet = [&ours[..], &["--quiet-rule=inotify"]].concat();
        assert_eq!(noticed(scenario, &quiet, &[]), "inside");
        remove_containers(scenario);
    });
}
