//! The labels of what we start: whose it is, where it came from, and until when it may stay.
//!
//! An image can carry labels too, and every container of it has them. So all of ours are set at each start, empty
//! ones included, behind the user's own: an image's and a user's never count. Whether a container is ours is told by
//! an id that its image does not have: [`Found::is_from`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::docker::daemon::hex;
use crate::settings::mode::Mode;
use crate::settings::project;

/// The label that everything of ours has: an id that no other start has.
pub const OURS: &str = "docker-sandbox.id";
/// What the keys of all our labels begin with.
pub const PREFIX: &str = "docker-sandbox.";

const VERSION: &str = "docker-sandbox.version";
const KIND: &str = "docker-sandbox.kind";
const MODE: &str = "docker-sandbox.mode";
const OWNER: &str = "docker-sandbox.owner";
const PROJECT: &str = "docker-sandbox.project";
const EXPIRES: &str = "docker-sandbox.expires";
const SPEC: &str = "docker-sandbox.spec";

/// The keys of all of them, in the order in which they are set.
pub const KEYS: [&str; 8] = [OURS, VERSION, KIND, MODE, OWNER, PROJECT, EXPIRES, SPEC];

/// What made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `docker sandbox run`.
    Run,
    /// `docker sandbox create`.
    Create,
    /// `docker sandbox do`: one command.
    Do,
    /// A sandbox that waits for a command.
    Spare,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Run, Self::Create, Self::Do, Self::Spare];

    /// As the label has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Create => "create",
            Self::Do => "do",
            Self::Spare => "spare",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is said about something that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// What makes it.
    pub kind: Kind,
    /// How strict that was.
    pub mode: Mode,
    /// See [`project`].
    pub project: &'a Path,
    /// When it is to go; `None` for never.
    pub expires: Option<SystemTime>,
    /// What its maker wants to know it by.
    pub spec: Option<&'a str>,
}

impl Labels<'_> {
    /// `--label=KEY=VALUE` for each, for Docker, behind every other option.
    #[must_use]
    pub fn words(&self) -> Vec<OsString> {
        let values = [
            fresh_id(),
            env!("CARGO_PKG_VERSION").to_owned(),
            self.kind.name().to_owned(),
            self.mode.name().to_owned(),
            caller().to_string(),
            self.project.to_string_lossy().into_owned(),
            self.expires.map(written).unwrap_or_default(),
            self.spec.unwrap_or_default().to_owned(),
        ];
        KEYS.iter().zip(values).map(|(key, value)| format!("--label={key}={value}").into()).collect()
    }
}

/// A time as the label has it: RFC 3339, UTC, whole seconds.
fn written(time: SystemTime) -> String {
    // Go's and humantime's years have four digits.
    let last = humantime::parse_rfc3339("9999-12-31T23:59:59Z").unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time.clamp(SystemTime::UNIX_EPOCH, last)).to_string()
}

/// Who called us.
#[must_use]
pub fn caller() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The folder that a start belongs to: the root of the repository that `folder` is in, else `folder`.
#[must_use]
pub fn project(folder: &Path) -> PathBuf {
    project::root(folder).to_owned()
}

/// 32 hexadecimal digits that no image knows beforehand.
fn fresh_id() -> String {
    let mut bytes = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    if read.is_err() {
        // An empty root has no devices. What counts is that no other start has the id.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        bytes[..12].copy_from_slice(&since.as_nanos().to_le_bytes()[..12]);
        bytes[12..].copy_from_slice(&std::process::id().to_le_bytes());
    }
    hex(&bytes)
}

/// Labels of a container, an image or a network, as Docker tells them.
pub type All = BTreeMap<String, String>;

/// What our labels say of something that is there. What is empty or makes no sense is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Never empty.
    pub id: String,
    /// The version that made it.
    pub version: Option<String>,
    /// What made it.
    pub kind: Option<Kind>,
    /// How strict that was.
    pub mode: Option<Mode>,
    /// Who called.
    pub owner: Option<u32>,
    /// From which project.
    pub project: Option<String>,
    /// When it is to go; `None` for never.
    pub expires: Option<SystemTime>,
    /// What its maker knows it by.
    pub spec: Option<String>,
}

impl Found {
    /// Reads them; `None` where there is no id.
    #[must_use]
    pub fn of(labels: &All) -> Option<Self> {
        let value = |key: &str| labels.get(key).filter(|value| !value.is_empty());
        Some(Self {
            id: value(OURS)?.clone(),
            version: value(VERSION).cloned(),
            kind: value(KIND).and_then(|name| Kind::named(name)),
            mode: value(MODE).and_then(|name| name.parse().ok()),
            owner: value(OWNER).and_then(|id| id.parse().ok()),
            project: value(PROJECT).cloned(),
            expires: value(EXPIRES).and_then(|time| humantime::parse_rfc3339(time).ok()),
            spec: value(SPEC).cloned(),
        })
    }

    /// Whether these came with an image that has the labels `image`: then they say nothing.
    #[must_use]
    pub fn is_from(&self, image: &All) -> bool {
        image.get(OURS) == Some(&self.id)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn set(words: &[OsString]) -> All {
        let pair = |word: &OsString| {
            let word = word.to_str().unwrap().strip_prefix("--label=").unwrap().to_owned();
            let (key, value) = word.split_once('=').unwrap();
            (key.to_owned(), value.to_owned())
        };
        words.iter().map(pair).collect()
    }

    proptest::proptest! {
        #[test]
        fn what_is_labelled_is_read_again(
            kind in 0..4_usize, mode in 0..3_usize, project in "/[^\0]{0,9}", seconds in 0..4_000_000_000_u64,
            spec in proptest::option::of("[^\0]{1,9}"), limited: bool,
        ) {
            let expires = limited.then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            let (kind, mode) = (Kind::ALL[kind], Mode::ALL[mode]);
            let labels = Labels { kind, mode, project: Path::new(&project), expires, spec: spec.as_deref() };
            let found = Found::of(&set(&labels.words())).unwrap();
            let expected = Found {
                id: found.id.clone(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
                kind: Some(kind),
                mode: Some(mode),
                owner: Some(caller()),
                project: Some(project.clone()),
                expires,
                spec,
            };
            proptest::prop_assert_eq!(found, expected);
        }
    }

    fn plain<'a>() -> Labels<'a> {
        Labels { kind: Kind::Run, mode: Mode::Required, project: Path::new("/p"), expires: None, spec: None }
    }

    #[test]
    fn every_label_is_set_so_that_none_of_an_image_remains() {
        let keys: Vec<String> = set(&plain().words()).into_keys().collect();
        let mut all = KEYS.map(str::to_owned).to_vec();
        all.sort();
        assert_eq!(keys, all);
        assert!(KEYS.iter().all(|key| key.starts_with(PREFIX)));
    }

    #[test]
    fn every_start_has_another_id_and_an_images_labels_are_nobodys() {
        let (one, other) = (set(&plain().words()), set(&plain().words()));
        let found = Found::of(&one).unwrap();
        assert_eq!(found.id.len(), 32);
        assert!(!found.is_from(&other) && !found.is_from(&All::new()));
        assert!(found.is_from(&one), "a container that has its image's labels is not ours");
        assert_eq!(Found::of(&All::new()), None);
    }

    #[test]
    fn a_time_beyond_all_calendars_is_the_last_one_there_is() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(written(far), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_project_is_the_root_of_its_repository() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(project(&deep), deep);
        std::fs::create_dir(home.path().join("a/.git")).unwrap();
        assert_eq!(project(&deep), home.path().join("a"));
    }
}
