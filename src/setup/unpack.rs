//! An archive unpacked into a folder of its own, with nothing in it that points out of there.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path};
use std::time::Duration;

use anyhow::Context as _;

use super::tool::{Job, Tools};
use crate::error::Error;
use crate::ui::shown;

const LIMIT: Duration = Duration::from_secs(600);

/// Unpacks `archive`, of whatever compression `tar` knows, into `folder`, which is empty.
///
/// # Errors
/// It is damaged, or has a member that does not belong into an archive of programs.
pub fn archive(tools: &Tools, archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let tar = tools.find("tar").context(
        Error::new("tar is not installed").hint("install it:", "sudo apt-get install -y tar bzip2"),
    )?;
    let name = archive.as_os_str();
    let list = |verbose: &str| {
        let job = Job::new(&tar, [verbose.as_ref(), name]).within(LIMIT);
        tools.succeed(&job).map_err(|error| damaged(archive, &error))
    };
    let names = list("-tf")?;
    if let Some(bad) = names.lines().find(|line| points_out(Path::new(line))) {
        return Err(refused(archive, &format!("its member {} points out of it", shown(bad))));
    }
    if let Some(bad) = list("-tvf")?.lines().find_map(bad_member) {
        return Err(refused(archive, &bad));
    }
    let words = ["-xf".as_ref(), name, "-C".as_ref(), folder.as_os_str(), "--no-same-owner".as_ref()];
    tools.succeed(&Job::new(&tar, words).within(LIMIT)).map_err(|error| damaged(archive, &error))?;
    check(archive, folder, folder)
}

fn points_out(path: &Path) -> bool {
    path.components()
        .any(|part| matches!(part, Component::ParentDir | Component::RootDir | Component::Prefix(_)))
}

/// What is wrong with a member, told by its line in `tar -tv`: mode first, a link's target last.
fn bad_member(line: &str) -> Option<String> {
    let target = match line.as_bytes().first()? {
        b'-' | b'd' => return None,
        b'l' => line.rsplit_once(" -> ").map(|(_, target)| target),
        b'h' => line.rsplit_once(" link to ").map(|(_, target)| target),
        _ => {
            return Some(format!(
                "it has something in it that is neither file, folder nor link: {}",
                shown(line)
            ));
        }
    };
    match target {
        Some(target) if !points_out(Path::new(target)) => None,
        _ => Some(format!("a link in it points out of it: {}", shown(line))),
    }
}

/// Looks at what really came out: files and folders that everybody may read, links within `root`.
fn check(archive: &Path, root: &Path, folder: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot read {}", shown(folder));
    for member in fs::read_dir(folder).with_context(cannot)? {
        let path = member.with_context(cannot)?.path();
        let there = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", shown(&path)))?;
        if there.is_symlink() {
            let target = path
                .canonicalize()
                .ok()
                .filter(|target| root.canonicalize().is_ok_and(|root| target.starts_with(root)));
            if target.is_none() {
                return Err(refused(archive, &format!("its link {} points out of it", shown(&path))));
            }
        } else if there.is_dir() {
            make_readable(&path, &there)?;
            check(archive, root, &path)?;
        } else if there.is_file() {
            make_readable(&path, &there)?;
            sync(&path)?;
        } else {
            return Err(refused(archive, &format!("{} is neither file, folder nor link", shown(&path))));
        }
    }
    Ok(())
}

/// Everybody may read it, and run what its owner may run; nobody but the owner may write.
///
/// # Errors
/// Its mode cannot be set.
pub fn make_readable(path: &Path, there: &fs::Metadata) -> anyhow::Result<()> {
    let runs = there.is_dir() || there.mode() & 0o111 != 0;
    let mode = if runs { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", shown(path)))
}

/// Makes sure that a file's content is on the disk.
///
/// # Errors
/// It is not.
pub fn sync(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("cannot write {}", shown(path)))
}

fn damaged(archive: &Path, error: &anyhow::Error) -> anyhow::Error {
    if let Some(interrupted) = error.downcast_ref::<super::steps::Interrupted>() {
        return (*interrupted).into();
    }
    let said = error.to_string();
    let message = format!("{} cannot be unpacked: {said}", shown(archive));
    if said.contains("bzip2") && (said.contains("Cannot exec") || said.contains("not found")) {
        return Error::new(message).hint("install bzip2:", "sudo apt-get install -y bzip2").into();
    }
    Error::new(message).hint("it may be cut off; fetch it again and try:", "tar -tf ARCHIVE").into()
}

fn refused(archive: &Path, why: &str) -> anyhow::Error {
    Error::new(format!("{} is refused: {why}", shown(archive))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_point_out_are_seen() {
        assert!(points_out(Path::new("/etc/passwd")) && points_out(Path::new("a/../../b")));
        assert!(!points_out(Path::new("./gvisor-bin/x")));
        assert_eq!(bad_member("-rwxr-xr-x root/root 5 2026-08-10 00:00 runsc"), None);
        assert_eq!(bad_member("lrwxrwxrwx root/root 0 2026-08-10 00:00 a -> runsc"), None);
        assert!(bad_member("lrwxrwxrwx root/root 0 2026-08-10 00:00 a -> /etc/passwd").is_some());
        assert!(bad_member("hrw-r--r-- root/root 0 2026-08-10 00:00 a link to ../x").is_some());
        assert!(bad_member("crw-r--r-- root/root 1,3 2026-08-10 00:00 null").is_some());
    }
}
