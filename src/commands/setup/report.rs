//! What a run reports, on stderr.

use std::io::IsTerminal as _;

use crate::setup::steps::{Event, Report};
use crate::ui;

/// Tells it in lines; how far a step is, a terminal sees in one that is drawn again and again.
pub(super) struct Stderr {
    terminal: bool,
    /// How much of the current step was told, in percent.
    told: Option<u8>,
}

/// Where there is no terminal, a line each quarter.
const QUARTER: u8 = 25;

impl Stderr {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), told: None }
    }

    fn progress(&mut self, percent: u8) {
        if self.terminal {
            ui::progress(&format!("  unpacked: {percent} %"));
        } else if percent / QUARTER > self.told.unwrap_or_default() / QUARTER {
            ui::err(&format!("  unpacked: {} %\n", percent / QUARTER * QUARTER));
        }
        self.told = Some(percent);
    }
}

impl Report for Stderr {
    fn tell(&mut self, event: Event) {
        if let Event::Progress(percent) = event {
            return self.progress(percent);
        }
        if self.told.take().is_some() && self.terminal {
            ui::progress("");
        }
        match event {
            Event::Begins(what) => ui::err(&format!("- {what}\n")),
            Event::Done(what) => ui::err(&format!("  ok: {what}\n")),
            Event::Undone(what) => ui::err(&format!("  taken back: {what}\n")),
            Event::Warning(what) => ui::warn(&what),
            Event::Progress(_) => {}
        }
    }
}
