//! How strict: each source, and who wins.

use snapbox::str;

use crate::environment::TestEnvironment;

/// A trusted project that asks for `mode`, in a repository that is the working folder.
fn trusted_project(test: &mut TestEnvironment, mode: &str) {
    test.enter("work/repo");
    test.write("work/repo/.git/HEAD", "ref: refs/heads/main\n");
    test.write("work/repo/agent.yaml", format!("sandbox: {mode}\n"));
    let trusted = test.docker("sandbox trust");
    assert!(trusted.text().starts_with("exit 0\n"), "{}", trusted.text());
}

#[test]
fn the_default_is_required() {
    TestEnvironment::without_gvisor("debian").docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE    SOURCE
mode             required the default
weakest-mode     -        there is no policy /etc/docker/sandbox-policy.json
detect-timeout   10s      the default
audit            -        the default

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
    trusted_project(&mut test, "none");
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
    trusted_project(&mut test, "none");
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
fn preferred_takes_gvisor_where_it_is() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn preferred_falls_back_with_a_warning_where_there_is_none() {
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run img

"#]]);
    test.docker("sandbox run --verbose --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run img

"#]]);
    test.docker("sandbox create --sandbox=preferred --runtime=runc img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .Runtimes}}'
docker create --runtime=runc img

"#]]);
    test.docker("sandbox run --sandbox=preferred --runtime=runsc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn preferred_does_not_let_an_argument_avoid_the_gvisor_that_is_there() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --sandbox=preferred --runtime=runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker sandbox run --runtime=runsc …
hint: or start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    test.docker("sandbox run --sandbox=preferred --runtime=missing img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `missing` is not registered with the Docker daemon; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default), runsc (/usr/local/bin/runsc)

hint: leave `--runtime` away to take the daemon's gVisor:
    docker sandbox run …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
}

#[test]
fn preferred_falls_back_from_an_impostor() {
    let test = TestEnvironment::without_gvisor("impostor-path");
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run img

"#]]);
}

#[test]
fn none_says_so_where_dockers_own_default_is_gvisor() {
    let test = TestEnvironment::without_gvisor("gvisor-default");
    test.docker("sandbox run --no-sandbox img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: mode `none`, decided by `--no-sandbox` on the command line, and Docker's own choice `gvisor` is gVisor: this container is sandboxed
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
    test.docker("sandbox run --no-sandbox --runtime=runc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=runc img

"#]]);
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --no-sandbox --runtime=runsc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: mode `none`, decided by `--no-sandbox` on the command line, and Docker's own choice `runsc` is gVisor: this container is sandboxed
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --no-sandbox --runtime=io.containerd.runsc.v1 img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: mode `none`, decided by `--no-sandbox` on the command line, and Docker's own choice `io.containerd.runsc.v1` is gVisor: this container is sandboxed
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=io.containerd.runsc.v1 img

"#]]);
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
docker sandbox: `[ROOT]/home/.docker/config.json` line 5 column 5: `nnone` is no sandbox mode: required, preferred or none
hint: correct that line:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user("{}");
    test.write("work/agent.yaml", "name: x\nsandbox: nope\n");
    test.docker("sandbox run --sandbox=required img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/work/agent.yaml` line 2: `nope` is no sandbox mode: required, preferred or none
hint: correct that line, for example to `sandbox: required`:
    ${EDITOR:-vi} [ROOT]/work/agent.yaml

"#]]);
}

#[test]
fn config_shows_every_setting_and_its_source() {
    let mut test = TestEnvironment::new();
    test.user(r#"{"mode": "preferred", "audit": "/var/log/audit.log", "detect-timeout": "1m 30s", "hooks": "run", "error-hooks": "true", "colour": "blue", "a\u001b[2Jb": "x"}"#);
    test.set("DOCKER_SANDBOX_DETECT_TIMEOUT", "500ms");
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE              SOURCE
mode             preferred          `plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json`
weakest-mode     -                  there is no policy /etc/docker/sandbox-policy.json
detect-timeout   500ms              the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`
audit            /var/log/audit.log `plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`
--- stderr
docker sandbox: warning: `plugins.sandbox.a\u{1b}[2Jb` in config.json is no setting of docker sandbox
docker sandbox: warning: `plugins.sandbox.colour` in config.json is no setting of docker sandbox

"#]]);
    test.docker("sandbox config --format json").is(str![[r#"
exit 0
--- stdout
{
  "settings": [
    {
      "name": "mode",
      "value": "preferred",
      "source": "`plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json`"
    },
    {
      "name": "weakest-mode",
      "value": null,
      "source": "there is no policy /etc/docker/sandbox-policy.json"
    },
    {
      "name": "detect-timeout",
      "value": "500ms",
      "source": "the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`"
    },
    {
      "name": "audit",
      "value": "/var/log/audit.log",
      "source": "`plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`"
    }
  ],
  "warnings": [
    "`plugins.sandbox.a\\u{1b}[2Jb` in config.json is no setting of docker sandbox",
    "`plugins.sandbox.colour` in config.json is no setting of docker sandbox"
  ]
}

"#]]);
    test.docker("sandbox config --format=table").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE              SOURCE
mode             preferred          `plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json`
weakest-mode     -                  there is no policy /etc/docker/sandbox-policy.json
detect-timeout   500ms              the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`
audit            /var/log/audit.log `plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`
--- stderr
docker sandbox: warning: `plugins.sandbox.a\u{1b}[2Jb` in config.json is no setting of docker sandbox
docker sandbox: warning: `plugins.sandbox.colour` in config.json is no setting of docker sandbox

"#]]);
    trusted_project(&mut test, "none");
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE              SOURCE
mode             none               `[ROOT]/work/repo/agent.yaml` line 1
weakest-mode     -                  there is no policy /etc/docker/sandbox-policy.json
detect-timeout   500ms              the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`
audit            /var/log/audit.log `plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`
--- stderr
docker sandbox: warning: `plugins.sandbox.a\u{1b}[2Jb` in config.json is no setting of docker sandbox
docker sandbox: warning: `plugins.sandbox.colour` in config.json is no setting of docker sandbox

"#]]);
    test.set("DOCKER_SANDBOX", "required").docker("sandbox config --format json").is(str![[r#"
exit 0
--- stdout
{
  "settings": [
    {
      "name": "mode",
      "value": "required",
      "source": "the environment variable `DOCKER_SANDBOX`"
    },
    {
      "name": "weakest-mode",
      "value": null,
      "source": "there is no policy /etc/docker/sandbox-policy.json"
    },
    {
      "name": "detect-timeout",
      "value": "500ms",
      "source": "the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`"
    },
    {
      "name": "audit",
      "value": "/var/log/audit.log",
      "source": "`plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`"
    }
  ],
  "warnings": [
    "`plugins.sandbox.a\\u{1b}[2Jb` in config.json is no setting of docker sandbox",
    "`plugins.sandbox.colour` in config.json is no setting of docker sandbox"
  ]
}

"#]]);
}

#[test]
fn config_needs_no_docker() {
    let mut test = TestEnvironment::new();
    test.set("PATH", "/nowhere");
    test.direct("config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE    SOURCE
mode             required the default
weakest-mode     -        there is no policy /etc/docker/sandbox-policy.json
detect-timeout   10s      the default
audit            -        the default

"#]]);
}

#[test]
fn config_fails_with_1_where_a_run_would_be_refused() {
    let mut test = TestEnvironment::new();
    test.set("DOCKER_SANDBOX", "yes").docker("sandbox config").fails(str![[r#"
exit 1
--- stderr
docker sandbox: the environment variable `DOCKER_SANDBOX`: `yes` is no sandbox mode: required, preferred or none
hint: set it to one of the three:
    export DOCKER_SANDBOX=required
hint: or take it away:
    unset DOCKER_SANDBOX

"#]]);
}
