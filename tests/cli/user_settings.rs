//! The user's `config.json`: where it is, and what is wrong with it.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use snapbox::str;

use crate::environment::TestEnvironment;

fn with_file(content: &str) -> TestEnvironment {
    let test = TestEnvironment::with_gvisor();
    test.write("home/.docker/config.json", content);
    test
}

#[test]
fn a_file_that_is_not_json_is_refused_with_its_line() {
    with_file("{\n  \"auths\": {},\n  oops\n}\n").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 3: key must be a string
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    with_file("").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: EOF while parsing a value
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    with_file("\x1b[2J").docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: expected value
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn wrong_types_are_refused_with_their_line() {
    with_file("[]").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: invalid type: sequence, expected an object
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    with_file("{\"plugins\": []}").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `plugins` is not an object
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    with_file("{\"plugins\":\n {\"sandbox\": \"none\"}}").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 2: `plugins.sandbox` is not an object
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    with_file("{\"plugins\": {\"sandbox\":\n {\"mode\": true}}}").docker("sandbox run img").refuses(str![[
        r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 2: `plugins.sandbox.mode` is not a string
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#
    ]]);
    with_file("{\"plugins\": {\"sandbox\": {\n\"audit\": 7}}}").docker("sandbox run img").refuses(str![[
        r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 2: `plugins.sandbox.audit` is not a string
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#
    ]]);
    with_file("{\"plugins\": {\"sandbox\": {\"mode\": \"none\", \"mode\": \"required\"}}}")
        .docker("sandbox run img")
        .refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `mode` is there twice
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn what_is_dockers_or_another_plugins_is_left_alone() {
    let content = r#"{"auths": {"x": {}}, "credsStore": "pass", "currentContext": "default", "plugins": {"-x-cli-hints": {"enabled": "false"}, "sandbox": {}}, "new": [1, {"sandbox": "none"}]}"#;
    with_file(content).docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    with_file("{\"plugins\": {\"sandbox\": null}}").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    with_file("{}").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let test = TestEnvironment::with_gvisor();
    std::fs::create_dir_all(test.path("home/.docker/config.json")).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read `[ROOT]/home/.docker/config.json`: Is a directory (os error 21)
hint: see what it is, and who may read it:
    ls -ld [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn a_file_that_we_have_no_permission_for_is_refused() {
    let mut test = with_file("{}");
    std::fs::set_permissions(test.path("home/.docker/config.json"), std::fs::Permissions::from_mode(0o0))
        .unwrap();
    test.as_nobody();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read `[ROOT]/home/.docker/config.json`: Permission denied (os error 13)
hint: see what it is, and who may read it:
    ls -ld [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn a_file_that_is_not_there_and_a_folder_that_is_not_there_are_empty() {
    let mut test = TestEnvironment::with_gvisor();
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.unset("HOME").set("DOCKER_CONFIG", "/nowhere/at/all").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_link_to_a_file_is_followed() {
    let test = TestEnvironment::with_gvisor();
    test.write("dotfiles/config.json", r#"{"plugins": {"sandbox": {"mode": "none"}}}"#);
    std::fs::create_dir(test.path("home/.docker")).unwrap();
    symlink(test.path("dotfiles/config.json"), test.path("home/.docker/config.json")).unwrap();
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             none           `plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json`
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

#[allow(clippy::too_many_lines, reason = "most of it is a snapshot")]
#[test]
fn docker_config_and_the_option_config_move_the_file() {
    let mut test = TestEnvironment::new();
    test.user(r#"{"mode": "required"}"#);
    test.write("a/config.json", r#"{"plugins": {"sandbox": {"mode": "preferred"}}}"#);
    test.write("b/config.json", r#"{"plugins": {"sandbox": {"mode": "none"}}}"#);
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             required       `plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json`
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
    let folder = test.path("a");
    test.set("DOCKER_CONFIG", folder).docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             preferred      `plugins.sandbox.mode` in `[ROOT]/a/config.json`
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
    let other = test.path("b");
    test.docker(&format!("--config {} sandbox config", other.display())).is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             none           `plugins.sandbox.mode` in `[ROOT]/b/config.json`
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
    test.docker(&format!("--config=/nowhere --config={} sandbox config", other.display())).is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             none           `plugins.sandbox.mode` in `[ROOT]/b/config.json`
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
fn an_audit_log_with_a_relative_path_is_refused() {
    let test = TestEnvironment::with_gvisor();
    test.user(r#"{"audit": "audit.log"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `plugins.sandbox.audit`: `audit.log` is not an absolute path
hint: write one that starts with `/` or `~/`:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user(r#"{"audit": "~user/audit.log"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `plugins.sandbox.audit`: `~user/audit.log` is not an absolute path
hint: write one that starts with `/` or `~/`:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user(r#"{"audit": ""}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `plugins.sandbox.audit`: `` is not an absolute path
hint: write one that starts with `/` or `~/`:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}
