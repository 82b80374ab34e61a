//! Files of plugins: where they are, and who made them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::program;

/// Where Docker looks after the user's folders. Source: docker/cli `cli-plugins/manager/manager_unix.go`.
pub const SYSTEM_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// Where our plugin is, if it is installed; `configuration` is the folder of Docker's `config.json`.
#[must_use]
pub fn ours(configuration: Option<&Path>) -> Option<PathBuf> {
    let own = configuration.map(|folder| folder.join("cli-plugins"));
    let folders = own.into_iter().chain(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join("docker-sandbox")).find(|file| file.is_file())
}

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
