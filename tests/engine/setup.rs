//! From a daemon without gVisor to a proven sandbox by one command, and back by another.

use std::os::unix::fs::symlink;

use crate::stage::{Form, IMAGE, Io, Site};

#[test]
fn one_command_must_lead_to_a_sandbox_and_one_back_under_a_running_container() {
    let site = Site::new();
    let before = site.files();
    let (container, run) = site.bystander();
    site.set_up().exits(0).says("is `runsc-sandbox`").says("to take it back: docker-sandbox setup --undo");
    assert_eq!(site.registered("runsc"), site.path("opt/runsc").to_str().unwrap());
    site.scenario.run(Form::Docker, ["--rm", IMAGE, "dmesg"]).exits(0);
    assert_eq!(site.run_of(&container), run);

    site.undo().exits(0).says("everything is as it was before setup");
    assert_eq!(site.files(), before);
    assert_eq!(site.registered("runsc"), "");
    assert_eq!(site.run_of(&container), run);
    site.undo().exits(1).says("there is nothing to undo");
}

#[test]
fn every_daemon_json_must_come_back_as_it_was() {
    let site = Site::new();
    let cases = [
        ("", 0o644),
        ("{}\n", 0o600),
        ("{\r\n\t\"debug\": false,\r\n\t\"labels\": [\"a=b\"]\r\n}\r\n", 0o640),
        ("{\"runtimes\": {\"other\": {\"path\": \"/bin/true\"}}, \"max-concurrent-uploads\": 3}", 0o644),
    ];
    for (text, mode) in cases {
        site.write_config(text, mode);
        let before = site.files();
        site.set_up().exits(0);
        assert_eq!(site.files()[&site.config()].0, mode, "{text:?}");
        site.undo().exits(0);
        assert_eq!(site.files(), before, "{text:?}");
        assert_eq!(site.registered("runsc"), "", "{text:?}");
    }
}

#[test]
fn a_daemon_json_that_is_absent_or_a_link_must_stay_so() {
    let site = Site::new();
    std::fs::remove_file(site.config()).unwrap();
    let before = site.files();
    site.set_up().exits(0);
    site.undo().exits(0);
    assert_eq!(site.files(), before);

    let real = site.path("elsewhere.json");
    std::fs::write(&real, "{\"debug\": false}").unwrap();
    symlink("elsewhere.json", site.config()).unwrap();
    site.set_up().exits(0).says("elsewhere.json");
    assert!(site.config().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("runsc"));
    site.undo().exits(0);
    assert!(site.config().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "{\"debug\": false}");
    let left = std::fs::read_dir(&site.own.engine.dir)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("elsewhere.json"));
    assert_eq!(left.count(), 1);
}

#[test]
fn a_daemon_json_that_is_not_understood_must_not_be_touched() {
    let site = Site::new();
    for (text, line) in [
        ("null\n", "line 1: it is null, not an object"),
        ("{\n\"runtimes\": []}", "line 2: `runtimes` is a list, not an object"),
        ("{\n\"debug\": true,\n}", "line 3: it is not JSON"),
        ("\u{feff}{}", "line 1: it begins with a byte order mark"),
        ("{\"runtimes\": {}, \"runtimes\": {}}", "line 1: `runtimes` is there twice"),
    ] {
        site.write_config(text, 0o600);
        let before = site.files();
        site.set_up().exits(1).says(line).says("it was left as it is");
        assert_eq!(site.files(), before, "{text:?}");
    }
}

#[test]
fn setup_twice_must_be_setup_once_and_two_names_must_live_together() {
    let site = Site::new();
    let before = site.files();
    site.set_up().exits(0);
    let once = site.files();
    site.set_up().exits(0).says("the same is there already").says("it knows it already");
    assert_eq!(site.files(), once);

    // Without --from: the runsc that is there.
    let other = ["--name=runsc-host", "--runtime-arg=--network=host", "--yes"];
    site.setup(other).exits(0).says("take the runsc that is there");
    assert_eq!(site.registered("runsc-host"), site.registered("runsc"));
    site.setup(["--undo", "--name=runsc-host", "--yes"]).exits(0);
    assert_eq!(site.files(), once);
    site.setup(other).exits(0);
    // Its binary is in use by the other name.
    site.setup(["--undo", "--name=runsc", "--yes"]).exits(0).says("stays: another runtime");
    assert_eq!((site.registered("runsc"), site.registered("runsc-host").is_empty()), (String::new(), false));
    site.undo().exits(0);
    assert_eq!(site.registered("runsc-host"), "");
    assert_eq!(site.files(), before);
}

#[test]
fn an_upgrade_must_keep_arguments_and_be_undone_to_what_was_before_the_first() {
    let site = Site::new();
    std::fs::create_dir(site.path("opt")).unwrap();
    std::fs::write(site.path("opt/runsc"), "somebody's own\n").unwrap();
    let before = site.files();
    let source = site.source();
    let words =
        ["--from".as_ref(), source.as_os_str(), "--yes".as_ref(), "--runtime-arg=--debug=false".as_ref()];
    site.setup(words).exits(0).says("the previous ones are kept");
    std::fs::write(source.join("gvisor-bin/part"), "a newer part\n").unwrap();
    site.setup(["--from".as_ref(), source.as_os_str(), "--yes".as_ref()]).exits(0);
    let config = std::fs::read_to_string(site.config()).unwrap();
    // What makes read-only mounts of this release safe is added, once.
    assert!(config.contains("\"runtimeArgs\": [\"--debug=false\", \"--directfs=false\"]"), "{config}");
    assert_eq!(std::fs::read_to_string(site.path("opt/gvisor-bin/part")).unwrap(), "a newer part\n");
    site.undo().exits(0).says("is the previous one");
    assert_eq!(site.files(), before);
}

#[test]
fn undo_must_take_out_only_our_entry_of_a_file_that_was_edited_since() {
    let site = Site::new();
    site.write_config("{}\n", 0o644);
    site.set_up().exits(0);
    let ours = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), ours.replacen('{', "{\n  \"debug\": false,", 1)).unwrap();
    site.undo().exits(0);
    assert_eq!(std::fs::read_to_string(site.config()).unwrap(), "{\n  \"debug\": false\n}\n");
    assert_eq!(site.names(), ["daemon.json"]);
    assert_eq!(site.registered("runsc"), "");
}

#[test]
fn undo_must_not_take_the_runtime_from_under_a_running_container() {
    let site = Site::new();
    site.set_up().exits(0);
    let before = site.files();
    let run = ["-d", "--name", site.scenario.name(), IMAGE, "sleep", "600"];
    site.scenario.run(Form::Docker, run).exits(0);
    site.undo()
        .exits(1)
        .says("containers run in `runsc`")
        .says(&format!("docker stop {}", site.scenario.name()));
    assert_eq!(site.files(), before);
}

#[test]
fn a_proof_that_fails_must_take_everything_back() {
    let site = Site::new();
    let before = site.files();
    let source = site.broken_source();
    let from = ["--from".as_ref(), source.as_os_str(), "--yes".as_ref()];
    site.setup(from).exits(1).says("the proof failed").says("--runtime-arg=--network=host");
    assert_eq!(site.files(), before);
    assert_eq!(site.registered("runsc"), "");
    // The way out that it names.
    let host = from.into_iter().chain(["--runtime-arg=--network=host".as_ref()]);
    site.setup(host).exits(0).says("is `runsc-sandbox`");
    // Now there is something to go back to.
    let works = site.files();
    site.setup(from.into_iter().chain(["--runtime-arg=--platform=nonsense".as_ref()])).exits(1);
    let names = |files: &crate::stage::site::Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&site.files()), names(&works));
    assert_eq!(site.files()[&site.config()], works[&site.config()]);
    site.scenario.run(Form::Docker, ["--rm", IMAGE, "true"]).exits(0);
    site.undo().exits(0);
    assert_eq!(site.files(), before);
}

#[test]
fn a_platform_that_does_not_work_here_must_not_be_registered() {
    let site = Site::new();
    let before = site.files();
    let source = site.source();
    let words = ["--from".as_ref(), source.as_os_str(), "--yes".as_ref(), "--platform=kvm".as_ref()];
    let outcome = site.setup(words);
    if outcome.status.success() {
        // This machine's KVM works.
        site.undo().exits(0);
    } else {
        outcome.exits(1).says("KVM platform does not work on this machine").says("--platform systrap");
        let log = std::fs::read_to_string(site.path("dockerd.log")).unwrap();
        assert!(!log.contains("Got signal to reload"), "the daemon never heard of it");
    }
    assert_eq!(site.files(), before);
}

#[test]
fn nothing_must_happen_without_a_yes() {
    let site = Site::new();
    let before = site.files();
    let source = site.source();
    let from = ["--from".as_ref(), source.as_os_str()];
    let plan = site.setup(from.into_iter().chain(["--dry-run".as_ref()])).exits(0).quietly().out();
    assert!(plan.contains("+    \"runsc\": {") && plan.ends_with("Nothing was changed.\n"), "{plan}");
    site.setup(from).exits(2).says("there is no terminal to ask on").says("setup --yes");
    let mut asked = site.start(from, Io::Terminal);
    asked.wait_for("Do this? [y/N] ");
    asked.press(b"\n");
    assert!(asked.end().exits(1).out().contains("nothing was changed"));
    assert_eq!(site.files(), before);
    let mut asked = site.start(from, Io::Terminal);
    asked.wait_for("Do this? [y/N] ");
    asked.press(b"y\n");
    asked.end().exits(0);
    site.undo().exits(0);
    assert_eq!(site.files(), before);
}

#[test]
fn whoever_is_not_root_must_get_the_command_that_is_exactly_right() {
    use std::os::unix::fs::PermissionsExt as _;
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let site = Site::with(|scenario| scenario.through(user));
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(site.scenario.home(), open).unwrap();
    let before = site.files();
    let source = site.source();
    let outcome = site.setup(["--from".as_ref(), source.as_os_str()]).exits(1).says("this needs root");
    assert_eq!(site.files(), before);
    let said = outcome.err();
    let line = said.lines().find_map(|line| line.trim().strip_prefix("sudo ")).unwrap().to_owned() + " --yes";
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &line])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", site.scenario.home().join("bin").display()));
    let root = command.output().unwrap();
    assert!(root.status.success(), "{line}: {root:?}");
    assert_ne!(site.files(), before);
}

#[test]
fn a_daemon_that_is_not_here_must_be_explained_and_a_pid_file_must_name_a_daemon() {
    let site = Site::new();
    let before = site.files();
    let pidfile = site.path("wrong.pid");
    std::fs::write(&pidfile, format!("{}\n", std::process::id())).unwrap();
    site.setup(["--from=/", "--yes"]).exits(2).says("has neither `runsc` nor");
    let source = site.source();
    let words = |pidfile| ["--from".into(), source.clone(), "--yes".into(), "--pidfile".into(), pidfile];
    site.setup(words(pidfile)).exits(1).says("names no running dockerd");
    site.setup(["--runtime-arg=--x y", "--yes"]).exits(2).says("Docker hands it to a shell");
    assert_eq!(site.files(), before);
    site.setup(words(site.path("docker.pid"))).exits(0);
    site.undo().exits(0);
    assert_eq!(site.files(), before);
}
