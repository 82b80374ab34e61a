//! Properties: no way to write a mount hides it from the rules, and none makes a harmless one wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, TestCaseError, prop_assert, proptest};
use proptest::sample::select;

use super::host::{Place, View};
use super::spelling::{self, Spelled};
use super::{Severity, Start};
use crate::docker::flags::Flags;
use crate::docker::mounts::Mounts;
use crate::docker::run_line::RunLine;

const FOLDER: &str = "/work/project";
const HOME: &str = "/home/me";

/// What is refused, and by which rule.
const DENIED: [(&str, &str); 42] = [
    ("/run/docker.sock", "socket-mount"),
    ("/run/containerd", "socket-mount"),
    ("/run/podman/podman.sock", "socket-mount"),
    ("/run/user/1000/docker.sock", "socket-mount"),
    ("/run/user/1000", "socket-mount"),
    ("/run", "socket-mount"),
    ("/anywhere/docker.sock", "socket-mount"),
    ("/srv/engine/api", "socket-mount"),
    ("/srv/engine", "socket-mount"),
    ("/", "host-root"),
    ("/", "socket-mount"),
    ("/etc", "host-etc"),
    ("/etc/cron.d/job", "host-etc"),
    ("/proc", "host-proc"),
    ("/proc/sys/kernel", "host-proc"),
    ("/sys", "host-sys"),
    ("/sys/fs/cgroup", "host-sys"),
    ("/run", "host-run"),
    ("/run/systemd/system", "host-run"),
    ("/home/me", "host-home"),
    ("/home/other", "host-home"),
    ("/home", "host-home"),
    ("/root", "host-home"),
    ("/home/me/.ssh", "credentials"),
    ("/home/me/.config", "credentials"),
    ("/root/.aws/credentials", "credentials"),
    ("/usr/bin", "host-system"),
    ("/usr", "host-system"),
    ("/var/lib/docker/volumes/x", "host-engine"),
    ("/srv/docker-data/overlay2", "host-engine"),
    ("/srv/tools", "host-engine"),
    ("/srv/tools/runsc", "host-engine"),
    ("/home/me/.local/share/docker", "host-engine"),
    ("/home/me/.bashrc", "host-startup"),
    ("/home/me/.local", "host-startup"),
    ("/root/.vscode-server/bin", "host-startup"),
    ("/home/other/.config/systemd/user", "host-startup"),
    ("/opt/tool/bin", "host-system"),
    ("/var/lib/dpkg/info", "host-system"),
    ("/boot/grub", "host-system"),
    ("/dev", "host-system"),
    ("/dev/shm", "ipc-host"),
];

/// What nobody refuses, some of it only by a letter.
const HARMLESS: [&str; 15] = [
    "/srv/data",
    "/etcetera",
    "/data/etc",
    "/mnt/proc/sys",
    "/home/me/project",
    "/home/me/.sshfs",
    "/root/project",
    "/var/log/nginx",
    "/usr/share/nginx",
    "/run/mysqld",
    "/var/lib/dockers",
    "/srv/docker-dataset",
    "/home/me/.cargo/registry",
    "/home/me/project/.vscode",
    "/rundocker.sock",
];

/// Options of Docker's and of ours that a mount can stand between, some of them made to mislead.
const AROUND: [&[&str]; 14] = [
    &["--rm"],
    &["-it"],
    &["-e", "-v"],
    &["-eA=--mount"],
    &["--name", "--volume"],
    &["-l=--"],
    &["-w", "--"],
    &["--mount", "type=tmpfs,dst=/t"],
    &["-v", "/anonymous"],
    &["--volume=/srv/data:/d:ro"],
    &["-p80:80", "--use-api-socket=false"],
    &["--verbose"],
    &["--quiet-rule", "host-read"],
    &["--init=false", "-h", "img"],
];

fn around() -> impl Strategy<Value = Vec<String>> {
    let words = vec(select(&AROUND[..]), 0..4);
    words.prop_map(|all| all.concat().into_iter().map(str::to_owned).collect())
}

/// Ways to mount `path`, and their place in a line.
fn line(path: String) -> impl Strategy<Value = (Vec<OsString>, bool)> {
    let option = spelling::path(path, FOLDER, HOME).prop_flat_map(|path| spelling::option(path, true));
    (around(), option, around()).prop_map(|(before, Spelled { words, read_only }, behind)| {
        let tail = ["img", "sh", "-v", "/srv/data:/y"].map(str::to_owned);
        let line = [before, words, behind, tail.to_vec()].concat();
        (line.into_iter().map(OsString::from).collect(), read_only)
    })
}

/// The ids of the rules that refuse a line, where `place` is.
fn refused(words: &[OsString], place: &Place) -> Result<Vec<&'static str>, TestCaseError> {
    let line =
        RunLine::parse(words, &Flags::run()).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let mounts = place.look(&Mounts::of(&line).mounts, &BTreeMap::new());
    let start = Start { line: &line, runtime: &[], mounts: &mounts, limits_of_do: None, read_only: &[] };
    let found = super::check(&start, || None).into_iter();
    Ok(found.filter(|one| one.rule.severity == Severity::Deny).map(|one| one.rule.id).collect())
}

fn elsewhere() -> Place {
    Place {
        folder: FOLDER.into(),
        home: Some(HOME.into()),
        local: false,
        socket: Some("/srv/engine/api".into()),
        data: vec!["/srv/docker-data".into()],
        engine: vec!["/srv/tools/runsc".into()],
        view: View::default(),
    }
}

/// What a rule refuses of `id`: read-only changes nothing for a socket, and is the way out for the others.
fn is_right(id: &str, read_only: bool, refused: &[&str]) -> bool {
    refused.contains(&id) == (id == "socket-mount" || !read_only)
}

proptest! {
    #[test]
    fn no_spelling_hides_what_is_denied(
        (id, (words, read_only)) in
            select(&DENIED[..]).prop_flat_map(|(path, id)| (Just(id), line(path.to_owned()))),
    ) {
        let refused = refused(&words, &elsewhere())?;
        prop_assert!(is_right(id, read_only, &refused), "{words:?}: {refused:?}");
    }

    #[test]
    fn no_spelling_makes_what_is_harmless_denied(
        (words, _) in select(&HARMLESS[..]).prop_flat_map(|path| line(path.to_owned())),
    ) {
        let refused = refused(&words, &elsewhere())?;
        prop_assert!(refused.is_empty(), "{words:?}: {refused:?}");
    }

    #[test]
    fn no_link_hides_what_is_denied((name, way) in (0..LED.len(), 0..4_u8), seed in 0..8_usize) {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let place = furnished(&top);
        let (name, id) = LED[name];
        let path = match way {
            0 => format!("{}/{name}", top.display()),
            1 => format!("./{name}"),
            2 => format!("./folder/../{name}/."),
            _ => format!("/proc/1/root{}//{name}", top.display()),
        };
        let options: [&[&str]; 8] = [
            &["-v", "P:/x"], &["-itvP:/x:rw"], &["--volume=P:/x:z"], &["-v", "P:/x:ro"],
            &["--mount", "dst=/x,\"SRC=P\",type=bind"], &["--mount=type=bind,readonly,ro=0,source=P,dst=/x"],
            &["--mount", "\ntype=bind,src=P,dst=/x\n,ro"], &["--mount=type=bind,ro,src=P,dst=/x"],
        ];
        let words: Vec<OsString> =
            options[seed].iter().chain(&["img"]).map(|word| word.replace('P', &path).into()).collect();
        let refused = refused(&words, &place)?;
        prop_assert!(is_right(id, matches!(seed, 3 | 7), &refused), "{words:?}: {refused:?}");
    }
}

/// Names in a folder of [`furnished`], and the rule about where they lead.
const LED: [(&str, &str); 11] = [
    ("to-etc", "host-etc"),
    ("to-to-etc", "host-etc"),
    ("to-etc/new/file", "host-etc"),
    ("to-home", "host-home"),
    ("to-home/.ssh", "credentials"),
    ("to-working-folder", "host-root"),
    ("socket", "socket-mount"),
    ("hard", "socket-mount"),
    ("folder", "socket-mount"),
    ("to-folder/engine", "socket-mount"),
    ("people", "host-home"),
];

/// A home, a socket and links to much else, on a real file system.
fn furnished(top: &Path) -> Place {
    let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, top.join(name)).unwrap();
    for name in ["people/me/.ssh", "folder/engine"] {
        std::fs::create_dir_all(top.join(name)).unwrap();
    }
    let socket = top.join("folder/engine/api");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    std::fs::hard_link(&socket, top.join("hard")).unwrap();
    link(&socket, "socket");
    link(&top.join("folder"), "to-folder");
    link(Path::new("/etc"), "to-etc");
    link(Path::new("to-etc"), "to-to-etc");
    link(Path::new("folder/../people/me"), "to-home");
    link(Path::new("/proc/self/cwd"), "to-working-folder");
    Place {
        folder: top.to_owned(),
        home: Some(top.join("people/me")),
        local: true,
        socket: Some(socket),
        data: Vec::new(),
        engine: Vec::new(),
        view: View::default(),
    }
}
