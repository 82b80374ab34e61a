//! `config`: the settings in force and where each came from.

use snapbox::str;

use crate::environment::TestEnvironment;

#[allow(clippy::too_many_lines, reason = "most of it is a snapshot")]
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
may-allow        -                  there is no policy /etc/docker/sandbox-policy.json
allow            -                  the default
quiet-rule       -                  the default
detect-timeout   500ms              the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`
ttl              30d                the default
audit            /var/log/audit.log `plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`
image            busybox:latest     the default
cpus             2                  the default
memory           4g                 the default
memory-swap      4g                 the default
pids-limit       512                the default
disk             -                  the default
timeout          5m                 the default
max-output       16m                the default
max-concurrent   10                 the default
warm             0                  the default
warm-idle        30m                the default
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
      "name": "may-allow",
      "value": null,
      "source": "there is no policy /etc/docker/sandbox-policy.json"
    },
    {
      "name": "allow",
      "value": null,
      "source": "the default"
    },
    {
      "name": "quiet-rule",
      "value": null,
      "source": "the default"
    },
    {
      "name": "detect-timeout",
      "value": "500ms",
      "source": "the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`"
    },
    {
      "name": "ttl",
      "value": "30d",
      "source": "the default"
    },
    {
      "name": "audit",
      "value": "/var/log/audit.log",
      "source": "`plugins.sandbox.audit` in `[ROOT]/home/.docker/config.json`"
    },
    {
      "name": "image",
      "value": "busybox:latest",
      "source": "the default"
    },
...
      "name": "warm-idle",
      "value": "30m",
      "source": "the default"
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
...
warm-idle        30m                the default
--- stderr
docker sandbox: warning: `plugins.sandbox.a\u{1b}[2Jb` in config.json is no setting of docker sandbox
docker sandbox: warning: `plugins.sandbox.colour` in config.json is no setting of docker sandbox

"#]]);
}

#[test]
fn config_shows_a_trusted_project_and_who_overrules_it() {
    let mut test = TestEnvironment::new();
    test.trusted_project("none");
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             none           `[ROOT]/work/repo/agent.yaml` line 1
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
      "name": "may-allow",
      "value": null,
      "source": "there is no policy /etc/docker/sandbox-policy.json"
    },
    {
      "name": "allow",
      "value": null,
      "source": "the default"
    },
    {
      "name": "quiet-rule",
      "value": null,
      "source": "the default"
    },
    {
      "name": "detect-timeout",
      "value": "10s",
      "source": "the default"
    },
    {
      "name": "ttl",
      "value": "30d",
      "source": "the default"
    },
    {
      "name": "audit",
      "value": null,
      "source": "the default"
    },
    {
      "name": "image",
      "value": "busybox:latest",
      "source": "the default"
    },
...
      "name": "warm-idle",
      "value": "30m",
      "source": "the default"
    }
  ],
  "warnings": []
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

#[test]
fn what_one_shot_commands_may_use_is_checked_whatever_is_started() {
    let test = TestEnvironment::with_gvisor();
    test.user(r#"{"memory": "1GiB", "warm": "1,/home/me/app=3", "disk": "none"}"#);
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE            SOURCE
mode             required         the default
weakest-mode     -                there is no policy /etc/docker/sandbox-policy.json
may-allow        -                there is no policy /etc/docker/sandbox-policy.json
allow            -                the default
quiet-rule       -                the default
detect-timeout   10s              the default
ttl              30d              the default
audit            -                the default
image            busybox:latest   the default
cpus             2                the default
memory           1g               `plugins.sandbox.memory` in `[ROOT]/home/.docker/config.json`
memory-swap      1g               the default
pids-limit       512              the default
disk             -                `plugins.sandbox.disk` in `[ROOT]/home/.docker/config.json`
timeout          5m               the default
max-output       16m              the default
max-concurrent   10               the default
warm             1,/home/me/app=3 `plugins.sandbox.warm` in `[ROOT]/home/.docker/config.json`
warm-idle        30m              the default

"#]]);
    test.user(r#"{"memory": "1g", "memory-swap": "512m"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `plugins.sandbox.memory-swap` in `[ROOT]/home/.docker/config.json`: `512m` is memory and swap together, and less than the memory alone, `1g` by `plugins.sandbox.memory` in `[ROOT]/home/.docker/config.json`
hint: leave it out for no swap, or give it more:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user("{\"cpus\": \"2\",\n\"pids-limit\": \"79\"}");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 2: `pids-limit`: `79` is too few: gVisor itself needs 80
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}
