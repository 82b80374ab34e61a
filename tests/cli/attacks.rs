//! Command lines that reach the host by a detour.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn the_hosts_memory_is_not_had_through_another_container() {
    let test = TestEnvironment::with_gvisor();
    test.answer("container inspect").stdout("\"host\"\n");
    test.docker("sandbox run --ipc=container:db img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--ipc=container:db`: the container can read and write the shared memory of the host's programs [ipc-host]; nothing was started
hint: leave it out; `--shm-size` gives it more shared memory of its own:
    docker sandbox run …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=ipc-host …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db

"#]]);
    test.answer("container inspect").stdout("\"shareable\"\n");
    test.docker("sandbox run --ipc=container:db img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker run --ipc=container:db --runtime=runsc img

"#]]);
    // Each shares that of the other.
    test.answer("container inspect").stdout("\"container:db\"\n");
    test.docker("sandbox run --ipc container:db img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--ipc container:db`: the container can read and write the shared memory of the host's programs [ipc-host]; nothing was started
hint: leave it out; `--shm-size` gives it more shared memory of its own:
    docker sandbox run …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=ipc-host …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db

"#]]);
    test.answer("container inspect").status(1).stderr("Error: No such container: db\n");
    test.docker("sandbox run --ipc container:db img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--ipc`: cannot see whose memory `db` shares

Error: No such container: db

hint: see which containers there are:
    docker ps -a
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .HostConfig.IpcMode}}' -- db

"#]]);
}

#[test]
fn what_is_said_to_help_is_what_docker_takes() {
    let test = TestEnvironment::with_gvisor();
    test.answer("container inspect").stdout("[{\"Type\":\"bind\",\"Source\":\"/etc\",\"RW\":true}]\n");
    test.docker("sandbox run --volumes-from db:rw img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--volumes-from db:rw`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run --volumes-from db:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .Mounts}}' -- db

"#]]);
}
