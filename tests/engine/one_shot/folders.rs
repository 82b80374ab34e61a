//! What a command sees of the folders here, and what it can do to them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{ENGINES, Place};

/// All files below `folder`, each with its mode and its content; links are not followed.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, about) = (entry.path(), entry.metadata().unwrap());
        let mut held = format!("{:o} ", about.mode()).into_bytes();
        if about.is_dir() {
            found.extend(files(&path));
        } else {
            held.extend(std::fs::read(&path).unwrap_or_default());
        }
        found.push((path.display().to_string(), held));
    }
    found.sort();
    found
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn discarded_writes_must_not_be_there_afterwards() {
    let script = "echo new >file && echo more >>sub/inner && rm gone && mv sub renamed && mkdir made && chmod 600 file \
        && cat file renamed/inner && ls; for way in '' -l -f; do umount $way \"$PWD\"; done; mount -t tmpfs none /tmp; \
        ls /tmp; kill -KILL -1; kill -STOP 1; kill -KILL 1; exit 9";
    for engine in ENGINES {
        let place = Place::on(engine);
        place.scenario.write("work/file", "old\n");
        place.scenario.write("work/gone", "there\n");
        place.scenario.write("work/sub/inner", "inner\n");
        let before = files(&place.work());
        let seen = place.same(&["--discard", "--", "sh", "-c", script], b"");
        let out = String::from_utf8_lossy(&seen.stdout).into_owned();
        assert!(out.starts_with("new\ninner\nmore\nfile\nmade\nrenamed\n"), "{seen:?}");
        let after = files(&place.work());
        assert!(after == before, "{:?}", names(&after));
        place.wait_until_over();
    }
}

#[test]
fn another_folder_must_be_seen_and_written_to_only_if_asked_for() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let home = place.scenario.home().to_owned();
        for name in ["read", "alsoread", "write"] {
            place.scenario.write(&format!("{name}/file"), &format!("{name}\n"));
        }
        place.scenario.write("hidden/file", "hidden\n");
        let path = |name: &str, mode: &str| format!("--mount={}/{name}{mode}", home.display());
        let script = format!(
            "cd {}; cat read/file alsoread/file write/file; for folder in read alsoread write work; do \
             echo x >$folder/x && echo writes $folder; done; ls hidden; rm -f write/x",
            home.display()
        );
        let words = [
            &path("read", ""),
            &path("alsoread", ":ro"),
            &path("write", ":rw"),
            "--",
            "sh",
            "-c",
            &format!("{{ {script}; }} 2>/dev/null"),
        ];
        let seen = place.same(&words, b"");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "read\nalsoread\nwrite\nwrites write\n");
        // A path of the working folder's, and a file.
        let seen = place.same(&["--mount=../read/file", "--", "cat", "../read/file"], b"");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "read\n", "{seen:?}");
        place.run(&["--mount=/no/such/folder", "--", "true"]).exits(125).says("/no/such/folder");
    }
}
