//! A daemon that does not answer is an error, not a hang.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use crate::stage::{Cli, Engine, Form, IMAGE, Scenario};

/// Accepts every connection and answers nothing, or only whether it is there.
fn mute(listener: UnixListener, answers_ping: bool) {
    std::thread::spawn(move || {
        let mut open: Vec<UnixStream> = Vec::new();
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            open.push(stream.try_clone().unwrap());
            if answers_ping {
                std::thread::spawn(move || pong(stream));
            }
        }
    });
}

fn pong(mut stream: UnixStream) {
    let mut request = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut request) {
        if String::from_utf8_lossy(&request[..length]).contains("/_ping") {
            let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }
}

#[test]
fn a_daemon_that_never_answers_must_be_a_clear_error() {
    for answers_ping in [false, true] {
        for cli in Cli::all() {
            let scenario = Scenario::with(Engine::named("trixie"), cli);
            let socket = scenario.home().join("mute.sock");
            mute(UnixListener::bind(&socket).unwrap(), answers_ping);
            let scenario = scenario.env("DOCKER_HOST", format!("unix://{}", socket.display()));
            // Docker 20.10's CLI waits for the daemon's pong before it starts a plugin: it never gets to us.
            let through_docker = (answers_ping || scenario.cli.has_plugin_socket()).then_some(Form::Docker);
            for form in through_docker.into_iter().chain([Form::Direct]) {
                let begun = Instant::now();
                let words = ["--rm", "--detect-timeout=500ms", IMAGE, "true"];
                let outcome = scenario.run(form, words).exits(125).prints("");
                let outcome = outcome.says("the Docker daemon did not answer within 500ms").says("hint: ");
                assert!(begun.elapsed() < Duration::from_secs(20), "{:?}: {outcome}", begun.elapsed());
            }
        }
    }
}

#[test]
fn the_limit_must_be_settable_by_environment_and_configuration() {
    let scenario = Scenario::on("trixie");
    let socket = scenario.home().join("mute.sock");
    mute(UnixListener::bind(&socket).unwrap(), true);
    let scenario = scenario
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .config(r#"{"plugins": {"sandbox": {"detect-timeout": "300ms"}}}"#);
    scenario.run(Form::Docker, [IMAGE]).exits(125).says("did not answer within 300ms");
    let scenario = scenario.env("DOCKER_SANDBOX_DETECT_TIMEOUT", "400ms");
    scenario.run(Form::Docker, [IMAGE]).exits(125).says("did not answer within 400ms");
    scenario.run(Form::Docker, ["--detect-timeout", "350ms", IMAGE]).exits(125).says("within 350ms");
}
