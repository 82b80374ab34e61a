//! What a runsc on this machine says of itself and of its arguments.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::docker::program;

/// A runsc that can be started from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    path: PathBuf,
}

/// How a start of it ended.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// More than any of these questions takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

impl Binary {
    /// The one that the daemon starts for `registered`: a path, or a name on `search`.
    #[must_use]
    pub fn find(registered: &str, search: Option<&OsStr>) -> Option<Self> {
        let path = program::find(OsStr::new(registered), search, Path::new("/"))?;
        Some(Self { path })
    }

    /// Whether we may not see what is at the path that is registered, and the daemon's root may.
    #[must_use]
    pub fn is_hidden(registered: &str) -> bool {
        let denied = |error: std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
        Path::new(registered).is_absolute() && Path::new(registered).metadata().is_err_and(denied)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `release-20240807.0`, `0.0~20240729.0`, `VERSION_MISSING`.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let said = self.ask(&["--version"])?;
        let line = said.stdout.lines().find_map(|line| line.trim().strip_prefix("runsc version "))?;
        Some(line.trim().to_owned())
    }

    /// What it complains of when given `args`, or nothing if it takes them. `flags` only lists its
    /// flags, and comes after all of them have been read and compared (`features` is newer).
    #[must_use]
    pub fn complaint(&self, args: &[String]) -> Option<String> {
        let mut words: Vec<&str> = args.iter().map(String::as_str).collect();
        // What would write files.
        words.extend(["--debug-log=", "--log=", "flags"]);
        let said = self.ask(&words)?;
        // Anything but Go's code for a wrong flag and runsc's for a fatal error is not about flags.
        match said.code {
            Some(2) => said.stderr.lines().next().map(str::to_owned),
            Some(128) => said.stderr.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned),
            _ => None,
        }
    }

    /// The version of the shim beside it, if there is one: the line that names it.
    #[must_use]
    pub fn shim_version(&self) -> Option<String> {
        let shim = Self { path: self.path.with_file_name("containerd-shim-runsc-v1") };
        let said = shim.path.exists().then(|| shim.ask(&["-v"]))??;
        let text = said.stdout + &said.stderr;
        text.lines().find(|line| release_date(line).is_some()).map(|line| line.trim().to_owned())
    }

    fn ask(&self, args: &[&str]) -> Option<Said> {
        let output = program::answer(&self.path, args, LIMIT)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }
}

/// The date in a version: 20240729 in `release-20240729.0` and in `0.0~20240729.0`.
#[must_use]
pub fn release_date(version: &str) -> Option<u32> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .find(|digits| digits.len() == 8 && digits.starts_with("20"))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_dated_in_each_of_its_spellings() {
        assert_eq!(release_date("release-20240807.0"), Some(20_240_807));
        assert_eq!(release_date("0.0~20240729.0"), Some(20_240_729));
        assert_eq!(release_date("VERSION_MISSING"), None);
    }
}
