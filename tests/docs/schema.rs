//! docs/do.schema.json describes what a one-shot command reports: all of it, and nothing else.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::time::{Duration, SystemTime};

use boon::{Compiler, SchemaIndex, Schemas};
use docker_sandbox::error::Error;
use docker_sandbox::sandbox::report::{
    Change, Code, Failure, Image, Limits, Outcome, Output, Report, SCHEMA_VERSION, signal_name,
};
use docker_sandbox::settings::one_shot::{OneShot, Swap};
use serde_json::{Value, json};

use crate::guides;

fn schema() -> Value {
    let text = std::fs::read_to_string(guides::root().join("docs/do.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

struct Judge {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Judge {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource("do.schema.json", schema()).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("do.schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    #[track_caller]
    fn accepts(&self, report: &Value) {
        let judged = self.schemas.validate(report, self.index);
        assert!(judged.is_ok(), "{report:#}\n{:#}", judged.unwrap_err());
    }

    #[track_caller]
    fn rejects(&self, report: &Value) {
        assert!(self.schemas.validate(report, self.index).is_err(), "{report:#}");
    }
}

/// One that ran.
fn ran() -> Report {
    let digest = Some(format!("sha256:{}", "0a".repeat(32)));
    Report {
        command: vec!["sh".into(), "-c".into(), "echo \u{fffd}".into()],
        outcome: Outcome::Exited(0),
        timed_out: false,
        oom_killed: false,
        stdout: Output::of("é\n".as_bytes(), 3),
        stderr: Output::of(b"", 0),
        started_at: SystemTime::now(),
        duration: Duration::from_millis(1234),
        image: Some(Image {
            name: "busybox:latest".into(),
            id: digest.clone(),
            digest,
            platform: Some("linux/arm64/v8".into()),
        }),
        container: Some("sandbox-do-1".into()),
        runtime: Some("runsc".into()),
        sandboxed: true,
        warm: false,
        limits: Some(Limits::of(&OneShot::default(), true)),
        changes: Vec::new(),
        changes_id: None,
    }
}

/// One that came to nothing, because of `code`.
fn failed(code: Code) -> Report {
    let error = Error::new("it cannot be").body("because").hint("do this:", "docker version").into();
    Report {
        command: Vec::new(),
        outcome: Outcome::Failed(Failure::of(code, &error)),
        stdout: Output::of(b"", 0),
        image: None,
        container: None,
        runtime: None,
        sandboxed: false,
        limits: None,
        ..ran()
    }
}

fn value(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

fn all_kinds() -> Vec<Report> {
    let mut kinds: Vec<Report> = Code::ALL.iter().copied().map(failed).collect();
    let no_hints = Failure { hints: Vec::new(), ..Failure::of(Code::DaemonLost, &anyhow::anyhow!("gone")) };
    kinds.push(Report { outcome: Outcome::Failed(no_hints), ..ran() });
    kinds.extend([0, 1, 255].map(|code| Report { outcome: Outcome::Exited(code), ..ran() }));
    kinds.extend((0..=255).map(|number| Report { outcome: Outcome::Killed(signal_name(number)), ..ran() }));
    let killed = || Outcome::Killed(signal_name(9));
    kinds.push(Report { outcome: killed(), timed_out: true, warm: true, ..ran() });
    kinds.push(Report { outcome: killed(), oom_killed: true, ..ran() });
    kinds.push(Report { command: vec![OsString::from_vec(b"a\xff".to_vec())], ..ran() });
    kinds.push(Report { stdout: Output::of(b"\xff\0", 2), stderr: Output::of(b"a", 1 << 40), ..ran() });
    kinds.push(Report {
        image: Some(Image { name: "mine".into(), id: None, digest: None, platform: None }),
        ..ran()
    });
    kinds.push(Report { sandboxed: false, runtime: None, started_at: SystemTime::UNIX_EPOCH, ..ran() });
    let change = |state: &'static str, rule: Option<&str>, reason: Option<&str>| Change {
        path: OsString::from_vec(b"/p/a\xff".to_vec()).into(),
        kind: "added",
        node: "symlink",
        state,
        rule: rule.map(str::to_owned),
        reason: reason.map(str::to_owned),
    };
    let changes = vec![
        change("applied", None, None),
        change("waiting", None, None),
        change("held-back", Some("git-config"), None),
        change("conflict", None, None),
        change("failed", None, Some("no space left on device")),
    ];
    kinds.push(Report { changes, changes_id: Some("0123456789ab".to_owned()), ..ran() });
    let mut settings = OneShot::default();
    settings.memory_swap.value = Swap::Unlimited;
    settings.disk.value = Some(10 << 30);
    kinds.push(Report { limits: Some(Limits::of(&settings, true)), ..ran() });
    kinds
}

#[test]
fn every_kind_of_report_is_as_the_schema_says() {
    let judge = Judge::new();
    for report in all_kinds() {
        judge.accepts(&value(&report));
    }
}

#[test]
fn a_report_without_a_field_or_with_another_one_is_none() {
    let judge = Judge::new();
    let whole = value(&Report { outcome: failed(Code::Usage).outcome, ..ran() });
    judge.accepts(&whole);
    // The report's own fields, and those of each object in it.
    for place in ["", "/stdout", "/stderr", "/image", "/limits", "/error", "/error/hints/0"] {
        let fields: Vec<String> =
            whole.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
        for field in fields {
            let mut report = whole.clone();
            report.pointer_mut(place).unwrap().as_object_mut().unwrap().shift_remove(&field);
            judge.rejects(&report);
        }
        let mut report = whole.clone();
        report.pointer_mut(place).unwrap()["another"] = json!(1);
        judge.rejects(&report);
    }
}

#[test]
fn a_report_says_one_thing_about_the_end() {
    let judge = Judge::new();
    let error = value(&failed(Code::Stopped))["error"].clone();
    for (exit_code, signal, error) in [
        (json!(null), json!(null), json!(null)),
        (json!(0), json!("SIGKILL"), json!(null)),
        (json!(0), json!(null), error.clone()),
        (json!(null), json!("SIGKILL"), error),
        (json!(256), json!(null), json!(null)),
        (json!(null), json!("KILL"), json!(null)),
    ] {
        let mut report = value(&ran());
        report["exit_code"] = exit_code;
        report["signal"] = signal;
        report["error"] = error;
        judge.rejects(&report);
    }
    let other = |place: &str, with: Value| {
        let mut report = value(&failed(Code::Stopped));
        *report.pointer_mut(place).unwrap() = with;
        judge.rejects(&report);
    };
    other("/error/code", json!("another"));
    other("/schema_version", json!(SCHEMA_VERSION + 1));
    other("/started_at", json!("yesterday"));
    other("/started_at", json!("2026-13-01T00:00:00.000Z"));
    other("/stdout/encoding", json!("latin-1"));
}

#[test]
fn the_schema_lists_exactly_the_codes_and_what_they_mean() {
    let listed = schema()["$defs"]["error"]["properties"]["code"]["oneOf"].clone();
    let codes = Code::ALL.iter().map(|code| json!({"const": code.name(), "description": code.meaning()}));
    assert_eq!(listed, Value::Array(codes.collect()));
}

#[test]
fn every_object_of_the_schema_is_closed_and_every_field_described() {
    fn walk(schema: &Value, objects: &mut usize) {
        if schema["type"] == "object" {
            *objects += 1;
            assert_eq!(schema["additionalProperties"], json!(false), "{schema:#}");
            let properties = schema["properties"].as_object().unwrap();
            let names: Vec<Value> = properties.keys().map(|name| json!(name)).collect();
            assert_eq!(schema["required"], Value::Array(names));
            for (name, property) in properties {
                let said = property.get("description").or(property.get("$ref"));
                assert!(said.is_some(), "{name}");
            }
        }
        match schema {
            Value::Object(parts) => parts.values().for_each(|part| walk(part, objects)),
            Value::Array(parts) => parts.iter().for_each(|part| walk(part, objects)),
            _ => {}
        }
    }
    let mut objects = 0;
    walk(&schema(), &mut objects);
    assert_eq!(objects, 8);
}
