//! A project on the host that commands work on, cold and warm, and all that is to stay as it is around it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::one_shot::{Place, object};
use crate::stage::{Io, Outcome};

/// The host's git: a user, and nothing that is started.
const GITCONFIG: &str = "[user]\n\tname = a\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n";

/// A file, directory or link: type and mode, owner, modification time (of what is no directory), and content or target.
pub(super) type Entry = (u32, (u32, u32), (i64, i64), Vec<u8>);
/// Everything in a directory.
pub(super) type Snapshot = BTreeMap<PathBuf, Entry>;

/// All that is below `directory`.
pub(super) fn snapshot(directory: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let mut time = (about.mtime(), about.mtime_nsec());
            let content = if about.is_dir() {
                time = (0, 0);
                open.push(path.clone());
                Vec::new()
            } else if about.is_symlink() {
                path.read_link().unwrap().into_os_string().into_encoded_bytes()
            } else if about.is_file() {
                std::fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let name = path.strip_prefix(directory).unwrap().to_owned();
            found.insert(name, (about.mode(), (about.uid(), about.gid()), time, content));
        }
    }
    found
}

/// The paths in which two directories differ.
pub(super) fn differences(one: &Snapshot, other: &Snapshot) -> Vec<PathBuf> {
    let paths: BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
}

/// A run of a command with `--format=json`.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    pub(super) report: Value,
}

impl Run {
    pub(super) fn of(outcome: Outcome) -> Self {
        let report = object(&outcome);
        assert_eq!(report["error"], Value::Null, "{outcome}");
        Self { outcome, report }
    }

    /// What the command printed.
    pub(super) fn out(&self) -> &str {
        self.report["stdout"]["data"].as_str().unwrap()
    }

    /// What became of each change: `applied`, `conflict`, …, or the rule that holds it back. Paths are relative to `root`.
    pub(super) fn states(&self, root: &Path) -> BTreeMap<String, String> {
        let changes = self.report["changes"].as_array().unwrap();
        let state = |change: &Value| {
            let path = change["path"].as_str().unwrap_or("(no text)");
            let path = Path::new(path).strip_prefix(root).unwrap_or(Path::new(path)).display().to_string();
            let state = change["rule"].as_str().or(change["state"].as_str()).unwrap();
            (path, state.to_owned())
        };
        changes.iter().map(state).collect()
    }

    /// The states there are.
    pub(super) fn kinds(&self) -> Vec<String> {
        let kinds: BTreeSet<String> = self.states(Path::new("/")).into_values().collect();
        kinds.into_iter().collect()
    }
}

/// The working directory of a place as a project.
pub(super) struct Project {
    pub(super) place: Place,
}

impl Project {
    pub(super) fn on(engine: &str) -> Self {
        Self::at(Place::on(engine))
    }

    pub(super) fn at(place: Place) -> Self {
        place.scenario.write(".gitconfig", GITCONFIG);
        place.scenario.write("beside/file", "beside\n");
        std::os::unix::fs::symlink("../work", place.scenario.home().join("beside/link")).unwrap();
        Self { place }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.place.work()
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file of the project.
    pub(super) fn write(&self, path: &str, text: &str) {
        self.place.scenario.write(&format!("work/{path}"), text);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        snapshot(&self.root())
    }

    /// The host outside of the project, but for what `do` keeps for itself.
    pub(super) fn outside(&self) -> Snapshot {
        let mut all = Snapshot::new();
        for entry in std::fs::read_dir(self.place.scenario.home()).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !["work", "data", "cache", "docker.log", "bin", ".docker"].contains(&&*name)
                && entry.path().is_dir()
            {
                let inner = snapshot(&entry.path());
                all.extend(inner.into_iter().map(|(path, about)| (Path::new(&name).join(path), about)));
            }
        }
        all
    }

    /// The host's git, which must not start any program.
    #[track_caller]
    pub(super) fn git(&self, directory: impl AsRef<Path>, args: &[&str]) -> String {
        let outcome = self.watched_git(directory.as_ref(), args);
        assert!(outcome.status.success(), "git {args:?}: {outcome:?}");
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    }

    /// The same, whether it succeeds or not.
    #[track_caller]
    pub(super) fn watched_git(&self, directory: &Path, args: &[&str]) -> std::process::Output {
        let home = self.place.scenario.home();
        let log = home.join("cache/started");
        std::fs::create_dir_all(home.join("cache")).unwrap();
        let output = Command::new("strace")
            .args(["-f", "-qq", "-s", "200", "-e", "trace=execve", "-e", "signal=none", "-o"])
            .arg(&log)
            .arg("git")
            .args(args)
            .current_dir(self.root().join(directory))
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap_or_else(|error| panic!("strace: {error}; ./test.sh installs it"));
        let started = std::fs::read_to_string(&log).unwrap();
        for line in started.lines().filter_map(|line| line.split_once("execve(\"")).map(|(_, line)| line) {
            let program = Path::new(line.split('"').next().unwrap_or_default());
            // Parts of git are shell scripts. What is planted is `touch`, or a program that is none of the system's.
            let systems = ["/usr", "/bin"].iter().any(|place| program.starts_with(place));
            let is_gits = systems && program.file_name().is_some_and(|name| name != "touch");
            // Not there: nothing was started.
            let failed = line.contains("= -1 ENOENT");
            assert!(is_gits || failed, "git {args:?} started {line}");
        }
        output
    }

    /// What somebody does in a repository that runs whatever is planted there.
    #[track_caller]
    pub(super) fn use_repository(&self, directory: &str) {
        let whole = self.path(directory);
        for args in [
            &["status"][..],
            &["diff"],
            &["log", "-p", "--all", "-3"],
            &["add", "--all", "."],
            &["commit", "--quiet", "--allow-empty", "-m", "host"],
            &["branch", "-a"],
            &["stash", "list"],
            &["gc", "--auto"],
            &["worktree", "list"],
            &["submodule", "status"],
            &["checkout", "--quiet", "HEAD", "."],
        ] {
            // A bare repository has no working tree.
            self.watched_git(&whole, args);
        }
        assert!(!self.place.scenario.home().join("planted").exists());
        assert!(!Path::new("/tmp/docker-sandbox-planted").exists());
    }

    /// A repository with one commit.
    pub(super) fn repository(&self, directory: &str) {
        let whole = self.path(directory);
        std::fs::create_dir_all(&whole).unwrap();
        self.git(&whole, &["init", "--quiet"]);
        self.commit(directory, "file", "content\n");
    }

    pub(super) fn commit(&self, directory: &str, file: &str, text: &str) {
        let whole = self.path(directory);
        std::fs::write(whole.join(file), text).unwrap();
        self.git(&whole, &["add", file]);
        self.git(&whole, &["commit", "--quiet", "-m", file]);
    }

    /// Removes all that is in the project, which stays the directory that it is.
    pub(super) fn empty(&self) {
        for entry in std::fs::read_dir(self.root()).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                std::fs::remove_dir_all(entry.path()).unwrap();
            } else {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// `do --write --format=json ARGS`, cold.
    #[track_caller]
    pub(super) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.place.run(&[&["--write", "--format=json"], args].concat()))
    }

    /// Runs `do --format=json ARGS` on a project that is `prepare`d each time, cold and from a spare, and has `check` compare the
    /// host with what it was before. What is outside of the project must not change.
    #[track_caller]
    pub(super) fn both_ways(
        &self,
        prepare: impl Fn(&Self),
        args: &[&str],
        check: impl Fn(&Self, &Run, &Snapshot),
    ) {
        for warm in [false, true] {
            if warm {
                self.place.wait_for_spares(1);
            }
            self.empty();
            prepare(self);
            let (before, outside) = (self.snapshot(), self.outside());
            let asked = self.place.asked().len();
            let words = [&["--warm=1", "--format=json"], args].concat();
            let run = Run::of(self.place.start(&words, Io::Pipes).end());
            let asked = self.place.asked().split_off(asked);
            let attached = asked.iter().any(|line| line.starts_with("attach "));
            assert_eq!(attached, warm, "from a spare: {asked:#?}");
            check(self, &run, &before);
            let changed = differences(&self.outside(), &outside);
            assert!(changed.is_empty(), "outside, warm: {warm}: {changed:?}");
            self.assert_none_of_ours();
        }
        self.place.wait_until_over();
    }

    /// No file of the project has a name of ours.
    #[track_caller]
    pub(super) fn assert_none_of_ours(&self) {
        let ours = |path: &PathBuf| path.to_string_lossy().contains(".docker-sandbox");
        let left: Vec<PathBuf> = self.snapshot().into_keys().filter(ours).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// The ids of views that are kept, but for those of containers that wait for a command.
    pub(super) fn views(&self) -> Vec<String> {
        let base = self.place.scenario.home().join("data/docker-sandbox/changes");
        let mut views = Vec::new();
        for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
            let record = std::fs::read(entry.path().join("record.json")).unwrap_or_default();
            let record: Value = serde_json::from_slice(&record).unwrap_or_default();
            if entry.file_name() != "work" && record["idle_until"].is_null() {
                views.push(entry.file_name().into_string().unwrap());
            }
        }
        views.sort();
        views
    }

    /// Once all is applied, nothing is left of any command.
    #[track_caller]
    pub(super) fn assert_nothing_left(&self) {
        self.place.wait_until_over();
        assert_eq!(self.views(), [""; 0]);
        let home = self.place.scenario.home().to_str().unwrap();
        let volumes = self.place.scenario.ask(&["volume", "ls", "--quiet"]);
        let options =
            |volume| self.place.scenario.ask(&["volume", "inspect", "--format={{json .Options}}", volume]);
        let ours = volumes.lines().map(options).filter(|options| options.contains(home)).count();
        assert!(ours <= self.place.spares().len(), "{ours} volumes of ours");
    }
}
