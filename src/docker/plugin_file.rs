//! Another plugin's file: who made it.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::program;

const LIMIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "Vendor")]
    vendor: String,
}

/// The vendor that the plugin at `path` names, asked as Docker's CLI asks it each time that it lists
/// its plugins. `None` if it is no plugin.
#[must_use]
pub fn vendor(path: &Path) -> Option<String> {
    let output = program::answer(path, &["docker-cli-plugin-metadata"], LIMIT)?;
    Some(serde_json::from_slice::<Metadata>(&output.stdout).ok()?.vendor)
}
