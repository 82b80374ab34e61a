//! `ls`: what of ours there is.

use serde_json::json;
use snapbox::str;

use crate::environment::TestEnvironment;
use crate::fleet::{Container, daemon};

fn a_few() -> TestEnvironment {
    let test = TestEnvironment::new();
    let limits = json!({"Runtime": "runsc", "NanoCpus": 1_500_000_000_i64, "Memory": 512 << 20});
    daemon(
        &test,
        &[
            Container::ours("aa", "web", "run").expired(-7230).with("HostConfig", limits),
            Container::ours("bb", "job", "do").ended(90).expired(20),
            Container::ours("cc", "warm", "spare").label("project", ""),
            Container::others("dd", "theirs"),
            Container::ours("ee", "trap", "run").image("labelled"),
        ],
    );
    test
}

#[test]
fn those_that_run_are_listed_and_with_all_every_one() {
    let test = a_few();
    test.docker("sandbox ls").is(str![[r#"
exit 0
--- stdout
CONTAINER ID   NAME   KIND    IMAGE    STATUS    RUNTIME   AGE   LEFT   CPUS   MEMORY   USED   PROJECT
aa0000000000   web    run     alpine   running   runsc     1h    2h     1.5    512MiB   -      /work/web
cc0000000000   warm   spare   alpine   running   runsc     1h    -      -      -        -      -
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain

"#]]);
    test.docker("sandbox ls --all").is(str![[r#"
exit 0
--- stdout
CONTAINER ID   NAME   KIND    IMAGE    STATUS       RUNTIME   AGE   LEFT      CPUS   MEMORY   USED   PROJECT
aa0000000000   web    run     alpine   running      runsc     1h    2h        1.5    512MiB   -      /work/web
bb0000000000   job    do      alpine   exited (3)   runsc     1h    expired   -      -        -      /work/web
cc0000000000   warm   spare   alpine   running      runsc     1h    -         -      -        -      -
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain

"#]]);
}

#[test]
fn scripts_get_ids_json_and_fields() {
    let test = a_few();
    test.docker("sandbox ls -aq").is(str![[r#"
exit 0
--- stdout
aa0000000000
bb0000000000
cc0000000000
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain

"#]]);
    test.docker("sandbox ls -q --no-trunc --filter name=web").is(str![[r#"
exit 0
--- stdout
aa00000000000000000000000000000000000000000000000000000000000000
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain

"#]]);
    let json = test.docker("sandbox ls -a --format json --filter id=bb");
    let line = json.text().lines().find(|line| line.starts_with('{')).unwrap();
    let row: serde_json::Value = serde_json::from_str(line).unwrap();
    let seen = ["ID", "Name", "Kind", "Image", "Status", "Runtime", "Proven", "Left", "Project", "Mode"]
        .map(|field| row[field].as_str().unwrap().to_owned());
    let expected = [
        "bb0000000000",
        "job",
        "do",
        "alpine",
        "exited (3)",
        "runsc",
        "",
        "expired",
        "/work/web",
        "required",
    ];
    assert_eq!(seen, expected);
    test.docker_words(["sandbox", "ls", "-a", "--format", r"{{.Name}}\t{{ .Left }}"]).is(str![[r#"
exit 0
--- stdout
web	2h
job	expired
warm	
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain

"#]]);
    test.docker_words(["sandbox", "ls", "--format", r"table {{.ID}}\t{{.CPUs}}"]).is(str![[r#"
exit 0
--- stdout
CONTAINER ID   CPUS
aa0000000000   1.5
cc0000000000
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain

"#]]);
}

#[test]
fn filters_are_alternatives_within_a_key_and_conditions_across_keys() {
    let test = a_few();
    let listed = |words: &str| {
        let seen = test.docker(&format!("sandbox ls -a --format {{{{.Name}}}} {words}"));
        let lines = seen.text().lines().skip_while(|line| *line != "--- stdout").skip(1);
        lines.take_while(|line| !line.starts_with("---")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed("--filter kind=do --filter kind=spare"), ["job", "warm"]);
    assert_eq!(listed("--filter kind=do --filter expired=false"), [""; 0]);
    assert_eq!(listed("--filter expired=true"), ["job"]);
    assert_eq!(listed("--filter project=/work/web"), ["web", "job"]);
    assert_eq!(listed("--filter owner=4242"), [""; 0]);
    assert_eq!(listed("--filter owner=all --filter name=w"), ["web", "warm"]);
}

#[test]
fn what_is_written_wrong_is_told_before_the_daemon_is_asked() {
    let test = TestEnvironment::new();
    test.docker("sandbox ls --format {{.Nme}}").is(str![[r#"
exit 2
--- stderr
docker sandbox: `--format`: `{{.Nme}}` is no field; the fields are ID, Name, Kind, Image, Status, Runtime, Proven, Age, Left, CPUs, Memory, Used, Project, Mode, Owner, Created, Expires, Version, Spec
hint: for example:
    --format='{{.Name}} {{.Left}}'

"#]]);
    test.docker("sandbox ls --filter label=a").is(str![[r#"
exit 2
--- stderr
docker sandbox: `--filter`: `label` is no key: kind, owner, project, name, id, expired
hint: for example:
    --filter=kind=run

"#]]);
    test.docker("sandbox ls --filter kind=x").is(str![[r#"
exit 2
--- stderr
docker sandbox: `--filter`: `x` is no kind: run, create, do, spare
hint: for example:
    --filter=kind=run

"#]]);
}

#[test]
fn one_whose_image_is_gone_is_not_listed_and_named() {
    let test = TestEnvironment::new();
    daemon(&test, &[Container::ours("aa", "web", "run").image("gone"), Container::ours("bb", "job", "do")]);
    test.docker("sandbox ls --format {{.Name}}").is(str![[r#"
exit 0
--- stdout
job
--- stderr
docker sandbox: warning: `web` has our labels, but its image is gone, so they may be its image's; if you do not need it: docker rm web
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:gone sha256:plain

"#]]);
}

#[test]
fn what_containers_are_called_drives_no_terminal() {
    let test = TestEnvironment::new();
    let container = Container::ours("aa", "web", "run").label("project", "/a\u{1b}[2J\nb");
    daemon(&test, &[container]);
    test.docker("sandbox ls --format {{.Project}}").is(str![[r#"
exit 0
--- stdout
/a\u{1b}[2J\u{a}b
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:plain

"#]]);
}

#[test]
fn nothing_of_ours_is_no_error() {
    let test = TestEnvironment::new();
    daemon(&test, &[]);
    test.docker("sandbox ls").is(str![[r#"
exit 0
--- stdout
CONTAINER ID   NAME   KIND   IMAGE   STATUS   RUNTIME   AGE   LEFT   CPUS   MEMORY   USED   PROJECT
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id

"#]]);
}

#[test]
fn a_daemon_that_is_not_there_is_an_error() {
    let test = TestEnvironment::new();
    let down = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n";
    test.answer("ps").stderr(down).status(1);
    test.answer("--version").stdout("Docker version 28.2.2\n");
    test.docker("sandbox ls").fails(str![[r#"
exit 1
--- stderr
docker sandbox: cannot reach the Docker daemon: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?
hint: start it (systemd), or start Docker Desktop, OrbStack or Colima:
    sudo systemctl start docker
hint: or see which daemon is meant:
    docker context ls
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id
docker --version

"#]]);
}
