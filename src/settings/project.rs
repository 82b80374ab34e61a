//! The project's `agent.yaml`: its one key that concerns us, `sandbox`.
//!
//! The file comes with a cloned repository, so it is read as hostile: bounded, regular files only,
//! by a parser that builds no tree and expands no alias.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use saphyr_parser::{Event, Parser};
use sha2::{Digest as _, Sha256};

use super::mode::Mode;
use crate::docker::daemon::hex;
use crate::error::Error;
use crate::sandbox::private_file;
use crate::ui::{plain, shell_line, shown};

/// The file's name.
pub const NAME: &str = "agent.yaml";
const MOST_BYTES: u64 = 1 << 20;

/// A project's file that says something about the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// See [`real_path`].
    pub path: PathBuf,
    /// The line of its `sandbox` key, from 1.
    pub line: usize,
    /// What it asks for.
    pub mode: Mode,
    /// SHA-256 of its content, in hexadecimal.
    pub digest: String,
    /// Whether the user trusts this content at this path.
    pub trusted: bool,
}

/// Every `agent.yaml` from `folder` up to the root of its repository, the nearest first. Outside of
/// a repository only `folder` itself counts: `/tmp/agent.yaml` is anybody's.
pub fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let root = root(folder);
    let within = folder.ancestors().take_while(move |folder| folder.starts_with(root));
    within.map(|folder| folder.join(NAME)).filter(|file| file.symlink_metadata().is_ok())
}

/// The root of the repository that `folder` is in, else `folder`.
#[must_use]
pub fn root(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()).unwrap_or(folder)
}

/// Reads `file`; `None` if it says nothing about the sandbox. Trust is not looked at.
///
/// # Errors
/// It cannot be read, is not YAML, or `sandbox` is not a mode: with file and line.
pub fn read(file: &Path) -> anyhow::Result<Option<ProjectFile>> {
    let (path, content) = content(file)?;
    let text = std::str::from_utf8(&content).map_err(|_| invalid(&path, 1, "it is not UTF-8"))?;
    let Some((line, value)) =
        sandbox_key(text).map_err(|(line, problem)| invalid(&path, line, &plain(&problem)))?
    else {
        return Ok(None);
    };
    let mode = value.parse().map_err(|problem: String| invalid(&path, line, &problem))?;
    Ok(Some(ProjectFile { digest: hex(&Sha256::digest(&content)), path, line, mode, trusted: false }))
}

fn invalid(path: &Path, line: usize, problem: &str) -> Error {
    Error::new(format!("{} line {line}: {problem}", shown(path)))
        .hint("correct it:", format!("${{EDITOR:-vi}} {}", shell_line([path])))
}

/// Absolute, links to its folder resolved and a link in its own place not: otherwise a repository
/// could borrow the trust in another one's file by linking to it.
///
/// # Errors
/// Its folder is not there.
pub fn real_path(file: &Path) -> std::io::Result<PathBuf> {
    match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => file.canonicalize(),
    }
}

/// The file's [`real_path`] and bytes. A pipe or a device would make us wait, or worse.
fn content(file: &Path) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let read = || -> anyhow::Result<(PathBuf, Vec<u8>)> {
        let path = real_path(file)?;
        let opened =
            std::fs::OpenOptions::new().read(true).custom_flags(private_file::nonblocking()).open(&path)?;
        let about = opened.metadata()?;
        anyhow::ensure!(about.is_file(), "it is no regular file");
        anyhow::ensure!(about.len() <= MOST_BYTES, "it is larger than 1 MiB");
        let mut content = Vec::new();
        opened.take(MOST_BYTES).read_to_end(&mut content)?;
        Ok((path, content))
    };
    read().with_context(|| {
        Error::new(format!("cannot read the project's {}", shown(file)))
            .hint("see what it is:", format!("ls -l {}", shell_line([file])))
    })
}

/// The line and value of the top-level key `sandbox` in the first document. An error is a line
/// and what is wrong there.
fn sandbox_key(text: &str) -> Result<Option<(usize, String)>, (usize, String)> {
    let mut documents = 0_usize;
    let mut depth = 0_usize;
    // Within the top-level mapping, whether the next node is a key.
    let mut at_key = true;
    let mut in_mapping = false;
    // The line of the key `sandbox`, when its value comes next.
    let mut wanted = None;
    let mut found = None;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| (error.marker().line(), format!("it is not YAML: {}", error.info())))?;
        let line = span.start.line();
        let top = depth == 1 && in_mapping;
        let node = matches!(
            event,
            Event::Scalar(..) | Event::Alias(_) | Event::MappingStart(..) | Event::SequenceStart(..)
        );
        if top && node {
            if let Some(key_line) = wanted.take() {
                let Event::Scalar(value, ..) = &event else {
                    return Err((line, "`sandbox` must be one word: required, preferred or none".to_owned()));
                };
                if found.replace((key_line, value.to_string())).is_some() {
                    return Err((key_line, "`sandbox` is there twice".to_owned()));
                }
            } else if at_key && matches!(&event, Event::Scalar(key, ..) if key == "sandbox") {
                wanted = Some(line);
            }
            at_key = !at_key;
        }
        match event {
            Event::MappingStart(..) => {
                in_mapping |= depth == 0 && documents == 1;
                depth += 1;
            }
            Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            // Later documents are other tools'; still they must be YAML.
            Event::DocumentStart(_) => documents += 1,
            Event::DocumentEnd => in_mapping = false,
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_top_level_key_of_the_first_document_counts() {
        let read = |text| sandbox_key(text).unwrap();
        assert_eq!(read("name: x\nsandbox: none\n"), Some((2, "none".into())));
        assert_eq!(read("\"sandbox\": 'preferred'"), Some((1, "preferred".into())));
        assert_eq!(read("a: {sandbox: none}\nb:\n  - sandbox: none\n"), None);
        assert_eq!(read("x: sandbox\ny: none\n"), None);
        assert_eq!(read("a: 1\n---\nsandbox: none\n"), None);
        assert_eq!(read("- sandbox: none\n"), None);
        assert_eq!(read("? [sandbox]\n: none\n"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("a: &x none\nsandbox: required # why\n"), Some((2, "required".into())));
    }

    #[test]
    fn what_is_not_plainly_a_mode_is_an_error_with_its_line() {
        let line = |text| sandbox_key(text).unwrap_err().0;
        assert_eq!(line("a: &x none\nsandbox: *x\n"), 2);
        assert_eq!(line("sandbox:\n  mode: none\n"), 2);
        assert_eq!(line("sandbox: none\na: b\nsandbox: required\n"), 3);
        assert_eq!(line("a: b\n  c: d\n"), 2);
    }

    #[test]
    fn the_search_ends_at_the_repository_and_stays_in_the_folder_outside_of_one() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("repo/a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(top.path().join(NAME), "sandbox: none").unwrap();
        assert_eq!(files(&inner).next(), None);
        std::fs::create_dir(top.path().join("repo/.git")).unwrap();
        assert_eq!(files(&inner).next(), None);
        std::fs::write(top.path().join("repo").join(NAME), "").unwrap();
        assert!(files(&inner).eq([top.path().join("repo").join(NAME)]));
    }
}
