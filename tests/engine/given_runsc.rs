//! An engine takes any runsc that is given, or says why not: `scripts/engine.sh start … --runsc PATH`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::{Engine, Form, IMAGE, OwnEngine, Scenario};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/engine.sh");

/// A runsc of Debian's, which needs a wrapper on kernels that show `rmem_default` in every network namespace.
fn packaged() -> PathBuf {
    Engine::named("trixie").cache().join("bookworm/root/usr/bin/runsc")
}

fn program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The registered path of `runsc`, after a container was in it.
fn registered(runsc: &Path) -> PathBuf {
    let own = OwnEngine::start_with("trixie", "runsc", &["--runsc", runsc.to_str().unwrap()]);
    let scenario = Scenario::with(own.engine.clone(), own.engine.cli());
    scenario.run(Form::Docker, ["-d", IMAGE, "sleep", "600"]).exits(0);
    assert_eq!(scenario.host_process(&scenario.container()), "runsc-sandbox");
    let path = scenario.docker(["info", "--format", "{{(index .Runtimes \"runsc\").Path}}"]).exits(0);
    PathBuf::from(path.out().trim().replace(own.engine.dir.to_str().unwrap(), "DIR"))
}

#[test]
fn a_given_runsc_must_be_registered_by_its_own_path_if_it_starts() {
    let folder = tempfile::Builder::new().prefix("dst-runsc").tempdir().unwrap();
    // Stands for a newer release, which has no need of a wrapper.
    let newer = folder.path().join("runsc");
    let hide = "mount -t tmpfs none /proc/sys/net && exec \"$0\" \"$@\"";
    program(&newer, &format!("#!/bin/sh\nexec unshare -m sh -c '{hide}' {} \"$@\"\n", packaged().display()));
    assert_eq!(registered(&newer), newer);
}

#[test]
fn a_given_runsc_must_be_wrapped_only_where_it_needs_that() {
    let shown =
        Command::new("unshare").args(["-n", "test", "-e", "/proc/sys/net/core/rmem_default"]).status();
    let wrapped = PathBuf::from("DIR/bin/runsc");
    assert_eq!(registered(&packaged()), if shown.unwrap().success() { wrapped } else { packaged() });
}

#[test]
fn a_given_runsc_that_is_none_must_be_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text"), "").unwrap();
    program(&at("other"), "#!/bin/sh\necho another 1.0\n");
    program(&at("broken"), "#!/bin/sh\n[ \"$1\" = --version ] && echo runsc version 1 || exit 3\n");
    program(&at("a b"), "#!/bin/sh\necho runsc version 1\n");
    for (name, said) in [
        ("missing", "there is no runsc at"),
        ("text", "not a program"),
        ("other", "not a runsc of this machine's kind"),
        ("broken", "the given runsc does not start here"),
        ("a b", "not usable as the path of runsc"),
    ] {
        let engine = format!("/tmp/dse-{}-given", std::process::id());
        let mut command = Command::new("sh");
        let cache = Engine::named("trixie").cache();
        command.args([SCRIPT, "start", &engine, "trixie"]).arg(cache).arg("--runsc").arg(at(name));
        let output = command.output().unwrap();
        Command::new("sh").args([SCRIPT, "stop", &engine]).status().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "{name}: {text}");
        assert!(text.contains(said) && text.contains(at(name).to_str().unwrap()), "{name}: {text}");
        assert!(text.contains("hint: "), "{name}: {text}");
    }
}
