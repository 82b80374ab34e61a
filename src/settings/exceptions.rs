//! Exceptions from the rules over what is started: which are allowed, and which are silent.

use std::ffi::{OsStr, OsString};

use super::decide::{Origin, Sourced};
use super::policy::Policy;
use crate::error::Error;
use crate::gvisor::rules::{self, Rule, Severity};
use crate::ui::plain;

/// What may be done although a rule forbids it, and what a rule need not say.
#[derive(Debug, Default)]
pub struct Exceptions {
    /// Rules of severity `deny` that hold no more.
    pub allow: Vec<Sourced<&'static str>>,
    /// Rules that say nothing.
    pub quiet: Vec<Sourced<&'static str>>,
}

impl Exceptions {
    /// Adds what the command line says: comma lists, as often as they are given.
    ///
    /// # Errors
    /// A name that is no rule, or none of this kind.
    pub fn of_flags(&mut self, allow: &[OsString], quiet: &[OsString]) -> Result<(), Error> {
        let origin =
            |flag: &str, value: &OsStr| Origin::Flag(format!("--{flag}={}", value.to_string_lossy()));
        for value in allow {
            let origin = origin("allow", value);
            self.allow.extend(sourced(&allowable(&value.to_string_lossy()), &origin)?);
        }
        for value in quiet {
            let origin = origin("quiet-rule", value);
            self.quiet.extend(sourced(&known(&value.to_string_lossy()), &origin)?);
        }
        Ok(())
    }

    /// Who allowed what the rule `id` forbids, if somebody did.
    #[must_use]
    pub fn allows(&self, id: &str) -> Option<&Origin> {
        self.allow.iter().find(|allowed| allowed.value == id).map(|allowed| &allowed.origin)
    }

    /// Whether the rule `id` is to say nothing.
    #[must_use]
    pub fn silences(&self, id: &str) -> bool {
        self.quiet.iter().any(|quiet| quiet.value == id)
    }

    /// What is allowed and the machine's policy does not let anybody allow.
    #[must_use]
    pub fn beyond<'a>(&'a self, policy: Option<&'a Policy>) -> Option<&'a Sourced<&'static str>> {
        let may = policy?.may_allow.as_ref()?;
        self.allow.iter().find(|allowed| !may.iter().any(|id| id == allowed.value))
    }
}

/// The ids of a comma list, all of them rules of severity `deny`. The error is a clause.
///
/// # Errors
/// One of them is not.
pub fn allowable(list: &str) -> Result<Vec<&'static str>, String> {
    let ids = known(list)?;
    match ids.iter().find(|id| !rules::find(id).is_some_and(Rule::can_be_allowed)) {
        Some(id) => Err(format!("`{id}` forbids nothing; `quiet-rule` silences it")),
        None => Ok(ids),
    }
}

/// The ids of a comma list, all of them rules. The error is a clause.
///
/// # Errors
/// One of them is not.
pub fn known(list: &str) -> Result<Vec<&'static str>, String> {
    list.split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(|id| {
            let rule = rules::find(id).ok_or_else(|| format!("`{}` is no rule", plain(id)))?;
            Ok(rule.id)
        })
        .collect()
}

fn sourced(
    ids: &Result<Vec<&'static str>, String>,
    origin: &Origin,
) -> Result<Vec<Sourced<&'static str>>, Error> {
    match ids {
        Ok(ids) => Ok(ids.iter().map(|&value| Sourced { value, origin: origin.clone() }).collect()),
        Err(problem) => {
            let ids = |deny: bool| -> Vec<&str> {
                let wanted = rules::table::RULES.iter().filter(|rule| rule.can_be_allowed() == deny);
                wanted.filter(|rule| rule.severity != Severity::Fact).map(|rule| rule.id).collect()
            };
            let list = format!("deny: {}\nothers: {}\n", ids(true).join(" "), ids(false).join(" "));
            Err(Error::new(format!("{origin}: {problem}"))
                .body(list)
                .hint("name one of these; `deny` is what can be allowed:", "--allow=RULE"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_denied_can_be_allowed_and_every_rule_can_be_silent() {
        assert_eq!(allowable("socket-mount, host-etc,"), Ok(vec!["socket-mount", "host-etc"]));
        assert!(allowable("net-host").is_err() && allowable("all").is_err());
        assert_eq!(known("net-host,socket-mount"), Ok(vec!["net-host", "socket-mount"]));
        assert!(known("net_host").is_err());
    }

    #[test]
    fn a_policy_names_what_may_be_allowed() {
        let mut exceptions = Exceptions::default();
        exceptions.of_flags(&["host-etc".into()], &[]).unwrap();
        let policy = |may_allow| Policy { weakest_mode: None, may_allow };
        assert!(exceptions.beyond(None).is_none());
        assert!(exceptions.beyond(Some(&policy(None))).is_none());
        assert!(exceptions.beyond(Some(&policy(Some(vec!["host-etc".into()])))).is_none());
        let beyond = policy(Some(vec![]));
        assert_eq!(exceptions.beyond(Some(&beyond)).map(|allowed| allowed.value), Some("host-etc"));
    }
}
