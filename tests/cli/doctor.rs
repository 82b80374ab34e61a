//! `docker sandbox doctor` against daemons that are not there, not Linux or not honest, and the hint
//! after a `docker sandbox run` that failed.

use std::time::{Duration, Instant};

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn a_daemon_that_does_not_answer_is_named_within_the_limit() {
    let mut test = TestEnvironment::new();
    test.set("DOCKER_SANDBOX_DETECT_TIMEOUT", "300ms");
    test.answer("--version").stdout("Docker version 28.5.0, build x\n");
    test.answer("context inspect").stdout("default at unix:///d.sock\n");
    test.hangs("info", true);
    let began = Instant::now();
    let seen = test.docker("sandbox doctor");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let said = seen.text();
    assert!(said.starts_with("exit 1\n"), "{said}");
    assert!(
        said.contains("FAIL  the Docker daemon answers: the Docker daemon did not answer within 300ms"),
        "{said}"
    );
    assert!(said.contains("\n          sudo systemctl restart docker\n"), "{said}");
    assert!(said.contains("skip  a sandbox starts: there is no daemon to start it"), "{said}");
}

#[test]
fn text_from_the_daemon_cannot_drive_the_terminal() {
    let test = TestEnvironment::new();
    test.answer("--version").stdout("Docker \u{1b}[31mversion\n");
    test.answer("context inspect").stdout("a\u{202e}b at unix:///d.sock\n");
    let info = r#"{"Name": "x\u001b[2J", "OperatingSystem": "Linux\u0007", "OSType": "linux", "ServerVersion": "28",
        "Runtimes": {"\u001b]0;t": {"path": "/opt/runsc\u001b"}, "runsc": {"path": "runc\u009b"}}}"#;
    test.answer("info --format\n{{json .}}").stdout(&info.replace('\n', " "));
    let seen = test.docker("sandbox doctor --quick");
    let bad: Vec<char> =
        seen.text().chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
    assert_eq!(bad, [], "{}", seen.text());
    assert!(seen.text().contains("FAIL  runtime `runsc`: runc\\u{9b} is not gVisor"), "{}", seen.text());
}

#[test]
fn without_docker_there_is_one_check_and_a_way_out() {
    let mut test = TestEnvironment::new();
    test.set("PATH", "/nonexistent");
    let seen = test.direct("doctor");
    assert!(seen.text().starts_with("exit 1\n"), "{}", seen.text());
    assert!(seen.text().contains("FAIL  docker: docker is not installed"), "{}", seen.text());
    assert!(seen.text().contains("sudo apt-get install docker.io"), "{}", seen.text());
}

#[test]
fn a_start_that_gvisor_made_fail_is_explained_behind_dockers_own_message() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run").stderr("docker: Error response from daemon: boom\n").status(125);
    test.answer("events").stdout("create aaa img\nattach aaa img\ncreate bbb other\nstart bbb other\n");
    let error =
        "OCI runtime start failed: cannot run with network enabled in root network namespace: unknown";
    test.answer("container inspect").stdout(&format!("{error}\n"));
    test.docker("sandbox run img").is(str![[r#"
exit 125
--- stderr
docker: Error response from daemon: boom
hint: gVisor: this runsc is older than release-20240807.0 and the kernel newer (google/gvisor#10704), or `--network=host` on Docker 24 or older. Upgrade runsc, or register it with the container's own network stack and reload:
    sudo runsc install -- --network=host
    sudo systemctl reload docker
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img
docker events --since [..] --until [..] --filter type=container --format '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.image}}'
docker container inspect --format '{{.State.Error}}' aaa
docker context inspect --format '{{.Endpoints.docker.Host}}'
docker context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
}

#[test]
fn a_container_that_did_start_is_asked_about_once_and_left_alone() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run").status(127);
    test.answer("events").stdout("create aaa img\nstart aaa img\ndie aaa img\n");
    test.docker("sandbox run img").is(str![[r#"
exit 127
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img
docker events --since [..] --until [..] --filter type=container --format '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.image}}'

"#]]);
}
