//! What became of a one-shot command, as JSON. docs/do.schema.json describes it for those who read it, and a test holds
//! the two against each other; what changes there for a reader changes [`SCHEMA_VERSION`].

mod change;
mod failure;
mod signal;

use std::ffi::{OsStr, OsString};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

pub use change::Change;
pub use failure::{Code, Failure};
pub use signal::signal_name;

use crate::settings::one_shot::{OneShot, Swap};

/// Of docs/do.schema.json.
pub const SCHEMA_VERSION: u32 = 1;
const BASE64: &str = "base64";

/// One command, from the beginning to the end. It serializes to one object.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the object")]
pub struct Report {
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// How it ended, or why it did not run to its end.
    pub outcome: Outcome,
    /// Whether we ended it because its time was over.
    pub timed_out: bool,
    /// Whether it was ended for want of memory.
    pub oom_killed: bool,
    /// What it wrote to standard output.
    pub stdout: Output,
    /// What it wrote to standard error.
    pub stderr: Output,
    /// When it started; where it did not, when we began.
    pub started_at: SystemTime,
    /// From then until its end.
    pub duration: Duration,
    /// What it ran in, if that was found.
    pub image: Option<Image>,
    /// The container's name, if one was made.
    pub container: Option<String>,
    /// The runtime that Docker was given.
    pub runtime: Option<String>,
    /// Whether it ran in gVisor.
    pub sandboxed: bool,
    /// Whether a container that had been started before ran it.
    pub warm: bool,
    /// What it might use, if that was decided.
    pub limits: Option<Limits>,
    /// What it changed in what it might write to.
    pub changes: Vec<Change>,
    /// For `docker sandbox changes`, where some of that waits.
    pub changes_id: Option<String>,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself with this code.
    Exited(u8),
    /// It was ended by the signal of this [name](signal_name).
    Killed(String),
    /// It did not start, or nobody knows its end.
    Failed(Failure),
}

/// What was written to one of a command's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    encoding: &'static str,
    data: String,
    bytes: u64,
    truncated: bool,
}

impl Output {
    /// The first bytes, `kept`, of `total` that were written: as text if they are UTF-8, else as base64. Of a
    /// character that was cut through at the end of what was kept, nothing is left.
    #[must_use]
    pub fn of(kept: &[u8], total: u64) -> Self {
        let bytes = total.max(kept.len() as u64);
        let truncated = bytes > kept.len() as u64;
        let text = match std::str::from_utf8(kept) {
            Ok(text) => Some(text),
            Err(error) if truncated && error.error_len().is_none() => {
                std::str::from_utf8(&kept[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        let (encoding, data) = match text {
            Some(text) => ("utf-8", text.to_owned()),
            None => (BASE64, STANDARD.encode(kept)),
        };
        Self { encoding, data, bytes, truncated }
    }
}

/// A word of a command, or a path: an object where it is no text.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Word<'a> {
    Text(&'a str),
    Bytes { encoding: &'static str, data: String },
}

impl<'a> Word<'a> {
    pub(crate) fn of(word: &'a OsStr) -> Self {
        match word.to_str() {
            Some(text) => Self::Text(text),
            None => Self::Bytes { encoding: BASE64, data: STANDARD.encode(word.as_encoded_bytes()) },
        }
    }
}

/// What a command ran in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// As it was written.
    pub name: String,
    /// `sha256:…`, if it is on the daemon. With the containerd image store it may be an index's, of several platforms.
    pub id: Option<String>,
    /// `sha256:…`, by which a registry knows it; one that was built has none.
    pub digest: Option<String>,
    /// Of the image that ran: `linux/amd64`, `linux/arm64/v8`.
    pub platform: Option<String>,
}

/// What a command might use. Sizes are in bytes; `None` is no limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limits {
    /// Processors' time.
    pub cpus: f64,
    /// Memory.
    pub memory: u64,
    /// Memory and swap together.
    pub memory_swap: Option<u64>,
    /// Processes and threads.
    pub pids_limit: u32,
    /// The container's own file system.
    pub disk: Option<u64>,
    /// Milliseconds.
    pub timeout_ms: u64,
    /// What is kept of each output.
    pub max_output: u64,
    /// Whether the container is held to the first four.
    pub enforced: bool,
}

impl Limits {
    /// What the settings say. `enforced`: whether the cgroup ones hold.
    #[must_use]
    pub fn of(settings: &OneShot, enforced: bool) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "no machine has millions of processors")]
        let cpus = settings.cpus.value.0 as f64 / 1e9;
        let memory = settings.memory.value;
        Self {
            cpus,
            memory,
            memory_swap: match settings.memory_swap.value {
                Swap::None => Some(memory),
                Swap::Total(total) => Some(total),
                Swap::Unlimited => None,
            },
            pids_limit: settings.pids_limit.value,
            disk: settings.disk.value,
            timeout_ms: millis(settings.timeout.value),
            max_output: settings.max_output.value,
            enforced,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The object, in the order of its fields.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the object")]
struct Object<'a> {
    schema_version: u32,
    command: Vec<Word<'a>>,
    exit_code: Option<u8>,
    signal: Option<&'a str>,
    timed_out: bool,
    oom_killed: bool,
    stdout: &'a Output,
    stderr: &'a Output,
    started_at: String,
    duration_ms: u64,
    image: Option<&'a Image>,
    container: Option<&'a str>,
    runtime: Option<&'a str>,
    sandboxed: bool,
    warm: bool,
    limits: Option<&'a Limits>,
    changes: &'a [Change],
    changes_id: Option<&'a str>,
    error: Option<&'a Failure>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (exit_code, signal, error) = match &self.outcome {
            Outcome::Exited(code) => (Some(*code), None, None),
            Outcome::Killed(signal) => (None, Some(signal.as_str()), None),
            Outcome::Failed(failure) => (None, None, Some(failure)),
        };
        let object = Object {
            schema_version: SCHEMA_VERSION,
            command: self.command.iter().map(|word| Word::of(word)).collect(),
            exit_code,
            signal,
            timed_out: self.timed_out,
            oom_killed: self.oom_killed,
            stdout: &self.stdout,
            stderr: &self.stderr,
            started_at: humantime::format_rfc3339_millis(self.started_at.max(UNIX_EPOCH)).to_string(),
            duration_ms: millis(self.duration),
            image: self.image.as_ref(),
            container: self.container.as_deref(),
            runtime: self.runtime.as_deref(),
            sandboxed: self.sandboxed,
            warm: self.warm,
            limits: self.limits.as_ref(),
            changes: &self.changes,
            changes_id: self.changes_id.as_deref(),
            error,
        };
        object.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
