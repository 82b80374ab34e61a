//! All kinds of files and of changes to them arrive as the command left them, and what is no file does not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::Project;
use super::project::differences;
use crate::one_shot::ENGINES;

fn prepare(project: &Project) {
    for path in [
        "replaced",
        "renamed",
        "gone",
        "sub/inner",
        "sub/gone",
        "mode",
        "directory/file",
        "file",
        "opened",
        "same",
    ] {
        project.write(path, &format!("{path}\n"));
    }
    symlink("file", project.path("link")).unwrap();
    std::fs::hard_link(project.path("same"), project.path("another-name")).unwrap();
    std::fs::set_permissions(project.path("mode"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let old =
        std::process::Command::new("touch").args(["-d", "2001-02-03"]).arg(project.path("opened")).status();
    assert!(old.unwrap().success());
}

#[test]
fn every_kind_of_change_arrives() {
    let script = r#"
        echo new >x; mv x replaced; mv renamed elsewhere; rm gone sub/gone; mv sub moved; chmod 750 mode; chmod 700 directory
        rm -r directory; echo now a file >directory; rm file; mkdir file; echo in it >file/inner; rm link; ln -s file/inner link
        ln -s ../../etc out; ln -s "$PWD/moved" absolute; ln -s /etc/passwd passwd; ln -s elsewhere inside
        echo one >first; ln first second; touch -d '2002-03-04 05:06:07' first
        : >>opened; cat opened >/dev/null; echo more >>another-name
        dd if=/dev/zero of=sparse bs=1 count=1 seek=1073741823 2>/dev/null
        echo x >"$(printf 'not\377text')"; echo y >"$(printf 'two\nlines')"; echo z >'a "quoted", 100% name'
        mkfifo pipe 2>/dev/null; cp /bin/busybox program; chmod 4755 program; nc -l -U socket 2>/dev/null & sleep 0.1
        mkdir -p made/deep/er empty; echo d >made/deep/er/file; chmod 500 made/deep; umask 077; echo p >private; echo end
    "#;
    for engine in ENGINES {
        let project = Project::on(engine);
        project.both_ways(prepare, &["--write", "--", "sh", "-c", script], |project, run, before| {
            let states = run.states(&project.root());
            assert_eq!(run.out(), "end\n", "{}", run.outcome);
            let after = project.snapshot();
            let text = |path: &str| std::fs::read_to_string(project.path(path)).unwrap_or_default();
            let gone = ["renamed", "gone", "sub", "pipe", "socket", "out", "passwd", "program"];
            let there: Vec<&&str> = gone.iter().filter(|path| after.contains_key(Path::new(path))).collect();
            assert!(there.is_empty(), "{there:?}: {states:#?}");
            for (path, expected) in [
                ("replaced", "new\n"),
                ("elsewhere", "renamed\n"),
                ("moved/inner", "sub/inner\n"),
                ("directory", "now a file\n"),
                ("file/inner", "in it\n"),
                ("first", "one\n"),
                ("another-name", "same\nmore\n"),
                ("a \"quoted\", 100% name", "z\n"),
                ("two\nlines", "y\n"),
                ("made/deep/er/file", "d\n"),
            ] {
                assert_eq!(text(path), expected, "{path}: {states:#?}");
            }
            for (path, target) in [("link", "file/inner"), ("inside", "elsewhere")] {
                assert_eq!(project.path(path).read_link().unwrap(), Path::new(target));
            }
            assert_eq!(project.path("absolute").read_link().unwrap(), project.path("moved"));
            assert!(project.path(".").join(OsStr::from_bytes(b"not\xfftext")).exists());
            let about = |path: &str| project.path(path).symlink_metadata().unwrap();
            for (path, mode) in [("mode", 0o750), ("made/deep", 0o500), ("private", 0o600)] {
                assert_eq!(about(path).mode() & 0o7777, mode, "{path}");
            }
            // 2002-03-04 05:06:07 UTC.
            assert_eq!(about("first").mtime(), 1_015_218_367);
            assert_eq!((about("sparse").len(), about("sparse").blocks() < 1000), (1 << 30, true));
            // What was only opened is as it was, times included.
            assert_eq!(after[Path::new("opened")], before[Path::new("opened")]);
            let set_id = |path: &PathBuf| after[path].0 & 0o6000 != 0;
            assert!(!after.keys().any(set_id), "{states:#?}");
            let ours = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            assert!(after.values().all(|about| about.1 == ours));
            for (path, rule) in [("program", "set-id"), ("out", "link-outside"), ("passwd", "link-outside")] {
                assert_eq!(states.get(path).map(String::as_str), Some(rule), "{states:#?}");
            }
        });
    }
}

#[test]
fn fifty_thousand_files_arrive() {
    let project = Project::on("trixie");
    project.write("old/file", "old\n");
    let script = "for d in 0 1 2 3 4 5 6 7 8 9; do mkdir -p new/$d old/$d; i=0; while [ $i -lt 2500 ]; do \
        echo $i >new/$d/$i; echo $i >old/$d/$i; i=$((i+1)); done; done; rm old/file";
    let outside = project.outside();
    project.place.run(&["--write", "--", "sh", "-c", script]).exits(0).prints("").quietly();
    let after = project.snapshot();
    assert_eq!(after.len(), 50_000 + 22);
    assert_eq!(after[Path::new("old/9/2499")].3, b"2499\n");
    // And away with them again.
    project.place.run(&["--write", "--", "rm", "-r", "new"]).exits(0).prints("").quietly();
    assert_eq!(project.snapshot().len(), 25_000 + 11);
    assert!(differences(&project.outside(), &outside).is_empty());
    project.assert_nothing_left();
}
