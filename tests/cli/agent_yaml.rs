//! A project's `agent.yaml`: what may stand in it, and what it may be.

use std::os::unix::fs::symlink;

use snapbox::str;

use crate::environment::{TestEnvironment, make_pipe};

/// A repository with an `agent.yaml` of this content, entered.
fn repository(content: impl AsRef<[u8]>) -> TestEnvironment {
    let mut test = TestEnvironment::with_gvisor();
    test.enter("work/repo");
    test.write("work/repo/.git/HEAD", "ref: refs/heads/main\n");
    test.write("work/repo/agent.yaml", content);
    test
}

#[test]
fn other_tools_keys_are_ignored() {
    let test = repository(
        "# for agents\nname: x\nmodel: {sandbox: none}\ntools:\n  - sandbox: none\n---\nsandbox: none\n",
    );
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    repository("").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    repository("just words\n").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn what_is_not_yaml_is_refused_with_its_line() {
    repository("a: b\n  c: d\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: it is not YAML: mapping values are not allowed in this context
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("a: [1,\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: it is not YAML: while parsing a node, did not find expected node content
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("sandbox: none\nother: \"unclosed\n").docker("sandbox run --sandbox=required img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: it is not YAML: while scanning a quoted scalar, found unexpected end of stream
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository(b"sandbox: \xff\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 1: it is not UTF-8
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("\x1b[2J: [\x07\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: it is not YAML: while parsing a flow sequence, expected ',' or ']'
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
}

#[test]
fn a_value_that_is_no_plain_mode_is_refused_with_its_line() {
    repository("name: x\nsandbox: None\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: `None` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("sandbox:\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 1: `` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("sandbox: false\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 1: `false` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("sandbox: [none]\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 1: `sandbox` must be one word: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("a: &m none\nsandbox: *m\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: `sandbox` must be one word: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("sandbox: required\nsandbox: none\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 2: `sandbox` is there twice
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
    repository("sandbox: \"\\e[2J\"\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/repo/agent.yaml` line 1: `\u{1b}[2J` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/repo/agent.yaml

"#]]);
}

#[test]
fn nesting_and_aliases_cost_nothing() {
    let deep = "[".repeat(20_000);
    let seen = repository(format!("a: {deep}\n"));
    let seen = seen.docker("sandbox run img");
    assert!(seen.text().starts_with("exit 125\n"), "{}", &seen.text()[..200]);
    let bomb = "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n";
    repository(bomb).docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_pipe_is_refused_and_does_not_make_us_wait() {
    let mut test = TestEnvironment::with_gvisor();
    test.enter("work");
    make_pipe(&test.path("work/agent.yaml"));
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the project's `[ROOT]/work/agent.yaml`: it is no regular file
hint: see what it is:
    ls -l [ROOT]/work/agent.yaml

"#]]);
}

#[test]
fn a_folder_and_a_device_are_refused() {
    let test = TestEnvironment::with_gvisor();
    std::fs::create_dir(test.path("work/agent.yaml")).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the project's `[ROOT]/work/agent.yaml`: it is no regular file
hint: see what it is:
    ls -l [ROOT]/work/agent.yaml

"#]]);
    let test = TestEnvironment::with_gvisor();
    symlink("/dev/zero", test.path("work/agent.yaml")).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the project's `[ROOT]/work/agent.yaml`: it is no regular file
hint: see what it is:
    ls -l [ROOT]/work/agent.yaml

"#]]);
}

#[test]
fn a_huge_file_is_refused() {
    let test = TestEnvironment::with_gvisor();
    let file = std::fs::File::create(test.path("work/agent.yaml")).unwrap();
    file.set_len(1 << 33).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the project's `[ROOT]/work/agent.yaml`: it is larger than 1 MiB
hint: see what it is:
    ls -l [ROOT]/work/agent.yaml

"#]]);
}

#[test]
fn a_link_is_followed_and_named_by_where_it_stands() {
    let test = TestEnvironment::with_gvisor();
    test.write("elsewhere/real.yaml", "sandbox: none\n");
    symlink("../elsewhere/real.yaml", test.path("work/agent.yaml")).unwrap();
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: ignored `sandbox: none` in `[ROOT]/work/agent.yaml` line 1: a project may not weaken the sandbox by itself; if you trust it: docker sandbox trust [ROOT]/work/agent.yaml
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_link_to_nowhere_and_a_link_to_itself_are_refused() {
    for target in ["gone.yaml", "agent.yaml"] {
        let test = TestEnvironment::with_gvisor();
        symlink(target, test.path("work/agent.yaml")).unwrap();
        let seen = test.docker("sandbox run img");
        assert!(
            seen.text().starts_with("exit 125\n--- stderr\ndocker sandbox: cannot read the project's "),
            "{}",
            seen.text()
        );
    }
}
