//! Several commands in one project at a time, which change directories under each other.

use std::path::PathBuf;

use super::Project;
use super::project::differences;
use crate::one_shot::ENGINES;
use crate::stage::{Io, Running};

/// Directories become links to somewhere else and back while others write to them.
#[test]
fn commands_that_swap_directories_for_links_stay_in_the_project() {
    for engine in ENGINES {
        let project = Project::on(engine);
        let home = project.place.scenario.home().to_owned();
        for path in ["work/a/x/file", "work/b/x/file", "target/x/file", "target/file"] {
            project.place.scenario.write(path, "old\n");
        }
        let target = home.join("target").display().to_string();
        let swap = format!(
            "for name in a b a/x b/x; do rm -rf $name; ln -s {target} $name; done; ln -s ../target c; ln -s a/../../target d"
        );
        let inner = "rm -rf a b; mkdir a; ln -s ../../target a/x; ln -s a b";
        let write = "for name in a b a/x b/x c d; do mkdir -p $name; echo command >$name/file; echo new >$name/new; done 2>/dev/null";
        let outside = project.outside();
        let a = format!("--mount={}:rw", project.path("a").display());
        let commands: [&[&str]; 6] = [
            &["--", "sh", "-c", &swap],
            &["--", "sh", "-c", write],
            &["--", "sh", "-c", inner],
            &["--", "sh", "-c", write],
            &[&a, "--", "sh", "-c", write],
            &["--", "sh", "-c", &swap],
        ];
        let start = |words: &&[&str]| project.place.start(&[&["--write"], *words].concat(), Io::Pipes);
        let running: Vec<Running> = commands.iter().map(start).collect();
        for running in running {
            running.end();
        }
        let changed: Vec<PathBuf> = differences(&project.outside(), &outside);
        assert!(changed.is_empty(), "{changed:?}");
        let links = project.snapshot().into_iter().filter(|(_, about)| about.0 & 0o170_000 == 0o120_000);
        let root = std::fs::canonicalize(project.root()).unwrap();
        for (path, _) in links {
            let there = std::fs::canonicalize(project.path(".").join(&path));
            // Dangling ones lead nowhere.
            assert!(there.map_or(true, |there| there.starts_with(&root)), "{}", path.display());
        }
        project.assert_none_of_ours();
        project.place.wait_until_over();
    }
}

/// The directory is mounted while its name comes to lead elsewhere.
#[test]
fn a_name_that_leads_elsewhere_when_a_command_ends_is_not_followed() {
    for engine in ENGINES {
        let project = Project::on(engine);
        for path in ["work/sub/file", "target/file"] {
            project.place.scenario.write(path, "old\n");
        }
        let (sub, moved) = (project.path("sub"), project.path("moved"));
        let mount = format!("--mount={}:rw", sub.display());
        let words =
            [&*mount, "--", "sh", "-c", "cd sub; echo ready; read line; echo new >file; echo new >new"];
        let mut running = project.place.start(&words, Io::Pipes);
        running.wait_for("ready");
        std::fs::rename(&sub, &moved).unwrap();
        std::os::unix::fs::symlink(project.place.scenario.home().join("target"), &sub).unwrap();
        let outside = project.outside();
        running.feed(b"go\n".to_vec());
        let outcome = running.end();
        let changed = differences(&project.outside(), &outside);
        assert!(changed.is_empty(), "{changed:?}: {outcome}");
        assert_eq!(std::fs::read_to_string(moved.join("file")).unwrap(), "new\n", "{outcome}");
        project.place.wait_until_over();
    }
}
