//! `docker sandbox doctor` names what is wrong, within its deadline, and leaves nothing behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stage::{Cli, Engine, Engines, Form, IMAGE, Io, Outcome, OwnEngine, Scenario, wait_until};

/// What doctor said, as data.
pub(crate) struct Diagnosis {
    pub(crate) outcome: Outcome,
    report: Value,
}

impl Diagnosis {
    #[track_caller]
    pub(crate) fn of(scenario: &Scenario, args: &[&str]) -> Self {
        let words = ["sandbox", "doctor", "--format=json"].iter().chain(args);
        let outcome = scenario.docker(words);
        let report =
            serde_json::from_str(&outcome.out()).unwrap_or_else(|error| panic!("{error}: {outcome}"));
        Self { outcome, report }
    }

    pub(crate) fn checks(&self) -> &[Value] {
        self.report["checks"].as_array().unwrap()
    }

    /// Those with this id that are about `subject`.
    pub(crate) fn about(&self, id: &str, subject: &str) -> Vec<&Value> {
        let about = |check: &&Value| check["id"] == id && check["what"].as_str().unwrap().contains(subject);
        self.checks().iter().filter(about).collect()
    }

    /// Asserts the one check with this id about `subject`: its result, and texts in it.
    #[track_caller]
    pub(crate) fn has(&self, id: &str, subject: &str, result: &str, texts: &[&str]) -> &Self {
        let found = self.about(id, subject);
        let [check] = found.as_slice() else { panic!("{id} {subject}: {found:?} in {}", self.outcome) };
        assert_eq!(check["result"], result, "{check:#}");
        for text in texts {
            assert!(check.to_string().contains(text), "{text} is not in {check:#}");
        }
        if result == "fail" {
            assert!(!check["fix"][0]["commands"][0].as_str().unwrap().is_empty(), "{check:#}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.outcome.status.code(), Some(code), "{}", self.outcome);
        assert_eq!(self.report["healthy"], code == 0, "{}", self.outcome);
        assert_eq!(self.outcome.err(), "");
        self
    }
}

/// All that works for containers of `engine`, by its folder in their command lines.
fn workers(engine: &Engine) -> Vec<String> {
    let folder = format!("{}/", engine.dir.display());
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let works = |line: &String| {
        let program = line.split(' ').next().unwrap().rsplit('/').next().unwrap();
        line.contains(&folder)
            && (program.starts_with("runsc") || program.starts_with("containerd-shim") || program == "sh")
    };
    lines.filter(works).collect()
}

/// Asserts that nothing of a proof is left: no container, no image, no process, no file of a runtime.
#[track_caller]
pub(crate) fn assert_nothing_left(scenario: &Scenario, own: &OwnEngine) {
    assert_nothing_in_docker(scenario);
    wait_until("nothing works for a container", || workers(&own.engine).is_empty());
    let files = walk(&own.engine.dir.join("x"));
    let left: Vec<&String> = files.iter().filter(|file| file.contains("_sandbox:")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Waits, as a doctor of another test may be at work on the same engine; what stays is found.
pub(crate) fn assert_nothing_in_docker(scenario: &Scenario) {
    let label = "--filter=label=docker-sandbox.proof";
    for words in [["ps", "--all", label, "--quiet"], ["images", "--all", label, "--quiet"]] {
        wait_until("no proof has left anything in Docker", || {
            scenario.docker(words).exits(0).out().is_empty()
        });
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        files.push(entry.path().display().to_string());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files.extend(walk(&entry.path()));
        }
    }
    files
}

/// An engine whose runtimes are `runtimes`, of which `REAL` and `WRAPPED` are the paths of its runsc as
/// packaged and of the one that works here.
fn engine_with(runtimes: &Value) -> (OwnEngine, Scenario) {
    let own = OwnEngine::start("none");
    let folder = own.engine.dir.display().to_string();
    let text = json!({ "runtimes": runtimes }).to_string();
    let text = text
        .replace("REAL", &format!("{folder}/root/usr/bin/runsc"))
        .replace("WRAPPED", &format!("{folder}/bin/runsc"))
        .replace("DIR", &folder);
    own.configure(&text);
    own.reload();
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    (own, scenario)
}

/// A runtime that hangs when it is to make a container.
fn write_hanging(own: &OwnEngine) {
    let folder = own.engine.dir.join("bin/hanging");
    fs::create_dir_all(&folder).unwrap();
    let real = own.engine.dir.join("root/usr/bin/runsc");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' create '*) sleep 100000 ;; esac\nexec {} \"$@\"\n",
        real.display()
    );
    fs::write(folder.join("runsc"), script).unwrap();
    fs::set_permissions(folder.join("runsc"), fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) const WITHOUT: &str = "proof.without-network";
pub(crate) const WITH: &str = "proof.with-network";

#[test]
fn a_healthy_engine_must_be_proven_from_the_host_without_and_with_network() {
    for scenario in Scenario::abreast() {
        let seen = Diagnosis::of(&scenario, &[]);
        for proof in [WITHOUT, WITH] {
            seen.has(proof, "`runsc`", "ok", &["runsc-sandbox", "PST 2016"]);
            seen.has(proof, "`runsc-hostnet`", "ok", &["runsc-sandbox"]);
        }
        // 20240729 empties what is opened with O_TRUNC.
        let kept = if scenario.engine.name() == "bookworm" { "ok" } else { "warn" };
        seen.has("proof.read-only", "`runsc`", kept, &["a file of the host"]);
        let version = scenario.engine.runsc_version();
        seen.has("runtime.registered", "`runsc`", "ok", &[&version, "docker sandbox run` takes this one"])
            .has("runtime.weakened", "`runsc-hostnet`", "warn", &["--network=host"])
            .has("runtime.registered", "`runsc-kvm`", "ok", &["platform: kvm"])
            .has("client.docker", "", "ok", &[&scenario.cli.version])
            .has("client.context", "", "ok", &[&scenario.engine.host()])
            .has("client.settings", "", "ok", &["required"])
            .has("daemon.default-runtime", "", "ok", &["runc"])
            .has("host.page-size", "", "ok", &[])
            .ends(0);
        assert_nothing_in_docker(&scenario);
    }
}

#[test]
fn a_runtime_without_network_must_be_named() {
    for suite in Engines::SUITES {
        let own = OwnEngine::start_suite(suite, "runsc,runsc-broken");
        let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
        let seen = Diagnosis::of(&scenario, &[]);
        let old = "older than release-20240807.0";
        seen.has(WITHOUT, "`runsc-broken`", "fail", &["root network namespace", old])
            .has(WITH, "`runsc-broken`", "fail", &["root network namespace", old])
            .ends(0);
        assert_nothing_left(&scenario, &own);
    }
}

#[test]
fn the_failed_checks_must_come_first_in_the_summary_and_end_with_commands() {
    let scenario = Scenario::on("trixie");
    let seen = scenario.docker(["sandbox", "doctor"]).exits(0).quietly();
    let text = seen.out();
    let (streamed, summary) = text.split_once("\n\n").unwrap();
    assert!(streamed.starts_with("ok    docker: Docker version "), "{seen}");
    assert!(summary.starts_with("FAIL  "), "{seen}");
    assert!(summary.rfind("\nFAIL  ").unwrap() < summary.find("\nwarn  ").unwrap(), "{seen}");
    let config = scenario.engine.dir.join("daemon.json");
    let fix =
        format!("\n          sudo runsc install --config_file={} -- --network=host\n", config.display());
    assert!(summary.contains(&fix), "{seen}");
    assert!(summary.contains("a sandbox starts, and is gVisor ("), "{seen}");
}

#[test]
fn an_engine_without_gvisor_must_be_told_how_to_get_it() {
    for scenario in Scenario::every_cli("bare") {
        Diagnosis::of(&scenario, &[])
            .has("runtime.none", "", "fail", &["docker sandbox setup", "runc"])
            .has("proof", "", "skip", &[])
            .ends(1);
    }
    Diagnosis::of(&Scenario::on("bare"), &["--quick"]).ends(1);
}

#[test]
fn an_engine_that_is_not_there_must_be_named_and_nothing_else_be_blamed() {
    let scenario = Scenario::on("trixie").env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let seen = Diagnosis::of(&scenario, &[]);
    seen.has("daemon.reachable", "", "fail", &["daemon"]).has("proof", "", "skip", &[]).ends(1);
    assert!(seen.about("runtime.none", "").is_empty());
}

#[test]
fn quick_must_start_nothing() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    Diagnosis::of(&scenario, &["--quick"]).has("proof", "", "skip", &["--quick"]).ends(0);
    let words = ["events", "--since=1h", "--until=0s", "--filter=type=container", "--format={{.Action}}"];
    scenario.docker(words).exits(0).prints("");
}

#[test]
fn wrong_usage_must_end_with_two() {
    let scenario = Scenario::on("trixie");
    for words in [&["--bogus"][..], &["--format=xml"], &["a", "b"], &["--quick", "a"]] {
        scenario.docker(["sandbox", "doctor"].iter().chain(words)).exits(2).prints("");
    }
}

#[test]
fn a_wrong_path_and_wrong_arguments_must_be_named_and_leave_nothing() {
    let (own, scenario) = engine_with(&json!({
        "runsc": {"path": "DIR/nowhere/runsc"},
        "runsc-unknown": {"path": "REAL", "runtimeArgs": ["--no-such-flag"]},
        "runsc-contrary": {"path": "REAL", "runtimeArgs": ["--overlay2=all:memory", "--file-access=shared"]},
        "runsc-twice": {"path": "WRAPPED", "runtimeArgs": ["--net-raw", "--net-raw=false"]},
        "runsc-weak": {"path": "WRAPPED", "runtimeArgs": ["--host-uds=open", "--TESTONLY-unsafe-nonroot=false"]},
    }));
    let seen = Diagnosis::of(&scenario, &[]);
    seen.has("runtime.registered", "`runsc`", "fail", &["nowhere/runsc"])
        .has(
            "runtime.arguments",
            "`runsc-unknown`",
            "fail",
            &["flag provided but not defined: -no-such-flag"],
        )
        .has("runtime.arguments", "`runsc-contrary`", "fail", &["incompatible with shared file access"])
        .has("runtime.contradiction", "`runsc-twice`", "fail", &["--net-raw=true and --net-raw=false"])
        .has("runtime.weakened", "`runsc-weak`", "warn", &["--host-uds=open"])
        .has(WITH, "`runsc`", "fail", &["registered runsc does not exist"])
        .has(WITH, "`runsc-unknown`", "fail", &["does not know one of its runtimeArgs"])
        .has(WITH, "`runsc-contrary`", "fail", &["contradict each other"])
        .has(WITH, "`runsc-weak`", "ok", &["runsc-sandbox"])
        .ends(1);
    assert_nothing_left(&scenario, &own);
}

#[test]
fn an_impostor_must_be_named_and_not_be_started() {
    let own = OwnEngine::start("impostor");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    Diagnosis::of(&scenario, &[])
        .has("runtime.impostor", "`runsc`", "fail", &["is not gVisor"])
        .has("runtime.none", "", "fail", &["docker sandbox setup"])
        .ends(1);
    assert_nothing_left(&scenario, &own);
}

#[test]
fn a_runtime_that_is_gvisor_by_name_only_must_be_found_out_by_the_proof() {
    let (own, scenario) = engine_with(&json!({"runsc": {"path": "DIR/bin/fake/runsc"}}));
    let folder = own.engine.dir.join("bin/fake");
    fs::create_dir_all(&folder).unwrap();
    // It hides that it is runc where Docker asks for its features.
    fs::write(folder.join("runsc"), "#!/bin/sh\n[ \"$1\" != features ] || exit 1\nexec runc \"$@\"\n")
        .unwrap();
    fs::set_permissions(folder.join("runsc"), fs::Permissions::from_mode(0o755)).unwrap();
    own.reload();
    Diagnosis::of(&scenario, &[])
        .has(WITH, "`runsc`", "fail", &["it started, and not in gVisor", "`/probe`"])
        .ends(1);
    assert_nothing_left(&scenario, &own);
}

#[test]
fn what_a_failed_start_leaves_behind_must_be_removed_after_a_proof_and_be_named_after_others() {
    let (own, scenario) = engine_with(&json!({"runsc": {"path": "REAL"}}));
    Diagnosis::of(&scenario, &[]).has(WITH, "`runsc`", "fail", &["older than release-20240807.0"]).ends(1);
    assert_nothing_left(&scenario, &own);

    scenario.run(Form::Plain, ["--rm", IMAGE, "true"]).exits(125);
    let left = || workers(&own.engine).iter().filter(|line| line.starts_with("runsc-sandbox")).count();
    assert_eq!(left(), 1, "Docker itself leaves one behind");
    // What is young may still be starting.
    wait_until("the sandbox of the failed start is named", || {
        let seen = Diagnosis::of(&scenario, &["--quick"]);
        seen.about("host.orphans", "")[0]["result"] == "warn"
    });
    let seen = Diagnosis::of(&scenario, &["--quick"]);
    let fix = seen.about("host.orphans", "")[0]["fix"][0]["commands"][0].as_str().unwrap().to_owned();
    let fix = fix.strip_prefix("sudo ").unwrap();
    assert!(std::process::Command::new("sh").args(["-c", fix]).status().unwrap().success(), "{fix}");
    assert_nothing_left(&scenario, &own);
    Diagnosis::of(&scenario, &["--quick"]).has("host.orphans", "", "ok", &["none"]);
}

#[test]
fn a_runtime_that_hangs_must_be_killed_at_its_deadline_and_named() {
    for suite in Engines::SUITES {
        let own = OwnEngine::start_suite(suite, "none");
        write_hanging(&own);
        let path = own.engine.dir.join("bin/hanging/runsc");
        own.configure(&json!({"runtimes": {"runsc": {"path": path}}}).to_string());
        own.reload();
        let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
        let began = Instant::now();
        Diagnosis::of(&scenario, &["--timeout=4s"])
            .has(WITHOUT, "`runsc`", "fail", &["it hangs: no container after 4s", "--platform=systrap"])
            .ends(1);
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
        assert_nothing_left(&scenario, &own);
    }
}

#[test]
fn a_doctor_that_is_told_to_stop_must_remove_what_it_started() {
    let (own, scenario) = engine_with(&json!({"runsc": {"path": "DIR/bin/hanging/runsc"}}));
    write_hanging(&own);
    own.reload();
    let hangs = || {
        workers(&own.engine).iter().any(|line| line.contains("hanging/runsc") && line.contains(" create "))
    };
    for (program, words, signal, io, code) in [
        ("docker-sandbox", &["doctor", "--timeout=5m"][..], Signal::INT, Io::Pipes, Some(130)),
        ("docker-sandbox", &["doctor", "--timeout=5m"], Signal::TERM, Io::Pipes, Some(143)),
        ("docker", &["sandbox", "doctor", "--timeout=5m"], Signal::TERM, Io::Pipes, Some(143)),
        ("docker", &["sandbox", "doctor", "--timeout=5m"], Signal::INT, Io::Terminal, None),
    ] {
        let running = scenario.start(program, words, io);
        wait_until("the runtime hangs", hangs);
        match io {
            Io::Terminal => running.press(b"\x03"),
            _ => running.signal(signal),
        }
        let ended = running.end();
        if let Some(code) = code {
            assert_eq!(ended.status.code(), Some(code), "{ended}");
        } else {
            assert!(!ended.status.success(), "{ended}");
        }
        assert_nothing_left(&scenario, &own);
    }
}

#[test]
fn one_container_must_be_told_to_be_in_gvisor_or_not() {
    for scenario in Scenario::abreast() {
        let name = scenario.name().to_owned();
        scenario.run(Form::Docker, ["-d", "--name", &name, IMAGE, "sleep", "600"]).exits(0);
        Diagnosis::of(&scenario, &[&name]).has("container.gvisor", &name, "ok", &["runsc-sandbox"]).ends(0);
        scenario.docker(["rm", "-f", &name]).exits(0);

        scenario.docker(["run", "-d", "--name", &name, IMAGE, "sleep", "600"]).exits(0);
        Diagnosis::of(&scenario, &[&name])
            .has("container.gvisor", &name, "fail", &["`runc`", "`sleep`"])
            .ends(1);
        scenario.docker(["stop", "-t0", &name]).exits(0);
        Diagnosis::of(&scenario, &[&name]).has("container.gvisor", &name, "fail", &["does not run"]).ends(1);
    }
    let scenario = Scenario::on("trixie");
    Diagnosis::of(&scenario, &["no-such"])
        .has("container.gvisor", "no-such", "fail", &["there is no container"])
        .ends(1);
}

#[test]
fn where_the_daemons_processes_cannot_be_seen_the_kernel_inside_must_prove_it() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    let scenario = scenario.through(["unshare", "--pid", "--fork", "--mount-proc"]);
    Diagnosis::of(&scenario, &[])
        .has(WITHOUT, "`runsc`", "ok", &["PST 2016", "cannot be seen from here"])
        .has(WITH, "`runsc`", "ok", &["PST 2016", "cannot be seen from here"])
        .has("runtime.registered", "`runsc`", "ok", &["not visible from here"])
        .has("host", "", "skip", &["cannot be seen from here"])
        .ends(0);
    let name = scenario.name().to_owned();
    for (runtime, result, code) in [("runsc", "ok", 0), ("runc", "fail", 1)] {
        scenario.docker(["run", "-d", "--name", &name, "--runtime", runtime, IMAGE, "sleep", "600"]).exits(0);
        let seen = Diagnosis::of(&scenario, &[&name]);
        seen.has("container.gvisor", &name, result, &["its kernel says"]).ends(code);
        scenario.docker(["rm", "-f", &name]).exits(0);
    }
    assert_nothing_left(&scenario, &own);
}

/// Runs `true` with a runtime that cannot start: Docker's own words, and one hint with `text` in it.
pub(crate) fn assert_one_hint(scenario: &Scenario, runtime: &str, text: &str) {
    for rm in [&["--rm"][..], &[]] {
        let words = [rm, &["--runtime", runtime, IMAGE, "true"]].concat();
        let plain = scenario.docker([&["run"], words.as_slice()].concat());
        // 127 where runsc's message looks like that of a missing command to Docker.
        let code = plain.status.code().filter(|code| (125..=127).contains(code));
        let seen = scenario.run(Form::Docker, words).exits(code.unwrap_or(125)).prints("").says(text);
        assert_eq!(seen.err().matches("hint: ").count(), 1, "{seen}");
        // Docker's own message comes first, and whole but for the ids of processes in it.
        let first = |outcome: &Outcome| outcome.err().lines().next().unwrap()[..60].to_owned();
        assert_eq!(first(&seen), first(&plain));
    }
}

#[test]
fn a_run_that_fails_because_of_gvisor_must_end_with_one_hint() {
    for suite in Engines::SUITES {
        let own = OwnEngine::start_suite(suite, "runsc-broken");
        let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
        assert_one_hint(&scenario, "runsc-broken", "older than release-20240807.0");
        let direct = scenario.run(Form::Direct, ["--rm", "--runtime=runsc-broken", IMAGE, "true"]).exits(125);
        assert!(!direct.err().contains("hint: "), "{direct}");
        assert_nothing_in_docker(&scenario);
    }
}

#[test]
fn a_runtime_that_cannot_be_executed_must_be_explained_too() {
    let (own, scenario) = engine_with(&json!({
        "runsc": {"path": "DIR/nowhere/runsc"},
        "runsc-unknown": {"path": "REAL", "runtimeArgs": ["--no-such-flag"]},
        "runsc-contrary": {"path": "REAL", "runtimeArgs": ["--overlay2=all:memory", "--file-access=shared"]},
    }));
    let cases = [
        ("runsc", "does not exist on the daemon's host"),
        ("runsc-unknown", "does not know one of its runtimeArgs"),
        ("runsc-contrary", "contradict each other"),
    ];
    for (runtime, text) in cases {
        for rm in [&["--rm"][..], &[]] {
            let words = [rm, &["--runtime", runtime, IMAGE, "true"]].concat();
            let seen = scenario.run(Form::Docker, words).exits(127).says(text);
            assert_eq!(seen.err().matches("hint: ").count(), 1, "{seen}");
        }
    }
    assert_nothing_in_docker(&scenario);
    drop(own);
}

#[test]
fn what_the_users_arguments_do_to_gvisor_must_be_explained() {
    let scenario = Scenario::on("trixie");
    let words = ["--allow=annotation-gvisor", "--rm", "--annotation=dev.gvisor.flag.nope=1", IMAGE, "true"];
    let seen = scenario.run(Form::Docker, words);
    seen.exits(125).says("hint: gVisor: an annotation sets a runsc flag");
    let seen = scenario.run(Form::Docker, ["--rm", "--pids-limit=10", IMAGE, "true"]);
    seen.exits(125).says("a `--pids-limit` below the 40 or so");
    assert_nothing_in_docker(&scenario);
}

#[test]
fn a_failure_that_is_not_gvisors_must_get_no_hint() {
    let scenario = Scenario::on("trixie");
    let cases: [(&[&str], i32); 5] = [
        (&["--rm", IMAGE, "no-such-command"], 127),
        (&["--rm", IMAGE, "sh", "-c", "exit 125"], 125),
        (&["--rm", IMAGE, "sh", "-c", "exit 127"], 127),
        (&["--rm", "--pull=never", "no-such-image:none"], 125),
        (&["--rm", "--network=no-such-network", IMAGE, "true"], 125),
    ];
    for (words, code) in cases {
        let seen = scenario.run(Form::Docker, words).exits(code);
        assert!(!seen.err().contains("hint: "), "{seen}");
    }
    assert_nothing_in_docker(&scenario);
}
