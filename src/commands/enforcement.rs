//! Before a start: whether what answers as the Docker daemon runs the runtime that the container requests.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::info::Runtimes;
use crate::docker::stop::Stop;
use crate::docker::{ask, daemon};
use crate::error::{Error, Hint, Kind};
use crate::gvisor::enforcement::Enforcement;
use crate::gvisor::failures::{self, Failure};
use crate::gvisor::proof::{self, Network, Proof, apart};
use crate::settings::load::Settings;
use crate::ui::{plain, shown};

/// How long a proof may take. A daemon far away is asked nine times.
const PROOF_LIMIT: Duration = Duration::from_secs(30);

/// The daemon in use, and what it said.
pub(super) struct Answer<'a> {
    pub(super) context: &'a Context,
    pub(super) docker: &'a Docker,
    pub(super) settings: &'a Settings,
    /// Its registered runtimes.
    pub(super) runtimes: &'a Runtimes,
    /// Those of which it does not say what they are.
    pub(super) unstated: &'a BTreeSet<String>,
}

impl Answer<'_> {
    /// Whether that is known already, without asking anybody anything.
    pub(super) fn is_known(&self, runtime: &str) -> bool {
        let is_dockerd = || self.socket().is_some_and(|socket| daemon::is_dockerd(&socket));
        let holds = || self.kept().is_some_and(|kept| kept.holds(runtime, self.runtimes));
        !self.unstated.contains(runtime) && (is_dockerd() || holds())
    }

    /// Makes sure that a container with `runtime` is in gVisor: by what the daemon is, else by a proof. Whether
    /// it was one.
    ///
    /// # Errors
    /// It is not, or that cannot be proven: nothing may be started.
    pub(super) fn assure(&self, runtime: &str) -> anyhow::Result<bool> {
        if self.is_known(runtime) {
            return Ok(false);
        }
        let stated = !self.unstated.contains(runtime);
        let socket = self.socket().or_else(|| self.socket_of_the_context());
        // The daemon of a context may be one of this machine.
        if !stated || !socket.as_deref().is_some_and(daemon::is_dockerd) {
            match self.prove(runtime)? {
                Proof::Proven { .. } => {}
                other => return Err(self.refusal(runtime, other).kind(Kind::NoGvisor).into()),
            }
        }
        // What is behind a name that the daemon does not explain may change without a word.
        if let Some(kept) = self.kept().filter(|_| stated) {
            kept.keep(socket, runtime, self.runtimes);
        }
        Ok(true)
    }

    fn prove(&self, runtime: &str) -> anyhow::Result<Proof> {
        match &self.context.program {
            Some(program) => apart::ask(program, self.docker, runtime, PROOF_LIMIT),
            None => Ok(proof::prove(self.docker, runtime, Network::Without, PROOF_LIMIT, &Stop::default())),
        }
    }

    fn current_context(&self) -> Option<&str> {
        self.settings.current_context.as_deref()
    }

    fn socket(&self) -> Option<PathBuf> {
        self.context.local_socket(self.current_context())
    }

    fn socket_of_the_context(&self) -> Option<PathBuf> {
        let endpoint = ask::endpoint(self.docker, self.settings.detect_timeout.value);
        endpoint.strip_prefix("unix://").map(PathBuf::from)
    }

    fn kept(&self) -> Option<Enforcement> {
        let cache = self.context.environment.cache.as_deref()?;
        Some(Enforcement::load(&self.context.route(self.current_context()), cache))
    }

    fn refusal(&self, runtime: &str, proof: Proof) -> Error {
        let runtime = shown(runtime);
        let unproven = |why: String| {
            Error::new(format!(
                "cannot prove that this daemon starts containers in gVisor with the runtime {runtime}: {why}; nothing was started"
            ))
        };
        let (error, failure, left) = match proof {
            Proof::NotGvisor { evidence } | Proof::Proven { evidence, .. } => {
                let message = format!(
                    "this daemon starts containers outside of gVisor, although they request the runtime {runtime}; nothing was started"
                );
                let error =
                    Error::new(message).body(format!("A container of ours was started to see: {evidence}."));
                let error = error
                    .hint("use a context whose daemon is a Docker Engine with gVisor:", "docker context ls");
                (error.hint("or see what answers:", self.docker.shown(["version"])), None, None)
            }
            Proof::Failed { text, failure, left } => (unproven(plain(&text)), failure, left),
            Proof::Hangs { limit, left } => {
                let why = format!("none has started after {}", humantime::format_duration(limit));
                (unproven(why), Some(&failures::HANGS), left)
            }
            Proof::Interrupted => (unproven("the proof was stopped".to_owned()), None, None),
        };
        let doctor = self.context.command_line(["doctor"]);
        error
            .hints(failure.map(explained))
            .hints(left.map(|command| Hint {
                text: "remove what the proof could not remove:".to_owned(),
                commands: vec![command],
            }))
            .hint("see everything that is wrong:", doctor)
    }
}

fn explained(failure: &Failure) -> Hint {
    Hint {
        text: format!("{}. {}", failure.cause, failure.fix),
        commands: failure.commands.iter().map(|&command| command.to_owned()).collect(),
    }
}
