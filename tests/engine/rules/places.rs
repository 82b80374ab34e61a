//! Places of the host under other names, and where this engine keeps what it runs: written to for real, and refused.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::shown;
use crate::stage::{Form, IMAGE, Scenario};

/// Everything below `directory`, as it is on the host: mode, owner and content of each file.
fn host(directory: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![directory.to_owned()];
    while let Some(path) = ahead.pop() {
        let about = path.symlink_metadata().unwrap();
        if about.is_dir() {
            ahead.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let content = if about.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        found.insert(path, (about.mode(), about.uid(), content));
    }
    found
}

/// The engine's process, in whose mount namespace paths are the daemon's.
fn daemon(scenario: &Scenario) -> String {
    std::fs::read_to_string(scenario.engine.dir.join("docker.pid")).unwrap().trim().to_owned()
}

/// A bind mount that the engine sees, and we do not: undone when dropped.
struct Bound<'a> {
    scenario: &'a Scenario,
    at: PathBuf,
}

impl<'a> Bound<'a> {
    fn new(scenario: &'a Scenario, from: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let bound = Self { scenario, at: at.to_owned() };
        bound.run(&[Path::new("mount"), Path::new("--bind"), from, at]);
        bound
    }

    fn run(&self, words: &[&Path]) {
        let pid = daemon(self.scenario);
        let status = Command::new("nsenter").args(["-t", &pid, "-m"]).args(words).status().unwrap();
        assert!(status.success(), "{words:?}");
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        self.run(&[Path::new("umount"), &self.at]);
    }
}

/// Shows that a container writes to `secret`, a directory of the host, through a mount of `mounted`, below which it is
/// at `inside`; and that ours refuses that by `rule`, and nothing on the host has changed.
#[track_caller]
fn assert_refused(scenario: &Scenario, mounted: &Path, inside: &str, secret: &Path, rule: &str) {
    let mount = format!("-v={}:/m", mounted.display());
    let mark = format!("/m/{inside}/mark");
    let line = ["--rm", &mount, IMAGE, "touch", &mark];
    scenario.run(Form::Plain, line).exits(0);
    std::fs::remove_file(secret.join("mark")).expect("the container has written to the host");

    // What an engine keeps changes all the time.
    let on_host = || if secret.starts_with(&scenario.engine.dir) { BTreeMap::new() } else { host(secret) };
    let before = on_host();
    for form in [Form::Docker, Form::Direct] {
        let seen = scenario.run(form, line).exits(125).prints("").says(&format!("[{rule}]"));
        assert!(on_host() == before && !secret.join("mark").exists(), "{seen}");
        assert!(scenario.containers().is_empty(), "{seen}");
    }
}

#[test]
fn a_bind_mount_must_be_taken_for_what_it_shows() {
    shown(&["host-startup"], |scenario| {
        let secret = scenario.home().join(".config/systemd");
        std::fs::create_dir_all(secret.join("user")).unwrap();
        let work = scenario.home().join("work");
        let bound = Bound::new(scenario, &secret, &work.join("deep/door"));
        assert_refused(scenario, &work.join("deep/door"), "user", &secret.join("user"), "host-startup");
        assert_refused(scenario, &work.join("deep/door/user"), ".", &secret.join("user"), "host-startup");
        // What holds it brings it along.
        assert_refused(scenario, &work, "deep/door", &secret, "host-startup");
        let link = scenario.home().join("link");
        symlink("work/deep", &link).unwrap();
        assert_refused(scenario, &link, "door", &secret, "host-startup");
        let dots = work.join("deep/door/../../deep/door");
        assert_refused(scenario, &dots, ".", &secret, "host-startup");
        // Read-only, it is a secret or nothing.
        let read_only = format!("-v={}:/m:ro", work.display());
        scenario.run(Form::Docker, ["--rm", &read_only, IMAGE, "true"]).exits(0).quietly();
        drop(bound);
        let writable = format!("-v={}:/m", work.display());
        scenario.run(Form::Docker, ["--rm", &writable, IMAGE, "true"]).exits(0).quietly();
    });
}

#[test]
fn a_bind_mount_must_be_seen_by_who_shares_the_engines_mounts_too() {
    let scenario = Scenario::on("trixie");
    let pid = daemon(&scenario);
    let scenario = scenario.through(["nsenter", "-t", &pid, "-m"]);
    let secret = scenario.home().join(".local/bin");
    std::fs::create_dir_all(&secret).unwrap();
    let door = scenario.home().join("work/door");
    let _bound = Bound::new(&scenario, &secret, &door);
    assert_refused(&scenario, &door, ".", &secret, "host-startup");
    assert_refused(&scenario, door.parent().unwrap(), "door", &secret, "host-startup");
}

#[test]
fn the_layers_of_an_overlay_must_be_taken_for_what_they_are() {
    let scenario = Scenario::on("trixie");
    let [secret, empty, scratch, door] =
        [".ssh", "empty", "scratch", "work/door"].map(|name| scenario.home().join(name));
    for directory in [&secret, &empty, &scratch, &door] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let options =
        format!("lowerdir={},upperdir={},workdir={}", empty.display(), secret.display(), scratch.display());
    let pid = daemon(&scenario);
    let mount = ["-t", &pid, "-m", "mount", "-t", "overlay", "none", "-o", &options, door.to_str().unwrap()];
    if !Command::new("nsenter").args(mount).status().unwrap().success() {
        eprintln!("not shown: no overlay can be mounted over {}", scenario.home().display());
        return;
    }
    let _bound = Bound { scenario: &scenario, at: door.clone() };
    assert_refused(&scenario, &door, ".", &secret, "credentials");
}

#[test]
fn what_this_engine_keeps_and_runs_must_not_be_writable() {
    shown(&["host-engine"], |scenario| {
        let engine = &scenario.engine.dir;
        for name in ["data", "x"] {
            assert_refused(scenario, &engine.join(name), ".", &engine.join(name), "host-engine");
        }
        let path = scenario.ask(&["info", "--format", "{{(index .Runtimes \"runsc\").Path}}"]);
        // The script that starts gVisor, and gVisor, which it names.
        let real = engine.join("root/usr/bin/runsc").canonicalize().unwrap();
        let link = scenario.home().join("work/runsc");
        symlink(&real, &link).unwrap();
        for file in [Path::new(&path), &real, &link, &engine.join("daemon.json"), &engine.join("docker.pid")]
        {
            let mount = format!("-v={}:/m", file.display());
            let before = std::fs::read(file).unwrap();
            let seen =
                scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "true"]).exits(125).says("[host-engine]");
            assert_eq!(std::fs::read(file).unwrap(), before, "{seen}");
        }
        // What holds it, the socket aside.
        let mount = format!("-v={}:/m", real.parent().unwrap().display());
        scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "true"]).exits(125).says("[host-engine]");
        // Read-only it tells of other containers.
        let mount = format!("-v={}:/m:ro", engine.join("data").display());
        let seen =
            scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "ls", "/m"]).exits(0).says("[host-read]");
        assert!(seen.out().lines().any(|name| name == "containers"), "{seen}");
    });
}

#[test]
fn what_the_users_tools_run_must_not_be_writable() {
    shown(&["host-startup"], |scenario| {
        for name in
            [".local/bin", ".config/autostart", ".cargo/bin", ".vscode-server/bin", ".config/git", "bin"]
        {
            let secret = if name == "bin" { scenario.home().join("bin") } else { scenario.home().join(name) };
            std::fs::create_dir_all(&secret).unwrap();
            assert_refused(scenario, &secret, ".", &secret, "host-startup");
        }
        for name in [".bashrc", ".gitconfig", ".profile"] {
            let file = scenario.write(name, "before\n");
            let mount = format!("-v={}:/m", file.display());
            let write = ["--rm", &mount, IMAGE, "sh", "-c", "echo after > /m"];
            scenario.run(Form::Plain, write).exits(0);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "after\n");
            scenario.run(Form::Docker, write).exits(125).says("[host-startup]");
            // As dotfiles are kept: a link into a directory that has another name.
            let kept = scenario.write(&format!("dotfiles{name}/file"), "before\n");
            std::fs::remove_file(&file).unwrap();
            symlink(&kept, &file).unwrap();
            let mount = format!("-v={}:/m", kept.parent().unwrap().display());
            let write = ["--rm", &mount, IMAGE, "sh", "-c", "echo after > /m/file"];
            scenario.run(Form::Docker, write).exits(125).says("[host-startup]");
            assert_eq!(std::fs::read_to_string(&kept).unwrap(), "before\n");
            std::fs::remove_file(&file).unwrap();
        }
    });
}

#[test]
fn secrets_must_be_told_of_when_they_are_read_only() {
    let scenario = Scenario::on("trixie");
    for name in [".npmrc", ".claude.json", ".config/gh/hosts.yml"] {
        let file = scenario.write(name, "token\n");
        let mount = format!("-v={}:/m:ro", file.display());
        let seen =
            scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "cat", "/m"]).exits(0).prints("token\n");
        seen.says("[host-read]");
    }
}

#[test]
fn packages_of_opt_must_be_mentioned_and_their_programs_refused() {
    let scenario = Scenario::on("trixie");
    let package = Path::new("/opt").join(scenario.name());
    // Removed with all that is in it, whatever happens.
    let _kept = Removed(package.clone());
    std::fs::create_dir_all(package.join("bin")).unwrap();
    assert_refused(&scenario, &package.join("bin"), ".", &package.join("bin"), "host-system");
    let data = format!("-v={}:/m", package.display());
    let seen = scenario.run(Form::Docker, ["--rm", &data, IMAGE, "true"]).exits(0);
    assert!(seen.err().ends_with("[host-opt]\n") && seen.err().lines().count() == 1, "{seen}");
}

struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn annotations_of_a_mount_must_make_no_file_of_roots() {
    let scenario = Scenario::on("trixie");
    let directory = scenario.home().join("work");
    std::fs::write(directory.join("file"), "mine\n").unwrap();
    let mount = format!("-v={}:/m:ro", directory.display());
    let annotated = |kind: &str| {
        ["source", "type", "share"].map(|field| {
            let value = match field {
                "source" => directory.to_str().unwrap(),
                "type" => kind,
                _ => "container",
            };
            format!("--annotation=dev.gvisor.spec.mount.a.{field}={value}")
        })
    };
    let names = || {
        let entries = std::fs::read_dir(&directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    // The fact: a file of root's in a directory that is mounted read-only.
    let options = annotated("bind");
    let line = [&["--rm", &mount], &options.each_ref().map(String::as_str)[..], &[IMAGE, "true"]].concat();
    scenario.run(Form::Plain, &line);
    let made: Vec<String> =
        names().into_iter().filter(|name| name.starts_with(".gvisor.filestore.")).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    std::fs::remove_file(directory.join(&made[0])).unwrap();

    let before = host(&directory);
    for kind in ["bind", "tmpfs"] {
        let options = annotated(kind);
        let line =
            [&["--rm", &mount], &options.each_ref().map(String::as_str)[..], &[IMAGE, "true"]].concat();
        let seen = scenario.run(Form::Docker, &line).exits(125).says("[annotation-gvisor]");
        assert_eq!(host(&directory), before, "{seen}");
    }
    // One of Docker's own tmpfs is nobody's.
    let tmpfs = ["source=tmpfs", "type=tmpfs", "share=container"];
    let tmpfs = tmpfs.map(|field| format!("--annotation=dev.gvisor.spec.mount.a.{field}"));
    let line =
        [&["--rm", "--tmpfs=/t"], &tmpfs.each_ref().map(String::as_str)[..], &[IMAGE, "touch", "/t/x"]]
            .concat();
    scenario.run(Form::Docker, &line).exits(0).quietly();
    assert_eq!(host(&directory), before);
    for annotation in [
        "dev.gvisor.internal.nvproxy=true",
        "dev.gvisor.spec.rootfs.source=/etc",
        "dev.gvisor.tar.rootfs.upper=/x",
    ] {
        let option = format!("--annotation={annotation}");
        scenario.run(Form::Docker, ["--rm", &option, IMAGE, "true"]).exits(125).says("[annotation-gvisor]");
    }
}
