//! Rules over what a command of `do --write` changed are named where the others are named: on the command line, in settings, by the
//! policy, in what is printed and offered.

use snapbox::str;

use crate::environment::TestEnvironment;
use crate::policy::policy;

const ALLOWED: &str = "git-config,editor-startup";

/// The row of `docker sandbox config` for the setting `name`: its value and where it came from.
fn row(test: &TestEnvironment, name: &str) -> (String, String) {
    let shown = test.docker("sandbox config --format json");
    let report: serde_json::Value = serde_json::from_str(shown.stdout()).unwrap();
    let rows = report["settings"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap();
    let cell = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (cell("value"), cell("source"))
}

#[test]
fn the_command_line_allows_them() {
    let test = TestEnvironment::with_gvisor();
    for line in
        ["do --allow=git-config,editor-startup true", "do --allow git-config --allow editor-startup true"]
    {
        let done = test.docker(&format!("sandbox {line}"));
        assert_eq!(done.code, Some(0), "{line}: {}", done.text());
    }
    // Nothing is held back of what a container changes: no harm, and no effect.
    test.docker("sandbox run --allow=git-config,set-id img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn the_users_settings_allow_them_for_every_verb() {
    let test = TestEnvironment::with_gvisor();
    test.user(&format!(r#"{{"allow": "{ALLOWED}"}}"#));
    for line in ["run img", "create img", "do true"] {
        let done = test.docker(&format!("sandbox {line}"));
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{line}: {}", done.text());
    }
    let (value, source) = row(&test, "allow");
    assert_eq!(value, ALLOWED);
    assert!(source.starts_with("`plugins.sandbox.allow` in "), "{source}");
}

#[test]
fn a_project_cannot_allow_them() {
    let test = TestEnvironment::with_gvisor();
    test.write(
        "work/agent.yaml",
        "sandbox: required\nallow: git-config\nplugins:\n  sandbox:\n    allow: git-config\n",
    );
    assert_eq!(row(&test, "allow"), (String::new(), "the default".to_owned()));
}

#[test]
fn a_policy_names_those_that_may_be_allowed() {
    let test = policy(r#"{"may-allow": ["host-etc", "editor-startup"]}"#);
    assert_eq!(row(&test, "may-allow").0, "host-etc,editor-startup");
    let done = test.docker("sandbox do --allow=editor-startup true");
    assert_eq!(done.code, Some(0), "{}", done.text());
    for line in ["do --write --allow=git-config true", "do --allow=editor-startup,git-config true"] {
        let done = test.docker(&format!("sandbox {line}"));
        assert_eq!(done.code, Some(125), "{line}: {}", done.text());
        assert!(!done.text().contains("docker run"), "{line}: {}", done.text());
    }
    test.docker("sandbox do --write --allow=git-config true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) does not let anybody allow `git-config`, as `--allow=git-config` on the command line does
hint: leave it out:
    docker sandbox do …

"#]]);
    let done = test.docker("sandbox do --format json --write --allow=git-config true");
    let object: serde_json::Value = serde_json::from_str(done.stdout()).unwrap();
    assert_eq!(object["error"]["code"], "policy", "{object}");
    test.user(r#"{"allow": "git-config"}"#);
    test.docker("sandbox do --write true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) does not let anybody allow `git-config`, as `plugins.sandbox.allow` in `[ROOT]/home/.docker/config.json` does
hint: take it out of the setting:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) does not let anybody allow `git-config`, as `plugins.sandbox.allow` in `[ROOT]/home/.docker/config.json` does
hint: take it out of the setting:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn a_policy_that_names_no_rule_starts_nothing() {
    let test = policy(r#"{"may-allow": ["git-configuration"]}"#);
    test.docker("sandbox do true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: `git-configuration` is no rule
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
}

#[test]
fn what_is_held_back_is_never_silent() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox do --quiet-rule=editor-startup true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--quiet-rule=editor-startup` on the command line: `editor-startup` holds back what a command changed, and is never silent; `allow` has it applied

deny: socket-mount annotation-gvisor ipc-host host-root host-etc host-proc host-sys host-run host-home credentials host-startup host-engine host-system gpu-driver runtime-host-uds runtime-host-fifo runtime-devices runtime-drivers runtime-profile runtime-flag-override runtime-rootfs-tar runtime-network-plugin runtime-testonly limits-unenforced read-only-unenforced
others: host-read host-opt runtime-unknown net-host net-container net-raw setuid pid-host uts-host sysctl device gpus apparmor seccomp memory cpus pids-limit oom-score-adj restart inotify host-socket read-only-file read-only net-user-dns rootfs-writes runtime-net-host runtime-net-raw runtime-suid runtime-trace

hint: name one of these:
    --quiet-rule=RULE

"#]]);
    test.user(r#"{"quiet-rule": "memory,editor-startup"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `editor-startup` holds back what a command changed, and is never silent; `allow` has it applied
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn they_are_offered_where_they_count() {
    let test = TestEnvironment::new();
    let complete = |words: &str| test.docker_words(std::iter::once("__complete").chain(words.split(' ')));
    complete("sandbox do --allow git-").is(str![[r#"
exit 0
--- stdout
git-config	git runs programs that its hooks and its configuration name
git-directory	git would take it for a repository, and run programs that its configuration names
git-object	history would be lost, or taken from elsewhere
git-index	git would look into repositories that the command made, or not show what it changed
git-hook-manager	hooks that are installed run what they say at the next commit
:4

"#]]);
    complete("sandbox do --allow=set").is(str![[r#"
exit 0
--- stdout
set-id	whoever runs it would do so as its owner
:4

"#]]);
    complete("sandbox do --allow host-e").is(str![[r#"
exit 0
--- stdout
host-etc	the container can change the host's accounts and what the host starts
host-engine	the container can change what the engine runs as root, and other containers
:4

"#]]);
    complete("sandbox run --allow git-").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
    complete("sandbox do --quiet-rule git-").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
    complete("sandbox do --quiet-rule=pid").is(str![[r#"
exit 0
--- stdout
pid-host	ignored: the container sees its own processes only
pids-limit	gVisor's own threads count too: below about 40 nothing starts, and below 60 the sandbox may die without a word once it has 20 processes
:4

"#]]);
    // The command's own.
    complete("sandbox do -- tool --allow ").is(str![[r#"
exit 0
--- stdout
:0

"#]]);
}
