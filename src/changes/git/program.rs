//! The host's git, for reading its own formats. Nothing that it is asked here executes anything, and where it reads files of the
//! command's making it sees no configuration at all.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long git may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// git, and an empty repository of ours for it to be in.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    git: PathBuf,
    empty: PathBuf,
    /// The user's home directory, for `~/` in paths.
    pub(super) home: Option<PathBuf>,
}

impl Program {
    /// `git` by its path; `scratch` is a private directory.
    ///
    /// # Errors
    /// The empty repository cannot be made there.
    pub(crate) fn new(git: PathBuf, scratch: &Path, home: Option<PathBuf>) -> std::io::Result<Self> {
        let empty = scratch.join("empty.git");
        for directory in ["objects", "refs", "tree"] {
            std::fs::create_dir_all(empty.join(directory))?;
        }
        std::fs::write(empty.join("HEAD"), "ref: refs/heads/main\n")?;
        Ok(Self { git, empty, home })
    }

    /// What `git ARGS` answers in the empty repository, without any configuration but `object_format` of it.
    pub(crate) fn alone<S: AsRef<OsStr>>(
        &self,
        object_format: Option<&str>,
        variables: &[(&str, &Path)],
        args: impl IntoIterator<Item = S>,
    ) -> Option<Vec<u8>> {
        let format = object_format.map(|format| format!("\tobjectformat = {format}\n")).unwrap_or_default();
        let version = u8::from(object_format.is_some());
        let config =
            format!("[core]\n\trepositoryformatversion = {version}\n\tbare = false\n[extensions]\n{format}");
        std::fs::write(self.empty.join("config"), config).ok()?;
        let mut command = duct::cmd(&self.git, args.into_iter().map(|arg| arg.as_ref().to_owned()))
            .dir(&self.empty)
            .env_remove("GIT_CONFIG_PARAMETERS")
            .env_remove("GIT_CONFIG_COUNT")
            .env_remove("GIT_CONFIG")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_DIR", &self.empty)
            .env("GIT_WORK_TREE", self.empty.join("tree"))
            .env("GIT_OPTIONAL_LOCKS", "0");
        for (name, value) in variables {
            command = command.env(name, value);
        }
        answer(&command)
    }

    /// What `git ARGS` answers as the user would see it in `directory`: with all configuration that holds there.
    pub(crate) fn in_directory(&self, directory: &Path, args: &[&str]) -> Option<Vec<u8>> {
        let command = duct::cmd(&self.git, args)
            .dir(directory)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .env("GIT_OPTIONAL_LOCKS", "0");
        answer(&command)
    }
}

fn answer(command: &duct::Expression) -> Option<Vec<u8>> {
    let running = command.stdin_null().stdout_capture().stderr_null().unchecked().start().ok()?;
    let output = if let Ok(Some(output)) = running.wait_timeout(TIMEOUT) {
        output.clone()
    } else {
        let _ = running.kill();
        return None;
    };
    output.status.success().then_some(output.stdout)
}
