//! What `do` is asked for: its options, typed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::docker::run_line::Ours;

/// What the command may do to the working folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Access {
    /// Read it.
    #[default]
    Read,
    /// Write to it.
    Write,
    /// Write to it, and nothing of that stays.
    Discard,
}

/// Whether a command's changes are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Apply {
    /// Once it has ended, however.
    #[default]
    Always,
    /// If its exit code is 0. Otherwise they wait.
    OnSuccess,
    /// When somebody has looked at them.
    Review,
}

/// `--mount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// A file or a folder, mounted at the same path.
    pub path: PathBuf,
    /// Whether it may be written to.
    pub writable: bool,
}

impl Folder {
    /// Reads `PATH[:ro|rw]`.
    #[must_use]
    pub(crate) fn parse(text: &OsStr) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        let bytes = text.as_bytes();
        let (path, writable) = match bytes.split_last_chunk::<3>() {
            Some((path, b":rw")) => (path, true),
            Some((path, b":ro")) => (path, false),
            _ => (bytes, false),
        };
        Self { path: Path::new(OsStr::from_bytes(path)).to_owned(), writable }
    }
}

/// How long to wait for others to end, where too many run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wait {
    /// Not at all.
    #[default]
    No,
    /// As long as it takes.
    ForEver,
    /// So long.
    For(Duration),
}

/// One command and everything that was said about it. What is `None` is left to the settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// What it may do to the working folder.
    pub access: Access,
    /// What becomes of its changes.
    pub apply: Apply,
    /// What else it sees.
    pub folders: Vec<Folder>,
    /// `--image`.
    pub image: Option<String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// `--env`, as written.
    pub env: Vec<OsString>,
    /// `--env-file`.
    pub env_files: Vec<PathBuf>,
    /// `--user`.
    pub user: Option<OsString>,
    /// `--workdir`.
    pub workdir: Option<PathBuf>,
    /// `--network`.
    pub network: Option<OsString>,
    /// `--runtime`.
    pub runtime: Option<OsString>,
    /// `--cpus`.
    pub cpus: Option<String>,
    /// `--memory`.
    pub memory: Option<String>,
    /// `--memory-swap`.
    pub memory_swap: Option<String>,
    /// `--pids-limit`.
    pub pids_limit: Option<String>,
    /// `--disk`.
    pub disk: Option<String>,
    /// `--timeout`.
    pub timeout: Option<String>,
    /// `--max-output`.
    pub max_output: Option<String>,
    /// `--wait`.
    pub wait: Wait,
    /// `--warm`.
    pub warm: Option<String>,
    /// What `run` takes as well: mode, rules, patience.
    pub ours: Ours,
}

impl Request {
    /// The words of a `do` that asks for the same, and for `option` as well.
    #[must_use]
    pub(crate) fn with(&self, option: impl Into<OsString>) -> Vec<OsString> {
        let mut words = self.words();
        words.insert(1, option.into());
        match self.wait {
            Wait::No => {}
            Wait::ForEver => words.insert(1, "--wait".into()),
            Wait::For(limit) => {
                words.insert(1, format!("--wait={}", humantime::format_duration(limit)).into());
            }
        }
        words
    }

    /// The words of a `do` that asks for the same, for our own program.
    #[must_use]
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["do".into()];
        let mut put = |name: &str, value: &OsStr| {
            let mut word = OsString::from(format!("--{name}="));
            word.push(value);
            words.push(word);
        };
        for folder in &self.folders {
            let mut value = folder.path.clone().into_os_string();
            value.push(if folder.writable { ":rw" } else { ":ro" });
            put("mount", &value);
        }
        let texts = [
            ("image", &self.image),
            ("platform", &self.platform),
            ("cpus", &self.cpus),
            ("memory", &self.memory),
            ("memory-swap", &self.memory_swap),
            ("pids-limit", &self.pids_limit),
            ("disk", &self.disk),
            ("timeout", &self.timeout),
            ("max-output", &self.max_output),
            ("warm", &self.warm),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                put(name, value.as_ref());
            }
        }
        let others = [("user", &self.user), ("network", &self.network), ("runtime", &self.runtime)];
        for (name, value) in others {
            if let Some(value) = value {
                put(name, value);
            }
        }
        self.workdir.iter().for_each(|folder| put("workdir", folder.as_os_str()));
        self.env.iter().for_each(|variable| put("env", variable));
        self.env_files.iter().for_each(|file| put("env-file", file.as_os_str()));
        self.ours.allow.iter().for_each(|rule| put("allow", rule));
        self.ours.quiet.iter().for_each(|rule| put("quiet-rule", rule));
        self.ours.detect_timeout.iter().for_each(|limit| put("detect-timeout", limit));
        self.ours.ttl.iter().for_each(|ttl| put("ttl", ttl));
        self.ours.mode.iter().for_each(|(written, _)| words.push(written.into()));
        let flags = [("--verbose", self.ours.verbose), ("--no-fix", self.ours.no_fix)];
        words.extend(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.into()));
        match self.access {
            Access::Read => {}
            Access::Write => words.push("--write".into()),
            Access::Discard => words.push("--discard".into()),
        }
        match self.apply {
            Apply::Always => {}
            Apply::OnSuccess => words.push("--apply=on-success".into()),
            Apply::Review => words.push("--review".into()),
        }
        words.push("--".into());
        words.extend(self.command.iter().cloned());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_in_a_hint_asks_for_all_of_the_same() {
        let request = Request {
            command: ["sh", "-c", "id"].map(OsString::from).to_vec(),
            access: Access::Write,
            memory: Some("64m".into()),
            wait: Wait::For(Duration::from_secs(90)),
            ours: Ours {
                allow: vec!["host-etc".into()],
                quiet: vec!["memory".into()],
                no_fix: true,
                mode: Some(("--sandbox=required".into(), "required".into())),
                ttl: Some("1h".into()),
                ..Ours::default()
            },
            ..Request::default()
        };
        let line: Vec<_> =
            request.with("--user=0:0").into_iter().map(|word| word.into_string().unwrap()).collect();
        assert_eq!(
            line.join(" "),
            "do --wait=1m 30s --user=0:0 --memory=64m --allow=host-etc --quiet-rule=memory --ttl=1h \
             --sandbox=required --no-fix --write -- sh -c id"
        );
    }

    #[test]
    fn only_a_suffix_of_two_kinds_is_no_part_of_a_path() {
        for (text, path, writable) in [
            ("/a", "/a", false),
            ("/a:rw", "/a", true),
            ("/a:ro", "/a", false),
            ("/a:b", "/a:b", false),
            ("/a:ro:rw", "/a:ro", true),
            ("rw", "rw", false),
        ] {
            assert_eq!(Folder::parse(OsStr::new(text)), Folder { path: path.into(), writable }, "{text}");
        }
    }
}
