//! Without gVisor nothing starts, and the way to it is shown.

use crate::stage::{Cli, Engine, Form, IMAGE, Outcome, OwnEngine, Scenario};

/// Asserts that nothing was started, and that all of it was said on stderr.
#[track_caller]
fn refused(scenario: &Scenario, outcome: Outcome) -> Outcome {
    assert_eq!(scenario.containers(), [""; 0], "{outcome}");
    outcome.exits(125).prints("")
}

#[test]
fn an_engine_without_gvisor_must_be_refused_with_instructions() {
    for scenario in Scenario::every_cli("bare") {
        for words in [["run", "--rm"], ["create", "--init"]] {
            let words = ["sandbox", words[0], words[1], IMAGE, "true"];
            let refusal = refused(&scenario, scenario.docker(words))
                .says("docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started\n")
                .says("Docker daemon: ")
                .says("Its system: ")
                .says("runc (")
                .says("sudo apt-get install")
                .says("runsc install")
                .says("systemctl reload docker");
            let text = refusal.err();
            let lines: Vec<_> = text.lines().collect();
            let [.., once, once_command, good, good_command] = lines.as_slice() else { panic!("{refusal}") };
            assert_eq!(*once, "hint: to start without a sandbox, this once:");
            assert_eq!(once_command.trim(), format!("docker sandbox {} --no-sandbox …", words[1]));
            assert!(good.starts_with("hint: or wherever the daemon has no gVisor: for good by"), "{good}");
            assert_eq!(good_command.trim(), "export DOCKER_SANDBOX=preferred");
        }
        let direct = refused(&scenario, scenario.run(Form::Direct, ["--rm", IMAGE, "true"]));
        direct.says("docker-sandbox run --no-sandbox …");
    }
}

#[test]
fn the_refusal_must_name_the_daemons_own_system_and_version() {
    let scenario = Scenario::on("bare");
    let seen = scenario.docker(["info", "--format", "{{.Name}}|{{.ServerVersion}}|{{.OperatingSystem}}"]);
    let refusal = refused(&scenario, scenario.run(Form::Docker, [IMAGE]));
    for part in seen.out().trim().split('|') {
        assert!(refusal.err().contains(part), "{part} is not in {refusal}");
    }
}

#[test]
fn a_runtime_that_is_no_gvisor_must_be_refused() {
    for engine in ["bookworm", "trixie", "bare"] {
        let scenario = Scenario::on(engine);
        for form in [Form::Docker, Form::Direct] {
            let spellings: [&[&str]; 4] = [
                &["--runtime=runc"],
                &["--runtime", "runc"],
                &["--runtime=runsc", "--runtime=runc"],
                &["-it", "--runtime", "io.containerd.runc.v2"],
            ];
            for spelling in spellings {
                let refusal = refused(&scenario, scenario.run(form, spelling.iter().chain(&[IMAGE, "true"])));
                let runtime = spelling.last().unwrap().rsplit('=').next().unwrap();
                refusal.says(&format!("the runtime `{runtime}` is not"));
            }
            refused(&scenario, scenario.run(form, ["--runtime=nope", IMAGE]))
                .says("the runtime `nope` is not registered with the Docker daemon; nothing was started");
        }
    }
}

#[test]
fn an_impostor_named_runsc_must_be_refused() {
    let own = OwnEngine::start("impostor");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    for words in [&[][..], &["--runtime=runsc"], &["--sandbox=required"]] {
        for form in [Form::Docker, Form::Direct] {
            let refusal = refused(&scenario, scenario.run(form, words.iter().chain(&[IMAGE, "true"])));
            refusal.says("the runtime `runsc`").says("is not gVisor: ").says("nothing was started");
        }
    }
}

#[test]
fn a_line_whose_image_cannot_be_known_must_be_refused() {
    let scenario = Scenario::on("trixie");
    for words in [&["--bogus", IMAGE][..], &["-Z", IMAGE], &["--rm"], &[], &["--name"]] {
        for form in [Form::Docker, Form::Direct] {
            refused(&scenario, scenario.run(form, words)).says("hint: ");
        }
    }
}

#[test]
fn an_engine_that_is_not_there_must_not_be_taken_for_one_without_gvisor() {
    let nowhere = Scenario::on("trixie").home().join("docker.sock");
    for cli in Cli::all() {
        let scenario = Scenario::with(Engine::named("trixie"), cli)
            .env("DOCKER_HOST", format!("unix://{}", nowhere.display()));
        for form in [Form::Docker, Form::Direct] {
            let refusal = refused(&scenario, scenario.run(form, ["--rm", IMAGE])).says("hint: ");
            assert!(!refusal.err().contains("has no gVisor"), "{refusal}");
            assert!(refusal.err().contains("daemon"), "{refusal}");
        }
    }
}
