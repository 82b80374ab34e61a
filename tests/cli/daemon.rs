//! Docker or its daemon does not answer: each cause is an error of its own.

use snapbox::str;

use crate::environment::TestEnvironment;

/// What `docker info --format '{{json .Runtimes}}'` of some release does.
pub(crate) fn answering(stdout: &str, stderr: &str, status: u8) -> TestEnvironment {
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
docker run img

"#]]);
}
