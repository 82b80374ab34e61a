//! A socket before an engine's, which holds questions of one kind back.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::wait_until;

/// Holds back every request whose path has `marker` in it until it is opened.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    marker: &'static str,
    opened: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
    /// Of those that waited, who has hung up.
    gone: Arc<AtomicUsize>,
    engine: PathBuf,
}

impl Gate {
    /// Listens at `socket` for the engine at `engine`.
    pub(crate) fn before(engine: &Path, socket: &Path, marker: &'static str) -> Self {
        let gate = Self {
            marker,
            opened: Arc::default(),
            waiting: Arc::default(),
            gone: Arc::default(),
            engine: engine.to_owned(),
        };
        let listener = UnixListener::bind(socket).unwrap();
        let keeper = gate.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let keeper = keeper.clone();
                std::thread::spawn(move || keeper.pass(client));
            }
        });
        gate
    }

    /// Waits until somebody waits.
    pub(crate) fn wait_for_a_question(&self) {
        wait_until("a request waits at the gate", || self.waiting.load(Ordering::SeqCst) > 0);
    }

    /// Waits until whoever waited has hung up.
    pub(crate) fn wait_for_a_hang_up(&self) {
        wait_until("who waits at the gate hangs up", || self.gone.load(Ordering::SeqCst) > 0);
    }

    /// How many requests had the marker.
    pub(crate) fn questions(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Holds them back again.
    pub(crate) fn close(&self) {
        self.waiting.store(0, Ordering::SeqCst);
        self.gone.store(0, Ordering::SeqCst);
        self.opened.store(false, Ordering::SeqCst);
    }

    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        self.opened.store(true, Ordering::SeqCst);
    }

    fn pass(&self, mut client: UnixStream) {
        let mut engine = UnixStream::connect(&self.engine).unwrap();
        let (mut from, mut to) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let mut part = vec![0; 1 << 16];
        while let Ok(length @ 1..) = client.read(&mut part) {
            let text = String::from_utf8_lossy(&part[..length]);
            if text.lines().next().is_some_and(|line| line.contains(self.marker)) {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let mut gone = false;
                wait_until("the gate is opened", || {
                    if !gone && has_hung_up(&client) {
                        gone = true;
                        self.gone.fetch_add(1, Ordering::SeqCst);
                    }
                    self.opened.load(Ordering::SeqCst)
                });
            }
            if engine.write_all(&part[..length]).is_err() {
                break;
            }
        }
        let _ = engine.shutdown(Shutdown::Write);
    }
}

fn has_hung_up(client: &UnixStream) -> bool {
    let mut polled = [PollFd::new(client, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut polled, Some(&now)).is_ok_and(|ready| ready > 0)
}
