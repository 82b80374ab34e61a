//! A project's `agent.yaml`: where it is looked for, and what it may do.

use snapbox::str;

use crate::environment::TestEnvironment;

/// A repository with an `agent.yaml` of this content, entered.
fn repository(content: &str) -> TestEnvironment {
    let mut test = TestEnvironment::with_gvisor();
    test.enter("work/repo");
    test.write("work/repo/.git/HEAD", "ref: refs/heads/main\n");
    test.write("work/repo/agent.yaml", content);
    test
}

#[test]
fn a_project_that_weakens_is_ignored_with_a_warning() {
    let test = repository("sandbox: none\n");
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
    test.direct("--context x create img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: warning: ignored `sandbox: none` in `[ROOT]/work/repo/agent.yaml` line 1: a project may not weaken the sandbox by itself; if you trust it: docker-sandbox --context x trust [ROOT]/work/repo/agent.yaml
--- docker was called
docker --context x info --format '{{json .Runtimes}}'
docker --context x context inspect --format '{{.Endpoints.docker.Host}}'
docker --context x create --runtime=runsc img

"#]]);
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             required       the default
weakest-mode     -              there is no policy /etc/docker/sandbox-policy.json
may-allow        -              there is no policy /etc/docker/sandbox-policy.json
allow            -              the default
quiet-rule       -              the default
detect-timeout   10s            the default
ttl              30d            the default
audit            -              the default
image            busybox:latest the default
cpus             2              the default
memory           4g             the default
memory-swap      4g             the default
pids-limit       512            the default
disk             -              the default
timeout          5m             the default
max-output       16m            the default
max-concurrent   10             the default
warm             0              the default
warm-idle        30m            the default
--- stderr
docker sandbox: warning: ignored `sandbox: none` in `[ROOT]/work/repo/agent.yaml` line 1: a project may not weaken the sandbox by itself; if you trust it: docker sandbox trust [ROOT]/work/repo/agent.yaml

"#]]);
}

#[test]
fn a_project_may_always_make_it_stricter() {
    let test = repository("sandbox: required\n");
    test.user(r#"{"mode": "none"}"#);
    test.docker("sandbox run --verbose img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `runsc` (registered; its binary is /usr/bin/runsc); mode `required`, decided by `[ROOT]/work/repo/agent.yaml` line 1
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn nobody_is_warned_of_a_project_when_somebody_with_more_to_say_has_spoken() {
    let mut test = repository("sandbox: none\n");
    test.docker("sandbox run --sandbox=required img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.set("DOCKER_SANDBOX", "required").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn the_nearest_file_up_to_the_root_of_the_repository_counts() {
    let mut test = repository("sandbox: none\n");
    test.enter("work/repo/a/b");
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
    test.write("work/repo/a/agent.yaml", "sandbox: preferred\n");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: ignored `sandbox: preferred` in `[ROOT]/work/repo/a/agent.yaml` line 1: a project may not weaken the sandbox by itself; if you trust it: docker sandbox trust [ROOT]/work/repo/a/agent.yaml
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn the_search_ends_at_a_nested_repository() {
    let mut test = repository("sandbox: none\n");
    test.write("work/repo/vendor/nested/.git/HEAD", "ref: refs/heads/main\n");
    test.enter("work/repo/vendor/nested/src");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_worktree_is_a_repository_too() {
    let mut test = repository("sandbox: none\n");
    test.write("work/repo/trees/one/.git", "gitdir: /somewhere\n");
    test.enter("work/repo/trees/one/src");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.write("work/repo/trees/one/agent.yaml", "sandbox: preferred\n");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: ignored `sandbox: preferred` in `[ROOT]/work/repo/trees/one/agent.yaml` line 1: a project may not weaken the sandbox by itself; if you trust it: docker sandbox trust [ROOT]/work/repo/trees/one/agent.yaml
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn outside_of_a_repository_only_the_folder_itself_counts() {
    let mut test = TestEnvironment::with_gvisor();
    test.write("work/agent.yaml", "sandbox: none\n");
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
    test.enter("work/below");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}
