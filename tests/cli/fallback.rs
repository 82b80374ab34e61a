//! The modes that start something without gVisor.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn preferred_takes_gvisor_where_it_is() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn preferred_falls_back_with_a_warning_where_there_is_none() {
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run img

"#]]);
    test.docker("sandbox run --verbose --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run img

"#]]);
    test.docker("sandbox create --sandbox=preferred --runtime=runc img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker create --runtime=runc img

"#]]);
    test.docker("sandbox run --sandbox=preferred --runtime=runsc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn preferred_does_not_let_an_argument_avoid_the_gvisor_that_is_there() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --sandbox=preferred --runtime=runc img").refuses(str![[r#"
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
    test.docker("sandbox run --sandbox=preferred --runtime=missing img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `missing` is not registered with the Docker daemon; nothing was started

Docker daemon:     dev, version 28.5.1
Its system:        Ubuntu 24.04.3 LTS, x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default), runsc (/usr/local/bin/runsc)

hint: leave `--runtime` away to take the daemon's gVisor:
    docker sandbox run …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
}

#[test]
fn preferred_falls_back_from_an_impostor() {
    let test = TestEnvironment::without_gvisor("impostor-path");
    test.docker("sandbox run --sandbox=preferred img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run img

"#]]);
}

#[test]
fn none_says_so_where_dockers_own_default_is_gvisor() {
    let test = TestEnvironment::without_gvisor("gvisor-default");
    test.docker("sandbox run --no-sandbox img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container may NOT be in gVisor, which nothing has proven here: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
    test.docker("sandbox run --no-sandbox --runtime=runc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=runc img

"#]]);
    // Proven by an earlier start.
    let test = TestEnvironment::without_gvisor("gvisor");
    for runtime in ["runsc", "io.containerd.runsc.v1"] {
        assert_eq!(test.docker(&format!("sandbox create --runtime={runtime} img")).code, Some(0));
    }
    test.docker("sandbox run --no-sandbox --runtime=runsc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: mode `none`, decided by `--no-sandbox` on the command line; the runtime asked for, `runsc`, is gVisor all the same: this container is sandboxed
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --no-sandbox --runtime=io.containerd.runsc.v1 img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: mode `none`, decided by `--no-sandbox` on the command line; the runtime asked for, `io.containerd.runsc.v1`, is gVisor all the same: this container is sandboxed
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=io.containerd.runsc.v1 img

"#]]);
}
