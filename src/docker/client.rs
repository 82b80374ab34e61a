//! The one place that starts `docker`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::program;
use super::stop::Stop;
use crate::error::{Error, Kind};
use crate::ui::{self, shown};

/// Set for every `docker` that we start, so that our own hook stays silent after it.
pub const INNER: &str = "DOCKER_SANDBOX_INNER";

/// Docker's CLI sets these for plugins. `docker run -e NAME` must not find them.
const FOR_PLUGINS: [&str; 2] = ["DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "DOCKER_CLI_PLUGIN_SOCKET"];

/// The docker CLI in use, with the global options that came before our command.
#[derive(Debug, Clone)]
pub struct Docker {
    program: PathBuf,
    globals: Vec<OsString>,
}

impl Docker {
    /// Finds `name` (a path, or a bare name on `path`) and keeps `globals` for every call.
    ///
    /// # Errors
    /// Docker's CLI is not there: a folder or a file that cannot be executed does not count.
    pub fn find(
        name: &OsStr,
        path: Option<&OsStr>,
        folder: &Path,
        globals: &[OsString],
    ) -> anyhow::Result<Self> {
        let program = program::find(name, path, folder).ok_or_else(|| {
            let place = if name.as_encoded_bytes().contains(&b'/') { "" } else { " on PATH" };
            Error::new(format!("docker is not installed: no program {}{place}", shown(name)))
                .kind(Kind::DockerNotFound)
                .hint(
                    "install Docker's command line (Debian, Ubuntu; other systems: https://docs.docker.com/engine/install):",
                    "sudo apt-get install docker.io",
                )
                .hint("or, if it is installed, put its folder on PATH:", "export PATH=\"$PATH:/usr/local/bin\"")
        })?;
        Ok(Self { program, globals: globals.to_vec() })
    }

    /// The same for the daemon behind `socket`, whichever is in use.
    #[must_use]
    pub fn at(&self, socket: &Path) -> Self {
        let mut host = OsString::from("--host=unix://");
        host.push(socket);
        Self { program: self.program.clone(), globals: vec![host] }
    }

    /// `docker GLOBALS ARGS`.
    pub fn command<S: Into<OsString>>(&self, args: impl IntoIterator<Item = S>) -> DockerCommand {
        let mut words = self.globals.clone();
        words.extend(args.into_iter().map(Into::into));
        DockerCommand { program: self.program.clone(), args: words }
    }

    /// The program in use.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The global options of every call.
    #[must_use]
    pub fn globals(&self) -> &[OsString] {
        &self.globals
    }

    /// The command line that a user types for `args`, global options included.
    pub fn shown<S: Into<OsString>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let mut words = vec![OsString::from("docker")];
        words.extend(self.globals.clone());
        words.extend(args.into_iter().map(Into::into));
        ui::shell_line(words)
    }
}

/// A `docker` command line, not yet started. Displays as one that can be pasted.
#[derive(Debug, Clone)]
pub struct DockerCommand {
    program: PathBuf,
    args: Vec<OsString>,
}

/// What a finished `docker` said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Does not wait for it: something that it started, ssh say, may hold its output open.
fn kill(handle: &duct::Handle) {
    handle.pids().into_iter().for_each(kill_pid);
}

/// How a `docker` ended that could have been stopped.
#[derive(Debug, Clone)]
pub enum Ending {
    /// By itself.
    Answered(Answer),
    /// It took too long and was killed.
    TimedOut,
    /// Somebody asked for its end, and it was killed.
    Stopped,
}

impl DockerCommand {
    /// Runs it with `input` on its stdin and keeps its output, until it ends, `limit` is over or
    /// `stop` is asked for. The terminal's Ctrl-C does not reach it: whoever started something with
    /// it wants to tidy up first.
    ///
    /// # Errors
    /// It could not be started.
    pub fn answer_unless(&self, stop: &Stop, input: Vec<u8>, limit: Duration) -> anyhow::Result<Ending> {
        let deadline = Instant::now() + limit;
        let handle = self
            .question(input)
            .before_spawn(|command| {
                command.process_group(0);
                Ok(())
            })
            .start()
            .with_context(|| self.cannot_run())?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let slice = left.min(Duration::from_millis(50));
            if let Some(output) =
                handle.wait_timeout(slice).with_context(|| format!("cannot wait for `{self}`"))?
            {
                return Ok(Ending::Answered(Answer::of(output)));
            }
            let stopped = stop.signal().is_some();
            if stopped || left.is_zero() {
                kill(&handle);
                return Ok(if stopped { Ending::Stopped } else { Ending::TimedOut });
            }
        }
    }

    /// Runs it without stdin and keeps its output, or `None` if it did not end within `limit`.
    ///
    /// # Errors
    /// It could not be started.
    pub fn answer_within(&self, limit: Duration) -> anyhow::Result<Option<Answer>> {
        // An empty pipe, and not /dev/null, which an empty root does not have.
        let handle = self.question(Vec::new()).start().with_context(|| self.cannot_run())?;
        IN_FLIGHT.store(handle.pids().first().copied().unwrap_or(0), Ordering::SeqCst);
        let output = handle.wait_timeout(limit);
        IN_FLIGHT.store(0, Ordering::SeqCst);
        let Some(output) = output.with_context(|| format!("cannot wait for `{self}`"))? else {
            kill(&handle);
            return Ok(None);
        };
        Ok(Some(Answer::of(output)))
    }

    /// Starts it with our own stdin, stdout and stderr, in our own process group.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn(&self) -> anyhow::Result<Child> {
        self.std().spawn().with_context(|| self.cannot_run())
    }

    /// Starts it as `prepare` has it: streams, process group.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn_with(&self, prepare: impl FnOnce(&mut Command)) -> anyhow::Result<Child> {
        let mut command = self.std();
        prepare(&mut command);
        command.spawn().with_context(|| self.cannot_run())
    }

    /// Runs it to its end, however long that takes, and keeps its stderr. Its stdout, progress say, goes to our own
    /// stderr, or nowhere.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run_aside(&self, silent: bool) -> anyhow::Result<Answer> {
        let ours = if silent { None } else { rustix::stdio::stderr().try_clone_to_owned().ok() };
        let mut command = self.std();
        command
            .stdin(Stdio::null())
            .stdout(ours.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::piped());
        let child = command.spawn().with_context(|| self.cannot_run())?;
        IN_FLIGHT.store(child.id(), Ordering::SeqCst);
        let ended = child.wait_with_output();
        IN_FLIGHT.store(0, Ordering::SeqCst);
        Ok(Answer::of(&ended.with_context(|| format!("cannot wait for `{self}`"))?))
    }

    /// Starts it with a pipe for its stdout, and nothing else: for what goes on and on.
    ///
    /// # Errors
    /// It could not be started.
    pub fn stream(&self) -> anyhow::Result<Child> {
        let mut command = self.std();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().with_context(|| self.cannot_run())
    }

    /// Replaces this process by it. Returns only the error that prevented that.
    #[must_use]
    pub fn exec(&self) -> anyhow::Error {
        anyhow::Error::new(self.std().exec()).context(self.cannot_run())
    }

    /// With `input` on its stdin, both outputs kept, and the environment of [`DockerCommand::std`].
    fn question(&self, input: Vec<u8>) -> duct::Expression {
        FOR_PLUGINS
            .iter()
            .fold(duct::cmd(&self.program, &self.args), |command, name| command.env_remove(name))
            .stdin_bytes(input)
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .env(INNER, "1")
    }

    fn cannot_run(&self) -> Error {
        Error::new(format!("cannot run `{}`", ui::plain(&self.to_string())))
            .hint("see what that program is:", format!("head -c 80 {}", ui::shell_line([&self.program])))
    }

    fn std(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env(INNER, "1");
        for name in FOR_PLUGINS {
            command.env_remove(name);
        }
        command
    }
}

/// The question that is being waited for, so that whoever ends us early can end it as well.
static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

/// Kills the `docker` that a question is waiting for, if there is one.
pub fn abandon_question() {
    kill_pid(IN_FLIGHT.load(Ordering::SeqCst));
}

fn kill_pid(pid: u32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

impl fmt::Display for DockerCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words =
            std::iter::once(self.program.as_os_str()).chain(self.args.iter().map(OsString::as_os_str));
        f.write_str(&ui::shell_line(words))
    }
}
