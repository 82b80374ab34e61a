//! The way out of gVisor through the engine's socket: taken for real, and shut.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::{Cli, Form, IMAGE, Scenario};

/// Opens the host's sockets to the container: runsc lets any annotation do that.
const OPEN: &str = "--annotation=dev.gvisor.flag.host-uds=open";

/// The engine's socket.
fn socket(scenario: &Scenario) -> PathBuf {
    scenario.engine.dir.join("docker.sock")
}

/// A docker CLI that runs in an image which has nothing but busybox.
fn client() -> PathBuf {
    let is_static = |path: &Path| {
        let said = Command::new("ldd").arg(path).output().unwrap();
        !said.status.success()
    };
    let all = Cli::all();
    all.into_iter().map(|cli| cli.path).find(|path| is_static(path)).expect("a static docker CLI")
}

/// Options that mount `source` and a docker CLI.
fn mounts(source: &Path) -> Vec<String> {
    vec![
        format!("-v={}:/engine.sock", source.display()),
        format!("-v={}:/docker:ro", client().canonicalize().unwrap().display()),
    ]
}

/// What is run inside: the engine is told to read a file of the host in a container outside of gVisor.
fn reach(folder: &Path) -> Vec<String> {
    let mount = format!("-v={}:/host:ro", folder.display());
    [
        "/docker",
        "-H=unix:///engine.sock",
        "run",
        "--rm",
        "--runtime=runc",
        &mount,
        IMAGE,
        "cat",
        "/host/secret",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn words(parts: &[&[String]]) -> Vec<String> {
    parts.concat()
}

/// Asserts that it is refused by `rule`, and that nothing was made.
#[track_caller]
fn assert_refused(scenario: &Scenario, options: &[String], rule: &str) {
    for form in [Form::Docker, Form::Direct] {
        let line = words(&[&["--rm".to_owned()], options, &[IMAGE.to_owned(), "true".to_owned()]]);
        let seen = scenario.run(form, &line).exits(125).prints("").says(&format!("[{rule}]"));
        assert!(seen.err().contains("nothing was started"), "{seen}");
        assert_eq!(scenario.containers(), [""; 0], "{seen}");
    }
}

#[test]
fn the_socket_and_one_annotation_must_hand_over_the_host_and_be_stopped() {
    let scenario = Scenario::on("trixie");
    let secret = scenario.write("elsewhere/secret", "of the host\n");
    let reach = reach(secret.parent().unwrap());
    let mounts = mounts(&socket(&scenario));
    let image = [IMAGE.to_owned()];
    let open = [OPEN.to_owned()];

    // The fact: code in gVisor reads a file of the host that it was never given.
    let escape = words(&[&["--rm".to_owned()], &open, &mounts, &image, &reach]);
    scenario.run(Form::Plain, &escape).exits(0).prints("of the host\n");
    // Without the annotation, gVisor itself stops it.
    let closed = words(&[&["--rm".to_owned()], &mounts, &image, &reach]);
    let seen = scenario.run(Form::Plain, &closed);
    assert!(!seen.status.success() && seen.out().is_empty(), "{seen}");

    // Stopped: the two together, and each by itself.
    let seen = scenario.run(Form::Docker, &escape).exits(125).prints("");
    let seen = seen.says("[socket-mount]").says("[annotation-gvisor]");
    assert!(seen.err().ends_with("--allow=annotation-gvisor,socket-mount …\n"), "{seen}");
    assert_refused(&scenario, &open, "annotation-gvisor");
    assert_refused(&scenario, &mounts, "socket-mount");

    // One of them allowed is not enough, whichever it is.
    for allowed in ["socket-mount", "annotation-gvisor"] {
        let line = words(&[&[format!("--allow={allowed}")], &escape]);
        scenario.run(Form::Docker, &line).exits(125).prints("");
    }
    let line = words(&[&["--allow=socket-mount".to_owned()], &closed]);
    let seen = scenario.run(Form::Docker, &line).says("[socket-mount, allowed by `--allow=socket-mount`");
    assert!(!seen.status.success() && seen.out().is_empty(), "{seen}");
    // Both, in plain words: the rules are what stops it. The third line is about the mode of the single file.
    let line = words(&[&["--allow=socket-mount,annotation-gvisor".to_owned()], &escape]);
    let seen = scenario.run(Form::Docker, &line).exits(0).prints("of the host\n");
    assert_eq!(seen.err().matches("docker sandbox: warning: ").count(), 3, "{seen}");
}

#[test]
fn the_socket_must_be_found_whatever_leads_to_it() {
    let scenario = Scenario::on("trixie");
    let engine = scenario.engine.dir.clone();
    let real = socket(&scenario);
    let link = scenario.home().join("link");
    symlink(&engine, &link).unwrap();
    let chain = scenario.home().join("chain");
    symlink("link/docker.sock", &chain).unwrap();
    let hard = engine.join(format!("{}.hard", scenario.name()));
    std::fs::hard_link(&real, &hard).unwrap();
    let shown = |path: &Path| path.display().to_string();
    let name = engine.file_name().unwrap().to_str().unwrap().to_owned();

    let paths = [
        shown(&real),
        shown(&engine),
        format!("{}/../{name}/./docker.sock", shown(&engine)),
        format!("/proc/self/root{}", shown(&real)),
        format!("/proc/1/root{}", shown(&real)),
        shown(&link),
        shown(&chain),
        shown(&hard),
        "/var/run/docker.sock".to_owned(),
        "/run".to_owned(),
        "/".to_owned(),
    ];
    for path in paths {
        for option in [
            format!("-v={path}:/x"),
            format!("-v{path}:/x:ro"),
            format!("--volume={path}:/x:rw"),
            format!("--mount=type=bind,source={path},dst=/x,readonly"),
            format!("--mount=\"src={path}\",type=bind,target=/x"),
            format!("--mount=dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device={path}"),
        ] {
            assert_refused(&scenario, &[option], "socket-mount");
        }
    }
    std::fs::remove_file(&hard).unwrap();

    // From the working folder.
    std::fs::remove_dir(scenario.home().join("work")).unwrap();
    symlink(&engine, scenario.home().join("work")).unwrap();
    assert_refused(&scenario, &["-v=./docker.sock:/x".to_owned()], "socket-mount");
    assert_refused(&scenario, &["-v=.:/x".to_owned()], "socket-mount");

    // A volume that is a folder of the host, and a container that has one.
    let volume = format!("{}-socket", scenario.name());
    let device = format!("--opt=device={}", shown(&engine));
    scenario.docker(["volume", "create", "--opt=type=none", "--opt=o=bind", &device, &volume]).exits(0);
    assert_refused(&scenario, &[format!("-v={volume}:/x:ro")], "socket-mount");
    let donor = format!("{}-donor", scenario.name());
    scenario.docker(["create", "--name", &donor, "-v", &format!("{volume}:/x"), IMAGE]).exits(0);
    let refused = |options: &[&str]| {
        let words = [&["--rm"], options, &[IMAGE, "true"]].concat();
        scenario.run(Form::Docker, words).exits(125).says("[socket-mount]");
    };
    refused(&["--volumes-from", &donor]);
    refused(&[&format!("--volumes-from={donor}:ro")]);
    scenario.docker(["rm", "--force", &donor]).exits(0);
    scenario.docker(["volume", "rm", &volume]).exits(0);
}

#[test]
fn the_older_gvisor_must_not_get_the_socket_either() {
    let scenario = Scenario::on("bookworm");
    let mounts = mounts(&socket(&scenario));
    // 20221219 does not even start with one.
    let line = words(&[&["--rm".to_owned()], &mounts, &[IMAGE.to_owned(), "true".to_owned()]]);
    let seen = scenario.run(Form::Plain, &line).exits(125);
    assert!(seen.err().contains("operation not permitted"), "{seen}");
    assert_refused(&scenario, &mounts, "socket-mount");
}

#[test]
fn the_engines_socket_by_an_option_of_dockers_must_be_refused() {
    for scenario in Scenario::abreast() {
        assert_refused(&scenario, &["--use-api-socket".to_owned()], "socket-mount");
        let line = ["--use-api-socket=false", IMAGE];
        let seen = scenario.run(Form::Docker, line);
        assert!(!seen.err().contains("[socket-mount]"), "{seen}");
    }
}

#[test]
fn another_containers_sandbox_must_not_be_named() {
    let scenario = Scenario::on("trixie");
    for annotation in [
        "io.kubernetes.cri.container-type=container",
        "io.kubernetes.cri.sandbox-id=x",
        "io.kubernetes.cri-o.SandboxID=x",
        "dev.gvisor.spec.rootfs.source=/dev/vda",
        "dev.gvisor.tar.rootfs.upper=/etc/shadow",
    ] {
        assert_refused(&scenario, &[format!("--annotation={annotation}")], "annotation-gvisor");
    }
    // What only logs, throttles or closes is nobody's business.
    for harmless in ["dev.gvisor.flag.strace=true", "dev.gvisor.flag.host-uds=none", "org.example=x"] {
        let line = ["--rm", "--annotation", harmless, IMAGE, "echo", "started"];
        scenario.run(Form::Docker, line).exits(0).prints("started\n").quietly();
    }
}
