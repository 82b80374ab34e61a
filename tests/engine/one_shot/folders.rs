//! What a command sees of the folders here, and what it can do to them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::{ENGINES, Place};

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap_or_else(|error| panic!("git: {error}"));
    assert!(done.status.success(), "git {args:?}: {done:?}");
}

fn repository(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet"]);
    std::fs::write(folder.join("file"), "content\n").unwrap();
    git(folder, &["add", "file"]);
    git(folder, &["commit", "--quiet", "-m", "first"]);
}

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

/// Tries all that would bring a program into what git starts, at `git`, and says what worked. Of a changed mode gVisor says that
/// it worked, though the host's kernel refused: only the host tells.
fn attack(git: &str) -> String {
    format!(
        r"exec 2>/dev/null; g={git}; mkdir -p /tmp/evil/hooks; echo '#!/bin/sh' >/tmp/evil/hooks/pre-commit
        echo x >$g/hooks/pre-commit && echo writes a hook
        mkdir $g/hooks/x && echo makes in hooks
        echo x >>$g/config && echo writes config
        echo x >new; mv -f new $g/config && echo replaces config
        ln -sf /tmp/evil/hooks $g/hooks && echo links hooks
        mv $g/hooks $g/other && echo moves hooks
        mv $g/config $g/other && echo moves config
        rm -rf $g/hooks; test -e $g/hooks || echo removes hooks
        rm -f $g/config; test -e $g/config || echo removes config
        chmod 777 $g/config; chmod 777 $g/hooks
        echo ../evil >$g/commondir && echo names another one; mv new $g/commondir && echo puts another name
        rm $g/commondir && echo removes the name; mv $g .other && echo moves the repository
        rm -f new; echo end"
    )
}

#[test]
fn what_git_starts_must_stay_as_it_is() {
    for engine in ENGINES {
        let place = Place::on(engine);
        repository(&place.work());
        let before = files(&place.work());
        let seen = place.same(&["--write", "--", "sh", "-c", &attack(".git")], b"");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "end\n");
        let mut after = files(&place.work());
        after.retain(|(name, content)| !(name.ends_with("/.git/commondir") && content.ends_with(b" .\n")));
        assert!(after == before, "{:?}", names(&after));
        // What a commit writes can be written.
        let script = "echo new >file && echo x >.git/index.lock && mv .git/index.lock .git/other && mkdir .git/objects/ff && \
            echo ref >.git/refs/heads/other && rm .git/other .git/refs/heads/other && rmdir .git/objects/ff && stat -c %u file";
        let seen = place.same(&["--write", "--", "sh", "-c", script], b"");
        let caller = rustix::process::geteuid().as_raw();
        assert_eq!(String::from_utf8_lossy(&seen.stdout), format!("{caller}\n"), "{seen:?}");
        assert_eq!(std::fs::read_to_string(place.work().join("file")).unwrap(), "new\n");
        for command in [&["status"][..], &["commit", "--quiet", "-am", "x"], &["gc", "--quiet"], &["fsck"]] {
            git(&place.work(), command);
        }
    }
}

#[test]
fn what_git_starts_in_a_worktree_must_stay_as_it_is() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let main = place.scenario.home().join("main");
        repository(&main);
        git(&main, &["worktree", "add", "--quiet", place.work().to_str().unwrap()]);
        let link = place.work().join(".git");
        let before = std::fs::read(&link).unwrap();
        let script = "exec 2>/dev/null; mkdir -p evil/hooks; echo 'gitdir: evil' >.git && echo writes
            mv evil .git && echo replaces; mv .git other && echo moves; rm -f .git && echo removes; ln -sf evil .git && echo links
            echo new >file; rm -rf evil; echo end";
        let seen = place.same(&["--write", "--", "sh", "-c", script], b"");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "end\n");
        assert_eq!(std::fs::read(link).unwrap(), before);
        assert_eq!(std::fs::read_to_string(place.work().join("file")).unwrap(), "new\n");
    }
}

#[test]
fn what_git_starts_in_a_submodule_must_stay_as_it_is() {
    let place = Place::on("trixie");
    let other = place.scenario.home().join("other");
    repository(&other);
    repository(&place.work());
    git(&place.work(), &["submodule", "--quiet", "add", other.to_str().unwrap(), "lib/sub"]);
    let before = files(&place.work());
    let seen = place.same(&["--write", "--", "sh", "-c", &attack(".git/modules/lib/sub")], b"");
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "end\n");
    let script =
        "exec 2>/dev/null; echo 'gitdir: /tmp' >lib/sub/.git && echo writes; mv lib/sub/.git x && echo moves
        mv lib/sub lib/gone && echo moves the folder; mv lib gone && echo moves its folder
        rm -rf lib/sub/.git; test -e lib/sub/.git || echo removes; echo end";
    let seen = place.same(&["--write", "--", "sh", "-c", script], b"");
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "end\n");
    let mut after = files(&place.work());
    after.retain(|(name, content)| !(name.ends_with("/commondir") && content.ends_with(b" .\n")));
    let is_gits =
        |file: &&(String, Vec<u8>)| file.0.contains("/work/.git/") || file.0.ends_with("/lib/sub/.git");
    assert!(after.iter().filter(is_gits).eq(before.iter().filter(is_gits)), "{:?}", names(&after));
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
        let mut after = files(&place.work());
        after.retain(|(name, content)| !(name.ends_with("/.git/commondir") && content.ends_with(b" .\n")));
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
        repository(&home.join("write"));
        let path = |name: &str, mode: &str| format!("--mount={}/{name}{mode}", home.display());
        let script = format!(
            "cd {}; cat read/file alsoread/file write/file; for folder in read alsoread write write/.git/hooks work; do \
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
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "read\nalsoread\ncontent\nwrites write\n");
        // A path of the working folder's, and a file.
        let seen = place.same(&["--mount=../read/file", "--", "cat", "../read/file"], b"");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "read\n", "{seen:?}");
        place.run(&["--mount=/no/such/folder", "--", "true"]).exits(125).says("/no/such/folder");
    }
}
