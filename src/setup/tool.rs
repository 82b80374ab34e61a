//! The one place that starts programs other than `docker` for what they do: curl, bzip2, apt-get, dockerd, runsc.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

use super::ownership;
use super::steps::Interrupted;
use crate::docker::program;
use crate::docker::stop::Stop;
use crate::error::Error;
use crate::ui;

/// Where programs are found, and who may end them.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `PATH`, without what somebody else could put programs into.
    path: OsString,
    /// Asked while a program runs.
    pub stop: Stop,
}

/// Where programs are without a `PATH`, and root's own on one that leaves them out.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";
const ROOTS: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Where else these programs look for their configuration.
const CONFIGURATION: [&str; 4] = ["XDG_CONFIG_HOME", "CURL_HOME", "WGETRC", "APT_CONFIG"];

/// A program and its arguments.
#[derive(Debug, Clone)]
pub struct Job {
    program: OsString,
    args: Vec<OsString>,
    limit: Duration,
    visible: bool,
    output: Option<(PathBuf, u64)>,
}

impl Job {
    /// `program ARGS`, for at most a minute, without stdin, its output kept.
    pub fn new<S: Into<OsString>>(program: impl Into<OsString>, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, limit: Duration::from_secs(60), visible: false, output: None }
    }

    /// For at most `limit`.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Its stderr is ours, if `visible`: a progress bar.
    #[must_use]
    pub fn visible(mut self, visible: bool) -> Self {
        self.visible = visible;
        self
    }

    /// It writes `file`, and is ended if that gets larger than `bytes`.
    #[must_use]
    pub fn writes(mut self, file: &Path, bytes: u64) -> Self {
        self.output = Some((file.to_owned(), bytes));
        self
    }

    fn outgrown(&self) -> bool {
        self.output.as_ref().is_some_and(|(file, most)| {
            std::fs::symlink_metadata(file).is_ok_and(|about| about.len() > *most)
        })
    }
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&ui::shell_line(std::iter::once(&self.program).chain(&self.args)))
    }
}

impl Tools {
    /// Programs on `path` that only root and the caller can change, else where root's are.
    #[must_use]
    pub fn new(path: Option<&OsStr>, stop: Stop) -> Self {
        let path = std::env::split_paths(path.unwrap_or(OsStr::new(USUAL)));
        let folders = path.filter(|folder| ownership::is_ours(folder)).chain(std::env::split_paths(ROOTS));
        Self { path: std::env::join_paths(folders).unwrap_or_else(|_| USUAL.into()), stop }
    }

    /// The program of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        program::find(OsStr::new(name), Some(&self.path), Path::new("/"))
    }

    /// `job` in a process group of its own, which finds programs where we do. Ctrl-C does not reach it.
    fn expression(&self, job: &Job) -> duct::Expression {
        let program =
            job.program.to_str().filter(|name| !name.contains('/')).and_then(|name| self.find(name));
        let program = program.map_or_else(|| job.program.clone(), PathBuf::into_os_string);
        let command = duct::cmd(program, &job.args).stdout_capture().unchecked();
        let mut command = if job.visible { command } else { command.stderr_capture() };
        if rustix::process::geteuid().is_root() {
            // sudo may have left root the user's: curl, wget and dpkg take options from there, commands among them.
            command = command.env("HOME", "/root");
            for variable in CONFIGURATION {
                command = command.env_remove(variable);
            }
        }
        command
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .before_spawn(|command| {
                std::os::unix::process::CommandExt::process_group(command, 0);
                Ok(())
            })
    }

    /// Starts `job`, which reads `input` from where that is, to have its output read.
    ///
    /// # Errors
    /// It could not be started.
    pub fn stream(&self, job: &Job, input: &File) -> anyhow::Result<Stream> {
        let cannot = || format!("cannot run `{job}`");
        let input = input.try_clone().with_context(cannot)?;
        let reader = self.expression(job).stdin_file(input).reader().with_context(cannot)?;
        Ok(Stream::Program { reader: Box::new(reader), job: job.to_string(), ended: false })
    }

    /// Runs `job` to its end, whatever that is. Ctrl-C does not reach it: we end it.
    ///
    /// # Errors
    /// It could not be started, took too long, or [`Interrupted`].
    pub fn run(&self, job: &Job) -> anyhow::Result<Output> {
        let deadline = Instant::now() + job.limit;
        let handle =
            self.expression(job).stdin_null().start().with_context(|| format!("cannot run `{job}`"))?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let slice = left.min(Duration::from_millis(50));
            if let Some(output) =
                handle.wait_timeout(slice).with_context(|| format!("cannot wait for `{job}`"))?
            {
                return Ok(output.clone());
            }
            let stopped = self.stop.signal();
            let outgrown = job.outgrown();
            if stopped.is_some() || left.is_zero() || outgrown {
                for pid in handle.pids() {
                    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                        let _ = kill_process_group(pid, Signal::KILL);
                    }
                }
                if let Some(signal) = stopped {
                    return Err(Interrupted(signal).into());
                }
                if let Some((file, most)) = job.output.as_ref().filter(|_| outgrown) {
                    let message = format!("{} would have more than {} MB", ui::shown(file), most >> 20);
                    return Err(Error::new(message).into());
                }
                let limit = humantime::format_duration(job.limit);
                return Err(Error::new(format!("`{job}` did not end within {limit}")).into());
            }
        }
    }

    /// Runs `job`; that it fails is an error, with what it said last.
    ///
    /// # Errors
    /// As for [`Tools::run`], or its exit code is not 0.
    pub fn succeed(&self, job: &Job) -> anyhow::Result<String> {
        let output = self.run(job)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::new(format!("`{job}` failed: {}", complaint(&output))).into())
    }
}

/// What a program writes, or a file.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    File(File),
    /// A program's output.
    Program {
        /// Its stdout.
        reader: Box<duct::ReaderHandle>,
        /// Its command line.
        job: String,
        /// Whether it has been read to its end.
        ended: bool,
    },
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Program { reader, ended, .. } => {
                let length = reader.read(into)?;
                *ended |= length == 0 && !into.is_empty();
                Ok(length)
            }
        }
    }
}

impl Stream {
    /// Ends it. Returns what the program complained of, if it was read to its end and has failed.
    #[must_use]
    pub fn end(self) -> Option<String> {
        let Self::Program { reader, job, ended } = self else { return None };
        if !ended {
            let _ = reader.kill();
            return None;
        }
        let output = reader.try_wait().ok().flatten()?;
        (!output.status.success()).then(|| format!("`{job}` failed: {}", complaint(output)))
    }
}

/// The last lines of what a program that failed said, on one.
#[must_use]
pub fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    if last.is_empty() { output.status.to_string() } else { ui::plain(&last) }
}
