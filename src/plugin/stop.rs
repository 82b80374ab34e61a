//! Watches for whatever wants one of our own commands to end, so that it can tidy up first.

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::supervise;
use crate::context::Context;
use crate::docker::stop::Stop;

/// From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT no longer end this process: it has to look at
/// what is returned. Docker's CLI does not signal a plugin without a terminal, it closes a socket:
/// that counts as SIGTERM.
///
/// # Errors
/// A signal cannot be watched for.
pub fn watch(context: &Context) -> std::io::Result<Stop> {
    let stop = Stop::default();
    for signal in supervise::forwarded() {
        if let SIGHUP | SIGINT | SIGQUIT | SIGTERM = signal {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, stop.cell(), number)?;
        }
    }
    if let Some(socket) = context.environment.plugin_socket.as_deref().filter(|_| context.through_docker) {
        let asked = stop.clone();
        supervise::when_closed(socket, move || asked.ask(supervise::TERMINATED));
    }
    Ok(stop)
}
