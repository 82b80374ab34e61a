//! What `docker-cli-plugin-metadata` answers. `plugin-metadata/metadata.json` is its one source;
//! only the version comes from Cargo.

use serde_json::{Map, Value};

/// The plugin's name below `docker`.
pub const NAME: &str = "sandbox";
/// The argument with which Docker asks.
pub const COMMAND: &str = "docker-cli-plugin-metadata";

const FILE: &str = include_str!("../../plugin-metadata/metadata.json");

/// The metadata with our version.
///
/// # Errors
/// The file is no JSON object: a test keeps that from happening.
pub fn metadata() -> anyhow::Result<Map<String, Value>> {
    let mut metadata: Map<String, Value> = serde_json::from_str(FILE)?;
    metadata.insert("Version".to_owned(), version().into());
    Ok(metadata)
}

/// Our version, `0.1.0`.
#[must_use]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Prints the answer.
pub(crate) fn print() -> anyhow::Result<()> {
    crate::ui::out(&format!("{}\n", serde_json::to_string_pretty(&metadata()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_accepts_the_metadata() {
        let metadata = metadata().unwrap();
        assert_eq!(metadata["SchemaVersion"], "0.1.0");
        assert_eq!(metadata["Vendor"], "docker-sandbox");
        assert_eq!(metadata["Version"], version());
        assert!(!metadata["ShortDescription"].as_str().unwrap().is_empty());
    }
}
