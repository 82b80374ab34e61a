//! Signals for whoever starts a container and stays: each that it must be told of, once, whoever got it.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Instant;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use super::caller::Caller;
use super::ledger::{Ledger, Seen};
use super::supervise;
use crate::context::Context;

/// From here on the signals that `docker run` passes on go to `tell` and end nothing. What Docker's CLI does not
/// signal (see [`supervise`]) counts as SIGTERM, its own end as SIGHUP.
///
/// # Errors
/// Signals cannot be watched for, or there is no room for the threads that do.
pub fn watch(context: &Context, tell: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    let (events, inbox) = channel();
    let mut signals = Signals::new(supervise::forwarded())?;
    let own = events.clone();
    Builder::new().spawn(move || {
        for signal in signals.forever() {
            let _ = own.send(Seen::Own(signal));
        }
    })?;
    if context.through_docker {
        let caller = Caller::find(context.environment.plugin_socket.as_deref());
        if caller.has_left().is_some() {
            tell(SIGTERM);
        }
        let events = events.clone();
        caller.watch(move |seen| {
            let _ = events.send(seen);
        })?;
    }
    Builder::new().spawn(move || {
        // Held here, so that the inbox is never without a sender.
        let _events = events;
        // Without a witness: what we start is in a group of its own, or reads the keys of a terminal itself.
        let mut ledger = Ledger::new(false);
        loop {
            let seen = match ledger.deadline() {
                Some(deadline) => inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match seen {
                Ok(seen) => ledger.note(seen, Instant::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            ledger.due(Instant::now()).into_iter().for_each(&tell);
        }
    })?;
    Ok(())
}
