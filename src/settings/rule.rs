//! The rules that a user can name, whichever table they are in.

use crate::changes::rules as changes;
use crate::gvisor::rules::{self, Severity};

/// A rule that `--allow`, `--quiet-rule`, settings or a policy names.
#[derive(Debug, Clone, Copy)]
pub enum NamedRule {
    /// Over what is started.
    OfStart(&'static rules::Rule),
    /// Over what a command of `do --write` changed.
    OfChanges(&'static changes::Rule),
}

impl NamedRule {
    /// All of them, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_start = rules::table::RULES.iter().map(Self::OfStart);
        of_start.chain(changes::RULES.iter().map(Self::OfChanges))
    }

    /// The rule of that id.
    #[must_use]
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|rule| rule.id() == id)
    }

    /// Its name.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::OfStart(rule) => rule.id,
            Self::OfChanges(rule) => rule.id,
        }
    }

    /// What happens where it applies, or would happen without it: a clause.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::OfStart(rule) => rule.why,
            Self::OfChanges(rule) => rule.why,
        }
    }

    /// Whether it forbids something, so that somebody may allow it.
    #[must_use]
    pub fn can_be_allowed(self) -> bool {
        match self {
            Self::OfStart(rule) => rule.can_be_allowed(),
            Self::OfChanges(_) => true,
        }
    }

    /// Whether it may be silenced. What is held back must be said: otherwise it would look as if the command had not done it.
    #[must_use]
    pub fn can_be_silent(self) -> bool {
        matches!(self, Self::OfStart(_))
    }

    /// Whether it is about what a command changed.
    #[must_use]
    pub fn is_of_changes(self) -> bool {
        matches!(self, Self::OfChanges(_))
    }

    /// Whether something triggers it, so that there is a reason to name it.
    #[must_use]
    pub fn is_triggered(self) -> bool {
        !matches!(self, Self::OfStart(rule) if rule.severity == Severity::Fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_in_both_tables() {
        for rule in NamedRule::all() {
            let same = NamedRule::all().filter(|other| other.id() == rule.id()).count();
            assert_eq!(same, 1, "{}", rule.id());
        }
    }

    #[test]
    fn rules_of_both_tables_are_found() {
        assert!(
            NamedRule::find("host-etc").is_some_and(|rule| rule.can_be_allowed() && rule.can_be_silent())
        );
        let of_changes = NamedRule::find("git-config").unwrap();
        assert!(of_changes.can_be_allowed() && !of_changes.can_be_silent() && of_changes.is_of_changes());
        assert!(NamedRule::find("git_config").is_none());
    }
}
