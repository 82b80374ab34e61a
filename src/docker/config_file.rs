//! Docker's own `config.json`: where it is, and the two things in it that concern us.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::flags::Flags;
use super::grammar;
use crate::error::Error;
use crate::ui::{plain, shell_line, shown};

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
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// The context that `docker context use` chose.
    pub current_context: Option<String>,
    /// `plugins.sandbox`: string to string, as Docker's convention for plugins has it.
    pub sandbox: BTreeMap<String, Setting>,
}

/// A value of `plugins.sandbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: String,
    /// The line it stands in, from 1.
    pub line: usize,
}

/// An object's values as they stand in the text, so that each one's line can be told. `null` is
/// nothing, as for Docker; a key that is there twice is an error, as one of the two is a mistake.
struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Deserialize<'a> for Object<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'a> Visitor<'a> for Entries {
    type Value = Object<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut entries: A) -> Result<Object<'a>, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((key, raw)) = entries.next_entry::<String, &'a RawValue>()? {
            if object.insert(key.clone(), raw).is_some() {
                return Err(A::Error::custom(format!("`{}` is there twice", plain(&key))));
            }
        }
        object.retain(|_, raw| raw.get() != "null");
        Ok(Object(object))
    }
}

impl ConfigFile {
    /// Reads `path`; a file that is not there is an empty one.
    ///
    /// # Errors
    /// It cannot be read, is not JSON, or something of ours in it has another type: with the line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error).with_context(|| {
                    Error::new(format!("cannot read {}", shown(path))).hint(
                        "see what it is, and who may read it:",
                        format!("ls -ld {}", shell_line([path])),
                    )
                });
            }
        };
        Self::parse(&text).map_err(|(line, problem)| invalid(path, line, &problem).into())
    }

    /// The error is a line and what is wrong there.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let Object(top) = serde_json::from_str(text).map_err(|error| told(&error))?;
        let current_context = match top.get("currentContext") {
            Some(raw) => Some(typed(text, "currentContext", raw, "a string")?),
            None => None,
        };
        let mut file = Self { current_context, sandbox: BTreeMap::new() };
        let Some(raw) = top.get("plugins") else { return Ok(file) };
        let Object(plugins) = typed(text, "plugins", raw, "an object")?;
        let Some(raw) = plugins.get("sandbox") else { return Ok(file) };
        let Object(settings) = typed(text, "plugins.sandbox", raw, "an object")?;
        for (key, raw) in settings {
            let value = typed(text, &format!("plugins.sandbox.{key}"), raw, "a string")?;
            file.sandbox.insert(key, Setting { value, line: line_of(text, raw) });
        }
        Ok(file)
    }
}

/// The error for something wrong in a line of `config.json`.
#[must_use]
pub fn invalid(path: &Path, line: usize, problem: &str) -> Error {
    Error::new(format!("{} line {line}: {}", shown(path), plain(problem)))
        .hint("correct it:", format!("${{EDITOR:-vi}} {}", shell_line([path])))
}

fn typed<'a, T: Deserialize<'a>>(
    text: &str,
    name: &str,
    raw: &'a RawValue,
    kind: &str,
) -> Result<T, (usize, String)> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let (line, problem) = told(&error);
        let problem = if problem.starts_with("invalid type") {
            format!("`{}` is not {kind}", plain(name))
        } else {
            problem
        };
        (line_of(text, raw) + line - 1, problem)
    })
}

/// The line and what is wrong there, apart from each other.
fn told(error: &serde_json::Error) -> (usize, String) {
    let text = error.to_string();
    (error.line().max(1), text.split(" at line ").next().unwrap_or(&text).to_owned())
}

/// `raw` is a part of `text`: how far from its start is how many lines down.
fn line_of(text: &str, raw: &RawValue) -> usize {
    let offset = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_with_their_lines() {
        let text = "{\"plugins\": {\n\"x\": [1],\n\"sandbox\": {\"mode\":\n  \"none\"}},\n\"currentContext\": \"c\"}";
        let file = ConfigFile::parse(text).unwrap();
        assert_eq!(file.sandbox["mode"], Setting { value: "none".into(), line: 4 });
        assert_eq!(file.current_context.as_deref(), Some("c"));
        assert!(ConfigFile::parse("{}").unwrap().sandbox.is_empty());
    }

    #[test]
    fn another_type_than_dockers_is_an_error_with_its_line() {
        let problem = |text| ConfigFile::parse(text).unwrap_err();
        assert_eq!(
            problem("{\n\"plugins\": [{\"mode\": \"none\"}]}"),
            (2, "`plugins` is not an object".into())
        );
        assert_eq!(
            problem("{\"plugins\": {\n\"sandbox\": {\"mode\":\n[]}}}"),
            (3, "`plugins.sandbox.mode` is not a string".into())
        );
        assert_eq!(problem("{\"plugins\":\n{\"x\": {},\n\"x\": {}}}"), (3, "`x` is there twice".into()));
        assert_eq!(problem("{\n,}").0, 2);
        assert!(ConfigFile::parse("[]").is_err());
        assert!(ConfigFile::parse("").is_err());
    }
}
