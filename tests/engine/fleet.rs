//! What we start is ours: labelled, listed, and gone when its time is over; nothing of others ever is.
//!
//! Other tests use the same engines: what removes anything here is told to keep to this test's names.

use std::time::SystemTime;

use crate::stage::{Engines, IMAGE, Io, Outcome, Scenario, wait_until};

fn lines(outcome: &Outcome) -> Vec<String> {
    outcome.out().lines().map(str::to_owned).collect()
}

/// Those of this scenario that `ls` shows, by a template.
fn listed(scenario: &Scenario, options: &[&str], template: &str) -> Vec<String> {
    let filter = format!("--filter=name={}", scenario.name());
    let words = [&["sandbox", "ls", "--format", template, &filter], options].concat();
    lines(&scenario.docker(words).exits(0))
}

#[test]
fn what_we_start_must_be_labelled_and_listed_as_proven() {
    for scenario in Scenario::abreast() {
        let name = scenario.name().to_owned();
        scenario
            .docker([
                "sandbox",
                "run",
                "-d",
                "--name",
                &name,
                "--label=docker-sandbox.kind=mine",
                "--ttl=2h",
                "--memory=256m",
                "--cpus=1.5",
                "--quiet-rule=memory,cpus",
                IMAGE,
                "sleep",
                "600",
            ])
            .exits(0);
        let container = scenario.container();
        let label = |key: &str| {
            scenario.inspect(&container, &format!("{{{{index .Config.Labels \"docker-sandbox.{key}\"}}}}"))
        };
        assert_eq!(label("id").len(), 32);
        assert_eq!((label("kind"), label("mode")), ("run".into(), "required".into()));
        assert_eq!(label("owner"), rustix::process::getuid().as_raw().to_string());
        let project = scenario.home().canonicalize().unwrap().join("work");
        assert_eq!(label("project"), project.display().to_string());
        let left = humantime::parse_rfc3339(&label("expires")).unwrap().duration_since(SystemTime::now());
        assert!((7000..=7200).contains(&left.unwrap().as_secs()));
        let template = "{{.Name}} {{.Kind}} {{.Runtime}} {{.Proven}} {{.Left}} {{.CPUs}} {{.Memory}}";
        assert_eq!(listed(&scenario, &[], template), [format!("{name} run runsc yes 1h 1.5 256MiB")]);
        let used = listed(&scenario, &[], "{{.Used}}");
        assert!(used[0].is_empty() || used[0].ends_with("iB"), "{used:?}");
        let table = scenario.docker(["sandbox", "ls"]).exits(0);
        let row = lines(&table).into_iter().find(|line| line.contains(&name)).unwrap();
        assert!(row.contains("runsc (proven)"), "{row}");

        scenario.docker(["sandbox", "rm", &name]).exits(1);
        let stopped = scenario.docker(["sandbox", "stop", "-t", "0", &container[..12]]).exits(0);
        assert_eq!(stopped.out().trim(), &container[..12]);
        assert_eq!(listed(&scenario, &[], "{{.Name}}"), [""; 0]);
        // Either signal can be the last one that it gets.
        let ended = listed(&scenario, &["-a"], "{{.Name}} {{.Status}}");
        assert!(ended.len() == 1 && ended[0].starts_with(&format!("{name} exited (1")), "{ended:?}");
        scenario.docker(["sandbox", "rm", &name]).exits(0);
        assert_eq!(scenario.containers(), [""; 0]);
    }
}

#[test]
fn what_starts_without_gvisor_must_be_listed_as_that() {
    let scenario = Scenario::on("trixie");
    let name = scenario.name().to_owned();
    scenario
        .docker(["sandbox", "run", "-d", "--no-sandbox", "--name", &name, IMAGE, "sleep", "600"])
        .exits(0);
    assert_eq!(listed(&scenario, &[], "{{.Mode}} {{.Runtime}} {{.Proven}}"), ["none runc no"]);
}

#[test]
fn what_is_not_ours_must_not_be_listed_stopped_or_removed() {
    for scenario in Scenario::everywhere() {
        let name = scenario.name().to_owned();
        let (plain, trap, image) = (format!("{name}-plain"), format!("{name}-trap"), format!("{name}-image"));
        scenario.docker(["run", "-d", "--name", &plain, IMAGE, "sleep", "600"]).exits(0);
        // A snapshot of one of ours has its labels, and a time that is over, for every container of it.
        scenario.docker(["sandbox", "create", "--name", &name, "--ttl=none", IMAGE, "sleep", "600"]).exits(0);
        let change = "--change=LABEL docker-sandbox.expires=2020-01-01T00:00:00Z";
        scenario.docker(["commit", change, &name, &image]).exits(0);
        scenario.docker(["run", "-d", "--name", &trap, &image, "sleep", "600"]).exits(0);
        let id = "{{index .Config.Labels \"docker-sandbox.id\"}}";
        assert_eq!(scenario.inspect(&name, id), scenario.inspect(&trap, id), "it has our labels");
        let filter = format!("--filter=name={name}");
        assert_eq!(listed(&scenario, &["-a"], "{{.Name}} {{.Left}}"), [format!("{name} ")]);
        for verb in [["rm", "-f"], ["stop", "-t=0"]] {
            for foreign in [&plain, &trap] {
                // One of ours beside it is not touched either.
                let refused = scenario.docker(["sandbox", verb[0], verb[1], &name, foreign]).exits(1);
                assert!(refused.err().contains(&format!("`{foreign}` is not ours")), "{}", refused.err());
                assert!(refused.err().trim_end().ends_with(&format!("docker {} {foreign}", verb[0])));
            }
        }
        assert_eq!(scenario.containers().len(), 3);
        let prune = scenario.docker(["sandbox", "prune", "--filter=owner=all", &filter]).exits(0);
        assert_eq!(prune.out(), "");
        scenario.docker(["sandbox", "rm", &name]).exits(0);
        let mut left: Vec<String> = scenario
            .containers()
            .iter()
            .map(|id| scenario.inspect(id, "{{.Name}} {{.State.Running}}"))
            .collect();
        left.sort();
        assert_eq!(left, [format!("/{plain} true"), format!("/{trap} true")]);
        // Started by us, one of that image is ours: our own labels count.
        scenario
            .docker(["sandbox", "run", "-d", "--name", &name, "--ttl=1h", &image, "sleep", "600"])
            .exits(0);
        assert_eq!(listed(&scenario, &[], "{{.Name}} {{.Left}}"), [format!("{name} 59m")]);
        for container in scenario.containers() {
            scenario.docker(["rm", "--force", &container]).exits(0);
        }
        scenario.docker(["rmi", &image]).exits(0);
    }
}

/// One test, and not two: what prunes on the way does so for all of this user's on the same engine.
#[test]
fn what_has_expired_must_go_by_prune_and_on_the_way_of_a_later_command() {
    for engine in Engines::ALL {
        a_dry_run_touches_nothing_and_prune_removes(&Scenario::on(engine));
        a_later_command_has_it_removed(&Scenario::on(engine));
    }
}

fn a_dry_run_touches_nothing_and_prune_removes(scenario: &Scenario) {
    let name = scenario.name().to_owned();
    let filter = format!("--filter=name={name}");
    scenario.docker(["sandbox", "run", "-d", "--name", &name, "--ttl=1ms", IMAGE, "sleep", "600"]).exits(0);
    let container = scenario.container();
    let dry = scenario.docker(["sandbox", "prune", "--dry-run", &filter]).exits(0);
    let said = dry.out();
    assert!(said.starts_with(&format!("{}  {name} (running): expired since ", &container[..12])), "{said}");
    assert_eq!(scenario.inspect(&container, "{{.State.Running}}"), "true");
    // On a terminal it asks first.
    let mut asked = scenario.start("docker", ["sandbox", "prune", &filter], Io::Terminal);
    asked.wait_for("Remove them? [y/N] ");
    asked.press(b"\n");
    let (refused, _) = asked.end_in_terminal();
    assert!(refused.exits(1).out().contains("not confirmed; nothing was removed"));
    assert_eq!(scenario.inspect(&container, "{{.State.Running}}"), "true");
    let prune = scenario.docker(["sandbox", "prune", &filter]).exits(0);
    assert_eq!(prune.out().trim(), container);
    assert_eq!(prune.err(), "docker sandbox: removed 1 container and 0 networks\n");
    assert_eq!(scenario.containers(), [""; 0]);
}

fn a_later_command_has_it_removed(scenario: &Scenario) {
    let name = scenario.name().to_owned();
    let stays = format!("{name}-stays");
    scenario.direct(["run", "-d", "--name", &stays, "--ttl=1h", IMAGE, "sleep", "600"]).exits(0);
    scenario.docker(["sandbox", "run", "-d", "--name", &name, "--ttl=1ms", IMAGE, "sleep", "600"]).exits(0);
    assert_eq!(scenario.containers().len(), 2);
    scenario.docker(["sandbox", "run", "--rm", IMAGE, "true"]).exits(0);
    wait_until("the expired one is removed", || scenario.containers().len() == 1);
    assert_eq!(scenario.inspect(&scenario.container(), "{{.Name}}"), format!("/{stays}"));
}
