//! The user's own settings: `plugins.sandbox` in Docker's `config.json`, string to string.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exceptions;
use super::mode::Mode;
use super::ttl::Ttl;
use crate::docker::config_file::{self, ConfigFile, Setting};
use crate::error::Error;

/// The keys we know. `hooks` and `error-hooks` beside them are for Docker itself.
#[derive(Debug, Default)]
pub struct UserSettings {
    /// `mode`: see [`Mode`].
    pub mode: Option<Mode>,
    /// `audit`: the file that gets a line for every start.
    pub audit: Option<PathBuf>,
    /// `detect-timeout`: how long the daemon may take to answer, `10s`.
    pub detect_timeout: Option<Duration>,
    /// `allow`: rules that forbid, or hold back, no more.
    pub allow: Option<Vec<&'static str>>,
    /// `quiet-rule`: rules that say nothing.
    pub quiet: Option<Vec<&'static str>>,
    /// `ttl`: how long what nobody waits for may stay, `30d`; `none` for ever.
    pub ttl: Option<Ttl>,
}

/// Keys that mean something, to us or to Docker.
pub const KNOWN: [&str; 19] = [
    "mode",
    "audit",
    "detect-timeout",
    "allow",
    "quiet-rule",
    "ttl",
    "hooks",
    "error-hooks",
    // Of one-shot commands: `one_shot.rs`.
    "image",
    "cpus",
    "memory",
    "memory-swap",
    "pids-limit",
    "disk",
    "timeout",
    "max-output",
    "max-concurrent",
    "warm",
    "warm-idle",
];

impl UserSettings {
    /// Reads them off `file`, which is at `path`.
    ///
    /// # Errors
    /// A value that means nothing: with the file and the line.
    pub fn of(file: &ConfigFile, path: &Path) -> Result<Self, Error> {
        Ok(Self {
            mode: read(file, path, "mode", str::parse)?,
            audit: read(file, path, "audit", |text| Ok(PathBuf::from(text)))?,
            detect_timeout: read(file, path, "detect-timeout", parse_duration)?,
            allow: read(file, path, "allow", exceptions::allowable)?,
            quiet: read(file, path, "quiet-rule", exceptions::silenceable)?,
            ttl: read(file, path, "ttl", str::parse)?,
        })
    }
}

fn read<T>(
    file: &ConfigFile,
    path: &Path,
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Error> {
    let Some(Setting { value, line }) = file.sandbox.get(key) else { return Ok(None) };
    parse(value).map(Some).map_err(|problem| config_file::invalid(path, *line, &problem))
}

const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// `10s`, `1m 30s`, `500ms`. The error is a clause.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        // Docker's durations end at 292 years, and clocks some time.
        Ok(duration) if duration > YEAR => Err(format!("`{}` is longer than a year", crate::ui::plain(text))),
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("`{}` is no duration: write `10s`, `500ms` or `1m`", crate::ui::plain(text))),
    }
}
