//! `--platform=kvm`, which is the machine's affair: it works on the metal, in a virtual machine gVisor's kernel dies or
//! hangs, and many machines have no /dev/kvm.

use std::fs;

use serde_json::json;

use crate::doctor::{
    Diagnosis, WITH, WITHOUT, assert_nothing_in_docker, assert_nothing_left, assert_one_hint,
};
use crate::stage::{Engines, IMAGE, OwnEngine, Scenario};

#[test]
fn a_runtime_on_kvm_must_be_proven_or_named() {
    for suite in Engines::SUITES {
        let own = OwnEngine::start_suite(suite, "runsc,runsc-kvm");
        let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
        let seen = Diagnosis::of(&scenario, &["--timeout=15s"]);
        for proof in [WITHOUT, WITH] {
            let checks = seen.about(proof, "`runsc-kvm`");
            let [check] = checks.as_slice() else { panic!("{proof}: {}", seen.outcome) };
            let text = check.to_string();
            let works = check["result"] == "ok" && text.contains("runsc-sandbox");
            let ends = ["cannot read client sync file", "it hangs", "error opening KVM device file"];
            let named = check["result"] == "fail" && ends.iter().any(|end| text.contains(end));
            // There is nothing more to say of a second proof that was left out.
            let left_out = check["result"] == "skip" && proof == WITH;
            assert!(works || named || left_out, "{check:#}");
            assert!(works || left_out || text.contains("--platform=systrap"), "{check:#}");
        }
        seen.has(WITH, "`runsc`", "ok", &["runsc-sandbox"]).ends(0);
        assert_nothing_left(&scenario, &own);
    }
}

/// An engine on a machine without /dev/kvm, and a scenario that is on it too.
fn without_kvm(suite: &str, runtimes: &str) -> (OwnEngine, Scenario) {
    let own = OwnEngine::start_with(suite, runtimes, &["--without-kvm"]);
    let pid = fs::read_to_string(own.engine.dir.join("docker.pid")).unwrap();
    let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
    let enter = format!("exec nsenter -t {} -m sh -c 'cd \"$0\" && exec \"$@\"' \"$PWD\" \"$@\"", pid.trim());
    let scenario = scenario.through(["sh", "-c", &enter, "sh"]);
    (own, scenario)
}

#[test]
fn a_machine_without_kvm_must_be_named() {
    for suite in Engines::SUITES {
        let (own, scenario) = without_kvm(suite, "runsc,runsc-kvm");
        Diagnosis::of(&scenario, &[])
            .has("host.kvm", "/dev/kvm", "fail", &["it is not there", "--platform=systrap"])
            .has(WITHOUT, "`runsc-kvm`", "fail", &["error opening KVM device file"])
            .has(WITH, "`runsc`", "ok", &["runsc-sandbox"])
            .ends(0);
        assert_nothing_left(&scenario, &own);
        let runsc = own.engine.dir.join("bin/runsc");
        own.configure(&json!({"runtimes": {"runsc": {"path": runsc}}}).to_string());
        own.reload();
        let seen = Diagnosis::of(&scenario, &["--quick"]);
        seen.has("host.kvm", "/dev/kvm", "ok", &["not there; no runtime uses it"]).ends(0);
    }
}

#[test]
fn a_run_that_fails_on_kvm_must_end_with_one_hint() {
    for suite in Engines::SUITES {
        let own = OwnEngine::start_suite(suite, "runsc-kvm");
        let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
        let scenario = scenario.through(["timeout", "-s", "KILL", "30"]);
        // On a machine where that works or hangs instead, there is nothing to explain.
        if scenario.docker(["run", "--rm", "--runtime=runsc-kvm", IMAGE, "true"]).status.code() == Some(125) {
            assert_one_hint(&scenario, "runsc-kvm", "--platform=systrap");
        }
    }
}

#[test]
fn a_run_on_kvm_without_kvm_must_end_with_one_hint() {
    for suite in Engines::SUITES {
        let (_own, scenario) = without_kvm(suite, "runsc-kvm");
        assert_one_hint(&scenario, "runsc-kvm", "--platform=systrap");
        assert_nothing_in_docker(&scenario);
    }
}
