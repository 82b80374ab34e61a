//! A process in our group that tells which signals the whole group got.
//!
//! A signal to the group (Ctrl-C, a closed terminal, `timeout`) reaches the `docker run` that we
//! started by itself, and must not be passed on a second time. A signal to us alone must be passed
//! on. The kernel does not tell a receiver which of the two it was; that the witness got it too does.
//!
//! Its stdin is a pipe from us: first the child's process id on a line, then silence until we are
//! gone. If we are killed (Docker does that at the third signal) it kills the child, which would
//! otherwise stay behind holding the output open. Each signal it gets is a byte on its stdout.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::iterator::Signals;

use super::invocation::WITNESS_COMMAND;
use super::supervise::forwarded;

/// The last line that we send it: the child has ended and its process id is no longer its own.
pub(super) const DONE: &str = "done\n";

/// Starts one. `None` if that fails: signals are then taken for the group's, as from a terminal.
pub(super) fn start() -> Option<Child> {
    // Without /proc our own path is not known, and Docker has put it into argv[0].
    let argument = || std::env::args_os().next().map(PathBuf::from).filter(|path| path.is_absolute());
    let program = std::env::current_exe().ok().or_else(argument)?;
    Command::new(program)
        // Whoever ends processes by our name means us, not the witness.
        .arg0(WITNESS_COMMAND)
        .arg(WITNESS_COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Whoever reads our own waits for its end.
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// The witness's own life. Returns its exit code.
#[must_use]
pub fn run() -> u8 {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"signal-witness");
    let Ok(mut signals) = Signals::new(forwarded()) else { return 1 };
    let handle = signals.handle();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut first = String::new();
        let mut rest = String::new();
        let _ = input.read_line(&mut first).and_then(|_| input.read_to_string(&mut rest));
        let child = first.trim().parse().ok().and_then(Pid::from_raw);
        if let Some(child) = child.filter(|_| rest != DONE) {
            let _ = kill_process(child, Signal::KILL);
        }
        handle.close();
    });
    for signal in signals.forever() {
        let Ok(signal) = u8::try_from(signal) else { continue };
        if io::stdout().write_all(&[signal]).and_then(|()| io::stdout().flush()).is_err() {
            break;
        }
    }
    0
}
