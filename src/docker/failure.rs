//! Why Docker did not answer: different causes, each with its own way out.

use std::time::Duration;

use super::client::{Answer, Docker};
use super::service::Service;
use crate::error::{Error, Kind};
use crate::ui::{plain, shown};

/// How long we wait for an answer that needs no daemon.
const CLIENT_ONLY: Duration = Duration::from_secs(5);

/// The error for a question, `info` say, that failed or was answered with nothing.
#[must_use]
pub fn explain(docker: &Docker, asked: &[&str], answer: &Answer) -> Error {
    if is_podman(docker) {
        return podman(docker);
    }
    // Without a daemon, Docker 26.1 answers `null` and succeeds, and 20.10 says only that our template met a
    // null pointer; `docker version` then says why.
    let mut said = answer.stderr.clone();
    if answer.status.success() || said.starts_with("template: ") {
        let version = docker.command(["version", "--format", "{{json .Server}}"]);
        if let Ok(Some(version)) = version.answer_within(CLIENT_ONLY) {
            said.insert_str(0, &version.stderr);
        }
    }
    classify(docker, asked, &said).kind(Kind::DaemonUnreachable)
}

/// The error for an answer that is not what Docker's would be.
#[must_use]
pub fn nonsense(docker: &Docker, asked: &[&str], problem: &str) -> Error {
    if is_podman(docker) {
        return podman(docker);
    }
    let what = name(asked);
    Error::new(format!("`docker {what}` answered something that we do not understand: {}", plain(problem)))
        .hint("see it by hand:", docker.shown(asked.iter().copied()))
}

/// The error for something behind the socket that is no Docker Engine, podman's service say.
#[must_use]
pub fn no_docker_engine(docker: &Docker) -> Error {
    Error::new("what answers is not Docker's own engine, and may start containers with another runtime than it is asked for")
        .hint("see what it is:", docker.shown(["version"]))
        .hint("podman runs gVisor by itself, where runsc is installed:", "podman --runtime=runsc run …")
        .hint("or use a context whose daemon is a Docker Engine:", "docker context ls")
}

/// The error for a daemon that took longer than `limit`.
#[must_use]
pub fn timed_out(docker: &Docker, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    Error::new(format!("the Docker daemon did not answer within {limit}"))
        .kind(Kind::DaemonUnreachable)
        .hint("see whether it answers at all:", docker.shown(["version"]))
        .hint(
            "restart one that hangs (systemd; rootless Docker: systemctl --user):",
            "sudo systemctl restart docker",
        )
        .hint(
            "or wait longer for one that is only slow, with `--detect-timeout` or:",
            "export DOCKER_SANDBOX_DETECT_TIMEOUT=60s",
        )
}

/// The error for a daemon that runs Windows containers.
#[must_use]
pub fn windows_containers() -> Error {
    Error::new("the Docker daemon runs Windows containers; gVisor is a Linux kernel")
        .hint(
            "switch Docker Desktop to Linux containers (in its menu, or in PowerShell):",
            r"& $Env:ProgramFiles\Docker\Docker\DockerCli.exe -SwitchLinuxEngine",
        )
        .hint("or use a context whose daemon runs Linux:", "docker context ls")
}

fn is_podman(docker: &Docker) -> bool {
    let answer = docker.command(["--version"]).answer_within(CLIENT_ONLY);
    matches!(answer, Ok(Some(answer)) if answer.stdout.to_ascii_lowercase().contains("podman"))
}

fn podman(docker: &Docker) -> Error {
    Error::new(format!(
        "this `docker` is podman: {} has no Docker plugins and no Docker daemon",
        shown(docker.program())
    ))
    .hint("podman runs gVisor by itself, where runsc is installed:", "podman --runtime=runsc run …")
    .hint("or put Docker's own command line first on PATH:", "sudo apt-get install docker.io")
}

/// A question without its options and names: `volume inspect`.
fn name(asked: &[&str]) -> String {
    let words = asked.iter().take_while(|word| !word.starts_with('-'));
    words.copied().collect::<Vec<_>>().join(" ")
}

fn classify(docker: &Docker, asked: &[&str], said: &str) -> Error {
    let detail = said
        .lines()
        .map(|line| line.trim().trim_start_matches("ERROR: "))
        .find(|line| {
            !line.is_empty() && !line.starts_with("errors pretty printing") && !line.starts_with("WARNING")
        })
        .map_or_else(|| "it gave no reason".to_owned(), plain);
    let lower = said.to_ascii_lowercase();
    if lower.contains("permission denied") && lower.contains("[ssh ") {
        return Error::new(format!("ssh was not let in to the Docker daemon's host: {detail}"))
            .hint("see which host is meant, then make `ssh` to it work:", "docker context ls");
    }
    let service = Service::at(said);
    if lower.contains("permission denied") && service.is_rootless() {
        return Error::new(format!("that is another user's rootless Docker: {detail}"))
            .hint("use a context whose daemon is yours:", "docker context ls");
    }
    if lower.contains("permission denied") {
        return Error::new(format!("no permission to use the Docker daemon's socket: {detail}")).hint(
            "join the group that owns it, then log in again:",
            "sudo usermod -aG docker \"$USER\" && newgrp docker",
        );
    }
    let gone = lower.contains("not found") || lower.contains("does not exist");
    let context_missing = lower.contains("context") && gone;
    if context_missing {
        return Error::new(format!("docker knows no such context: {detail}"))
            .hint("list those it knows:", "docker context ls");
    }
    let silent = [
        "cannot connect",
        "connection refused",
        "error during connect",
        "no such host",
        "no such file",
        "failed to connect",
        "is the docker daemon running",
        "i/o timeout",
    ];
    if silent.iter().any(|sign| lower.contains(sign)) {
        return Error::new(format!("cannot reach the Docker daemon: {detail}"))
            .hint(
                "start it (systemd), or start Docker Desktop, OrbStack or Colima:",
                service.command("sudo systemctl start docker"),
            )
            .hint("or see which daemon is meant:", "docker context ls");
    }
    Error::new(format!("`docker {}` failed: {detail}", name(asked)))
        .hint("see it fail by hand:", docker.shown(asked.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::path::Path;

    fn message(said: &str) -> String {
        let docker = Docker::find(OsStr::new("sh"), Some(OsStr::new("/bin")), Path::new("/"), &[]).unwrap();
        classify(&docker, &["info"], said).to_string()
    }

    #[test]
    fn silence_refusal_and_a_missing_context_are_different_errors() {
        let down = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n";
        assert_eq!(message(down), format!("cannot reach the Docker daemon: {}", down.trim()));
        let denied = "permission denied while trying to connect to the Docker daemon socket at unix:///x: dial unix /x: connect: permission denied";
        assert!(
            message(denied).starts_with("no permission to use the Docker daemon's socket: permission denied")
        );
        assert!(
            message("context \"x\": context not found: open …").starts_with("docker knows no such context")
        );
        assert!(message("context \"x\" does not exist").starts_with("docker knows no such context"));
        assert!(
            message("command [ssh -T -- h docker …] has exited: Permission denied (publickey)")
                .starts_with("ssh was")
        );
        assert_eq!(message("\x1b[31mboom"), r"`docker info` failed: \u{1b}[31mboom");
        assert_eq!(message(""), "`docker info` failed: it gave no reason");
    }
}
