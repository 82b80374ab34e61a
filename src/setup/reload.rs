//! The daemon made to read its configuration again; it is never restarted.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use super::daemon_json::Entry;
use super::steps;
use crate::docker::ask;
use crate::docker::client::Docker;
use crate::docker::daemon::DaemonProcess;
use crate::docker::info::Runtime;
use crate::docker::service::Service;
use crate::docker::stop::Stop;
use crate::error::Error;
use crate::ui::shown;

/// How long a daemon may take to show what it has read.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a reload may be under way; longer only where it failed.
const SETTLED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// What the daemon has to say about a runtime's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want<'a> {
    /// It is registered so.
    Is(&'a Entry),
    /// It is registered, and not so.
    IsNot(&'a Entry),
    /// It is not registered.
    Gone,
}

/// A running daemon, and the `docker` that asks it.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// The client.
    pub docker: Docker,
    /// The process; `None` where it is not known, so that nobody is told.
    pub process: Option<DaemonProcess>,
    /// Its user.
    pub owner: u32,
}

impl Daemon {
    /// Sends SIGHUP and waits until `name` is registered as wanted.
    /// Source: `daemon/reload.go` in moby. The log says "Reloaded configuration" also after a
    /// failure, so the daemon is asked.
    ///
    /// # Errors
    /// The process is another one by now, or does not show what was asked for, or
    /// [`steps::Interrupted`].
    pub fn reload(&self, name: &str, want: Want<'_>, stop: &Stop) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("the daemon's process is not known")?;
        let pid = Pid::from_raw(process.pid()).filter(|_| process.still_runs(self.owner));
        let pid = pid
            .with_context(|| format!("the daemon (process {}) has ended or was restarted", process.pid()))?;
        kill_process(pid, Signal::HUP).with_context(|| format!("cannot signal process {}", process.pid()))?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let last = match self.shows(name, want) {
                Ok(true) => return Ok(()),
                Ok(false) => None,
                Err(error) => Some(error),
            };
            steps::go_on(stop)?;
            if Instant::now() >= deadline {
                let what = if let Want::Is(_) = want { "take up" } else { "drop" };
                let limit = humantime::format_duration(LIMIT);
                let message = format!("the daemon did not {what} the runtime {} within {limit}", shown(name));
                let service = Service::of_process(process);
                let mut error = Error::new(message)
                    .hint("see what it says:", service.command("sudo journalctl -u docker -n 20"));
                if !service.is_rootless() {
                    error = error.hint("systemd's own way to reload it:", "sudo systemctl reload docker");
                }
                let error = error.hint(
                    "a restart takes it up for sure, and stops running containers:",
                    service.command("sudo systemctl restart docker"),
                );
                return Err(last.map_or(error.into(), |last| last));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until a reload that is under way is over: the daemon reads the file some time before it
    /// shows what is in it, and would show `entry` after having been seen without it.
    pub fn settle(&self, name: &str, entry: &Entry) {
        let deadline = Instant::now() + SETTLED;
        while !self.shows(name, Want::Is(entry)).unwrap_or(true) && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether the daemon says so.
    ///
    /// # Errors
    /// It does not answer.
    pub fn shows(&self, name: &str, want: Want<'_>) -> anyhow::Result<bool> {
        let runtimes = ask::runtimes(&self.docker, LIMIT)?;
        let is = |runtime: &Runtime, entry: &Entry| {
            runtime.path.as_deref() == Some(&entry.path)
                && runtime.runtime_args.as_deref().unwrap_or_default() == entry.args
        };
        Ok(match (runtimes.get(name), want) {
            (None, Want::Gone) => true,
            (Some(runtime), Want::Is(entry)) => is(runtime, entry),
            (Some(runtime), Want::IsNot(entry)) => !is(runtime, entry),
            _ => false,
        })
    }
}
