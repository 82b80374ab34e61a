//! Programs: found as a shell would find them, and asked a question.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use rustix::fs::{Access, access};

/// The program `name`, a path from `folder` or a bare name on `path`. A folder or a file that cannot
/// be executed does not count.
#[must_use]
pub fn find(name: &OsStr, path: Option<&OsStr>, folder: &Path) -> Option<PathBuf> {
    let program = |file: &PathBuf| file.is_file() && access(file, Access::EXEC_OK).is_ok();
    if name.as_encoded_bytes().contains(&b'/') {
        return Some(absolute(Path::new(name), folder)).filter(program);
    }
    std::env::split_paths(path?).map(|place| absolute(&place, folder).join(name)).find(program)
}

/// `path` from `folder`, without a leading `./`.
fn absolute(path: &Path, folder: &Path) -> PathBuf {
    folder.join(path.components().skip_while(|part| *part == Component::CurDir).collect::<PathBuf>())
}

/// What `program ARGS` says, without stdin, however it ends. `None` if it cannot be started or does not
/// end within `limit`; then it is killed.
#[must_use]
pub fn answer(program: &Path, args: &[&str], limit: Duration) -> Option<Output> {
    let question = duct::cmd(program, args).stdin_bytes([]).stdout_capture().stderr_capture().unchecked();
    let handle = question.start().ok()?;
    let output = handle.wait_timeout(limit).ok()?.cloned();
    if output.is_none() {
        let _ = handle.kill();
    }
    output
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// `bin/tool` and a link to it in `links`; `plain/tool` cannot be executed, `folders/tool` is a folder.
    fn places() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["bin", "links", "plain", "folders/tool"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for (file, mode) in [("bin/tool", 0o755), ("plain/tool", 0o644)] {
            let file = root.path().join(file);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("../bin/tool", root.path().join("links/tool")).unwrap();
        symlink("nowhere", root.path().join("links/gone")).unwrap();
        root
    }

    /// Where `name` is found, from the root of [`places`].
    fn found(name: &str, path: &str) -> Option<String> {
        let root = places();
        let found = find(OsStr::new(name), Some(OsStr::new(path)), root.path())?;
        Some(found.strip_prefix(root.path()).unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_bare_name_is_the_first_program_on_path() {
        assert_eq!(found("tool", "nowhere:plain:folders:links:bin"), Some("links/tool".to_owned()));
        assert_eq!(found("tool", "./bin"), Some("bin/tool".to_owned()));
        assert_eq!(found("gone", "links:bin"), None);
        assert_eq!(found("tool", "plain:folders:"), None);
        assert_eq!(find(OsStr::new("sh"), None, Path::new("/")), None);
    }

    #[test]
    fn nothing_in_path_is_the_working_folder() {
        let root = places();
        let bin = root.path().join("bin");
        for path in ["", ":nowhere", "."] {
            assert_eq!(
                find(OsStr::new("tool"), Some(OsStr::new(path)), &bin),
                Some(bin.join("tool")),
                "{path}"
            );
        }
    }

    #[test]
    fn an_answer_is_all_that_a_program_says_and_how_it_ends() {
        let script = "cat; echo out; echo err >&2; exit 3";
        let said = answer(Path::new("/bin/sh"), &["-c", script], Duration::from_secs(20)).unwrap();
        assert_eq!(
            (said.status.code(), &*said.stdout, &*said.stderr),
            (Some(3), &b"out\n"[..], &b"err\n"[..])
        );
    }

    #[test]
    fn a_program_that_is_not_there_or_does_not_end_has_no_answer() {
        assert_eq!(answer(Path::new("/nowhere"), &[], Duration::from_secs(20)), None);
        let endless = "echo started; while :; do sleep 1; done";
        assert_eq!(answer(Path::new("/bin/sh"), &["-c", endless], Duration::from_millis(50)), None);
    }

    #[test]
    fn a_path_is_not_searched_for() {
        assert_eq!(found("./bin/tool", ""), Some("bin/tool".to_owned()));
        assert_eq!(found("links/tool", "bin"), Some("links/tool".to_owned()));
        assert_eq!(found("/nowhere/tool", "bin"), None);
        assert_eq!(find(OsStr::new("/bin/sh"), None, Path::new("/nowhere")), Some("/bin/sh".into()));
    }
}
