//! Why a command did not run to its end, for programs.

use serde::{Serialize, Serializer};

use crate::error::{self, Hint};

/// The one list of codes: the name that programs see, and what it means to them.
macro_rules! codes {
    ($($variant:ident, $name:literal, $meaning:literal;)+) => {
        /// What kind of failure it was. Programs rely on the names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)+
        }

        impl Code {
            /// All of them, in the order of docs/do.schema.json.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

codes! {
    Usage, "usage", "The command line is wrong, or a file that it names.";
    Settings, "settings", "A setting is wrong: in config.json, the environment or a project's file.";
    Policy, "policy", "The machine's policy forbids what was asked for.";
    DockerNotFound, "docker-not-found", "There is no docker to start.";
    DaemonUnreachable, "daemon-unreachable", "The daemon did not answer.";
    NoGvisor, "no-gvisor", "The daemon has no gVisor that can be used.";
    RuleDenied, "rule-denied", "A rule over what is started forbids it.";
    Limits, "limits", "The daemon cannot hold the container to one of the limits.";
    Image, "image", "The image is not there and cannot be pulled.";
    TooMany, "too-many", "As many commands run as may at a time, and waiting was not asked for or took too long.";
    StartFailed, "start-failed", "The container was not started, or the command in it.";
    DaemonLost, "daemon-lost", "The daemon stopped answering while the command ran: nobody knows its end.";
    SandboxFailed, "sandbox-failed", "gVisor itself ended while the command ran: nobody knows the command's end.";
    Stopped, "stopped", "Somebody stopped us, by a signal say, before the command ended.";
    Internal, "internal", "Anything else; most likely a mistake of ours.";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A failure: what people see of an error, and a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind.
    pub code: Code,
    /// In words, with what caused it.
    pub message: String,
    /// What can be done about it.
    pub hints: Vec<Hint>,
}

impl Failure {
    /// `error`, which is of the kind `code`.
    #[must_use]
    pub fn of(code: Code, error: &anyhow::Error) -> Self {
        let (mut message, body) = (error::message(error), error::body(error));
        if !body.is_empty() {
            message.push('\n');
            message.push_str(&body);
        }
        Self { code, message, hints: error::hints(error) }
    }
}
