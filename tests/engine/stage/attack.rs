//! A program that tries to change what is mounted, and what the host shows of it before and after.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("attacker.rs");

/// The attacker, which says `all tried` when it is through; made once for all tests.
pub(crate) fn attacker() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    SOURCE.hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("attacker-{:x}", hasher.finish()));
    let program = folder.join("attacker");
    if program.exists() {
        return program;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/stage/attacker.rs");
    // Other tests make it as well; whoever is last puts the same in its place.
    let new = folder.join(std::process::id().to_string());
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let made = Command::new(compiler)
        .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o"])
        .args([&new, Path::new(source)])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(&new, &program).unwrap();
    program
}

/// A folder of the host with all that can be changed in it. Everybody may, as far as the files say.
pub(crate) struct Target {
    /// The folder.
    pub(crate) path: PathBuf,
    before: BTreeMap<PathBuf, String>,
    /// What else must stay as it is: files that links in it lead to.
    outside: PathBuf,
}

impl Target {
    /// Makes it below `top`.
    pub(crate) fn below(top: &Path) -> Self {
        let (path, outside) = (top.join("target"), top.join("outside"));
        std::fs::create_dir_all(path.join("sub/deep")).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        for file in ["file", "kept", "sub/inner", "sub/deep/file", "../outside/file", "../outside/hard"] {
            let file = path.join(file);
            std::fs::write(&file, format!("what is in {}\n", file.display())).unwrap();
            // Not every file system has them.
            let _ = rustix::fs::setxattr(&file, "user.kept", b"yes", rustix::fs::XattrFlags::empty());
        }
        symlink("file", path.join("link")).unwrap();
        symlink("../outside/file", path.join("outward")).unwrap();
        std::fs::hard_link(outside.join("hard"), path.join("hard")).unwrap();
        for (path, about) in all_below(&path).into_iter().chain(all_below(&outside)) {
            if !about.is_symlink() {
                let mode = if about.is_dir() { 0o777 } else { 0o666 };
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let mut target = Self { path, outside, before: BTreeMap::new() };
        target.before = target.now();
        target
    }

    /// Fails naming what the host shows otherwise than before.
    #[track_caller]
    pub(crate) fn is_unchanged(&self, after: &str) {
        let now = self.now();
        let paths: std::collections::BTreeSet<_> = self.before.keys().chain(now.keys()).collect();
        let changed = paths.into_iter().filter(|path| self.before.get(*path) != now.get(*path));
        let changed: Vec<String> = changed
            .map(|path| {
                format!("{}\n  was {:?}\n  is  {:?}", path.display(), self.before.get(path), now.get(path))
            })
            .collect();
        assert!(changed.is_empty(), "the host is not as it was after {after}:\n{}", changed.join("\n"));
    }

    /// As [`Self::is_unchanged`], for what is in the files alone.
    #[track_caller]
    pub(crate) fn is_kept(&self, after: &str) {
        let contents = |all: &BTreeMap<PathBuf, String>| -> Vec<(PathBuf, Option<String>)> {
            all.iter()
                .map(|(path, about)| (path.clone(), about.split("content ").nth(1).map(Into::into)))
                .collect()
        };
        assert_eq!(contents(&self.now()), contents(&self.before), "the host's files after {after}");
    }

    /// Names, kinds, modes, owners, links, sizes, times, attributes and contents. When it was read does not count.
    fn now(&self) -> BTreeMap<PathBuf, String> {
        let all = all_below(&self.path).into_iter().chain(all_below(&self.outside));
        all.map(|(path, about)| {
            let mut names = vec![0; 1024];
            let length = rustix::fs::llistxattr(&path, &mut names[..]).unwrap_or(0);
            let mut value = [0; 64];
            let kept = rustix::fs::lgetxattr(&path, "user.kept", &mut value[..]).unwrap_or(0);
            let content = if about.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            let text = format!(
                "mode {:o} owner {}:{} links {} size {} modified {}.{} changed {}.{} attributes {:?} {:?} to {:?} content {:?}",
                about.mode(),
                about.uid(),
                about.gid(),
                about.nlink(),
                about.size(),
                about.mtime(),
                about.mtime_nsec(),
                about.ctime(),
                about.ctime_nsec(),
                String::from_utf8_lossy(&names[..length]),
                String::from_utf8_lossy(&value[..kept]),
                std::fs::read_link(&path).ok(),
                String::from_utf8_lossy(&content),
            );
            (path, text)
        })
        .collect()
    }
}

fn all_below(path: &Path) -> Vec<(PathBuf, std::fs::Metadata)> {
    let about = path.symlink_metadata().unwrap();
    let mut all = vec![(path.to_owned(), about.clone())];
    if about.is_dir() {
        for entry in std::fs::read_dir(path).unwrap().flatten() {
            all.extend(all_below(&entry.path()));
        }
    }
    all
}
