//! `--format json`: what became of a command, for programs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use super::{ENGINES, Place};
use crate::stage::{IMAGE, Io, Outcome};

/// The object that `outcome` printed, which is as the schema says.
#[track_caller]
pub(crate) fn object(outcome: &Outcome) -> Value {
    let report: Value =
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    let schema =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/do.schema.json")).unwrap();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("schema", serde_json::from_str(&schema).unwrap()).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("schema", &mut schemas).unwrap();
    let judged = schemas.validate(&report, index);
    assert!(judged.is_ok(), "{report:#}\n{:#}", judged.unwrap_err());
    report
}

/// The exit code and the object, without what differs from one time to the next: cold and from a spare the same.
#[track_caller]
fn seen(place: &Place, args: &[&str]) -> (Option<i32>, Value) {
    let warms = std::cell::RefCell::new(Vec::new());
    let seen = place.both_ways(Io::Pipes, args, |running| {
        let outcome = running.end();
        let mut report = object(&outcome);
        let fields = report.as_object_mut().unwrap();
        assert!(fields["duration_ms"].as_u64().unwrap() > 0, "{fields:#?}");
        assert!(fields["container"].as_str().unwrap().starts_with("docker-sandbox-do-"), "{fields:#?}");
        for varies in ["duration_ms", "container", "started_at"] {
            fields.shift_remove(varies).unwrap();
        }
        warms.borrow_mut().push(fields.shift_remove("warm").unwrap());
        // What gVisor and Docker say themselves is not ours.
        (outcome.status.code(), report)
    });
    assert_eq!(warms.into_inner(), [false, true]);
    seen
}

#[test]
fn an_object_must_say_all_of_a_command() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = r"printf 'é\n'; printf '\377' >&2; exit 3";
        let (code, report) = seen(&place, &["--format=json", "--", "sh", "-c", script]);
        let id = place.scenario.ask(&["image", "inspect", "--format={{.Id}}", IMAGE]);
        let digest = "--format={{range .RepoDigests}}{{.}}{{end}}";
        let digest = place.scenario.ask(&["image", "inspect", digest, IMAGE]);
        let digest = digest.split_once('@').map(|(_, digest)| digest);
        let architecture = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        let gib = 1_u64 << 30;
        let expected = json!({
            "schema_version": 1,
            "command": ["sh", "-c", script],
            "exit_code": 3,
            "signal": null,
            "timed_out": false,
            "oom_killed": false,
            "stdout": {"encoding": "utf-8", "data": "é\n", "bytes": 3, "truncated": false},
            "stderr": {"encoding": "base64", "data": "/w==", "bytes": 1, "truncated": false},
            "image": {"name": IMAGE, "id": id, "digest": digest, "platform": format!("linux/{architecture}")},
            "runtime": "runsc",
            "sandboxed": true,
            "limits": {"cpus": 2.0, "memory": 4 * gib, "memory_swap": 4 * gib, "pids_limit": 512, "disk": null,
                "timeout_ms": 300_000, "max_output": 16 << 20, "enforced": true},
            "changes": [],
            "changes_id": null,
            "error": null,
        });
        assert_eq!((code, report), (Some(3), expected));
        place.wait_until_over();
    }
}

#[test]
fn an_end_must_be_told_from_every_other() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let end = |args: &[&str]| {
            let (code, report) = seen(&place, &[&["--format=json"], args].concat());
            assert_eq!(report["error"], json!(null));
            let flags = ["timed_out", "oom_killed"].into_iter().filter(|flag| report[flag] == true);
            let flags: String = flags.collect();
            (code, report["exit_code"].as_u64(), report["signal"].as_str().map(str::to_owned), flags)
        };
        let signal = |name: &str| Some(name.to_owned());
        let none = String::new;
        assert_eq!(end(&["--", "sh", "-c", "exit 137"]), (Some(137), Some(137), None, none()));
        assert_eq!(end(&["--", "sh", "-c", "kill -9 $$"]), (Some(137), None, signal("SIGKILL"), none()));
        assert_eq!(end(&["--", "sh", "-c", "kill -TERM $$"]), (Some(143), None, signal("SIGTERM"), none()));
        assert_eq!(end(&["--", "no-such-program"]), (Some(127), Some(127), None, none()));
        assert_eq!(end(&["--", "/etc/passwd"]), (Some(126), Some(126), None, none()));
        let late = ["--timeout=4s", "--", "sleep", "600"];
        assert_eq!(end(&late), (Some(124), None, signal("SIGTERM"), "timed_out".to_owned()));
        let greedy = ["--memory=64m", "--", "dd", "if=/dev/zero", "of=/tmp/much", "bs=1M", "count=200"];
        assert_eq!(end(&greedy), (Some(137), None, signal("SIGKILL"), "oom_killed".to_owned()));
        let (_, report) = seen(&place, &["--format=json", "--max-output=6", "--", "echo", "12345é7"]);
        let cut = json!({"encoding": "utf-8", "data": "12345", "bytes": 9, "truncated": true});
        assert_eq!(report["stdout"], cut);
        place.wait_until_over();
    }
}

#[test]
fn a_sandbox_that_fails_must_not_look_like_a_command_that_does() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let failure = |args: &[&str]| {
            let outcome = place.run(&[&["--format=json"], args].concat());
            let report = object(&outcome);
            assert_eq!(report["exit_code"], json!(null), "{report:#}");
            assert!(report["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{report:#}");
            let code = report["error"]["code"].as_str().unwrap().to_owned();
            (outcome.status.code(), code, report["sandboxed"] == true)
        };
        let refused = |code: &str| (Some(125), code.to_owned(), false);
        assert_eq!(failure(&["--image=docker-sandbox.invalid/none", "--", "true"]), refused("image"));
        assert_eq!(failure(&["--user=nobody-here", "--", "true"]), refused("start-failed"));
        assert_eq!(failure(&["--cpus=4000", "--", "true"]).1, "limits");
        assert_eq!(failure(&["--mount=/etc:rw", "--", "true"]), refused("rule-denied"));
        place.wait_until_over();
    }
    // There, each process takes several of the daemon's machine, and gVisor dies when there are no more.
    let place = Place::on("bookworm");
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 60 & done; wait";
    let outcome = place.run(&["--format=json", "--pids-limit=80", "--", "sh", "-c", script]);
    let report = object(&outcome);
    let seen = (&report["error"]["code"], &report["exit_code"], &report["oom_killed"], &report["sandboxed"]);
    assert_eq!(seen, (&json!("sandbox-failed"), &json!(null), &json!(false), &json!(true)), "{report:#}");
}

#[test]
fn words_that_are_no_text_must_survive() {
    let place = Place::on("trixie");
    for warm in [false, true] {
        let words = ["do", "--format=json", "--warm=1", "echo", ""].map(OsStr::new);
        let words = [&words[..], &[OsStr::from_bytes(b"a\xff")]].concat();
        let report = object(&place.scenario.start("docker-sandbox", words, Io::Pipes).end().exits(0));
        assert_eq!(report["warm"], warm);
        assert_eq!(report["command"], json!(["echo", "", {"encoding": "base64", "data": "Yf8="}]));
        // A space, these two bytes and the end of a line.
        assert_eq!(report["stdout"]["data"], "IGH/Cg==");
        place.wait_for_spares(1);
    }
}

#[test]
fn a_program_must_get_the_same_through_the_library() {
    let place = Place::on("trixie");
    // It is made where this test was, with what that was made with.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--example=one_command", "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let artifacts =
        built.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut programs =
        artifacts.filter_map(|artifact: Value| Some(artifact["executable"].as_str()?.to_owned()));
    let example = programs.find(|path| path.ends_with("one_command")).unwrap();
    std::os::unix::fs::symlink(example, place.scenario.home().join("bin/one_command")).unwrap();
    let run = |image: &str, script: &str| {
        place.scenario.start("one_command", [image, script].map(OsString::from), Io::Pipes).end()
    };

    let done = run(IMAGE, "echo $((6 * 7)); pwd; exit 4").exits(0);
    let work = place.work();
    let expected = format!("42\n{}\nit ended with exit code 4\nin gVisor: true; it took ", work.display());
    assert!(done.out().starts_with(&expected), "{done}");
    let killed = run(IMAGE, "kill -9 $$").exits(0);
    assert!(killed.out().starts_with("it was ended by Some(\"SIGKILL\")\n"), "{killed}");
    let none = run("docker-sandbox.invalid/none", "true").exits(1);
    assert!(none.err().contains("Image"), "{none}");
    place.wait_until_over();
}
