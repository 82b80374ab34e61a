//! The project that a directory belongs to: the root of its repository.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// No link to a git directory is longer.
const MAX_LINK: u64 = 4096;

/// The root of the repository that `directory` is in, or `directory` itself. A repository of somebody else does not count, nor one
/// that has the home directory in it: files of the home directory are no project's.
pub(crate) fn root(directory: &Path, home: Option<&Path>) -> PathBuf {
    let Ok(about) = directory.metadata() else { return directory.to_owned() };
    let device = about.dev();
    for above in directory.ancestors() {
        let Ok(here) = above.metadata() else { break };
        if here.dev() != device
            || above.parent().is_none()
            || home.is_some_and(|home| home.starts_with(above))
        {
            break;
        }
        if let Ok(git) = above.join(".git").symlink_metadata()
            && (git.uid() == about.uid() || git.uid() == rustix::process::geteuid().as_raw())
            && (git.is_file() || is_git_directory(&above.join(".git")))
        {
            return above.to_owned();
        }
    }
    directory.to_owned()
}

/// The directory outside of `root` that its `.git` file names: that of a linked worktree's repository, or of a submodule. Only one that
/// names `root` in turn counts, so that a file that somebody made cannot name any directory.
pub(crate) fn git_directory(root: &Path) -> Option<PathBuf> {
    let link = root.join(".git");
    let named = link_target(&link, "gitdir: ")?;
    let private = std::fs::canonicalize(root.join(named)).ok()?;
    let back = link_target(&private.join("gitdir"), "").map(|back| private.join(back));
    let is_worktree = back.is_some_and(|back| same(&back, &link));
    let common = link_target(&private.join("commondir"), "");
    let directory = match common {
        Some(common) if is_worktree => std::fs::canonicalize(private.join(common)).ok()?,
        None if is_submodule(&private, root) => private,
        _ => return None,
    };
    let inside = std::fs::canonicalize(root).is_ok_and(|root| directory.starts_with(root));
    (is_git_directory(&directory) && !inside).then_some(directory)
}

fn same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

/// Whether the configuration in `private` names `root` as its working tree (git-submodule(1)).
fn is_submodule(private: &Path, root: &Path) -> bool {
    let config = std::fs::read_to_string(private.join("config")).unwrap_or_default();
    let values = config.lines().filter_map(|line| line.trim().strip_prefix("worktree"));
    let values = values.filter_map(|rest| rest.trim_start().strip_prefix('='));
    values.map(str::trim).any(|value| same(&private.join(value), root))
}

fn is_git_directory(path: &Path) -> bool {
    path.join("HEAD").symlink_metadata().is_ok()
        && path.join("objects").is_dir()
        && path.join("refs").is_dir()
}

/// The path that a small text file names behind `key`.
fn link_target(file: &Path, key: &str) -> Option<PathBuf> {
    let about = file.symlink_metadata().ok()?;
    if !about.is_file() || about.len() > MAX_LINK {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    Some(PathBuf::from(text.strip_prefix(key)?.trim_end_matches(['\n', '\r'])))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    fn git(directory: &Path, args: &[&str]) {
        let options =
            ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"];
        let status = Command::new("git").args(options).args(args).current_dir(directory).status().unwrap();
        assert!(status.success(), "git {args:?}");
    }

    fn repository(path: &Path) {
        fs::create_dir_all(path.join("src/deep")).unwrap();
        git(path, &["init", "--quiet"]);
        git(path, &["commit", "--quiet", "--allow-empty", "-m", "x"]);
    }

    #[test]
    fn the_project_is_the_repository_around() {
        let base = tempfile::tempdir().unwrap();
        let project = base.path().join("project");
        repository(&project);
        assert_eq!(root(&project.join("src/deep"), None), project);
        fs::create_dir(base.path().join("plain")).unwrap();
        assert_eq!(root(&base.path().join("plain"), None), base.path().join("plain"));
        // A home directory that is a repository itself.
        assert_eq!(root(&project.join("src"), Some(&project)), project.join("src"));
        assert_eq!(root(&project.join("src"), Some(&project.join("src/deep"))), project.join("src"));
    }

    #[test]
    fn only_a_git_directory_that_points_back_comes_along() {
        let base = tempfile::tempdir().unwrap();
        let (main, other) = (base.path().join("main"), base.path().join("other"));
        repository(&main);
        repository(&other);
        git(&main, &["worktree", "add", "--quiet", "../tree"]);
        git(&main, &["submodule", "--quiet", "add", "../other", "sub"]);
        let real = |path: &str| fs::canonicalize(base.path().join(path)).unwrap();
        assert_eq!(git_directory(&base.path().join("tree")), Some(real("main/.git")));
        assert_eq!(git_directory(&main.join("sub")), Some(real("main/.git/modules/sub")));
        assert_eq!(git_directory(&main), None);
        // Made by somebody who would like to see that repository.
        let forged = base.path().join("forged");
        fs::create_dir(&forged).unwrap();
        for named in ["../main/.git", "../main/.git/worktrees/tree", "../main/.git/modules/sub", "/etc"] {
            fs::write(forged.join(".git"), format!("gitdir: {named}\n")).unwrap();
            assert_eq!(git_directory(&forged), None, "{named}");
        }
    }
}
