//! Downloads, through curl or wget, whichever is there.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::tool::{Job, Tools, complaint};
use super::{checksum, file, ownership};
use crate::error::Error;
use crate::ui::shown;

/// An archive of some 100 MB over a slow line.
const LIMIT: Duration = Duration::from_secs(3600);
/// gVisor's archive has some 100 MB; a server that never ends must not fill the disk.
const MAX_ARCHIVE: u64 = 512 << 20;
/// A `.sha512` has one line, a key some kilobytes.
const MAX_SMALL: u64 = 1 << 20;

/// The program that downloads.
enum Program {
    Curl(PathBuf),
    Wget(PathBuf),
}

/// A download: the open file that was verified, at its beginning, and where it lies.
#[derive(Debug)]
pub struct Fetched {
    /// To be used instead of what lies at `path`.
    pub file: File,
    /// To be removed.
    pub path: PathBuf,
}

/// Fetches the archive at `url` and verifies it against `url.sha512`.
///
/// What has come so far is kept in `folder`, by its sum, and an interrupted download goes on from
/// there; what has the wrong sum is removed. `progress`: a bar is drawn on stderr.
///
/// # Errors
/// Somebody else can write to `folder`, a download failed or is too large, or the sum is missing or wrong.
pub fn archive(tools: &Tools, url: &str, folder: &Path, progress: bool) -> anyhow::Result<Fetched> {
    let program = Program::find(tools)?;
    own_folder(folder)?;
    let name = url.rsplit('/').next().unwrap_or(url);
    let sums = folder.join(format!("{}.sha512", std::process::id()));
    let _ = std::fs::remove_file(&sums);
    let fetched = program.fetch(tools, &format!("{url}.sha512"), &sums, MAX_SMALL, false);
    let text = fetched.and_then(|()| file::read_own(&sums)).map(Option::unwrap_or_default);
    let _ = std::fs::remove_file(&sums);
    let text = text.with_context(|| {
        Error::new("no checksum, so nothing was fetched")
            .hint("every archive needs its .sha512 beside it:", format!("sha512sum {name} > {name}.sha512"))
    })?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let wanted = checksum::wanted(&text, name, url)?;
    let part = folder.join(format!("{}-{name}", &wanted[..32]));
    // What is there and not ours is no beginning of ours either.
    if std::fs::symlink_metadata(&part).is_ok_and(|about| !ownership::is_own_file(&about)) {
        file::remove_all(&part)?;
    }
    let begun = part.exists();
    let is_whole = |part: &Path| checksum::of(part).is_ok_and(|sum| sum == wanted);
    if !(begun && is_whole(&part)) {
        let mut outcome = program.fetch(tools, url, &part, MAX_ARCHIVE, progress);
        if begun && (outcome.is_err() || !is_whole(&part)) && tools.stop.signal().is_none() {
            // A server that cannot go on from the middle, or a beginning that was bad.
            file::remove(&part)?;
            outcome = program.fetch(tools, url, &part, MAX_ARCHIVE, progress);
        }
        if let Err(error) = outcome {
            if std::fs::symlink_metadata(&part).is_ok_and(|about| about.len() > MAX_ARCHIVE) {
                file::remove(&part)?;
            }
            return Err(error);
        }
    }
    let mut opened = File::open(&part).with_context(|| format!("cannot read {}", shown(&part)))?;
    let verified = checksum::verify(&mut opened, &text, name, url);
    if verified.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    verified.map(|()| Fetched { file: opened, path: part })
}

/// Makes `folder`, for the caller alone.
fn own_folder(folder: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot make the folder {}", shown(folder));
    let consequence = "and what is fetched there is run by root";
    let way_out =
        || ("fetch the archive and its .sha512 elsewhere:", "docker sandbox setup --from FILE".to_owned());
    ownership::check(folder, consequence, way_out())?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(cannot)?;
    ownership::check(folder, consequence, way_out())
}

/// Fetches a small file as it is.
///
/// # Errors
/// The download failed.
pub fn small(tools: &Tools, url: &str, into: &Path) -> anyhow::Result<()> {
    Program::find(tools)?.fetch(tools, url, into, MAX_SMALL, false)
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

    /// Downloads `url` into `into`, behind what is there already, to no more than `most` bytes.
    fn fetch(&self, tools: &Tools, url: &str, into: &Path, most: u64, progress: bool) -> anyhow::Result<()> {
        let job = self.job(url, into, progress).within(LIMIT).visible(progress).writes(into, most);
        let output = tools.run(&job)?;
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
