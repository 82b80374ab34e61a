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
