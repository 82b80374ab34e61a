//! Nothing from outside drives the user's terminal.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn nothing_a_daemon_says_drives_the_terminal() {
    let test = TestEnvironment::without_gvisor("hostile");
    test.endpoint("ssh://h\x1b[2J");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     na\u{a}me\u{d}\u{9b}31m, version 1\u{1b}[31m
Its system:        evil\u{1b}[2J\u{1b}]0;owned\u{7} \u{202e}OS, x\u{200b}86
Its runtimes:      runc\u{1b}[1m (/bin/\u{1b}[2Jrunc, the default)

The daemon is on another machine (ssh://h\u{1b}[2J). Do this there:

1. Install gVisor, on Debian or Ubuntu:
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify (gVisor's boot lines appear):
    docker sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
}

#[test]
fn no_word_of_the_user_drives_the_terminal() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.answer("run --help").stdout("");
    test.docker_words(["sandbox", "run", "--runtime=\x1b[2J\u{202e}", "img"]).refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `\u{1b}[2J\u{202e}` is not registered with the Docker daemon; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default), runsc (/usr/local/bin/runsc)

hint: leave `--runtime` away to take the daemon's gVisor:
    docker sandbox run …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    test.docker_words(["sandbox", "run", "--\x1b[2J", "img"]).refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unknown flag `--\u{1b}[2J`
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help
--- docker was called
docker run --help

"#]]);
    test.docker_words(["sandbox", "run", "--sandbox=\x1b[2J", "img"]).refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--sandbox=\u{1b}[2J` on the command line: `\u{1b}[2J` is no sandbox mode: required, preferred or none
hint: write one of the three:
    --sandbox=required

"#]]);
}
