//! Daemons that hang: how long they are waited for.

use std::time::Duration;

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn a_daemon_that_hangs_is_given_up_within_the_limit() {
    let test = TestEnvironment::new();
    test.hangs("info", false);
    let seen = test.docker("sandbox run --detect-timeout=300ms img");
    seen.refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the Docker daemon did not answer within 300ms
hint: see whether it answers at all:
    docker version
hint: restart one that hangs (systemd; rootless Docker: systemctl --user):
    sudo systemctl restart docker
hint: or wait longer for one that is only slow, with `--detect-timeout` or:
    export DOCKER_SANDBOX_DETECT_TIMEOUT=60s
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    assert!(seen.took >= Duration::from_millis(300) && seen.took < Duration::from_secs(8), "{:?}", seen.took);
}

#[test]
fn a_helper_of_docker_that_outlives_it_does_not_hold_us_up() {
    let mut test = TestEnvironment::new();
    test.hangs("info", true);
    test.set("DOCKER_SANDBOX_DETECT_TIMEOUT", "300ms");
    let seen = test.docker("--context x sandbox run img");
    seen.refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the Docker daemon did not answer within 300ms
hint: see whether it answers at all:
    docker --context x version
hint: restart one that hangs (systemd; rootless Docker: systemctl --user):
    sudo systemctl restart docker
hint: or wait longer for one that is only slow, with `--detect-timeout` or:
    export DOCKER_SANDBOX_DETECT_TIMEOUT=60s
--- docker was called
docker --context x info --format '{{json .Runtimes}}'

"#]]);
    assert!(seen.took < Duration::from_secs(8), "{:?}", seen.took);
}

#[test]
fn a_daemon_that_hangs_at_the_second_question_ends_in_a_refusal_too() {
    let test = TestEnvironment::without_gvisor("debian");
    test.hangs("info --format\n{{json .}}", false);
    test.hangs("context inspect", false);
    let seen = test.docker("sandbox run --detect-timeout=300ms img");
    seen.refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     ?, version ?
Its system:        ?, ?
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc)

1. Install gVisor, on Debian or Ubuntu:
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify (gVisor's boot lines appear):
    docker sandbox run --rm busybox dmesg

hint: to have all of this done, proven, and taken back with --undo:
    docker sandbox setup
hint: to start without a sandbox, this once:
    docker sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
    assert!(seen.took < Duration::from_secs(8), "{:?}", seen.took);
}

#[test]
fn an_invalid_limit_is_refused_with_its_source() {
    let mut test = TestEnvironment::with_gvisor();
    for value in ["soon", "0s", "-1s", "5"] {
        test.docker(&format!("sandbox run --detect-timeout={value} img"));
    }
    test.docker("sandbox run --detect-timeout=soon img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--detect-timeout` on the command line: `soon` is no duration: write `10s`, `500ms` or `1m`
hint: for example:
    --detect-timeout=30s

"#]]);
    test.docker("sandbox run --detect-timeout 0s img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--detect-timeout` on the command line: `0s` is no duration: write `10s`, `500ms` or `1m`
hint: for example:
    --detect-timeout=30s

"#]]);
    test.docker("sandbox run --detect-timeout= img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--detect-timeout` on the command line: `` is no duration: write `10s`, `500ms` or `1m`
hint: for example:
    --detect-timeout=30s

"#]]);
    test.set("DOCKER_SANDBOX_DETECT_TIMEOUT", "5").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the environment variable `DOCKER_SANDBOX_DETECT_TIMEOUT`: `5` is no duration: write `10s`, `500ms` or `1m`
hint: for example:
    export DOCKER_SANDBOX_DETECT_TIMEOUT=30s

"#]]);
    test.unset("DOCKER_SANDBOX_DETECT_TIMEOUT");
    test.user(r#"{"detect-timeout": "never"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `never` is no duration: write `10s`, `500ms` or `1m`
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn commands_over_containers_take_the_limit_from_the_same_sources() {
    let mut test = TestEnvironment::new();
    test.hangs("ps", false);
    test.user("{\"detect-timeout\": \"300ms\"}");
    for line in ["ls", "prune --force"] {
        let seen = test.docker(&format!("sandbox {line}"));
        assert!(seen.stderr.contains("did not answer within 300ms"), "{line}: {}", seen.text());
    }
    test.set("DOCKER_SANDBOX_DETECT_TIMEOUT", "soon");
    for line in ["ls", "rm x", "stop x", "prune --force"] {
        let seen = test.docker(&format!("sandbox {line}"));
        assert_eq!(seen.code, Some(1), "{line}: {}", seen.text());
        assert!(seen.stderr.contains("DOCKER_SANDBOX_DETECT_TIMEOUT"), "{line}: {}", seen.text());
        assert!(!seen.text().contains("docker was called"), "{line}: {}", seen.text());
    }
}
