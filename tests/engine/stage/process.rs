//! A started program, what it has printed so far, and how it ended.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::terminal::Terminal;
use super::wait_until;

/// What stdin, stdout and stderr are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Io {
    /// Three pipes.
    Pipes,
    /// One terminal for all three, which is the session's own.
    Terminal,
    /// As in `docker … | cat` in a terminal: stdout is a pipe.
    Pipeline,
}

type Collected = Arc<Mutex<(Vec<u8>, bool)>>;

/// A program that may still run. Dropped, it is killed with its whole group.
pub(crate) struct Running {
    line: String,
    child: Child,
    stdin: Option<File>,
    pub(crate) terminal: Option<Terminal>,
    stdout: Collected,
    stderr: Collected,
}

/// How a program ended and all that it printed; in a terminal all of it is stdout.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    line: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

fn collect(mut from: impl Read + Send + 'static) -> Collected {
    let collected = Collected::default();
    let into = Arc::clone(&collected);
    std::thread::spawn(move || {
        let mut part = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut part) {
            into.lock().unwrap().0.extend_from_slice(&part[..length]);
        }
        into.lock().unwrap().1 = true;
    });
    collected
}

impl Running {
    /// Starts `command` in a process group of its own.
    pub(crate) fn start(mut command: Command, io: Io, line: String) -> Self {
        let terminal = (io != Io::Pipes).then(Terminal::open);
        let pipe_or = |piped: bool| match &terminal {
            Some(terminal) if !piped => Stdio::from(terminal.inside()),
            _ => Stdio::piped(),
        };
        command.stdin(pipe_or(false)).stdout(pipe_or(io == Io::Pipeline)).stderr(pipe_or(false));
        if terminal.is_none() {
            command.process_group(0);
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
        // The command holds the inner side of the terminal open.
        drop(command);
        let nothing = || Arc::new(Mutex::new((Vec::new(), true)));
        let seen = terminal.as_ref().map_or_else(nothing, |terminal| collect(terminal.reader()));
        let stdout = child.stdout.take().map(collect);
        let (stdout, stderr) = match (stdout, child.stderr.take()) {
            (Some(stdout), Some(stderr)) => (stdout, collect(stderr)),
            (Some(stdout), None) => (stdout, seen),
            (None, _) => (seen, nothing()),
        };
        let stdin = child.stdin.take().map(|stdin| File::from(std::os::fd::OwnedFd::from(stdin)));
        Self { line, child, stdin, terminal, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends `signal` to the program alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Sends `signal` to it and everything it started.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).unwrap();
    }

    /// Writes `bytes` to its stdin in the background, and closes it.
    pub(crate) fn feed(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.stdin.take().expect("stdin is a pipe");
        std::thread::spawn(move || {
            // Who ends early reads less.
            let _ = stdin.write_all(&bytes);
        });
    }

    /// Types `keys` into its terminal.
    pub(crate) fn press(&self, keys: &[u8]) {
        self.terminal.as_ref().expect("there is a terminal").press(keys);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.stdout.lock().unwrap().0).into_owned()
    }

    /// Waits until stdout has `text` in it.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let mut ended = false;
        wait_until(&format!("{self} prints {text:?}"), || {
            let found = self.printed().contains(text);
            // The last words may be read after the end is seen.
            assert!(found || !ended, "{self} ended without printing {text:?}");
            ended = self.has_ended() && self.stdout.lock().unwrap().1;
            found
        });
    }

    /// Waits for its end as [`Running::end`] does, and leaves its terminal open.
    pub(crate) fn end_in_terminal(mut self) -> (Outcome, Terminal) {
        let terminal = self.terminal.as_ref().expect("there is a terminal").again();
        (self.ended(), terminal)
    }

    /// Waits for its end, and for that of everybody who holds its output.
    pub(crate) fn end(mut self) -> Outcome {
        self.ended()
    }

    fn ended(&mut self) -> Outcome {
        drop(self.stdin.take());
        wait_until(&format!("{self} ends"), || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        wait_until(&format!("nobody holds the output of {self} open"), || {
            self.stdout.lock().unwrap().1 && self.stderr.lock().unwrap().1
        });
        let all = |collected: &Collected| collected.lock().unwrap().0.clone();
        Outcome { line: self.line.clone(), status, stdout: all(&self.stdout), stderr: all(&self.stderr) }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |collected: &Collected| {
            let bytes = &collected.lock().unwrap().0;
            String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned()
        };
        write!(f, "`{}` (so far: {:?}, {:?})", self.line, text(&self.stdout), text(&self.stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

impl Outcome {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Asserts all of stdout.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert_eq!(self.out(), text, "{self}");
        self
    }

    /// Asserts that stderr is empty.
    #[track_caller]
    pub(crate) fn quietly(self) -> Self {
        assert_eq!(self.err(), "", "{self}");
        self
    }

    /// Asserts that stderr has `text` in it.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err().contains(text), "{text:?} is not in {self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` ended with {}\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.status,
            self.out(),
            self.err()
        )
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
