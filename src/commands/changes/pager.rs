//! Long text on a terminal.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::context::Context;
use crate::docker::program;
use crate::ui;

/// git's own, with the options that git gives it.
const DEFAULT: &str = "less -FRX";

/// Shows what `write` writes: on a terminal in the user's pager, else on stdout. It is all written before the pager starts, so that
/// nothing waits for whoever reads it; `folder` is for that file, which has no name.
pub(super) fn show(
    context: &Context,
    folder: &Path,
    write: impl FnOnce(&mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(pager) = pager(context).filter(|_| std::io::stdout().is_terminal()) else {
        return write(&mut |text| ui::out(text));
    };
    let mut file = nameless(folder)?;
    write(&mut |text| file.write_all(text.as_bytes()).context("cannot write what is to be shown"))?;
    file.rewind()?;
    // Ctrl-C is the pager's: it would be left alone with the terminal.
    let interrupted = std::sync::Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted)?;
    let ended = Command::new("/bin/sh").arg("-c").arg(&pager).stdin(Stdio::from(file)).status();
    ended.map(drop).with_context(|| format!("cannot start the pager {}", ui::shown(&pager)))
}

/// As git does: `PAGER` is a line for the shell, and nothing or `cat` is none.
fn pager(context: &Context) -> Option<OsString> {
    match &context.environment.pager {
        Some(pager) if pager.is_empty() || pager == "cat" => None,
        Some(pager) => Some(pager.clone()),
        None => {
            let less = program::find(OsStr::new("less"), context.environment.path.as_deref(), Path::new("/"));
            less.map(|_| DEFAULT.into())
        }
    }
}

fn nameless(folder: &Path) -> anyhow::Result<File> {
    let path: PathBuf = folder.join(format!("diff.{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let opened = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let file = opened.with_context(|| format!("cannot make {}", ui::shown(&path)))?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
