//! A pseudo-terminal.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

/// A pseudo-terminal of 24 rows and 80 columns. Dropped, it is hung up.
#[derive(Debug)]
pub(crate) struct Terminal {
    outside: Arc<OwnedFd>,
    name: String,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&outside).unwrap();
        unlockpt(&outside).unwrap();
        let name = ptsname(&outside, Vec::new()).unwrap().into_string().unwrap();
        let terminal = Self { outside: Arc::new(outside), name };
        terminal.resize(24, 80);
        terminal
    }

    /// The same terminal.
    pub(crate) fn again(&self) -> Self {
        Self { outside: Arc::clone(&self.outside), name: self.name.clone() }
    }

    /// What a program gets.
    pub(crate) fn inside(&self) -> File {
        use rustix::fs::{Mode, OFlags, open};
        open(self.name.as_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .unwrap()
            .into()
    }

    /// Reads what is shown, for as long as there is a terminal and somebody in it.
    pub(crate) fn reader(&self) -> Reader {
        Reader(Arc::downgrade(&self.outside))
    }

    /// Types `keys`.
    pub(crate) fn press(&self, keys: &[u8]) {
        assert_eq!(rustix::io::write(&self.outside, keys), Ok(keys.len()));
    }

    /// Its modes.
    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(&self.outside).unwrap()
    }

    /// Resizes the window, which signals the programs in it.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.outside, size).unwrap();
    }
}

/// See [`Terminal::reader`]. It does not keep the terminal open.
#[derive(Debug)]
pub(crate) struct Reader(Weak<OwnedFd>);

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let pause = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        while let Some(outside) = self.0.upgrade() {
            if poll(&mut [PollFd::new(&outside, PollFlags::IN)], Some(&pause))? > 0 {
                // With nobody in it any more, that is an error.
                return Ok(rustix::io::read(&outside, into)?);
            }
        }
        Ok(0)
    }
}
