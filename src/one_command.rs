//! [`Sandbox`]: `docker sandbox do` for programs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::commands::one_shot::{self, Access, Folder, Manner, Outcome, Request, Wait};
use crate::context::{Context, Environment};
use crate::docker::plugin_file;
use crate::plugin::invocation::{Call, Invocation};
use crate::sandbox::execution::{self, Input, Output as Streams};
use crate::sandbox::report::{Code, Failure, Report};

/// A fresh sandbox for one command that nobody has reviewed: a container in gVisor, bounded, and gone afterwards.
///
/// Everything means the same as for `docker sandbox do`, whose guide is docs/do.md; so do the settings, the rules and the
/// machine's policy, which are read at each start. What is not said here is as they say.
///
/// ```no_run
/// use std::time::Duration;
///
/// let done = docker_sandbox::Sandbox::new()
///     .image("python:3")
///     .folder("/src/project")
///     .timeout(Duration::from_secs(60))
///     .stdin("print(6 * 7)")
///     .run(["python3", "-"])?;
/// assert!(done.succeeded());
/// assert_eq!(done.stdout, b"42\n");
/// # Ok::<(), docker_sandbox::Failed>(())
/// ```
///
/// The process may be killed: the container then ends at its deadline, and at once where the plugin is installed, whose
/// program minds it.
#[derive(Debug, Clone, Default)]
pub struct Sandbox {
    request: Request,
    stdin: Vec<u8>,
    folder: Option<PathBuf>,
    context: Option<OsString>,
}

/// A command that was started, and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub exit_code: Option<u8>,
    /// The signal that ended it: `SIGKILL`.
    pub signal: Option<String>,
    /// Its standard output, as far as it was kept ([`Sandbox::max_output`]).
    pub stdout: Vec<u8>,
    /// Its standard error, likewise.
    pub stderr: Vec<u8>,
    /// The same and everything else, as `--format json` has it.
    pub report: Report,
}

impl Finished {
    /// Whether its exit code was 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.exit_code == Some(0)
    }
}

/// A command that was not started, or of whose end nobody knows.
#[derive(Debug)]
pub struct Failed {
    /// Why, for programs and for people.
    pub failure: Failure,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.failure.message)
    }
}

impl std::error::Error for Failed {}

impl Sandbox {
    /// One with the settings' limits, the process's working folder read-only, and no network.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `--image`.
    #[must_use]
    pub fn image(mut self, name: impl Into<String>) -> Self {
        self.request.image = Some(name.into());
        self
    }

    /// `--platform`: `linux/arm64`.
    #[must_use]
    pub fn platform(mut self, name: impl Into<String>) -> Self {
        self.request.platform = Some(name.into());
        self
    }

    /// The working folder, instead of the process's.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// `--write`.
    #[must_use]
    pub fn write(mut self) -> Self {
        self.request.access = Access::Write;
        self
    }

    /// `--discard`.
    #[must_use]
    pub fn discard(mut self) -> Self {
        self.request.access = Access::Discard;
        self
    }

    /// `--mount PATH` or `--mount PATH:rw`.
    #[must_use]
    pub fn mount(mut self, path: impl Into<PathBuf>, writable: bool) -> Self {
        self.request.folders.push(Folder { path: path.into(), writable });
        self
    }

    /// `--env NAME=VALUE`.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let mut variable = name.as_ref().to_owned();
        variable.push("=");
        variable.push(value);
        self.request.env.push(variable);
        self
    }

    /// `--user`.
    #[must_use]
    pub fn user(mut self, user: impl Into<OsString>) -> Self {
        self.request.user = Some(user.into());
        self
    }

    /// `--workdir`.
    #[must_use]
    pub fn workdir(mut self, path: impl Into<PathBuf>) -> Self {
        self.request.workdir = Some(path.into());
        self
    }

    /// `--network`.
    #[must_use]
    pub fn network(mut self, name: impl Into<OsString>) -> Self {
        self.request.network = Some(name.into());
        self
    }

    /// `--runtime`.
    #[must_use]
    pub fn runtime(mut self, name: impl Into<OsString>) -> Self {
        self.request.runtime = Some(name.into());
        self
    }

    /// `--cpus`.
    #[must_use]
    pub fn cpus(mut self, count: f64) -> Self {
        self.request.cpus = Some(count.to_string());
        self
    }

    /// `--memory`, in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.request.memory = Some(bytes.to_string());
        self
    }

    /// `--pids-limit`.
    #[must_use]
    pub fn pids_limit(mut self, count: u32) -> Self {
        self.request.pids_limit = Some(count.to_string());
        self
    }

    /// `--timeout`.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.request.timeout = Some(humantime::format_duration(limit).to_string());
        self
    }

    /// `--max-output`, in bytes of each output.
    #[must_use]
    pub fn max_output(mut self, bytes: u64) -> Self {
        self.request.max_output = Some(bytes.to_string());
        self
    }

    /// What the command reads; nothing without it.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// `--wait`: where too many run, waits for one to end, as long as it takes.
    #[must_use]
    pub fn wait(mut self) -> Self {
        self.request.wait = Wait::ForEver;
        self
    }

    /// `--wait=DURATION`.
    #[must_use]
    pub fn wait_for(mut self, limit: Duration) -> Self {
        self.request.wait = Wait::For(limit);
        self
    }

    /// `--warm`, at most [`MAX_WARM`](crate::settings::one_shot::values::MAX_WARM): uses a spare if there is one. Spares are made by the plugin's program, where it is installed.
    #[must_use]
    pub fn warm(mut self, count: u32) -> Self {
        self.request.warm = Some(count.to_string());
        self
    }

    /// `--allow RULE`.
    #[must_use]
    pub fn allow(mut self, rule: impl Into<OsString>) -> Self {
        self.request.ours.allow.push(rule.into());
        self
    }

    /// Docker's `--context`.
    #[must_use]
    pub fn docker_context(mut self, name: impl Into<OsString>) -> Self {
        self.context = Some(name.into());
        self
    }

    /// Runs the command, to its end.
    ///
    /// # Errors
    /// It was not started, or nobody knows how it ended. A command that failed is no error.
    pub fn run<S: Into<OsString>>(&self, command: impl IntoIterator<Item = S>) -> Result<Finished, Failed> {
        let began = SystemTime::now();
        let mut request = self.request.clone();
        request.command = command.into_iter().map(Into::into).collect();
        let done = self.start(&request);
        let report = one_shot::report(&request, &done, began);
        match (done, &report.outcome) {
            (Ok(outcome), crate::sandbox::report::Outcome::Exited(code)) => {
                Ok(finished(outcome, Some(*code), None, &report))
            }
            (Ok(outcome), crate::sandbox::report::Outcome::Killed(signal)) => {
                Ok(finished(outcome, None, Some(signal.clone()), &report))
            }
            (_, crate::sandbox::report::Outcome::Failed(failure)) => Err(Failed { failure: failure.clone() }),
            (Err(error), _) => Err(Failed { failure: Failure::of(Code::Internal, &error) }),
        }
    }

    fn start(&self, request: &Request) -> anyhow::Result<Outcome> {
        let mut environment = Environment::read();
        if let Some(folder) = &self.folder {
            environment.folder = environment.folder.join(folder);
            environment.folder_in_words = environment.folder_in_words.join(folder);
        }
        let globals = match &self.context {
            Some(name) => vec!["--context".into(), name.clone()],
            None => Vec::new(),
        };
        let words: Vec<OsString> = globals.iter().cloned().chain(request.words()).collect();
        let invocation = Invocation { globals, through_docker: false, call: Call::Command(Vec::new()) };
        let mut context = Context::new(environment, &invocation);
        context.program = plugin_file::ours(context.config_json().as_deref().and_then(Path::parent));
        let manner = Manner {
            output: Streams::Kept(0),
            input: Input::Bytes(self.stdin.clone()),
            terminal: false,
            words,
            folder: Some(context.environment.folder_in_words.clone()),
            silent: true,
            reports: true,
        };
        one_shot::execute(&context, request, &manner, &execution::inbox())
    }
}

fn finished(outcome: Outcome, exit_code: Option<u8>, signal: Option<String>, report: &Report) -> Finished {
    Finished {
        exit_code,
        signal,
        stdout: outcome.ended.stdout.bytes,
        stderr: outcome.ended.stderr.bytes,
        report: report.clone(),
    }
}
