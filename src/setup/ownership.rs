//! Whether only root and the caller can change what lies at a path.
//!
//! Setup acts as root on what it finds: a journal, a download, a directory for programs, a program on PATH. Each
//! directory on the way to it, each link and the file itself must belong to root or to the caller, and no other user
//! or group may write to it. A directory that others can write to but not rename in (sticky, `/tmp`) may be on the
//! way and not at the end.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use crate::error::Error;
use crate::ui::{self, shown};

/// The kernel's own limit for one path.
const MAX_LINKS: usize = 40;
const STICKY: u32 = 0o1000;

/// How somebody else can change what lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Weakness {
    /// This part of the path belongs to another user.
    Owner(PathBuf, u32),
    /// Other users or another group can write to this part.
    Writable(PathBuf),
}

/// Whether only root and the caller can change what lies at `path`, be there something or not.
#[must_use]
pub fn is_ours(path: &Path) -> bool {
    weaknesses(path).is_ok_and(|found| found.is_empty())
}

/// Whether a file with this metadata belongs to root or the caller, and only they can write to it.
#[must_use]
pub fn is_own_file(about: &Metadata) -> bool {
    about.is_file() && trusts(about.uid()) && !others_write(about)
}

/// Refuses `path` if somebody else can change what lies there. `consequence` says what would come of that; `way_out`
/// is a sentence and a command for the case that a part of the path is another user's.
///
/// # Errors
/// Somebody else can change it, or it cannot be inspected.
pub fn check(path: &Path, consequence: &str, way_out: (&str, String)) -> anyhow::Result<()> {
    let found = weaknesses(path)?;
    if found.is_empty() {
        return Ok(());
    }
    let causes: Vec<String> = found.iter().map(ToString::to_string).collect();
    let message = format!("other users can change {}, {consequence}: {}", shown(path), causes.join("; "));
    let mut error = Error::new(message);
    if found.iter().any(|weakness| matches!(weakness, Weakness::Owner(..))) {
        error = error.hint(way_out.0, way_out.1);
    } else {
        let writable = found.iter().filter_map(|weakness| match weakness {
            Weakness::Writable(part) => Some(part.as_os_str()),
            Weakness::Owner(..) => None,
        });
        let sudo = if caller() == 0 { "sudo " } else { "" };
        let chmod = format!(
            "{sudo}{}",
            ui::shell_line(["chmod", "go-w"].map(std::ffi::OsStr::new).into_iter().chain(writable))
        );
        error = error.hint("let only the owner write to it:", chmod);
    }
    Err(error.into())
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Owner(part, owner) => write!(f, "{} belongs to user {owner}", shown(part)),
            Self::Writable(part) => write!(f, "others can write to {}", shown(part)),
        }
    }
}

fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn trusts(user: u32) -> bool {
    user == 0 || user == caller()
}

/// Whether somebody can write to it besides its owner and, for a user who is not root, that user's own group.
/// An ACL that lets others write shows in the group's bits: acl(5).
fn others_write(about: &Metadata) -> bool {
    let group = about.gid();
    let own_group = group == 0 || (caller() != 0 && group == rustix::process::getegid().as_raw());
    about.mode() & 0o002 != 0 || (about.mode() & 0o020 != 0 && !own_group)
}

/// Walks `path` as the kernel does, one component at a time.
fn weaknesses(path: &Path) -> anyhow::Result<Vec<Weakness>> {
    let cannot = |path: &Path| format!("cannot inspect {}", shown(path));
    anyhow::ensure!(path.is_absolute(), "{} is not an absolute path", shown(path));
    let mut found = Vec::new();
    let mut at = PathBuf::from("/");
    let mut left = components(path);
    let mut links = 0;
    inspect(&at, &fs::symlink_metadata(&at).with_context(|| cannot(&at))?, &mut found);
    while let Some(part) = left.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(part);
        let about = match fs::symlink_metadata(&next) {
            Ok(about) => about,
            // Whoever can write to the directory decides what will be there: see below.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error).with_context(|| cannot(&next)),
        };
        inspect(&next, &about, &mut found);
        if !about.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        anyhow::ensure!(links <= MAX_LINKS, "{} is a link that leads in a circle", shown(path));
        let target = fs::read_link(&next).with_context(|| cannot(&next))?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(components(&target));
    }
    let end = fs::symlink_metadata(&at).with_context(|| cannot(&at))?;
    if others_write(&end) && end.is_dir() && !found.contains(&Weakness::Writable(at.clone())) {
        found.push(Weakness::Writable(at));
    }
    Ok(found)
}

/// The names in `path`, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let mut parts: Vec<OsString> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect();
    parts.reverse();
    parts
}

fn inspect(part: &Path, about: &Metadata, found: &mut Vec<Weakness>) {
    if !trusts(about.uid()) {
        found.push(Weakness::Owner(part.to_owned(), about.uid()));
    } else if !about.is_symlink() && others_write(about) && !(about.is_dir() && about.mode() & STICKY != 0) {
        found.push(Weakness::Writable(part.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A directory of ours with `open` (0777), `sticky` (1777) and `own` (0755), and a file in each.
    fn places() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, mode) in [("open", 0o777), ("sticky", 0o1777), ("own", 0o755)] {
            let folder = root.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("file"), "").unwrap();
            fs::set_permissions(folder.join("file"), fs::Permissions::from_mode(0o644)).unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
        root
    }

    #[test]
    fn every_directory_on_the_way_counts() {
        let root = places();
        let ours = |path: &str| is_ours(&root.path().join(path));
        assert!(ours("own/file") && ours("own") && ours("own/missing/too"));
        assert!(!ours("open/file") && !ours("open") && !ours("open/missing"));
        // Nobody else can rename what is ours in a sticky directory, and anybody can make what is missing.
        assert!(
            ours("sticky/file") && !ours("sticky") && !ours("sticky/missing") && !ours("sticky/missing/too")
        );
        assert!(!ours("open/../own/file"));
    }

    #[test]
    fn a_link_is_followed_and_its_own_place_counts_too() {
        let root = places();
        let link = |target: &str, name: &str| symlink(target, root.path().join(name)).unwrap();
        let ours = |path: &str| is_ours(&root.path().join(path));
        link("../own/file", "own/good");
        link("../open/file", "own/bad");
        link(root.path().join("own").to_str().unwrap(), "open/planted");
        link("circle", "own/circle");
        assert!(ours("own/good"));
        assert!(!ours("own/bad") && !ours("open/planted/file") && !ours("own/circle"));
    }

    #[test]
    fn a_file_that_others_can_write_to_is_not_ours() {
        let root = places();
        let file = root.path().join("own/file");
        for (mode, ours) in [(0o644, true), (0o600, true), (0o646, false), (0o666, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_ours(&file), ours, "{mode:o}");
            assert_eq!(is_own_file(&file.metadata().unwrap()), ours, "{mode:o}");
        }
    }

    #[test]
    fn the_way_out_is_the_command_for_the_part_that_is_open() {
        let root = places();
        let open = root.path().join("open");
        let error =
            check(&open.join("file"), "and root would run it", ("elsewhere:", "x".to_owned())).unwrap_err();
        assert!(error.to_string().contains("and root would run it: others can write to"), "{error}");
        let hint = &error.downcast_ref::<Error>().unwrap().ways_out()[0].commands[0];
        assert!(hint.ends_with(&format!("chmod go-w {}", open.display())), "{hint}");
    }
}
