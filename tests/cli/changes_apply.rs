//! `changes --apply` and `--drop`, and what was interrupted: the host before and after.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use snapbox::str;

use crate::changes_stage::{BEFORE_EVERYTHING, Changes, a_few, held, is_kept, locked, repository, snapshot};
use crate::environment::TestEnvironment;

#[test]
fn apply_takes_what_no_rule_holds_back() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo")
        .file(".envrc", "added", held("shell-startup"), "evil\n")
        .file("README", "modified", "wanted", "new\n")
        .left("tool", 0o755, "#!/bin/sh\n")
        .listed("tool", "added", "file", "wanted")
        .listed("old", "removed", "file", "wanted")
        .put();
    let mut expected = snapshot(&test.path("work/repo"));
    test.docker("sandbox changes --apply").is(str![[r#"
exit 0
--- stdout
applied 3 changes of aa11
--- stderr
docker sandbox: 1 change left: docker sandbox changes aa11
docker sandbox: to apply what a rule holds back: docker sandbox changes aa11 --apply .envrc

"#]]);
    expected.remove(Path::new("old"));
    expected.insert("README".into(), (0o100_644, b"new\n".to_vec()));
    expected.insert("tool".into(), (0o100_755, b"#!/bin/sh\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    // What is left is applied by its name.
    test.docker("sandbox changes aa --apply .envrc").is(str![[r#"
exit 0
--- stdout
applied 1 change of aa11

"#]]);
    expected.insert(".envrc".into(), (0o100_644, b"evil\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    assert!(!is_kept(&test, "aa11"));
    test.docker("sandbox changes aa11").is(str![[r#"
exit 2
--- stderr
docker sandbox: no changes with the id `aa11` wait
hint: list the changes of all projects:
    docker sandbox changes --all

"#]]);
}

#[test]
fn paths_are_taken_as_they_are_typed() {
    let mut test = repository();
    let put = |test: &TestEnvironment| {
        Changes::new(test, "aa11", "work/repo")
            .listed("src/new", "added", "directory", "wanted")
            .file("src/new/.envrc", "added", held("shell-startup"), "evil\n")
            .put();
    };
    symlink("repo", test.path("work/link")).unwrap();
    let absolute = test.path("work/repo/src/new/.envrc").display().to_string();
    let through_link = test.path("work/link/src/new").display().to_string();
    for (directory, path) in [
        ("work/repo", "src/new/.envrc"),
        ("work/repo", "./src"),
        ("work/repo", "."),
        ("work/repo/src", "new/.envrc"),
        ("work/repo/.git/refs", "../../src/new/.envrc"),
        ("home", absolute.as_str()),
        ("home", through_link.as_str()),
    ] {
        let _ = fs::remove_dir_all(test.path("work/repo/src/new"));
        put(&test);
        test.enter(directory);
        let applied = test.docker_words(["sandbox", "changes", "aa11", "--apply", path]);
        assert_eq!(applied.code, Some(0), "{directory} {path}: {}", applied.text());
        assert_eq!(test.read("work/repo/src/new/.envrc"), "evil\n", "{directory} {path}");
        assert!(!is_kept(&test, "aa11"));
    }
}

#[test]
fn paths_without_a_change_and_outside_are_refused() {
    let test = repository();
    a_few(&test);
    let before = snapshot(&test.root());
    test.docker("sandbox changes --apply README nowhere").is(str![[r#"
exit 2
--- stderr
docker sandbox: no change at `nowhere` waits
hint: list the changes that wait:
    docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes aa11 --apply ../../home").is(str![[r#"
exit 2
--- stderr
docker sandbox: `../../home` is outside of the project `[ROOT]/work/repo`
hint: list the changes that wait:
    docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes --apply /etc/passwd").is(str![[r#"
exit 2
--- stderr
docker sandbox: `/etc/passwd` is outside of the project `[ROOT]/work/repo`
hint: list the changes that wait:
    docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes --apply aa1").is(str![[r#"
exit 2
--- stderr
docker sandbox: no change at `aa1` waits
hint: to apply the changes of this id:
    docker sandbox changes aa11 --apply
hint: list the changes that wait:
    docker sandbox changes aa11

"#]]);
    test.docker_words(["sandbox", "changes", "--apply", "\x1b[2J\nx"]).is(str![[r#"
exit 2
--- stderr
docker sandbox: no change at `\u{1b}[2J\u{a}x` waits
hint: list the changes that wait:
    docker sandbox changes aa11

"#]]);
    let one: Vec<_> = before.iter().filter(|(path, _)| !path.starts_with("fake")).collect();
    let after = snapshot(&test.root());
    assert_eq!(one, after.iter().filter(|(path, _)| !path.starts_with("fake")).collect::<Vec<_>>());
}

#[test]
fn with_several_commands_one_has_to_be_named() {
    let test = repository();
    a_few(&test);
    Changes::new(&test, "bb22", "work/repo").file("x", "added", "wanted", "x").put();
    let before = snapshot(&test.path("work"));
    test.docker("sandbox changes --apply README").is(str![[r#"
exit 2
--- stderr
docker sandbox: the changes of 2 commands in `[ROOT]/work/repo` wait
hint: of make aa11 (1 held back, 1 conflict, 1 failed, 2 to review):
    docker sandbox changes aa11 --apply README
hint: of make bb22 (1 to review):
    docker sandbox changes bb22 --apply README

"#]]);
    test.docker("--context c sandbox changes --drop").is(str![[r#"
exit 2
--- stderr
docker sandbox: the changes of 2 commands in `[ROOT]/work/repo` wait
hint: of make aa11 (1 held back, 1 conflict, 1 failed, 2 to review):
    docker --context c sandbox changes aa11 --drop
hint: of make bb22 (1 to review):
    docker --context c sandbox changes bb22 --drop

"#]]);
    assert_eq!(snapshot(&test.path("work")), before);
    assert!(is_kept(&test, "aa11") && is_kept(&test, "bb22"));
}

#[test]
fn a_file_that_changed_on_the_host_stays_until_somebody_chooses() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo")
        .since(BEFORE_EVERYTHING)
        .file("README", "modified", "wanted", "command's\n")
        .file("src/main.rs", "modified", "wanted", "command's\n")
        .file("new", "added", "wanted", "command's\n")
        .put();
    let mut expected = snapshot(&test.path("work/repo"));
    test.docker("sandbox changes --apply").is(str![[r#"
exit 1
--- stdout
applied 1 change of aa11
--- stderr
docker sandbox: 2 changes of aa11 not applied

README: conflict: it changed on the host since the command began
src/main.rs: conflict: it changed on the host since the command began

hint: see the differences:
    docker sandbox changes aa11 --diff
hint: replace what the host has with the command's:
    docker sandbox changes aa11 --apply README src/main.rs
hint: or drop all that is left:
    docker sandbox changes aa11 --drop

"#]]);
    expected.insert("new".into(), (0o100_644, b"command's\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    test.docker("sandbox changes --apply README").is(str![[r#"
exit 0
--- stdout
applied 1 change of aa11
--- stderr
docker sandbox: 1 change left: docker sandbox changes aa11

"#]]);
    expected.insert("README".into(), (0o100_644, b"command's\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    // The choice was about that one only.
    let again = test.docker("sandbox changes --apply");
    assert_eq!(again.code, Some(1), "{}", again.text());
    assert_eq!(snapshot(&test.path("work/repo")), expected);
}

#[test]
fn what_was_not_chosen_is_still_compared_with_the_host_later() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo")
        .since(BEFORE_EVERYTHING)
        .file("README", "modified", "wanted", "command's\n")
        .file("src/main.rs", "modified", "wanted", "command's\n")
        .file("new", "added", "wanted", "command's\n")
        .put();
    test.docker("sandbox changes --apply README");
    assert_eq!(test.read("work/repo/README"), "command's\n");
    let later = test.docker("sandbox changes --apply");
    assert_eq!(later.code, Some(1), "{}", later.text());
    assert_eq!(test.read("work/repo/new"), "command's\n");
    assert_eq!(test.read("work/repo/src/main.rs"), "fn main() {}\n");
}

#[test]
fn dropped_changes_are_gone_and_the_host_is_as_it_was() {
    let test = repository();
    a_few(&test);
    let before = snapshot(&test.path("work"));
    test.docker("sandbox changes --drop").is(str![[r#"
exit 0
--- stdout
dropped 5 changes of aa11

"#]]);
    assert!(!is_kept(&test, "aa11"));
    assert_eq!(snapshot(&test.path("work")), before);
}

#[test]
fn changes_of_a_project_that_is_gone_can_only_be_dropped() {
    let mut test = repository();
    a_few(&test);
    fs::rename(test.path("work/repo"), test.path("work/moved")).unwrap();
    test.write("work/repo/README", "another one\n");
    test.enter("home");
    let before = snapshot(&test.path("work"));
    test.docker("sandbox changes --all").is(str![[r#"
exit 0
--- stdout
ID     COMMAND     CREATED   CHANGES                                          PROJECT
aa11   make aa11   2h        1 held back, 1 conflict, 1 failed, 2 to review   [ROOT]/work/repo
--- stderr
docker sandbox: show those of one command: docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes aa --apply").is(str![[r#"
exit 1
--- stderr
docker sandbox: the directory that they are of is not there, or is another one: `[ROOT]/work/repo`
hint: put it back, or drop the changes:
    docker sandbox changes aa11 --drop

"#]]);
    test.docker("sandbox changes aa --diff").is(str![[r#"
exit 1
--- stderr
docker sandbox: the directory that they are of is not there, or is another one: `[ROOT]/work/repo`
hint: put it back, or drop the changes:
    docker sandbox changes aa11 --drop

"#]]);
    test.docker("sandbox changes aa --drop").is(str![[r#"
exit 0
--- stdout
dropped 5 changes of aa11

"#]]);
    assert_eq!(snapshot(&test.path("work")), before);
}

#[test]
fn an_interrupted_applying_is_finished_first() {
    let test = repository();
    // README was already applied: it has left the view.
    Changes::new(&test, "aa11", "work/repo")
        .phase("applying", "upper")
        .file(".envrc", "added", held("shell-startup"), "evil\n")
        .listed("README", "modified", "file", "wanted")
        .file("new", "added", "wanted", "new\n")
        .listed("old", "removed", "file", "wanted")
        .put();
    test.write("work/repo/README", "applied\n");
    let mut expected = snapshot(&test.path("work/repo"));
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stdout
ID     COMMAND     CREATED   CHANGES
aa11   make aa11   2h        1 held back
--- stderr
docker sandbox: finished applying the changes aa11; 1 change left
docker sandbox: show those of one command: docker sandbox changes aa11

"#]]);
    expected.remove(Path::new("old"));
    expected.insert("new".into(), (0o100_644, b"new\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    assert!(test.docker("sandbox changes").stdout().contains("1 held back\n"));
}

#[test]
fn what_a_killed_command_left_waits_once_its_container_is_gone() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo")
        .phase("running", "upper")
        .left("new", 0o644, "new\n")
        .left(".envrc", 0o644, "evil\n")
        .put();
    let before = snapshot(&test.path("work"));
    test.answer("ps").status(1).stderr("Cannot connect\n");
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stderr
docker sandbox: warning: changes aa11 were interrupted, and are not finished: Docker does not say whether the command still runs: `docker --host=unix:///run/docker.sock ps --all --quiet --no-trunc --filter=name=aa11`; to drop them: docker sandbox changes aa11 --drop
docker sandbox: no changes of `[ROOT]/work/repo` wait; those of all projects: docker sandbox changes --all
--- docker was called
docker --host=unix:///run/docker.sock ps --all --quiet --no-trunc --filter=name=aa11

"#]]);
    test.answer("ps").stdout("0123\n");
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stderr
docker sandbox: no changes of `[ROOT]/work/repo` wait; those of all projects: docker sandbox changes --all
--- docker was called
docker --host=unix:///run/docker.sock ps --all --quiet --no-trunc --filter=name=aa11

"#]]);
    test.answer("ps");
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stdout
ID     COMMAND     CREATED   CHANGES
aa11   make aa11   2h        1 held back, 1 to review
--- stderr
docker sandbox: show those of one command: docker sandbox changes aa11
--- docker was called
docker --host=unix:///run/docker.sock ps --all --quiet --no-trunc --filter=name=aa11

"#]]);
    assert_eq!(snapshot(&test.path("work")), before);
    assert_eq!(test.docker("sandbox changes --apply").code, Some(0));
    assert_eq!(test.read("work/repo/new"), "new\n");
    assert!(!test.path("work/repo/.envrc").exists());
}

#[test]
fn two_at_the_same_time_apply_once() {
    let test = repository();
    a_few(&test);
    let lock = locked(&test, "aa11");
    test.docker("sandbox changes").is(str![[r#"
exit 0
--- stdout
ID     COMMAND     CREATED   CHANGES
aa11   make aa11   2h        1 held back, 1 conflict, 1 failed, 2 to review
--- stderr
docker sandbox: show those of one command: docker sandbox changes aa11

"#]]);
    let before = snapshot(&test.path("work"));
    test.docker("sandbox changes aa --apply README").fails(str![[r#"
exit 1
--- stderr
docker sandbox: another process works on the changes `aa11`
hint: try again when it has ended:
    docker sandbox changes aa11

"#]]);
    test.docker("sandbox changes aa --drop").fails(str![[r#"
exit 1
--- stderr
docker sandbox: another process works on the changes `aa11`
hint: try again when it has ended:
    docker sandbox changes aa11

"#]]);
    assert_eq!(snapshot(&test.path("work")), before);
    std::thread::scope(|scope| {
        let calls = [(); 2].map(|()| {
            let mut one = TestEnvironment::new();
            for (name, value) in
                [("HOME", test.path("home")), ("XDG_DATA_HOME", test.path("home/.local/share"))]
            {
                one.set(name, value);
            }
            one.enter_path(test.path("work/repo"));
            one
        });
        let calls =
            calls.map(|one| scope.spawn(move || one.docker("sandbox changes aa --apply README").code));
        drop(lock);
        let mut codes = calls.map(|call| call.join().unwrap());
        codes.sort();
        assert_eq!(codes, [Some(0), Some(2)]);
    });
    assert_eq!(test.read("work/repo/README"), "a\nB\nc\nd\n");
}

#[test]
fn what_docker_does_not_answer_for_can_be_dropped() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo").phase("running", "upper").left("new", 0o644, "new\n").put();
    test.answer("ps").status(1);
    let before = snapshot(&test.path("work"));
    assert_eq!(test.docker("sandbox changes aa --apply").code, Some(1));
    assert_eq!(test.docker("sandbox changes aa --drop").code, Some(0));
    assert!(!is_kept(&test, "aa11"));
    assert_eq!(snapshot(&test.path("work")), before);
}

#[test]
fn an_interrupted_choice_is_finished_and_holds_for_nothing_else() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo")
        .phase("applying", "kept")
        .since(BEFORE_EVERYTHING)
        .chosen()
        .file("README", "modified", "wanted", "command's\n")
        .file("src/main.rs", "modified", "deferred", "command's\n")
        .put();
    let mut expected = snapshot(&test.path("work/repo"));
    assert_eq!(test.docker("sandbox changes").code, Some(0));
    expected.insert("README".into(), (0o100_644, b"command's\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    assert_eq!(test.docker("sandbox changes --apply").code, Some(1));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
}

#[test]
fn an_id_may_stand_behind_a_path_that_is_joined_to_its_option() {
    let test = repository();
    a_few(&test);
    assert_eq!(test.docker("sandbox changes --apply=README aa11").code, Some(0));
    assert_eq!(test.read("work/repo/README"), "a\nB\nc\nd\n");
    assert_eq!(test.read("work/repo/old"), "old\n");
}

#[test]
fn a_directory_that_waited_has_the_mode_that_the_command_gave_it() {
    let test = repository();
    Changes::new(&test, "aa11", "work/repo")
        .phase("waiting", "upper")
        .listed(".husky", "added", "directory", held("git-hook-manager"))
        .file(".husky/pre-commit", "added", held("git-hook-manager"), "evil\n")
        .file("new", "added", "wanted", "new\n")
        .put();
    let left = test.path("home/.local/share/docker-sandbox/changes/aa11/0/upper/.husky");
    fs::set_permissions(left, fs::Permissions::from_mode(0o750)).unwrap();
    let mut expected = snapshot(&test.path("work/repo"));
    assert_eq!(test.docker("sandbox changes --apply").code, Some(0));
    expected.insert("new".into(), (0o100_644, b"new\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    assert_eq!(test.docker("sandbox changes --apply .husky/pre-commit").code, Some(0));
    expected.insert(".husky".into(), (0o40_750, Vec::new()));
    expected.insert(".husky/pre-commit".into(), (0o100_644, b"evil\n".to_vec()));
    assert_eq!(snapshot(&test.path("work/repo")), expected);
    assert!(!is_kept(&test, "aa11"));
}
