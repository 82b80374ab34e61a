//! One check and what came of it.

use serde::{Serialize, Serializer};

use crate::error::Hint;
use crate::gvisor::failures::Failure;

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something has to be done.
    Fail,
    /// Something should be known.
    Warn,
    /// As it should be.
    Ok,
    /// It could not be checked, or has no meaning here: the evidence says why.
    Skip,
}

/// One check as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable: `daemon.reachable`, `proof.default`.
    pub id: &'static str,
    /// What is checked, in a few words; may hold names from outside, unescaped.
    pub what: String,
    /// What came of it.
    pub result: Outcome,
    /// What was seen; may hold text from outside, unescaped, and several lines.
    pub evidence: String,
    /// What is wrong, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do about it.
    #[serde(serialize_with = "fixes", skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<Hint>,
}

impl Check {
    /// Nothing is wrong.
    pub fn ok(id: &'static str, what: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self::new(id, what, Outcome::Ok, evidence)
    }

    /// Something should be known.
    pub fn warn(id: &'static str, what: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self::new(id, what, Outcome::Warn, evidence)
    }

    /// Something is wrong.
    pub fn fail(id: &'static str, what: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self::new(id, what, Outcome::Fail, evidence)
    }

    /// It was not checked, because of `evidence`.
    pub fn skip(id: &'static str, what: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self::new(id, what, Outcome::Skip, evidence)
    }

    fn new(id: &'static str, what: impl Into<String>, result: Outcome, evidence: impl Into<String>) -> Self {
        Self { id, what: what.into(), result, evidence: evidence.into(), cause: None, fix: Vec::new() }
    }

    /// Adds a way out.
    #[must_use]
    pub fn fix(
        mut self,
        text: impl Into<String>,
        commands: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let commands = commands.into_iter().map(Into::into).collect();
        self.fix.push(Hint { text: text.into(), commands });
        self
    }

    /// The same with other commands.
    #[must_use]
    pub fn commands(mut self, other: impl Fn(&str) -> String) -> Self {
        for command in self.fix.iter_mut().flat_map(|fix| &mut fix.commands) {
            *command = other(command);
        }
        self
    }

    /// Adds a known failure's cause and its way out.
    #[must_use]
    pub fn explained(mut self, failure: &Failure) -> Self {
        self.cause = Some(failure.cause.to_owned());
        self.fix(failure.fix, failure.commands.iter().copied())
    }
}

fn fixes<S: Serializer>(fixes: &[Hint], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fix<'a> {
        text: &'a str,
        commands: &'a [String],
    }
    serializer.collect_seq(fixes.iter().map(|fix| Fix { text: &fix.text, commands: &fix.commands }))
}
