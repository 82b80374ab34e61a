//! `prune`, and pruning on the way.

use std::time::{Duration, Instant};

use serde_json::json;
use snapbox::str;

use crate::environment::TestEnvironment;
use crate::fleet::{Container, daemon};

fn id(beginning: &str) -> String {
    format!("{beginning:0<64}")
}

fn a_few() -> TestEnvironment {
    let test = TestEnvironment::new();
    daemon(
        &test,
        &[
            Container::ours("aa", "web", "run").expired(7230),
            Container::ours("bb", "stays", "run").expired(-7230),
            Container::ours("cc", "warm", "spare"),
            Container::ours("dd", "job", "do").ended(90),
            Container::ours("ee", "fresh", "do").ended(5),
            Container::ours("ff", "ended", "run").ended(90),
            Container::ours("a1", "trap", "run").image("labelled").expired(7230),
            Container::ours("a2", "hers", "run").label("owner", "4242").expired(7230),
            Container::others("a3", "theirs"),
        ],
    );
    test
}

#[test]
fn a_dry_run_says_what_would_go_and_why_and_touches_nothing() {
    let test = a_few();
    // Root's prune is everybody's.
    test.docker("sandbox prune --dry-run --filter owner=all").is(str![[r#"
exit 0
--- stdout
aa0000000000  web (running): expired since 2h
cc0000000000  warm (running): idle spare since 1h
dd0000000000  job (exited): left over since 1m
a20000000000  hers (running): expired since 2h
--- stderr
docker sandbox: would remove 4 containers and 0 networks; nothing was touched
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000 ff00000000000000000000000000000000000000000000000000000000000000 a100000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain
docker network ls --quiet --no-trunc --filter=label=docker-sandbox.id

"#]]);
}

#[test]
fn what_is_over_goes_and_everything_else_stays() {
    let test = a_few();
    let going = ["aa", "cc", "dd", "a2"].map(id);
    test.answer("rm --force --volumes --").stdout(&(going.join("\n") + "\n"));
    let prune = test.docker("sandbox prune --filter owner=all");
    assert_eq!(prune.code, Some(0), "{}", prune.text());
    let called = format!("docker rm --force --volumes -- {}\n", going.join(" "));
    assert!(prune.text().contains(&called), "{}", prune.text());
    assert_eq!(prune.stderr, "docker sandbox: removed 4 containers and 0 networks\n");
    let own = format!("--filter=owner={}", rustix::process::getuid().as_raw());
    for (words, going) in [(&*own, "aa cc dd"), ("--filter=kind=spare", "cc"), ("--filter=name=we", "aa")] {
        let going: Vec<String> = going.split(' ').map(id).collect();
        let prune = test.docker(&format!("sandbox prune -f {words} --filter=owner=all"));
        let called = format!("docker rm --force --volumes -- {}", going.join(" "));
        let everybodys = words.starts_with("--filter=owner");
        assert!(prune.text().contains(&called) || everybodys, "{words}: {}", prune.text());
    }
}

#[test]
fn who_is_not_root_prunes_their_own() {
    let mut test = a_few();
    daemon(
        &test,
        &[
            Container::ours("aa", "his", "run").label("owner", "65534").expired(7230),
            Container::ours("a2", "hers", "run").label("owner", "4242").expired(7230),
        ],
    );
    test.as_nobody();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    test.answer("rm --force --volumes --").stdout(&(id("aa") + "\n"));
    let prune = test.docker("sandbox prune");
    assert!(prune.text().contains(&format!("rm --force --volumes -- {}\n", id("aa"))), "{}", prune.text());
}

#[test]
fn what_went_by_itself_is_no_failure_and_what_stays_is_one() {
    let test = a_few();
    let gone = format!("Error response from daemon: No such container: {}\n", id("dd"));
    let busy =
        format!("Error response from daemon: removal of container {} is already in progress\n", id("aa"));
    let said = test.answer("rm --force --volumes --").stdout(&(id("cc") + "\n"));
    said.stderr(&(gone.clone() + &busy)).status(1);
    test.docker("sandbox prune --filter owner=all").is(str![[r#"
exit 0
--- stdout
cc00000000000000000000000000000000000000000000000000000000000000
--- stderr
docker sandbox: removed 1 container and 0 networks
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000 ff00000000000000000000000000000000000000000000000000000000000000 a100000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000 ff00000000000000000000000000000000000000000000000000000000000000 a100000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain
docker rm --force --volumes -- aa00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker network ls --quiet --no-trunc --filter=label=docker-sandbox.id

"#]]);
    let failed = "Error response from daemon: driver failed to remove root filesystem\n";
    test.answer("rm --force --volumes --").stdout(&(id("cc") + "\n")).stderr(failed).status(1);
    test.docker("sandbox prune --filter owner=all").is(str![[r#"
exit 1
--- stdout
cc00000000000000000000000000000000000000000000000000000000000000
--- stderr
docker sandbox: removed 1 container and 0 networks
docker sandbox: not everything could be removed

Error response from daemon: driver failed to remove root filesystem

hint: see what is left:
    docker sandbox prune --dry-run
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000 ff00000000000000000000000000000000000000000000000000000000000000 a100000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000 bb00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 ee00000000000000000000000000000000000000000000000000000000000000 ff00000000000000000000000000000000000000000000000000000000000000 a100000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:labelled sha256:plain
docker rm --force --volumes -- aa00000000000000000000000000000000000000000000000000000000000000 cc00000000000000000000000000000000000000000000000000000000000000 dd00000000000000000000000000000000000000000000000000000000000000 a200000000000000000000000000000000000000000000000000000000000000
docker network ls --quiet --no-trunc --filter=label=docker-sandbox.id

"#]]);
}

#[test]
fn files_of_those_that_were_killed_go_and_those_of_the_living_stay() {
    let test = TestEnvironment::new();
    daemon(&test, &[]);
    let file = |name: &str| test.write(&format!("home/.local/share/docker-sandbox/do/daemon/{name}"), "");
    let dead =
        ["running/claim-1-1", "running/wait-000000000001", "spares/a.one.starting", "spares/a.two.ready"];
    let dead = dead.map(file);
    let living = ["running/claim-2-1", "spares/a.three.starting"].map(file);
    let held = living.each_ref().map(|path| std::fs::File::open(path).unwrap());
    for file in &held {
        file.lock().unwrap();
    }
    assert_eq!(test.docker("sandbox prune --dry-run").code, Some(0));
    assert!(dead.iter().all(|path| path.exists()));
    assert_eq!(test.docker("sandbox prune").code, Some(0));
    assert_eq!(dead.map(|path| path.exists()), [false; 4]);
    assert_eq!(living.map(|path| path.exists()), [true; 2]);
}

#[test]
fn a_network_of_ours_that_nobody_uses_goes() {
    let test = TestEnvironment::new();
    let on = json!({"Networks": {"net-b": {"NetworkID": ""}}});
    daemon(&test, &[Container::ours("aa", "made", "run").with("NetworkSettings", on).ended(90)]);
    let network = |id: &str, name: &str, labels: serde_json::Value, on: serde_json::Value, created: &str| {
        let options = json!({"com.docker.network.bridge.enable_icc": "false"});
        json!({"Id": id, "Name": name, "Created": created, "Labels": labels, "Containers": on, "Driver": "bridge", "Options": options})
            .to_string()
    };
    let ours = json!({"docker-sandbox.id": "x", "docker-sandbox.owner": "0"});
    let then = "2020-01-01T00:00:00Z";
    let now = humantime::format_rfc3339(std::time::SystemTime::now()).to_string();
    let lines = [
        network("n1", "net-a", ours.clone(), json!({}), then),
        network("n2", "net-b", ours.clone(), json!({}), then),
        network("n3", "net-c", ours.clone(), json!({"x": {}}), then),
        network("n4", "net-d", ours, json!({}), &now),
    ];
    test.answer("network ls --quiet --no-trunc --filter=label=docker-sandbox.id").stdout("n1\nn2\nn3\nn4\n");
    test.answer("network inspect --format\n{{json .}}").stdout(&(lines.join("\n") + "\n"));
    test.docker("sandbox prune --dry-run --filter owner=all").is(str![[r#"
exit 0
--- stdout
n1  network net-a: unused
--- stderr
docker sandbox: would remove 0 containers and 1 network; nothing was touched
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:plain
docker network ls --quiet --no-trunc --filter=label=docker-sandbox.id
docker network inspect --format '{{json .}}' -- n1 n2 n3 n4

"#]]);
    test.answer("network rm -- n1").stdout("n1\n");
    test.docker("sandbox prune --filter owner=all").is(str![[r#"
exit 0
--- stdout
n1
--- stderr
docker sandbox: removed 0 containers and 1 network
--- docker was called
docker ps --quiet --no-trunc --filter=label=docker-sandbox.id --all
docker container inspect --format '{{json .}}' -- aa00000000000000000000000000000000000000000000000000000000000000
docker image inspect --format '{{json .}}' -- sha256:plain
docker network ls --quiet --no-trunc --filter=label=docker-sandbox.id
docker network inspect --format '{{json .}}' -- n1 n2 n3 n4
docker network rm -- n1

"#]]);
    let busy =
        "Error response from daemon: error while removing network: network net-a has active endpoints\n";
    test.answer("network rm -- n1").stderr(busy).status(1);
    let prune = test.docker("sandbox prune --filter owner=all");
    assert_eq!(prune.code, Some(0), "{}", prune.text());
}

/// The file in which the next expiry is kept.
fn kept(test: &TestEnvironment) -> Option<std::path::PathBuf> {
    let folder = test.path("home/.local/share/docker-sandbox/expiry");
    Some(std::fs::read_dir(folder).ok()?.next()?.unwrap().path())
}

fn known(test: &TestEnvironment) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(kept(test).unwrap()).unwrap()).unwrap()
}

/// Waits for `seen`, with a deadline.
fn wait_until(what: &str, seen: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !seen() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_first_expiry_is_kept_and_a_later_command_prunes_without_waiting() {
    let test = TestEnvironment::with_gvisor();
    assert_eq!(test.docker("sandbox run img").code, Some(0));
    assert_eq!(kept(&test), None, "nothing expires");
    assert_eq!(test.docker("sandbox run -d --ttl 2h img").code, Some(0));
    assert_eq!(test.docker("sandbox run -d --ttl 1h img").code, Some(0));
    let first = known(&test)["earliest"].as_u64().unwrap();
    assert_eq!(test.docker("sandbox run -d --ttl 3h img").code, Some(0));
    assert_eq!(known(&test)["earliest"], first, "the earliest one counts");
    let run = test.docker("sandbox run img");
    assert!(!run.text().contains("docker ps"), "nothing is due: {}", run.text());

    // It is due. The daemon says nothing until the test has seen that the start did not wait for it.
    daemon(
        &test,
        &[
            Container::ours("aa", "web", "run").expired(5),
            Container::ours("bb", "warm", "spare").expired(-7200),
        ],
    );
    test.answer("rm --force --volumes --").stdout(&(id("aa") + "\n"));
    test.hangs("ps --quiet", false).stdout(&format!("{}\n{}\n", id("aa"), id("bb")));
    std::fs::write(kept(&test).unwrap(), r#"{"earliest": 1000}"#).unwrap();
    assert_eq!(test.docker("sandbox run img").code, Some(0));
    assert_eq!(known(&test)["earliest"], json!(null), "claimed");
    let asked = known(&test)["pruned"].as_u64().unwrap();
    assert_eq!(test.docker("sandbox run img").code, Some(0));
    assert_eq!(known(&test)["pruned"], asked, "once a minute");
    wait_until("the next expiry is known", || {
        test.let_go();
        known(&test)["earliest"].is_u64()
    });
    let calls = test.read("fake/calls").replace('\0', " ");
    assert!(calls.contains(&format!("rm --force --volumes -- {} ", id("aa"))), "only what expired: {calls}");
    let left = known(&test)["earliest"].as_u64().unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((now + 7000..now + 7300).contains(&left), "{left}");
    assert_eq!(known(&test)["retry"], json!(null));
}

#[test]
fn without_a_home_nothing_is_kept_and_nothing_fails() {
    let mut test = TestEnvironment::with_gvisor();
    let home = test.path("nobodys/home");
    test.set("HOME", &home);
    let run = test.docker("sandbox run -d img");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(!home.parent().unwrap().exists());
}
