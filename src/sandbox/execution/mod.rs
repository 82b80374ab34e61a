//! One command in a container, from its start to its end: streams, signals, the deadline.
//!
//! `docker run` or `docker attach` is a child in a process group of its own, so that no signal reaches it but through
//! us; with a terminal it stays in ours, because it must read the terminal. What is to end, we end by name.

mod death;
mod outputs;
mod relay;
mod terminal;

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM};

use crate::docker::client::{Docker, DockerCommand};
use crate::error::Hint;
use crate::sandbox::guard::Report;
pub use death::Death;
pub use outputs::Kept;
use outputs::Outputs;

/// How long Docker may take to carry a signal out.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// How long outputs may go on once `docker` has ended: somebody else holds them.
const DRAIN: Duration = Duration::from_secs(2);
/// The exit code of whoever has no reader any more: 128 and SIGPIPE.
const READER_GONE: u8 = 141;
/// How long `docker` has to notice that its container is gone.
const NOTICE: Duration = Duration::from_secs(5);

/// What becomes of the command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// They are ours, untouched.
    Inherited,
    /// They come through us, so many bytes of each at the most.
    Relayed(Option<u64>),
    /// We keep them, so many bytes of each.
    Kept(u64),
}

/// What the command reads.
#[derive(Debug, Clone)]
pub enum Input {
    /// Our own standard input.
    Inherited,
    /// These bytes, and then its end.
    Bytes(Vec<u8>),
}

/// What can happen meanwhile.
#[derive(Debug)]
pub enum Event {
    /// A signal for the command.
    Signal(i32),
    /// `docker` has ended.
    Ended(std::io::Result<ExitStatus>),
    /// The guard has reported.
    Reported(Report),
    /// One of the outputs has come to its end.
    Closed,
    /// Nobody reads our output any more.
    Broken,
    /// The container that was to end has not begun: its image may be on the way, or it is `made` already.
    NotYet {
        /// Or ended, and `docker` does not notice.
        made: bool,
    },
}

/// One to be made.
#[derive(Debug)]
pub struct Execution<'a> {
    /// For signals to the container.
    pub docker: &'a Docker,
    /// What to start.
    pub command: DockerCommand,
    /// The container's name.
    pub container: &'a str,
    /// SIGTERM to the command after that…
    pub timeout: Duration,
    /// …and SIGKILL so much later; after a signal of the user's too.
    pub grace: Duration,
    /// What becomes of the outputs.
    pub output: Output,
    /// What is read.
    pub input: Input,
    /// Whether the container has a terminal: ours.
    pub terminal: bool,
    /// By what the guard's reports are known, where it makes any.
    pub report: Option<&'a str>,
    /// For a guard that waits: its block, which goes before the input.
    pub block: Option<Vec<u8>>,
    /// Whether the end is the guard's report, not Docker's.
    pub ends_with_report: bool,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Ended {
    /// How `docker` ended, 128 and its number after a signal; `None` if it was not waited for.
    pub code: Option<u8>,
    /// Whether `docker` came to its end by itself.
    pub complete: bool,
    /// What the guard reported last.
    pub report: Option<Report>,
    /// Whether it reported that the command begins.
    pub began: bool,
    /// Whether the command was told to end because its time was over.
    pub timed_out: bool,
    /// The first signal that asked for its end.
    pub stopped_by: Option<i32>,
    /// What gVisor has to do with it, where the command was not started and that was found out.
    pub hint: Option<Hint>,
    /// What was kept, or passed on.
    pub stdout: Kept,
    /// The same of standard error.
    pub stderr: Kept,
    /// What ended the container, where outputs are kept and something did that was not the command.
    pub death: Option<Death>,
}

impl Ended {
    /// Whether the command did not begin, and nobody wanted it to end.
    #[must_use]
    pub fn came_to_nothing(&self) -> bool {
        !(self.began || self.stopped_by.is_some() || self.timed_out)
    }

    /// Whether something ended the container, and not the command itself. A `docker` that was killed says nothing of it.
    fn was_killed(&self) -> bool {
        self.complete && self.began && self.report.is_none()
    }

    /// The exit code to end with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.timed_out {
            return crate::error::TIMED_OUT;
        }
        if self.stopped_by == Some(SIGPIPE) {
            return READER_GONE;
        }
        match self.report {
            Some(Report::Exited(code) | Report::NotStarted(code)) => code,
            Some(Report::Signalled(signal)) => 128 + signal,
            Some(Report::TimedOut) => crate::error::TIMED_OUT,
            Some(Report::Begins) | None => {
                let stopped = self.stopped_by.and_then(|signal| u8::try_from(128 + signal).ok());
                self.code.or(stopped).unwrap_or(crate::error::REFUSED)
            }
        }
    }
}

static STARTED: AtomicBool = AtomicBool::new(false);

/// Whether this process has started something that signals are for.
#[must_use]
pub fn has_started() -> bool {
    STARTED.load(Ordering::SeqCst)
}

/// Nothing that signals are for runs any more, and nothing will.
pub fn is_over() {
    STARTED.store(false, Ordering::SeqCst);
}

/// Where signals come from: the other end is whoever watches for them.
pub type Inbox = (Sender<Event>, Receiver<Event>);

/// A way for events.
#[must_use]
pub fn inbox() -> Inbox {
    channel()
}

impl Execution<'_> {
    /// Makes it, and waits for its end. `started` is told the process id of `docker`.
    ///
    /// # Errors
    /// Docker or a thread cannot be started.
    pub fn run(self, inbox: &Inbox, started: impl FnOnce(Pid)) -> anyhow::Result<Ended> {
        let (events, _) = inbox;
        let since = SystemTime::now();
        let mut outputs = Outputs::default();
        let mut pipes = relay::Pipes::of(&self)?;
        STARTED.store(true, Ordering::SeqCst);
        let mut child = self.command.spawn_with(|command| self.prepare(command, &mut pipes))?;
        let pid = Pid::from_child(&child);
        started(pid);
        let input = pipes.begin(&mut child, &self, events, &mut outputs)?;
        wait_in_a_thread(child, events.clone())?;
        let mut watch = Watch::new(&self, events.clone(), pid, outputs.count());
        watch.until_the_end(inbox, input);
        let mut ended = watch.ended;
        // Docker's code for it, which could be the command's own, and the container goes on.
        if self.output == Output::Inherited && ended.code == Some(1) && relay::has_lost_its_reader() {
            ended.stopped_by.get_or_insert(SIGPIPE);
        }
        outputs.finish(&mut ended);
        if matches!(self.output, Output::Kept(_)) && ended.was_killed() {
            ended.death = Some(death::of(self.docker, self.container, since));
        }
        Ok(ended)
    }

    fn prepare(&self, command: &mut Command, pipes: &mut relay::Pipes) {
        if !self.terminal {
            command.process_group(0);
        }
        pipes.connect(command);
    }
}

fn wait_in_a_thread(mut child: Child, events: Sender<Event>) -> anyhow::Result<()> {
    let waiting = Builder::new().spawn(move || drop(events.send(Event::Ended(child.wait()))));
    waiting.map(drop).context("cannot make a thread")
}

struct Watch<'a> {
    execution: &'a Execution<'a>,
    events: Sender<Event>,
    pid: Pid,
    ended: Ended,
    /// Outputs that still come, and reports of the command's end that are still to come: one on each output.
    open: usize,
    reports: usize,
    gone: bool,
    /// Whether it was seen before it began.
    made: bool,
    /// When to do the next thing, and which.
    deadline: Option<(Instant, Step)>,
}

/// What to do if a signal does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Nothing,
    /// End `docker` itself: the container is on its way.
    EndDocker,
    /// Wait for the container, if it is on its way.
    NotYet,
}

/// What to do when time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Terminate,
    Kill,
    /// Docker does not notice the end of its container.
    Abandon,
    /// Nothing more is waited for.
    GiveUp,
}

impl<'a> Watch<'a> {
    fn new(execution: &'a Execution<'a>, events: Sender<Event>, pid: Pid, outputs: usize) -> Self {
        let limited = !execution.timeout.is_zero();
        let deadline = limited.then(|| (Instant::now() + execution.timeout, Step::Terminate));
        let ended = Ended::default();
        Self { execution, events, pid, ended, open: outputs, reports: 2, gone: false, made: false, deadline }
    }

    fn until_the_end(&mut self, (_, inbox): &Inbox, mut input: Option<relay::Start>) {
        while !self.is_over() {
            let event = match self.deadline {
                Some((at, _)) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Signal(signal)) => self.pass_on(signal),
                // Once: there is one for each piece that nobody reads.
                Ok(Event::Broken) if self.ended.stopped_by == Some(SIGPIPE) => {}
                Ok(Event::Broken) => self.stop(SIGPIPE, SIGKILL),
                // From its beginning on, the guard watches over its time.
                Ok(Event::NotYet { .. }) if self.ended.stopped_by.is_some() => {}
                Ok(Event::NotYet { made: true }) if self.made => drop(kill_process(self.pid, Signal::KILL)),
                Ok(Event::NotYet { made }) => {
                    self.made = made;
                    self.ended.timed_out = false;
                    let again = self.execution.timeout + self.execution.grace;
                    self.deadline = Some((Instant::now() + again, Step::Terminate));
                }
                Ok(Event::Closed) => self.open = self.open.saturating_sub(1),
                Ok(Event::Reported(Report::Begins)) => {
                    self.ended.began = true;
                    if let Some(input) = input.take() {
                        input.go();
                    }
                }
                Ok(Event::Reported(report)) => {
                    self.ended.report = Some(report);
                    self.reports = self.reports.saturating_sub(1);
                }
                Ok(Event::Ended(status)) => self.note_end(status.ok()),
                Err(RecvTimeoutError::Timeout) => self.next_step(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        if !self.gone {
            // Docker would wait for the container to be taken down.
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    fn is_over(&self) -> bool {
        // With the outputs, our terminal has been given back.
        let reported = self.execution.ends_with_report && self.reports == 0 && self.open == 0;
        let given_up = matches!(self.deadline, Some((at, Step::GiveUp)) if at <= Instant::now());
        reported || given_up || self.gone && self.open == 0
    }

    fn note_end(&mut self, status: Option<ExitStatus>) {
        self.gone = true;
        self.ended.complete = status.is_some_and(|status| status.code().is_some());
        // One that we have killed says nothing of the command.
        let code = status.and_then(|status| match self.ended.stopped_by {
            Some(_) => status.code(),
            None => status.code().or_else(|| Some(128 + status.signal()?)),
        });
        self.ended.code = code.and_then(|code| u8::try_from(code).ok());
        self.deadline = Some((Instant::now() + DRAIN, Step::GiveUp));
    }

    fn pass_on(&mut self, signal: i32) {
        if matches!(signal, SIGHUP | SIGINT | SIGQUIT | SIGTERM) {
            self.stop(signal, signal);
        } else {
            self.send(signal, Otherwise::Nothing);
        }
    }

    /// Ends the command because of `why`, now with `signal`, and for certain after the time that it is given.
    fn stop(&mut self, why: i32, signal: i32) {
        if self.gone {
            return;
        }
        self.ended.stopped_by.get_or_insert(why);
        self.send(signal, Otherwise::EndDocker);
        let hard = Instant::now() + self.execution.grace;
        if self.deadline.is_none_or(|(at, step)| step == Step::Terminate || at > hard) {
            let next = if signal == SIGKILL { Step::Abandon } else { Step::Kill };
            self.deadline = Some((hard, next));
        }
    }

    fn next_step(&mut self) {
        let now = Instant::now();
        match self.deadline.take() {
            Some((_, Step::Terminate)) => {
                self.ended.timed_out = true;
                self.send(SIGTERM, Otherwise::NotYet);
                self.deadline = Some((now + self.execution.grace, Step::Kill));
            }
            Some((_, Step::Kill)) => {
                self.send(SIGKILL, Otherwise::EndDocker);
                self.deadline = Some((now + NOTICE, Step::Abandon));
            }
            Some((_, Step::Abandon)) => {
                let _ = kill_process(self.pid, Signal::KILL);
                self.deadline = Some((now + NOTICE, Step::GiveUp));
            }
            Some((_, Step::GiveUp)) | None => self.deadline = Some((now, Step::GiveUp)),
        }
    }

    /// `signal` to the container.
    fn send(&self, signal: i32, otherwise: Otherwise) {
        let signal = signal.to_string();
        let command = self.execution.docker.command(["kill", "--signal", &signal, self.execution.container]);
        let (pid, events) = (self.pid, self.events.clone());
        // Not waited for: the next signal may come before the daemon answers.
        let sending = move || {
            let done = command.answer_within(KILL_LIMIT).ok().flatten();
            if done.as_ref().is_some_and(|done| done.status.success()) {
                return;
            }
            let said = done.map(|done| done.stderr.to_lowercase()).unwrap_or_default();
            let made = said.contains("is not running");
            let is_to_come = made || said.contains("no such container");
            match otherwise {
                Otherwise::Nothing => {}
                Otherwise::NotYet if is_to_come => drop(events.send(Event::NotYet { made })),
                Otherwise::NotYet | Otherwise::EndDocker => drop(kill_process(pid, Signal::KILL)),
            }
        };
        let _ = Builder::new().spawn(sending);
    }
}
