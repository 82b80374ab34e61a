//! The streams of `docker`: ours, or pipes that we stand in.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::isatty;

use super::outputs::{Expected, Outputs, Sink, Which};
use super::terminal::Terminal;
use super::{Event, Execution, Input, Output};

/// Lets the command's input through.
pub(super) struct Start(Sender<()>);

impl Start {
    /// The command begins: what is read from here on is its own.
    pub(super) fn go(self) {
        let _ = self.0.send(());
    }
}

/// The streams of one execution.
pub(super) struct Pipes {
    /// Whether its input comes through us.
    feeds: bool,
    /// Whether its outputs do.
    reads: bool,
    /// One pipe for both outputs, which keeps their order.
    both: Option<(File, OwnedFd)>,
    terminal: Option<Terminal>,
}

impl Pipes {
    pub(super) fn of(execution: &Execution<'_>) -> anyhow::Result<Self> {
        let waits = execution.block.is_some();
        if waits && execution.terminal {
            let terminal = Terminal::open().context("cannot make a terminal")?;
            return Ok(Self { feeds: true, reads: true, both: None, terminal: Some(terminal) });
        }
        // In a group of its own, `docker` may not read a terminal.
        let ours = matches!(execution.input, Input::Inherited);
        let feeds = waits || !ours || !execution.terminal && isatty(rustix::stdio::stdin());
        let reads = waits || execution.output != Output::Inherited;
        let passes = !matches!(execution.output, Output::Kept(_));
        let both = if reads && passes && is_one_file()? {
            let (reader, writer) = io::pipe().context("cannot make a pipe")?;
            Some((File::from(OwnedFd::from(reader)), OwnedFd::from(writer)))
        } else {
            None
        };
        Ok(Self { feeds, reads, both, terminal: None })
    }

    /// Before `docker` is started.
    pub(super) fn connect(&mut self, command: &mut Command) {
        if let Some(terminal) = &self.terminal {
            let end = || terminal.inner().map_or_else(|_| Stdio::null(), Stdio::from);
            command.stdin(end()).stdout(end()).stderr(end());
            return;
        }
        if self.feeds {
            command.stdin(Stdio::piped());
        }
        match &self.both {
            Some((_, writer)) => {
                let end = || writer.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
                command.stdout(end()).stderr(end());
            }
            None if self.reads => {
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            None => {}
        }
    }

    /// Once it runs.
    pub(super) fn begin(
        self,
        child: &mut Child,
        execution: &Execution<'_>,
        events: &Sender<Event>,
        outputs: &mut Outputs,
    ) -> anyhow::Result<Option<Start>> {
        let Self { feeds, reads, both, terminal } = self;
        let limit = match execution.output {
            Output::Inherited => None,
            Output::Relayed(limit) => limit,
            Output::Kept(limit) => Some(limit),
        };
        let sink = |which: Which| -> anyhow::Result<Sink> {
            let keeps = matches!(execution.output, Output::Kept(_));
            Ok(if keeps { Sink::Memory(limit.unwrap_or(u64::MAX)) } else { Sink::Pass(own(which)?, limit) })
        };
        let expected = |ends| Expected { report: execution.report, ends, waits: execution.report.is_some() };
        if let Some(terminal) = terminal {
            let (reader, writer) = terminal.begin(child)?;
            outputs.add(Which::Stdout, reader, sink(Which::Stdout)?, expected(2), events.clone())?;
            return feed(writer, execution).map(Some);
        }
        if let Some((reader, writer)) = both {
            // Held by `docker` alone, or it would never end.
            drop(writer);
            outputs.add(Which::Stdout, reader, sink(Which::Stdout)?, expected(2), events.clone())?;
        } else if reads {
            if let Some(stdout) = child.stdout.take() {
                outputs.add(Which::Stdout, stdout, sink(Which::Stdout)?, expected(1), events.clone())?;
            }
            if let Some(stderr) = child.stderr.take() {
                outputs.add(Which::Stderr, stderr, sink(Which::Stderr)?, expected(1), events.clone())?;
            }
        }
        match child.stdin.take().filter(|_| feeds) {
            Some(stdin) => feed(OwnedFd::from(stdin), execution).map(Some),
            None => Ok(None),
        }
    }
}

/// Writes the block, if there is one, and, when the command begins, its input. Without a block that is at once.
fn feed(into: OwnedFd, execution: &Execution<'_>) -> anyhow::Result<Start> {
    let (start, begins) = channel();
    let (block, input) = (execution.block.clone(), execution.input.clone());
    if block.is_none() {
        let _ = start.send(());
    }
    let own =
        rustix::stdio::stdin().try_clone_to_owned().map(File::from).context("cannot read standard input")?;
    let mut into = File::from(into);
    let feeding = move || {
        // Whoever does not read it has ended, and is heard of otherwise.
        if into.write_all(&block.unwrap_or_default()).is_err() || begins.recv().is_err() {
            return;
        }
        let _ = match input {
            Input::Inherited => io::copy(&mut &own, &mut into).map(drop),
            Input::Bytes(bytes) => into.write_all(&bytes),
        };
    };
    Builder::new().spawn(feeding).context("cannot make a thread")?;
    Ok(Start(start))
}

fn own(which: Which) -> anyhow::Result<File> {
    let stream = match which {
        Which::Stdout => rustix::stdio::stdout(),
        Which::Stderr => rustix::stdio::stderr(),
    };
    stream.as_fd().try_clone_to_owned().map(File::from).context("cannot use our own outputs")
}

/// Whether our two outputs are one: a terminal, or `2>&1`.
fn is_one_file() -> anyhow::Result<bool> {
    let identity = |which| -> anyhow::Result<(u64, u64)> {
        let about = own(which)?.metadata()?;
        Ok((about.dev(), about.ino()))
    };
    Ok(identity(Which::Stdout)? == identity(Which::Stderr)?)
}

/// Whether one of our outputs is a pipe that nobody reads.
pub(super) fn has_lost_its_reader() -> bool {
    [Which::Stdout, Which::Stderr].into_iter().any(|which| {
        let Ok(file) = own(which) else { return false };
        let mut polled = [PollFd::new(&file, PollFlags::empty())];
        let found = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        found.is_ok() && polled[0].revents().contains(PollFlags::ERR)
    })
}
