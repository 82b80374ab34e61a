//! The recorded answers that other tests replay are still what real engines and CLIs answer.
//!
//! `DOCKER_SANDBOX_RECORD=1` writes them anew. What is this machine's own is made neutral.

use std::collections::BTreeSet;
use std::path::PathBuf;

use docker_sandbox::docker::flags::Flags;
use serde_json::{Value, json};

use crate::stage::{Cli, Engine, Outcome, Scenario};

/// What no two machines have in common, by its place in `docker info`.
const NEUTRAL: &[(&str, &str)] = &[
    ("ID", "0000:RECORDED"),
    ("Name", "host"),
    ("SystemTime", "2026-01-01T00:00:00Z"),
    ("DockerRootDir", "/var/lib/docker"),
    ("KernelVersion", "6.1.0"),
    ("OperatingSystem", "Debian GNU/Linux 12 (bookworm)"),
    ("OSVersion", "12"),
    ("HttpProxy", ""),
    ("HttpsProxy", ""),
    ("NoProxy", ""),
];
const COUNTS: &[(&str, u64)] = &[
    ("Containers", 0),
    ("ContainersRunning", 0),
    ("ContainersPaused", 0),
    ("ContainersStopped", 0),
    ("Images", 1),
    ("NFd", 24),
    ("NGoroutines", 40),
    ("NEventsListener", 0),
    ("NCPU", 2),
    ("MemTotal", 4_000_000_000),
];

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata")).join(name)
}

/// The recorded text of that name, after writing it anew where that is wanted.
#[track_caller]
fn recorded(name: &str, live: &str) -> String {
    let path = file(name);
    if std::env::var_os("DOCKER_SANDBOX_RECORD").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, live).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("cannot read {} ({error}): record it with DOCKER_SANDBOX_RECORD=1 ./test.sh", path.display())
    })
}

/// Replaces the engine's folder and the scenario's home by neutral ones.
fn neutral_text(scenario: &Scenario, text: &str) -> String {
    text.replace(scenario.engine.dir.to_str().unwrap(), "/srv/engine")
        .replace(scenario.home().to_str().unwrap(), "/home/user")
        .replace(scenario.engine.cache().to_str().unwrap(), "/srv/cache")
}

fn neutral(scenario: &Scenario, text: &str) -> Value {
    let mut value: Value = serde_json::from_str(&neutral_text(scenario, text)).unwrap();
    if let Some(info) = value.as_object_mut().filter(|info| info.contains_key("DockerRootDir")) {
        for &(key, text) in NEUTRAL {
            info.entry(key).and_modify(|value| *value = json!(text));
        }
        for &(key, count) in COUNTS {
            info.entry(key).and_modify(|value| *value = json!(count));
        }
        info.entry("DriverStatus").and_modify(|value| *value = json!([["Backing Filesystem", "extfs"]]));
        // Which of them a machine lacks is its own affair.
        info.entry("Warnings").and_modify(|value| *value = Value::Null);
    }
    without_cgroup_option(&mut value);
    value
}

/// engine.sh adds it to every runsc where the machine's cgroups do not serve.
fn without_cgroup_option(value: &mut Value) {
    let Value::Object(members) = value else { return };
    if let Some(Value::Array(arguments)) = members.get_mut("runtimeArgs") {
        arguments.retain(|argument| argument != "--ignore-cgroups");
        if arguments.is_empty() {
            members.remove("runtimeArgs");
        }
    }
    members.values_mut().for_each(without_cgroup_option);
}

/// Every place in `value` with its type; an array's elements share one place, and `null` is any type.
fn shape(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Bool(_) => drop(into.insert(format!("{at}: bool"))),
        Value::Number(_) => drop(into.insert(format!("{at}: number"))),
        Value::String(_) => drop(into.insert(format!("{at}: string"))),
        Value::Array(values) => values.iter().for_each(|value| shape(value, &format!("{at}[]"), into)),
        Value::Object(members) => {
            for (key, value) in members {
                into.insert(format!("{at}.{key}"));
                shape(value, &format!("{at}.{key}"), into);
            }
        }
    }
}

#[track_caller]
fn assert_same_shape(name: &str, live: &Value) {
    let kept: Value = serde_json::from_str(&recorded(name, &format!("{live:#}\n"))).unwrap();
    let shape_of = |value: &Value| {
        let mut places = BTreeSet::new();
        shape(value, "", &mut places);
        places
    };
    let (kept, live) = (shape_of(&kept), shape_of(live));
    let differ: Vec<_> = kept.symmetric_difference(&live).collect();
    assert!(differ.is_empty(), "{name} has another shape than the engine's answer: {differ:?}");
}

/// The engine and the CLI of one Debian release, and the version in their recordings' names.
fn releases() -> [(Scenario, String); 2] {
    let clis = Cli::all();
    [("bookworm", &clis[0]), ("trixie", &clis[1])]
        .map(|(engine, cli)| (Scenario::with(Engine::named(engine), cli.clone()), cli.version.clone()))
}

#[test]
fn info_must_have_the_recorded_shape() {
    for (scenario, version) in releases() {
        let all = scenario.docker(["info", "--format", "{{json .}}"]).exits(0);
        assert_same_shape(&format!("info-{version}.json"), &neutral(&scenario, &all.out()));
        let runtimes = scenario.docker(["info", "--format", "{{json .Runtimes}}"]).exits(0);
        assert_same_shape(&format!("info-runtimes-{version}.json"), &neutral(&scenario, &runtimes.out()));
    }
}

#[test]
fn info_without_gvisor_must_have_the_recorded_shape() {
    let scenario = Scenario::with(Engine::named("bare"), Cli::all()[1].clone());
    let all = scenario.docker(["info", "--format", "{{json .}}"]).exits(0);
    let version = scenario.cli.version.clone();
    assert_same_shape(&format!("info-bare-{version}.json"), &neutral(&scenario, &all.out()));
    let runtimes = scenario.docker(["info", "--format", "{{json .Runtimes}}"]).exits(0);
    assert_same_shape(&format!("info-runtimes-bare-{version}.json"), &neutral(&scenario, &runtimes.out()));
}

#[test]
fn help_must_list_the_recorded_options() {
    for scenario in Scenario::every_cli("trixie") {
        for verb in ["run", "create"] {
            let live = scenario.docker([verb, "--help"]).exits(0).out();
            let kept = recorded(&format!("{verb}-help-{}.txt", scenario.cli.version), &live);
            let options = |help: &str| -> BTreeSet<String> {
                Flags::from_help(help).iter().map(|flag| format!("{flag:?}")).collect()
            };
            assert_eq!(options(&kept), options(&live));
        }
    }
}

/// An answer as it is replayed: exit code, stdout, stderr.
fn answer(scenario: &Scenario, outcome: &Outcome) -> String {
    let text = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        outcome.status.code().unwrap(),
        outcome.out(),
        outcome.err()
    );
    neutral_text(scenario, &text)
}

#[test]
fn docker_must_fail_in_the_recorded_words() {
    for cli in Cli::all() {
        let version = cli.version.clone();
        let scenario = Scenario::with(Engine::named("trixie"), cli.clone())
            .env("DOCKER_HOST", "unix:///nonexistent.sock");
        for (what, words) in [
            ("info-runtimes", ["info", "--format", "{{json .Runtimes}}"]),
            ("version-server", ["version", "--format", "{{json .Server}}"]),
        ] {
            let live = answer(&scenario, &scenario.docker(words));
            assert_eq!(recorded(&format!("unreachable-{what}-{version}.txt"), &live), live);
        }
        let scenario = Scenario::with(Engine::named("trixie"), cli);
        let live = answer(&scenario, &scenario.docker(["--version"]));
        assert_eq!(recorded(&format!("version-{version}.txt"), &live), live);
    }
}

#[test]
fn an_unknown_runtime_must_be_refused_in_the_recorded_words() {
    for (scenario, version) in releases() {
        let outcome = scenario.docker(["run", "--rm", "--runtime=nope", crate::stage::IMAGE]).exits(125);
        let live = answer(&scenario, &outcome);
        assert_eq!(recorded(&format!("unknown-runtime-{version}.txt"), &live), live);
    }
}
