//! Our files on this side: one folder per daemon, in it one per container, and the lock of who keeps them.
//!
//! A container mounts `hosts` and `resolv.conf` by themselves, so they are written in place: a file that replaced
//! one would not be seen inside.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::line::Own;
use crate::sandbox::private_file;

/// What `/etc/hosts` is here.
pub const HOSTS: &str = "hosts";
/// What `/etc/resolv.conf` is here.
pub const RESOLV_CONF: &str = "resolv.conf";
/// Where `docker` writes the container's id, if its user names no file for that.
pub const ID: &str = "id";
const ABOUT: &str = "about.json";
const LOCK: &str = "lock";

/// The files of all containers on one daemon.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// One container's.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its folder.
    pub path: PathBuf,
    /// What we wrote down when it was started.
    pub about: About,
}

/// What is known of a container before it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Who makes it.
    pub starter: Starter,
    /// The networks' ids.
    pub networks: Vec<String>,
    /// What its line says.
    pub own: Own,
    /// Where `docker` writes the container's id as soon as it has one, before anything is started.
    pub id: PathBuf,
}

/// A process, told apart from a later one with the same number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Starter {
    pid: u32,
    /// Field 22 of `/proc/PID/stat`.
    started: String,
}

impl Starter {
    /// This process; what it becomes by exec has the same number.
    #[must_use]
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).unwrap_or_default() }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        started(self.pid).is_some_and(|started| started == self.started)
    }
}

/// `None` for one that has ended, a zombie too.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The second field is the program's name in brackets, which may hold blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(18).map(str::to_owned)).flatten()
}

impl Folder {
    /// The one at `path`; nothing is made yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the files of a container: its folder, with a name that none ever had. An id that has no place yet gets one in
    /// there.
    ///
    /// # Errors
    /// There is no room or no permission.
    pub fn add(
        &self,
        mut about: About,
        hosts: Option<&str>,
        resolv_conf: Option<&str>,
    ) -> anyhow::Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = self.path.join(format!("{now:x}-{}", std::process::id()));
        if about.id.as_os_str().is_empty() {
            about.id = path.join(ID);
        }
        private_folder(&self.path, true)?;
        private_folder(&path, false)?;
        let files = [(HOSTS, hosts), (RESOLV_CONF, resolv_conf)];
        let made = files
            .into_iter()
            .filter_map(|(name, text)| Some((path.join(name), text?)))
            .try_for_each(|(file, text)| make(&file, text))
            .map_err(anyhow::Error::from)
            // What is not described is not looked at, so that comes last.
            .and_then(|()| private_file::replace(&path, &path.join(ABOUT), &serde_json::to_vec(&about)?));
        if let Err(error) = made {
            let _ = std::fs::remove_dir_all(&path);
            return Err(error);
        }
        Ok(path)
    }

    /// All that are described, in no order.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let path = entry.path();
                let about = serde_json::from_slice(&private_file::read(&path.join(ABOUT))?).ok()?;
                Some(Kept { path, about })
            })
            .collect()
    }

    /// The lock of whoever keeps the files, or `None` if somebody has it.
    #[must_use]
    pub fn lock(&self) -> Option<File> {
        let mut options = OpenOptions::new();
        let lock = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_link())
            .open(self.path.join(LOCK))
            .ok()?;
        lock.try_lock().ok()?;
        Some(lock)
    }
}

impl Kept {
    /// The text of its `hosts`; `None` if it has none, because its user mounts another.
    #[must_use]
    pub fn hosts(&self) -> Option<String> {
        std::fs::read_to_string(self.path.join(HOSTS)).ok()
    }

    /// Writes its `hosts` if that changes it.
    ///
    /// # Errors
    /// There is no room.
    pub fn rewrite(&self, text: &str) -> io::Result<()> {
        self.edit(|_| Some(text.to_owned()))
    }

    /// As above, by what is in there; `None` leaves it.
    ///
    /// # Errors
    /// There is no room.
    pub fn edit(&self, edit: impl FnOnce(&str) -> Option<String>) -> io::Result<()> {
        rewrite(&self.path.join(HOSTS), edit)
    }

    /// The container's id, if it has been made.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        let mut id = String::new();
        // Docker's have 64 digits; the file may be anything that its user names.
        File::open(&self.about.id).ok()?.take(128).read_to_string(&mut id).ok()?;
        let id = id.trim();
        (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
    }

    /// Removes its files.
    pub fn remove(&self) {
        remove(&self.path);
    }
}

/// Removes a container's files.
pub fn remove(path: &Path) {
    // Without its description it is nothing to anybody, if the rest fails.
    let _ = std::fs::remove_file(path.join(ABOUT));
    let _ = std::fs::remove_dir_all(path);
}

fn private_folder(path: &Path, there: bool) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(there).mode(0o700).create(path)
}

/// Whoever is in the container may read it, whatever the umask here; the folder lets nobody else in.
fn make(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o644).open(file)?;
    made.set_permissions(Permissions::from_mode(0o644))?;
    made.write_all_at(text.as_bytes(), 0)
}

/// The flag with which a link is not followed.
fn no_link() -> i32 {
    (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed()
}

/// At each moment the file holds the old text or the new one, or one of them and empty lines: never a part of a
/// line. So it grows by empty lines first, and shrinks by them.
fn rewrite(path: &Path, edit: impl FnOnce(&str) -> Option<String>) -> io::Result<()> {
    // Started with `sudo`, we are root in a folder of somebody else's.
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(no_link()).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.nlink() != 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // The process of the start and the one that keeps all files may both have news.
    file.lock()?;
    let mut old = String::new();
    file.read_to_string(&mut old)?;
    let Some(text) = edit(&old).filter(|text| *text != old) else { return Ok(()) };
    if text.len() > old.len() {
        file.write_all_at(&vec![b'\n'; text.len() - old.len()], old.len() as u64)?;
    }
    let mut padded = text.as_bytes().to_vec();
    padded.resize(text.len().max(old.len()), b'\n');
    file.write_all_at(&padded, 0)?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path().join("names/key"));
        (home, folder)
    }

    #[test]
    fn the_files_are_readable_in_a_folder_that_is_not() {
        let (_home, folder) = folder();
        let path = folder.add(About::default(), Some("a\n"), Some("b\n")).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let seen =
            [folder.path(), &path, &path.join(HOSTS), &path.join(RESOLV_CONF), &path.join(ABOUT)].map(mode);
        assert_eq!(seen, [0o700, 0o700, 0o644, 0o644, 0o600]);
    }

    #[test]
    fn what_is_written_down_is_read_again_and_removed() {
        let (_home, folder) = folder();
        let own = Own { hostname: Some("h".into()), links: vec![("a".into(), "b".into())], ..Own::default() };
        let about = About { starter: Starter::this(), networks: vec!["n".into()], own, id: "/i".into() };
        folder.add(about.clone(), Some("a\n"), None).unwrap();
        folder.add(About::default(), None, None).unwrap();
        std::fs::create_dir(folder.path().join("not-described")).unwrap();
        let mut kept = folder.kept();
        kept.sort_by(|one, other| one.path.cmp(&other.path));
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0].about, about);
        assert!(kept[0].about.starter.runs() && !kept[1].about.starter.runs());
        assert_eq!((kept[0].hosts().as_deref(), kept[1].hosts()), (Some("a\n"), None));
        assert_eq!(kept[1].about.id, kept[1].path.join(ID));
        kept.iter().for_each(Kept::remove);
        assert!(folder.kept().is_empty());
    }

    #[test]
    fn a_file_is_rewritten_in_place() {
        let (_home, folder) = folder();
        let path = folder.add(About::default(), Some("one\ntwo\n"), None).unwrap();
        let kept = folder.kept().remove(0);
        let inode = || path.join(HOSTS).metadata().unwrap().ino();
        let before = inode();
        for text in ["one\n", "one\ntwo\nthree\n", "", "x\n"] {
            kept.rewrite(text).unwrap();
            assert_eq!(kept.hosts().as_deref(), Some(text));
        }
        assert_eq!(inode(), before);
    }

    #[test]
    fn a_file_that_became_a_link_leads_nowhere() {
        let (home, folder) = folder();
        let path = folder.add(About::default(), Some("one\n"), None).unwrap().join(HOSTS);
        let kept = folder.kept().remove(0);
        let other = home.path().join("other");
        std::fs::write(&other, "its own\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(kept.rewrite("two\n").is_err());
        std::fs::remove_file(&path).unwrap();
        std::fs::hard_link(&other, &path).unwrap();
        assert!(kept.rewrite("two\n").is_err());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "its own\n");
    }

    #[test]
    fn one_at_a_time_keeps_the_files() {
        let (_home, folder) = folder();
        assert!(folder.lock().is_none(), "there is no folder yet");
        folder.add(About::default(), None, None).unwrap();
        let lock = folder.lock();
        assert!(lock.is_some() && folder.lock().is_none());
        drop(lock);
        assert!(folder.lock().is_some());
    }
}
