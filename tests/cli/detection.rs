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
        .stdout(
            "{\"Components\":[{\"Name\":\"Podman Engine\",\"Version\":\"4.3.1\",\"Details\":{\"KernelVersion\":\"6.1\"}},\
             {\"Name\":\"Engine\",\"Version\":\"4.3.1\",\"Details\":{\"ApiVersion\":\"1.41\"}}]}\n",
        );
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the daemon is Podman Engine 4.3.1, not a Docker Engine: it ignores the runtime that a container requests
hint: use a context whose daemon is a Docker Engine:
    docker context ls
hint: or let podman run gVisor by itself, where runsc is installed:
    podman --runtime=runsc run …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker version --format '{{json .Server}}'

"#]]);
    // An engine so old that it lists no shim is asked for its name, and proven.
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

#[test]
fn a_daemon_that_is_no_dockerd_of_this_machine_is_proven_once_for_each_runtime() {
    let test = TestEnvironment::with_gvisor();
    let proofs = || std::fs::read_to_string(test.path("fake/proofs")).unwrap_or_default().lines().count();
    test.docker("sandbox run img").started();
    test.direct("run img").started();
    test.docker("sandbox create img").started();
    assert_eq!(proofs(), 1);
    test.docker("sandbox run --runtime=io.containerd.runsc.v1 img").started();
    test.docker("sandbox run --runtime=io.containerd.runsc.v1 img").started();
    assert_eq!(proofs(), 2);
    // Another registration, and another way to the daemon.
    test.runtimes(r#"{"runc":{"path":"runc"},"runsc":{"path":"/opt/runsc"}}"#);
    test.docker("sandbox run img").started();
    assert_eq!(proofs(), 3);
    test.endpoint("ssh://far");
    test.docker("--context far sandbox run img").started();
    test.docker("--context far sandbox run img").started();
    assert_eq!(proofs(), 4);
}

#[test]
fn a_daemon_that_ignores_the_runtime_is_refused_however_it_is_asked() {
    let test = TestEnvironment::with_gvisor();
    test.write("fake/not-gvisor", "");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this daemon starts containers outside of gVisor, although they request the runtime `runsc`; nothing was started

A container of ours was started to see: its kernel says[..]

hint: use a context whose daemon is a Docker Engine with gVisor:
    docker context ls
hint: or see what answers:
    docker version
hint: see everything that is wrong:
    docker sandbox doctor
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    for words in ["create img", "run --runtime=runsc img", "run --sandbox=preferred img", "run -d img"] {
        for call in [test.docker(&format!("sandbox {words}")), test.direct(words)] {
            assert_eq!(call.code, Some(125), "{}", call.text());
            assert!(call.stderr.contains("starts containers outside of gVisor"), "{}", call.text());
            assert!(!call.text().contains("docker run"), "{}", call.text());
        }
    }
    std::fs::remove_file(test.path("fake/not-gvisor")).unwrap();
    test.docker("sandbox run img").started();
}

#[test]
fn a_runtime_that_the_daemon_says_nothing_of_is_proven_at_each_start() {
    let test = TestEnvironment::with_gvisor();
    test.runtimes(r#"{"runc":{"path":"runc"},"runsc":{},"kata":{}}"#);
    let proofs = || std::fs::read_to_string(test.path("fake/proofs")).unwrap_or_default().lines().count();
    for number in 1..3 {
        test.docker("sandbox run img").started();
        test.direct("run --runtime=kata img").started();
        assert_eq!(proofs(), 2 * number);
    }
    test.write("fake/not-gvisor", "");
    for words in ["run img", "run --runtime=kata img"] {
        assert_eq!(test.docker(&format!("sandbox {words}")).code, Some(125));
    }
}

#[test]
fn a_runtime_that_the_daemon_says_nothing_of_is_not_answered_with_how_to_install_gvisor() {
    let test = TestEnvironment::without_gvisor("debian");
    test.runtimes(r#"{"runc":{"path":"runc"},"gv":{}}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the daemon does not report the `runtimeType` of `gv`, and no other runtime is gVisor; nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

hint: name the runtime that is gVisor, to have it proven:
    docker sandbox run --runtime=gv …
hint: or register gVisor by its path:
    docker sandbox setup
hint: to start without a sandbox, this once:
    docker sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
}
