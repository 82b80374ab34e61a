//! Who got which signal, and so what the child must still be told. Pure: events and times in,
//! signals out.

use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// How long the other half of a pair of events may take: the witness's report after our own
/// signal, our own signal after the socket's end. Both are underway when the first one arrives.
pub(super) const GRACE: Duration = Duration::from_millis(100);
/// How long before Docker's CLI closed its socket our own signal may lie to be the reason for it.
const SAME_CAUSE: Duration = Duration::from_secs(1);

/// The signals after which Docker's CLI closes its socket, or is gone.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What happened, as far as it decides about signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// We got a signal.
    Own(i32),
    /// The witness got one.
    Witnessed(i32),
    /// Docker's CLI closed its socket: it was told to end, and does not say by which signal.
    SocketClosed,
    /// Docker's CLI is gone.
    ParentGone,
}

/// The account of one child.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Without a witness every signal of ours is passed on: twice is better than never.
    witnessed: bool,
    /// Our own signals that the witness has not reported, until when it may.
    own: Vec<(i32, Instant)>,
    /// The witness's reports that we have no signal for, until when it may come.
    reports: Vec<(i32, Instant)>,
    /// When we last got a signal that ends Docker's CLI too.
    ending: Option<Instant>,
    /// When to act on the end of Docker's CLI.
    docker_ends: Option<Instant>,
    /// Whether that has been done; it ends but once.
    docker_ended: bool,
    gone: bool,
}

impl Ledger {
    /// An empty one; `witnessed`: whether there is a witness.
    pub(super) fn new(witnessed: bool) -> Self {
        Self { witnessed, ..Self::default() }
    }

    /// Takes note of an event.
    pub(super) fn note(&mut self, seen: Seen, now: Instant) {
        match seen {
            Seen::Own(signal) => {
                if ENDING.contains(&signal) {
                    self.ending = Some(now);
                }
                if !take(&mut self.reports, signal) {
                    self.own.push((signal, if self.witnessed { now + GRACE } else { now }));
                }
            }
            Seen::Witnessed(signal) => {
                if !take(&mut self.own, signal) {
                    self.reports.push((signal, now + GRACE));
                }
            }
            Seen::SocketClosed | Seen::ParentGone => {
                self.gone |= seen == Seen::ParentGone;
                if !self.docker_ended && self.docker_ends.is_none() {
                    self.docker_ends = Some(now + GRACE);
                }
            }
        }
    }

    /// When there is something to decide next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiting = self.own.iter().chain(&self.reports).map(|&(_, until)| until);
        waiting.chain(self.docker_ends).min()
    }

    /// The signals that the child must be sent now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<i32> {
        self.reports.retain(|&(_, until)| until > now);
        // For us alone, as nobody else in the group got it.
        let mut signals: Vec<i32> =
            self.own.iter().filter(|&&(_, until)| until <= now).map(|&(signal, _)| signal).collect();
        self.own.retain(|&(_, until)| until > now);
        if let Some(due) = self.docker_ends.filter(|&due| due <= now) {
            self.docker_ends = None;
            self.docker_ended = true;
            let known = self.ending.is_some_and(|ending| ending + SAME_CAUSE + GRACE >= due);
            if !known {
                // The CLI catches SIGTERM and SIGINT and stays; what ends it is the terminal's hangup.
                signals.push(if self.gone { SIGHUP } else { SIGTERM });
            }
        }
        signals
    }
}

/// Removes the first entry for `signal`; whether there was one.
fn take(list: &mut Vec<(i32, Instant)>, signal: i32) -> bool {
    let found = list.iter().position(|&(other, _)| other == signal);
    found.map(|at| list.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGUSR1;

    /// The signals that the child is sent for events at the given milliseconds.
    fn sent(witnessed: bool, events: &[(u64, Seen)]) -> Vec<i32> {
        let start = Instant::now();
        let mut ledger = Ledger::new(witnessed);
        let mut signals = Vec::new();
        for &(at, seen) in events {
            let now = start + Duration::from_millis(at);
            signals.extend(ledger.due(now));
            ledger.note(seen, now);
        }
        while let Some(deadline) = ledger.deadline() {
            signals.extend(ledger.due(deadline));
        }
        signals
    }

    const NOTHING: [i32; 0] = [];

    use Seen::{Own, ParentGone, SocketClosed, Witnessed};

    #[test]
    fn a_signal_to_the_group_is_never_passed_on() {
        assert_eq!(sent(true, &[(0, Own(SIGINT)), (3, Witnessed(SIGINT))]), NOTHING);
        assert_eq!(sent(true, &[(0, Witnessed(SIGINT)), (3, Own(SIGINT))]), NOTHING);
        // Ctrl-C into a pipeline: Docker closes its socket besides, before or after our own signal.
        assert_eq!(sent(true, &[(0, SocketClosed), (2, Own(SIGINT)), (3, Witnessed(SIGINT))]), NOTHING);
        assert_eq!(sent(true, &[(0, Own(SIGTERM)), (1, Witnessed(SIGTERM)), (9, SocketClosed)]), NOTHING);
        assert_eq!(
            sent(true, &[(0, Own(SIGHUP)), (1, Witnessed(SIGHUP)), (2, SocketClosed), (3, ParentGone)]),
            NOTHING
        );
    }

    #[test]
    fn a_signal_to_dockers_cli_alone_reaches_the_child_once() {
        assert_eq!(sent(true, &[(0, SocketClosed)]), [SIGTERM]);
        assert_eq!(sent(true, &[(0, SocketClosed), (1, ParentGone)]), [SIGHUP]);
        assert_eq!(sent(true, &[(0, SocketClosed), (500, ParentGone)]), [SIGTERM]);
    }

    #[test]
    fn a_signal_to_us_alone_reaches_the_child_once() {
        assert_eq!(sent(true, &[(0, Own(SIGTERM))]), [SIGTERM]);
        assert_eq!(sent(true, &[(0, Own(SIGTERM)), (2, Own(SIGUSR1))]), [SIGTERM, SIGUSR1]);
        // Docker's CLI got it as well, as from `pkill -f 'docker sandbox'`.
        assert_eq!(sent(true, &[(0, Own(SIGTERM)), (5, SocketClosed)]), [SIGTERM]);
        assert_eq!(sent(false, &[(0, Own(SIGTERM))]), [SIGTERM]);
    }

    #[test]
    fn what_went_before_does_not_hide_a_later_signal_to_dockers_cli() {
        let group = |signal| [(0, Own(signal)), (1, Witnessed(signal))];
        for signal in [SIGUSR1, SIGINT] {
            let mut events = group(signal).to_vec();
            events.push((5000, SocketClosed));
            assert_eq!(sent(true, &events), [SIGTERM]);
        }
        // The witness alone was signalled, long ago.
        assert_eq!(sent(true, &[(0, Witnessed(SIGTERM)), (5000, Own(SIGTERM))]), [SIGTERM]);
    }
}
