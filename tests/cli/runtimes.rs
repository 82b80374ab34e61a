//! Runtimes that are asked for, or registered, and are not gVisor.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn another_runtime_is_refused_and_the_daemons_gvisor_is_offered() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --runtime=runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker sandbox run --runtime=runsc …
hint: to start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    test.docker("sandbox run --rm --runtime runsc --runtime runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker sandbox run --runtime=runsc …
hint: to start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    test.direct("create --runtime=runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker-sandbox create --runtime=runsc …
hint: to start it without the sandbox, if that is what you want:
    docker-sandbox create --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    test.docker("sandbox run --runtime=io.containerd.runc.v2 img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `io.containerd.runc.v2` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker sandbox run --runtime=runsc …
hint: to start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=io.containerd.runc.v2 …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
}

#[test]
fn another_runtime_is_refused_where_there_is_no_gvisor_either() {
    TestEnvironment::without_gvisor("debian").docker("sandbox run --runtime=runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started

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
hint: to start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
}

#[test]
fn a_runtime_that_is_not_registered_is_refused() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --runtime=kata img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `kata` is not registered with the Docker daemon; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default), runsc (/usr/local/bin/runsc)

hint: leave `--runtime` away to take the daemon's gVisor:
    docker sandbox run …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("sandbox run --runtime=runsc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runsc` is not registered with the Docker daemon; nothing was started

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

#[test]
fn an_impostor_is_refused_by_its_path() {
    let test = TestEnvironment::without_gvisor("impostor-path");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runsc` (runc) is not gVisor: its binary is not runsc; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      runc (runc, the default), runsc (runc, not gVisor)

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
    test.docker("sandbox run --runtime=runsc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runsc` is not gVisor: its binary is not runsc; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      runc (runc, the default), runsc (runc, not gVisor)

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
hint: to start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runsc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
}

#[test]
fn an_impostor_is_refused_by_its_features() {
    let test = TestEnvironment::without_gvisor("impostor-features");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runsc` (/usr/local/bin/runsc) is not gVisor: its features say that it is runc; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      runc (runc, the default), runsc (/usr/local/bin/runsc, not gVisor)

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
