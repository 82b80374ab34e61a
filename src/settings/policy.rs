//! The machine's policy: the weakest mode that anybody on it may use, and which rules anybody may
//! make an exception from.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Deserializer};

use super::exceptions;
use super::mode::Mode;
use crate::error::Error;
use crate::ui::{plain, shown};

/// Where it is. No environment variable moves it: who may write there administers the machine.
pub const PATH: &str = "/etc/docker/sandbox-policy.json";

/// What it says. A key that we do not know might restrict something: it makes the file invalid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The weakest mode allowed; without it, any is.
    #[serde(rename = "weakest-mode", default, deserialize_with = "given")]
    pub weakest_mode: Option<Mode>,
    /// The rules that may be allowed; without it, any may.
    #[serde(rename = "may-allow", default, deserialize_with = "given")]
    pub may_allow: Option<Vec<String>>,
}

impl Policy {
    /// What it says, as a clause about it.
    #[must_use]
    pub fn describe(&self) -> String {
        let weakest = self.weakest_mode.map(|mode| format!("allows nothing weaker than `{mode}`"));
        let may_allow = self.may_allow.as_ref().map(|ids| match ids.as_slice() {
            [] => "lets nobody allow what a rule forbids".to_owned(),
            ids => format!("lets nobody allow what a rule forbids but for {}", ids.join(", ")),
        });
        weakest.into_iter().chain(may_allow).collect::<Vec<_>>().join("; ")
    }
}

/// `null` says nothing, and a policy that says nothing is a mistake.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
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
            // Without the right to look into its folder, nobody knows whether there is one.
            let folder = path.symlink_metadata().is_err();
            let command = if folder {
                "sudo chmod a+x /etc/docker".to_owned()
            } else {
                format!("sudo chmod a+r {PATH}")
            };
            return Err(error).with_context(|| {
                Error::new(format!("cannot read the machine's policy {}", shown(path)))
                    .hint("make it readable for everybody:", command)
            });
        }
    };
    let policy = parse(&text).map_err(|problem| {
        Error::new(format!("the machine's policy {} is invalid: {}", shown(path), plain(&problem))).hint(
            "write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:",
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
    let policy: Policy = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if policy.weakest_mode.is_none() && policy.may_allow.is_none() {
        return Err("it has neither `weakest-mode` nor `may-allow`".to_owned());
    }
    if let Some(ids) = &policy.may_allow {
        exceptions::allowable(&ids.join(","))?;
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_known_keys_is_a_policy() {
        let read = |text: &str| parse(text.as_bytes()).map(|policy| policy.weakest_mode);
        assert_eq!(read(" {\"weakest-mode\": \"preferred\"}\n"), Ok(Some(Mode::Preferred)));
        let may = |text: &str| parse(text.as_bytes()).map(|policy| policy.may_allow);
        assert_eq!(may("{\"may-allow\": []}"), Ok(Some(Vec::new())));
        assert_eq!(may("{\"may-allow\": [\"host-etc\"]}"), Ok(Some(vec!["host-etc".into()])));
        assert_eq!(may("{\"may-allow\": [\"git-config\"]}"), Ok(Some(vec!["git-config".into()])));
        for text in [
            "",
            "[]",
            "[\"none\"]",
            "null",
            "{}",
            "{\"weakest-mode\": \"none\", \"x\": 1}",
            "{\"weakest-mode\": \"required\", \"weakest-mode\": \"none\"}",
            "{\"weakest-mode\": [\"none\"]}",
            "{\"weakest-mode\": null}",
            "{\"may-allow\": \"host-etc\"}",
            "{\"may-allow\": [\"net-host\"]}",
            "{\"may-allow\": [\"nonsense\"]}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
