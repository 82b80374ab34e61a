//! The one place that starts programs other than `docker` for what they do: curl, tar, apt-get, dockerd, runsc.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

use super::steps::Interrupted;
use crate::docker::program;
use crate::docker::stop::Stop;
use crate::error::Error;
use crate::ui;

/// Where programs are found, and who may end them.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `PATH`.
    pub path: Option<OsString>,
    /// Asked while a program runs.
    pub stop: Stop,
}

/// A program and its arguments.
#[derive(Debug, Clone)]
pub struct Job {
    program: OsString,
    args: Vec<OsString>,
    limit: Duration,
    visible: bool,
}

impl Job {
    /// `program ARGS`, for at most a minute, without stdin, its output kept.
    pub fn new<S: Into<OsString>>(program: impl Into<OsString>, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, limit: Duration::from_secs(60), visible: false }
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
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&ui::shell_line(std::iter::once(&self.program).chain(&self.args)))
    }
}

impl Tools {
    /// The program of that name on PATH, else where root's programs are.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.path.as_deref().unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
        let sbin = OsStr::new("/usr/local/sbin:/usr/sbin:/sbin");
        [path, sbin].into_iter().find_map(|path| program::find(OsStr::new(name), Some(path), Path::new("/")))
    }

    /// Runs `job` to its end, whatever that is. Ctrl-C does not reach it: we end it.
    ///
    /// # Errors
    /// It could not be started, took too long, or [`Interrupted`].
    pub fn run(&self, job: &Job) -> anyhow::Result<Output> {
        let deadline = Instant::now() + job.limit;
        let command = duct::cmd(&job.program, &job.args).stdin_null().stdout_capture().unchecked();
        let command = if job.visible { command } else { command.stderr_capture() };
        let command = command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
        let handle = command
            .before_spawn(|command| {
                std::os::unix::process::CommandExt::process_group(command, 0);
                Ok(())
            })
            .start()
            .with_context(|| format!("cannot run `{job}`"))?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let slice = left.min(Duration::from_millis(50));
            if let Some(output) =
                handle.wait_timeout(slice).with_context(|| format!("cannot wait for `{job}`"))?
            {
                return Ok(output.clone());
            }
            let stopped = self.stop.signal();
            if stopped.is_some() || left.is_zero() {
                for pid in handle.pids() {
                    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                        let _ = kill_process_group(pid, Signal::KILL);
                    }
                }
                if let Some(signal) = stopped {
                    return Err(Interrupted(signal).into());
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

/// The last lines of what a program that failed said, on one.
#[must_use]
pub fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    if last.is_empty() { output.status.to_string() } else { ui::plain(&last) }
}
