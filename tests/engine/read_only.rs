//! What `run` and `create` mount read-only stays as it is on the host, whatever is tried inside.

use std::path::Path;
use std::process::Command;

use crate::stage::attack::{Target, attacker};
use crate::stage::{Engines, Form, IMAGE, Outcome, Scenario};

fn attack(scenario: &Scenario, options: &[&str], places: &[&str]) -> Outcome {
    let program = format!("-v={}:/program:ro", attacker().parent().unwrap().display());
    let before = ["--rm", "--network=none", &program];
    let words = [&before[..], options, &[IMAGE, "/program/attacker"], places].concat();
    let outcome = scenario.run(Form::Docker, words).exits(0);
    assert!(outcome.out().ends_with("all tried\n"), "{}", outcome.out());
    outcome
}

/// The volumes that mount a folder, by their devices.
fn volumes(scenario: &Scenario) -> Vec<String> {
    let names = scenario.ask(&["volume", "ls", "--quiet", "--filter=label=docker-sandbox.mount=read-only"]);
    let home = scenario.home().to_str().unwrap();
    let device = |name: &str| scenario.ask(&["volume", "inspect", "--format", "{{.Options.device}}", name]);
    names.lines().map(device).filter(|device| device.starts_with(home)).collect()
}

#[test]
fn a_folder_that_is_mounted_read_only_must_stay_as_it_is() {
    for engine in Engines::RELEASES {
        let scenario = Scenario::on(engine);
        let target = Target::below(scenario.home());
        let path = target.path.display();
        let nested = format!("-v={path}/sub:/e/sub:ro");
        for options in [
            &[&*format!("-v={path}:/e:ro")][..],
            &[&format!("--volume={path}/../target/:/e:ro,z"), &nested],
            &["--mount", &format!("type=bind,\"src={path}\",dst=/e,readonly")],
            &[
                "--mount",
                &format!("type=bind,source={path},target=/e,ro,bind-propagation=rprivate"),
                "--user=7",
            ],
            &["--cap-drop=ALL", "--security-opt=no-new-privileges", &format!("-v={path}:/e:ro")],
        ] {
            attack(&scenario, options, &["/e"]);
            target.is_unchanged(&format!("{options:?} on {engine}"));
        }
        assert_eq!(volumes(&scenario), [""; 0], "gone with their containers");
    }
}

#[test]
fn what_is_mounted_below_a_folder_must_stay_as_it_is_and_be_seen() {
    for engine in Engines::RELEASES {
        let scenario = Scenario::on(engine);
        let target = Target::below(scenario.home());
        let mounted = Mounted::bind(&scenario, &target.path, &scenario.home().join("top/below it, too"));
        let top = format!("-v={}:/e:ro", scenario.home().join("top").display());
        attack(&scenario, &[&top], &["/e"]);
        target.is_unchanged(&format!("a mount below on {engine}"));
        let words = ["--rm", &top, IMAGE, "cat", "/e/below it, too/file"];
        let outcome = scenario.run(Form::Docker, words).exits(0);
        assert!(outcome.out().starts_with("what is in "), "{}", outcome.out());
        // What is over it is what is seen.
        let over = format!("-v={}:/e/below it, too", scenario.home().join("work").display());
        scenario
            .run(Form::Docker, ["--rm", &top, &over, IMAGE, "ls", "/e/below it, too"])
            .exits(0)
            .prints("");
        drop(mounted);
    }
}

#[test]
fn what_is_in_a_single_file_must_stay_as_it_is() {
    for engine in Engines::RELEASES {
        let scenario = Scenario::on(engine);
        let target = Target::below(scenario.home());
        let file = format!("-v={}:/f:ro", target.path.join("file").display());
        let hard = format!("--mount=type=bind,src={},dst=/h,readonly", target.path.join("hard").display());
        let seen = attack(&scenario, &[&file, &hard], &["/f", "/h"]);
        // 20221219 keeps its mode, owner and times as well.
        assert_eq!(seen.err().contains("[read-only-file]"), engine != "bookworm", "{seen}");
        target.is_kept(&format!("single files on {engine}"));
    }
}

#[test]
fn what_cannot_be_kept_read_only_must_be_refused() {
    let scenario = Scenario::on("trixie");
    let target = Target::below(scenario.home());
    let path = target.path.display();
    let volume = scenario.name();
    scenario.docker(["volume", "create", volume]).exits(0);
    let donor = &format!("{volume}-donor");
    scenario.docker(["create", "--name", donor, &format!("-v={path}:/e"), IMAGE]).exits(0);
    for option in [
        format!("-v={volume}:/e:ro"),
        format!("--mount=type=volume,src={volume},dst=/e,readonly"),
        format!("--volumes-from={donor}:ro"),
        format!("-v={path}:/e:ro,rslave"),
        format!("-v={path}/not-there:/e:ro"),
    ] {
        let refused = scenario.run(Form::Docker, ["--rm", &option, IMAGE, "true"]);
        refused.exits(125).says("[read-only-unenforced]").says("docker sandbox setup");
    }
    let fix = format!("-v={path}:/e:ro");
    let refused = scenario.run(Form::Docker, ["--rm", "--no-fix", &fix, IMAGE, "true"]);
    refused.exits(125).says("[read-only-unenforced]");
    assert!(!target.path.join("not-there").exists());
    let allowed = ["--rm", "--allow=read-only-unenforced", &format!("-v={volume}:/e:ro"), IMAGE, "true"];
    scenario.run(Form::Docker, allowed).exits(0).says("allowed by");
    // Docker's own refusal.
    let missing = format!("--mount=type=bind,src={path}/not-there,dst=/e,readonly");
    let plain = scenario.run(Form::Plain, ["--rm", &missing, IMAGE, "true"]);
    let ours = scenario.run(Form::Docker, ["--rm", &missing, IMAGE, "true"]);
    assert_eq!((ours.status.code(), ours.stderr), (plain.status.code(), plain.stderr));
    scenario.docker(["rm", donor]).exits(0);
    scenario.docker(["volume", "rm", volume]).exits(0);
}

#[test]
fn what_a_container_without_rm_leaves_must_go_with_prune() {
    let scenario = Scenario::on("trixie");
    let target = Target::below(scenario.home());
    let mount = format!("-v={}:/e:ro", target.path.display());
    scenario.run(Form::Docker, ["--verbose", &mount, IMAGE, "true"]).exits(0).says("[read-only]");
    let container = scenario.container();
    assert_eq!(volumes(&scenario), [target.path.to_str().unwrap()]);
    scenario.docker(["rm", &container]).exits(0);
    scenario.docker(["sandbox", "prune", "--force"]).exits(0);
    assert_eq!(volumes(&scenario), [""; 0]);
    target.is_unchanged("a container that was removed");
}

/// A mount on this machine and in the engine's own view of it.
struct Mounted {
    /// The engine's process.
    engine: String,
    place: String,
}

impl Mounted {
    fn bind(scenario: &Scenario, source: &Path, place: &Path) -> Self {
        std::fs::create_dir_all(place).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let pid = std::fs::read_to_string(scenario.engine.dir.join("docker.pid")).unwrap();
        let mounted = Self { engine: pid.trim().to_owned(), place: text(place) };
        mounted.everywhere(&["mount", "--bind", &text(source), &mounted.place]);
        mounted
    }

    fn everywhere(&self, words: &[&str]) {
        for before in [&["env"][..], &["nsenter", "--mount", "--target", &self.engine]] {
            let done = Command::new(before[0]).args(&before[1..]).args(words).output();
            let fine = done.as_ref().is_ok_and(|done| done.status.success());
            assert!(fine || std::thread::panicking(), "{words:?}: {done:?}");
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.everywhere(&["umount", "-l", &self.place]);
    }
}
