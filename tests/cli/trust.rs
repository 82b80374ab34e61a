//! `trust` and `untrust`: which project files may weaken the sandbox.

use std::os::unix::fs::symlink;

use snapbox::str;

use crate::environment::TestEnvironment;

pub(crate) fn repository() -> TestEnvironment {
    let mut test = TestEnvironment::with_gvisor();
    test.enter("work/repo");
    test.write("work/repo/.git/HEAD", "ref: refs/heads/main\n");
    test.write("work/repo/agent.yaml", "sandbox: none\n");
    test
}

/// Whether a run in the working folder goes without gVisor.
fn weakens(test: &TestEnvironment) -> bool {
    let seen = test.docker("sandbox run img").text().to_owned();
    let (without, within) =
        (seen.contains("docker run img"), seen.contains("docker run --runtime=runsc img"));
    assert!(without != within, "{seen}");
    without
}

#[test]
fn a_trusted_file_weakens_until_the_trust_is_taken_back() {
    let test = repository();
    test.docker("sandbox trust").is(str![[r#"
exit 0
--- stdout
trusted: [ROOT]/work/repo/agent.yaml (line 1: sandbox: none, sha256 a85017c37ce30cf36c1dcb913104f671bec959d7a294a6bbd005585894b426aa)

"#]]);
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `[ROOT]/work/repo/agent.yaml` line 1
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
    test.docker("sandbox untrust").is(str![[r#"
exit 0
--- stdout
no longer trusted: [ROOT]/work/repo/agent.yaml

"#]]);
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: ignored `sandbox: none` in `[ROOT]/work/repo/agent.yaml` line 1: a project may not weaken the sandbox by itself; if you trust it: docker sandbox trust [ROOT]/work/repo/agent.yaml
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_file_can_be_named_from_anywhere() {
    let mut test = repository();
    test.enter("work");
    test.docker("sandbox trust repo/agent.yaml").is(str![[r#"
exit 0
--- stdout
trusted: [ROOT]/work/repo/agent.yaml (line 1: sandbox: none, sha256 a85017c37ce30cf36c1dcb913104f671bec959d7a294a6bbd005585894b426aa)

"#]]);
    test.enter("work/repo");
    assert!(weakens(&test));
    let file = test.path("work/repo/agent.yaml");
    test.direct_words(["untrust".as_ref(), file.as_os_str()]).is(str![[r#"
exit 0
--- stdout
no longer trusted: [ROOT]/work/repo/agent.yaml

"#]]);
    assert!(!weakens(&test));
}

#[test]
fn any_change_to_the_content_ends_the_trust() {
    let test = repository();
    test.docker("sandbox trust");
    assert!(weakens(&test));
    test.write("work/repo/agent.yaml", "sandbox: none\n# one more line\n");
    assert!(!weakens(&test));
    test.write("work/repo/agent.yaml", "sandbox: none\n");
    assert!(weakens(&test));
}

#[test]
fn the_same_content_elsewhere_is_not_trusted() {
    let mut test = repository();
    test.docker("sandbox trust");
    test.write("work/copy/.git/HEAD", "");
    test.write("work/copy/agent.yaml", "sandbox: none\n");
    test.enter("work/copy");
    assert!(!weakens(&test));
    symlink(test.path("work/repo"), test.path("work/link")).unwrap();
    test.enter("work/link");
    assert!(weakens(&test), "the same file by another way");
}

#[test]
fn a_repository_cannot_borrow_the_trust_in_another_one_by_a_link() {
    let mut test = repository();
    test.docker("sandbox trust");
    test.write("work/hostile/.git/HEAD", "");
    symlink("../repo/agent.yaml", test.path("work/hostile/agent.yaml")).unwrap();
    test.enter("work/hostile");
    assert!(!weakens(&test));
}

#[test]
fn there_must_be_something_to_trust() {
    let mut test = TestEnvironment::new();
    test.docker("sandbox trust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: no agent.yaml between `[ROOT]/work` and the root of its repository
hint: name the file:
    docker sandbox trust FILE

"#]]);
    test.docker("sandbox untrust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: no agent.yaml between `[ROOT]/work` and the root of its repository
hint: name the file:
    docker sandbox untrust FILE

"#]]);
    test.write("work/agent.yaml", "name: x\n");
    test.docker("sandbox trust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `[ROOT]/work/agent.yaml` says nothing about the sandbox, so there is nothing to trust
hint: see what is in force:
    docker sandbox config

"#]]);
    test.docker("sandbox untrust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `[ROOT]/work/agent.yaml` was not trusted
hint: see what is in force:
    docker sandbox config

"#]]);
    test.docker("sandbox trust gone.yaml").fails(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read the project's `[ROOT]/work/gone.yaml`: No such file or directory (os error 2)
hint: see what it is:
    ls -l [ROOT]/work/gone.yaml

"#]]);
    test.docker("sandbox untrust gone.yaml").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `[ROOT]/work/gone.yaml` was not trusted
hint: see what is in force:
    docker sandbox config

"#]]);
    test.docker("sandbox trust .").fails(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read the project's `[ROOT]/work/.`: it is no regular file
hint: see what it is:
    ls -l [ROOT]/work/.

"#]]);
    test.enter("work/empty");
    test.direct("trust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: no agent.yaml between `[ROOT]/work/empty` and the root of its repository
hint: name the file:
    docker-sandbox trust FILE

"#]]);
}

#[test]
fn a_file_that_is_gone_can_be_untrusted() {
    let test = repository();
    test.docker("sandbox trust");
    std::fs::remove_file(test.path("work/repo/agent.yaml")).unwrap();
    test.docker("sandbox untrust agent.yaml").is(str![[r#"
exit 0
--- stdout
no longer trusted: [ROOT]/work/repo/agent.yaml

"#]]);
    test.write("work/repo/agent.yaml", "sandbox: none\n");
    assert!(!weakens(&test));
}

#[test]
fn a_file_that_is_invalid_is_not_trusted() {
    let test = repository();
    test.write("work/repo/agent.yaml", "sandbox: nope\n");
    test.docker("sandbox trust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 1: `nope` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
}
