//! A pseudo-terminal.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Both sides of a pseudo-terminal of 24 rows and 80 columns.
#[derive(Debug)]
pub(crate) struct Terminal {
    outside: OwnedFd,
    name: String,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&outside).unwrap();
        unlockpt(&outside).unwrap();
        let name = ptsname(&outside, Vec::new()).unwrap().into_string().unwrap();
        let terminal = Self { outside, name };
        terminal.resize(24, 80);
        terminal
    }

    /// What a program gets.
    pub(crate) fn inside(&self) -> File {
        use rustix::fs::{Mode, OFlags, open};
        open(self.name.as_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .unwrap()
            .into()
    }

    /// What whoever sits before it has.
    pub(crate) fn outside(&self) -> File {
        self.outside.try_clone().unwrap().into()
    }

    /// Resizes the window, which signals the programs in it.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.outside, size).unwrap();
    }
}
