//! What commands leave to whoever reads it: names, depths and sizes that nobody expects.

use super::Project;
use super::project::{Snapshot, differences};
use crate::one_shot::ENGINES;

#[test]
fn no_name_and_no_depth_keeps_the_rest_from_being_judged() {
    let script = r#"
        exec 2>/dev/null
        for byte in 001 007 010 011 012 015 033 042 044 047 052 073 134 140 177 200 233 300 377; do echo x >"$(printf "n\\$byte")"; done
        touch -- "$(printf '\033]0;title\007')"; touch -- '$(touch planted)'; touch -- '-rf'; touch -- '--'; touch -- ' '; touch -- '%41%zz'; mkdir '...'; touch -- '.../..'
        touch -- "$(printf 'v%0254d' 0)"; printf 'a\nb' >"$(printf '\n')"; mkdir -p x/y/z; chmod 0 x/y; mkdir locked; chmod 300 locked
        deep=$(printf 'd/%.0s' $(seq 1 150)); mkdir -p $deep; echo x >${deep}file; echo end
    "#;
    for engine in ENGINES {
        let project = Project::on(engine);
        project.both_ways(
            |project| project.repository(""),
            &["--write", "--", "sh", "-c", script],
            |project, run, _| {
                assert_eq!(run.out(), "end\n", "{}", run.outcome);
                let after = project.snapshot();
                assert!(after.len() > 180 + 25, "{}: {:#?}", after.len(), run.states(&project.root()));
                assert!(project.path("$(touch planted)").exists() && !project.path("planted").exists());
                assert_eq!(run.kinds(), ["applied"]);
                project.use_repository("");
            },
        );
        // What it says of that to a terminal is harmless.
        let script =
            r#": >"$(printf '\033]0;title\007')"; ln -s / "$(printf 'a\033[31m\nb')"; echo x >.envrc"#;
        let outcome = project.place.run(&["--write", "--", "sh", "-c", script]).exits(0).prints("");
        assert!(!outcome.stderr.contains(&0x1b) && outcome.err().lines().count() == 1, "{outcome}");
        project.place.wait_until_over();
    }
}

/// Deeper than a path can be long.
#[test]
fn what_is_too_deep_to_be_read_keeps_nothing_else_from_being_applied() {
    let script = r#"
        mkdir -p x/$(printf 'a/%.0s' $(seq 1 300)); cd x; long=$(for name in 1 2 3 4 5 6 7 8 9; do printf '%0250d/' 0; done)
        mkdir -p $long; cd $long; mkdir -p $long
        cd "$1"; echo new >file; echo end
    "#;
    for engine in ENGINES {
        let project = Project::on(engine);
        project.write("file", "old\n");
        let root = project.root().display().to_string();
        for fate in ["--write", "--discard"] {
            let outside = project.outside();
            let words = [fate, "--", "sh", "-c", script, "sh", &root];
            let outcome = project.place.run(&words).exits(0);
            assert!(outcome.out().ends_with("end\n"), "{outcome}");
            if fate == "--write" {
                outcome
                    .says("2 changes not applied: 2 failed; see, and apply or drop: docker sandbox changes ");
                assert_eq!(std::fs::read_to_string(project.path("file")).unwrap(), "new\n");
            }
            assert!(differences(&project.outside(), &outside).is_empty());
        }
        // Only what waits is kept, and the next command is none the worse for it.
        let views = project.views();
        let kept =
            project.place.scenario.home().join("data/docker-sandbox/changes").join(&views[0]).join("0");
        assert_eq!((views.len(), kept.join("upper").exists()), (1, false));
        project.place.run(&["--write", "--", "rm", "-r", "x"]).exits(0).quietly();
        assert!(!project.path("x").exists());
        project.place.wait_until_over();
    }
}

#[test]
fn a_git_directory_that_is_replaced_stays() {
    let scripts = [
        "rm -rf .git; ln -s ../target .git",
        "mv .git x; mkdir .git; cp -r x/. .git; echo evil >.git/config",
        "rm -rf .git; echo 'gitdir: ../target' >.git",
        "rm -rf .git/objects; ln -s ../../target/objects .git/objects",
        "rm -rf .git/refs; ln -s ../../target/refs .git/refs; rm .git/HEAD; ln -s ../../target/HEAD .git/HEAD",
        "rm -rf .git; mkdir -p objects refs; echo 'ref: refs/heads/main' >HEAD; echo evil >config",
        "for file in $(find .git -type f); do rm $file; ln -s /etc/passwd $file; done",
        "for file in $(find .git -type f); do rm $file; mkfifo $file; done; rm -rf .git/logs; mkfifo .git/logs",
    ];
    for engine in ENGINES {
        let project = Project::on(engine);
        for script in scripts {
            project.empty();
            project.repository("");
            project.git("", &["pack-refs", "--all"]);
            let contents = |project: &Project| -> Snapshot {
                let timeless = |(path, (mode, ids, _, content))| (path, (mode, ids, (0, 0), content));
                project.snapshot().into_iter().map(timeless).collect()
            };
            let before = contents(&project);
            let (outside, script) = (project.outside(), format!("{{ {script}; }} 2>/dev/null"));
            let run = project.run(&["--", "sh", "-c", &script]);
            // History may be lost: a command may remove what it can change. What makes it a repository stays.
            let history = ["logs", "refs", "packed-refs", "COMMIT_EDITMSG", "ORIG_HEAD"];
            let mut changed = differences(&contents(&project), &before);
            changed.retain(|path| {
                let inside = path.strip_prefix(".git").ok();
                !inside.is_some_and(|inside| history.iter().any(|name| inside.starts_with(name)))
                    && ![".git", "x", "refs", "objects", ".git/objects/pack"]
                        .iter()
                        .any(|name| path.as_os_str() == *name)
            });
            let in_x = |path: &std::path::PathBuf| path.starts_with("x");
            assert!(changed.iter().all(in_x), "{script}: {changed:?}: {:#?}", run.states(&project.root()));
            assert!(differences(&project.outside(), &outside).is_empty(), "{script}");
            let kind = std::fs::symlink_metadata(project.path(".git")).unwrap();
            assert!(kind.is_dir(), "{script}");
            project.use_repository("");
        }
        project.place.wait_until_over();
    }
}
