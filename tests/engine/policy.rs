//! The machine's policy, `/etc/docker/sandbox-policy.json`, is the floor.
//!
//! It is put there in a mount namespace of the test's own: the machine's /etc stays as it is.

use crate::stage::{Form, IMAGE, Scenario};

/// Lays a file over /etc that only the words behind it see. `$1` is a scratch folder, `$2` the policy or a folder.
const OVERLAY: &str = r#"set -e
    mount -t tmpfs none "$1"
    mkdir -p "$1/upper/docker" "$1/work"
    cp -a "$2" "$1/upper/docker/sandbox-policy.json"
    mount -t overlay none -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
    shift 2
    exec "$@""#;

fn under(policy: &str, scenario: Scenario) -> Scenario {
    let file = scenario.write("policy.json", policy);
    under_file(&file, scenario)
}

fn under_file(file: &std::path::Path, scenario: Scenario) -> Scenario {
    let scratch = scenario.home().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let words = ["unshare", "--mount", "sh", "-c", OVERLAY, "sh"].map(std::ffi::OsString::from);
    scenario.through(words.into_iter().chain([scratch.into(), file.into()]))
}

#[test]
fn nothing_must_go_below_the_policy() {
    let policy = r#"{"weakest-mode": "required"}"#;
    let on = || under(policy, Scenario::on("trixie"));
    let trusted = on();
    trusted.write("work/agent.yaml", "sandbox: none\n");
    trusted.docker(["sandbox", "trust"]).exits(0);
    let cases: [(Scenario, &[&str]); 6] = [
        (on(), &["--no-sandbox"]),
        (on(), &["--sandbox=preferred"]),
        (on().env("DOCKER_SANDBOX", "none"), &[]),
        (on().config(r#"{"plugins": {"sandbox": {"mode": "preferred"}}}"#), &[]),
        (trusted, &[]),
        (on(), &["--no-sandbox", "--runtime=runc"]),
    ];
    for (scenario, options) in cases {
        for form in [Form::Docker, Form::Direct] {
            let outcome = scenario.run(form, options.iter().chain(&[IMAGE, "true"])).exits(125).prints("");
            let outcome =
                outcome.says("this machine's policy (/etc/docker/sandbox-policy.json) allows nothing weaker");
            assert_eq!(scenario.containers(), [""; 0], "{outcome}");
        }
    }
}

#[test]
fn what_the_policy_allows_must_work() {
    let scenario = under(r#"{"weakest-mode": "required"}"#, Scenario::on("trixie"));
    let boot = scenario.run(Form::Docker, ["--rm", IMAGE, "dmesg"]).exits(0).quietly();
    assert!(boot.out().contains("Starting gVisor..."), "{boot}");

    let scenario = under(r#"{"weakest-mode": "preferred"}"#, Scenario::on("bare"));
    scenario.run(Form::Docker, ["--rm", "--sandbox=preferred", IMAGE, "true"]).exits(0).says("NOT in gVisor");
    scenario.run(Form::Docker, ["--rm", "--no-sandbox", IMAGE, "true"]).exits(125).says("policy");
}

#[test]
fn a_policy_that_cannot_be_understood_must_stop_everything() {
    for policy in
        ["", "{}", "[]", "{", r#"{"weakest-mode": "off"}"#, r#"{"weakest-mode": "none", "more": 1}"#]
    {
        let scenario = under(policy, Scenario::on("trixie"));
        for form in [Form::Docker, Form::Direct] {
            let outcome = scenario.run(form, ["--rm", IMAGE, "true"]).exits(125).prints("");
            outcome.says("/etc/docker/sandbox-policy.json");
        }
        assert_eq!(scenario.containers(), [""; 0]);
    }
}

#[test]
fn a_policy_that_cannot_be_read_must_stop_everything() {
    let scenario = Scenario::on("trixie");
    let folder = scenario.home().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let scenario = under_file(&folder, scenario);
    scenario.run(Form::Docker, ["--rm", IMAGE, "true"]).exits(125).says("/etc/docker/sandbox-policy.json");
    assert_eq!(scenario.containers(), [""; 0]);

    let scenario = Scenario::on("trixie");
    let link = scenario.home().join("link");
    std::os::unix::fs::symlink("/nonexistent/policy.json", &link).unwrap();
    let scenario = under_file(&link, scenario);
    scenario.run(Form::Docker, ["--rm", IMAGE, "true"]).exits(125).says("/etc/docker/sandbox-policy.json");
    assert_eq!(scenario.containers(), [""; 0]);
}

#[test]
fn config_must_show_the_policy() {
    let scenario = under(r#"{"weakest-mode": "preferred"}"#, Scenario::on("trixie"));
    let shown = scenario.docker(["sandbox", "config", "--format", "json"]).exits(0).quietly();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let row = shown["settings"].as_array().unwrap().iter().find(|row| row["name"] == "weakest-mode").unwrap();
    assert_eq!(row["value"], "preferred");
    assert_eq!(row["source"], "the machine's policy /etc/docker/sandbox-policy.json");
}
