//! Docker or its daemon does not answer: each cause is an error of its own.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use snapbox::str;

use crate::environment::TestEnvironment;

/// What `docker info --format '{{json .Runtimes}}'` of some release does.
fn answering(stdout: &str, stderr: &str, status: u8) -> TestEnvironment {
    let test = TestEnvironment::new();
    test.answer("--version").stdout("Docker version 28.2.2, build e6534b4\n");
    test.answer("version --format\n{{json .Server}}").stdout("null\n").stderr(stderr).status(1);
    test.answer("info").stdout(stdout).stderr(stderr).status(status);
    test
}

const DOWN: &str =
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n";

#[test]
fn an_unreachable_daemon_is_told_apart_with_docker_28() {
    answering("null\n", DOWN, 1).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot reach the Docker daemon: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn an_unreachable_daemon_is_told_apart_with_docker_26_which_exits_with_0() {
    answering("null\n", DOWN, 0).docker("--context x sandbox create img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot reach the Docker daemon: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker --context x info --format '{{json .Runtimes}}'
docker --context x --version
docker --context x version --format '{{json .Server}}'

"#]]);
}

#[test]
fn an_unreachable_daemon_is_told_apart_with_docker_20_10_which_does_not_say_why() {
    let test = answering("", DOWN, 1);
    test.answer("info").status(1).stderr(
        "template: :1:7: executing \"\" at <.Runtimes>: reflect: indirection through nil pointer to embedded struct field Info\n",
    );
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot reach the Docker daemon: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version
docker version --format '{{json .Server}}'

"#]]);
}

#[test]
fn an_empty_null_answer_is_no_list_of_runtimes() {
    let test = answering("null\n", DOWN, 0);
    test.answer("info").stdout("null\n");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot reach the Docker daemon: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version
docker version --format '{{json .Server}}'

"#]]);
}

#[test]
fn a_host_that_does_not_resolve_is_unreachable() {
    let text = "error during connect: Get \"http://nowhere.invalid:2375/v1.50/info\": dial tcp: lookup nowhere.invalid on 10.0.0.53:53: no such host\n";
    answering("null\n", text, 1).docker("-H tcp://nowhere.invalid:2375 sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot reach the Docker daemon: error during connect: Get "http://nowhere.invalid:2375/v1.50/info": dial tcp: lookup nowhere.invalid on 10.0.0.53:53: no such host
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker -H tcp://nowhere.invalid:2375 info --format '{{json .Runtimes}}'
docker -H tcp://nowhere.invalid:2375 --version

"#]]);
}

#[test]
fn an_ssh_host_that_refuses_us_is_no_matter_of_the_sockets_group() {
    let text = "error during connect: Get \"http://docker.example.com/v1.50/info\": command [ssh -o ConnectTimeout=30 -T -- far docker system dial-stdio] has exited with exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=me@far: Permission denied (publickey).\n";
    answering("null\n", text, 1).docker("-H ssh://me@far sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: ssh was not let in to the Docker daemon's host: error during connect: Get "http://docker.example.com/v1.50/info": command [ssh -o ConnectTimeout=30 -T -- far docker system dial-stdio] has exited with exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=me@far: Permission denied (publickey).
hint: see which host is meant, then make `ssh` to it work:
    docker context ls
--- docker was called
docker -H ssh://me@far info --format '{{json .Runtimes}}'
docker -H ssh://me@far --version

"#]]);
}

#[test]
fn a_socket_that_we_may_not_use_is_a_matter_of_permission() {
    let text = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/info\": dial unix /var/run/docker.sock: connect: permission denied\n";
    answering("null\n", text, 1).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: no permission to use the Docker daemon's socket: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/info": dial unix /var/run/docker.sock: connect: permission denied
hint: join the group that owns it, then log in again:
    sudo usermod -aG docker "$USER" && newgrp docker
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
    // 20.10 adds two lines of its own.
    let text = format!("ERROR: Got {text}errors pretty printing info\n");
    answering("null\n", &text, 1).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: no permission to use the Docker daemon's socket: Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/info": dial unix /var/run/docker.sock: connect: permission denied
hint: join the group that owns it, then log in again:
    sudo usermod -aG docker "$USER" && newgrp docker
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn a_context_that_is_not_there_is_told_apart() {
    let text = "Failed to initialize: unable to resolve docker endpoint: context \"nope\": context not found: open /root/.docker/contexts/meta/ca37/meta.json: no such file or directory\n";
    answering("", text, 1).docker("--context nope sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: docker knows no such context: Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: open /root/.docker/contexts/meta/ca37/meta.json: no such file or directory
hint: list those it knows:
    docker context ls
--- docker was called
docker --context nope info --format '{{json .Runtimes}}'
docker --context nope --version

"#]]);
    // 20.10.
    let text = "unable to resolve docker endpoint: context \"nope\" does not exist\n";
    answering("", text, 1).docker("--context nope sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: docker knows no such context: unable to resolve docker endpoint: context "nope" does not exist
hint: list those it knows:
    docker context ls
--- docker was called
docker --context nope info --format '{{json .Runtimes}}'
docker --context nope --version

"#]]);
}

#[test]
fn docker_not_installed_is_told_apart() {
    let mut test = TestEnvironment::new();
    test.set("PATH", test.path("home"));
    test.direct("run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: docker is not installed: no program `docker` on PATH
hint: install Docker's command line (Debian, Ubuntu; other systems: https://docs.docker.com/engine/install):
    sudo apt-get install docker.io
hint: or, if it is installed, put its folder on PATH:
    export PATH="$PATH:/usr/local/bin"

"#]]);
    test.set("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "/gone/docker").docker("sandbox run img").refuses(
        str![[r#"
exit 125
--- stderr
docker sandbox: docker is not installed: no program `/gone/docker` on PATH
hint: install Docker's command line (Debian, Ubuntu; other systems: https://docs.docker.com/engine/install):
    sudo apt-get install docker.io
hint: or, if it is installed, put its folder on PATH:
    export PATH="$PATH:/usr/local/bin"

"#]],
    );
    test.unset("PATH").direct("run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: docker is not installed: no program `docker` on PATH
hint: install Docker's command line (Debian, Ubuntu; other systems: https://docs.docker.com/engine/install):
    sudo apt-get install docker.io
hint: or, if it is installed, put its folder on PATH:
    export PATH="$PATH:/usr/local/bin"

"#]]);
}

#[test]
fn a_folder_or_a_plain_file_named_docker_is_no_docker() {
    let mut test = TestEnvironment::new();
    std::fs::create_dir_all(test.path("folder/docker")).unwrap();
    let file = test.write("file/docker", "#!/bin/sh\n");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    test.set("PATH", std::env::join_paths([test.path("folder"), test.path("file")]).unwrap());
    test.direct("run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: docker is not installed: no program `docker` on PATH
hint: install Docker's command line (Debian, Ubuntu; other systems: https://docs.docker.com/engine/install):
    sudo apt-get install docker.io
hint: or, if it is installed, put its folder on PATH:
    export PATH="$PATH:/usr/local/bin"

"#]]);
    let usable = TestEnvironment::with_gvisor();
    let path = std::env::join_paths([test.path("folder"), test.path("file"), usable.path("bin")]).unwrap();
    let mut usable = usable;
    usable.set("PATH", path).direct("run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_docker_that_cannot_be_executed_is_said() {
    let mut test = TestEnvironment::new();
    let file = test.write("broken/docker", "#!/nowhere/sh\n");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    test.set("PATH", test.path("broken"));
    test.direct("run img").is(str![[r#"
exit 125
--- stderr
docker sandbox: cannot run `[ROOT]/broken/docker info --format '{{json .Runtimes}}'`: No such file or directory (os error 2)

"#]]);
}

#[test]
fn podman_is_told_apart_by_its_version_and_by_its_failure() {
    let test = TestEnvironment::new();
    test.answer("--version").stdout("podman version 4.3.1\n");
    test.answer("info").stderr(
        "Error: template: info:1:8: executing \"info\" at <.Runtimes>: can't evaluate field Runtimes in type *define.Info\n",
    ).status(125);
    test.direct("run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this `docker` is podman: `[ROOT]/bin/docker` has no Docker plugins and no Docker daemon
hint: podman runs gVisor by itself, where runsc is installed:
    podman --runtime=runsc run …
hint: or put Docker's own command line first on PATH:
    sudo apt-get install docker.io
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
    // Debian's podman-docker says so on stderr at every call.
    test.answer("--version")
        .stdout("podman version 4.3.1\n")
        .stderr("Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n");
    test.direct("create img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this `docker` is podman: `[ROOT]/bin/docker` has no Docker plugins and no Docker daemon
hint: podman runs gVisor by itself, where runsc is installed:
    podman --runtime=runsc run …
hint: or put Docker's own command line first on PATH:
    sudo apt-get install docker.io
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

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
hint: restart one that hangs (systemd):
    sudo systemctl restart docker
hint: or wait longer for one that is only slow, with `--detect-timeout` or:
    export DOCKER_SANDBOX_DETECT_TIMEOUT=60s
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    assert!(seen.took >= Duration::from_millis(300) && seen.took < Duration::from_secs(3), "{:?}", seen.took);
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
hint: restart one that hangs (systemd):
    sudo systemctl restart docker
hint: or wait longer for one that is only slow, with `--detect-timeout` or:
    export DOCKER_SANDBOX_DETECT_TIMEOUT=60s
--- docker was called
docker --context x info --format '{{json .Runtimes}}'

"#]]);
    assert!(seen.took < Duration::from_secs(3), "{:?}", seen.took);
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
Its runtimes:      none that it names

1. Install gVisor, on Debian or Ubuntu:
    sudo apt-get update && sudo apt-get install -y ca-certificates curl gnupg
    curl -fsSL https://gvisor.dev/archive.key | sudo gpg --dearmor --yes -o /usr/share/keyrings/gvisor-archive-keyring.gpg
    echo "deb [arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/gvisor-archive-keyring.gpg] https://storage.googleapis.com/gvisor/releases release main" | sudo tee /etc/apt/sources.list.d/gvisor.list
    sudo apt-get update && sudo apt-get install -y runsc

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
    cd $(mktemp -d)
    curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2
    curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2.sha512
    sha512sum -c gvisor.tar.bz2.sha512 && sudo tar -xjf gvisor.tar.bz2 -C /usr/local/bin --no-same-owner
    sudo chmod -R a+rX /usr/local/bin/runsc /usr/local/bin/containerd-shim-runsc-v1 /usr/local/bin/gvisor-bin

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify: gVisor's boot lines appear:
    docker sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker sandbox run --no-sandbox …
hint: for good, in this shell, or as `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
    assert!(seen.took < Duration::from_secs(4), "{:?}", seen.took);
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
    --detect-timeout=30s

"#]]);
    test.unset("DOCKER_SANDBOX_DETECT_TIMEOUT");
    test.user(r#"{"detect-timeout": "never"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1 column 51: `never` is no duration: write `10s`, `500ms` or `1m`
hint: correct that line:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn an_answer_that_makes_no_sense_is_refused() {
    for answer in [
        "hello\n",
        "[1,2]\n",
        "\"runsc\"\n",
        "{\"runsc\":\"yes\"}\n",
        "{\"runsc\":{\"path\":7}}\n",
        "\n",
        "{\"runsc\":{\"path\":\"/usr/bin/runsc\"}",
    ] {
        let test = answering(answer, "", 0);
        test.answer("version").stdout("{}\n");
        let seen = test.docker("sandbox run img");
        let text = seen.text();
        assert!(
            text.starts_with("exit 125\n--- stderr\ndocker sandbox: `docker info` failed"),
            "{answer}: {text}"
        );
    }
    let test = answering("hello\n", "", 0);
    test.answer("version").stdout("{}\n");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: it gave no reason: expected value at line 1 column 1
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version
docker version --format '{{json .Server}}'

"#]]);
    answering("", "", 1).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: it gave no reason
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn a_failure_with_an_answer_beside_it_is_still_a_failure() {
    let test = answering("{\"runsc\":{\"path\":\"/usr/bin/runsc\"}}\n", "something broke\n", 1);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: something broke
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn nothing_that_a_failing_docker_says_drives_the_terminal() {
    answering("\x1b[2J", "\x1b]0;owned\x07\x1b[31mboom\r\u{202e}\n", 1).docker("sandbox run img").refuses(
        str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: \u{1b}]0;owned\u{7}\u{1b}[31mboom\u{d}\u{202e}
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]],
    );
    answering("\x1b[2J\n", "", 0).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: it gave no reason: expected value at line 1 column 1
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version
docker version --format '{{json .Server}}'

"#]]);
}

#[test]
fn no_gvisor_and_no_answer_are_never_taken_for_each_other() {
    let test = answering("null\n", DOWN, 1);
    // Not even the mode that falls back starts anything while nobody knows what the daemon has.
    test.docker("sandbox run --sandbox=preferred img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot reach the Docker daemon: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn the_mode_none_asks_nothing_of_the_start_of_a_container() {
    let test = answering("null\n", DOWN, 1);
    test.answer("run").stderr("docker: Cannot connect to the Docker daemon.\n").status(125);
    test.docker("sandbox run --no-sandbox img").is(str![[r#"
exit 125
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
docker: Cannot connect to the Docker daemon.
--- docker was called
docker info --format '{{json .}}'
docker --version
docker run img

"#]]);
}

#[test]
fn a_link_named_docker_is_followed() {
    let mut test = TestEnvironment::with_gvisor();
    std::fs::create_dir(test.path("links")).unwrap();
    symlink(test.path("bin/docker"), test.path("links/docker")).unwrap();
    let path = test.path("links");
    test.set("PATH", path).direct("run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
[ROOT]/links/docker info --format '{{json .Runtimes}}'
[ROOT]/links/docker run --runtime=runsc img

"#]]);
}
