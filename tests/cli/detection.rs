//! Which of a daemon's runtimes is taken, and what `--verbose` says of it.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn verbose_says_which_runtime_is_used_and_why() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --verbose img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `runsc` (registered; its binary is /usr/bin/runsc); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox create --verbose --runtime runsc --sandbox preferred img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: runtime `runsc` (asked for; its binary is /usr/bin/runsc); mode `preferred`, decided by `--sandbox=preferred` on the command line
--- docker was called
docker info --format '{{json .Runtimes}}'
docker create --runtime runsc --runtime=runsc img

"#]]);
    test.runtimes(r#"{"gv":{"runtimeType":"io.containerd.runsc.v1"},"runc":{"path":"runc"}}"#);
    test.docker("sandbox run --verbose=true img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `gv` (registered; its type is io.containerd.runsc.v1); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=gv img

"#]]);
    test.docker("sandbox run --verbose=false img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=gv img

"#]]);
}

#[test]
fn gvisor_is_found_under_any_name_and_a_named_one_is_honoured() {
    let test = TestEnvironment::with_gvisor();
    test.runtimes(r#"{"runc":{"path":"runc"},"gv":{"path":"/opt/runsc"},"gv-debug":{"path":"/opt/runsc","runtimeArgs":["--debug"]}}"#);
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=gv img

"#]]);
    test.docker("sandbox run --runtime gv-debug img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime gv-debug --runtime=gv-debug img

"#]]);
    test.docker("sandbox run --runtime io.containerd.runsc.v1 img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime io.containerd.runsc.v1 --runtime=io.containerd.runsc.v1 img

"#]]);
}

#[test]
fn what_a_modern_daemon_says_of_its_runtimes_is_understood() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --verbose img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `runsc` (registered; its binary is /usr/local/bin/runsc); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn podmans_service_behind_dockers_cli_is_refused_whatever_runtimes_it_lists() {
    let test = TestEnvironment::new();
    test.answer("info --format\n{{json .Runtimes}}")
        .stdout("{\"crun\":{\"path\":\"/usr/bin/crun\"},\"runsc\":{\"path\":\"/usr/bin/runsc\"}}\n");
    test.answer("version --format\n{{json .Server}}")
        .stdout("{\"Components\":[{\"Name\":\"Podman Engine\",\"Version\":\"4.3.1\"}]}\n");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: what answers is not Docker's own engine, and may start containers with another runtime than it is asked for
hint: see what it is:
    docker version
hint: podman runs gVisor by itself, where runsc is installed:
    podman --runtime=runsc run …
hint: or use a context whose daemon is a Docker Engine:
    docker context ls
--- docker was called
docker info --format '{{json .Runtimes}}'
docker version --format '{{json .Server}}'

"#]]);
    // An engine so old that it lists no shim is asked for its name, and may have gVisor.
    test.answer("version --format\n{{json .Server}}")
        .stdout("{\"Components\":[{\"Name\":\"Engine\",\"Version\":\"19.03.15\"}]}\n");
    test.answer("run").stdout("started\n");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker version --format '{{json .Server}}'
docker run --runtime=runsc img

"#]]);
}
