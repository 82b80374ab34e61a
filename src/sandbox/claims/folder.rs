//! The folder of claims: who is in it. All of it happens under the folder's own lock, so no file is left for that.

use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rustix::fs::OFlags;

use super::{Claim, Running};
use crate::error::Error;
use crate::ui::{shell_line, shown};

const CLAIM: &str = "claim-";
const WAIT: &str = "wait-";
/// What is known of one running is shorter by far.
const MOST_BYTES: u64 = 64 << 10;

/// The folder, while nobody else looks at it or changes it.
#[derive(Debug)]
pub(super) struct Locked {
    folder: File,
    path: PathBuf,
}

/// Who is there.
#[derive(Debug)]
pub(super) struct Seen {
    /// Those who have a place, the oldest first.
    pub(super) running: Vec<Running>,
    /// How many wait before us; for a newcomer, all who wait.
    pub(super) ahead: usize,
    /// The number of the next who comes to wait.
    pub(super) next: u64,
}

impl Seen {
    /// Whether there is a place for us when all before us have got one.
    pub(super) fn has_room(&self, max: usize) -> bool {
        self.running.len() + self.ahead < max
    }
}

impl Locked {
    /// Makes the folder at `path` if it is not there, and waits until nobody looks at it.
    pub(super) fn lock(path: &Path) -> anyhow::Result<Self> {
        loop {
            let folder = open_folder(path).and_then(|folder| folder.lock().map(|()| folder));
            let folder = folder.with_context(|| unusable("cannot use the folder of claims", path))?;
            // Removed and made again while we waited, there would be two locks.
            let now = std::fs::symlink_metadata(path);
            if now.is_ok_and(|now| is_same(&folder, &now)) {
                return Ok(Self { folder, path: path.to_owned() });
            }
        }
    }

    /// Counts; `ours` is our own place in the queue. Removes what has no holder any more.
    pub(super) fn look(&self, ours: Option<&Ticket>) -> anyhow::Result<Seen> {
        let trouble = || unusable("cannot count the claims", &self.path);
        let mut seen = Seen { running: Vec::new(), ahead: 0, next: 0 };
        for entry in std::fs::read_dir(&self.path).with_context(trouble)? {
            let name = entry.with_context(trouble)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let waits = name.strip_prefix(WAIT).and_then(|number| number.parse::<u64>().ok());
            if waits.is_none() && !name.starts_with(CLAIM) {
                continue;
            }
            let path = self.path.join(name);
            if ours.is_some_and(|ours| ours.path == path) {
                continue;
            }
            let Some(file) = held(&path).with_context(|| unusable("cannot look at a claim", &path))? else {
                continue;
            };
            match waits {
                Some(number) => {
                    seen.next = seen.next.max(number + 1);
                    seen.ahead += usize::from(ours.is_none_or(|ours| number < ours.number));
                }
                None => seen.running.push(described(&file)),
            }
        }
        seen.running.sort_by_key(|running| running.since);
        Ok(seen)
    }

    /// A claim, whatever is there already.
    pub(super) fn claim(&self, about: &Running) -> anyhow::Result<Claim> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = self.path.join(format!("{CLAIM}{now:x}-{}", std::process::id()));
        let content = serde_json::to_vec(about)?;
        let made = make(&path).and_then(|file| file.write_all_at(&content, 0).map(|()| file));
        if made.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        let file = made.with_context(|| unusable("cannot make a claim", &path))?;
        Ok(Claim { file, path })
    }

    /// The `number`th place in the queue.
    pub(super) fn ticket(&self, number: u64) -> anyhow::Result<Ticket> {
        let path = self.path.join(format!("{WAIT}{number:012}"));
        let file = make(&path).with_context(|| unusable("cannot queue for a claim", &path))?;
        Ok(Ticket { file, path, number })
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // A child that another thread starts at this moment may have it open until it becomes its program.
        let _ = self.folder.unlock();
    }
}

/// A place in the queue, left when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    file: File,
    path: PathBuf,
    number: u64,
}

impl Ticket {
    /// Whether nobody has removed its file, or the folder with it.
    pub(super) fn is_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|there| is_same(&self.file, &there))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        remove(&self.file, &self.path);
    }
}

/// Removes the file at `path` if it is `file`: a name may have got another meaning since.
pub(super) fn remove(file: &File, path: &Path) {
    if std::fs::symlink_metadata(path).is_ok_and(|there| is_same(file, &there)) {
        let _ = std::fs::remove_file(path);
    }
}

fn is_same(file: &File, there: &Metadata) -> bool {
    file.metadata().is_ok_and(|about| (about.dev(), about.ino()) == (there.dev(), there.ino()))
}

fn open_folder(path: &Path) -> io::Result<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)).open(path)
}

/// A new file, and ours. It is open for writing, because only the end of that wakes those who wait. What root puts
/// into a user's folder that user must be able to look at; the folder lets nobody else in.
fn make(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.try_lock()?;
    Ok(file)
}

/// The file at `path` if somebody holds it. One that nobody holds is removed.
fn held(path: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path) {
        Ok(file) => file,
        // Given back at this moment.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = std::fs::remove_file(path);
            Ok(None)
        }
        Err(TryLockError::WouldBlock) => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What the claim says of itself. One that says nothing that we know, as another version's might, counts all the same.
fn described(file: &File) -> Running {
    let mut content = Vec::new();
    let _ = file.take(MOST_BYTES).read_to_end(&mut content);
    serde_json::from_slice(&content).unwrap_or_else(|_| Running {
        container: String::new(),
        command: String::new(),
        pid: 0,
        since: file.metadata().and_then(|about| about.modified()).unwrap_or(UNIX_EPOCH),
    })
}

fn flags(also: OFlags) -> i32 {
    (OFlags::NOFOLLOW | also).bits().cast_signed()
}

fn unusable(problem: &str, path: &Path) -> Error {
    Error::new(format!("{problem} {}", shown(path)))
        .hint("see what is in its way:", format!("ls -ld {}", shell_line([path])))
}
