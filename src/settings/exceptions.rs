//! Exceptions from the rules, over what is started and over what a command changed: which are allowed, and which are silent.

use std::ffi::OsString;
use std::fmt::Write as _;

use super::decide::{Origin, Sourced};
use super::policy::Policy;
use super::rule::NamedRule;
use crate::error::Error;
use crate::ui::plain;

/// How the comma list of an option is read. The error is a clause.
type ReadIds = fn(&str) -> Result<Vec<&'static str>, String>;

type IsInGroup = fn(NamedRule) -> bool;

/// What may be done although a rule forbids it, and what a rule need not say.
#[derive(Debug, Default)]
pub struct Exceptions {
    /// Rules that forbid something, or hold it back, and do so no more.
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
        self.allow.extend(of_flag("allow", allow, allowable)?);
        self.quiet.extend(of_flag("quiet-rule", quiet, silenceable)?);
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

/// The ids of a comma list, all of them rules that forbid something or hold it back. The error is a clause.
///
/// # Errors
/// One of them is not.
pub fn allowable(list: &str) -> Result<Vec<&'static str>, String> {
    ids(list, |rule| {
        let problem = format!("`{}` forbids nothing; `quiet-rule` silences it", rule.id());
        if rule.can_be_allowed() { Ok(()) } else { Err(problem) }
    })
}

/// The ids of a comma list, all of them rules that may be silent. The error is a clause.
///
/// # Errors
/// One of them is not.
pub fn silenceable(list: &str) -> Result<Vec<&'static str>, String> {
    ids(list, |rule| {
        let problem = format!(
            "`{}` holds back what a command changed, and is never silent; `allow` has it applied",
            rule.id()
        );
        if rule.can_be_silent() { Ok(()) } else { Err(problem) }
    })
}

fn ids(list: &str, check: fn(NamedRule) -> Result<(), String>) -> Result<Vec<&'static str>, String> {
    list.split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(|id| {
            let rule = NamedRule::find(id).ok_or_else(|| format!("`{}` is no rule", plain(id)))?;
            check(rule)?;
            Ok(rule.id())
        })
        .collect()
}

fn of_flag(flag: &str, values: &[OsString], read: ReadIds) -> Result<Vec<Sourced<&'static str>>, Error> {
    let mut all = Vec::new();
    for value in values {
        let origin = Origin::Flag(format!("--{flag}={}", value.to_string_lossy()));
        let ids = read(&value.to_string_lossy()).map_err(|problem| {
            Error::new(format!("{origin}: {problem}"))
                .body(accepted(read))
                .hint("name one of these:", format!("--{flag}=RULE"))
        })?;
        all.extend(ids.into_iter().map(|value| Sourced { value, origin: origin.clone() }));
    }
    Ok(all)
}

/// The rules that an option accepts, by what they do.
fn accepted(read: ReadIds) -> String {
    let groups: [(&str, IsInGroup); 3] = [
        ("deny", |rule| rule.can_be_allowed() && !rule.is_of_changes()),
        ("changes", NamedRule::is_of_changes),
        ("others", |rule| !rule.can_be_allowed()),
    ];
    let mut text = String::new();
    for (group, is_in_it) in groups {
        let is_listed = |rule: &NamedRule| rule.is_triggered() && is_in_it(*rule) && read(rule.id()).is_ok();
        let ids: Vec<&str> = NamedRule::all().filter(is_listed).map(NamedRule::id).collect();
        if !ids.is_empty() {
            let _ = writeln!(text, "{group}: {}", ids.join(" "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_forbidden_can_be_allowed_and_what_is_held_back_is_never_silent() {
        assert_eq!(allowable("socket-mount, host-etc,"), Ok(vec!["socket-mount", "host-etc"]));
        assert!(allowable("net-host").is_err() && allowable("all").is_err());
        assert_eq!(silenceable("net-host,socket-mount"), Ok(vec!["net-host", "socket-mount"]));
        assert!(silenceable("net_host").is_err());
        assert_eq!(allowable("git-config,host-etc"), Ok(vec!["git-config", "host-etc"]));
        assert!(silenceable("net-host,git-config").is_err());
    }

    #[test]
    fn a_policy_names_what_may_be_allowed() {
        let mut exceptions = Exceptions::default();
        exceptions.of_flags(&["host-etc".into(), "git-config".into()], &[]).unwrap();
        let policy = |may_allow| Policy { weakest_mode: None, may_allow };
        assert!(exceptions.beyond(None).is_none());
        assert!(exceptions.beyond(Some(&policy(None))).is_none());
        assert!(
            exceptions.beyond(Some(&policy(Some(vec!["host-etc".into(), "git-config".into()])))).is_none()
        );
        let starts_only = policy(Some(vec!["host-etc".into()]));
        assert_eq!(exceptions.beyond(Some(&starts_only)).map(|allowed| allowed.value), Some("git-config"));
        let beyond = policy(Some(vec![]));
        assert_eq!(exceptions.beyond(Some(&beyond)).map(|allowed| allowed.value), Some("host-etc"));
    }
}
