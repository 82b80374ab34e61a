//! A proof in a process of its own, for a caller that a signal may end at any time: what the proof has made is removed
//! all the same.
//!
//! Its standard input is a pipe from the caller, whose end means that nobody wants the answer any more. The answer
//! goes to its standard output.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::{Network, Proof, failures, prove};
use crate::docker::client::Docker;
use crate::docker::stop::Stop;

/// Our own argument for this process: then the runtime, the limit in seconds, the docker program, and its global options.
pub const COMMAND: &str = "docker-sandbox-prove";

/// SIGTERM: somebody wants it to end.
const ENDED: u8 = 15;

/// Has `runtime` proven, without a network, by `program`, which is ours.
///
/// # Errors
/// It cannot be started, or has not answered.
pub fn ask(program: &Path, docker: &Docker, runtime: &str, limit: Duration) -> anyhow::Result<Proof> {
    let mut child = Command::new(program)
        // Whoever ends processes by our name means starts.
        .arg0(COMMAND)
        .args([COMMAND, runtime, &limit.as_secs().to_string()])
        .arg(docker.program())
        .args(docker.globals())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Nobody reads it, and where there is no /dev/null there is nothing else to give.
        .stderr(Stdio::piped())
        // The image is ours, made for the daemon's processor, and signed by nobody.
        .env_remove("DOCKER_CONTENT_TRUST")
        .env_remove("DOCKER_DEFAULT_PLATFORM")
        .process_group(0)
        .spawn()
        .context("no process can be started that proves the runtime")?;
    drop(child.stderr.take());
    let mut text = Vec::new();
    let read = child.stdout.take().map(|mut stdout| stdout.read_to_end(&mut text));
    read.transpose().context("cannot read what was proven")?;
    drop(child.stdin.take());
    let _ = child.wait();
    let mut proof = serde_json::from_slice(&text).context("no answer about what was proven")?;
    if let Proof::Failed { text, failure, .. } = &mut proof {
        *failure = failures::recognise(text);
    }
    Ok(proof)
}

/// The process's own life: `words` are those behind [`COMMAND`]. Returns its exit code.
#[must_use]
pub fn run(words: &[OsString]) -> u8 {
    // The terminal's signals and its end are the caller's.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"sandbox-prove");
    let [runtime, seconds, program, globals @ ..] = words else { return 1 };
    let (Some(runtime), Some(Ok(seconds))) = (runtime.to_str(), seconds.to_str().map(str::parse)) else {
        return 1;
    };
    let folder = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let Ok(docker) = Docker::find(program, None, &folder, globals) else { return 1 };
    let stop = Stop::default();
    let asked = stop.clone();
    let watch = std::thread::Builder::new().spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        asked.ask(ENDED);
    });
    if watch.is_err() {
        return 1;
    }
    let proof = prove(&docker, runtime, Network::Without, Duration::from_secs(seconds), &stop);
    let answer = serde_json::to_string(&proof).unwrap_or_default();
    u8::from(crate::ui::out(&answer).is_err())
}
