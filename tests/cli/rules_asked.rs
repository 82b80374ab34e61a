//! What the rules ask docker before a start: nothing on ordinary lines, once about named volumes.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn docker_is_asked_about_volumes_once_and_about_nothing_else() {
    let test = TestEnvironment::with_gvisor();
    test.docker(
        "sandbox run --rm -v /srv/data:/a -v ./x:/b -v /anonymous --tmpfs /t --mount type=tmpfs,dst=/m img",
    )
    .is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm -v /srv/data:/a -v ./x:/b -v /anonymous --tmpfs /t --mount type=tmpfs,dst=/m --runtime=runsc img

"#]]);
    test.answer("volume inspect")
        .stdout("{\"Name\":\"data\",\"Options\":null}\n")
        .stderr("Error response from daemon: get fresh: no such volume\n")
        .status(1);
    test.docker("sandbox run -v data:/a -v fresh:/b --mount src=data,dst=/c img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker volume inspect --format '{{json .}}' -- data fresh
docker run -v data:/a -v fresh:/b --mount src=data,dst=/c --runtime=runsc img

"#]]);
    test.answer("volume inspect").stderr("Error response from daemon: \u{1b}[31mon fire\n").status(1);
    test.docker("sandbox run -v data:/a img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker volume inspect` failed: Error response from daemon: \u{1b}[31mon fire
hint: see it fail by hand:
    docker volume inspect -- data
--- docker was called
docker info --format '{{json .Runtimes}}'
docker volume inspect --format '{{json .}}' -- data
docker --version

"#]]);
    test.answer("container inspect").stdout(
        "[{\"Type\":\"bind\",\"Source\":\"/etc\",\"RW\":true},{\"Type\":\"volume\",\"Name\":\"data\",\"RW\":true}]\n",
    );
    test.answer("volume inspect").stdout("{\"Name\":\"data\",\"Options\":{}}\n");
    test.docker("sandbox run --volumes-from other img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--volumes-from other`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run --volumes-from other:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .Mounts}}' -- other
docker volume inspect --format '{{json .}}' -- data

"#]]);
    test.docker("sandbox run --volumes-from other:ro img").is(str![[r#"
exit 125
--- stderr
docker sandbox: `--volumes-from other:ro`: with this gVisor the container can change it all the same [read-only-unenforced]; nothing was started
hint: register the runtime with `--directfs=false`, or install a newer gVisor:
    docker sandbox setup
hint: or allow it, if that is what you want:
    docker sandbox run --allow=read-only-unenforced …
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .Mounts}}' -- other
docker volume inspect --format '{{json .}}' -- data

"#]]);
    test.answer("container inspect").stderr("Error: No such container: other\n").status(1);
    test.docker("sandbox run --volumes-from other img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--volumes-from`: cannot see what `other` mounts

Error: No such container: other

hint: see which containers there are:
    docker ps -a
--- docker was called
docker info --format '{{json .Runtimes}}'
docker container inspect --format '{{json .Mounts}}' -- other

"#]]);
}
