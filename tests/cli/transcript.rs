//! All that can be seen of one call: its exit code, both its outputs, and the exact argv of every
//! docker that it called. The labels that every start gets differ each time, and are left out: [`Transcript::labels`].

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use snapbox::{Assert, IntoData as _, Redactions};

pub(crate) struct Transcript {
    text: String,
    pub(crate) code: Option<i32>,
    stdout: String,
    pub(crate) stderr: String,
    /// Without the program.
    calls: Vec<Vec<OsString>>,
    root: String,
    pub(crate) took: Duration,
}

impl Transcript {
    pub(crate) fn new(
        root: &Path,
        status: ExitStatus,
        stdout: &[u8],
        stderr: &[u8],
        calls: Vec<Vec<OsString>>,
        took: Duration,
    ) -> Self {
        let stdout = String::from_utf8(stdout.to_vec()).unwrap();
        let stderr = String::from_utf8(stderr.to_vec()).unwrap();
        let mut text = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit {code}\n"),
            (None, signal) => format!("ended by signal {}\n", signal.unwrap()),
        };
        for (title, part) in [("stdout", &stdout), ("stderr", &stderr)] {
            if !part.is_empty() {
                let end = if part.ends_with('\n') { "" } else { "(no end of line)\n" };
                let _ = write!(text, "--- {title}\n{part}{end}");
            }
        }
        if !calls.is_empty() {
            text.push_str("--- docker was called\n");
        }
        let usual = root.join("bin/docker");
        for call in &calls {
            let (program, words) = call.split_first().unwrap();
            let program = if *program == usual { "docker".to_owned() } else { visible(program) };
            let words: Vec<String> = words.iter().filter(|word| !is_label(word)).map(visible).collect();
            let _ = writeln!(text, "{}", [vec![program], words].concat().join(" "));
        }
        Self { text, code: status.code(), stdout, stderr, calls, root: root.display().to_string(), took }
    }

    /// Everything, as snapshots show it before redaction.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    /// What the last docker was told in labels of ours: `KEY=VALUE`, in order.
    pub(crate) fn labels(&self) -> Vec<String> {
        let last = self.calls.last().map(Vec::as_slice).unwrap_or_default();
        let labels = last.iter().filter(|word| is_label(word));
        labels.map(|word| word.to_str().unwrap()["--label=".len()..].to_owned()).collect()
    }

    /// The words of the last docker, as they are.
    pub(crate) fn last_words(&self) -> Vec<String> {
        let last = self.calls.last().map(Vec::as_slice).unwrap_or_default();
        last.iter().skip(1).map(visible).collect()
    }

    /// Compares everything with a snapshot. A section that is not there was empty.
    #[track_caller]
    pub(crate) fn is(&self, expected: impl Into<snapbox::Data>) -> &Self {
        let mut redactions = Redactions::new();
        redactions.insert("[ROOT]", self.root.clone()).unwrap();
        // The two long blocks of the instructions stand in full in these files.
        redactions.insert("[APT]", include_str!("answers/apt.txt").trim_end()).unwrap();
        redactions.insert("[TARBALL]", include_str!("answers/tarball.txt").trim_end()).unwrap();
        // `SchemaVersion` may have the same value, so the version alone is too little.
        let version = env!("CARGO_PKG_VERSION");
        redactions.insert("[VERSION]", format!("docker-sandbox {version}")).unwrap();
        redactions.insert("[VERSION_KEY]", format!("\"Version\": \"{version}\"")).unwrap();
        Assert::new()
            .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
            .normalize_paths(false)
            .redact_with(redactions)
            .eq(self.text.clone().into_data(), expected.into());
        self
    }

    /// Asserts that a container was started, and nothing said.
    #[track_caller]
    pub(crate) fn started(&self) {
        assert!(self.code == Some(0) && self.stderr.is_empty(), "{}", self.text);
    }

    /// What every refusal promises: docker's exit code for it, nothing on stdout, no container
    /// started, and a command that fixes it at the end.
    #[track_caller]
    pub(crate) fn refuses(&self, expected: impl Into<snapbox::Data>) -> &Self {
        assert_eq!(self.code, Some(125), "{}", self.text);
        self.gives_a_way_out(expected)
    }

    /// Likewise for a command of our own, which fails with 1.
    #[track_caller]
    pub(crate) fn fails(&self, expected: impl Into<snapbox::Data>) -> &Self {
        assert_eq!(self.code, Some(1), "{}", self.text);
        self.gives_a_way_out(expected)
    }

    #[track_caller]
    fn gives_a_way_out(&self, expected: impl Into<snapbox::Data>) -> &Self {
        assert_eq!(self.stdout, "", "{}", self.text);
        let started = self.calls.iter().any(|call| {
            !call.iter().any(|word| word == "--help")
                && call.iter().skip(1).any(|word| word == "run" || word == "create")
        });
        assert!(!started, "a container was started: {}", self.text);
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("    ") && self.stderr.ends_with('\n'),
            "the last line is no command: {}",
            self.text
        );
        assert!(!self.stderr.chars().any(|c| c.is_control() && c != '\n'), "{:?}", self.stderr);
        self.is(expected)
    }
}

/// Whether we add the word to every start.
fn is_label(word: &OsString) -> bool {
    word.as_bytes().starts_with(b"--label=docker-sandbox.")
}

/// A word as a shell would read it back; `$'…'` where it holds what cannot be shown.
fn visible(word: &OsString) -> String {
    let bytes = word.as_bytes();
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(bare) {
        return String::from_utf8(bytes.to_vec()).unwrap();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() || c == '\'') => format!("'{text}'"),
        _ => format!("$'{}'", bytes.escape_ascii()),
    }
}
