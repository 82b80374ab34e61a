//! The machine's policy. It is put over `/etc` in a mount namespace of the plugin's own: nothing of
//! the machine's `/etc` is touched.

use snapbox::str;

use crate::environment::TestEnvironment;

/// A world whose `/etc` is this test's own folder `etc`.
pub(crate) fn machine() -> TestEnvironment {
    let mut test = TestEnvironment::without_gvisor("gvisor");
    std::fs::create_dir_all(test.path("etc/docker")).unwrap();
    let mut wrapper = vec!["/usr/bin/unshare".to_owned(), "--mount".to_owned()];
    if !rustix::process::geteuid().is_root() {
        wrapper.push("--map-root-user".to_owned());
    }
    let script = "/bin/mount --bind \"$0\" /etc && exec \"$@\"";
    wrapper.extend(["/bin/sh", "-c", script, &test.path("etc").display().to_string()].map(str::to_owned));
    test.wrapped(wrapper);
    test
}

/// A machine with this policy.
pub(crate) fn policy(content: &str) -> TestEnvironment {
    let test = machine();
    test.write("etc/docker/sandbox-policy.json", content);
    test
}

#[test]
fn the_machine_itself_is_not_touched() {
    let test = policy(r#"{"weakest-mode": "required"}"#);
    test.docker("sandbox config").is(str![[r#"
exit 0
--- stdout
SETTING          VALUE          SOURCE
mode             required       the default
weakest-mode     required       the machine's policy /etc/docker/sandbox-policy.json
may-allow        -              the machine's policy /etc/docker/sandbox-policy.json
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
    assert!(!std::path::Path::new("/etc/docker/sandbox-policy.json").exists());
}

#[test]
fn without_a_policy_everything_is_allowed() {
    let test = machine();
    test.docker("sandbox run --no-sandbox img").is(str![[r#"
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
fn the_policy_required_lets_nobody_ask_for_less() {
    let mut test = policy(r#"{"weakest-mode": "required"}"#);
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `required`; `--no-sandbox` on the command line asks for `none`
hint: run it as the policy allows:
    docker sandbox run --sandbox=required …

"#]]);
    test.docker("sandbox create --sandbox=preferred img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `required`; `--sandbox=preferred` on the command line asks for `preferred`
hint: run it as the policy allows:
    docker sandbox create --sandbox=required …

"#]]);
    test.set("DOCKER_SANDBOX", "none").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `required`; the environment variable `DOCKER_SANDBOX` asks for `none`
hint: run it as the policy allows:
    docker sandbox run --sandbox=required …
hint: or take the variable away:
    unset DOCKER_SANDBOX

"#]]);
    test.docker("sandbox run --sandbox=required img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.unset("DOCKER_SANDBOX").user(r#"{"mode": "preferred"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `required`; `plugins.sandbox.mode` in `[ROOT]/home/.docker/config.json` asks for `preferred`
hint: run it as the policy allows:
    docker sandbox run --sandbox=required …
hint: or correct the setting:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn the_policy_required_holds_against_a_trusted_project() {
    let test = policy(r#"{"weakest-mode": "required"}"#);
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
    test.docker("sandbox trust").is(str![[r#"
exit 0
--- stdout
trusted: [ROOT]/work/agent.yaml (line 1: sandbox: none, sha256 a85017c37ce30cf36c1dcb913104f671bec959d7a294a6bbd005585894b426aa)

"#]]);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `required`; `[ROOT]/work/agent.yaml` line 1 asks for `none`
hint: run it as the policy allows:
    docker sandbox run --sandbox=required …
hint: or stop trusting the file that asks for less:
    docker sandbox untrust [ROOT]/work/agent.yaml

"#]]);
}

#[test]
fn the_policy_preferred_allows_preferred_and_not_none() {
    let test = policy(r#"{"weakest-mode": "preferred"}"#);
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `preferred`; `--no-sandbox` on the command line asks for `none`
hint: run it as the policy allows:
    docker sandbox run --sandbox=preferred …

"#]]);
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
fn the_policy_none_allows_everything() {
    let test = policy(r#"{"weakest-mode": "none"}"#);
    test.docker("sandbox run --no-sandbox img").is(str![[r#"
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
fn a_policy_does_not_weaken_by_itself() {
    policy(r#"{"weakest-mode": "none"}"#).docker("sandbox run --verbose img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `runsc` (registered; its binary is /usr/local/bin/runsc); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn no_variable_moves_the_policy() {
    let mut test = policy(r#"{"weakest-mode": "required"}"#);
    for name in ["DOCKER_SANDBOX_POLICY", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"] {
        let elsewhere = test.path("home");
        test.set(name, elsewhere);
    }
    test.docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `required`; `--no-sandbox` on the command line asks for `none`
hint: run it as the policy allows:
    docker sandbox run --sandbox=required …

"#]]);
}

#[test]
fn config_shows_the_policy_and_fails_below_it() {
    let mut test = policy(r#"{"weakest-mode": "preferred"}"#);
    test.docker("sandbox config --format json").is(str![[r#"
exit 0
--- stdout
{
  "settings": [
    {
      "name": "mode",
      "value": "required",
      "source": "the default"
    },
    {
      "name": "weakest-mode",
      "value": "preferred",
      "source": "the machine's policy /etc/docker/sandbox-policy.json"
    },
    {
      "name": "may-allow",
      "value": null,
      "source": "the machine's policy /etc/docker/sandbox-policy.json"
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
    test.set("DOCKER_SANDBOX", "none").docker("sandbox config").is(str![[r#"
exit 1
--- stdout
SETTING          VALUE          SOURCE
mode             none           the environment variable `DOCKER_SANDBOX`
weakest-mode     preferred      the machine's policy /etc/docker/sandbox-policy.json
may-allow        -              the machine's policy /etc/docker/sandbox-policy.json
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
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker than `preferred`; the environment variable `DOCKER_SANDBOX` asks for `none`
hint: run it as the policy allows:
    docker sandbox run --sandbox=preferred …
hint: or take the variable away:
    unset DOCKER_SANDBOX

"#]]);
}
