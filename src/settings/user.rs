//! The user's own settings: `plugins.sandbox` in Docker's `config.json`, string to string.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::mode::Mode;

/// The keys we know. `hooks` and `error-hooks` beside them are for Docker itself.
#[derive(Debug, Default, Deserialize)]
pub struct UserSettings {
    /// `mode`: see [`Mode`].
    pub mode: Option<Mode>,
    /// `audit`: the file that gets a line for every start.
    pub audit: Option<PathBuf>,
    /// `detect-timeout`: how long the daemon may take to answer, `10s`.
    #[serde(default, rename = "detect-timeout", deserialize_with = "duration")]
    pub detect_timeout: Option<Duration>,
}

/// The keys of `plugins.sandbox`, whatever they are.
pub type Keys = BTreeMap<String, serde_json::Value>;

/// Keys that mean something, to us or to Docker.
pub const KNOWN: [&str; 5] = ["mode", "audit", "detect-timeout", "hooks", "error-hooks"];

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

/// `10s`, `1m 30s`, `500ms`. The error is a clause.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("`{}` is no duration: write `10s`, `500ms` or `1m`", crate::ui::plain(text))),
    }
}
