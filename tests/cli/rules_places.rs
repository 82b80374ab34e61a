//! The rules over kinds of places, over a runtime's arguments and over devices: which line of each is said.

use std::os::unix::net::UnixListener;

use crate::environment::TestEnvironment;

/// Asserts which rules a start with `options` is refused by, or told of: `deny:` or `warn:` and ids, in any order.
#[track_caller]
fn assert_ruled(test: &TestEnvironment, options: &str, expected: &str) {
    let transcript = test.docker(&format!("sandbox run {options} img"));
    let denied = transcript.code == Some(125);
    // `WHAT: WHY [ID]`, and in a refusal of one `; nothing was started` behind that.
    let lines = transcript.stderr.lines().filter(|line| line.contains("`: "));
    let ids = lines.filter_map(|line| line.rsplit_once(" [")?.1.split(']').next());
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    let kind = if denied { "deny:" } else { "warn:" };
    let said = std::iter::once(kind).chain(ids).collect::<Vec<_>>().join(" ");
    let said = if said == "warn:" { "" } else { &said };
    assert_eq!(said, expected, "{options}\n{}", transcript.text());
}

#[test]
fn places_are_judged_by_their_kind() {
    let test = TestEnvironment::with_gvisor();
    // What is mounted read-only is another rule's.
    test.runtimes(r#"{"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--directfs=false"]}, "io.containerd.runc.v2": {}}"#);
    for (options, expected) in [
        ("-v ~/.bashrc:/x", "deny: host-startup"),
        ("-v ~/.local/bin:/x", "deny: host-startup"),
        ("-v ~/.config/systemd/user:/x", "deny: host-startup"),
        ("-v ~/.vscode-server:/x", "deny: host-startup"),
        ("-v ~/.gitconfig:/x:ro", ""),
        ("-v ~/.npmrc:/x", "deny: credentials"),
        ("-v ~/.npmrc:/x:ro", "warn: host-read"),
        ("-v ~/.claude:/x:ro", "warn: host-read"),
        ("-v ~/.cargo:/x", "deny: credentials host-startup"),
        ("-v ~/.cargo/registry:/x", ""),
        ("-v ~/.local/share/docker:/x", "deny: host-engine"),
        ("-v ~/.config/docker/daemon.json:/x", "deny: host-engine"),
        ("-v /var/lib/docker:/x", "deny: host-engine"),
        ("-v /var/lib/docker:/x:ro", "warn: host-read"),
        ("-v /var/lib/dpkg:/x", "deny: host-system"),
        ("-v /opt:/x", "deny: host-system"),
        ("-v /opt/tool/bin:/x", "deny: host-system"),
        ("-v /opt/app/data:/x", "warn: host-opt"),
        ("-v /opt/app/data:/x:ro", ""),
        ("-v ~/project:/x", ""),
    ] {
        assert_ruled(&test, options, expected);
    }
}

#[test]
fn arguments_of_a_runtime_are_judged_one_by_one() {
    let test = TestEnvironment::new();
    for (arguments, expected) in [
        (r#""--debug""#, ""),
        (r#""--character-device-policy=passthrough""#, "deny: runtime-devices"),
        (r#""--character-device-policy", "prefer-emulated""#, "deny: runtime-devices"),
        (r#""--character-device-policy=emulated-only""#, ""),
        (r#""--allow-suid""#, ""),
        (r#""--allow-packet-socket-write""#, ""),
        (r#""--rdmaproxy""#, "deny: runtime-drivers"),
        (r#""--nvproxy=true", "--nvproxy-docker""#, "deny: runtime-drivers runtime-drivers"),
        (r#""--tpuproxy""#, "deny: runtime-drivers"),
        (r#""--network=plugin""#, "deny: runtime-network-plugin"),
        (r#""--allow-rootfs-tar-annotation""#, "deny: runtime-rootfs-tar"),
        (r#""--pod-init-config=/etc/init.json""#, ""),
        (r#""--of-next-year""#, "warn: runtime-unknown"),
    ] {
        test.runtimes(&format!(
            r#"{{"runsc": {{"path": "/usr/bin/runsc", "runtimeArgs": [{arguments}]}}, "io.containerd.runc.v2": {{}}}}"#
        ));
        assert_ruled(&test, "--rm", expected);
    }
}

#[test]
fn the_setuid_bit_is_spoken_of_where_it_is_ignored_only() {
    let test = TestEnvironment::new();
    let runtimes = |arguments: &str| {
        test.runtimes(&format!(
            r#"{{"runsc": {{"path": "/usr/bin/runsc", "runtimeArgs": [{arguments}]}}, "io.containerd.runc.v2": {{}}}}"#
        ));
    };
    runtimes("");
    assert_ruled(&test, "--entrypoint su", "warn: setuid");
    runtimes(r#""--allow-suid""#);
    assert_ruled(&test, "--entrypoint su", "");
}

#[test]
fn devices_with_a_driver_behind_them_are_refused_and_others_ignored() {
    let test = TestEnvironment::with_gvisor();
    for (options, expected) in [
        ("--gpus all", "deny: gpu-driver"),
        ("--device /dev/nvidia0", "deny: gpu-driver"),
        ("--device /dev/vfio/1:/dev/x", "deny: gpu-driver"),
        ("--device /dev:/dev", "deny: gpu-driver"),
        ("--device nvidia.com/gpu=0", "deny: gpu-driver"),
        ("--device /dev/kmsg", "warn: device"),
        ("--device /dev/null", ""),
    ] {
        assert_ruled(&test, options, expected);
    }
    let allowed = "warn: gpu-driver, allowed by `--allow=gpu-driver` on the command line gpus";
    assert_ruled(&test, "--allow gpu-driver --gpus all", allowed);
}

#[test]
fn annotations_of_a_mount_are_harmless_for_a_tmpfs_only() {
    let test = TestEnvironment::with_gvisor();
    let options = |source: &str, kind: &str| {
        format!(
            "--annotation dev.gvisor.spec.mount.a.source={source} --annotation dev.gvisor.spec.mount.a.type={kind}"
        )
    };
    assert_ruled(&test, &options("tmpfs", "tmpfs"), "");
    assert_ruled(&test, &options("/srv/data", "bind"), "deny: annotation-gvisor annotation-gvisor");
    assert_ruled(&test, &options("/srv/data", "tmpfs"), "deny: annotation-gvisor annotation-gvisor");
    for annotation in
        ["dev.gvisor.internal.nvproxy=true", "dev.gvisor.spec.rootfs.type=bind", "dev.gvisor.tar.x=y"]
    {
        assert_ruled(&test, &format!("--annotation {annotation}"), "deny: annotation-gvisor");
    }
}

#[test]
fn sockets_are_spoken_of_with_the_directory_that_they_are_in() {
    let test = TestEnvironment::with_gvisor();
    let _listener = UnixListener::bind(test.path("work/agent.1")).unwrap();
    assert_ruled(&test, "-v ./agent.1:/x", "warn: host-socket");
    assert_ruled(&test, "-v .:/x", "warn: host-socket");
    test.runtimes(
        r#"{"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--host-uds=open"]}, "io.containerd.runc.v2": {}}"#,
    );
    let allowed = "warn: runtime-host-uds, allowed by `--allow=runtime-host-uds` on the command line";
    assert_ruled(&test, "--allow runtime-host-uds -v .:/x", allowed);
}

#[test]
fn a_daemon_that_cannot_be_looked_at_is_asked_where_its_data_is() {
    let mut test = TestEnvironment::with_gvisor();
    test.answer_words(&["{{json .DockerRootDir}}"]).stdout("\"/srv/engine\"\n");
    test.set("DOCKER_HOST", "tcp://192.0.2.1:2376");
    assert_ruled(&test, "-v /srv/engine/volumes:/x", "deny: host-engine");
    assert_ruled(&test, "-v /srv:/x", "deny: host-engine");
    assert_ruled(&test, "-v /srv/engines:/x", "");
    // Without a mount there is nothing to ask for.
    let transcript = test.docker("sandbox run --rm img");
    assert!(!transcript.text().contains("DockerRootDir"), "{}", transcript.text());
}
