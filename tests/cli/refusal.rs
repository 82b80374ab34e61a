//! No gVisor, or a runtime that is not gVisor: what is said, for the platform the daemon is on.

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
    test.docker("sandbox create img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

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
    docker sandbox create --no-sandbox …
hint: for good, in this shell, or as `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
    test.direct("run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

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
    docker-sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker-sandbox run --no-sandbox …
hint: for good, in this shell, or as `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
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
}

#[test]
fn docker_desktop_gets_its_own_text() {
    TestEnvironment::without_gvisor("desktop").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     docker-desktop, version 28.5.1
Its system:        Docker Desktop, aarch64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

Docker Desktop has no supported way to add a runtime: its virtual machine keeps no changes, and paths in its daemon.json are paths in there. Run a Docker engine on Linux that has gVisor, and point this command line at it:

1. Tell Docker about that engine:
    docker context create linux --docker host=ssh://USER@HOST

2. Use it:
    docker context use linux

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
}

#[test]
fn orbstack_gets_its_own_text() {
    TestEnvironment::without_gvisor("orbstack").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     orbstack, version 28.5.1
Its system:        OrbStack, aarch64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

OrbStack runs the daemon in a virtual machine of its own.

1. Install gVisor in a folder that the machine sees (not below /tmp, which is a link there):
    cd $(mktemp -d)
    curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2
    curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2.sha512
    sha512sum -c gvisor.tar.bz2.sha512 && sudo tar -xjf gvisor.tar.bz2 -C /usr/local/bin --no-same-owner
    sudo chmod -R a+rX /usr/local/bin/runsc /usr/local/bin/containerd-shim-runsc-v1 /usr/local/bin/gvisor-bin

2. Add the runtime `runsc` with its path, and restart:
    orb config docker
    orb restart docker

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
}

#[test]
fn colima_gets_its_own_text_by_name_and_by_socket() {
    let test = TestEnvironment::without_gvisor("colima");
    let text = test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     colima, version 28.5.1
Its system:        Ubuntu 24.04.2 LTS, aarch64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

Colima runs the daemon in a virtual machine. Enter it with `colima ssh` for step 1.

1. Install gVisor in there:
    cd $(mktemp -d)
    curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2
    curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2.sha512
    sha512sum -c gvisor.tar.bz2.sha512 && sudo tar -xjf gvisor.tar.bz2 -C /usr/local/bin --no-same-owner
    sudo chmod -R a+rX /usr/local/bin/runsc /usr/local/bin/containerd-shim-runsc-v1 /usr/local/bin/gvisor-bin

2. Register it and reload the daemon:
    colima ssh -- sudo runsc install
    colima ssh -- sudo systemctl reload docker

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

"#]]).text().to_owned();
    let test = TestEnvironment::without_gvisor("debian");
    test.endpoint("unix:///Users/me/.colima/default/docker.sock");
    let steps = |text: &str| {
        text.split("Colima runs").nth(1).map(|rest| rest.split("--- docker").next().unwrap().to_owned())
    };
    let other = test.docker("sandbox run img").text().replace(&test.path("").display().to_string(), "");
    assert!(steps(&text).is_some() && steps(&other).is_some(), "{other}");
}

#[test]
fn a_rootless_daemon_gets_its_own_text() {
    TestEnvironment::without_gvisor("rootless").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

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

2. Register it with your own daemon, which has no say over cgroups, and restart that:
    runsc install --config_file="$HOME/.config/docker/daemon.json" -- --ignore-cgroups
    systemctl --user restart docker

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
}

#[test]
fn a_remote_daemon_gets_instructions_for_its_host() {
    let test = TestEnvironment::without_gvisor("debian");
    test.endpoint("tcp://10.0.0.5:2376");
    test.docker("--context far sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

The daemon is on another machine (tcp://10.0.0.5:2376). Do this there:

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
    docker --context far sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker --context far sandbox run --no-sandbox …
hint: for good, in this shell, or as `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker --context far info --format '{{json .Runtimes}}'
docker --context far info --format '{{json .}}'
docker --context far context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
    test.endpoint("ssh://me@far.example");
    test.docker("-c far sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

The daemon is on another machine (ssh://me@far.example). Do this there:

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
    docker -c far sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker -c far sandbox run --no-sandbox …
hint: for good, in this shell, or as `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker -c far info --format '{{json .Runtimes}}'
docker -c far info --format '{{json .}}'
docker -c far context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
}

#[test]
fn a_remote_daemon_given_by_host_is_remote_too() {
    let test = TestEnvironment::without_gvisor("debian");
    test.endpoint("ssh://me@far.example");
    test.docker("-H ssh://me@far.example sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

The daemon is on another machine (ssh://me@far.example). Do this there:

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
    docker -H ssh://me@far.example sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker -H ssh://me@far.example sandbox run --no-sandbox …
hint: for good, in this shell, or as `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker -H ssh://me@far.example info --format '{{json .Runtimes}}'
docker -H ssh://me@far.example info --format '{{json .}}'
docker -H ssh://me@far.example context inspect --format '{{.Endpoints.docker.Host}}'

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
}

#[test]
fn windows_containers_are_refused() {
    let test = TestEnvironment::without_gvisor("windows");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the Docker daemon runs Windows containers; gVisor is a Linux kernel
hint: switch Docker Desktop to Linux containers (in its menu, or in PowerShell):
    & $Env:ProgramFiles\Docker\Docker\DockerCli.exe -SwitchLinuxEngine
hint: or use a context whose daemon runs Linux:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
    test.docker("sandbox run --runtime runsc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the Docker daemon runs Windows containers; gVisor is a Linux kernel
hint: switch Docker Desktop to Linux containers (in its menu, or in PowerShell):
    & $Env:ProgramFiles\Docker\Docker\DockerCli.exe -SwitchLinuxEngine
hint: or use a context whose daemon runs Linux:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
}

#[test]
fn another_runtime_is_refused_and_the_daemons_gvisor_is_offered() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --runtime=runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker sandbox run --runtime=runsc …
hint: or start it without the sandbox, if that is what you want:
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
hint: or start it without the sandbox, if that is what you want:
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
hint: or start it without the sandbox, if that is what you want:
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
hint: or start it without the sandbox, if that is what you want:
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

hint: or start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

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

hint: leave `--runtime` away to take the daemon's gVisor:
    docker sandbox run …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

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
    test.docker("sandbox run --runtime=runsc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runsc` is not gVisor: its binary is not runsc; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      runc (runc, the default), runsc (runc, not gVisor)

hint: or start it without the sandbox, if that is what you want:
    docker sandbox run --no-sandbox --runtime=runsc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

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
}

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
