//! What a command changed.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::Word;

/// One path that a command changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute.
    pub path: PathBuf,
    /// `added`, `modified` or `removed`.
    pub kind: &'static str,
    /// `file`, `directory`, `symlink` or `special`.
    pub node: &'static str,
    /// `applied`, `waiting`, `held-back`, `conflict` or `failed`.
    pub state: &'static str,
    /// The rule that holds it back.
    pub rule: Option<String>,
    /// Why it was not applied, in words.
    pub reason: Option<String>,
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a> {
            path: Word<'a>,
            kind: &'a str,
            node: &'a str,
            state: &'a str,
            rule: Option<&'a str>,
            reason: Option<&'a str>,
        }
        let Self { path, kind, node, state, rule, reason } = self;
        let (rule, reason) = (rule.as_deref(), reason.as_deref());
        Object { path: Word::of(path.as_os_str()), kind, node, state, rule, reason }.serialize(serializer)
    }
}
