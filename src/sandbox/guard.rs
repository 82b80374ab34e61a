//! The guard: the first process of a container that `do` starts. `guard/main.rs` says what it does and which words it
//! takes; here they are written, and what it reports is read.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::docker::daemon::hex;
use crate::error::Error;
use crate::ui::shown;

/// The program: made by build.rs, empty where it cannot be.
pub static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guard"));

/// Where it is in a container.
pub const INSIDE: &str = "/.docker-sandbox";

/// The program as a file, below the cache folder, for the daemon to mount. One that is there already is used if it is
/// the same, byte for byte.
///
/// # Errors
/// There is no program for this machine, or the file cannot be written.
pub fn file(cache: Option<&Path>) -> anyhow::Result<PathBuf> {
    if PROGRAM.is_empty() {
        return Err(Error::new("`do` is built for Linux on x86_64 and aarch64 only")
            .hint("start the command with `run` instead:", "docker sandbox run --rm IMAGE COMMAND")
            .into());
    }
    let folder = cache.ok_or_else(|| {
        Error::new("there is no folder for our files: HOME is not set, or not there")
            .hint("set it:", "export HOME=/root")
    })?;
    let path = folder.join(format!("guard-{}", name()));
    if std::fs::read(&path).is_ok_and(|content| content == PROGRAM) {
        return Ok(path);
    }
    write(folder, &path).with_context(|| {
        Error::new(format!("cannot write {}", shown(&path)))
            .hint("let our files be somewhere else:", "export XDG_CACHE_HOME=/var/tmp/cache")
    })?;
    Ok(path)
}

/// What tells this program from others, for names and specifications.
#[must_use]
pub fn name() -> String {
    let mut name = hex(&Sha256::digest(PROGRAM));
    name.truncate(16);
    name
}

fn write(folder: &Path, path: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = path.with_extension(std::process::id().to_string());
    let _ = std::fs::remove_file(&temporary);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o555)
        .open(&temporary)
        .and_then(|mut file| file.write_all(PROGRAM))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    Ok(written?)
}

/// What it is told about one command.
#[derive(Debug, Clone, Default)]
pub struct Task {
    /// How long the command may take; none is for ever.
    pub timeout: Duration,
    /// How long it has after SIGTERM.
    pub grace: Duration,
    /// The working directory.
    pub workdir: PathBuf,
    /// Variables to set, or, without a value, to take away.
    pub environment: Vec<(OsString, Option<OsString>)>,
    /// What the guard's reports are known by; without it, it makes none. It is told to the guard on standard input only:
    /// arguments are for everybody to read, on the host and in the sandbox.
    pub report: Option<String>,
    /// The command and its arguments.
    pub command: Vec<OsString>,
}

impl Task {
    /// As the guard's arguments, the report's word aside. With one, [`Task::secrets`] are what it waits for.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let waits = self.report.iter().flat_map(|_| {
            // Who does not get them in the command's time is not waited for any more.
            ["stdin".into(), format!("idle={}", self.timeout.as_millis()).into()]
        });
        waits.chain(self.words()).collect()
    }

    fn words(&self) -> Vec<OsString> {
        let mut workdir = OsString::from("workdir=");
        workdir.push(&self.workdir);
        let mut words: Vec<OsString> = vec![
            format!("timeout={}", self.timeout.as_millis()).into(),
            format!("grace={}", self.grace.as_millis()).into(),
            workdir,
        ];
        for (name, value) in &self.environment {
            let mut word = OsString::from(if value.is_some() { "env=" } else { "unset=" });
            word.push(name);
            if let Some(value) = value {
                word.push("=");
                word.push(value);
            }
            words.push(word);
        }
        let text = self.command.iter().all(|word| word.to_str().is_some());
        if text {
            words.push("--".into());
            words.extend(self.command.iter().cloned());
        } else {
            // Docker puts something else in the place of what is no text.
            words.extend(["hex".into(), "--".into()]);
            words.extend(self.command.iter().map(|word| hex(word.as_bytes()).into()));
        }
        words
    }

    /// All of it, as what a guard that waits reads from its standard input.
    ///
    /// # Errors
    /// It is larger than a command line may be.
    pub fn block(&self) -> anyhow::Result<Vec<u8>> {
        let report = self.report_word();
        block(report.into_iter().chain(self.words()).collect())
    }

    /// What is no argument, as what a guard reads from its standard input; `None` if there is nothing.
    ///
    /// # Errors
    /// There are none for a word of ours.
    pub fn secrets(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.report_word().map(|word| block(vec![word])).transpose()
    }

    fn report_word(&self) -> Option<OsString> {
        self.report.as_ref().map(|word| format!("report={word}").into())
    }
}

fn block(words: Vec<OsString>) -> anyhow::Result<Vec<u8>> {
    let length: usize = words.iter().map(|word| word.len() + 1).sum();
    let mut block = u32::try_from(length).context("the command is too long")?.to_le_bytes().to_vec();
    for word in words {
        block.extend(word.as_bytes());
        block.push(0);
    }
    Ok(block)
}

/// What the guard reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The command is about to be executed.
    Begins,
    /// It ended with this exit code.
    Exited(u8),
    /// This signal ended it.
    Signalled(u8),
    /// It could not be executed: 126, or 127 if it is not there.
    NotStarted(u8),
    /// It did not end in time.
    TimedOut,
}

/// Takes the guard's reports out of an output.
#[derive(Debug)]
pub struct Reader {
    start: Vec<u8>,
    /// What may be the start of a report.
    held: Vec<u8>,
}

impl Reader {
    /// For a guard whose reports are known by `word`.
    #[must_use]
    pub fn new(word: &str) -> Self {
        let start = [&[0], word.as_bytes(), &[0]].concat();
        Self { start, held: Vec::new() }
    }

    /// What of `bytes`, and of what was held back before them, is the command's; and the reports among them.
    pub fn read(&mut self, bytes: &[u8]) -> (Vec<u8>, Vec<Report>) {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        let (mut output, mut reports) = (Vec::new(), Vec::new());
        while let Some(at) = rest.iter().position(|&byte| byte == 0) {
            output.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            let compared = rest.len().min(self.start.len());
            if rest[..compared] != self.start[..compared] {
                output.push(0);
                rest = &rest[1..];
                continue;
            }
            let whole = self.start.len() + 5;
            if rest.len() < whole {
                self.held = rest.to_vec();
                return (output, reports);
            }
            match report(&rest[self.start.len()..whole]) {
                Some(report) => reports.push(report),
                None => output.extend_from_slice(&rest[..whole]),
            }
            rest = &rest[whole..];
        }
        output.extend_from_slice(rest);
        (output, reports)
    }

    /// What was held back, once nothing more comes.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        self.held
    }
}

/// `e007`, and a zero. What no guard of ours writes is no report.
fn report(bytes: &[u8]) -> Option<Report> {
    let [kind, digits @ .., 0] = bytes else { return None };
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match (kind, code) {
        (b'b', 0) => Report::Begins,
        (b'e', code) => Report::Exited(code),
        (b's', 1..=64) => Report::Signalled(code),
        (b'x', 126 | 127) => Report::NotStarted(code),
        (b't', _) => Report::TimedOut,
        _ => return None,
    })
}

/// A word for [`Task::report`] that nobody can guess.
///
/// # Errors
/// The machine gives no random bytes.
pub fn random_word() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(hex(&bytes))
}

/// `--entrypoint` and the mount that bring the guard into a container.
#[must_use]
pub fn options(file: &Path) -> Vec<OsString> {
    vec![
        format!("--entrypoint={INSIDE}").into(),
        "--mount".into(),
        crate::sandbox::bind::word(file.as_os_str(), OsStr::new(INSIDE), true),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORD: &str = "0123456789abcdef";

    fn written(kind: &str) -> Vec<u8> {
        [b"\0", WORD.as_bytes(), b"\0", kind.as_bytes(), b"\0"].concat()
    }

    proptest! {
        #[test]
        fn reports_are_found_however_the_output_is_cut(
            before in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'0'), Just(b'1'), any::<u8>()], 0..40),
            cuts in prop::collection::vec(1..9_usize, 1..60),
        ) {
            let mut all = [&before[..], &written("e007")].concat();
            let mut reader = Reader::new(WORD);
            let (mut output, mut reports) = (Vec::new(), Vec::new());
            let mut cuts = cuts.into_iter().cycle();
            while !all.is_empty() {
                let rest = all.split_off(cuts.next().unwrap_or(1).min(all.len()));
                let (some, found) = reader.read(&all);
                output.extend(some);
                reports.extend(found);
                all = rest;
            }
            output.extend(reader.end());
            prop_assert_eq!(output, before);
            prop_assert_eq!(reports, [Report::Exited(7)]);
        }
    }

    #[test]
    fn nothing_is_held_back_but_the_start_of_a_report() {
        let mut reader = Reader::new(WORD);
        assert_eq!(reader.read(b"$ "), (b"$ ".to_vec(), vec![]));
        assert_eq!(reader.read(b"a\0b\0"), (b"a\0b".to_vec(), vec![]));
        assert_eq!(reader.read(b"c"), (b"\0c".to_vec(), vec![]));
        assert_eq!(reader.read(&written("b000")), (vec![], vec![Report::Begins]));
        // Not of ours: passed on.
        assert_eq!(reader.read(&written("q000")), (written("q000"), vec![]));
        assert_eq!(reader.read(b"\0 0"), (b"\0 0".to_vec(), vec![]));
        assert_eq!(reader.read(b"\x000123"), (vec![], vec![]));
        assert_eq!(reader.end(), b"\x000123");
    }

    #[test]
    fn a_block_has_its_length_and_each_word_its_end() {
        let task = Task {
            timeout: Duration::from_secs(2),
            workdir: "/w".into(),
            environment: vec![("A".into(), Some("b c".into())), ("D".into(), None)],
            command: vec!["sh".into(), OsString::new()],
            ..Task::default()
        };
        let block = task.block().unwrap();
        let text = b"timeout=2000\0grace=0\0workdir=/w\0env=A=b c\0unset=D\0--\0sh\0\0";
        assert_eq!(block[..4], u32::try_from(text.len()).unwrap().to_le_bytes());
        assert_eq!(&block[4..], text);
    }

    #[test]
    fn the_word_of_the_reports_is_in_no_argument() {
        let mut task = Task { command: vec!["true".into()], ..Task::default() };
        assert!(task.secrets().unwrap().is_none() && !task.arguments().contains(&"stdin".into()));
        task.report = Some(WORD.into());
        let secrets = task.secrets().unwrap().unwrap();
        assert_eq!(&secrets[4..], format!("report={WORD}\0").as_bytes());
        let arguments = task.arguments();
        assert!(arguments.contains(&"stdin".into()), "{arguments:?}");
        assert!(arguments.iter().all(|word| !word.to_string_lossy().contains(WORD)), "{arguments:?}");
    }

    #[test]
    fn a_report_that_no_guard_writes_is_output() {
        for forged in ["s000", "s065", "s255", "e256", "x000", "x125", "b001", "e+07", "t-01"] {
            assert_eq!(Reader::new(WORD).read(&written(forged)), (written(forged), vec![]), "{forged}");
        }
        for (known, report) in [("s001", Report::Signalled(1)), ("s064", Report::Signalled(64))] {
            assert_eq!(Reader::new(WORD).read(&written(known)), (vec![], vec![report]));
        }
    }
}
