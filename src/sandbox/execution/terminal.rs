//! A terminal between ours and `docker`, for a guard that must be told its command before any key.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::thread::Builder;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;

/// The terminal. While it is there, ours hands over every key as it is.
pub(super) struct Terminal {
    outer: OwnedFd,
    inner: OwnedFd,
}

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::fcntl_setfd(&outer, rustix::io::FdFlags::CLOEXEC)?;
        grantpt(&outer)?;
        unlockpt(&outer)?;
        let name = ptsname(&outer, Vec::new())?;
        let inner = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut settings = tcgetattr(&inner)?;
        settings.make_raw();
        tcsetattr(&inner, OptionalActions::Now, &settings)?;
        resize(&outer);
        Ok(Self { outer, inner })
    }

    /// The end for `docker`.
    pub(super) fn inner(&self) -> io::Result<OwnedFd> {
        self.inner.try_clone()
    }

    /// What to read and what to write. From here on its size is ours.
    pub(super) fn begin(self, child: &Child) -> anyhow::Result<(impl io::Read + Send + 'static, OwnedFd)> {
        let own = Raw::set().context("cannot set the terminal")?;
        let writer = self.outer.try_clone().context("cannot use a terminal")?;
        let reader =
            Reader { file: File::from(self.outer.try_clone().context("cannot use a terminal")?), own };
        let mut signals = Signals::new([SIGWINCH]).context("cannot watch for the terminal's size")?;
        let pid = Pid::from_child(child);
        let outer = self.outer;
        let resizing = move || {
            for _ in signals.forever() {
                resize(&outer);
                // It is not this terminal's own process, which the kernel would tell.
                let _ = kill_process(pid, Signal::WINCH);
            }
        };
        Builder::new().spawn(resizing).context("cannot make a thread")?;
        Ok((reader, writer))
    }
}

fn resize(terminal: &OwnedFd) {
    if let Ok(size) = tcgetwinsize(stdin()) {
        let _ = tcsetwinsize(terminal, size);
    }
}

/// Reads what `docker` writes; at its end our own terminal is as it was.
struct Reader {
    file: File,
    #[allow(dead_code, reason = "it ends with the reader")]
    own: Raw,
}

impl io::Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

/// Our own terminal, set to hand everything over.
struct Raw(Termios);

impl Raw {
    fn set() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut settings = before.clone();
        settings.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &settings)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
