//! Out of the sandbox, in plain words only, and never without saying so.

use crate::stage::{Cli, Form, IMAGE, Outcome, OwnEngine, Scenario};

/// The line that every start outside of gVisor prints, and all that it prints.
fn warning(mode: &str, who: &str) -> String {
    format!("docker sandbox: warning: this container is NOT in gVisor: mode `{mode}`, decided by {who}\n")
}

/// Runs a container for good and says which runtime Docker was given for it.
#[track_caller]
fn runtime_of(scenario: &Scenario, form: Form, options: &[&str], say: impl FnOnce(Outcome)) -> String {
    let words = ["-d"].iter().chain(options).chain(&[IMAGE, "sleep", "600"]);
    say(scenario.run(form, words).exits(0));
    let container = scenario.container();
    let runtime = scenario.inspect(&container, "{{.HostConfig.Runtime}}");
    let process = scenario.host_process(&container);
    assert_eq!(process == "runsc-sandbox", runtime.starts_with("runsc"), "{process} under {runtime}");
    scenario.docker(["rm", "--force", &container]).exits(0);
    runtime
}

/// Asserts that it starts outside of gVisor, with one warning that names who decided.
#[track_caller]
fn assert_out(scenario: &Scenario, options: &[&str], mode: &str, who: &str) {
    for form in [Form::Docker, Form::Direct] {
        let runtime = runtime_of(scenario, form, options, |outcome| {
            assert_eq!(outcome.err(), warning(mode, who));
        });
        assert_eq!(runtime, "runc");
    }
}

/// Asserts that it starts in gVisor, and that stderr is `said`.
#[track_caller]
fn assert_in(scenario: &Scenario, options: &[&str], said: &str) {
    for form in [Form::Docker, Form::Direct] {
        // A hint names the command as it was called.
        let said = if form == Form::Direct {
            said.replace("docker sandbox trust", "docker-sandbox trust")
        } else {
            said.to_owned()
        };
        let runtime = runtime_of(scenario, form, options, |outcome| assert_eq!(outcome.err(), said));
        assert_eq!(runtime, "runsc");
    }
}

#[test]
fn an_option_must_lead_out_with_a_warning() {
    for scenario in Scenario::abreast() {
        assert_out(&scenario, &["--no-sandbox"], "none", "`--no-sandbox` on the command line");
    }
    let scenario = Scenario::on("trixie");
    assert_out(&scenario, &["--sandbox", "none"], "none", "`--sandbox=none` on the command line");
}

#[test]
fn the_environment_must_lead_out_with_a_warning() {
    let scenario = Scenario::on("trixie").env("DOCKER_SANDBOX", "none");
    assert_out(&scenario, &[], "none", "the environment variable `DOCKER_SANDBOX`");
    // The command line has the last word.
    assert_in(&scenario, &["--sandbox=required"], "");
}

#[test]
fn the_users_configuration_must_lead_out_with_a_warning() {
    let scenario = Scenario::on("trixie").config(r#"{"plugins": {"sandbox": {"mode": "none"}}}"#);
    let who = format!("`plugins.sandbox.mode` in `{}/.docker/config.json`", scenario.home().display());
    assert_out(&scenario, &[], "none", &who);
    assert_in(&scenario, &["--sandbox=required"], "");
    let scenario = scenario.env("DOCKER_SANDBOX", "required");
    assert_in(&scenario, &[], "");
}

#[test]
fn a_projects_file_must_weaken_nothing_until_it_is_trusted() {
    let scenario = Scenario::on("trixie");
    let file = scenario.write("work/agent.yaml", "name: demo\nsandbox: none\n");
    let path = file.display();
    let ignored = format!(
        "docker sandbox: warning: ignored `sandbox: none` in `{path}` line 2: a project may not weaken the \
         sandbox by itself; if you trust it: docker sandbox trust {path}\n"
    );
    assert_in(&scenario, &[], &ignored);

    scenario.docker(["sandbox", "trust"]).exits(0);
    assert_out(&scenario, &[], "none", &format!("`{path}` line 2"));

    // Trust is in the content too.
    scenario.write("work/agent.yaml", "name: other\nsandbox: none\n");
    assert_in(&scenario, &[], &ignored);

    scenario.docker(["sandbox", "trust"]).exits(0);
    scenario.docker(["sandbox", "untrust"]).exits(0);
    assert_in(&scenario, &[], &ignored);
}

#[test]
fn a_trusted_project_must_rank_between_the_environment_and_the_user() {
    let scenario = Scenario::on("trixie").config(r#"{"plugins": {"sandbox": {"mode": "required"}}}"#);
    let file = scenario.write("work/agent.yaml", "sandbox: none\n");
    scenario.docker(["sandbox", "trust"]).exits(0);
    assert_out(&scenario, &[], "none", &format!("`{}` line 1", file.display()));
    let scenario = scenario.env("DOCKER_SANDBOX", "required");
    assert_in(&scenario, &[], "");
}

#[test]
fn a_project_may_make_it_stricter_by_itself() {
    let scenario = Scenario::on("trixie").config(r#"{"plugins": {"sandbox": {"mode": "none"}}}"#);
    scenario.write("work/agent.yaml", "sandbox: required\n");
    assert_in(&scenario, &[], "");
}

#[test]
fn preferred_must_take_gvisor_where_it_is() {
    let scenario = Scenario::on("trixie").env("DOCKER_SANDBOX", "preferred");
    assert_in(&scenario, &[], "");
}

#[test]
fn preferred_must_fall_back_with_a_warning_where_it_is_not() {
    for scenario in Scenario::every_cli("bare") {
        let scenario = scenario.env("DOCKER_SANDBOX", "preferred");
        let said = "docker sandbox: warning: this container is NOT in gVisor: the daemon has none, and mode \
                    `preferred`, decided by the environment variable `DOCKER_SANDBOX`, lets it start\n";
        let runtime = runtime_of(&scenario, Form::Docker, &[], |outcome| assert_eq!(outcome.err(), said));
        assert_eq!(runtime, "runc");
    }
}

#[test]
fn preferred_must_not_fall_back_for_arguments_that_avoid_gvisor() {
    let scenario = Scenario::on("trixie").env("DOCKER_SANDBOX", "preferred");
    for form in [Form::Docker, Form::Direct] {
        scenario.run(form, ["--runtime=runc", IMAGE, "true"]).exits(125).says("is not gVisor");
    }
    assert_eq!(scenario.containers(), [""; 0]);
}

#[test]
fn the_users_own_runtime_must_be_kept_outside_of_the_sandbox() {
    let scenario = Scenario::on("trixie");
    let options = ["--no-sandbox", "--runtime", "runsc-hostnet"];
    for form in [Form::Docker, Form::Direct] {
        let runtime = runtime_of(&scenario, form, &options, |outcome| {
            let err = outcome.err();
            assert!(
                err.contains("`runsc-hostnet`, is gVisor all the same: this container is sandboxed"),
                "{err}"
            );
            assert!(!err.contains("NOT in gVisor"), "{err}");
        });
        assert_eq!(runtime, "runsc-hostnet");
    }
    assert_out(&scenario, &["--runtime=runc", "--no-sandbox"], "none", "`--no-sandbox` on the command line");
}

#[test]
fn a_default_runtime_that_is_gvisor_must_be_said_instead_of_warned_about() {
    let own = OwnEngine::start("runsc");
    own.configure(&own.configuration().replacen('{', r#"{"default-runtime": "runsc","#, 1));
    own.reload();
    let scenario = Scenario::with(own.engine.clone(), Cli::newest()).env("DOCKER_SANDBOX", "none");
    let said = "docker sandbox: mode `none`, decided by the environment variable `DOCKER_SANDBOX`; Docker's own choice, \
                `runsc`, is gVisor all the same: this container is sandboxed\n";
    assert_in(&scenario, &[], said);
    // The user's own choice counts more than the default.
    assert_out(&scenario, &["--runtime=runc"], "none", "the environment variable `DOCKER_SANDBOX`");
}

#[test]
fn a_mode_that_is_none_must_be_an_error_wherever_it_stands() {
    let on = || Scenario::on("trixie");
    let project = on();
    project.write("work/agent.yaml", "a: 1\nsandbox: off\n");
    let cases = [
        (on().env("DOCKER_SANDBOX", "off"), "DOCKER_SANDBOX"),
        (on().env("DOCKER_SANDBOX", ""), "DOCKER_SANDBOX"),
        (on().config(r#"{"plugins": {"sandbox": {"mode": "off"}}}"#), "config.json"),
        (project, "agent.yaml` line 2"),
    ];
    for (scenario, named) in cases {
        for form in [Form::Docker, Form::Direct] {
            scenario.run(form, ["--rm", IMAGE, "true"]).exits(125).prints("").says(named);
            assert_eq!(scenario.containers(), [""; 0]);
        }
    }
    let scenario = on();
    scenario.run(Form::Docker, ["--sandbox=off", IMAGE]).exits(125).says("--sandbox=off");
    assert_eq!(scenario.containers(), [""; 0]);
}
