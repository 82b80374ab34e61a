//! The fact behind each rule that warns, in gVisor and outside of it, and what we say of it. A newer gVisor that lifts
//! a limit makes one of these fail: then the rule gets an end in the table. `shown.rs` tries one that is given.

mod escape;
mod files;
mod mounts;
mod network;
mod options;
mod persist;
mod places;
mod runtimes;
mod shown;

use std::path::{Path, PathBuf};

use docker_sandbox::gvisor::rules::Severity;
use docker_sandbox::gvisor::rules::table::RULES;

use crate::stage::{Form, IMAGE, Outcome, Scenario};
use shown::{holds, is_older, of_this_release, shown};

/// What the same line does outside of gVisor and in it.
struct Both {
    kernel: Outcome,
    gvisor: Outcome,
}

impl Both {
    /// The lines that each printed.
    fn lines(&self) -> [Vec<String>; 2] {
        let lines = |outcome: &Outcome| outcome.out().lines().map(str::to_owned).collect();
        [lines(&self.kernel), lines(&self.gvisor)]
    }
}

/// Runs a line with runc and with us. Ours must print one line for each of these rules and the container's own, and
/// with the rules silenced the container's own only, which is then what the second outcome has in it.
#[track_caller]
fn compare(scenario: &Scenario, rules: &[&str], line: &[&str]) -> Both {
    let plain = ["run", "--rm", "--runtime=runc"].iter().chain(line);
    let kernel = scenario.docker(plain);
    Both { kernel, gvisor: ours(scenario, rules, &[&["--rm"], line].concat()) }
}

/// [`compare`] without runc.
#[track_caller]
fn ours(scenario: &Scenario, rules: &[&str], line: &[&str]) -> Outcome {
    let rules = of_this_release(scenario, rules);
    let loud = scenario.run(Form::Docker, line);
    let mut words: Vec<String> = rules.iter().map(|rule| format!("--quiet-rule={rule}")).collect();
    words.extend(line.iter().map(|&word| word.to_owned()));
    let quiet = scenario.run(Form::Docker, words);
    assert!(!quiet.err().contains("docker sandbox: "), "{quiet}");
    let (all, own) = (loud.err(), quiet.err());
    assert!(all.ends_with(&own), "the container says the same:\n{loud}\n{quiet}");
    assert_lines(&loud, &all[..all.len() - own.len()], &rules);
    assert_eq!(quiet.status, loud.status, "{loud}\n{quiet}");
    quiet
}

/// Asserts that `said` is a line for each of `rules`, in whatever order.
#[track_caller]
fn assert_lines(outcome: &Outcome, said: &str, rules: &[&str]) {
    let rule_of = |line: &str| {
        assert!(line.starts_with("docker sandbox: warning: "), "{line:?} in {outcome}");
        let (_, id) = line.rsplit_once(" [").unwrap_or_else(|| panic!("{line:?} names no rule: {outcome}"));
        id.strip_suffix(']').unwrap_or_else(|| panic!("{line:?} ends otherwise: {outcome}")).to_owned()
    };
    let mut found: Vec<String> = said.lines().map(rule_of).collect();
    let mut rules = rules.to_vec();
    found.sort();
    rules.sort_unstable();
    assert_eq!(found, rules, "{outcome}");
}

/// What stands behind `KEY=` in the lines of a container.
#[track_caller]
fn value<'a>(lines: &'a [String], key: &str) -> &'a str {
    let prefix = format!("{key}=");
    lines
        .iter()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap_or_else(|| panic!("no {key} in {lines:?}"))
}

/// A volume or an image of a scenario. Dropped, it is removed, with the containers of the scenario before it.
struct Kept<'a> {
    scenario: &'a Scenario,
    kind: &'static str,
    name: String,
}

impl<'a> Kept<'a> {
    fn new(scenario: &'a Scenario, kind: &'static str, name: &str) -> Self {
        Self { scenario, kind, name: format!("{}-{name}", scenario.name()) }
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        remove_containers(self.scenario);
        self.scenario.docker([self.kind, "rm", &self.name]);
    }
}

fn remove_containers(scenario: &Scenario) {
    for container in scenario.containers() {
        scenario.docker(["rm", "--force", "--volumes", &container]);
    }
}

#[test]
fn ordinary_lines_must_be_silent() {
    shown(&[], |scenario| {
        let data = Kept::new(scenario, "volume", "data");
        let volume = format!("{}:/data", data.name);
        let work = scenario.home().join("work");
        let (work, name) = (work.to_str().unwrap(), format!("{}-ordinary", scenario.name()));
        let folder = format!("{work}:/w");
        let bind = format!("type=bind,source={work},target=/again,readonly");
        let lines: [&[&str]; 6] = [
            &[
                "-e",
                "A=1",
                "-w",
                "/tmp",
                "--user=1000:1000",
                "--hostname=me",
                "--env-file=/dev/null",
                "--init",
            ],
            &["-v", &volume, "-v", &folder, "--mount", &bind, "--tmpfs=/scratch", "--read-only"],
            &["-i", "--name", &name, "--ulimit=nofile=1024:2048", "--shm-size=32m", "--cap-add=SYS_PTRACE"],
            &["--privileged", "--network=none", "--stop-timeout=1", "--pids-limit=200", "--label=a=b"],
            &[
                "-p",
                "127.0.0.1::80",
                "--expose=81",
                "--add-host=a:10.0.0.1",
                "--dns=10.0.0.2",
                "--ipc=private",
            ],
            &["--cap-drop=ALL", "--security-opt=no-new-privileges", "--cpu-shares=512", "--entrypoint=true"],
        ];
        for line in lines {
            let words = [&["--rm"], line, &[IMAGE, "true"]].concat();
            scenario.run(Form::Docker, words).exits(0).quietly().prints("");
        }
    });
}

#[test]
fn volumes_of_others_must_be_silent_and_there() {
    shown(&[], |scenario| {
        let data = Kept::new(scenario, "volume", "data");
        let name = format!("{}-from", scenario.name());
        let volume = format!("{}:/data", data.name);
        let write = ["run", "--runtime=runc", "--name", &name, "-v", &volume, "-v", "/mine", IMAGE];
        scenario.docker(write.iter().chain(&["sh", "-c", "echo kept > /data/file"])).exits(0);
        let read = ["--rm", "--volumes-from", &name, IMAGE, "sh", "-c", "cat /data/file; test -d /mine"];
        scenario.run(Form::Docker, read).exits(0).quietly().prints("kept\n");
        let missing = format!("{}-missing", scenario.name());
        let outcome = scenario.run(Form::Docker, ["--rm", "--volumes-from", &missing, IMAGE, "true"]);
        outcome.exits(125).prints("").says(&missing);
    });
}

/// Rules whose fact no scenario shows, and why.
const NOT_SHOWN: [(&str, &str); 5] = [
    ("gpus", "needs a machine with a GPU"),
    ("runtime-suid", "no packaged release knows the argument"),
    ("runtime-trace", "needs a program of the host that listens"),
    ("apparmor", "needs a kernel with AppArmor: where there is none, the profile is ignored by runc too"),
    ("docker-build", "nothing of gVisor or of ours is in it"),
];

#[test]
fn every_rule_must_be_shown_or_say_why_not() {
    let sources = sources();
    let named = |id: &str| [format!("\"{id}\""), format!("[{id}]"), format!("[{id},")];
    let shown = |id: &str| sources.iter().any(|source| named(id).iter().any(|name| source.contains(name)));
    let missing: Vec<&str> = RULES
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !shown(id) && !NOT_SHOWN.iter().any(|(not_shown, _)| id == not_shown))
        .collect();
    assert_eq!(missing, [""; 0], "no scenario names these rules");
    for (id, why) in NOT_SHOWN {
        let rule = RULES.iter().find(|rule| rule.id == id);
        assert!(rule.is_some_and(|rule| rule.severity >= Severity::Warn) && !why.is_empty(), "{id}");
        assert!(!shown(id), "{id} is shown after all");
    }
}

/// The scenarios about rules, but for this file.
fn sources() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine");
    let mut paths = Vec::new();
    for folder in [folder.clone(), folder.join("rules")] {
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    let about_rules = |path: &&PathBuf| {
        let path = path.strip_prefix(&folder).unwrap();
        let name = path.to_str().unwrap();
        path.extension().is_some_and(|extension| extension == "rs")
            && name != "rules/mod.rs"
            && (name.starts_with("rules/") || matches!(name, "names.rs" | "read_only.rs" | "rootless.rs"))
    };
    paths.iter().filter(about_rules).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
