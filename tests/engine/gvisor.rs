//! Containers are in gVisor, by Docker's word, by the host's processes and by their own kernel.

use crate::stage::{Engines, Form, IMAGE, Scenario};

/// Asserts what Docker and the host say about a running container.
#[track_caller]
fn assert_in_gvisor(scenario: &Scenario, runtime: &str) {
    let container = scenario.container();
    assert_eq!(scenario.inspect(&container, "{{.HostConfig.Runtime}}"), runtime);
    assert_eq!(scenario.host_process(&container), "runsc-sandbox");
}

#[test]
fn run_must_put_the_container_into_gvisor() {
    for scenario in Scenario::everywhere() {
        scenario.run(Form::Docker, ["-d", IMAGE, "sleep", "600"]).exits(0).quietly();
        assert_in_gvisor(&scenario, "runsc");
    }
    for engine in Engines::ALL {
        let scenario = Scenario::on(engine);
        scenario.run(Form::Direct, ["-d", IMAGE, "sleep", "600"]).exits(0).quietly();
        assert_in_gvisor(&scenario, "runsc");
    }
}

#[test]
fn create_must_make_a_container_that_starts_in_gvisor() {
    for scenario in Scenario::abreast() {
        let created = scenario.docker(["sandbox", "create", IMAGE, "sleep", "600"]).exits(0).quietly();
        let container = scenario.container();
        assert_eq!(created.out(), format!("{container}\n"));
        assert_eq!(scenario.inspect(&container, "{{.State.Status}}"), "created");
        scenario.docker(["start", &container]).exits(0);
        assert_in_gvisor(&scenario, "runsc");
    }
    let scenario = Scenario::on("trixie");
    scenario.direct(["create", IMAGE]).exits(0).quietly();
    assert_eq!(scenario.inspect(&scenario.container(), "{{.HostConfig.Runtime}}"), "runsc");
}

#[test]
fn the_kernel_inside_must_be_gvisors() {
    for scenario in Scenario::abreast() {
        for form in [Form::Docker, Form::Direct] {
            let boot = scenario.run(form, ["--rm", IMAGE, "dmesg"]).exits(0).quietly();
            assert!(boot.out().contains("Starting gVisor..."), "{boot}");
        }
        assert_eq!(scenario.containers(), [""; 0]);
    }
}

#[test]
fn a_gvisor_of_another_name_must_be_kept() {
    for scenario in Scenario::on_each(Engines::PACKAGED) {
        let args = ["-d", "--runtime", "runsc-hostnet", IMAGE, "sleep", "600"];
        scenario.run(Form::Docker, args).exits(0).quietly();
        assert_in_gvisor(&scenario, "runsc-hostnet");
    }
}

#[test]
fn no_spelling_of_the_runtime_must_lead_out_of_gvisor() {
    let scenario = Scenario::on("trixie");
    let spellings: [&[&str]; 7] = [
        &["--runtime=", IMAGE],
        &["--runtime", "", IMAGE],
        &["--runtime=runc", "--runtime=", IMAGE],
        &["-e", "--runtime=runc", IMAGE],
        &["-itv", "/srv:/a", "-e=--runtime=runc", "-it=false", IMAGE],
        &["--runtime=runsc", "--", IMAGE],
        &["--runtime=", "-l", "a=b", "--", IMAGE, "--runtime=runc"],
    ];
    for spelling in spellings {
        let words = ["sandbox", "create"].iter().chain(spelling);
        scenario.docker(words).exits(0).quietly();
        let container = scenario.container();
        assert_eq!(scenario.inspect(&container, "{{.HostConfig.Runtime}}"), "runsc", "{spelling:?}");
        scenario.docker(["rm", &container]).exits(0);
    }
}

#[test]
fn global_options_must_reach_the_daemon_they_name() {
    let scenario = Scenario::on("trixie").env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let host = scenario.engine.host();
    scenario.docker(["--host", &host, "sandbox", "run", "--rm", IMAGE, "true"]).exits(0).quietly();
    scenario.direct(["-H", &host, "run", "--rm", IMAGE, "true"]).exits(0).quietly();

    let scenario = Scenario::on("trixie").env("DOCKER_HOST", "");
    let endpoint = format!("host={host}");
    scenario.docker(["context", "create", "there", "--docker", &endpoint]).exits(0);
    scenario.docker(["--context", "there", "sandbox", "run", "--rm", IMAGE, "true"]).exits(0).quietly();
    scenario.docker(["context", "use", "there"]).exits(0);
    scenario.docker(["sandbox", "run", "--rm", IMAGE, "true"]).exits(0).quietly();
}
