//! The docker program itself: missing, broken, or another one.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use snapbox::str;

use crate::environment::TestEnvironment;

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
docker sandbox: docker is not installed: no program `/gone/docker`
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
hint: see what that program is:
    head -c 80 [ROOT]/broken/docker

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
