//! Which project files the user trusts: by path and by content.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::project::ProjectFile;
use crate::error::Error;
use crate::sandbox::private_file;
use crate::ui::{shell_line, shown};

/// The list of trusted files, under the user's data folder.
#[derive(Debug)]
pub struct Trust {
    file: PathBuf,
    /// Path to the SHA-256 of the content, in hexadecimal.
    entries: BTreeMap<String, String>,
}

impl Trust {
    /// Reads the list kept under `data`; one that is not there is empty.
    ///
    /// # Errors
    /// It cannot be read, is not ours, or others may write it.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let file = data.join("trust.json");
        let entries = match std::fs::metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", shown(&file))),
            Ok(about) => {
                let strangers =
                    about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o022 != 0;
                if strangers {
                    let message =
                        format!("{} can be written by others, so nothing in it is believed", shown(&file));
                    let remove = format!("rm -f {}", shell_line([&file]));
                    return Err(Error::new(message)
                        .hint("remove it and trust anew what you trust:", remove)
                        .into());
                }
                let text = std::fs::read(&file).with_context(|| format!("cannot read {}", shown(&file)))?;
                serde_json::from_slice(&text).with_context(|| {
                    Error::new(format!("{} is no list of trusted files", shown(&file))).hint(
                        "remove it and trust anew what you trust:",
                        format!("rm -f {}", shell_line([&file])),
                    )
                })?
            }
        };
        Ok(Self { file, entries })
    }

    /// Whether this content at this path is trusted.
    #[must_use]
    pub fn holds(&self, project: &ProjectFile) -> bool {
        key(&project.path).is_some_and(|path| self.entries.get(path) == Some(&project.digest))
    }

    /// Trusts this content at this path, and no other content there.
    ///
    /// # Errors
    /// The list cannot be written, or the path is not UTF-8.
    pub fn add(&mut self, project: &ProjectFile) -> anyhow::Result<()> {
        let path =
            key(&project.path).with_context(|| format!("the path {} is not UTF-8", shown(&project.path)))?;
        self.entries.insert(path.to_owned(), project.digest.clone());
        self.write()
    }

    /// Trusts nothing at `path` any more; whether something was.
    ///
    /// # Errors
    /// The list cannot be written.
    pub fn remove(&mut self, path: &Path) -> anyhow::Result<bool> {
        let Some(_) = key(path).and_then(|path| self.entries.remove(path)) else { return Ok(false) };
        self.write()?;
        Ok(true)
    }

    fn write(&self) -> anyhow::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        private_file::replace(folder, &self.file, &serde_json::to_vec_pretty(&self.entries)?).with_context(
            || {
                Error::new("the list of trusted files was not changed")
                    .hint("see who may write its folder:", format!("ls -ld {}", shell_line([folder])))
            },
        )
    }
}

/// A path that is not UTF-8 cannot stand in the list, so it is never trusted.
fn key(path: &Path) -> Option<&str> {
    path.to_str()
}
