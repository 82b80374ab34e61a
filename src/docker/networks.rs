//! The networks that a command line of `docker run` joins.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::csv;
use super::run_line::RunLine;

/// One `--network` of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The option as it was typed.
    pub written: String,
    /// `host`, `none`, `bridge`, `container:X`, or a network's name or id.
    pub name: OsString,
}

impl Network {
    /// Those of `line`, in their order; an empty value is Docker's default.
    #[must_use]
    pub fn of(line: &RunLine) -> Vec<Self> {
        let networks = line.options().filter(|option| matches!(option.name, "network" | "net"));
        networks
            .filter_map(|option| {
                let name = name(option.value.unwrap_or_default());
                (!name.is_empty()).then(|| Self { written: option.written(), name })
            })
            .collect()
    }

    /// The container whose network it is, of `container:X`.
    #[must_use]
    pub fn container(&self) -> Option<&OsStr> {
        self.name.as_bytes().strip_prefix(b"container:").map(OsStr::from_bytes)
    }

    /// Whether somebody made it: it is none of those that Docker has by itself.
    #[must_use]
    pub fn is_user_defined(&self) -> bool {
        let own = [b"host".as_slice(), b"none", b"bridge", b"default"];
        !own.contains(&self.name.as_bytes()) && self.container().is_none()
    }
}

/// `NAME`, or `name=NAME,alias=…`. Source: `NetworkOpt.Set` in docker/cli's `opts/network.go`.
fn name(value: &OsStr) -> OsString {
    if !value.as_bytes().contains(&b'=') {
        return value.to_owned();
    }
    let fields = csv::fields(value.as_bytes()).unwrap_or_default();
    let name = fields.into_iter().rev().find_map(|field| {
        let equals = field.iter().position(|&byte| byte == b'=')?;
        let key = field[..equals].trim_ascii().to_ascii_lowercase();
        (key == b"name").then(|| OsString::from_vec(field[equals + 1..].trim_ascii().to_vec()))
    });
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::Flags;

    fn of(text: &str) -> Vec<String> {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        let line = RunLine::parse(&words, &Flags::run()).unwrap();
        Network::of(&line).into_iter().map(|network| network.name.into_string().unwrap()).collect()
    }

    #[test]
    fn networks_are_read_in_every_spelling() {
        assert_eq!(
            of("--network a --net=b --network name=c,alias=x --network= img --net d"),
            ["a", "b", "c"]
        );
        assert_eq!(of("--network \"name=host\" img"), ["host"]);
    }
}
