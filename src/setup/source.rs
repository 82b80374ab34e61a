//! Where gVisor comes from.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::ui::{plain, shown};

/// The archive's name in gVisor's releases since 2026-08; the loose `runsc` is gone.
pub const ARCHIVE: &str = "gvisor.tar.bz2";
const RELEASES: &str = "https://storage.googleapis.com/gvisor/releases/release";

/// One origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A runsc that is on this machine, and stays where it is.
    Found(PathBuf),
    /// gVisor's own apt repository.
    Apt,
    /// A release of gVisor's: `latest`, `YYYYMMDD` or `YYYYMMDD.N`.
    Release(String),
    /// An archive, or a runsc alone, with its `.sha512` beside it.
    File(PathBuf),
    /// A folder with a runsc, and what belongs to it.
    Folder(PathBuf),
    /// An archive on a web server, with its `.sha512` beside it.
    Url(String),
}

/// Reads the value of `--from`. `folder` is the working folder.
///
/// # Errors
/// It is none of the things that it can be.
pub fn parse(value: &OsStr, folder: &Path) -> anyhow::Result<Source> {
    let text = value.to_string_lossy();
    if text == "apt" {
        return Ok(Source::Apt);
    }
    if text == "release" {
        return Ok(Source::Release("latest".to_owned()));
    }
    if let Some(date) = text.strip_prefix("release=") {
        if date == "latest" || is_date(date) {
            return Ok(Source::Release(date.to_owned()));
        }
        return Err(wrong(&format!("`release={}`: a release is `YYYYMMDD` or `YYYYMMDD.N`", plain(date))));
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.contains(['?', '#']) {
            return Err(wrong(&format!("{}: give the archive's plain address", shown(value))));
        }
        let slash = if text.ends_with('/') { ARCHIVE } else { "" };
        return Ok(Source::Url(format!("{text}{slash}")));
    }
    if text.contains("://") {
        return Err(wrong(&format!("{}: only https and http are fetched", shown(value))));
    }
    let path = folder.join(value);
    match std::fs::metadata(&path) {
        Ok(there) if there.is_dir() => {
            let (runsc, archive) = (path.join("runsc"), path.join(ARCHIVE));
            if runsc.is_file() {
                Ok(Source::Folder(path))
            } else if archive.is_file() {
                Ok(Source::File(archive))
            } else {
                Err(wrong(&format!("{} has neither `runsc` nor `{ARCHIVE}` in it", shown(&path))))
            }
        }
        Ok(_) => Ok(Source::File(path)),
        Err(error) => Err(wrong(&format!("cannot read {}: {error}", shown(&path)))),
    }
}

fn wrong(message: &str) -> anyhow::Error {
    Error::new(format!("--from: {message}"))
        .code(crate::error::USAGE)
        .hint(
            "it is apt, release, release=DATE, a file, a folder or an address:",
            "docker sandbox setup --help",
        )
        .into()
}

fn is_date(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (day, number) = text.split_once('.').unwrap_or((text, "0"));
    day.len() == 8 && digits(day) && digits(number)
}

/// The address of a release's archive for `architecture`, as Rust and `uname -m` name it.
///
/// # Errors
/// gVisor is not made for it.
pub fn release_url(date: &str, architecture: &str) -> anyhow::Result<String> {
    match architecture {
        "x86_64" | "aarch64" => Ok(format!("{RELEASES}/{date}/{architecture}/{ARCHIVE}")),
        other => {
            Err(Error::new(format!("gVisor is released for x86_64 and aarch64, and not for `{other}`"))
                .into())
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(path) => write!(f, "take the runsc that is there: {}", shown(path)),
            Self::Apt => f.write_str("install the package `runsc` from gVisor's apt repository"),
            Self::Release(date) => write!(f, "fetch gVisor's release `{date}` and verify its SHA-512"),
            Self::File(path) => write!(f, "take {} and verify its SHA-512", shown(path)),
            Self::Folder(path) => write!(f, "copy gVisor out of {}", shown(path)),
            Self::Url(url) => write!(f, "fetch {} and verify its SHA-512", shown(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Source> {
        parse(OsStr::new(text), Path::new("/"))
    }

    #[test]
    fn every_origin_is_recognised_and_nothing_else_is() {
        assert_eq!(read("apt").unwrap(), Source::Apt);
        assert_eq!(read("release").unwrap(), Source::Release("latest".into()));
        assert_eq!(read("release=20260810.0").unwrap(), Source::Release("20260810.0".into()));
        assert_eq!(read("https://m/x.tar.gz").unwrap(), Source::Url("https://m/x.tar.gz".into()));
        assert_eq!(read("http://m/").unwrap(), Source::Url(format!("http://m/{ARCHIVE}")));
        for no in [
            "release=",
            "release=../x",
            "release=2026",
            "ftp://m/x",
            "https://m/a b",
            "/nope",
            "https://m/x?y",
        ] {
            assert!(read(no).is_err(), "{no}");
        }
    }

    #[test]
    fn the_address_is_todays_layout() {
        assert_eq!(
            release_url("latest", "aarch64").unwrap(),
            "https://storage.googleapis.com/gvisor/releases/release/latest/aarch64/gvisor.tar.bz2"
        );
        assert!(release_url("latest", "riscv64").is_err());
    }
}
