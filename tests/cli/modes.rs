//! How strict: each source, and who wins.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn the_default_is_required() {
    TestEnvironment::without_gvisor("debian").docker("sandbox config").is(str![[r#"
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

"#]]);
}

#[test]
fn no_sandbox_starts_docker_as_it_is_and_warns() {
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("sandbox run --no-sandbox --rm img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run --rm img

"#]]);
    test.docker("sandbox create --sandbox=none img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--sandbox=none` on the command line
--- docker was called
docker info --format '{{json .}}'
docker create img

"#]]);
    test.docker("sandbox run --sandbox none --runtime=kata img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--sandbox=none` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=kata img

"#]]);
    test.direct("run --no-sandbox=true img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
}

#[test]
fn the_last_of_our_flags_counts() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --no-sandbox --sandbox=required img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --no-sandbox --no-sandbox=false img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn the_environment_counts_without_a_flag() {
    let mut test = TestEnvironment::without_gvisor("debian");
    test.set("DOCKER_SANDBOX", "none");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by the environment variable `DOCKER_SANDBOX`
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
}

#[test]
fn the_user_counts_without_anybody_else() {
    let test = TestEnvironment::without_gvisor("debian");
    test.user(r#"{"mode": "none"}"#);
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json`
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
}

#[test]
fn a_trusted_project_counts_above_the_user() {
    let mut test = TestEnvironment::without_gvisor("debian");
    test.user(r#"{"mode": "preferred"}"#);
    test.trusted_project("none");
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
}

#[test]
fn flag_environment_project_and_user_in_this_order() {
    let mut test = TestEnvironment::without_gvisor("gvisor");
    let mode = |test: &TestEnvironment, flag: &str| {
        let seen = test.docker(&format!("sandbox run --verbose {flag} img"));
        let line = seen.text().lines().find(|line| line.contains("mode")).unwrap().to_owned();
        let line = line.replace(&test.path("").display().to_string(), "/");
        line[line.find("mode").unwrap()..].to_owned()
    };
    let mut seen = vec![mode(&test, "")];
    test.user(r#"{"mode": "preferred"}"#);
    seen.push(mode(&test, ""));
    test.trusted_project("none");
    seen.push(mode(&test, ""));
    test.set("DOCKER_SANDBOX", "preferred");
    seen.push(mode(&test, ""));
    seen.push(mode(&test, "--sandbox=required"));
    seen.push(mode(&test, "--sandbox=required --no-sandbox"));
    snapbox::assert_data_eq!(
        seen.join("\n"),
        str![[r#"
mode `required`, decided by the default
mode `preferred`, decided by `plugins.sandbox.mode` in `/home/.docker/config.json`
mode `none`, decided by `/work/repo/agent.yaml` line 1
mode `preferred`, decided by the environment variable `DOCKER_SANDBOX`
mode `required`, decided by `--sandbox=required` on the command line
mode `none`, decided by `--no-sandbox` on the command line
"#]]
    );
}

#[test]
fn a_value_that_is_no_mode_is_refused_wherever_it_stands() {
    let mut test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --sandbox=off img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--sandbox=off` on the command line: `off` is no sandbox mode: required, preferred or none
hint: write one of the three:
    --sandbox=required

"#]]);
    test.docker("sandbox run --sandbox= img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--sandbox=` on the command line: `` is no sandbox mode: required, preferred or none
hint: write one of the three:
    --sandbox=required

"#]]);
    test.docker("sandbox run --sandbox None img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--sandbox=None` on the command line: `None` is no sandbox mode: required, preferred or none
hint: write one of the three:
    --sandbox=required

"#]]);
    // A weaker source that is not needed must be valid all the same.
    test.set("DOCKER_SANDBOX", "yes").docker("sandbox run --sandbox=required img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the environment variable `DOCKER_SANDBOX`: `yes` is no sandbox mode: required, preferred or none
hint: set it to one of the three:
    export DOCKER_SANDBOX=required
hint: or take it away:
    unset DOCKER_SANDBOX

"#]]);
    test.set("DOCKER_SANDBOX", "").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the environment variable `DOCKER_SANDBOX`: `` is no sandbox mode: required, preferred or none
hint: set it to one of the three:
    export DOCKER_SANDBOX=required
hint: or take it away:
    unset DOCKER_SANDBOX

"#]]);
    test.unset("DOCKER_SANDBOX");
    test.write(
        "home/.docker/config.json",
        "{\n  \"plugins\": {\n    \"sandbox\": {\n      \"mode\": \"nnone\"\n    }\n  }\n}\n",
    );
    test.docker("sandbox run --sandbox=required img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 4: `nnone` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user("{}");
    test.write("work/agent.yaml", "name: x\nsandbox: nope\n");
    test.docker("sandbox run --sandbox=required img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/agent.yaml` line 2: `nope` is no sandbox mode: required, preferred or none
hint: correct it:
    ${EDITOR:-vi} [ROOT]/work/agent.yaml

"#]]);
}
