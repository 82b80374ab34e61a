//! Files that only their owner may read or write, replaced whole.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::Context as _;

use crate::ui::shown;

/// No file of ours is as large.
const MOST_BYTES: u64 = 4 << 20;

/// The content of `file`; `None` if it is not there, not a regular file, not ours alone, or too
/// large to be one of ours.
#[must_use]
pub fn read(file: &Path) -> Option<Vec<u8>> {
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking()).open(file).ok()?;
    let about = opened.metadata().ok()?;
    let ours = about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o022 == 0;
    if !ours || !about.is_file() || about.len() > MOST_BYTES {
        return None;
    }
    let mut content = Vec::new();
    opened.take(MOST_BYTES).read_to_end(&mut content).ok()?;
    Some(content)
}

/// The flag with which opening a pipe that nobody has at its other end does not wait.
#[must_use]
pub fn nonblocking() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

/// Puts `content` into `file`, mode 0600, so that a reader sees the old one or the new one, whole.
/// `folder`, which holds it, is made with mode 0700 where it is missing.
///
/// # Errors
/// The folder cannot be made or written to.
pub fn replace(folder: &Path, file: &Path, content: &[u8]) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", shown(folder)))?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let temporary = Path::new(&name);
    // Left behind by a process that was killed and had our number.
    let _ = std::fs::remove_file(temporary);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)
        .and_then(|mut out| out.write_all(content))
        .and_then(|()| std::fs::rename(temporary, file));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written.with_context(|| format!("cannot write {}", shown(file)))
}
