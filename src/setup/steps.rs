//! What a run reports while it goes on.

use std::fmt;

use crate::docker::stop::Stop;

/// One thing to tell the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step begins: `place runsc into /usr/local/bin`.
    Begins(String),
    /// How far the step that began last is, in percent.
    Progress(u8),
    /// The step that began last is done: what came of it, in a clause.
    Done(String),
    /// A step was taken back.
    Undone(String),
    /// Something that the user should look at.
    Warning(String),
}

/// Takes what happens.
pub trait Report {
    /// Tells it.
    fn tell(&mut self, event: Event);

    /// A step begins.
    fn begins(&mut self, what: String) {
        self.tell(Event::Begins(what));
    }

    /// It is done.
    fn done(&mut self, what: String) {
        self.tell(Event::Done(what));
    }
}

impl<F: FnMut(Event)> Report for F {
    fn tell(&mut self, event: Event) {
        self(event);
    }
}

/// The error of a run that was asked to end by this signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted(pub u8);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Between steps: whether to go on.
///
/// # Errors
/// [`Interrupted`].
pub fn go_on(stop: &Stop) -> anyhow::Result<()> {
    stop.signal().map_or(Ok(()), |signal| Err(Interrupted(signal).into()))
}
