//! What the arguments of a registered runtime give away.

use std::os::unix::net::UnixListener;

use crate::stage::{Cli, Form, IMAGE, OwnEngine, Scenario, wait_until};

/// Runtimes by name, each gVisor with one argument more.
fn runtimes(suite: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let host_uds = if suite == "bookworm" { "--fsgofer-host-uds" } else { "--host-uds=open" };
    let mut all = vec![
        ("uds", host_uds, "runtime-host-uds"),
        ("profile", "--profile", "runtime-profile"),
        ("override", "--allow-flag-override", "runtime-flag-override"),
        ("testonly", "--TESTONLY-unsafe-nonroot", "runtime-testonly"),
        // Neither release knows these.
        ("devices", "--character-device-policy=passthrough", "runtime-devices"),
        ("tar", "--allow-rootfs-tar-annotation", "runtime-rootfs-tar"),
        ("plugin", "--network=plugin", "runtime-network-plugin"),
        ("drivers", "--nvproxy", "runtime-drivers"),
    ];
    // 20221219 does not know it.
    if suite == "trixie" {
        all.push(("fifo", "--host-fifo=open", "runtime-host-fifo"));
    }
    all
}

/// Registers those beside what there is, and waits until the daemon has them.
fn register<'a>(own: &OwnEngine, scenario: &Scenario, added: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut daemon: serde_json::Value = serde_json::from_str(&own.configuration()).unwrap();
    let runsc = daemon["runtimes"]["runsc"]["path"].clone();
    let mut last = String::new();
    for (name, argument) in added {
        daemon["runtimes"][name] = serde_json::json!({ "path": runsc, "runtimeArgs": [argument] });
        name.clone_into(&mut last);
    }
    own.configure(&daemon.to_string());
    own.reload();
    wait_until("the daemon has the runtimes", || {
        scenario.docker(["info", "--format", "{{json .Runtimes}}"]).out().contains(&format!("\"{last}\""))
    });
}

#[test]
fn a_runtime_that_opens_the_host_must_be_refused_by_what_it_is_registered_with() {
    for suite in ["bookworm", "trixie"] {
        let own = OwnEngine::start_suite(suite, "runsc");
        let scenario = Scenario::with(own.engine.clone(), Cli::newest());
        let runtimes = runtimes(suite);
        register(&own, &scenario, runtimes.iter().map(|&(name, argument, _)| (name, argument)));
        for (name, argument, rule) in &runtimes {
            let runtime = format!("--runtime={name}");
            for verb in ["run", "create"] {
                let seen = scenario.docker(["sandbox", verb, &runtime, IMAGE, "true"]).exits(125).prints("");
                let seen = seen.says(&format!("[{rule}]")).says(argument.split('=').next().unwrap());
                assert!(scenario.containers().is_empty(), "{seen}");
            }
            let allow = format!("--allow={rule}");
            let line = [&allow, "--rm", &runtime, IMAGE, "echo", "started"];
            let seen = scenario.run(Form::Docker, line);
            // What gVisor itself makes of such an argument is its own affair: two of them need more than this engine has.
            assert!(seen.err().starts_with("docker sandbox: warning: "), "{seen}");
            if matches!(*name, "uds" | "override" | "fifo") {
                let seen = seen.exits(0).prints("started\n");
                assert_eq!(seen.err().lines().count(), 1, "{seen}");
            }
        }
        // The one without is taken, and says nothing.
        scenario.run(Form::Docker, ["--rm", IMAGE, "echo", "quiet"]).exits(0).prints("quiet\n").quietly();
    }
}

#[test]
fn a_socket_of_the_host_must_answer_only_where_the_runtime_lets_it() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    register(&own, &scenario, [("uds", "--host-uds=open")].into_iter());
    let path = scenario.home().join("work/app.socket");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    // The docker CLI is a program that connects to a unix socket, and says so if it cannot.
    let client = Cli::newest().path.canonicalize().unwrap();
    let folder = format!("-v={}:/s", path.parent().unwrap().display());
    let client = format!("-v={}:/docker:ro", client.display());
    let connect = |options: &[&str]| {
        let line = [
            options,
            &["--rm", &folder, &client, IMAGE, "timeout", "5"],
            &["/docker", "-H=unix:///s/app.socket", "ps"],
        ];
        let seen = scenario.run(Form::Docker, line.concat());
        (listener.accept().is_ok(), seen.err())
    };
    let (answers, said) = connect(&[]);
    assert!(!answers && said.contains("[host-socket]"), "{said}");
    let (answers, said) = connect(&["--runtime=uds", "--allow=runtime-host-uds"]);
    assert!(answers && !said.contains("[host-socket]"), "{said}");
}

#[test]
fn a_runtime_that_lets_annotations_override_must_obey_any_of_them() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    register(&own, &scenario, [("override", "--allow-flag-override")].into_iter());
    // An interface that is the host kernel's shows that the switch was obeyed.
    let network = "--annotation=dev.gvisor.flag.network=none";
    let line = ["--rm", "--runtime=override", network, IMAGE, "cat", "/proc/net/dev"];
    let plain = |runtime: &str| {
        let runtime = format!("--runtime={runtime}");
        scenario.docker(["run", "--rm", &runtime, network, IMAGE, "cat", "/proc/net/dev"])
    };
    assert!(!plain("override").exits(0).out().contains("eth0"));
    assert!(!plain("runsc").status.success());
    scenario.run(Form::Docker, line).exits(125).says("[runtime-flag-override]").says("[annotation-gvisor]");
}

#[test]
fn what_many_kernels_need_must_be_mentioned_and_no_more() {
    let own = OwnEngine::start("runsc,runsc-hostnet");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    register(&own, &scenario, [("raw", "--net-raw")].into_iter());
    for (runtime, rule) in [("runsc-hostnet", "runtime-net-host"), ("raw", "runtime-net-raw")] {
        let runtime = format!("--runtime={runtime}");
        scenario.run(Form::Docker, ["--rm", &runtime, IMAGE, "true"]).exits(0).quietly();
        let line = ["--verbose", "--rm", &runtime, IMAGE, "true"];
        let seen = scenario.run(Form::Docker, line).exits(0).says(&format!("[{rule}]"));
        assert!(!seen.err().contains("warning"), "{seen}");
    }
    // The facts: raw sockets, and names that Docker's resolver answers for.
    scenario
        .run(Form::Docker, ["--rm", "--runtime=raw", IMAGE, "ping", "-c1", "127.0.0.1"])
        .exits(0)
        .quietly();
    let doctor = scenario.docker(["sandbox", "doctor", "--quick"]).out();
    assert!(doctor.contains("--network=host: sockets are the host kernel's"), "{doctor}");
    assert!(doctor.contains("--net-raw=true: raw sockets are allowed inside"), "{doctor}");
}

#[test]
fn an_argument_that_no_rule_is_about_must_be_mentioned() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    register(&own, &scenario, [("xdp", "--EXPERIMENTAL-xdp=off"), ("cache", "--dcache=100")].into_iter());
    let line = ["--rm", "--runtime=xdp", IMAGE, "echo", "started"];
    let seen = scenario.run(Form::Docker, line).exits(0).prints("started\n");
    assert!(seen.err().ends_with("[runtime-unknown]\n") && seen.err().lines().count() == 1, "{seen}");
    scenario.run(Form::Docker, ["--rm", "--runtime=cache", IMAGE, "true"]).exits(0).quietly();
}
