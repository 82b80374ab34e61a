//! What whoever calls us has open, a lock or a pipe, is held by no process of ours that outlives the command.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::{Form, IMAGE, Io, Scenario, wait_until};

/// A caller's shell, which holds a lock and the one writing end of a pipe, and lets go of both with its last command.
struct Caller {
    scenario: Scenario,
    folder: tempfile::TempDir,
}

impl Caller {
    /// `docker` does what `hold`, patterns of the shell for its arguments, matches only once the file `gate` is there.
    fn on(engine: &str, hold: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (lock, pipe) = (folder.path().join("lock"), folder.path().join("pipe"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let open = format!("exec 9>{} 8<>{}; flock 9; exec \"$@\"", lock.display(), pipe.display());
        let scenario = Scenario::on(engine).through(["sh", "-c", &open, "sh"]);
        let docker = scenario.home().join("bin/docker");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in {hold}) while [ ! -e {} ]; do sleep 0.1; done ;; esac\nexec {} \"$@\"\n",
            folder.path().join("gate").display(),
            scenario.cli.path.display()
        );
        std::fs::remove_file(&docker).unwrap();
        std::fs::write(&docker, script).unwrap();
        std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
        scenario.write(
            ".docker/config.json",
            &format!("{{\"plugins\": {{\"sandbox\": {{\"image\": \"{IMAGE}\"}}}}}}"),
        );
        Self { scenario, folder }
    }

    /// The processes of this scenario that are called so, which run.
    fn helpers(&self, name: &str) -> Vec<PathBuf> {
        let home = format!("HOME={}", self.scenario.home().display());
        let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let is_one = |process: &PathBuf| {
            let read = |file: &str| std::fs::read(process.join(file)).unwrap_or_default();
            let of = |text: Vec<u8>, wanted: &str| {
                text.split(|&byte| byte == 0).any(|part| part == wanted.as_bytes())
            };
            read("cmdline").split(|&byte| byte == 0).next() == Some(name.as_bytes())
                && of(read("environ"), &home)
        };
        processes.filter(is_one).collect()
    }

    /// One that is called `name` runs, and has none of what the caller has. Its own beginning may not be over yet.
    #[track_caller]
    fn is_held_by_none(&self, name: &str) {
        wait_until(&format!("there is a {name}"), || !self.helpers(name).is_empty());
        let held = || {
            let open = self.helpers(name).into_iter().flat_map(|process| {
                let open = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
                open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect::<Vec<_>>()
            });
            open.filter(|file| file.starts_with(self.folder.path())).collect::<Vec<_>>()
        };
        wait_until(&format!("{name} holds nothing"), || held().is_empty());
        assert!(!self.helpers(name).is_empty(), "it goes on");
    }

    /// The lock can be had, and who reads the pipe sees its end.
    #[track_caller]
    fn has_let_go(&self) {
        assert!(
            File::open(self.folder.path().join("lock")).unwrap().try_lock().is_ok(),
            "somebody has the lock"
        );
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let open = File::options().read(true).custom_flags(nonblocking).open(self.folder.path().join("pipe"));
        let read = open.unwrap().read(&mut [0]);
        assert!(matches!(read, Ok(0)), "somebody can write: {read:?}");
    }

    fn open_gate(&self) {
        std::fs::write(self.folder.path().join("gate"), "").unwrap();
    }
}

fn link(process: &Path, number: u32) -> PathBuf {
    std::fs::read_link(process.join(format!("fd/{number}"))).unwrap()
}

#[test]
fn a_minder_that_makes_spares_must_hold_nothing_of_the_callers() {
    let caller = Caller::on("trixie", "\"create \"*");
    // Its end is seen at all of its outputs, or this does not return.
    caller.scenario.direct(["do", "--warm=1", "--", "echo", "done"]).exits(0).prints("done\n");
    caller.is_held_by_none("docker-sandbox-minder");
    caller.has_let_go();
    caller.open_gate();
    wait_until("the spare is made", || caller.helpers("docker-sandbox-minder").is_empty());
    let project = format!("--filter=label=docker-sandbox.project={}/work", caller.scenario.home().display());
    let spares = caller.scenario.ask(&["ps", "--all", "--quiet", &project]);
    spares.lines().for_each(|spare| drop(caller.scenario.ask(&["rm", "--force", spare])));
}

#[test]
fn a_witness_must_hold_nothing_of_the_callers() {
    let caller = Caller::on("trixie", "nothing");
    let words = ["--rm", IMAGE, "sh", "-c", "echo ready; sleep 600"];
    let mut running = caller.scenario.start_run(Form::Docker, words, Io::Pipes);
    running.wait_for("ready");
    caller.is_held_by_none("docker-sandbox-witness");
    for witness in caller.helpers("docker-sandbox-witness") {
        assert_eq!(link(&witness, 2), PathBuf::from("/dev/null"));
    }
}

#[test]
fn the_keeper_of_names_must_hold_nothing_of_the_callers() {
    let caller = Caller::on("trixie", "nothing");
    let network = format!("{}-net", caller.scenario.name());
    caller.scenario.docker(["network", "create", &network]).exits(0);
    let words = ["-d", "--network", &network, IMAGE, "sleep", "600"];
    caller.scenario.run(Form::Direct, words).exits(0);
    caller.is_held_by_none("docker-sandbox-names");
    caller.has_let_go();
    caller.scenario.docker(["rm", "--force", &caller.scenario.container()]).exits(0);
    caller.scenario.docker(["network", "rm", &network]).exits(0);
}

#[test]
fn a_pruner_must_hold_nothing_of_the_callers() {
    let caller = Caller::on("trixie", "\"ps \"*");
    caller.scenario.run(Form::Direct, ["-d", "--ttl=1s", IMAGE, "sleep", "600"]).exits(0);
    wait_until("its time is over", || {
        caller.scenario.direct(["do", "--", "true"]).exits(0);
        !caller.helpers("docker-sandbox-prune").is_empty()
    });
    caller.is_held_by_none("docker-sandbox-prune");
    caller.has_let_go();
    caller.open_gate();
    wait_until("it has done its work", || caller.helpers("docker-sandbox-prune").is_empty());
}
