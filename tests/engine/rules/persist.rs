//! What is written to the root filesystem: lost to Docker, and kept on request.

use crate::stage::{Cli, Form, IMAGE, OwnEngine, Scenario, wait_until};

/// Writes a file, and adds to it at each start.
const WRITES: &str = "echo x >> /written; wc -l < /written; exec sleep 600";

/// Starts a container that writes, in the given way, and returns its id when it has written.
#[track_caller]
fn written(scenario: &Scenario, form: Form, options: &[&str]) -> String {
    let line = [&["-d"], options, &[IMAGE, "sh", "-c", WRITES]].concat();
    let seen = scenario.run(form, line).exits(0);
    let container = seen.out().trim().to_owned();
    wait_until("it has written", || scenario.docker(["logs", &container]).out().contains('1'));
    container
}

/// What `docker cp`, `diff`, `commit` and a restart find of it: each `true` if they find it.
fn found(scenario: &Scenario, container: &str) -> [bool; 4] {
    let copy = scenario.home().join("copy");
    let copied = scenario.docker(["cp", &format!("{container}:/written"), copy.to_str().unwrap()]);
    let diff = scenario.docker(["diff", container]).exits(0).out().lines().any(|line| line == "A /written");
    let image = format!("{}-image", scenario.name());
    scenario.docker(["commit", container, &image]).exits(0);
    let kept = scenario.run(Form::Plain, ["--rm", &image, "cat", "/written"]).status.success();
    scenario.docker(["rmi", &image]).exits(0);
    scenario.docker(["restart", "--time=0", container]).exits(0);
    wait_until("it has started again", || scenario.docker(["logs", container]).out().lines().count() == 2);
    let lines = scenario.docker(["logs", container]).out();
    scenario.docker(["rm", "--force", container]).exits(0);
    [copied.status.success(), diff, kept, lines.lines().last() == Some("2")]
}

#[test]
fn what_is_written_must_be_lost_where_the_rule_says_so_and_nowhere_else() {
    // restart, rootfs-writes: the newer gVisor has an overlay of its own, the older one has not.
    for (engine, kept) in [("bookworm", true), ("trixie", false)] {
        let scenario = Scenario::on(engine);
        let container = written(&scenario, Form::Plain, &[]);
        assert_eq!(found(&scenario, &container), [kept; 4], "{engine}");
        let line = ["-d", "--restart=on-failure:1", IMAGE, "true"];
        let seen = scenario.run(Form::Docker, line).exits(0);
        assert_eq!(seen.err().contains("[restart]"), !kept, "{seen}");
        for quiet in [&["--quiet-rule=restart", "--restart=always"][..], &["--read-only", "--restart=always"]]
        {
            let line = [&["-d"], quiet, &[IMAGE, "sleep", "600"]].concat();
            scenario.run(Form::Docker, line).exits(0).quietly();
        }
    }
}

#[test]
fn an_older_gvisor_must_keep_it_by_itself() {
    let scenario = Scenario::on("bookworm");
    let container = written(&scenario, Form::Docker, &["--persist"]);
    assert_eq!(found(&scenario, &container), [true; 4]);
    scenario
        .run(Form::Docker, ["--verbose", "--persist", "--rm", IMAGE, "true"])
        .exits(0)
        .says("[rootfs-writes]");
}

#[test]
fn a_gvisor_that_refuses_must_be_told_of_with_the_way_out() {
    let scenario = Scenario::on("trixie");
    let seen = scenario.run(Form::Docker, ["--persist", "--rm", IMAGE, "true"]).exits(125).prints("");
    let seen = seen
        .says("(it is release 20240729)")
        .says("setup --name=runsc-persist --runtime-arg=--overlay2=none");
    assert!(seen.err().ends_with("docker sandbox run --persist …\n"), "{seen}");
    assert!(scenario.containers().is_empty());
}

#[test]
fn a_runtime_that_keeps_it_must_be_found() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    let mut daemon: serde_json::Value = serde_json::from_str(&own.configuration()).unwrap();
    let runsc = daemon["runtimes"]["runsc"]["path"].clone();
    for (name, argument) in [("keeps", "--overlay2=none"), ("override", "--allow-flag-override")] {
        daemon["runtimes"][name] = serde_json::json!({ "path": runsc, "runtimeArgs": [argument] });
    }
    own.configure(&daemon.to_string());
    own.reload();
    wait_until("the daemon has the runtimes", || {
        scenario.docker(["info", "--format", "{{json .Runtimes}}"]).out().contains("\"override\"")
    });

    let container = written(&scenario, Form::Docker, &["--persist"]);
    assert_eq!(scenario.inspect(&container, "{{.HostConfig.Runtime}}"), "keeps");
    assert_eq!(scenario.host_process(&container), "runsc-sandbox");
    assert_eq!(found(&scenario, &container), [true; 4]);
    // Named, it is the one that was named.
    let line = ["--persist", "--rm", "--runtime=runsc", IMAGE, "true"];
    scenario.run(Form::Docker, line).exits(125).says("`--persist`");
    // The annotation, where the runtime obeys it.
    let options = ["--persist", "--runtime=override", "--allow=runtime-flag-override"];
    let container = written(&scenario, Form::Docker, &options);
    assert_eq!(found(&scenario, &container), [true; 4]);
    // Without `--persist` nothing has changed.
    let container = written(&scenario, Form::Docker, &[]);
    assert_eq!(scenario.inspect(&container, "{{.HostConfig.Runtime}}"), "runsc");
    assert_eq!(found(&scenario, &container), [false; 4]);
}
