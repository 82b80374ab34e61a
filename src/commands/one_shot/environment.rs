//! `--env` and `--env-file`: for Docker as they are, for a spare read as Docker reads them.

use std::ffi::{OsStr, OsString};

use super::request::Request;
use crate::sandbox::env_file::{self, Variable};

/// Each variable and its value; none is to be taken away.
pub(super) type Variables = Vec<(OsString, Option<OsString>)>;

/// As options of `docker run`.
pub(super) fn words(request: &Request) -> Vec<OsString> {
    let option = |name: &str, value: &OsStr| {
        let mut word = OsString::from(name);
        word.push(value);
        word
    };
    let files = request.env_files.iter().map(|file| option("--env-file=", file.as_os_str()));
    files.chain(request.env.iter().map(|variable| option("--env=", variable))).collect()
}

/// What comes of them in a container of Docker's: what is no text is replaced, and a file's `HOME` counts less than ours.
///
/// # Errors
/// One of them is wrong, or a file cannot be read.
pub(super) fn variables(request: &Request) -> anyhow::Result<Variables> {
    let no_files: [&OsStr; 0] = [];
    let mut all = env_file::all(&request.env_files, &no_files, &crate::context::variable)?;
    all.retain(|variable| variable.name != "HOME");
    all.extend(env_file::all(&no_files, &request.env, &crate::context::variable)?);
    let text = |text: &OsStr| OsString::from(text.to_string_lossy().into_owned());
    Ok(all.into_iter().map(|Variable { name, value }| (text(&name), value.as_deref().map(text))).collect())
}
