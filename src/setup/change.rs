//! What a run does to the machine, as its journal has it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::daemon_json::{Entry, Former};

/// All that one run did or is about to do. Every part says enough to be taken back, also if it was
/// never done or is taken back already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// Folders that were not there.
    pub folders: Vec<PathBuf>,
    /// Where new files wait, and replaced ones are kept.
    pub stages: Vec<PathBuf>,
    /// What was put beside other programs.
    pub placed: Vec<Placed>,
    /// What apt did.
    pub apt: Option<Apt>,
    /// What became of daemon.json.
    pub registered: Option<Registered>,
}

/// One file or folder of gVisor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Where it is.
    pub to: PathBuf,
    /// Where the one that was there before is kept.
    pub kept: Option<PathBuf>,
    /// Device and inode of the new one: what is there by another number is somebody else's.
    pub id: (u64, u64),
}

/// A package that was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apt {
    /// Files that name the repository and its key.
    pub files: Vec<PathBuf>,
    /// Whether the package was there before.
    pub had_package: bool,
}

/// An entry in daemon.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// As it is now.
    pub entry: Entry,
    /// What was there before.
    pub former: Former,
    /// Whether the daemon was told to read it.
    #[serde(default)]
    pub told: bool,
    /// The whole file before and after, as long as these two belong together.
    pub texts: Option<(Option<String>, String)>,
    /// The copy of the old file, for the user's peace of mind.
    pub backup: Option<PathBuf>,
}

impl Change {
    /// This change and, after it, `later`, as one.
    #[must_use]
    pub fn and_then(mut self, later: Self) -> Self {
        self.folders.extend(later.folders);
        for new in later.placed {
            match self.placed.iter_mut().find(|old| old.to == new.to) {
                Some(old) => old.id = new.id,
                None => self.placed.push(new),
            }
        }
        self.stages.extend(later.stages);
        self.apt = self.apt.or(later.apt);
        self.registered = match (self.registered, later.registered) {
            (Some(first), Some(second)) => Some(Registered {
                texts: first.texts.zip(second.texts).and_then(|(first, second)| {
                    (Some(&first.1) == second.0.as_ref()).then_some((first.0, second.1))
                }),
                entry: second.entry,
                former: first.former,
                told: first.told || second.told,
                backup: first.backup.or(second.backup),
            }),
            (first, second) => first.or(second),
        };
        self
    }

    /// What is left to take back when one runtime goes and another, `self`, stays: if the one that
    /// goes found no `runtimes` or an empty one, the last to go has to leave it so.
    pub fn inherit_former(&mut self, gone: &Registered) {
        let opened = matches!(
            gone.former,
            Former::Absent | Former::Blank(_) | Former::NoRuntimes(_) | Former::NoEntry(Some(_))
        );
        if let Some(registered) = self.registered.as_mut().filter(|_| opened) {
            if registered.former == Former::NoEntry(None) {
                registered.former = gone.former.clone();
            }
            registered.texts = None;
        }
    }

    /// Whether `path` is kept here for a later undo.
    #[must_use]
    pub fn keeps(&self, path: &Path) -> bool {
        self.placed.iter().any(|placed| placed.kept.as_deref() == Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(path: &str, former: Former, before: Option<&str>, after: &str) -> Change {
        let entry = Entry { path: path.to_owned(), args: Vec::new() };
        let texts = Some((before.map(str::to_owned), after.to_owned()));
        Change {
            registered: Some(Registered { entry, former, told: false, texts, backup: None }),
            ..Change::default()
        }
    }

    #[test]
    fn two_runs_are_undone_to_what_was_before_the_first() {
        let first = registered("/a", Former::Absent, None, "1");
        let second = registered("/b", Former::Entry("x".into()), Some("1"), "2");
        let both = first.clone().and_then(second.clone()).registered.unwrap();
        assert_eq!((both.entry.path.as_str(), &both.former), ("/b", &Former::Absent));
        assert_eq!(both.texts, Some((None, "2".to_owned())));
        // Edited in between: the old text is nobody's to put back.
        let edited = registered("/b", Former::Entry("x".into()), Some("1 and more"), "2");
        assert_eq!(first.and_then(edited).registered.unwrap().texts, None);
    }
}
