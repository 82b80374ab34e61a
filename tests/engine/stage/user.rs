//! Users who are not root, and what they see to be theirs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::{Engine, Scenario};

/// A user without an account: a number of its own, and one group more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: u32,
    group: Option<u32>,
}

/// Next to those of rootless engines, see `scripts/engine/rootless.sh`.
const MEMBER: User = User { id: 1_999_999, group: Some(1_999_998) };

impl User {
    /// The one whose rootless daemon `engine` is.
    pub(crate) fn owning(engine: &Engine) -> Self {
        let id = engine.dir.metadata().unwrap().uid();
        assert_ne!(id, 0, "{} is rootless", engine.dir.display());
        Self { id, group: None }
    }

    /// Who is in the group that may use the socket of `engine`, a root daemon's: `docker`, wherever it has that name.
    pub(crate) fn in_the_group_of(engine: &Engine) -> Self {
        chown(engine.dir.join("docker.sock"), None, MEMBER.group).unwrap();
        MEMBER
    }

    /// Starts what stands behind it as this user.
    pub(crate) fn words(self) -> Vec<OsString> {
        let groups = self.group.map_or("--clear-groups".to_owned(), |group| format!("--groups={group}"));
        let words = [
            "setpriv".to_owned(),
            format!("--reuid={}", self.id),
            format!("--regid={}", self.id),
            groups,
            "--inh-caps=-all".to_owned(),
        ];
        words.map(OsString::from).to_vec()
    }

    /// The processes of this user, as words of their command lines, sorted.
    pub(crate) fn processes(self) -> Vec<String> {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines: Vec<String> = entries
            .filter_map(|entry| {
                let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
                let owner =
                    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?;
                let line =
                    std::fs::read(entry.path().join("cmdline")).ok().filter(|line| !line.is_empty())?;
                (owner == self.id.to_string()).then(|| String::from_utf8_lossy(&line).replace('\0', " "))
            })
            .collect();
        lines.sort();
        lines
    }
}

impl Scenario {
    /// All of it as `user`: the home, the programs, and what is started.
    pub(crate) fn owned_by(self, user: User) -> Self {
        for (name, program) in
            [("docker-sandbox", Path::new(env!("CARGO_BIN_EXE_docker-sandbox"))), ("docker", &self.cli.path)]
        {
            // They may be in folders that only root sees.
            let file = self.home().join("bin").join(name);
            std::fs::remove_file(&file).unwrap();
            std::fs::copy(program, &file).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let plugin = self.home().join(".docker/cli-plugins/docker-sandbox");
        std::fs::remove_file(&plugin).unwrap();
        std::os::unix::fs::symlink(self.home().join("bin/docker-sandbox"), &plugin).unwrap();
        let home = self.home().to_owned();
        for folder in
            [home.clone(), home.join(".docker"), home.join(".docker/cli-plugins"), home.join("work")]
        {
            chown(&folder, Some(user.id), Some(user.id)).unwrap();
        }
        self.through(user.words())
    }

    /// Writes a file as `user` would.
    pub(crate) fn write_as(&self, user: User, path: &str, text: &str) -> PathBuf {
        let path = self.write(path, text);
        chown(&path, Some(user.id), Some(user.id)).unwrap();
        path
    }
}

/// One file, folder or link: user, group, mode, and content or target.
pub(crate) type Entry = (u32, u32, u32, Vec<u8>);

/// All that is in `folder`, by path below it; the folder itself is the empty path.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let about = std::fs::symlink_metadata(&path).unwrap();
        let content = if about.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if about.is_symlink() {
            std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            std::fs::read(&path).unwrap()
        };
        let name = path.strip_prefix(folder).unwrap().to_owned();
        found.insert(name, (about.uid(), about.gid(), about.mode(), content));
    }
    found
}
