//! When the first of ours expires, kept on this side: so that a later command knows without asking that there is
//! something to remove, and has a process of its own remove it.
//!
//! What is kept can be lost or wrong, and no harm is done: it only says when to look. What is expired is told by
//! labels, and by `docker sandbox prune`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::config_file::ConfigFile;
use crate::docker::daemon::key;
use crate::sandbox::private_file;

/// Our own argument for the process that prunes: then the ledger's file, the docker program, and Docker's global
/// options.
pub const COMMAND: &str = "docker-sandbox-prune";

/// On the way, nobody looks again within this time.
const PAUSE: u64 = 60;
/// When a pruning that came to nothing is tried again.
const RETRY: u64 = 600;
/// The file's, in bytes: three numbers of 20 digits and their names.
const LENGTH: usize = 128;
/// How long we wait for whoever is writing. It is done at once, unless it was stopped in the middle of it.
const PATIENCE: Duration = Duration::from_millis(30);

/// The file for one daemon, as far as daemons can be told apart without asking them.
#[derive(Debug, Clone)]
pub struct Ledger {
    file: Option<PathBuf>,
    globals: Vec<OsString>,
    /// Ours, to prune with.
    program: Option<PathBuf>,
}

/// What is in it; times in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    /// When the first one expires.
    earliest: Option<u64>,
    /// When to look again, whatever is known.
    retry: Option<u64>,
    /// When somebody looked last.
    pruned: u64,
}

impl Known {
    /// Whether it is time to look.
    fn is_due(self, now: u64) -> bool {
        let first = self.earliest.into_iter().chain(self.retry).min();
        // A clock that was put back must not keep us from looking.
        let rested = self.pruned > now || now - self.pruned >= PAUSE;
        first.is_some_and(|first| first <= now) && rested
    }

    /// Somebody looks now. Until it has seen everything, what is known is what is noted meanwhile.
    fn claimed(now: u64) -> Self {
        Self { earliest: None, retry: Some(now + RETRY), pruned: now }
    }

    fn with(self, expires: u64) -> Self {
        Self { earliest: Some(self.earliest.map_or(expires, |known| known.min(expires))), ..self }
    }
}

impl Ledger {
    /// The one of the daemon in use. Without a home folder nothing is kept.
    #[must_use]
    pub fn of(context: &Context, current_context: Option<&str>) -> Self {
        let environment = &context.environment;
        let name = context.local_socket(current_context).map_or_else(
            || {
                let mut chosen = context.globals.clone();
                chosen.extend(environment.docker_host.iter().chain(&environment.docker_context).cloned());
                chosen.extend(current_context.map(OsString::from));
                key(Path::new(&chosen.join("\n".as_ref())))
            },
            |socket| key(&socket),
        );
        let file = environment.data.as_ref().map(|data| data.join("expiry").join(format!("{name}.json")));
        Self { file, globals: context.globals.clone(), program: context.program.clone() }
    }

    /// The same, for a command that does not know yet which context is in use.
    #[must_use]
    pub fn find(context: &Context) -> Self {
        let config = context.config_json().and_then(|file| ConfigFile::read(&file).ok()).unwrap_or_default();
        Self::of(context, config.current_context.as_deref())
    }

    /// The one in `file`, for the process that prunes.
    #[must_use]
    pub fn at(file: PathBuf, globals: Vec<OsString>) -> Self {
        Self { file: Some(file), globals, program: None }
    }

    /// Something that we start is to go at that time.
    pub fn note(&self, expires: SystemTime) {
        self.update(|known| Some(known.with(seconds(expires))));
    }

    /// Has a process of its own remove what is expired, if something is and nobody looked within the last minute.
    /// Never delays anybody, and never fails.
    pub fn prune_on_the_way(&self, docker: &Docker) {
        let (Some(file), Some(program)) = (&self.file, &self.program) else { return };
        let now = seconds(SystemTime::now());
        let due = private_file::read(file).is_some_and(|text| read(&text).is_due(now));
        // Of several that see it at the same time, one looks.
        if due && self.update(|known| known.is_due(now).then(|| Known::claimed(now))) {
            let _ = spawn(docker, program, file, &self.globals);
        }
    }

    /// Somebody looks now, who was asked to.
    pub fn claim(&self) {
        if self.file.as_ref().is_some_and(|file| file.exists()) {
            self.update(|_| Some(Known::claimed(seconds(SystemTime::now()))));
        }
    }

    /// Somebody has looked: when the next one expires, and whether nothing is left that should be gone.
    pub fn looked(&self, next: Option<SystemTime>, all_gone: bool) {
        let known_there = self.file.as_ref().is_some_and(|file| file.exists());
        if !known_there && next.is_none() {
            return;
        }
        self.update(|known| {
            let known = next.map_or(known, |next| known.with(seconds(next)));
            Some(Known { retry: known.retry.filter(|_| !all_gone), ..known })
        });
    }

    /// Whether it was changed.
    fn update(&self, change: impl FnOnce(Known) -> Option<Known>) -> bool {
        let Some(file) = &self.file else { return false };
        let Some(opened) = open(file) else { return false };
        let mut text = Vec::new();
        if (&opened).take(4096).read_to_end(&mut text).is_err() {
            return false;
        }
        let Some(known) = change(read(&text)) else { return false };
        let Ok(mut text) = serde_json::to_vec(&known) else { return false };
        // Always as long, in one write: who reads takes no lock.
        text.resize(LENGTH - 1, b' ');
        text.push(b'\n');
        opened.write_all_at(&text, 0).and_then(|()| opened.set_len(LENGTH as u64)).is_ok()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What makes no sense says nothing.
fn read(text: &[u8]) -> Known {
    serde_json::from_slice(text).unwrap_or_default()
}

/// Opens and locks it.
fn open(file: &Path) -> Option<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(file.parent()?).ok()?;
    let mut options = OpenOptions::new();
    // Started with `sudo`, we are root in a folder of somebody else's.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let opened = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(file)
        .ok()?;
    let began = std::time::Instant::now();
    while opened.try_lock().is_err() {
        if began.elapsed() > PATIENCE {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    opened.metadata().is_ok_and(|about| about.is_file()).then_some(opened)
}

fn spawn(docker: &Docker, program: &Path, file: &Path, globals: &[OsString]) -> Option<()> {
    let mut child = Command::new(program)
        // Whoever ends processes by our name means starts.
        .arg0(COMMAND)
        .arg(COMMAND)
        .args([file, docker.program()])
        // Relative paths among them are seen from the same folder: it ends soon.
        .args(globals)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Where we live longer, somebody must wait for it.
    std::thread::Builder::new().spawn(move || drop(child.wait())).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_to_look_when_something_expired_and_nobody_looked_lately() {
        let known = Known { earliest: Some(100), retry: None, pruned: 0 };
        assert!(!known.is_due(99) && known.is_due(100));
        let known = Known { pruned: 90, ..known };
        assert!(!known.is_due(149) && known.is_due(150));
        assert!(Known { pruned: 1000, ..known }.is_due(150), "the clock was put back");
        assert!(!Known::default().is_due(u64::MAX));
    }

    #[test]
    fn what_is_noted_while_somebody_looks_is_not_lost() {
        let claimed = Known::claimed(1000);
        assert!(!claimed.is_due(1000) && !claimed.is_due(1599));
        assert!(claimed.is_due(1600), "whoever looks may be killed");
        let noted = claimed.with(1700).with(1650).with(1800);
        assert_eq!(noted.earliest, Some(1650));
    }

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("data/expiry/key.json");
        (home, Ledger::at(file, Vec::new()))
    }

    fn known(ledger: &Ledger) -> Known {
        read(&private_file::read(ledger.file.as_ref().unwrap()).unwrap())
    }

    #[test]
    fn the_earliest_expiry_is_kept_and_replaced_by_what_was_seen() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let (_home, ledger) = ledger();
        ledger.claim();
        ledger.looked(None, true);
        assert!(!ledger.file.as_ref().unwrap().exists(), "there is nothing to keep");
        for seconds in [4_000_000_000, 3_000_000_000, 5_000_000_000] {
            ledger.note(at(seconds));
        }
        assert_eq!(known(&ledger).earliest, Some(3_000_000_000));
        ledger.claim();
        ledger.note(at(4_500_000_000));
        ledger.looked(Some(at(4_600_000_000)), true);
        let seen = known(&ledger);
        assert_eq!((seen.earliest, seen.retry), (Some(4_500_000_000), None));
        assert!(seen.pruned > 0);
    }

    #[test]
    fn nothing_is_written_where_there_is_no_home_or_a_link_lies() {
        let nowhere = Ledger { file: None, globals: Vec::new(), program: None };
        nowhere.note(SystemTime::now());
        let (home, ledger) = ledger();
        let other = home.path().join("other");
        std::fs::write(&other, "").unwrap();
        std::fs::create_dir_all(home.path().join("data/expiry")).unwrap();
        std::os::unix::fs::symlink(&other, ledger.file.as_ref().unwrap()).unwrap();
        ledger.note(SystemTime::now());
        assert_eq!(std::fs::read(&other).unwrap(), b"");
    }
}
