//! What the rules say: several at once, elsewhere, in hostile words, and not at all.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn everything_that_is_refused_is_said_at_once_the_same_for_create() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox create --ipc=host -v /var/run/docker.sock:/s -v /etc:/x --mount type=bind,src=/etc,dst=/y img")
        .refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this would weaken the sandbox; nothing was started

`-v /var/run/docker.sock:/s`: whoever reaches the engine's socket owns the host [socket-mount]
`--ipc=host`: the container can read and write the shared memory of the host's programs [ipc-host]
`-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc]
`--mount type=bind,src=/etc,dst=/y`: the container can change the host's accounts and what the host starts [host-etc]

hint: leave it out; a tool that needs an engine can have one of its own, over TCP with TLS:
    docker sandbox create …
hint: leave it out; `--shm-size` gives it more shared memory of its own:
    docker sandbox create …
hint: mount it read-only, or only the folder that is needed:
    docker sandbox create -v /etc:/x:ro …
hint: mount it read-only, or only the folder that is needed:
    docker sandbox create --mount type=bind,src=/etc,dst=/y,readonly …
hint: or allow it, if that is what you want:
    docker sandbox create --allow=host-etc,ipc-host,socket-mount …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox run --annotation dev.gvisor.flag.network=host img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--annotation dev.gvisor.flag.network=host`: gVisor takes it for a switch of its own, and this one can open the host to the container [annotation-gvisor]; nothing was started
hint: leave it out:
    docker sandbox run …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=annotation-gvisor …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox run --use-api-socket img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--use-api-socket`: whoever reaches the engine's socket owns the host [socket-mount]; nothing was started
hint: leave it out; a tool that needs an engine can have one of its own, over TCP with TLS:
    docker sandbox run …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=socket-mount …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox create --pid=host img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: warning: `--pid=host`: ignored: the container sees its own processes only; leave it out [pid-host]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker create --pid=host --runtime=runsc img

"#]]);
    test.direct("run -v /etc:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker-sandbox run -v /etc:/x:ro …
hint: or allow it, if that is what you want:
    docker-sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
}

#[test]
fn a_runtime_that_is_registered_weak_is_refused() {
    let test = TestEnvironment::new();
    test.runtimes(
        r#"{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--host-uds=open","--network=host"]}}"#,
    );
    test.answer("run").stdout("started\n");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--host-uds=open`: sockets of the host in mounted folders can be used from inside [runtime-host-uds]; nothing was started
hint: take it out of `runtimeArgs`, or choose another runtime with `--runtime`:
    sudo ${EDITOR:-vi} /etc/docker/daemon.json && sudo systemctl reload docker
hint: or allow it, if that is what you want:
    docker sandbox run --allow=runtime-host-uds …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox run --verbose --allow=runtime-host-uds img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: `--host-uds=open`: sockets of the host in mounted folders can be used from inside [runtime-host-uds, allowed by `--allow=runtime-host-uds` on the command line]
docker sandbox: runtime `runsc` (registered; its binary is /usr/bin/runsc); mode `required`, decided by the default
docker sandbox: `--network=host`: sockets are the host kernel's, of the container's network namespace; many kernels need it; a newer gVisor does without on more of them [runtime-net-host]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_daemon_elsewhere_is_told_by_its_words_alone() {
    let mut test = TestEnvironment::with_gvisor();
    // A link on this machine says nothing about the other one.
    std::os::unix::fs::symlink("/etc", test.path("work/settings")).unwrap();
    test.set("DOCKER_HOST", "tcp://192.0.2.1:2376");
    test.docker("sandbox run -v ./settings:/x img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'
docker info --format '{{json .DockerRootDir}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'
docker run -v ./settings:/x --runtime=runsc img

"#]]);
    test.docker("sandbox run -v /etc:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v /etc:/x:ro …
hint: the paths are those of the daemon's machine; see which that is:
    docker context ls
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'
docker info --format '{{json .DockerRootDir}}'

"#]]);
    test.docker("-H tcp://192.0.2.1:2375 sandbox run -v /proc/1/root/var/run:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this would weaken the sandbox; nothing was started

`-v /proc/1/root/var/run:/x`: whoever reaches the engine's socket owns the host [socket-mount]
`-v /proc/1/root/var/run:/x`: the container can change what the host's services run on [host-run]

hint: leave it out; a tool that needs an engine can have one of its own, over TCP with TLS:
    docker -H tcp://192.0.2.1:2375 sandbox run …
hint: the paths are those of the daemon's machine; see which that is:
    docker -H tcp://192.0.2.1:2375 context ls
hint: or allow it, if that is what you want:
    docker -H tcp://192.0.2.1:2375 sandbox run --allow=host-run,socket-mount …
--- docker was called
docker -H tcp://192.0.2.1:2375 info --format '{{json .Runtimes}}'
docker -H tcp://192.0.2.1:2375 context inspect --format '{{.Endpoints.docker.Host}}'
docker -H tcp://192.0.2.1:2375 info --format '{{json .DockerRootDir}}'

"#]]);
    test.unset("DOCKER_HOST");
    test.endpoint("ssh://me@host");
    test.docker("--context far sandbox run -v /srv/../etc:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /srv/../etc:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker --context far sandbox run -v /srv/../etc:/x:ro …
hint: the paths are those of the daemon's machine; see which that is:
    docker --context far context ls
hint: or allow it, if that is what you want:
    docker --context far sandbox run --allow=host-etc …
--- docker was called
docker --context far info --format '{{json .Runtimes}}'
docker --context far context inspect --format '{{.Endpoints.docker.Host}}'
docker --context far info --format '{{json .DockerRootDir}}'

"#]]);
}

#[test]
fn words_of_the_user_drive_no_terminal() {
    let test = TestEnvironment::with_gvisor();
    test.docker_words(["sandbox", "run", "-v", "/etc/\u{1b}[2J\r\n\u{202e}:/x", "img"])
        .refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v '/etc/'"\\"'u{1b}[2J'"\\"'u{d}'"\\"'u{a}'"\\"'u{202e}:/x'`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v '/etc/'"\\"'u{1b}[2J'"\\"'u{d}'"\\"'u{a}'"\\"'u{202e}:/x:ro' …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker_words(["sandbox", "run", "--pid=container:\u{1b}]0;x\u{7}", "img"]).is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: `'--pid=container:'"\\"'u{1b}]0;x'"\\"'u{7}'`: ignored: the container sees its own processes only; leave it out [pid-host]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run $'--pid=container:\x1b]0;x\x07' --runtime=runsc img

"#]]);
    let inline = "--mount=type=bind,\"src=/etc/it's, a `file`\",dst=/x";
    test.docker_words(["sandbox", "run", inline, "img"]).refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `'--mount=type=bind,"src=/etc/it'"'"'s, a `file`",dst=/x'`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run --mount 'type=bind,"src=/etc/it'"'"'s, a `file`",dst=/x,readonly' …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
}

#[test]
fn without_the_sandbox_there_are_no_rules() {
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("sandbox run --no-sandbox -v /etc:/x --pid=host --allow=host-etc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run -v /etc:/x --pid=host img

"#]]);
    test.docker("sandbox run --sandbox=preferred -v data:/x -v /:/y --pid=host img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode `preferred`, decided by `--sandbox=preferred` on the command line, lets it start
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v data:/x -v /:/y --pid=host img

"#]]);
}

#[test]
fn read_only_is_not_offered_where_it_does_not_help() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run -v /:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this would weaken the sandbox; nothing was started

`-v /:/x`: whoever reaches the engine's socket owns the host [socket-mount]
`-v /:/x`: the container can change every file of the host [host-root]

hint: leave it out; a tool that needs an engine can have one of its own, over TCP with TLS:
    docker sandbox run …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-root,socket-mount …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
}
