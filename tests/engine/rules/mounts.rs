//! What a writable mount gives away, done for real, and refused.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::{is_older, shown};
use crate::stage::{Form, IMAGE, Scenario};

/// A file that a container is to make on the host. Removed when dropped.
struct Mark(PathBuf);

impl Mark {
    fn in_folder(scenario: &Scenario, folder: &Path) -> Self {
        Self(folder.join(format!("{}-mark", scenario.name())))
    }

    fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Shows that a container in gVisor writes to `folder` of the host through a mount of `mounted`; that the mount is
/// refused by `rule`; that it goes if it is allowed; and that it only warns if it is read-only and no socket is in it.
#[track_caller]
fn assert_guarded(scenario: &Scenario, mounted: &Path, folder: &Path, rule: &str) {
    let mark = Mark::in_folder(scenario, folder);
    let inside = Path::new("/x").join(folder.strip_prefix(mounted).unwrap()).join(mark.name());
    let inside = inside.to_str().unwrap();
    let writable = format!("-v={}:/x", mounted.display());
    let touch = ["--rm", &writable, IMAGE, "touch", inside];

    scenario.run(Form::Plain, touch).exits(0);
    assert!(mark.0.exists(), "{rule}: nothing was written through {writable}");
    std::fs::remove_file(&mark.0).unwrap();

    let tag = format!("[{rule}]");
    scenario.run(Form::Docker, touch).exits(125).says(&tag);
    assert!(!mark.0.exists() && scenario.containers().is_empty());

    let read_only = format!("-v={}:/x:ro", mounted.display());
    let touch_read_only = ["--rm", &read_only, IMAGE, "touch", inside];
    let seen = scenario.run(Form::Docker, touch_read_only);
    assert!(!mark.0.exists(), "{seen}");
    assert!(!seen.err().contains(&tag), "{seen}");
}

/// As above, for a folder that is one by itself; allowed, it works.
#[track_caller]
fn assert_folder_guarded(scenario: &Scenario, folder: &Path, rule: &str) {
    assert_guarded(scenario, folder, folder, rule);
    let mark = Mark::in_folder(scenario, folder);
    let writable = format!("-v={}:/x", folder.display());
    let inside = format!("/x/{}", mark.name());
    // The engine's socket is its own rule.
    let allow = format!("--allow={rule},socket-mount");
    let seen = scenario.run(Form::Docker, [&allow, "--rm", &writable, IMAGE, "touch", &inside]);
    let seen = seen.exits(0).says(&format!("[{rule}, allowed by `{allow}` on the command line]"));
    assert!(mark.0.exists(), "{seen}");
}

#[test]
fn folders_of_the_hosts_system_must_not_be_writable() {
    shown(&["host-etc", "host-run", "host-system", "ipc-host", "host-home", "host-root"], |scenario| {
        for (folder, rule) in [
            ("/etc", "host-etc"),
            ("/etc/cron.d", "host-etc"),
            ("/run", "host-run"),
            ("/usr/local/bin", "host-system"),
            ("/dev/shm", "ipc-host"),
            ("/root", "host-home"),
        ] {
            // Not every machine has one.
            if Path::new(folder).is_dir() {
                assert_folder_guarded(scenario, Path::new(folder), rule);
            }
        }
        assert_guarded(scenario, Path::new("/"), Path::new("/run"), "host-root");
        assert_guarded(scenario, Path::new("/usr"), Path::new("/usr/local/bin"), "host-system");
    });
}

#[test]
fn the_hosts_kernel_must_not_be_writable() {
    shown(&["host-proc", "host-sys"], |scenario| {
        // A value that it has already: nothing changes.
        let now = std::fs::read_to_string("/proc/sys/vm/swappiness").unwrap();
        let write = format!("echo {} > /x/sys/vm/swappiness && cat /x/sys/vm/swappiness", now.trim());
        let line = ["--rm", "-v=/proc:/x", IMAGE, "sh", "-c", &write];
        // 20221219 shows a `/proc` of its own there.
        let reaches = !is_older(scenario);
        assert_eq!(scenario.run(Form::Plain, line).out() == now, reaches);
        scenario.run(Form::Docker, line).exits(125).says("[host-proc]");
        for inside in ["/proc/sys", "/proc/sysrq-trigger"] {
            let mount = format!("-v={inside}:/x");
            scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "true"]).exits(125).says("[host-proc]");
        }
        // Its switches are the host's, and there to be written.
        let line =
            ["--rm", "-v=/sys:/x", IMAGE, "sh", "-c", "test -w /x/kernel/mm/transparent_hugepage/enabled"];
        scenario.run(Form::Plain, line).exits(0);
        scenario.run(Form::Docker, line).exits(125).says("[host-sys]");
    });
}

#[test]
fn homes_and_credentials_must_not_be_writable() {
    shown(&["host-home", "credentials"], |scenario| {
        let home = scenario.home().to_owned();
        assert_folder_guarded(scenario, &home, "host-home");
        let ssh = home.join(".ssh");
        let gcloud = home.join(".config/gcloud");
        for folder in [&ssh, &gcloud] {
            std::fs::create_dir_all(folder).unwrap();
        }
        assert_folder_guarded(scenario, &ssh, "credentials");
        assert_guarded(scenario, &home.join(".config"), &gcloud, "credentials");
        // `~` is the shell's; where it is left, it is meant.
        scenario.run(Form::Docker, ["--rm", "-v=~/.ssh:/x", IMAGE, "true"]).exits(125).says("[credentials]");
        // The rest of a home is for work.
        let work = format!("-v={}:/w", home.join("work").display());
        scenario.run(Form::Docker, ["--rm", &work, IMAGE, "touch", "/w/made"]).exits(0).quietly();
        assert!(home.join("work/made").exists());
    });
}

#[test]
fn what_is_read_only_must_start_with_a_word() {
    shown(&["host-read"], |scenario| {
        let ssh = scenario.home().join(".ssh");
        std::fs::create_dir_all(&ssh).unwrap();
        std::fs::write(ssh.join("id"), "key\n").unwrap();
        let mount = format!("-v={}:/x:ro", ssh.display());
        // The fact: it reads the key.
        let line = ["--rm", &mount, IMAGE, "cat", "/x/id"];
        scenario.run(Form::Plain, line).exits(0).prints("key\n");
        let seen = scenario.run(Form::Docker, line).exits(0).prints("key\n");
        assert!(seen.err().ends_with("[host-read]\n") && seen.err().lines().count() == 1, "{seen}");
        let quiet = [&["--quiet-rule=host-read"], &line[..]].concat();
        scenario.run(Form::Docker, quiet).exits(0).prints("key\n").quietly();
        scenario.run(Form::Docker, ["--rm", "-v=/etc:/x:ro", IMAGE, "true"]).exits(0).says("[host-read]");
        // What everybody mounts.
        for file in ["/etc/hostname", "/etc/passwd", "/etc/ssl/certs"] {
            if Path::new(file).exists() {
                let mount = format!("-v={file}:/x:ro");
                // A single file's mode is not safe everywhere, which a rule of its own says.
                let line = ["--rm", "--quiet-rule=read-only-file", &mount, IMAGE, "true"];
                scenario.run(Form::Docker, line).exits(0).quietly();
            }
        }
    });
}

#[test]
fn the_hosts_shared_memory_must_not_be_shared() {
    shown(&["ipc-host"], |scenario| {
        let mark = Mark::in_folder(scenario, Path::new("/dev/shm"));
        std::fs::write(&mark.0, "of the host\n").unwrap();
        let inside = format!("/dev/shm/{}", mark.name());
        let line = ["--rm", "--ipc=host", IMAGE, "cat", &inside];
        scenario.run(Form::Plain, line).exits(0).prints("of the host\n");
        scenario.run(Form::Docker, line).exits(125).says("[ipc-host]");
        let allowed = [&["--allow=ipc-host"], &line[..]].concat();
        scenario.run(Form::Docker, allowed).exits(0).prints("of the host\n").says("[ipc-host, allowed by");
        // Its own is its own.
        scenario
            .run(Form::Docker, ["--rm", "--ipc=private", IMAGE, "test", "-e", &inside])
            .exits(1)
            .quietly();
    });
}

#[test]
fn a_socket_of_the_host_must_be_said_to_be_of_no_use() {
    shown(&["host-socket"], |scenario| {
        let path = scenario.home().join("work/app.socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mount = format!("-v={}:/app.socket", path.display());
        let line = ["--rm", &mount, IMAGE, "ls", "/app.socket"];
        let plain = scenario.run(Form::Plain, line);
        let seen = scenario.run(Form::Docker, line);
        assert_eq!(seen.status, plain.status, "{seen}");
        // 20221219 does not start with one.
        let starts = !is_older(scenario);
        assert_eq!(seen.status.success(), starts, "{seen}");
        seen.says("[host-socket]");
        // The directory that it is in brings it along, and starts.
        let directory = format!("-v={}:/s", path.parent().unwrap().display());
        for mode in ["", ":ro"] {
            let mount = format!("{directory}{mode}");
            let seen = scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "true"]).exits(0);
            assert!(seen.err().ends_with("[host-socket]\n") && seen.err().lines().count() == 1, "{seen}");
        }
        drop(listener);
        std::fs::remove_file(&path).unwrap();
        scenario.run(Form::Docker, ["--rm", &directory, IMAGE, "true"]).exits(0).quietly();
    });
}

#[test]
fn volumes_that_are_folders_of_the_host_must_be_seen_through() {
    shown(&["host-home"], |scenario| {
        let volume = format!("{}-etc", scenario.name());
        let home = scenario.home().to_owned();
        let device = format!("--opt=device={}", home.display());
        scenario.docker(["volume", "create", "--opt=type=none", "--opt=o=bind", &device, &volume]).exits(0);
        let mark = Mark::in_folder(scenario, &home);
        let inside = format!("/x/{}", mark.name());
        let mount = format!("-v={volume}:/x");
        let line = ["--rm", &mount, IMAGE, "touch", &inside];
        scenario.run(Form::Plain, line).exits(0);
        assert!(mark.0.exists());
        scenario.run(Form::Docker, line).exits(125).says("[host-home]");
        // A volume that is only one.
        let plain = format!("{}-plain", scenario.name());
        let mount = format!("-v={plain}:/x");
        scenario.run(Form::Docker, ["--rm", &mount, IMAGE, "touch", "/x/y"]).exits(0).quietly();
        scenario.docker(["volume", "rm", &volume, &plain]).exits(0);
    });
}
