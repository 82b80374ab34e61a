//! What is right and wrong between this client and a sandbox that starts, as a list of checks.
//!
//! Each check is handed to a sink when it is finished; nothing here prints.

pub mod check;
mod client;
mod container;
mod daemon;
mod host;
mod orphans;
mod proofs;
mod runtimes;

use std::time::Duration;

use crate::context::Context;
use crate::docker::ask;
use crate::docker::client::Docker;
use crate::docker::config_file::ConfigFile;
use crate::docker::daemon::DaemonProcess;
use crate::docker::info::Info;
use crate::docker::run_line::Ours;
use crate::docker::service::Service;
use crate::docker::stop::Stop;
use crate::gvisor::instructions::Platform;
use crate::settings::load;
use check::Check;

/// How long one proof may take, beside removing what it made.
pub const PROOF_LIMIT: Duration = Duration::from_secs(20);

/// What is wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The surroundings.
    pub context: &'a Context,
    /// Without starting anything.
    pub quick: bool,
    /// How long one proof may take.
    pub proof_limit: Duration,
    /// Asked for when the user has seen enough.
    pub stop: Stop,
}

/// What came of it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A sandbox started and is proven; or, if that was not to be tried, nothing failed.
    Healthy,
    /// It did not.
    Ill,
    /// Somebody stopped it.
    Stopped,
}

/// The daemon in use, as the checks see it.
struct Daemon {
    info: Info,
    endpoint: String,
    platform: Platform,
    /// Its process, where it runs on this machine and shares our view of it.
    process: Option<DaemonProcess>,
    /// Whom its administrator's commands go to.
    service: Service,
}

impl Daemon {
    /// Whether paths and processes that it names are ours too.
    fn is_local(&self) -> bool {
        match self.platform {
            Platform::Linux => self.process.is_some(),
            Platform::Rootless => self.endpoint.starts_with("unix://"),
            _ => false,
        }
    }
}

/// Checks everything.
pub fn examine(wanted: &Wanted<'_>, sink: &mut dyn FnMut(Check)) -> Verdict {
    let mut failed = false;
    let mut note = |check: Check| {
        failed |= check.result == check::Outcome::Fail;
        sink(check);
    };
    let context = wanted.context;
    let docker = client::check(wanted, &mut note);
    let daemon = docker.as_ref().and_then(|docker| reach(context, docker, &mut note));
    let (Some(docker), Some(daemon)) = (docker, daemon) else {
        note(Check::skip("proof", "a sandbox starts", "there is no daemon to start it"));
        return if wanted.stop.signal().is_some() { Verdict::Stopped } else { Verdict::Ill };
    };
    // Checks name the commands for the system's daemon.
    let mut note = |check: Check| note(check.commands(|command| daemon.service.command(command)));
    daemon::check(&daemon, &mut note);
    let gvisors = runtimes::check(context, &daemon, &mut note);
    host::check(&daemon, &gvisors, &mut note);
    orphans::check(&docker, &daemon, &mut note);
    if wanted.stop.signal().is_some() {
        return Verdict::Stopped;
    }
    if wanted.quick {
        note(Check::skip("proof", "a sandbox starts", "not tried, because of --quick"));
        return if failed { Verdict::Ill } else { Verdict::Healthy };
    }
    proofs::check(wanted, &docker, &daemon, &gvisors, &mut note)
}

/// Checks whether one running container is in gVisor.
pub fn examine_container(wanted: &Wanted<'_>, container: &str, sink: &mut dyn FnMut(Check)) -> Verdict {
    let docker = match wanted.context.docker() {
        Ok(docker) => docker,
        Err(error) => {
            sink(client::broken("client.docker", "docker", &error));
            return Verdict::Ill;
        }
    };
    let check = container::check(&docker, container, detect_limit(wanted.context), &wanted.stop);
    let healthy = check.result == check::Outcome::Ok;
    sink(check);
    match wanted.stop.signal() {
        Some(_) => Verdict::Stopped,
        None if healthy => Verdict::Healthy,
        None => Verdict::Ill,
    }
}

/// Asks the daemon who it is.
fn reach(context: &Context, docker: &Docker, sink: &mut dyn FnMut(Check)) -> Option<Daemon> {
    let limit = detect_limit(context);
    let info = match ask::about(docker, limit) {
        Ok(info) => info,
        Err(error) => {
            sink(client::broken("daemon.reachable", "the Docker daemon answers", &error));
            return None;
        }
    };
    let endpoint = ask::endpoint(docker, limit);
    let current = context.config_json().and_then(|path| ConfigFile::read(&path).ok()?.current_context);
    let socket = context.local_socket(current.as_deref()).or_else(|| {
        // A named context may lead to a socket too.
        endpoint.strip_prefix("unix://").map(std::path::PathBuf::from)
    });
    let process = socket.and_then(|socket| DaemonProcess::serving(&socket));
    let service = Service::of(&info, process.as_ref());
    Some(Daemon { platform: Platform::of(&info, &endpoint), info, endpoint, process, service })
}

/// The user's limit for the daemon's answers; the usual one where the settings are broken.
fn detect_limit(context: &Context) -> Duration {
    load::survey(context, &Ours::default())
        .map_or(load::DETECT_TIMEOUT, |settings| settings.detect_timeout.value)
}
