//! Where a path leads: its letters cleaned, its links followed.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::View;

/// More links than this one behind the other are a loop, for the kernel as well.
const LINKS: usize = 40;

/// An absolute path without `.` and `..`, by its letters, as Docker makes it (`path.Clean`).
pub(super) fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    unwound(&clean)
}

/// `path` with the links followed in as much of it as there is, and each `..` taken where it then
/// stands, as the kernel does for the daemon, whose `view` it is. A door under `/proc` leads to where [`unwound`] says: behind it is
/// what the daemon's process sees, and not ours.
pub(super) fn resolved(path: &Path, view: &View) -> PathBuf {
    let mut ahead = parts(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(&part);
        let behind = unwound(&at);
        if behind != at {
            at = behind;
        } else if let Ok(target) = view.seen(&at).read_link() {
            links += 1;
            if links > LINKS {
                break;
            }
            at = if target.is_absolute() { PathBuf::from("/") } else { at.parent().unwrap_or(&at).into() };
            ahead.extend(parts(&target));
        }
    }
    at
}

/// Names and `..`, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.rev().map(|part| part.as_os_str().to_owned()).collect()
}

/// Other names of the same: `/var/run` is `/run` wherever systemd is, and a process's `root`, `cwd`
/// and open files under `/proc` are a door to anywhere, so to the root. Behind a door may be another.
pub(super) fn unwound(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    while let Some(shorter) = unwound_once(&path) {
        path = shorter;
    }
    path
}

fn unwound_once(path: &Path) -> Option<PathBuf> {
    if let Ok(rest) = path.strip_prefix("/var/run") {
        return Some(Path::new("/run").join(rest));
    }
    // Links to open files of whoever looks.
    if ["/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().any(|files| path.starts_with(files)) {
        return Some("/".into());
    }
    let behind: Vec<&OsStr> =
        path.strip_prefix("/proc").ok()?.components().skip(1).map(Component::as_os_str).collect();
    let behind = match behind.as_slice() {
        [task, _, behind @ ..] if *task == "task" => behind,
        behind => behind,
    };
    let (first, rest) = behind.split_first()?;
    let door = ["root", "cwd", "fd", "map_files", "exe"].iter().any(|door| first == door);
    // Behind `root` the path goes on as from the root.
    let rest = if *first == "root" { rest } else { &[] };
    door.then(|| rest.iter().fold(PathBuf::from("/"), |path, name| path.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_are_unwound_to_the_end() {
        for (path, end) in [
            ("/proc/1/root/var/run/x", "/run/x"),
            ("/proc/1/root/proc/self/task/9/root/run/containerd", "/run/containerd"),
            ("/proc/1/root/proc/2/cwd/x", "/"),
            ("/dev/fd/7", "/"),
            ("/proc/1/status", "/proc/1/status"),
            ("/proc/root/x", "/proc/root/x"),
        ] {
            assert_eq!(unwound(Path::new(path)), Path::new(end), "{path}");
        }
    }

    #[test]
    fn links_are_followed_as_the_daemon_follows_them() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, top.join(name)).unwrap();
        link("a/b", "link");
        link("../../link/../c", "a/b/up");
        link("/proc/self/cwd", "cwd");
        link("/proc/thread-self/root", "root");
        link("loop", "loop");
        for (name, end) in [
            ("link/x", top.join("a/b/x")),
            ("link/../x", top.join("a/x")),
            ("link/up/y", top.join("a/c/y")),
            // The daemon's, which is anywhere, and not ours.
            ("cwd/x", "/x".into()),
            ("root/etc", "/etc".into()),
        ] {
            assert_eq!(resolved(&top.join(name), &View::default()), end, "{name}");
        }
        assert!(resolved(&top.join("loop"), &View::default()).starts_with(&top));
    }
}
