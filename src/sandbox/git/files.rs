//! What a repository's own files say. They may be anybody's: only plain ones are read, and not without end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

/// More is nobody's configuration.
const MOST: u64 = 1 << 20;

/// The content of a plain file, through a link too; nothing of anything else.
pub(super) fn content(path: &Path) -> Vec<u8> {
    let mut content = Vec::new();
    // Nobody waits for the other end of a pipe.
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    if let Ok(file) = file
        && file.metadata().is_ok_and(|about| about.is_file())
    {
        let _ = file.take(MOST).read_to_end(&mut content);
    }
    content
}

/// The values of a key, whatever section it is in. Source: git-config(1), "Syntax"; includes are not followed.
fn values(text: &[u8], key: &[u8]) -> Vec<PathBuf> {
    let lines = text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut line = line.trim_ascii();
        if line.first() == Some(&b'[') {
            line = line[line.iter().position(|&byte| byte == b']')? + 1..].trim_ascii();
        }
        let at = line.iter().position(|&byte| byte == b'=')?;
        line[..at].trim_ascii().eq_ignore_ascii_case(key).then(|| value(&line[at + 1..]))
    });
    lines.filter(|value| !value.is_empty()).map(|value| OsStr::from_bytes(&value).into()).collect()
}

/// A value without its quotes, escapes and comment.
fn value(text: &[u8]) -> Vec<u8> {
    let (mut value, mut quoted, mut plain) = (Vec::new(), false, 0);
    let mut bytes = text.trim_ascii().iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => value.extend(bytes.next()),
            b'#' | b';' if !quoted => break,
            _ => value.push(byte),
        }
        if quoted || !byte.is_ascii_whitespace() {
            plain = value.len();
        }
    }
    value.truncate(plain);
    value
}

/// `core.hooksPath`; the last one counts. One in the user's home, or where git is, is in no working folder.
pub(super) fn hooks_path(config: &[u8]) -> Option<PathBuf> {
    values(config, b"hookspath").pop().filter(|path| !path.starts_with("~") && !path.starts_with("%(prefix)"))
}

/// `core.worktree`.
pub(super) fn worktree(config: &[u8]) -> Option<PathBuf> {
    values(config, b"worktree").pop()
}

/// Where `.gitmodules` says that submodules are, from its folder; one outside of that is none.
pub(super) fn submodules(text: &[u8]) -> Vec<PathBuf> {
    let is_inner = |path: &PathBuf| path.components().all(|part| matches!(part, Component::Normal(_)));
    values(text, b"path").into_iter().filter(is_inner).collect()
}

/// Whether a worktree has a configuration of its own.
pub(super) fn is_per_worktree(config: &[u8]) -> bool {
    let word = b"worktreeconfig";
    config.to_ascii_lowercase().windows(word.len()).any(|part| part == word)
}

/// What a `.git` that is a file names, `commondir` or `gitdir`: a path, from the folder that it is in.
pub(super) fn named(path: &Path) -> Option<PathBuf> {
    let content = content(path);
    let line = content.strip_prefix(b"gitdir:").unwrap_or(&content).trim_ascii();
    (!line.is_empty()).then(|| path.parent().unwrap_or(path).join(OsStr::from_bytes(line)))
}
