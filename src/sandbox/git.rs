//! What of a repository stays read-only in a folder that a command may write to: whatever makes git, run later by the
//! user, start a program of the command's choosing.
//!
//! Source: gitrepository-layout(5), githooks(5), git-worktree(1), and `core.hooksPath` in git-config(1). A repository that
//! the command makes anew, in a folder that had none or whose own it has broken, is not covered: no mount can forbid that.

mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::Error;
use crate::ui::{shell_line, shown};

/// So many repositories within one folder are looked at.
const MOST: usize = 1000;
/// The same of folders in which submodules' repositories are kept.
const DEEPEST: usize = 12;

/// A path to be mounted over itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// Absolute.
    pub path: PathBuf,
    /// Otherwise it is writable: what is mounted cannot be put aside for something else.
    pub read_only: bool,
}

/// What is to be mounted over the writable `folder`, in the order of its paths. `hooks`, `config` and `commondir` are made
/// where they are missing, without meaning anything: what is not there cannot be mounted.
///
/// # Errors
/// They cannot be made, or `.git` is a link, which can be replaced.
pub fn protected(folder: &Path) -> anyhow::Result<Vec<Mount>> {
    let real = fs::canonicalize(folder).with_context(|| format!("cannot look into {}", shown(folder)))?;
    let mut search = Search { root: folder, real, found: Vec::new(), seen: BTreeSet::new() };
    if is_git_folder(folder) {
        search.repository(folder)?;
    }
    search.tree(folder)?;
    if folder.join(".git").symlink_metadata().is_err() {
        search.hooks_of_a_repository_above()?;
    }
    let mut found = search.found;
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
    let folders = found.iter().flat_map(between).filter(|path| !is_read_only(found, path));
    folders.map(|path| Mount { path, read_only: false }).collect()
}

fn is_read_only(found: &[Mount], path: &Path) -> bool {
    found.iter().any(|mount| mount.read_only && path.starts_with(&mount.path))
}

/// A folder that git would take for a repository's own.
fn is_git_folder(folder: &Path) -> bool {
    folder.join("HEAD").symlink_metadata().is_ok()
        && folder.join("objects").is_dir()
        && folder.join("refs").is_dir()
}

struct Search<'a> {
    /// What is writable, by the name that it has in the container.
    root: &'a Path,
    /// The same without links.
    real: PathBuf,
    found: Vec<Mount>,
    /// The trees that were looked at.
    seen: BTreeSet<PathBuf>,
}

impl Search<'_> {
    /// `path` without links, by its name below the root, if it is there and is there.
    fn within(&self, path: &Path) -> Option<PathBuf> {
        let real = fs::canonicalize(path).ok()?;
        let rest = real.strip_prefix(&self.real).ok()?;
        (!rest.as_os_str().is_empty()).then(|| self.root.join(rest))
    }

    /// The repository whose files are in `tree`, if there is one, with its submodules and worktrees.
    fn tree(&mut self, tree: &Path) -> anyhow::Result<()> {
        let git = tree.join(".git");
        let Ok(about) = git.symlink_metadata() else { return Ok(()) };
        if self.seen.len() >= MOST || !self.seen.insert(tree.to_owned()) {
            return Ok(());
        }
        if about.is_symlink() {
            return Err(Error::new(format!("{} is a link, which a command could replace", shown(&git)))
                .hint("make it a file that names the repository:", relink(&git))
                .hint("or let the command write to what is thrown away:", "docker sandbox do --discard …")
                .into());
        }
        if about.is_dir() {
            self.own_repository(tree, &git)?;
        } else if about.is_file() {
            self.named_repository(tree, git)?;
        }
        for path in files::submodules(&files::content(&tree.join(".gitmodules"))) {
            let path = tree.join(path);
            // Not by way of a link: that would be another folder, with another `.git`.
            if self.within(&path).is_some_and(|real| real == path) {
                self.tree(&path)?;
            }
        }
        Ok(())
    }

    fn own_repository(&mut self, tree: &Path, git: &Path) -> anyhow::Result<()> {
        self.found.push(Mount { path: git.to_owned(), read_only: false });
        self.repository(git)?;
        self.hooks(&files::content(&git.join("config")), tree)?;
        // Each has a `config` and `hooks` of its own, and says where the others are.
        let (worktrees, modules) = (git.join("worktrees"), git.join("modules"));
        for path in [&worktrees, &modules] {
            if path.is_dir() {
                self.found.push(Mount { path: path.clone(), read_only: true });
            }
        }
        for entry in fs::read_dir(&worktrees).into_iter().flatten().flatten() {
            let named = files::named(&entry.path().join("gitdir"));
            if let Some(file) = named.and_then(|file| self.within(&file))
                && let Some(tree) = file.parent()
            {
                self.tree(tree)?;
            }
        }
        self.modules(&modules, 0)
    }

    /// The trees of the submodules whose repositories are in `folder`.
    fn modules(&mut self, folder: &Path, depth: usize) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let git = entry.path();
            if depth > DEEPEST || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if !is_git_folder(&git) {
                // A part of a name with a `/`.
                self.modules(&git, depth + 1)?;
                continue;
            }
            let tree = files::worktree(&files::content(&git.join("config")));
            if let Some(tree) = tree.and_then(|tree| self.within(&git.join(tree))) {
                self.tree(&tree)?;
            }
            self.modules(&git.join("modules"), depth + 1)?;
        }
        Ok(())
    }

    /// `git` is a file that names the repository: another one would bring its own hooks.
    fn named_repository(&mut self, tree: &Path, git: PathBuf) -> anyhow::Result<()> {
        let named = files::named(&git);
        self.found.push(Mount { path: git, read_only: true });
        let Some(private) = named else { return Ok(()) };
        let common = files::named(&private.join("commondir")).unwrap_or(private);
        if let Some(inside) = self.within(&common)
            && is_git_folder(&inside)
            && !is_read_only(&self.found, &inside)
        {
            self.found.push(Mount { path: inside.clone(), read_only: false });
            self.repository(&inside)?;
        }
        self.hooks(&files::content(&common.join("config")), tree)
    }

    /// What of the repository in `git` says what is started.
    fn repository(&mut self, git: &Path) -> anyhow::Result<()> {
        let (hooks, config, common) = (git.join("hooks"), git.join("config"), git.join("commondir"));
        if hooks.symlink_metadata().is_err() {
            fs::create_dir(&hooks).with_context(|| cannot_make(&hooks))?;
        }
        make(&config, "")?;
        // Another one's `hooks` and `config` would count: this says that they are here.
        make(&common, ".\n")?;
        let text = files::content(&config);
        let per_worktree = git.join("config.worktree");
        if files::is_per_worktree(&text) {
            make(&per_worktree, "")?;
        }
        for path in [hooks, config, common, per_worktree] {
            let Ok(about) = path.symlink_metadata() else { continue };
            if about.is_symlink() {
                // It can be replaced itself, unless the whole repository is read-only.
                self.found.push(Mount { path: git.to_owned(), read_only: true });
                let led_to = self.within(&path);
                self.found.extend(led_to.map(|path| Mount { path, read_only: true }));
            } else {
                self.found.push(Mount { path, read_only: true });
            }
        }
        if git == self.root {
            self.hooks(&text, git)?;
        }
        Ok(())
    }

    /// The folder that `core.hooksPath` of a `config` names, for the repository whose files are in `tree`.
    fn hooks(&mut self, config: &[u8], tree: &Path) -> anyhow::Result<()> {
        let Some(named) = files::hooks_path(config) else { return Ok(()) };
        let path = tree.join(named);
        let below = path.strip_prefix(self.root).ok().filter(|rest| is_plain(rest));
        if fs::canonicalize(&path).is_err()
            && let Some(parent) = below.and_then(|_| path.ancestors().find(|path| path.exists()))
            && (parent == self.root || self.within(parent).is_some_and(|real| real == parent))
        {
            // Tools make it when they are installed, husky for one; the command would.
            fs::create_dir_all(&path).with_context(|| cannot_make(&path))?;
        }
        self.found.extend(self.within(&path).map(|path| Mount { path, read_only: true }));
        Ok(())
    }

    /// The root is a part of a repository's files, which may say that its hooks are here.
    fn hooks_of_a_repository_above(&mut self) -> anyhow::Result<()> {
        let trees = self.root.ancestors().skip(1);
        let Some(tree) = trees.into_iter().find(|tree| tree.join(".git").exists()) else { return Ok(()) };
        let git = tree.join(".git");
        let git = if git.is_file() { files::named(&git).unwrap_or(git) } else { git };
        let common = files::named(&git.join("commondir")).unwrap_or(git);
        self.hooks(&files::content(&common.join("config")), tree)
    }
}

/// Whether nothing in it leads upwards.
fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn make(path: &Path, content: &str) -> anyhow::Result<()> {
    if path.symlink_metadata().is_err() {
        let made = fs::File::options().write(true).create_new(true).open(path);
        made.and_then(|mut file| file.write_all(content.as_bytes())).with_context(|| cannot_make(path))?;
    }
    Ok(())
}

fn relink(git: &Path) -> String {
    let target = fs::canonicalize(git).unwrap_or_else(|_| git.to_owned());
    let (git, line) = (shell_line([git]), shell_line([format!("gitdir: {}", target.display())]));
    format!("rm {git} && echo {line} > {git}")
}

fn cannot_make(path: &Path) -> Error {
    Error::new(format!("cannot make {}, which is to stay read-only", shown(path))).hint(
        "make it as who owns the repository, or let the command's writes be thrown away:",
        "docker sandbox do --discard …",
    )
}
