//! Waiting until something in the folder of claims changes.
//!
//! On Linux by inotify(7): the kernel closes the files of a process that was killed, too. Elsewhere, and where there
//! is no room for another watch, by looking again every second.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{LOCK_DROPPED, LOOK_AGAIN, Patience};

/// How long nobody is asked whether to stop.
const SLICE: Duration = Duration::from_millis(100);

/// Notices changes from its beginning on.
#[derive(Debug)]
pub(super) struct Watch {
    #[cfg(target_os = "linux")]
    changes: Option<linux::Changes>,
    /// Something changed before the last look, and a lock may have been dropped after it.
    settling: bool,
}

impl Watch {
    pub(super) fn begin(folder: &Path) -> Self {
        #[cfg(not(target_os = "linux"))]
        let _ = folder;
        Self {
            #[cfg(target_os = "linux")]
            changes: linux::Changes::of(folder),
            settling: false,
        }
    }

    /// Returns when it is time to look again: something changed, patience or a second is over, or `stop` says so.
    pub(super) fn wait(&mut self, patience: Patience, stop: &dyn Fn() -> bool) {
        let mut end = Instant::now() + if self.settling { LOCK_DROPPED } else { LOOK_AGAIN };
        if let Patience::Until(last) = patience {
            end = end.min(last);
        }
        loop {
            let left = end.saturating_duration_since(Instant::now());
            self.settling = self.changed_within(left.min(SLICE));
            if self.settling || left <= SLICE || stop() {
                return;
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn changed_within(&mut self, limit: Duration) -> bool {
        if let Some(changes) = &mut self.changes {
            return changes.come_within(limit);
        }
        std::thread::sleep(limit);
        false
    }

    #[cfg(not(target_os = "linux"))]
    fn changed_within(&mut self, limit: Duration) -> bool {
        std::thread::sleep(limit);
        false
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::Read as _;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    /// The folder's events, which nobody reads: that there is one says it all.
    #[derive(Debug)]
    pub(super) struct Changes(File);

    impl Changes {
        pub(super) fn of(folder: &Path) -> Option<Self> {
            let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            let wanted = WatchFlags::CLOSE_WRITE | WatchFlags::DELETE | WatchFlags::DELETE_SELF;
            add_watch(&events, folder, wanted | WatchFlags::MOVE | WatchFlags::MOVE_SELF).ok()?;
            Some(Self(events.into()))
        }

        pub(super) fn come_within(&mut self, limit: Duration) -> bool {
            let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
            let timeout = Timespec {
                tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: limit.subsec_nanos().into(),
            };
            // Interrupted by a signal: that is asked about next.
            if poll(&mut polled, Some(&timeout)).unwrap_or(0) == 0 {
                return false;
            }
            let mut events = [0; 4096];
            while self.0.read(&mut events).is_ok_and(|read| read > 0) {}
            true
        }
    }
}
