//! Whatever kills us while changes are applied, no file of the project is half there, and the next command goes on.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::Project;
use super::project::{Entry, Snapshot, differences};
use crate::one_shot::{ENGINES, Place};
use crate::stage::{Io, Scenario};

/// What applying asks of the kernel that is seen afterwards, and how often: what comes after that is in directories of ours.
const CALLS: [(&str, usize); 7] = [
    ("rename", 6),
    ("renameat", 2),
    ("renameat2", 6),
    ("unlinkat", 6),
    ("mkdirat", 3),
    ("fchmodat", 4),
    ("lremovexattr", 2),
];

const SCRIPT: &str = "echo new >file; rm gone; rm -r directory; echo now a file >directory; rm swapped; mkdir swapped; echo in >swapped/x; mkdir -p a/b; \
    echo x >a/b/c; chmod 700 mode; ln -s file link; mv renamed elsewhere; echo evil >.envrc; echo y >a/.envrc";

fn prepare(project: &Project) {
    project.empty();
    for path in ["file", "gone", "directory/file", "swapped", "mode/file", "renamed"] {
        project.write(path, &format!("old {path}\n"));
    }
}

fn timeless(snapshot: Snapshot) -> Snapshot {
    let entry = |(path, (mode, ids, _, content)): (PathBuf, Entry)| (path, (mode, ids, (0, 0), content));
    snapshot.into_iter().map(entry).collect()
}

/// The same where what the command wrote is on another file system, and is copied.
const CALLS_OF_COPIES: [(&str, usize); 7] = [
    ("copy_file_range", 4),
    ("utimensat", 3),
    ("ftruncate", 3),
    ("fchmod", 3),
    ("renameat2", 6),
    ("symlinkat", 1),
    ("unlinkat", 12),
];

/// Runs the command, and kills us as we make this call for the `number`th time; whether that came to be.
fn killed_at(project: &Project, data: &Path, call: &str, number: usize) -> bool {
    let scenario = &project.place.scenario;
    let home = scenario.home();
    let inject = format!("inject={call}:signal=SIGKILL:when={number}");
    let output = std::process::Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
        .arg(home.join("bin/docker-sandbox"))
        .args(["do", "--write", "--", "sh", "-c", SCRIPT])
        .current_dir(project.root())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", home.join("bin").display()))
        .env("HOME", home)
        .env("DOCKER_CONFIG", home.join(".docker"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_DATA_HOME", data)
        .env("DOCKER_HOST", scenario.engine.host())
        .output()
        .unwrap_or_else(|error| panic!("strace: {error}; ./test.sh installs it"));
    let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
    assert!(killed || output.status.success(), "{call} {number}: {output:?}");
    killed
}

#[test]
fn a_kill_at_every_change_on_the_disk_leaves_whole_files_and_the_next_command_goes_on() {
    let project = Project::on("trixie");
    let data = project.place.scenario.home().join("data");
    kill_at_each(&project, &data, &CALLS, false);
}

#[test]
fn a_kill_while_files_are_copied_leaves_whole_files_and_the_next_command_goes_on() {
    let data = tempfile::tempdir_in("/dev/shm").unwrap();
    let place = Place::of(Scenario::on("trixie").env("XDG_DATA_HOME", data.path()), &[]);
    let project = Project::at(place);
    kill_at_each(&project, data.path(), &CALLS_OF_COPIES, true);
}

fn kill_at_each(project: &Project, data: &Path, calls: &[(&str, usize)], copies: bool) {
    prepare(project);
    let before = timeless(project.snapshot());
    project.place.run(&["--write", "--", "sh", "-c", SCRIPT]).exits(0);
    let after = timeless(project.snapshot());
    let outside = project.outside();
    let changed: BTreeSet<PathBuf> = differences(&after, &before).into_iter().collect();
    let mut seen = BTreeSet::new();
    for &(call, last) in calls {
        for number in 1..=last {
            let at = format!("{call} {number}");
            prepare(project);
            let asked = project.place.asked().len();
            if !killed_at(project, data, call, number) {
                break;
            }
            let ran = project.place.asked()[asked..].iter().any(|line| line.starts_with("run "));
            let now = timeless(project.snapshot());
            let there = differences(&now, &before);
            for path in &there {
                // Something may be on its way to it: nothing yet, or a directory of which the mode is not yet the last one.
                let whole = now.get(path).is_none_or(|entry| {
                    let is = |other: Option<&Entry>| other.is_some_and(|other| other.3 == entry.3);
                    is(after.get(path)) || is(before.get(path)) || entry.0 & 0o170_000 == 0o040_000
                });
                // The copy, before it takes its place.
                let beside = copies && path.to_string_lossy().contains(".docker-sandbox-");
                assert!(beside || whole && changed.contains(path), "{at}: {}", path.display());
            }
            seen.insert(there);
            project.place.wait_until_gone();
            // The next command finishes, or says what is left.
            let next = project.place.run(&["--write", "--", "true"]).exits(0);
            let settled = timeless(project.snapshot());
            let (done, untouched) = (differences(&settled, &after), differences(&settled, &before));
            assert!(done.is_empty() || untouched.is_empty(), "{at}: {done:?}, {untouched:?}: {next}");
            let said = next.err().contains("was interrupted: ");
            assert!(done.is_empty() || said || !ran, "{at}: {next}");
            let ours = |path: &&PathBuf| path.to_string_lossy().contains(".docker-sandbox");
            let left: Vec<&PathBuf> = settled.keys().filter(ours).collect();
            assert!(left.is_empty(), "{at}: {left:?}: {next}");
            assert!(differences(&project.outside(), &outside).is_empty(), "{at}");
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
}

#[test]
fn a_command_that_lost_its_caller_has_its_changes_wait() {
    for engine in ENGINES {
        let project = Project::on(engine);
        prepare(&project);
        let before = project.snapshot();
        let mut running = project
            .place
            .start(&["--write", "--", "sh", "-c", &format!("{SCRIPT}; echo ready; sleep 600")], Io::Pipes);
        running.wait_for("ready");
        running.signal(Signal::KILL);
        running.end();
        project.place.wait_until_gone();
        assert!(differences(&project.snapshot(), &before).is_empty());
        let next = project.place.run(&["--write", "--", "cat", "file"]).exits(0).prints("old file\n");
        next.says("was interrupted: ").says(" to review").says("docker sandbox changes ");
        assert!(differences(&project.snapshot(), &before).is_empty());
        assert_eq!(project.views().len(), 1);
        // Once is enough.
        project.place.run(&["--write", "--", "true"]).exits(0).quietly();
        project.place.wait_until_gone();
    }
}
