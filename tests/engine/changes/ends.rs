//! How a command ends, and what becomes of its changes then.

use serde_json::Value;

use super::project::differences;
use super::{Project, Run};
use crate::one_shot::{ENGINES, Place};
use crate::stage::Io;

const SCRIPT: &str = "echo new >file; echo evil >.envrc; mkdir made; echo x >made/x";

fn prepare(project: &Project) {
    project.write("file", "old\n");
}

#[test]
fn changes_are_applied_whatever_ends_a_command() {
    for engine in ENGINES {
        for (options, end, code) in [
            (&["--timeout=8s"][..], "exit 3", Some(3)),
            (&["--timeout=8s"], "sleep 600", Some(124)),
            (&["--timeout=1m"], "kill -9 $$", Some(137)),
        ] {
            let project = Project::on(engine);
            let script = format!("{SCRIPT}; {end}");
            let words = [&["--write"], options, &["--", "sh", "-c", &script]].concat();
            let check = |project: &Project, run: &Run, _: &_| {
                assert_eq!(run.outcome.status.code(), code, "{}", run.outcome);
                assert_eq!(std::fs::read_to_string(project.path("file")).unwrap(), "new\n");
                assert_eq!(std::fs::read_to_string(project.path("made/x")).unwrap(), "x\n");
                assert!(!project.path(".envrc").exists());
                assert_eq!(run.kinds(), ["applied", "shell-startup"]);
                let id = run.report["changes_id"].as_str().unwrap().to_owned();
                assert!(project.views().contains(&id));
            };
            if end == "sleep 600" {
                project.both_ways(prepare, &words, check);
            } else {
                prepare(&project);
                let run = Run::of(project.place.run(&[&["--format=json"], &words[..]].concat()));
                check(&project, &run, &project.snapshot());
            }
        }
    }
}

#[test]
fn an_interrupted_command_has_its_changes_applied() {
    for engine in ENGINES {
        let project = Project::on(engine);
        prepare(&project);
        let script = format!("{SCRIPT}; echo ready; sleep 600");
        let mut running = project.place.start(&["--write", "--", "sh", "-c", &script], Io::Pipes);
        running.wait_for("ready");
        // Nothing of it is on the host before it has ended.
        assert_eq!(std::fs::read_to_string(project.path("file")).unwrap(), "old\n");
        assert!(!project.path("made").exists());
        running.signal(rustix::process::Signal::INT);
        let outcome = running.end();
        assert_eq!(std::fs::read_to_string(project.path("file")).unwrap(), "new\n", "{outcome}");
        assert!(project.path("made/x").exists() && !project.path(".envrc").exists());
        outcome.says("1 change not applied: 1 held back; see, and apply or drop: docker sandbox changes ");
        project.place.wait_until_over();
    }
}

#[test]
fn only_success_is_applied_where_that_was_asked_for() {
    for engine in ENGINES {
        let project = Project::on(engine);
        let script = format!("{SCRIPT}; exit $CODE");
        for code in ["0", "1"] {
            project.empty();
            prepare(&project);
            let before = project.snapshot();
            let code_word = format!("CODE={code}");
            let words = ["--apply=on-success", "--env", &code_word, "--", "sh", "-c", &script];
            let run = project.run(&words);
            let changed = !differences(&project.snapshot(), &before).is_empty();
            assert_eq!(changed, code == "0", "{}", run.outcome);
            assert_eq!(run.report["exit_code"].to_string(), code);
            let kinds: &[&str] =
                if code == "0" { &["applied", "shell-startup"] } else { &["shell-startup", "waiting"] };
            assert_eq!(run.kinds(), kinds);
            let id = run.report["changes_id"].as_str().unwrap().to_owned();
            assert!(project.views().contains(&id), "they wait: {:?}", project.views());
            // Somebody decides: all that no rule holds back, what a rule holds back by its name, nothing.
            let ask = |words: &[&str]| {
                project.place.scenario.docker(["sandbox", "changes"].iter().chain(words)).exits(0).out()
            };
            if code == "0" {
                let applied = project.snapshot();
                assert!(ask(&[&id, "--diff"]).contains("b/.envrc"));
                assert!(ask(&[&id, "--drop"]).starts_with("dropped 1 change "));
                assert_eq!(project.snapshot(), applied);
            } else {
                ask(&[&id, "--apply"]);
                assert_eq!(std::fs::read_to_string(project.path("file")).unwrap(), "new\n");
                assert!(!project.path(".envrc").exists(), "a rule holds it back");
                assert_eq!(project.views(), [id.as_str()]);
                ask(&[&id, "--apply", ".envrc"]);
                assert_eq!(std::fs::read_to_string(project.path(".envrc")).unwrap(), "evil\n");
            }
            assert!(project.views().is_empty(), "{:?}", project.views());
        }
        project.place.wait_until_over();
    }
}

#[test]
fn discarded_changes_are_nowhere() {
    for engine in ENGINES {
        let project = Project::on(engine);
        let script = format!("{SCRIPT}; cat file made/x");
        project.both_ways(prepare, &["--discard", "--", "sh", "-c", &script], |project, run, before| {
            assert_eq!(run.out(), "new\nx\n");
            assert!(differences(&project.snapshot(), before).is_empty());
            assert_eq!(
                (&run.report["changes"], &run.report["changes_id"]),
                (&Value::Array(Vec::new()), &Value::Null)
            );
        });
        project.assert_nothing_left();
    }
}

#[test]
fn what_the_host_changed_meanwhile_stays_the_hosts() {
    for engine in ENGINES {
        let project = Project::on(engine);
        for name in ["file", "removed", "other", "directory/inner"] {
            project.write(name, "old\n");
        }
        let script = "echo ready; read line; for name in file removed other new directory/inner; do echo command >$name; done";
        let words = ["--write", "--", "sh", "-c", script];
        let mut running = project.place.start(&words, Io::Pipes);
        running.wait_for("ready");
        project.write("file", "host\n");
        project.write("new", "host\n");
        std::fs::remove_file(project.path("removed")).unwrap();
        std::fs::remove_dir_all(project.path("directory")).unwrap();
        running.feed(b"go\n".to_vec());
        // It sees what the host removed as soon as that is removed.
        let outcome = running.end();
        let text = |path: &str| std::fs::read_to_string(project.path(path)).ok();
        assert_eq!(text("file").as_deref(), Some("host\n"), "{outcome}");
        assert_eq!(text("new").as_deref(), Some("host\n"), "{outcome}");
        assert_eq!(text("other").as_deref(), Some("command\n"), "{outcome}");
        outcome.says(" conflicts; see, and apply or drop: docker sandbox changes ");
        // What a command wrote to a place that the host removed, it may have made again; it is kept or there, and whole.
        assert!(text("removed").is_none_or(|text| text == "command\n"));
        assert_eq!(project.views().len(), 1);
        project.place.wait_until_over();
    }
}

#[test]
fn other_directories_are_written_to_where_that_was_asked_for() {
    for engine in ENGINES {
        let project = Project::on(engine);
        let home = project.place.scenario.home().to_owned();
        for name in ["read/file", "write/file", "work/sub/file", "work/read/file"] {
            project.place.scenario.write(name, "old\n");
        }
        let path = |name: &str| format!("{}/{name}", home.display());
        let script = "cd ..; for name in read write work/sub work/read; do echo new >$name/file; echo x >$name/.envrc; done 2>/dev/null; echo end";
        let texts = || {
            ["read", "write", "work/sub", "work/read"]
                .map(|name| std::fs::read_to_string(home.join(name).join("file")).unwrap())
        };
        let (read, write) = (format!("--mount={}", path("read")), format!("--mount={}:rw", path("write")));
        let (sub, below) =
            (format!("--mount={}:rw", path("work/sub")), format!("--mount={}:ro", path("work/read")));
        // Read-only, but for two directories.
        let run =
            Run::of(project.place.run(&["--format=json", &read, &write, &sub, "--", "sh", "-c", script]));
        assert_eq!(texts(), ["old\n", "new\n", "new\n", "old\n"], "{}", run.outcome);
        assert_eq!(run.kinds(), ["applied", "shell-startup"]);
        std::fs::write(home.join("write/file"), "old\n").unwrap();
        std::fs::write(home.join("work/sub/file"), "old\n").unwrap();
        // All of the project, but for one.
        let run = project.run(&[&read, &write, &sub, &below, "--", "sh", "-c", script]);
        assert_eq!(texts(), ["old\n", "new\n", "new\n", "old\n"], "{}", run.outcome);
        for name in ["read", "write", "work/sub", "work/read"] {
            assert!(!home.join(name).join(".envrc").exists(), "{name}");
        }
        project.place.wait_until_over();
    }
}

#[test]
fn a_file_system_below_the_project_is_written_to_like_the_rest() {
    let project = Project::on("trixie");
    let mount = |args: &[&str]| {
        let done = std::process::Command::new("nsenter").args(args).status().unwrap();
        assert!(done.success(), "{args:?}");
    };
    let pid = std::fs::read_to_string(project.place.scenario.engine.dir.join("docker.pid")).unwrap();
    let below = project.path("below").display().to_string();
    let read_only = project.path("fixed").display().to_string();
    for path in [&below, &read_only] {
        std::fs::create_dir_all(path).unwrap();
        // Where the daemon is and here: its mount namespace is another one.
        let source = tempfile::tempdir_in(project.place.scenario.home()).unwrap().keep();
        std::fs::write(source.join("file"), "old\n").unwrap();
        for target in [pid.trim(), "self"] {
            let namespace = format!("--mount=/proc/{target}/ns/mnt");
            mount(&[&namespace, "mount", "--bind", source.to_str().unwrap(), path]);
            if *path == read_only {
                mount(&[&namespace, "mount", "-o", "remount,bind,ro", path]);
            }
        }
    }
    let script = "echo new >below/file; echo new >fixed/file; echo new >top; echo end";
    let run = project.run(&["--", "sh", "-c", script]);
    let text = |path: &str| std::fs::read_to_string(project.path(path)).unwrap();
    let seen = (text("below/file"), text("fixed/file"), text("top"));
    for target in [pid.trim(), "self"] {
        for path in [&below, &read_only] {
            mount(&[&format!("--mount=/proc/{target}/ns/mnt"), "umount", path]);
        }
    }
    assert_eq!(seen, ("new\n".into(), "old\n".into(), "new\n".into()), "{}", run.outcome);
}

#[test]
fn a_line_is_printed_only_where_something_waits() {
    for engine in ENGINES {
        let place = Place::on(engine);
        place.scenario.write("work/file", "old\n");
        let quiet = ["--write", "--", "sh", "-c", "echo new >file; mkdir -p made; rm -f none; echo out"];
        place.run(&quiet).exits(0).prints("out\n").quietly();
        let outcome = place
            .run(&["--write", "--", "sh", "-c", "echo x >.envrc; ln -s /etc p; echo y >file"])
            .exits(0)
            .prints("");
        let line = outcome.err();
        assert!(
            line.contains(
                "2 changes not applied: 2 held back; see, and apply or drop: docker sandbox changes "
            ),
            "{outcome}"
        );
        assert_eq!(line.lines().count(), 1, "{outcome}");
        // What waits is not said again.
        place.run(&quiet).exits(0).prints("out\n").quietly();
        place.wait_until_over();
    }
}
