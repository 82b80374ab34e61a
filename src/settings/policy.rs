//! The machine's policy: the weakest mode that anybody on it may use.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::mode::Mode;
use crate::error::Error;
use crate::ui::{plain, shown};

/// Where it is. No environment variable moves it: who may write there administers the machine.
pub const PATH: &str = "/etc/docker/sandbox-policy.json";

/// What it says. A key that we do not know might restrict something: it makes the file invalid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The weakest mode allowed.
    #[serde(rename = "weakest-mode")]
    pub weakest_mode: Mode,
}

/// Reads the policy; `None` where the machine has none.
///
/// # Errors
/// It is there and cannot be read or understood: nothing may start then.
pub fn read() -> anyhow::Result<Option<Policy>> {
    let path = Path::new(PATH);
    let text = match std::fs::read(path) {
        Ok(text) => text,
        // A link to nowhere is a policy that cannot be read, not the absence of one.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) => {
            return Err(error).with_context(|| {
                Error::new(format!("cannot read the machine's policy {}", shown(path)))
                    .hint("make it readable for everybody:", format!("sudo chmod a+r {PATH}"))
            });
        }
    };
    let policy = serde_json::from_slice(&text).map_err(|error| {
        Error::new(format!("the machine's policy {} is invalid: {}", shown(path), plain(&error.to_string())))
            .hint(
                "write one mode, `required`, `preferred` or `none`:",
                format!("echo '{{\"weakest-mode\": \"required\"}}' | sudo tee {PATH}"),
            )
    })?;
    Ok(Some(policy))
}
