//! No gVisor: what is said to whoever has a Linux daemon of their own.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn a_debian_daemon_without_gvisor_is_refused_with_instructions_for_it() {
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("sandbox run --rm img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

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
    let seen = |words: &str| test.docker(words).text().to_owned();
    assert_eq!(
        seen("sandbox create img").replace("create --no-sandbox", "run --no-sandbox"),
        seen("sandbox run img")
    );
    assert_eq!(
        test.direct("run img")
            .text()
            .replace("docker-sandbox run", "docker sandbox run")
            .replace("docker-sandbox setup", "docker sandbox setup"),
        seen("sandbox run img")
    );
}

#[test]
fn a_20_10_daemon_without_gvisor_is_refused() {
    TestEnvironment::without_gvisor("debian-20.10").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     old, version 20.10.24+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), io.containerd.runtime.v1.linux (runc), runc (runc, the default)

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
}

#[test]
fn an_ubuntu_daemon_with_other_runtimes_is_refused_and_they_are_named() {
    TestEnvironment::without_gvisor("ubuntu").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      io.containerd.runc.v2 (runc), kata (io.containerd.kata.v2), nvidia (nvidia-container-runtime, the default), runc (runc)

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
}

#[test]
fn instructions_come_even_if_docker_does_not_tell_its_endpoint() {
    let test = TestEnvironment::without_gvisor("debian");
    test.answer("context inspect").stderr("boom\n").status(1);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

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
}
