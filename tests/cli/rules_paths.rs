//! The rules over mounts: where a path leads, as Docker and the daemon would follow it.

use std::os::unix::fs::symlink;

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn dots_are_counted_back_from_the_name_that_the_shell_gives_the_folder() {
    let mut test = TestEnvironment::with_gvisor();
    test.enter("work/a/b");
    symlink(test.path("work/a/b"), test.path("home/link")).unwrap();
    // Docker's CLI makes `./..` absolute with `PWD` where that is the folder.
    test.set("PWD", test.path("home/link"));
    test.docker("sandbox run -v ./..:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v ./..:/x`: the container can change what your shell and your programs run [host-home]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v ./..:/x:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-home …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    // One that is another folder is not believed.
    test.set("PWD", test.path("home"));
    test.docker("sandbox run -v ./.:/x img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v ./.:/x --runtime=runsc img

"#]]);
}

#[test]
fn what_is_under_a_link_is_refused_by_where_it_leads() {
    let test = TestEnvironment::with_gvisor();
    symlink("/etc", test.path("work/settings")).unwrap();
    symlink("/proc/self/cwd", test.path("work/here")).unwrap();
    test.docker("sandbox run -v ./settings/nginx:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v ./settings/nginx:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v ./settings/nginx:/x:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    // The daemon's working folder, not ours.
    test.docker("sandbox run --mount type=bind,src=./here,dst=/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this would weaken the sandbox; nothing was started

`--mount type=bind,src=./here,dst=/x`: whoever reaches the engine's socket owns the host [socket-mount]
`--mount type=bind,src=./here,dst=/x`: the container can change every file of the host [host-root]

hint: leave it out; a tool that needs an engine can have one of its own, over TCP with TLS:
    docker sandbox run …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-root,socket-mount …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
}

#[test]
fn the_options_of_a_volume_are_looked_at_made_here_or_there() {
    let test = TestEnvironment::with_gvisor();
    let inline = "type=volume,dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=etc";
    test.docker(&format!("sandbox run --mount {inline} img")).refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--mount type=volume,dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=etc`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run --mount type=volume,dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=etc,readonly …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.answer("volume inspect")
        .stdout("{\"Name\":\"conf\",\"Options\":{\"device\":\"/etc\",\"o\":\"bind\",\"type\":\"none\"}}\n");
    test.docker("sandbox run -v conf:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v conf:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v conf:/x:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker volume inspect --format '{{json .}}' -- conf

"#]]);
    // A server of that name is not the host's folder.
    test.answer("volume inspect")
        .stdout("{\"Name\":\"nas\",\"Options\":{\"device\":\"//home/x\",\"type\":\"cifs\"}}\n");
    test.docker("sandbox run -v nas:/x img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker volume inspect --format '{{json .}}' -- nas
docker run -v nas:/x --runtime=runsc img

"#]]);
}
