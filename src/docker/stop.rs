//! Whether somebody wants what is being done to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shared between who watches for signals and who must tidy up after one. See `plugin::stop`.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// The signal that asked for the end; `None` as long as nobody did.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        u8::try_from(self.0.load(Ordering::Relaxed)).ok().filter(|&signal| signal != 0)
    }

    /// Asks for the end, as `signal` would.
    pub fn ask(&self, signal: u8) {
        self.0.store(usize::from(signal), Ordering::Relaxed);
    }

    /// Where a signal's handler leaves its number.
    #[must_use]
    pub fn cell(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }
}
