//! A command line for both: `docker run …` and `docker sandbox run …`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// How our binary is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `docker sandbox run`.
    Plugin,
    /// `docker-sandbox run`.
    Direct,
}

/// Words that belong together: an option with its value, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Docker's, or nobody's.
    Docker(Vec<OsString>),
    /// Ours, and valid: Docker's own command line is the one without.
    Ours(Vec<OsString>),
    /// Ours, with a value that may be refused.
    Invalid(Vec<OsString>),
}

impl Piece {
    fn words(&self) -> &[OsString] {
        let (Self::Docker(words) | Self::Ours(words) | Self::Invalid(words)) = self;
        words
    }
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) call: Call,
    /// `run` or `create`.
    pub(crate) verb: &'static str,
    /// Only a line without image may end in a piece that wants a further word: pieces stay whole in
    /// both command lines.
    pub(crate) options: Vec<Piece>,
    /// The image and the words behind it, with a `--` before it perhaps.
    pub(crate) tail: Vec<OsString>,
    /// Whether the words came at random, so that some of those in `Docker` may be ours.
    pub(crate) at_random: bool,
}

impl Line {
    /// A line of Docker's words alone.
    pub(crate) fn of<S: AsRef<[u8]>>(verb: &'static str, words: impl IntoIterator<Item = S>) -> Self {
        let word = |word: S| OsStr::from_bytes(word.as_ref()).to_owned();
        let tail = words.into_iter().map(word).collect();
        Self { call: Call::Plugin, verb, options: Vec::new(), tail, at_random: false }
    }

    /// What plain docker gets.
    pub(crate) fn plain(&self) -> Vec<OsString> {
        self.line(vec![self.verb.into()], |piece| matches!(piece, Piece::Docker(_)))
    }

    /// What docker with our plugin gets, or our binary itself.
    pub(crate) fn sandboxed(&self) -> Vec<OsString> {
        let start = match self.call {
            Call::Plugin => vec!["sandbox".into(), self.verb.into()],
            Call::Direct => vec![self.verb.into()],
        };
        self.line(start, |_| true)
    }

    fn line(&self, start: Vec<OsString>, wanted: impl Fn(&Piece) -> bool) -> Vec<OsString> {
        let pieces = self.options.iter().filter(|piece| wanted(piece));
        let options = pieces.flat_map(|piece| piece.words().iter().cloned());
        start.into_iter().chain(options).chain(self.tail.iter().cloned()).collect()
    }

    /// Whether one of our own options may be refused.
    pub(crate) fn may_be_refused(&self) -> bool {
        self.options.iter().any(|piece| matches!(piece, Piece::Invalid(_)))
    }

    /// Whether our binary was asked to say more than Docker does.
    pub(crate) fn is_verbose(&self) -> bool {
        let says = |word: &OsString| word.as_bytes().starts_with(b"--verbose");
        self.options.iter().any(|piece| !matches!(piece, Piece::Docker(_)) && piece.words().iter().any(says))
    }
}

/// `words` for a shell that knows `$'\377'` (bash, zsh, ksh), with every byte as it is.
pub(crate) fn pasteable(program: &str, words: &[OsString]) -> String {
    let mut line = program.to_owned();
    for word in words {
        let bytes = word.as_bytes();
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(byte);
        line.push(' ');
        match word.to_str() {
            Some(text) if !bytes.is_empty() && bytes.iter().all(bare) => line.push_str(text),
            Some(text) if !text.chars().any(char::is_control) => {
                let _ = write!(line, "'{}'", text.replace('\'', r"'\''"));
            }
            _ => {
                line.push_str("$'");
                for &byte in bytes {
                    match byte {
                        b' '..=b'~' if !b"'\\".contains(&byte) => line.push(byte.into()),
                        _ => drop(write!(line, "\\{byte:03o}")),
                    }
                }
                line.push('\'');
            }
        }
    }
    line
}

#[test]
fn a_line_can_be_pasted_and_keeps_its_bytes() {
    let words = ["-e", "a b", "", "it's", "a\nb"].map(OsString::from);
    assert_eq!(pasteable("docker", &words), r"docker -e 'a b' '' 'it'\''s' $'a\012b'");
    assert_eq!(pasteable("docker", &[OsStr::from_bytes(b"\xff'").to_owned()]), r"docker $'\377\047'");
}
