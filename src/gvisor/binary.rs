//! What a runsc on this machine says of itself and of its arguments.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failures::{self, Failure};
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

/// More than anybody's script that starts runsc.
const LONGEST_SCRIPT: u64 = 64 << 10;

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

    /// The runsc itself, where what is registered may be a script that starts it: the first program of that name that the
    /// script names. `None` if it names none.
    #[must_use]
    pub fn real(&self) -> Option<Self> {
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mut start = Vec::new();
        std::fs::File::open(&path).ok()?.take(LONGEST_SCRIPT).read_to_end(&mut start).ok()?;
        if !start.starts_with(b"#!") {
            return Some(Self { path });
        }
        let text = String::from_utf8_lossy(&start).into_owned();
        let words = text.split(|c: char| c.is_whitespace() || "'\";&|()=".contains(c));
        let named = words.filter(|word| word.starts_with('/') && word.contains("runsc")).map(PathBuf::from);
        let is_program = |path: &PathBuf| {
            let mut magic = [0; 4];
            let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
            read.is_ok() && &magic == b"\x7fELF"
        };
        let path = named.filter_map(|path| std::fs::canonicalize(path).ok()).find(is_program)?;
        Some(Self { path })
    }

    /// The release of the shim beside it, if there is one that says it. Those that were built with containerd's version say
    /// that, which is none of gVisor's.
    #[must_use]
    pub fn shim_version(&self) -> Option<String> {
        let shim = Self { path: self.path.with_file_name("containerd-shim-runsc-v1") };
        let said = shim.path.exists().then(|| shim.ask(&["-v"]))??;
        let text = said.stdout + &said.stderr;
        text.split_whitespace().find(|word| is_release(word)).map(str::to_owned)
    }

    /// Where the program is that newer releases boot sandboxes with.
    #[must_use]
    pub fn sentry(&self) -> PathBuf {
        self.path.with_file_name("gvisor-bin").join("gvisor_sentry")
    }

    /// What `failure`, which Docker told of, comes to: a sandbox that dies may have found parts of another release.
    #[must_use]
    pub fn explain(&self, failure: &'static Failure) -> &'static Failure {
        let real = || self.real().zip(self.version());
        let mixed = failure.id == failures::DIED
            && real().is_some_and(|(real, version)| real.foreign_sentry(&version).is_some());
        if mixed { &failures::MIXED } else { failure }
    }

    /// The release of the sentry beside it, if that is another one than `version`. It is not asked, because all that it says
    /// goes to a log: what it compares itself is a text in it (`version.Version` in gVisor's `pkg/version`).
    #[must_use]
    pub fn foreign_sentry(&self, version: &str) -> Option<String> {
        if !is_release(version) {
            return None;
        }
        let labels = releases_in(&std::fs::read(self.sentry()).ok()?);
        let newest = labels.iter().max_by_key(|label| release_date(label))?;
        (!labels.iter().any(|label| label == version)).then(|| newest.clone())
    }

    fn ask(&self, args: &[&str]) -> Option<Said> {
        let output = program::answer(&self.path, args, LIMIT)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }
}

/// Whether `word` certainly is a release of gVisor's: `release-20240807.0`, or Debian's `0.0~20240729.0`.
#[must_use]
pub fn is_release(word: &str) -> bool {
    let rest = word.strip_prefix("release-").or_else(|| word.strip_prefix("0.0~"));
    let date = rest.and_then(|rest| rest.split_once('.')).map(|(date, _)| date);
    date.is_some_and(|date| {
        date.len() == 8 && date.starts_with("20") && date.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The texts `release-YYYYMMDD.N` in a program.
fn releases_in(program: &[u8]) -> Vec<String> {
    const START: &[u8] = b"release-20";
    let mut found = Vec::new();
    let mut rest = program;
    while let Some(at) = rest.iter().position(|&byte| byte == START[0]) {
        rest = &rest[at..];
        if rest.starts_with(START) {
            let length = b"release-".len()
                + rest[b"release-".len()..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
                    .count();
            let label = String::from_utf8_lossy(&rest[..length]).trim_end_matches('.').to_owned();
            if is_release(&label) && !found.contains(&label) {
                found.push(label);
            }
        }
        rest = &rest[1..];
    }
    found
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
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_release_is_dated_in_each_of_its_spellings() {
        assert_eq!(release_date("release-20240807.0"), Some(20_240_807));
        assert_eq!(release_date("0.0~20240729.0"), Some(20_240_729));
        assert_eq!(release_date("VERSION_MISSING"), None);
    }

    /// A program that says `version` when asked for it, as `name` in `folder`.
    fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_script_leads_to_the_runsc_that_it_starts() {
        let folder = tempfile::tempdir().unwrap();
        let real = program(folder.path(), "opt/runsc", "\x7fELF");
        let script = format!(
            "#!/bin/sh\nexec unshare -m sh -c 'mount x && exec {} \"$@\"' sh \"$@\"\n",
            real.display()
        );
        let registered = program(folder.path(), "bin/runsc", &script);
        let real = std::fs::canonicalize(real).unwrap();
        let seen = |path: &Path| Binary { path: path.to_owned() }.real().map(|binary| binary.path);
        assert_eq!(seen(&registered), Some(real.clone()));
        assert_eq!(seen(&real), Some(real));
        assert_eq!(seen(&program(folder.path(), "sh/runsc", "#!/bin/sh\nexec $RUNSC \"$@\"\n")), None);
    }

    #[test]
    fn a_shim_that_says_containerds_version_says_no_release() {
        let folder = tempfile::tempdir().unwrap();
        let binary = Binary { path: folder.path().join("runsc") };
        let says = |text: &str| {
            program(folder.path(), "containerd-shim-runsc-v1", &format!("#!/bin/sh\ncat <<'X'\n{text}\nX\n"));
            binary.shim_version()
        };
        // As containerd's `runtime/v2/shim` prints it.
        let containerd = "containerd-shim-runsc-v1:\n  Version:  1.7.27+20250327\n  Revision: 20250327aa\n  Go version: go1.24";
        assert_eq!(says(containerd), None);
        assert_eq!(
            says("containerd-shim-runsc-v1:\n  Version:  release-20260817.0"),
            Some("release-20260817.0".into())
        );
    }

    #[test]
    fn a_sentry_of_another_release_is_told_by_its_label() {
        let folder = tempfile::tempdir().unwrap();
        let binary = Binary { path: folder.path().join("runsc") };
        let with = |labels: &str| {
            program(folder.path(), "gvisor-bin/gvisor_sentry", &format!("\x7fELF\0{labels}\0"));
            binary.foreign_sentry("release-20260817.0")
        };
        assert_eq!(with("release-20260901.1\0release-2026"), Some("release-20260901.1".into()));
        assert_eq!(with("release-20260817.0 release-20250101.0"), None);
        assert_eq!(with("rrelease-20260817.0."), None);
        assert_eq!(with("nothing"), None);
        assert_eq!(binary.foreign_sentry("VERSION_MISSING"), None);
    }
}
