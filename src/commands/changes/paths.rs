//! Paths as users type and read them.

use std::path::{Component, Path, PathBuf};

/// `path` without `.` and `..`, which is not below a link.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Where `typed` may be meant to be, in the directory `folder`: as it is written, and with the links on its way followed. The last name
/// itself is not followed, it may be a change.
pub(super) fn meant(typed: &Path, folder: &Path) -> Vec<PathBuf> {
    let whole = lexical(&folder.join(typed));
    let mut meant = vec![whole.clone()];
    let mut above = folder.join(typed);
    let mut rest = Vec::new();
    while let Some(name) = above.file_name().map(std::ffi::OsStr::to_owned) {
        above.pop();
        rest.push(name);
        if let Ok(real) = above.canonicalize() {
            meant.push(rest.iter().rev().fold(real, |path, name| path.join(name)));
            break;
        }
    }
    meant.dedup();
    meant
}

/// `path` as it is named from `folder`, if both are in `root`.
pub(super) fn from(folder: &Path, root: &Path, path: &Path) -> PathBuf {
    let (Ok(inside), Ok(_)) = (folder.strip_prefix(root), path.strip_prefix(root)) else {
        return path.to_owned();
    };
    let above = inside.ancestors().find(|above| path.starts_with(root.join(above))).unwrap_or(Path::new(""));
    let steps = inside.components().count() - above.components().count();
    let rest = path.strip_prefix(root.join(above)).unwrap_or(path);
    let named: PathBuf = std::iter::repeat_n(Path::new(".."), steps).chain([rest]).collect();
    // Not an option, nor nothing.
    let is_plain = named.as_os_str().as_encoded_bytes().first().is_some_and(|first| *first != b'-');
    if is_plain { named } else { Path::new(".").join(named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_from_the_current_directory() {
        for (folder, path, expected) in [
            ("/p", "/p/a/b", "a/b"),
            ("/p/a", "/p/a/b", "b"),
            ("/p/a/c", "/p/a/b", "../b"),
            ("/p/a/c", "/p/x", "../../x"),
            ("/p/a", "/p/a", "./"),
            ("/p", "/p/-x", "./-x"),
            ("/elsewhere", "/p/a", "/p/a"),
            ("/p", "/git/config", "/git/config"),
        ] {
            let named = from(Path::new(folder), Path::new("/p"), Path::new(path));
            assert_eq!(named, Path::new(expected), "{folder} {path}");
            if !named.is_absolute() {
                assert_eq!(meant(&named, Path::new(folder))[0], Path::new(path));
            }
        }
    }

    #[test]
    fn links_on_the_way_are_followed_and_the_last_name_is_not() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("real")).unwrap();
        std::os::unix::fs::symlink("real", base.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", base.join("real/out")).unwrap();
        assert!(meant(Path::new("link/out"), &base).contains(&base.join("real/out")));
        assert!(meant(Path::new("link/new/file"), &base).contains(&base.join("real/new/file")));
        assert_eq!(meant(Path::new("./real/../x"), &base), [base.join("x")]);
    }
}
