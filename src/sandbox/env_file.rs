//! Variables as Docker's CLI reads them: `--env NAME=VALUE`, `--env NAME` and `--env-file FILE`.
//!
//! Source: docker/cli's `pkg/kvfile/kvfile.go` (files), `opts/env.go` (`--env`) and `opts/parse.go` (their order);
//! compared with what CLI 28.2.2 sends. Values are taken as they stand: quotes belong to them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::error::Error;
use crate::ui::{plain, shell_line, shown};

/// Go's `bufio.MaxScanTokenSize`, which a line and its end must fit into.
const LONGEST_LINE: usize = 64 << 10;

/// A variable for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Never empty, and without `=`; anything else can be in it.
    pub name: OsString,
    /// `None` takes away what the image sets, and what stands before it in the same list: seen with Docker 20.10 and 26.1.
    pub value: Option<OsString>,
}

impl Variable {
    /// As `docker run --env` and `docker exec --env` take it. One without a value must not be set where that is
    /// started, or Docker's CLI takes the value from there.
    #[must_use]
    pub fn word(&self) -> OsString {
        let mut word = self.name.clone();
        if let Some(value) = &self.value {
            word.push("=");
            word.push(value);
        }
        word
    }
}

/// Where a variable without a value gets it: the caller's environment.
pub type Lookup<'a> = &'a dyn Fn(&OsStr) -> Option<OsString>;

/// All `files`, then all `options`, whatever their order on the command line: as Docker's CLI sends them. A name can
/// be there more than once.
///
/// # Errors
/// The first that is wrong: [`of_file`], [`of_option`].
pub fn all<P: AsRef<Path>, O: AsRef<OsStr>>(
    files: &[P],
    options: &[O],
    lookup: Lookup<'_>,
) -> anyhow::Result<Vec<Variable>> {
    let mut variables = Vec::new();
    for file in files {
        variables.extend(of_file(file.as_ref(), lookup)?);
    }
    for option in options {
        variables.push(of_option(option.as_ref(), lookup)?);
    }
    Ok(variables)
}

/// The value of an `--env`: a name alone has the caller's value, and without one [takes the image's
/// away](Variable::value).
///
/// # Errors
/// There is no name.
pub fn of_option(text: &OsStr, lookup: Lookup<'_>) -> Result<Variable, Error> {
    let (name, value) = cut(text.as_bytes());
    if name.is_empty() {
        let message = format!("`--env`: invalid environment variable: {}", shown(text));
        return Err(Error::new(message).hint("name it:", "--env=NAME=VALUE"));
    }
    let name = OsStr::from_bytes(name).to_owned();
    let value = value.map(|value| OsStr::from_bytes(value).to_owned()).or_else(|| lookup(&name));
    Ok(Variable { name, value })
}

/// The lines of an `--env-file`: a name alone has the caller's value, and without one is no variable at all.
///
/// # Errors
/// The file cannot be read; a line is no UTF-8, is too long, or has no name or one with blanks in it.
pub fn of_file(path: &Path, lookup: Lookup<'_>) -> anyhow::Result<Vec<Variable>> {
    let unreadable = || {
        Error::new(format!("cannot read the env file {}", shown(path)))
            .hint("see what it is, and who may read it:", format!("ls -ld {}", shell_line([path])))
    };
    let file = File::open(path).with_context(unreadable)?;
    let variables = parse(BufReader::new(file), lookup).with_context(unreadable)?;
    variables.map_err(|(line, problem)| {
        Error::new(format!("invalid env file ({}): {}", shown(path), plain(&problem)))
            .hint(format!("correct line {line}:"), format!("${{EDITOR:-vi}} {}", shell_line([path])))
            .into()
    })
}

/// The inner error is the number of a line, from 1, and what is wrong there in Docker's words.
fn parse(mut file: impl BufRead, lookup: Lookup<'_>) -> io::Result<Result<Vec<Variable>, (usize, String)>> {
    let mut variables = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        file.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        match variable(line, number == 1, lookup) {
            Ok(variable) => variables.extend(variable),
            Err(problem) => return Ok(Err((number, problem))),
        }
    }
    Ok(Ok(variables))
}

/// The variable of a line; `None` if there is none in it. `line` ends with a newline unless it is the file's last.
fn variable(mut line: Vec<u8>, first: bool, lookup: Lookup<'_>) -> Result<Option<Variable>, String> {
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() == LONGEST_LINE {
        return Err("bufio.Scanner: token too long".to_owned());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let line = String::from_utf8(line)
        // Docker adds the whole line in numbers.
        .map_err(|_| "invalid utf8 bytes".to_owned())?;
    let line = if first { line.strip_prefix('\u{feff}').unwrap_or(&line) } else { &line };
    // Go's `unicode.IsSpace` is the same property of Unicode's.
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = cut(line.as_bytes());
    let (name, value) = (OsStr::from_bytes(name), value.map(OsStr::from_bytes));
    if name.is_empty() {
        return Err(format!("no variable name on line '{line}'"));
    }
    if name.as_bytes().iter().any(|byte| matches!(byte, b' ' | b'\t')) {
        return Err(format!("variable '{}' contains whitespaces", name.to_string_lossy()));
    }
    if line.contains('\0') {
        // Docker's CLI sends it, and no process can be started with it; we could not even name it to Docker.
        return Err(format!("variable '{}' contains a NUL character", name.to_string_lossy()));
    }
    let value = value.map(OsStr::to_owned).or_else(|| lookup(name));
    Ok(value.map(|value| Variable { name: name.to_owned(), value: Some(value) }))
}

/// What stands before the first `=`, and what behind it.
fn cut(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == b'=') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests;
