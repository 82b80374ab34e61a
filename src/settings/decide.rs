//! Who decides the mode. Pure: sources in, decision out.

use std::fmt;
use std::path::PathBuf;

use super::mode::Mode;
use super::policy::Policy;
use super::project::ProjectFile;
use crate::ui::shown;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An option on the command line, as it was written.
    Flag(String),
    /// An environment variable.
    Environment(&'static str),
    /// A project's file and the line in it.
    Project(PathBuf, usize),
    /// A key of the user's `config.json`.
    User(PathBuf, &'static str),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{} on the command line", shown(flag)),
            Self::Environment(name) => write!(f, "the environment variable `{name}`"),
            Self::Project(path, line) => write!(f, "{} line {line}", shown(path)),
            Self::User(path, key) => write!(f, "`plugins.sandbox.{key}` in {}", shown(path)),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// A value and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value in force.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// What each source says about the mode.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--sandbox` or `--no-sandbox`.
    pub flag: Option<Sourced<Mode>>,
    /// `DOCKER_SANDBOX`.
    pub environment: Option<Sourced<Mode>>,
    /// The project's files that say something, the nearest first.
    pub projects: Vec<ProjectFile>,
    /// The user's `config.json`.
    pub user: Option<Sourced<Mode>>,
}

/// The mode in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The mode and who decided.
    pub mode: Sourced<Mode>,
    /// A project file that would have weakened it, and is not trusted.
    pub ignored: Option<ProjectFile>,
}

/// The mode that was asked for is weaker than the machine's policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BelowPolicy {
    /// What was asked for, and by whom.
    pub asked: Sourced<Mode>,
    /// What the policy allows.
    pub weakest: Mode,
}

/// Decides. A project's file counts if it does not weaken what holds without it, or is trusted; of
/// those that count, the nearest.
#[must_use]
pub fn decide(sources: &Sources) -> Decision {
    let without = sources.user.clone().unwrap_or(Sourced { value: Mode::Required, origin: Origin::Default });
    let counts = |file: &&ProjectFile| file.mode >= without.value || file.trusted;
    // A file that does not count hides none that does above it.
    let project = sources.projects.iter().find(counts);
    let mut ignored = sources.projects.iter().find(|file| !counts(file)).cloned();
    let below_flags = match project {
        Some(file) => Sourced { value: file.mode, origin: Origin::Project(file.path.clone(), file.line) },
        None => without,
    };
    let said = sources.flag.clone().or_else(|| sources.environment.clone());
    if said.is_some() {
        // Whatever the project wanted, somebody with more to say has spoken.
        ignored = None;
    }
    Decision { mode: said.unwrap_or(below_flags), ignored }
}

/// Whether `policy` allows what was decided.
///
/// # Errors
/// Whoever decided asked for less than it allows.
pub fn allowed(decision: &Decision, policy: Option<&Policy>) -> Result<(), BelowPolicy> {
    match policy.and_then(|policy| policy.weakest_mode) {
        Some(weakest) if decision.mode.value < weakest => {
            Err(BelowPolicy { asked: decision.mode.clone(), weakest })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mode() -> impl Strategy<Value = Mode> {
        prop_oneof![Just(Mode::None), Just(Mode::Preferred), Just(Mode::Required)]
    }

    fn sourced(origin: Origin) -> impl Strategy<Value = Option<Sourced<Mode>>> {
        proptest::option::of(mode().prop_map(move |value| Sourced { value, origin: origin.clone() }))
    }

    fn projects() -> impl Strategy<Value = Vec<ProjectFile>> {
        proptest::collection::vec(
            (mode(), any::<bool>()).prop_map(|(mode, trusted)| ProjectFile {
                path: "/repo/agent.yaml".into(),
                line: 3,
                mode,
                digest: String::new(),
                trusted,
            }),
            0..3,
        )
    }

    fn sources() -> impl Strategy<Value = Sources> {
        let flag = sourced(Origin::Flag("--sandbox".into()));
        let user = sourced(Origin::User("/c".into(), "mode"));
        (flag, sourced(Origin::Environment("DOCKER_SANDBOX")), projects(), user)
            .prop_map(|(flag, environment, projects, user)| Sources { flag, environment, projects, user })
    }

    proptest! {
        #[test]
        fn nothing_loosens_a_policy(sources in sources(), weakest_mode in mode()) {
            let decision = decide(&sources);
            match allowed(&decision, Some(&Policy { weakest_mode: Some(weakest_mode), may_allow: None })) {
                Ok(()) => prop_assert!(decision.mode.value >= weakest_mode),
                Err(below) => prop_assert!(below.asked.value < weakest_mode),
            }
        }

        #[test]
        fn an_untrusted_project_never_weakens(sources in sources()) {
            let mut without = sources.clone();
            without.projects.clear();
            let mut untrusted = sources;
            for file in &mut untrusted.projects {
                file.trusted = false;
            }
            let (with, without) = (decide(&untrusted), decide(&without));
            prop_assert!(with.mode.value >= without.mode.value);
        }

        #[test]
        fn the_highest_source_decides(sources in sources()) {
            let trusted = sources.projects.first().filter(|file| file.trusted);
            let expected = sources.flag.as_ref().or(sources.environment.as_ref()).map(|said| said.value)
                .or(trusted.map(|file| file.mode));
            if let Some(expected) = expected {
                prop_assert_eq!(decide(&sources).mode.value, expected);
            }
        }
    }

    #[test]
    fn the_default_is_required() {
        let decision = decide(&Sources::default());
        assert_eq!(decision.mode, Sourced { value: Mode::Required, origin: Origin::Default });
    }
}
