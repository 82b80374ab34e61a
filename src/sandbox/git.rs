//! What of a repository stays read-only in a folder that a command may write to: whatever makes git, run later by the
//! user, start a program of the command's choosing.
//!
//! Source: gitrepository-layout(5), githooks(5), git-worktree(1), and `core.hooksPath` in git-config(1). A repository that
//! the command makes anew, in a folder that had none, is not covered: no mount can forbid that.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use crate::error::Error;
use crate::ui::{shell_line, shown};

/// No submodule lies deeper in others.
const DEEPEST: usize = 8;

/// A path to be mounted over itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// Absolute.
    pub path: PathBuf,
    /// Otherwise it is writable: what is mounted cannot be put aside for something else.
    pub read_only: bool,
}

/// What is to be mounted over the writable `folder`, in the order of its paths. An empty `hooks` and `config` are made
/// where they are missing: what is not there cannot be mounted.
///
/// # Errors
/// They cannot be made, or `.git` is a link, which can be replaced.
pub fn protected(folder: &Path) -> anyhow::Result<Vec<Mount>> {
    let mut found = Vec::new();
    if is_git_folder(folder) {
        inside(folder, folder, &mut found)?;
    } else {
        of_worktree(folder, folder, 0, &mut found)?;
    }
    found.extend(above(folder, &found));
    found.sort();
    // Of a path that is both, read-only counts.
    found.dedup_by(|later, first| {
        let same = later.path == first.path;
        first.read_only |= same && later.read_only;
        same
    });
    Ok(found)
}

/// The folders between `root` and what was found: put aside, they would take it along, and make room for another.
fn above(root: &Path, found: &[Mount]) -> Vec<Mount> {
    let between = |mount: &Mount| -> Vec<PathBuf> {
        let folders = mount.path.ancestors().skip(1);
        folders.take_while(|path| *path != root && path.starts_with(root)).map(Path::to_owned).collect()
    };
    // Mounted once more, it would be writable.
    let is_read_only =
        |path: &PathBuf| found.iter().any(|mount| mount.read_only && path.starts_with(&mount.path));
    let folders = found.iter().flat_map(between).filter(|path| !is_read_only(path));
    folders.map(|path| Mount { path, read_only: false }).collect()
}

/// A folder that git would take for a repository's own.
fn is_git_folder(folder: &Path) -> bool {
    folder.join("HEAD").symlink_metadata().is_ok()
        && folder.join("objects").is_dir()
        && folder.join("refs").is_dir()
}

/// The repository whose files are in `tree`, if there is one, and its submodules; `root` is what is writable.
fn of_worktree(root: &Path, tree: &Path, depth: usize, found: &mut Vec<Mount>) -> anyhow::Result<()> {
    let git = tree.join(".git");
    let Ok(about) = git.symlink_metadata() else { return Ok(()) };
    if about.is_symlink() {
        return Err(Error::new(format!("{} is a link, which a command could replace", shown(&git)))
            .hint("make it a file that names the repository:", relink(&git))
            .hint("or let the command write to what is thrown away:", "docker sandbox do --discard …")
            .into());
    }
    if about.is_file() {
        // It names the repository: another one would bring its own hooks.
        found.push(Mount { path: git, read_only: true });
    } else if about.is_dir() {
        found.push(Mount { path: git.clone(), read_only: false });
        inside(root, &git, found)?;
        // Each has a `config` and `hooks` of its own, and says where the others are.
        for name in ["worktrees", "modules"] {
            let path = git.join(name);
            if path.is_dir() {
                found.push(Mount { path, read_only: true });
            }
        }
    }
    for submodule in submodules(tree) {
        if depth < DEEPEST && submodule.starts_with(root) && !submodule.is_symlink() {
            of_worktree(root, &submodule, depth + 1, found)?;
        }
    }
    Ok(())
}

fn relink(git: &Path) -> String {
    let target = fs::canonicalize(git).unwrap_or_else(|_| git.to_owned());
    let (git, line) = (shell_line([git]), shell_line([format!("gitdir: {}", target.display())]));
    format!("rm {git} && echo {line} > {git}")
}

/// What of the repository in `git` says what is started.
fn inside(root: &Path, git: &Path, found: &mut Vec<Mount>) -> anyhow::Result<()> {
    let (hooks, config) = (git.join("hooks"), git.join("config"));
    if hooks.symlink_metadata().is_err() {
        fs::create_dir(&hooks).with_context(|| cannot_make(&hooks))?;
    }
    if config.symlink_metadata().is_err() {
        File::create(&config).with_context(|| cannot_make(&config))?;
    }
    let text = fs::read(&config).unwrap_or_default();
    let per_worktree = git.join("config.worktree");
    if mentions(&text, b"worktreeconfig") && per_worktree.symlink_metadata().is_err() {
        File::create(&per_worktree).with_context(|| cannot_make(&per_worktree))?;
    }
    for path in [hooks, config, per_worktree] {
        let Ok(about) = path.symlink_metadata() else { continue };
        if about.is_symlink() {
            // It can be replaced itself, unless the whole repository is read-only.
            found.push(Mount { path: git.to_owned(), read_only: true });
            found.extend(target(root, &path));
        } else {
            found.push(Mount { path, read_only: true });
        }
    }
    let tree = if git.file_name() == Some(OsStr::new(".git")) { git.parent() } else { Some(git) };
    if let (Some(named), Some(tree)) = (hooks_path(&text), tree) {
        found.extend(target(root, &tree.join(named)));
    }
    Ok(())
}

fn cannot_make(path: &Path) -> Error {
    Error::new(format!("cannot make {}, which is to stay read-only", shown(path))).hint(
        "make it as who owns the repository, or let the command's writes be thrown away:",
        "docker sandbox do --discard …",
    )
}

/// What `path` leads to, if that is within `root`.
fn target(root: &Path, path: &Path) -> Option<Mount> {
    let path = fs::canonicalize(path).ok()?;
    let inside = path.starts_with(fs::canonicalize(root).ok()?) && path != root;
    inside.then_some(Mount { path, read_only: true })
}

fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.to_ascii_lowercase().windows(word.len()).any(|part| part == word)
}

/// `core.hooksPath`, as far as it is on a line of its own.
fn hooks_path(config: &[u8]) -> Option<PathBuf> {
    let mut values = config.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        let (key, value) = line.split_at_checked(line.iter().position(|&byte| byte == b'=')?)?;
        key.trim_ascii().eq_ignore_ascii_case(b"hookspath").then(|| value[1..].trim_ascii())
    });
    let value = values.next_back()?;
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    (!value.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(value)))
}

/// Where `.gitmodules` says that submodules are; one outside of `tree` is none.
fn submodules(tree: &Path) -> Vec<PathBuf> {
    let Ok(text) = fs::read(tree.join(".gitmodules")) else { return Vec::new() };
    let paths = text.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        let at = line.iter().position(|&byte| byte == b'=')?;
        line[..at].trim_ascii().eq_ignore_ascii_case(b"path").then(|| line[at + 1..].trim_ascii())
    });
    let paths = paths.map(|path| PathBuf::from(OsStr::from_bytes(path)));
    let inner = |path: &PathBuf| path.components().all(|part| matches!(part, Component::Normal(_)));
    paths.filter(inner).map(|path| tree.join(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(git: &Path) {
        for folder in ["objects", "refs", "hooks"] {
            fs::create_dir_all(git.join(folder)).unwrap();
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("config"), "[core]\n").unwrap();
    }

    /// `ro PATH` and `rw PATH`, from `root`.
    fn seen(root: &Path) -> Vec<String> {
        let line = |mount: &Mount| {
            let path = mount.path.strip_prefix(root).unwrap().display().to_string();
            format!("{} {path}", if mount.read_only { "ro" } else { "rw" })
        };
        protected(root).unwrap().iter().map(line).collect()
    }

    #[test]
    fn a_folder_without_a_repository_needs_nothing() {
        let top = tempfile::tempdir().unwrap();
        assert_eq!(seen(top.path()), [""; 0]);
    }

    #[test]
    fn what_is_started_is_read_only_and_cannot_be_put_aside() {
        let top = tempfile::tempdir().unwrap();
        repository(&top.path().join(".git"));
        assert_eq!(seen(top.path()), ["rw .git", "ro .git/config", "ro .git/hooks"]);
        // What is missing is made, and so cannot be made by others.
        fs::remove_dir(top.path().join(".git/hooks")).unwrap();
        fs::remove_file(top.path().join(".git/config")).unwrap();
        assert_eq!(seen(top.path()), ["rw .git", "ro .git/config", "ro .git/hooks"]);
        fs::create_dir_all(top.path().join("tools/hooks")).unwrap();
        fs::write(
            top.path().join(".git/config"),
            "[core]\n\tHooksPath = tools/hooks\n[extensions]\nworktreeConfig=true",
        )
        .unwrap();
        fs::create_dir_all(top.path().join(".git/worktrees/x")).unwrap();
        assert_eq!(
            seen(top.path()),
            [
                "rw .git",
                "ro .git/config",
                "ro .git/config.worktree",
                "ro .git/hooks",
                "ro .git/worktrees",
                "rw tools",
                "ro tools/hooks"
            ]
        );
    }

    #[test]
    fn worktrees_submodules_and_bare_repositories_are_seen() {
        let top = tempfile::tempdir().unwrap();
        repository(&top.path().join(".git"));
        repository(&top.path().join(".git/modules/sub"));
        fs::create_dir_all(top.path().join("lib/sub")).unwrap();
        fs::write(top.path().join("lib/sub/.git"), "gitdir: ../../.git/modules/sub\n").unwrap();
        fs::write(top.path().join(".gitmodules"), "[submodule \"sub\"]\n\tpath = lib/sub\n\tpath = ../..\n")
            .unwrap();
        assert_eq!(
            seen(top.path()),
            [
                "rw .git",
                "ro .git/config",
                "ro .git/hooks",
                "ro .git/modules",
                "rw lib",
                "rw lib/sub",
                "ro lib/sub/.git"
            ]
        );
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join(".git"), "gitdir: /elsewhere\n").unwrap();
        assert_eq!(seen(tree.path()), ["ro .git"]);
        let bare = tempfile::tempdir().unwrap();
        repository(bare.path());
        assert_eq!(seen(bare.path()), ["ro config", "ro hooks"]);
    }

    #[test]
    fn links_are_not_trusted() {
        let top = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(top.path()).unwrap();
        repository(&root.join(".git"));
        fs::remove_dir(root.join(".git/hooks")).unwrap();
        fs::create_dir(root.join("tools")).unwrap();
        std::os::unix::fs::symlink("../tools", root.join(".git/hooks")).unwrap();
        assert_eq!(seen(&root), ["ro .git", "ro .git/config", "ro tools"]);
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.join(".git"), other.path().join(".git")).unwrap();
        let error = protected(other.path()).unwrap_err().to_string();
        assert!(error.contains("is a link"), "{error}");
    }
}
