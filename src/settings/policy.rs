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
    let policy = parse(&text).map_err(|problem| {
        Error::new(format!("the machine's policy {} is invalid: {}", shown(path), plain(&problem))).hint(
            "write one mode, `required`, `preferred` or `none`:",
            format!("echo '{{\"weakest-mode\": \"required\"}}' | sudo tee {PATH}"),
        )
    })?;
    Ok(Some(policy))
}

fn parse(text: &[u8]) -> Result<Policy, String> {
    // serde would take a list for the keys' values in their order.
    if text.trim_ascii_start().first().is_some_and(|&byte| byte != b'{') {
        return Err("it is no JSON object".to_owned());
    }
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_the_one_key_is_a_policy() {
        let read = |text: &str| parse(text.as_bytes()).map(|policy| policy.weakest_mode);
        assert_eq!(read(" {\"weakest-mode\": \"preferred\"}\n"), Ok(Mode::Preferred));
        for text in [
            "",
            "[]",
            "[\"none\"]",
            "null",
            "{}",
            "{\"weakest-mode\": \"none\", \"x\": 1}",
            "{\"weakest-mode\": \"required\", \"weakest-mode\": \"none\"}",
            "{\"weakest-mode\": [\"none\"]}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
