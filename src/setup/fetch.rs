//! Downloads, through curl or wget, whichever is there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::tool::{Job, Tools, complaint};
use super::{checksum, file};
use crate::error::Error;
use crate::ui::shown;

/// An archive of some 100 MB over a slow line.
const LIMIT: Duration = Duration::from_secs(3600);
/// A `.sha512` has one line; an error page is cut off here.
const SUM_LIMIT: usize = 1 << 16;

/// The program that downloads.
enum Program {
    Curl(PathBuf),
    Wget(PathBuf),
}

/// Fetches the archive at `url` and verifies it against `url.sha512`.
///
/// What has come so far is kept in `folder`, by its sum, and an interrupted download goes on from
/// there; what has the wrong sum is removed. `progress`: a bar is drawn on stderr.
///
/// # Errors
/// A download failed, or the sum is missing or wrong.
pub fn archive(tools: &Tools, url: &str, folder: &Path, progress: bool) -> anyhow::Result<PathBuf> {
    let program = Program::find(tools)?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", shown(folder)))?;
    let name = url.rsplit('/').next().unwrap_or(url);
    let sums = folder.join(format!("{}.sha512", std::process::id()));
    let _ = std::fs::remove_file(&sums);
    let fetched = program.fetch(tools, &format!("{url}.sha512"), &sums, false);
    let text = fetched.and_then(|()| file::read(&sums)).map(Option::unwrap_or_default);
    let _ = std::fs::remove_file(&sums);
    let mut text = text.with_context(|| {
        Error::new("no checksum, so nothing was fetched")
            .hint("every archive needs its .sha512 beside it:", format!("sha512sum {name} > {name}.sha512"))
    })?;
    text.truncate(SUM_LIMIT);
    let text = String::from_utf8_lossy(&text).into_owned();
    let wanted = checksum::wanted(&text, name, url)?;
    let part = folder.join(format!("{}-{name}", &wanted[..32]));
    let begun = part.exists();
    if begun && checksum::of(&part)? == wanted {
        return Ok(part);
    }
    let mut outcome = program.fetch(tools, url, &part, progress);
    if begun && (outcome.is_err() || checksum::of(&part)? != wanted) && tools.stop.signal().is_none() {
        // A server that cannot go on from the middle, or a beginning that was bad.
        file::remove(&part)?;
        outcome = program.fetch(tools, url, &part, progress);
    }
    outcome?;
    let verified = checksum::verify(&part, &text, name, url);
    if verified.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    verified.map(|_| part)
}

/// Fetches a small file as it is.
///
/// # Errors
/// The download failed.
pub fn small(tools: &Tools, url: &str, into: &Path) -> anyhow::Result<()> {
    Program::find(tools)?.fetch(tools, url, into, false)
}

impl Program {
    fn find(tools: &Tools) -> anyhow::Result<Self> {
        if let Some(path) = tools.find("curl") {
            return Ok(Self::Curl(path));
        }
        tools.find("wget").map(Self::Wget).ok_or_else(|| {
            Error::new("neither curl nor wget is installed, so nothing can be fetched")
                .hint("install one:", "sudo apt-get install -y curl")
                .hint("or fetch the archive and its .sha512 elsewhere:", "docker sandbox setup --from FILE")
                .into()
        })
    }

    /// Downloads `url` into `into`, behind what is there already.
    fn fetch(&self, tools: &Tools, url: &str, into: &Path, progress: bool) -> anyhow::Result<()> {
        let output = tools.run(&self.job(url, into, progress).within(LIMIT).visible(progress))?;
        if output.status.success() {
            return Ok(());
        }
        let code = output.status.code();
        // curl's 22 and wget's 8: the server answered with an error.
        let what = match (self, code) {
            (Self::Curl(_), Some(22)) | (Self::Wget(_), Some(8)) => "the server does not have it",
            (Self::Curl(_), Some(6)) => "there is no such server",
            _ => "the download failed",
        };
        let said = if progress { output.status.to_string() } else { complaint(&output) };
        Err(Error::new(format!("cannot fetch {}: {what} ({said})", shown(url))).into())
    }

    fn job(&self, url: &str, into: &Path, progress: bool) -> Job {
        let secure = url.starts_with("https://");
        let mut words: Vec<&str> = Vec::new();
        let into = into.to_string_lossy().into_owned();
        match self {
            Self::Curl(path) => {
                words.extend(["--fail", "--location", "--connect-timeout", "20", "--retry", "2"]);
                // From https never down to http, by no redirection either.
                words.extend(["--proto", if secure { "=https" } else { "=http,https" }]);
                words.extend(["--speed-limit", "1", "--speed-time", "60", "--continue-at", "-"]);
                words.extend(if progress { &["--progress-bar"][..] } else { &["--silent", "--show-error"] });
                words.extend(["--output", &into, "--", url]);
                Job::new(path, words)
            }
            Self::Wget(path) => {
                words.extend(["--tries=3", "--timeout=60", "--continue"]);
                if secure {
                    words.push("--https-only");
                }
                words.extend(if progress { &["--quiet", "--show-progress"][..] } else { &["--no-verbose"] });
                words.extend(["-O", &into, "--", url]);
                Job::new(path, words)
            }
        }
    }
}
