//! What a start says about itself: the audit log, `--verbose`, `config`.

use serde_json::{Value, json};

use crate::stage::{Engines, Form, IMAGE, Scenario};

#[test]
fn every_start_must_be_one_line_of_the_audit_log() {
    for form in [Form::Docker, Form::Direct] {
        let scenario =
            Scenario::on("trixie").config(r#"{"plugins": {"sandbox": {"audit": "~/audit.jsonl"}}}"#);
        scenario.run(form, ["--rm", "-e", "TOKEN=secret", IMAGE, "true"]).exits(0).quietly();
        scenario.run(form, ["--rm", "--no-sandbox", IMAGE, "true"]).exits(0);
        scenario.run(form, ["--rm", "--runtime=runc", IMAGE, "true"]).exits(125);
        let log = std::fs::read_to_string(scenario.home().join("audit.jsonl")).unwrap();
        let mut lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            let time = line["time"].take();
            assert!(time.as_str().unwrap().ends_with('Z') && time.as_str().unwrap().len() == 24, "{time}");
            // The label of this test is not the promise.
            let argv = line["argv"].as_array_mut().unwrap();
            argv.retain(|word| !word.as_str().unwrap().starts_with("--label=docker-sandbox-test="));
        }
        let expected = [
            json!({
                "time": null, "command": "run", "mode": "required", "decided_by": "the default",
                "sandboxed": true, "runtime": "runsc", "image": IMAGE,
                "argv": ["--rm", "-e", "TOKEN=***", IMAGE, "true"],
            }),
            json!({
                "time": null, "command": "run", "mode": "none",
                "decided_by": "`--no-sandbox` on the command line",
                "sandboxed": false, "runtime": null, "image": IMAGE, "argv": ["--rm", IMAGE, "true"],
            }),
        ];
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_start_that_cannot_be_audited_must_not_happen() {
    let scenario =
        Scenario::on("trixie").config(r#"{"plugins": {"sandbox": {"audit": "/nonexistent/audit.jsonl"}}}"#);
    for form in [Form::Docker, Form::Direct] {
        scenario.run(form, [IMAGE, "true"]).exits(125).prints("").says("/nonexistent/audit.jsonl");
        assert_eq!(scenario.containers(), [""; 0]);
    }
}

#[test]
fn verbose_must_say_which_runtime_and_why() {
    for engine in Engines::ALL {
        let scenario = Scenario::on(engine);
        let outcome = scenario.run(Form::Docker, ["--rm", "--verbose", IMAGE, "true"]).exits(0).prints("");
        let binary = scenario.engine.dir.join("bin/runsc");
        let said = format!(
            "docker sandbox: runtime `runsc` (registered; its binary is {}); mode `required`, decided by the default\n",
            binary.display()
        );
        assert_eq!(outcome.err(), said);
    }
}

#[test]
fn config_must_show_every_setting_and_its_source() {
    let scenario = Scenario::on("trixie")
        .config(r#"{"plugins": {"sandbox": {"mode": "preferred", "detect-timeout": "7s"}}}"#)
        .env("DOCKER_SANDBOX", "required");
    let file = format!("{}/.docker/config.json", scenario.home().display());
    for outcome in [
        scenario.docker(["sandbox", "config", "--format", "json"]),
        scenario.direct(["config", "--format=json"]),
    ] {
        let shown: Value = serde_json::from_slice(&outcome.exits(0).quietly().stdout).unwrap();
        let row = |name: &str| {
            let rows = shown["settings"].as_array().unwrap();
            let row = rows.iter().find(|row| row["name"] == name).unwrap();
            (row["value"].as_str().map(str::to_owned), row["source"].as_str().unwrap().to_owned())
        };
        assert_eq!(
            row("mode"),
            (Some("required".into()), "the environment variable `DOCKER_SANDBOX`".into())
        );
        assert_eq!(
            row("detect-timeout"),
            (Some("7s".into()), format!("`plugins.sandbox.detect-timeout` in `{file}`"))
        );
        assert_eq!(row("weakest-mode").0, None);
        assert_eq!(shown["warnings"], json!([]));
    }
}
