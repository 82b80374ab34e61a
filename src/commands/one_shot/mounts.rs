//! What of this machine a command sees, and what of that it may write to.

use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::request::{Access, Folder, Request};
use crate::changes::project;
use crate::context::Context;
use crate::docker::read_only;
use crate::error::Error;
use crate::ui::{plain, shown};

/// A directory that the command may write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Viewed {
    pub(super) path: PathBuf,
    /// Whether what is written to it may come to the host.
    pub(super) applies: bool,
}

/// What a command sees at its own path.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The root of the repository that the working folder is in, or that itself.
    pub(super) project: PathBuf,
    /// That, and everything else.
    pub(super) mounts: Vec<Folder>,
    /// Those of the mounts that the command gets a view of: directories that it may write to.
    pub(super) views: Vec<Viewed>,
    /// The folder that the command is started in.
    pub(super) workdir: PathBuf,
}

impl Seen {
    /// What `request` comes to.
    ///
    /// # Errors
    /// Something of it cannot be mounted, or is not there.
    pub(super) fn of(context: &Context, request: &Request, project: PathBuf) -> Result<Self, Error> {
        let here = &context.environment.folder_in_words;
        let own = std::iter::once(project.clone()).chain(project::git_directory(&project));
        let own: Vec<Folder> =
            own.map(|path| Folder { path, writable: request.access != Access::Read }).collect();
        let others = request.folders.iter().map(|folder| Folder { path: here.join(&folder.path), ..*folder });
        // Else it is writable as a part of the project.
        let is_new = |folder: &Folder| {
            !(folder.writable && request.access == Access::Write && folder.path.starts_with(&project))
        };
        let mut given = own.clone();
        for folder in others.filter(is_new) {
            // Docker mounts one place once.
            match given.iter_mut().find(|other| other.path == folder.path) {
                Some(_) if request.access == Access::Discard && folder.writable => {
                    return Err(contradiction(&folder.path));
                }
                Some(other) => other.writable |= folder.writable,
                None => given.push(folder),
            }
        }
        let mut mounts = given.clone();
        // An overlay does not show what is mounted below its directory: each gets a view of its own.
        let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        let below = mounts_below(&table, &given).into_iter();
        mounts.extend(below.filter(|folder| !given.iter().any(|other| other.path == folder.path)));
        mounts.iter().try_for_each(check)?;
        let is_own = |path: &Path| {
            let above = given.iter().filter(|folder| path.starts_with(&folder.path));
            let nearest = above.max_by_key(|folder| folder.path.as_os_str().len());
            nearest.is_some_and(|nearest| own.iter().any(|own| own.path == nearest.path))
        };
        let discards = request.access == Access::Discard;
        let views = mounts.iter().filter(|folder| folder.writable && folder.path.is_dir());
        let views = views
            .map(|folder| Viewed { applies: !(discards && is_own(&folder.path)), path: folder.path.clone() });
        let views = views.collect();
        let workdir = request.workdir.as_deref().map_or_else(|| here.clone(), |path| here.join(path));
        check_workdir(&workdir, &mounts)?;
        Ok(Self { project, mounts, views, workdir })
    }
}

fn contradiction(path: &Path) -> Error {
    Error::new(format!(
        "`--discard` throws away what is written to {}, and `--mount` of it with `:rw` keeps that",
        shown(path)
    ))
    .hint("apply what the command changes:", "docker sandbox do --write …")
    .hint(
        "or keep what it writes to a directory of its own:",
        "docker sandbox do --discard --mount ./out:rw …",
    )
}

/// What is mounted below the writable ones of `folders`: a file system that this machine has read-only stays so, and so does a
/// single file.
fn mounts_below(table: &[u8], folders: &[Folder]) -> Vec<Folder> {
    let below = |folder: &Folder| -> Vec<Folder> {
        let Ok(real) = folder.path.canonicalize() else { return Vec::new() };
        let submounts = read_only::submounts(table, &real).into_iter().filter(|one| !one.is_private);
        let named = submounts.filter_map(|one| Some(folder.path.join(one.path.strip_prefix(&real).ok()?)));
        let is_writable = |path: &Path| {
            let read_only = |about: rustix::fs::StatVfs| about.f_flag.contains(StatVfsMountFlags::RDONLY);
            path.is_dir() && !rustix::fs::statvfs(path).is_ok_and(read_only)
        };
        named.map(|path| Folder { writable: is_writable(&path), path }).collect()
    };
    folders.iter().filter(|folder| folder.writable && folder.path.is_dir()).flat_map(below).collect()
}

fn check(folder: &Folder) -> Result<(), Error> {
    let path = &folder.path;
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    if text.is_none() {
        return Err(Error::new(format!(
            "{} cannot be mounted: its name is no text that Docker takes",
            shown(path)
        ))
        .hint("give it another name:", "mv OLD NEW"));
    }
    path.metadata().map(drop).map_err(|error| {
        let problem = format!("{} cannot be mounted: {}", shown(path), plain(&error.to_string()));
        Error::new(problem).hint("see what is there:", format!("ls -ld {}", crate::ui::shell_line([path])))
    })
}

/// A working directory in a mounted one exists, as far as this machine can tell: where links lead is for the sandbox to say,
/// in which the guard enters it.
fn check_workdir(workdir: &Path, mounts: &[Folder]) -> Result<(), Error> {
    if !workdir.metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(());
    }
    let there = workdir.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
    let Some(folder) = mounts.iter().rfind(|folder| there.starts_with(&folder.path)) else {
        return Ok(());
    };
    let real = |path: &Path| path.canonicalize().ok();
    if real(there).zip(real(&folder.path)).is_none_or(|(there, folder)| !there.starts_with(folder)) {
        return Ok(());
    }
    Err(Error::new(format!("working directory {} does not exist", shown(workdir)))
        .hint("create it:", format!("mkdir -p {}", crate::ui::shell_line([workdir])))
        .hint("or choose another one:", "docker sandbox do --workdir DIR …"))
}
