//! The audit log: one line of JSON for every start.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use serde::Serialize;

use crate::error::Error;
use crate::sandbox::private_file;
use crate::ui::{json, shell_line, shown};

/// One start. docs/configuration.md lists the fields for users.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// RFC 3339, UTC, with milliseconds.
    pub time: String,
    /// `run` or `create`.
    pub command: &'a str,
    /// `required`, `preferred` or `none`.
    pub mode: &'a str,
    /// Who decided the mode, in words.
    pub decided_by: &'a str,
    /// Whether the container runs in gVisor.
    pub sandboxed: bool,
    /// The runtime that Docker was given; `null` where it was left to the daemon.
    pub runtime: Option<&'a str>,
    /// The image as it was written.
    pub image: Option<&'a str>,
    /// Docker's words behind `run`, values of environment variables redacted.
    pub argv: &'a [String],
}

/// Now, as the log writes it.
#[must_use]
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Appends `record` to `file`, which is made with mode 0600 where it is missing.
///
/// # Errors
/// It cannot be written. Nothing may start then: a start that is not in the log has not been audited.
pub fn append(file: &Path, record: &Record<'_>) -> anyhow::Result<()> {
    let line = json(&serde_json::to_string(record)?) + "\n";
    write(file, line.as_bytes()).with_context(|| {
        let folder = file.parent().unwrap_or(Path::new("/"));
        let error =
            Error::new(format!("cannot write the audit log {} (`plugins.sandbox.audit`)", shown(file)));
        if folder.is_dir() {
            error.hint(
                "see what is in its way, or name another file:",
                format!("ls -ld {}", shell_line([folder, file])),
            )
        } else {
            error.hint("make its folder, or name another file:", format!("mkdir -p {}", shell_line([folder])))
        }
    })
}

/// One write, so that lines of processes that start together do not mix. A line that did not get
/// in whole, for want of space, is taken out again: it would spoil the next one.
fn write(file: &Path, line: &[u8]) -> std::io::Result<()> {
    let nonblocking = private_file::nonblocking();
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nonblocking)
        .open(file)?;
    if !log.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    log.lock()?;
    let before = log.metadata()?.len();
    let written = log.write_all(line);
    if written.is_err() {
        let _ = log.set_len(before);
    }
    written
}
