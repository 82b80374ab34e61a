//! `--env` and `--env-file`: for Docker as they are, for a spare read as Docker reads them.

use std::ffi::OsString;

use super::request::Request;
use crate::sandbox::env_file::{self, Variable};

/// As options of `docker run`.
pub(super) fn words(request: &Request) -> Vec<OsString> {
    let option = |name: &str, value: &std::ffi::OsStr| {
        let mut word = OsString::from(name);
        word.push(value);
        word
    };
    let files = request.env_files.iter().map(|file| option("--env-file=", file.as_os_str()));
    files.chain(request.env.iter().map(|variable| option("--env=", variable))).collect()
}

/// Each variable and its value; none is to be taken away.
pub(super) fn variables(request: &Request) -> anyhow::Result<Vec<(OsString, Option<OsString>)>> {
    let variables = env_file::all(&request.env_files, &request.env, &crate::context::variable)?;
    Ok(variables.into_iter().map(|Variable { name, value }| (name, value)).collect())
}
