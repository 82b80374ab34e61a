//! What a start of `run` and `create` is told by later: its labels, and when it expires.

use std::ffi::OsString;
use std::time::SystemTime;

use super::run::Verb;
use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::run_line::RunLine;
use crate::sandbox::expiry::Ledger;
use crate::sandbox::labels::{self, Kind, Labels};
use crate::settings::load::Settings;

/// Decided before the start.
pub(super) struct Marks {
    /// The labels, for Docker.
    pub(super) words: Vec<OsString>,
    expires: Option<SystemTime>,
}

impl Marks {
    /// Who waits for a container knows when it ends; what nobody waits for is forgotten, and so expires.
    pub(super) fn of(context: &Context, verb: Verb, settings: &Settings, line: &RunLine) -> Self {
        let kind = if verb == Verb::Run { Kind::Run } else { Kind::Create };
        let asked = line.ours.ttl.is_some() || verb == Verb::Create || line.is_detached();
        let expires = settings.ttl.value.from_now().filter(|_| asked);
        let project = labels::project(&context.environment.folder);
        let mode = settings.decision.mode.value;
        let words = Labels { kind, mode, project: &project, expires, spec: None }.words();
        Self { words, expires }
    }

    /// Writes down when it expires, after it has had removed what has expired already: it is not there yet.
    pub(super) fn note(&self, context: &Context, settings: &Settings, docker: &Docker) {
        let ledger = Ledger::of(context, settings.current_context.as_deref());
        ledger.prune_on_the_way(docker);
        if let Some(expires) = self.expires {
            ledger.note(expires);
        }
    }
}
