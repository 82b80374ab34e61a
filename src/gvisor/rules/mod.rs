//! What gVisor does differently from the kernel, and what weakens it, as rules over a command line
//! and the runtime that is to start it. Pure, but for [`host`], which looks at the paths.
//!
//! [`table::RULES`] is the one list: what is refused, what is said, `docs/compatibility.md` and
//! `docs/cli` come from it.

pub mod annotations;
mod devices;
pub mod host;
pub mod mounts;
pub mod options;
mod places;
pub mod read_only;
pub mod runtime;
#[cfg(test)]
mod spelled;
#[cfg(test)]
mod spelling;
pub mod table;

use std::ffi::OsString;
use std::fmt;

use super::arguments::Argument;
use crate::docker::run_line::RunLine;
use host::HostMount;

/// What a rule does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It weakens the sandbox: refused unless it is allowed.
    Deny,
    /// Ignored or broken inside gVisor, without a word from it: one line, then it starts.
    Warn,
    /// We can put it right; a warning where we may not or cannot.
    Fix,
    /// Good to know: with `--verbose` and in `doctor`.
    Note,
    /// No argument shows it: in the documentation only.
    Fact,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Fix => "fix",
            Self::Note => "note",
            Self::Fact => "fact",
        })
    }
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable: `--allow`, `--quiet-rule`, settings and policies name it.
    pub id: &'static str,
    /// What it does.
    pub severity: Severity,
    /// What it does to a command of `do`, where that is more: `do` vouches for what it reports.
    pub severity_for_do: Option<Severity>,
    /// What triggers it, in Markdown.
    pub when: &'static str,
    /// What happens then: a clause for a message and for the documentation.
    pub why: &'static str,
    /// What to do instead: a clause.
    pub way_out: &'static str,
    /// The gVisor releases it holds for, as `YYYYMMDD`.
    pub since: Option<u32>,
    /// The first release that it holds for no more.
    pub until: Option<u32>,
    /// With which releases it was seen, for the documentation.
    pub seen: &'static str,
    /// What in a start triggers it; nothing for [`Severity::Fact`].
    pub finds: fn(&Start<'_>) -> Vec<Hit>,
}

/// A start, as the rules see it.
#[derive(Debug)]
pub struct Start<'a> {
    /// Docker's options and the container's command.
    pub line: &'a RunLine,
    /// The chosen runtime's own arguments, the last one of each name.
    pub runtime: &'a [Argument],
    /// What it mounts from the daemon's host.
    pub mounts: &'a [HostMount],
    /// The limits that `do` starts its container with, as options; `None` for `run` and `create`.
    pub limits_of_do: Option<&'a [OsString]>,
    /// What it mounts read-only, where gVisor alone sees to that.
    pub read_only: &'a [read_only::ReadOnly],
}

/// Something that a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// As the user gave it: `-v /etc:/x`.
    pub what: String,
    /// The same, harmless, where that is known: `-v /etc:/x:ro`.
    pub instead: Option<String>,
}

impl Hit {
    /// A hit without a harmless form.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), instead: None }
    }
}

/// A rule and what it applies to.
#[derive(Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What it does to this start.
    pub severity: Severity,
    /// What it applies to.
    pub hit: Hit,
}

impl Finding {
    /// `WHAT: WHY`.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("`{}`: {}", crate::ui::plain(&self.hit.what), self.rule.why)
    }

    /// One line that says it all: `WHAT: WHY; WAY OUT [ID]`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}; {} [{}]", self.describe(), self.rule.way_out, self.rule.id)
    }
}

/// Everything that applies to `start`, the gravest first. `release` is asked for the release of the
/// runtime, `YYYYMMDD`, only if a rule that applies holds for some releases; unknown is all of them.
pub fn check(start: &Start<'_>, release: impl Fn() -> Option<u32>) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in &table::RULES {
        let mut hits = (rule.finds)(start);
        // One mount can reach several of its places.
        hits.dedup();
        if hits.is_empty() || !rule.holds_for(&release) {
            continue;
        }
        let severity = rule.severity_for_do.filter(|_| start.limits_of_do.is_some()).unwrap_or(rule.severity);
        found.extend(hits.into_iter().map(|hit| Finding { rule, severity, hit }));
    }
    found.sort_by_key(|finding| finding.severity);
    found
}

impl Rule {
    /// Whether it holds for that release, `YYYYMMDD`.
    #[must_use]
    pub fn is_of(&self, release: u32) -> bool {
        self.since.is_none_or(|since| since <= release) && self.until.is_none_or(|until| release < until)
    }

    /// Whether it forbids something, so that somebody may allow it.
    #[must_use]
    pub fn can_be_allowed(&self) -> bool {
        self.severity == Severity::Deny || self.severity_for_do == Some(Severity::Deny)
    }

    /// Whether it is about paths, which are the daemon's.
    #[must_use]
    pub fn is_about_paths(&self) -> bool {
        self.id.starts_with("host-") || matches!(self.id, "credentials" | "socket-mount")
    }

    fn holds_for(&self, release: impl Fn() -> Option<u32>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        release().is_none_or(|release| self.is_of(release))
    }
}

/// The rule of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    table::RULES.iter().find(|rule| rule.id == id)
}

/// The rules that the arguments of a registered runtime trigger, whatever is started with it.
pub fn of_runtime(arguments: &[Argument]) -> impl Iterator<Item = Finding> {
    runtime::IDS.iter().filter_map(|id| find(id)).flat_map(move |rule| {
        let hits = runtime::hits(rule.id, arguments).into_iter();
        hits.map(move |hit| Finding { rule, severity: rule.severity, hit })
    })
}
