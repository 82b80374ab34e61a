//! What the command wrote: passed on or kept, never more than was asked for.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use anyhow::Context as _;

use super::{Ended, Event};
use crate::sandbox::guard::{Reader, Report};

/// More than any message of Docker's, a pull's progress aside.
const MOST_BEFORE: usize = 256 << 10;

/// One output of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its first bytes, where they are kept.
    pub bytes: Vec<u8>,
    /// What came before the command: Docker's own words.
    pub before: Vec<u8>,
    /// How many there were.
    pub total: u64,
    /// Whether some were left out.
    pub truncated: bool,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Stdout,
    Stderr,
}

/// Where an output goes.
pub(super) enum Sink {
    /// So many bytes of it into memory.
    Memory(u64),
    /// So many bytes of it to where our own goes.
    Pass(File, Option<u64>),
}

/// What the guard puts into an output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// By what its reports are known.
    pub(super) report: Option<&'a str>,
    /// How many ends it reports.
    pub(super) ends: usize,
    /// Whether it reports the beginning too: what comes before it is Docker's.
    pub(super) waits: bool,
}

/// The outputs that come through us.
#[derive(Default)]
pub(super) struct Outputs {
    threads: Vec<(Which, JoinHandle<()>, Arc<Mutex<Kept>>)>,
}

impl Outputs {
    /// Reads `from` in a thread, to its end or until the command's has been reported so many times.
    pub(super) fn add(
        &mut self,
        which: Which,
        from: impl Read + Send + 'static,
        sink: Sink,
        expected: Expected<'_>,
        events: Sender<Event>,
    ) -> anyhow::Result<()> {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let mut flow = Flow {
            sink,
            kept: Arc::clone(&kept),
            reader: expected.report.map(Reader::new),
            begun: !expected.waits,
            ends: expected.ends,
            events,
        };
        let thread = Builder::new().spawn(move || {
            flow.run(from);
            let _ = flow.events.send(Event::Closed);
        });
        self.threads.push((which, thread.context("cannot make a thread")?, kept));
        Ok(())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Hands over what there was, without waiting for more.
    pub(super) fn finish(self, ended: &mut Ended) {
        for (which, _, kept) in self.threads {
            let kept = kept.lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default();
            match which {
                Which::Stdout => ended.stdout = kept,
                Which::Stderr => ended.stderr = kept,
            }
        }
    }
}

struct Flow {
    sink: Sink,
    kept: Arc<Mutex<Kept>>,
    reader: Option<Reader>,
    begun: bool,
    ends: usize,
    events: Sender<Event>,
}

impl Flow {
    fn run(&mut self, mut from: impl Read) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let got = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A terminal's other end is gone.
                Err(_) => break,
            };
            let Some(reader) = self.reader.as_mut() else {
                self.put(&buffer[..got]);
                continue;
            };
            let (output, reports) = reader.read(&buffer[..got]);
            self.begun |= reports.contains(&Report::Begins);
            // What comes behind the command's end is nobody's.
            if self.begun {
                self.put(&output);
            } else {
                self.put_before(&output);
            }
            for report in reports {
                let _ = self.events.send(Event::Reported(report));
                self.ends -= usize::from(report != Report::Begins).min(self.ends);
            }
            if self.ends == 0 {
                return;
            }
        }
        if let Some(reader) = self.reader.take().filter(|_| self.begun) {
            self.put(&reader.end());
        }
    }

    fn put_before(&mut self, bytes: &[u8]) {
        if let Ok(mut kept) = self.kept.lock() {
            let room = MOST_BEFORE.saturating_sub(kept.before.len()).min(bytes.len());
            kept.before.extend_from_slice(&bytes[..room]);
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let Ok(mut kept) = self.kept.lock() else { return };
        let limit = match &self.sink {
            Sink::Memory(limit) => *limit,
            Sink::Pass(_, limit) => limit.unwrap_or(u64::MAX),
        };
        let room = usize::try_from(limit.saturating_sub(kept.total)).unwrap_or(usize::MAX).min(bytes.len());
        kept.total += bytes.len() as u64;
        kept.truncated |= room < bytes.len();
        match &mut self.sink {
            Sink::Memory(_) => kept.bytes.extend_from_slice(&bytes[..room]),
            Sink::Pass(file, _) => {
                drop(kept);
                if file.write_all(&bytes[..room]).is_err() {
                    let _ = self.events.send(Event::Broken);
                }
            }
        }
    }
}
