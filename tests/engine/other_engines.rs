//! What speaks Docker's API and is no dockerd of this machine: nothing of it may start a container outside of gVisor.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::stage::disguise;
use crate::stage::gate::Gate;
use crate::stage::{Cli, Engine, Form, IMAGE, Io, Outcome, OwnEngine, Scenario, wait_until};

const PODMAN: &str = "not a Docker Engine: it ignores the runtime that a container requests\n";
const OUTSIDE: &str = "this daemon starts containers outside of gVisor, although they request the runtime";

/// Every way to start a container, one that names a runtime, and those that would do without the sandbox.
const STARTS: [&[&str]; 8] = [
    &["run", "--rm", "--network=none", IMAGE, "true"],
    &["run", "--detach", "--network=none", IMAGE, "sleep", "600"],
    &["run", "--rm", "--runtime=runsc", IMAGE, "true"],
    &["run", "--rm", "--runtime", "io.containerd.runsc.v1", IMAGE, "true"],
    &["run", "--sandbox=preferred", "--rm", IMAGE, "true"],
    &["create", IMAGE, "true"],
    &["do", "--image", IMAGE, "true"],
    &["do", "--image", IMAGE, "--warm=1", "--format=json", "true"],
];

/// Containers, their images, and what is left of proofs, of everybody on this engine.
fn everything_on(engine: &OwnEngine, scenario: &Scenario) -> Vec<String> {
    let host = engine.engine.host();
    let ask = |args: &[&str]| scenario.docker([&["--host", &host], args].concat()).exits(0).out();
    let containers = ask(&["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Status}}"]);
    let images = ask(&["images", "--format", "{{.Repository}}"]);
    containers.lines().chain(images.lines()).filter(|line| !line.contains(IMAGE)).map(str::to_owned).collect()
}

/// Tries every start, through Docker's CLI and directly. Asserts that each is refused with `message` and a way out,
/// and that `engine` has nothing that it did not have before.
#[track_caller]
fn assert_all_refused(scenario: &Scenario, engine: &OwnEngine, message: &str) {
    let before = everything_on(engine, scenario);
    let refused = |outcome: Outcome| {
        let said = outcome.err() + &outcome.out();
        assert!(said.contains(message.trim_end()), "{message:?} is not in {outcome}");
        assert!(said.contains("docker context ls"), "{outcome}");
        outcome.exits(125);
    };
    for start in STARTS {
        refused(scenario.docker(["sandbox"].iter().chain(start)));
        refused(scenario.direct(start));
    }
    assert_eq!(everything_on(engine, scenario), before);
    assert_eq!(scenario.containers(), [""; 0]);
}

fn socket_of(engine: &Engine) -> PathBuf {
    engine.dir.join("docker.sock")
}

#[test]
fn podmans_service_must_be_refused() {
    let podman = OwnEngine::podman();
    for cli in [Cli::oldest(), Cli::newest()] {
        let scenario = Scenario::with(podman.engine.clone(), cli);
        // What is to be kept from happening: the request is accepted, and the container runs on this machine's kernel.
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let words = ["--rm", "--network=none", IMAGE, "uname", "-r"];
        scenario.run(Form::Plain, words).exits(0).prints(&kernel);
        assert_all_refused(&scenario, &podman, PODMAN);
        let said = scenario.docker([
            "sandbox",
            "run",
            "--no-sandbox",
            "--runtime=runsc",
            "--network=none",
            "--rm",
            IMAGE,
            "true",
        ]);
        said.exits(0).says("warning: this container may NOT be in gVisor");
    }
}

#[test]
fn doctor_must_name_podmans_service() {
    let podman = OwnEngine::podman();
    let scenario = Scenario::with(podman.engine.clone(), Cli::newest());
    let before = everything_on(&podman, &scenario);
    for words in [&["sandbox", "doctor"][..], &["sandbox", "doctor", "--quick"]] {
        let outcome = scenario.docker(words).exits(1);
        assert!(
            outcome.out().contains("FAIL  the engine that answers: the daemon is Podman Engine "),
            "{outcome}"
        );
        assert!(outcome.out().contains("docker context ls"), "{outcome}");
    }
    let setup = scenario.direct(["setup", "--dry-run"]).exits(1);
    assert!(setup.err().contains(PODMAN.trim_end()), "{setup}");
    assert_eq!(everything_on(&podman, &scenario), before);
}

#[test]
fn podmans_service_behind_a_remembered_engines_socket_must_be_refused() {
    let podman = OwnEngine::podman();
    for form in [Form::Docker, Form::Direct] {
        let scenario = Scenario::with(podman.engine.clone(), Cli::newest());
        let socket = scenario.home().join("link.sock");
        symlink(socket_of(&Engine::named("trixie")), &socket).unwrap();
        let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        scenario.run(form, ["--rm", IMAGE, "true"]).exits(0);
        scenario.run(form, ["--rm", "--verbose", IMAGE, "true"]).exits(0).says(", remembered)");
        std::fs::remove_file(&socket).unwrap();
        symlink(socket_of(&podman.engine), &socket).unwrap();
        assert_all_refused(&scenario, &podman, PODMAN);
    }
}

#[test]
fn a_service_that_claims_to_be_docker_must_be_caught_by_what_it_starts() {
    let podman = OwnEngine::podman();
    let trixie = Engine::named("trixie");
    let scenario = Scenario::with(podman.engine.clone(), Cli::newest());
    let socket = scenario.home().join("docker.sock");
    // First a Docker Engine, which is proven, and then what only says so.
    let _gate = Gate::before(&socket_of(&trixie), &socket, "nothing is held back");
    let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    scenario.run(Form::Direct, ["--rm", IMAGE, "true"]).exits(0);
    std::fs::remove_file(&socket).unwrap();
    disguise::listen(&socket, &socket_of(&trixie), &socket_of(&podman.engine));
    let claims =
        scenario.docker(["version", "--format", "{{.Server.Version}} {{json .Server.Components}}"]).out();
    assert!(claims.starts_with("26.1") && !claims.to_lowercase().contains("podman"), "{claims}");

    assert_all_refused(&scenario, &podman, OUTSIDE);

    let doctor = scenario.docker(["sandbox", "doctor"]).exits(1);
    assert!(doctor.out().contains("it started, and not in gVisor: its process "), "{doctor}");
    assert!(doctor.out().contains("docker context ls"), "{doctor}");
    assert_eq!(everything_on(&podman, &scenario), [""; 0]);
}

#[test]
fn an_engine_that_is_not_recognised_must_be_proven_once() {
    let scenario = Scenario::on("trixie");
    let socket = scenario.home().join("proxy.sock");
    let gate = Gate::before(&socket_of(&scenario.engine), &socket, "/images/create");
    gate.open();
    let host = format!("unix://{}", socket.display());
    // By its socket, and by the name of a context.
    let context = ["context", "create", "far", "--docker", &format!("host={host}")];
    scenario.docker(context).exits(0);
    for globals in [&["--host", &host][..], &["--context", "far"]] {
        let before = gate.questions();
        for start in
            [&["run", "--rm", IMAGE, "true"][..], &["create", IMAGE, "true"], &["run", "--rm", IMAGE, "true"]]
        {
            scenario.docker(globals.iter().chain(&["sandbox"]).chain(start)).exits(0);
            scenario.direct(globals.iter().chain(start)).exits(0);
            assert_eq!(gate.questions(), before + 1);
        }
        // Another runtime is another proof.
        scenario.direct(globals.iter().chain(&["run", "--rm", "--runtime=runsc-hostnet", IMAGE, "true"]));
    }
    let outcome = scenario.docker([
        "--context",
        "far",
        "sandbox",
        "run",
        "--rm",
        "--runtime=runsc-broken",
        IMAGE,
        "true",
    ]);
    if !outcome.status.success() {
        outcome.exits(125).says("cannot prove that this daemon starts containers in gVisor").says("doctor\n");
    }
}

#[test]
fn a_context_that_leads_to_a_dockerd_of_this_machine_must_need_no_proof() {
    let scenario = Scenario::on("trixie");
    let host = format!("host={}", scenario.engine.host());
    scenario.docker(["context", "create", "near", "--docker", &host]).exits(0);
    for _ in 0..2 {
        let begun = scenario.ask(&["info", "--format", "{{.SystemTime}}"]);
        scenario.docker(["--context", "near", "sandbox", "run", "--rm", IMAGE, "true"]).exits(0);
        let until = scenario.ask(&["info", "--format", "{{.SystemTime}}"]);
        let events = ["events", "--since", &begun, "--until", &until, "--filter", "event=create"];
        let label = format!("--filter=label=docker-sandbox-test={}", scenario.name());
        let ours = scenario.ask(&[&events[..], &[&label]].concat());
        assert_eq!(ours.lines().count(), 1, "{ours}");
    }
    let kept = std::fs::read_dir(scenario.home().join("cache/docker-sandbox/daemons")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(matches!(&kept[..], [one] if one.ends_with(".proven.json")), "{kept:?}");
}

#[test]
fn whatever_ends_a_start_during_a_proof_must_leave_nothing_of_it() {
    let own = OwnEngine::start("runsc");
    for form in [Form::Docker, Form::Direct] {
        for signal in [Signal::TERM, Signal::KILL] {
            let scenario = Scenario::with(own.engine.clone(), Cli::newest());
            let socket = scenario.home().join("gate.sock");
            let gate = Gate::before(&socket_of(&own.engine), &socket, "/start");
            let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
            let running = scenario.start_run(form, ["--rm", IMAGE, "true"], Io::Pipes);
            gate.wait_for_a_question();
            assert_eq!(everything_on(&own, &scenario).len(), 2, "a container and its image");
            running.signal_group(signal);
            gate.open();
            assert!(!running.end().status.success());
            wait_until("nothing is left of the proof", || everything_on(&own, &scenario).is_empty());
            assert_eq!(scenario.containers(), [""; 0]);
        }
    }
}
