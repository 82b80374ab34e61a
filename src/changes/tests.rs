//! Views, verdicts and applying together: with a real overlay, against a host that is compared before and after.

mod git;
mod links;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use tempfile::TempDir;

use super::baseline::{Baseline, Seen};
use super::git::{Git, Program};
use super::judge::{Judge, Result};
use super::tree::{Time, Tree, changed_at};
use super::{Change, State, apply, copy, overlay, rules};

/// What is in a directory: type and mode, and content or target.
type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

fn snapshot(root: &Path) -> Snapshot {
    fn walk(root: &Path, path: &Path, found: &mut Snapshot) {
        for entry in fs::read_dir(root.join(path)).unwrap() {
            let entry = entry.unwrap();
            let path = path.join(entry.file_name());
            let about = entry.metadata().unwrap();
            let content = if about.is_symlink() {
                fs::read_link(root.join(&path)).unwrap().as_os_str().as_bytes().to_vec()
            } else if about.is_file() {
                fs::read(root.join(&path)).unwrap()
            } else {
                Vec::new()
            };
            found.insert(path.clone(), (about.mode(), content));
            if about.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = Snapshot::new();
    walk(root, Path::new(""), &mut found);
    found
}

/// The paths in which two snapshots differ.
fn differences(one: &Snapshot, other: &Snapshot) -> Vec<PathBuf> {
    let paths: BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
}

const NONE: [PathBuf; 0] = [];

/// The host's git.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH");
    crate::docker::program::find(OsStr::new("git"), path.as_deref(), Path::new("/"))
        .expect("git is installed")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Overlay,
    Copy,
}

/// A project, something beside it, and a view of it.
struct Stage {
    base: TempDir,
    view: View,
    since: Time,
    seen: std::collections::HashMap<PathBuf, Seen>,
    allowed: BTreeSet<String>,
}

impl Stage {
    fn new(view: View, prepare: impl FnOnce(&Path)) -> Self {
        let base = tempfile::tempdir().unwrap();
        for name in ["project", "upper", "work", "merged", "copy", "scratch", "kept"] {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        fs::write(base.path().join("outside"), "outside\n").unwrap();
        prepare(&base.path().join("project"));
        let mut stage = Self {
            base,
            view,
            since: (0, 0),
            seen: std::collections::HashMap::new(),
            allowed: BTreeSet::new(),
        };
        stage.begin();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    fn tree(&self, name: &str) -> Tree {
        Tree::open(&self.path(name)).unwrap()
    }

    fn begin(&mut self) {
        let made = self.stamp();
        self.wait_for_clock(made);
        self.since = self.stamp();
        self.wait_for_clock(self.since);
        if self.view == View::Copy {
            self.seen = copy::make(&self.tree("project"), &self.tree("copy")).unwrap();
            self.wait_for_clock(self.stamp());
        }
    }

    /// What the kernel stamps a new file with now.
    fn stamp(&self) -> Time {
        let _ = fs::remove_file(self.path("marker"));
        fs::write(self.path("marker"), "").unwrap();
        changed_at(&self.tree("").stat(Path::new("marker")).unwrap().unwrap())
    }

    /// The kernel's clock for files moves in steps.
    fn wait_for_clock(&self, after: Time) {
        while self.stamp() <= after {
            std::thread::yield_now();
        }
    }

    /// Lets `command` change the view; what it left there.
    fn run(&self, command: impl FnOnce(&Path) + Send) -> Snapshot {
        if self.view == View::Copy {
            command(&self.path("copy"));
            return snapshot(&self.path("copy"));
        }
        std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                #[allow(
                    unsafe_code,
                    reason = "the mount is for this thread only; it shares no descriptors' table"
                )]
                // SAFETY: a new mount namespace changes nothing that other threads rely on.
                unsafe {
                    rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS).unwrap();
                }
                let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
                rustix::mount::mount_change("/", private).unwrap();
                let options = format!(
                    "lowerdir={},upperdir={},workdir={},userxattr,index=off,metacopy=off",
                    self.path("project").display(),
                    self.path("upper").display(),
                    self.path("work").display()
                );
                let options = std::ffi::CString::new(options).unwrap();
                let merged = self.path("merged");
                rustix::mount::mount("overlay", &merged, "overlay", MountFlags::empty(), options.as_c_str())
                    .expect("an overlay can be mounted: the tests run as root");
                command(&merged);
                let left = snapshot(&merged);
                rustix::mount::unmount(&merged, UnmountFlags::empty()).unwrap();
                left
            });
            running.join().unwrap()
        })
    }

    fn view_name(&self) -> &'static str {
        if self.view == View::Copy { "copy" } else { "upper" }
    }

    fn baseline(&self) -> Baseline {
        match self.view {
            View::Overlay => Baseline::Since(self.since),
            View::Copy => Baseline::Copied(self.seen.clone()),
        }
    }

    fn apply(&self) -> Vec<Change> {
        let (view, host) = (self.tree(self.view_name()), self.tree("project"));
        let owner = rustix::process::geteuid().as_raw();
        let found = match self.view {
            View::Overlay => overlay::changes(&view, &host, owner),
            View::Copy => copy::changes(&view, &host, &self.seen, owner),
        };
        let program = Program::new(program(), &self.path("scratch"), None).unwrap();
        let baseline = self.baseline();
        let result = Result { view: &view, host: &host, is_overlay: self.view == View::Overlay };
        let mut judge = Judge {
            result,
            baseline: &baseline,
            allowed: &self.allowed,
            git: Git::new(result, Some(program.clone())),
        };
        let mut changes = judge.decide(found.unwrap());
        let applying = apply::Applying {
            view: &view,
            host: &host,
            baseline: &baseline,
            owner,
            temporary: OsStr::new(".docker-sandbox-test"),
            scratch: &self.path("scratch"),
            git: Some(&program),
        };
        apply::apply(&applying, &mut changes, |path| judge.git.rank(path));
        apply::keep(&view, &self.tree("kept"), &changes).unwrap();
        assert_eq!(fs::read(self.path("outside")).unwrap(), b"outside\n");
        changes
    }

    fn project(&self) -> Snapshot {
        snapshot(&self.path("project"))
    }
}

const VIEWS: [View; 2] = [View::Overlay, View::Copy];

fn states(changes: &[Change]) -> BTreeMap<String, String> {
    let state = |change: &Change| match &change.state {
        State::Held(rule) => rule.clone(),
        state => format!("{state:?}").to_lowercase(),
    };
    changes.iter().map(|change| (change.path.display().to_string(), state(change))).collect()
}

fn some_files(project: &Path) {
    fs::create_dir_all(project.join("a/b")).unwrap();
    fs::create_dir_all(project.join("c")).unwrap();
    for (path, content) in [("f", "f\n"), ("a/g", "g\n"), ("a/b/h", "h\n"), ("c/i", "i\n"), ("c/j", "j\n")] {
        fs::write(project.join(path), content).unwrap();
    }
    symlink("f", project.join("l")).unwrap();
}

/// Something that a command does.
#[derive(Debug, Clone)]
enum Operation {
    Write(PathBuf, u8),
    MakeDirectory(PathBuf),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    HardLink(PathBuf, PathBuf),
    Mode(PathBuf, u32),
}

impl Operation {
    /// Whether it succeeds does not matter.
    fn run(&self, root: &Path) {
        let _ = match self {
            Self::Write(path, content) => fs::write(root.join(path), [*content; 3]),
            Self::MakeDirectory(path) => fs::create_dir(root.join(path)),
            Self::Remove(path) => {
                let path = root.join(path);
                if path.symlink_metadata().is_ok_and(|about| about.is_dir()) {
                    fs::remove_dir_all(path)
                } else {
                    fs::remove_file(path)
                }
            }
            Self::Rename(from, to) => fs::rename(root.join(from), root.join(to)),
            Self::Link(target, path) => symlink(target, root.join(path)),
            Self::HardLink(from, to) => fs::hard_link(root.join(from), root.join(to)),
            Self::Mode(path, mode) => {
                let is_link = root.join(path).symlink_metadata().is_ok_and(|about| about.is_symlink());
                if is_link {
                    Ok(())
                } else {
                    fs::set_permissions(root.join(path), fs::Permissions::from_mode(*mode))
                }
            }
        };
    }
}

fn paths() -> impl Strategy<Value = PathBuf> {
    let names = prop::sample::select(vec!["a", "b", "c", "f", "g", "h", "i", "n", "l"]);
    prop::collection::vec(names, 1..4).prop_map(|names| names.iter().collect())
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let one = prop_oneof![
        (paths(), any::<u8>()).prop_map(|(path, content)| Operation::Write(path, content)),
        paths().prop_map(Operation::MakeDirectory),
        paths().prop_map(Operation::Remove),
        (paths(), paths()).prop_map(|(from, to)| Operation::Rename(from, to)),
        (paths(), paths()).prop_map(|(target, path)| Operation::Link(target, path)),
        (paths(), paths()).prop_map(|(from, to)| Operation::HardLink(from, to)),
        (paths(), prop::sample::select(vec![0o700, 0o755, 0o777]))
            .prop_map(|(path, mode)| Operation::Mode(path, mode)),
    ];
    prop::collection::vec(one, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_applied_is_what_the_command_left(operations in operations()) {
        for view in VIEWS {
            let mut stage = Stage::new(view, some_files);
            stage.allowed = rules::RULES.iter().map(|rule| rule.id.to_owned()).collect();
            let left = stage.run(|root| operations.iter().for_each(|operation| operation.run(root)));
            let changes = stage.apply();
            prop_assert_eq!(differences(&stage.project(), &left), NONE, "{:?}: {:#?}", view, changes);
        }
    }
}

#[test]
fn whatever_is_allowed_no_set_id_bit_and_no_pipe_is_made() {
    for view in VIEWS {
        let mut stage = Stage::new(view, some_files);
        stage.allowed = rules::RULES.iter().map(|rule| rule.id.to_owned()).collect();
        stage.run(|root| {
            fs::create_dir(root.join("n")).unwrap();
            for path in ["new", "n/new", "f"] {
                fs::write(root.join(path), "x\n").unwrap();
                fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o6755)).unwrap();
            }
            for path in ["pipe", "n/pipe"] {
                rustix::fs::mkfifoat(rustix::fs::CWD, root.join(path), rustix::fs::Mode::RWXU).unwrap();
            }
        });
        let changes = stage.apply();
        let project = stage.path("project");
        for path in ["new", "n/new", "f"] {
            let about = fs::metadata(project.join(path)).unwrap();
            assert_eq!(about.mode() & 0o7777, 0o755, "{view:?}: {path}: {changes:#?}");
        }
        for path in ["pipe", "n/pipe"] {
            assert!(project.join(path).symlink_metadata().is_err(), "{view:?}: {path}");
        }
    }
}

#[test]
fn a_file_arrives_in_a_directory_that_the_command_made() {
    for view in VIEWS {
        let stage = Stage::new(view, some_files);
        let left = stage.run(|root| {
            fs::create_dir_all(root.join("n/m")).unwrap();
            fs::rename(root.join("f"), root.join("n/m/f")).unwrap();
        });
        let changes = stage.apply();
        assert_eq!(differences(&stage.project(), &left), NONE, "{view:?}: {changes:#?}");
    }
}

#[test]
fn a_file_that_changed_on_the_host_meanwhile_stays_the_hosts() {
    for view in VIEWS {
        let stage = Stage::new(view, some_files);
        stage.run(|root| {
            fs::write(root.join("f"), "command's\n").unwrap();
            fs::write(root.join("a/g"), "command's\n").unwrap();
            fs::write(root.join("new"), "command's\n").unwrap();
            fs::remove_file(root.join("c/i")).unwrap();
            fs::remove_file(root.join("c/j")).unwrap();
        });
        let project = stage.path("project");
        fs::write(project.join("f"), "host's\n").unwrap();
        fs::write(project.join("new"), "host's\n").unwrap();
        fs::write(project.join("c/i"), "host's\n").unwrap();
        let changes = stage.apply();
        let expected = [
            ("a/g", "applied"),
            ("c/i", "conflict"),
            ("c/j", "applied"),
            ("f", "conflict"),
            ("new", "conflict"),
        ];
        let expected =
            expected.into_iter().map(|(path, state)| (path.to_owned(), state.to_owned())).collect();
        assert_eq!(states(&changes), expected, "{view:?}");
        for path in ["f", "new", "c/i"] {
            assert_eq!(fs::read_to_string(project.join(path)).unwrap(), "host's\n", "{view:?}: {path}");
        }
        assert_eq!(fs::read_to_string(project.join("a/g")).unwrap(), "command's\n");
        assert_eq!(fs::read_to_string(stage.path("kept").join("f")).unwrap(), "command's\n");
        assert!(!project.join("c/j").exists());
    }
}

#[test]
fn what_tools_would_run_is_held_back_and_kept() {
    for view in VIEWS {
        let stage = Stage::new(view, some_files);
        let before = stage.project();
        stage.run(|root| {
            fs::write(root.join("a/.envrc"), "evil\n").unwrap();
            fs::create_dir(root.join(".vscode")).unwrap();
            fs::write(root.join(".vscode/tasks.json"), "evil\n").unwrap();
            symlink("../outside", root.join("out")).unwrap();
            symlink("/etc/passwd", root.join("passwd")).unwrap();
            symlink("a", root.join("fine")).unwrap();
            symlink("fine/../../outside", root.join("indirect")).unwrap();
            fs::write(root.join("suid"), "evil\n").unwrap();
            fs::set_permissions(root.join("suid"), fs::Permissions::from_mode(0o4755)).unwrap();
            rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
            fs::create_dir_all(root.join("n/.git/hooks")).unwrap();
            fs::write(root.join("n/.git/HEAD"), "ref: refs/heads/main\n").unwrap();
            fs::write(root.join("n/code"), "code\n").unwrap();
            fs::create_dir_all(root.join("bare/objects")).unwrap();
            fs::create_dir_all(root.join("bare/refs")).unwrap();
            fs::write(root.join("bare/HEAD"), "ref: refs/heads/main\n").unwrap();
            fs::write(root.join("bare/config"), "[core]\n\tfsmonitor = evil\n").unwrap();
            fs::write(root.join("c/.git"), "gitdir: ../n/.git\n").unwrap();
        });
        let changes = stage.apply();
        let mut after = stage.project();
        assert_eq!(after.remove(Path::new("fine")).map(|(_, target)| target), Some(b"a".to_vec()));
        assert_eq!(after.remove(Path::new("n/code")).map(|(_, content)| content), Some(b"code\n".to_vec()));
        after.remove(Path::new("n"));
        after.remove(Path::new(".vscode"));
        assert_eq!(differences(&after, &before), NONE, "{view:?}");
        let states = states(&changes);
        for (path, rule) in [
            ("a/.envrc", "shell-startup"),
            (".vscode/tasks.json", "editor-startup"),
            ("out", "link-outside"),
            ("passwd", "link-outside"),
            ("indirect", "link-outside"),
            ("suid", "set-id"),
            ("pipe", "special-file"),
            ("n/.git/HEAD", "git-directory"),
            ("bare/config", "git-directory"),
            ("c/.git", "git-directory"),
        ] {
            assert_eq!(states.get(path).map(String::as_str), Some(rule), "{view:?}: {path}: {states:#?}");
        }
        assert_eq!(fs::read_to_string(stage.path("kept/a/.envrc")).unwrap(), "evil\n");
        assert_eq!(
            fs::read_to_string(stage.path("kept/bare/config")).unwrap(),
            "[core]\n\tfsmonitor = evil\n"
        );
    }
}
