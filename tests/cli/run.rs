//! `run` and `create`: what Docker is handed, word by word.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn the_runtime_is_the_last_option_whatever_the_user_wrote() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --rm -it --name x img sh -c ls").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm -it --name x --runtime=runsc img sh -c ls

"#]]);
    test.docker("sandbox run --runtime=runsc --rm img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc --rm --runtime=runsc img

"#]]);
    test.docker("sandbox run --runtime runsc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime runsc --runtime=runsc img

"#]]);
    test.docker("sandbox run --runtime=runc --runtime= img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runc --runtime= --runtime=runsc img

"#]]);
    test.docker("sandbox run --runtime=runc --runtime=runsc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runc --runtime=runsc --runtime=runsc img

"#]]);
}

#[test]
fn a_runtime_behind_the_image_is_the_containers_business() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run img --runtime=runc --no-sandbox").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img --runtime=runc --no-sandbox

"#]]);
    test.docker("sandbox run -- img --runtime=runc").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc -- img --runtime=runc

"#]]);
    test.docker("sandbox run --rm -- img -- --runtime=runc").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc -- img -- --runtime=runc

"#]]);
}

#[test]
fn values_that_look_like_options_are_values() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run -e --runtime=runc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e --runtime=runc --runtime=runsc img

"#]]);
    test.docker("sandbox run --env --no-sandbox -l -- img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --env --no-sandbox -l -- --runtime=runsc img

"#]]);
    test.docker("sandbox run -v --runtime -w --sandbox=none --name --help img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v --runtime -w --sandbox=none --name --help --runtime=runsc img

"#]]);
    test.docker_words(["sandbox", "run", "-e", "", "--name=", "-e=", "img", ""]).is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e '' --name= -e= --runtime=runsc img ''

"#]]);
}

#[test]
fn clusters_of_short_options_are_read_as_docker_reads_them() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run -itv /a:/b img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -itv /a:/b --runtime=runsc img

"#]]);
    test.docker("sandbox run -p80:80 -itp 81:81 img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -p80:80 -itp 81:81 --runtime=runsc img

"#]]);
    test.docker("sandbox run -it=false img cmd").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -it=false --runtime=runsc img cmd

"#]]);
    test.docker("sandbox run -dPe A=b -h host img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -dPe A=b -h host --runtime=runsc img

"#]]);
}

#[test]
fn our_own_options_are_taken_out_wherever_docker_would_read_one() {
    let mut test = TestEnvironment::with_gvisor();
    test.set("DOCKER_SANDBOX", "none");
    test.docker("sandbox run --sandbox=required --detect-timeout 5s --rm --sandbox required -i img").is(
        str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm -i --runtime=runsc img

"#]],
    );
    test.docker("sandbox run --rm --no-sandbox=false --sandbox required img --verbose").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc img --verbose

"#]]);
    test.docker("sandbox run -e --verbose --sandbox=required img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e --verbose --runtime=runsc img

"#]]);
}
