//! What `do` says is read-only stays as it is on the host, whatever is tried inside, cold and in a spare.

use rustix::process::{Pid, Signal, kill_process};

use super::{ENGINES, Place};
use crate::stage::attack::{Target, attacker};
use crate::stage::{Io, OwnEngine, Scenario, wait_until};

/// The volumes of this place's containers.
fn volumes(scenario: &Scenario) -> Vec<String> {
    let names = scenario.ask(&["volume", "ls", "--quiet", "--filter=label=docker-sandbox.mount=read-only"]);
    let home = scenario.home().to_str().unwrap();
    let device = |name: &str| scenario.ask(&["volume", "inspect", "--format", "{{.Options.device}}", name]);
    names.lines().map(device).filter(|device| device.starts_with(home)).collect()
}

/// What the engine has mounted for such volumes, on this machine.
fn mounts(scenario: &Scenario) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let pid = std::fs::read_to_string(scenario.engine.dir.join("docker.pid")).unwrap();
    let theirs = std::fs::read_to_string(format!("/proc/{}/mountinfo", pid.trim())).unwrap_or_default();
    let ours = format!("{}/", scenario.home().display());
    let is_of_a_volume = |line: &&str| line.contains("/data/volumes/") && line.contains(&ours);
    table.lines().chain(theirs.lines()).filter(is_of_a_volume).map(str::to_owned).collect()
}

#[test]
fn all_that_is_read_only_must_stay_as_it_is() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let home = place.scenario.home();
        let [work, other, third] =
            ["work", "other, \"too\": it", "third"].map(|name| Target::below(&home.join(name)));
        let program = format!("--mount={}", attacker().parent().unwrap().display());
        let file = third.path.join("file");
        let mounts = [
            &*program,
            &format!("--mount={}", other.path.display()),
            &format!("--mount={}:ro", third.path.join("sub").display()),
            &format!("--mount={}", file.display()),
            &format!("--mount={}", third.path.join("link").display()),
        ];
        let places =
            [&*work.path.to_string_lossy(), &*other.path.to_string_lossy(), &*third.path.to_string_lossy()];
        let attack = attacker().display().to_string();
        let command = [&["--", &*attack][..], &places, &["/.docker-sandbox"]].concat();
        for options in [&[][..], &["--user=7:7"], &["--discard"]] {
            let words = [options, &mounts, &command].concat();
            let seen = place.both_ways(Io::Pipes, &words, |running| running.end().status.code());
            assert_eq!(seen, Some(0));
            for target in [&work, &other, &third] {
                target.is_unchanged(&format!("do {options:?} on {engine}"));
            }
        }
        place.wait_until_over();
    }
}

#[test]
fn nothing_must_be_left_of_what_is_mounted_read_only() {
    let place = Place::on("trixie");
    let target = Target::below(&place.work());
    // Ended, killed, and with everybody killed who could clean up.
    place.run(&["--", "true"]).exits(0);
    let mut running = place.start(&["--", "sh", "-c", "echo ready; sleep 1000"], Io::Pipes);
    running.wait_for("ready");
    let minders = place.minders().into_iter().filter_map(Pid::from_raw);
    for pid in minders.chain([running.pid()]) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let container = place.sandbox();
    place.scenario.ask(&["kill", &container]);
    wait_until("its volumes are gone", || volumes(&place.scenario).is_empty());
    wait_until("its mounts are gone", || mounts(&place.scenario).is_empty());
    target.is_unchanged("commands that were killed");
}

#[test]
fn a_daemon_that_dies_must_leave_the_host_as_it_was() {
    let own = OwnEngine::start("runsc");
    let place = Place::of(Scenario::with(own.engine.clone(), crate::stage::Cli::newest()), &[]);
    let target = Target::below(&place.work());
    let mut running = place.start(&["--", "sh", "-c", "echo ready; sleep 1000"], Io::Pipes);
    running.wait_for("ready");
    assert_eq!(volumes(&place.scenario), [place.work().to_str().unwrap()]);
    own.kill_and_start_again();
    wait_until("its sandbox is gone", || place.sandboxes().is_empty());
    // What the daemon has forgotten on the way is prune's.
    place.scenario.docker(["sandbox", "prune", "--force"]).exits(0);
    assert_eq!(volumes(&place.scenario), [""; 0]);
    wait_until("its mounts are gone", || mounts(&place.scenario).is_empty());
    target.is_unchanged("a daemon that was killed");
    drop(running);
}
