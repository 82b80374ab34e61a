//! No gVisor: what is said for platforms where it is installed in another way, or not at all.

use snapbox::str;

use crate::environment::TestEnvironment;

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
    mkdir -p ~/gvisor && cd ~/gvisor
    arch=$(uname -m | sed s/arm64/aarch64/)
    curl -fSO "https://storage.googleapis.com/gvisor/releases/release/latest/$arch/gvisor.tar.bz2"
    curl -fSO "https://storage.googleapis.com/gvisor/releases/release/latest/$arch/gvisor.tar.bz2.sha512"
    shasum -a 512 -c gvisor.tar.bz2.sha512 && tar -xjf gvisor.tar.bz2 && chmod -R a+rX .

2. Add the runtime `runsc` with its path, and restart:
    orb config docker
    orb restart docker

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
fn colima_gets_its_own_text_by_name_and_by_socket() {
    let test = TestEnvironment::without_gvisor("colima");
    let first = test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     colima, version 28.5.1
Its system:        Ubuntu 24.04.2 LTS, aarch64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

Colima runs the daemon in a virtual machine. Enter it with `colima ssh` for step 1.

1. Install gVisor in there:
[TARBALL]

2. Register it and reload the daemon:
    colima ssh -- sudo runsc install
    colima ssh -- sudo systemctl reload docker

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

"#]]).text().to_owned();
    let test = TestEnvironment::without_gvisor("debian");
    test.endpoint("unix:///Users/me/.colima/default/docker.sock");
    let steps = |text: &str| {
        text.split("Colima runs").nth(1).map(|rest| rest.split("--- docker").next().unwrap().to_owned())
    };
    let other = test.docker("sandbox run img").text().replace(&test.path("").display().to_string(), "");
    assert!(steps(&first).is_some() && steps(&other).is_some(), "{other}");
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
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it with your own daemon, which has no say over cgroups, and restart that:
    runsc install --config_file="$HOME/.config/docker/daemon.json" -- --ignore-cgroups
    systemctl --user restart docker

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
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify (gVisor's boot lines appear):
    docker --context far sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker --context far sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
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
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify (gVisor's boot lines appear):
    docker -c far sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker -c far sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
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
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify (gVisor's boot lines appear):
    docker -H ssh://me@far.example sandbox run --rm busybox dmesg

hint: to start without a sandbox, this once:
    docker -H ssh://me@far.example sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker -H ssh://me@far.example info --format '{{json .Runtimes}}'
docker -H ssh://me@far.example info --format '{{json .}}'
docker -H ssh://me@far.example context inspect --format '{{.Endpoints.docker.Host}}'

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
