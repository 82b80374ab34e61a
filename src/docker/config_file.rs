//! Docker's own `config.json`: where it is, and the two things in it that concern us.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::flags::Flags;
use super::grammar;
use crate::error::Error;
use crate::ui::shown;

/// The folder with `config.json`: `--config`, else `DOCKER_CONFIG`, else `~/.docker`.
#[must_use]
pub fn folder(globals: &[OsString], variable: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let flag = grammar::parse(globals, &Flags::global())
        .ok()
        .and_then(|parsed| parsed.last("config")?.value.clone());
    flag.or_else(|| variable.map(OsStr::to_owned))
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".docker")))
}

/// What we read of the file; everything else in it is Docker's and other plugins'.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct ConfigFile<T> {
    /// The context that `docker context use` chose.
    #[serde(rename = "currentContext")]
    pub current_context: Option<String>,
    plugins: Option<Plugins<T>>,
}

#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Plugins<T> {
    sandbox: Option<T>,
}

impl<T> Default for ConfigFile<T> {
    fn default() -> Self {
        Self { current_context: None, plugins: None }
    }
}

impl<T: DeserializeOwned> ConfigFile<T> {
    /// Reads `path`; a file that is not there is an empty one.
    ///
    /// # Errors
    /// It cannot be read, is not JSON, or its `plugins.sandbox` is not a `T`: with the line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error).with_context(|| {
                    Error::new(format!("cannot read {}", shown(path))).hint(
                        "make it readable for you:",
                        format!("chmod u+r {}", crate::ui::shell_line([path])),
                    )
                });
            }
        };
        serde_json::from_slice(&text).map_err(|error| {
            let place = format!("{} line {} column {}", shown(path), error.line(), error.column());
            let problem = crate::ui::plain(&error.to_string());
            Error::new(format!("{place}: {}", problem.split(" at line ").next().unwrap_or(&problem)))
                .hint("correct that line:", format!("${{EDITOR:-vi}} {}", crate::ui::shell_line([path])))
                .into()
        })
    }

    /// `plugins.sandbox`.
    pub fn sandbox(self) -> Option<T> {
        self.plugins?.sandbox
    }
}
