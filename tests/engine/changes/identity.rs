//! Who a command is: the caller, who owns what it makes, and whom git and others know.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use super::Project;
use super::daily::Image;
use super::project::differences;
use crate::one_shot::{ENGINES, Place};
use crate::stage::{Scenario, User};

/// Gives all of `directory` to `user`, and takes the others' rights away.
fn give(directory: &Path, user: u32) {
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        let about = path.symlink_metadata().unwrap();
        chown(&path, Some(user), Some(user)).unwrap();
        if about.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if !about.is_symlink() {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(about.mode() & 0o700)).unwrap();
        }
    }
}

#[test]
fn a_private_repository_is_read_and_written_by_its_owner() {
    for engine in ENGINES {
        let root_place = Project::on(engine);
        let image = Image::on(&root_place.place);
        let user = User::in_the_group_of(&root_place.place.scenario.engine);
        let mut scenario = Scenario::on(engine).owned_by(user);
        // The original may be where only root comes to.
        let program = scenario.home().join("bin/docker-itself");
        std::fs::copy(scenario.home().join("bin/docker"), &program).unwrap();
        scenario.cli.path = program;
        let project = Project::at(Place::of(scenario, &[]));
        let home = project.place.scenario.home().to_owned();
        chown(project.root(), Some(0), Some(0)).unwrap();
        project.repository("");
        project.write("private/file", "private\n");
        project.git("", &["add", "."]);
        project.git("", &["commit", "--quiet", "-m", "private"]);
        for directory in ["work", ".gitconfig", ".docker", "bin"] {
            give(&home.join(directory), user.id);
        }
        for (path, mode) in [("docker.log", 0o666), ("cache", 0o777), ("data", 0o777)] {
            let path = home.join(path);
            if !path.exists() {
                std::fs::create_dir(&path).unwrap();
            }
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            if path.is_dir() {
                give(&path, user.id);
            }
        }
        let image = format!("--image={}", image.name());
        let script = "umask 077; id -u; id -g; whoami; id -G; cat private/file; git status --short; git log --format=%s; echo end";
        let group = 1_999_998;
        let expected = format!("{0}\n{0}\nuser\n{0} {group}\nprivate\nprivate\nfile\nend\n", user.id);
        let seen = project.place.same(&[&image, "--", "sh", "-c", script], b"");
        assert_eq!(
            (String::from_utf8_lossy(&seen.stdout), String::from_utf8_lossy(&seen.stderr)),
            (expected.into(), "".into())
        );
        let script = "umask 077; echo new >private/new; mkdir dir; echo x >dir/x; git add . && git -c user.name=a -c user.email=a@b commit -qm inside; git status --short";
        let run = project.run(&[&image, "--", "sh", "-c", script]);
        let (outcome, states) = (&run.outcome, run.states(&project.root()));
        assert_eq!(run.kinds(), ["applied"], "{states:#?}");
        for path in ["private/new", "dir", "dir/x", ".git/refs/heads/main"] {
            let about = project.path(path).metadata().unwrap();
            let mode = if about.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(
                (about.uid(), about.gid(), about.mode() & 0o7777),
                (user.id, user.id, mode),
                "{path}: {outcome}"
            );
        }
        project.place.wait_until_over();
    }
}

#[test]
fn in_somebody_elses_directory_root_is_that_one() {
    for engine in ENGINES {
        let project = Project::on(engine);
        project.write("file", "old\n");
        project.write("private/file", "private\n");
        give(&project.root(), 1000);
        let script =
            "id -u; id -g; whoami; cat private/file; grep -c . /proc/self/status >/dev/null; echo $HOME";
        let expected = "1000\n1000\nuser\nprivate\n/home/user\n";
        let seen = project.place.same(&["--", "sh", "-c", script], b"");
        assert!(String::from_utf8_lossy(&seen.stdout).starts_with("1000\n1000\n"), "{seen:?}");
        assert!(String::from_utf8_lossy(&seen.stdout).contains("\nprivate\n"), "{seen:?}, {expected}");
        project
            .place
            .run(&["--write", "--", "sh", "-c", "echo new >file; mkdir made; echo x >private/x"])
            .exits(0)
            .quietly();
        for path in ["file", "made", "private/x"] {
            let about = project.path(path).metadata().unwrap();
            assert_eq!((about.uid(), about.gid()), (1000, 1000), "{path}");
        }
        // As it is asked for.
        std::fs::set_permissions(project.root(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let outcome =
            project.place.run(&["--write", "--user=7:8", "--", "sh", "-c", "id -u; id -g; echo x >theirs"]);
        let about = project.path("theirs").metadata().unwrap();
        assert_eq!((about.uid(), about.gid(), &*outcome.out()), (7, 8, "7\n8\n"), "{outcome}");
        project.place.wait_until_over();
    }
}

/// Directories for this machine's programs to be mounted into.
const LINKS: &str = r#"
    set -e; mkdir -p "$1/tree/usr" "$1/tree/etc" "$1/tree/tmp"; chmod 1777 "$1/tree/tmp"
    for name in bin lib lib64; do ln -s "usr/$name" "$1/tree/$name"; done
    tar -C "$1/tree" --owner=0 --group=0 -cf "$1/tar" .
"#;

#[test]
fn a_build_that_asks_git_for_a_version_succeeds() {
    let project = Project::on("trixie");
    let image = Image::made(&project.place, LINKS, "");
    project.repository("");
    project.write("Cargo.toml", "[package]\nname = \"stamped\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    project.write("src/main.rs", "fn main() { println!(\"built of {}\", env!(\"REVISION\")); }\n");
    let script = "fn main() {
        let asked = std::process::Command::new(\"git\").args([\"log\", \"-1\", \"--format=%s\"]).output().unwrap();
        assert!(asked.status.success(), \"{asked:?}\");
        println!(\"cargo::rustc-env=REVISION={}\", String::from_utf8(asked.stdout).unwrap().trim());
    }";
    project.write("build.rs", script);
    let mut lock = std::process::Command::new("cargo");
    let lock = lock.args(["generate-lockfile", "--offline"]).current_dir(project.root()).status().unwrap();
    assert!(lock.success());
    project.git("", &["add", "."]);
    project.git("", &["commit", "--quiet", "-m", "stamp"]);
    give(&project.root(), 1000);
    let before = project.snapshot();
    let asked = std::process::Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let toolchain = String::from_utf8(asked.stdout).unwrap().trim().to_owned();
    let words = [
        format!("--image={}", image.name()),
        format!("--mount={toolchain}"),
        "--mount=/usr".to_owned(),
        format!("--env=PATH={toolchain}/bin:/usr/bin"),
        "--env=RUSTFLAGS=-Clinker=/usr/bin/gcc".to_owned(),
        "--env=CARGO_TARGET_DIR=/tmp/target".to_owned(),
        "--env=CARGO_HOME=/tmp/cargo".to_owned(),
    ];
    let build = "umask 077; cargo build --quiet --offline && /tmp/target/debug/stamped";
    let words = words.iter().map(String::as_str).chain(["--", "sh", "-c", build]);
    let words: Vec<&str> = words.collect();
    project.place.run(&words).exits(0).prints("built of stamp\n");
    assert_eq!(differences(&project.snapshot(), &before), [""; 0].map(std::path::PathBuf::from));
    project.place.wait_until_over();
}
