//! The audit log: one line for every start, and no start without its line.

use std::os::unix::fs::PermissionsExt as _;

use snapbox::{assert_data_eq, str};

use crate::environment::TestEnvironment;

fn audited(answers: &str) -> TestEnvironment {
    let test = TestEnvironment::without_gvisor(answers);
    test.user(r#"{"audit": "~/audit.log"}"#);
    test
}

/// The log with its times, whose shape is checked, taken out.
fn log(test: &TestEnvironment) -> String {
    let content = test.read("home/audit.log");
    let mut lines = String::new();
    for line in content.lines() {
        let rest = line.strip_prefix("{\"time\":\"").unwrap();
        let (time, rest) = rest.split_at(24);
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T' && time.as_bytes()[19] == b'.', "{time}");
        lines.push_str("{\"time\":\"…");
        lines.push_str(rest);
        lines.push('\n');
    }
    lines
}

#[test]
fn every_start_leaves_one_line_that_says_who_decided() {
    let test = audited("gvisor");
    test.docker("sandbox run --rm img true").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc img true

"#]]);
    test.direct("create --name x img").is(str![[r#"
exit 0
--- stdout
created
--- docker was called
docker info --format '{{json .Runtimes}}'
docker create --name x --runtime=runsc img

"#]]);
    test.docker("sandbox run --no-sandbox --runtime=runc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--no-sandbox` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run --runtime=runc img

"#]]);
    test.docker("sandbox run --sandbox=none img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: this container is NOT in gVisor: mode `none`, decided by `--sandbox=none` on the command line
--- docker was called
docker info --format '{{json .}}'
docker run img

"#]]);
    test.docker("sandbox run --sandbox=none --runtime runsc img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: mode `none`, decided by `--sandbox=none` on the command line; the runtime asked for, `runsc`, is gVisor all the same: this container is sandboxed
--- docker was called
docker info --format '{{json .}}'
docker run --runtime runsc img

"#]]);
    assert_data_eq!(
        log(&test),
        str![[r#"
{"time":"…","command":"run","mode":"required","decided_by":"the default","sandboxed":true,"runtime":"runsc","image":"img","argv":["--rm","img","true"]}
{"time":"…","command":"create","mode":"required","decided_by":"the default","sandboxed":true,"runtime":"runsc","image":"img","argv":["--name","x","img"]}
{"time":"…","command":"run","mode":"none","decided_by":"`--no-sandbox` on the command line","sandboxed":false,"runtime":"runc","image":"img","argv":["--runtime=runc","img"]}
{"time":"…","command":"run","mode":"none","decided_by":"`--sandbox=none` on the command line","sandboxed":false,"runtime":null,"image":"img","argv":["img"]}
{"time":"…","command":"run","mode":"none","decided_by":"`--sandbox=none` on the command line","sandboxed":true,"runtime":"runsc","image":"img","argv":["--runtime","runsc","img"]}

"#]]
    );
}

#[test]
fn a_fallback_is_in_the_log() {
    let test = audited("debian");
    test.docker("sandbox run --sandbox=preferred img");
    assert_data_eq!(
        log(&test),
        str![[r#"
{"time":"…","command":"run","mode":"preferred","decided_by":"`--sandbox=preferred` on the command line","sandboxed":false,"runtime":null,"image":"img","argv":["img"]}

"#]]
    );
}

#[test]
fn values_of_environment_variables_are_taken_out_in_every_spelling() {
    let test = audited("gvisor");
    test.docker("sandbox run -e A=one --env B=two --env=C=three -eD=four -itdeE=five -e=F=six -e G --env=H -e I=a=b img -e J=seven --env K=eight");
    test.docker_words([
        "sandbox",
        "run",
        "-e",
        "A=one two\nthree",
        "--env-file",
        "/f",
        "-l",
        "L=kept",
        "img",
    ]);
    assert_data_eq!(
        log(&test),
        str![[r#"
{"time":"…","command":"run","mode":"required","decided_by":"the default","sandboxed":true,"runtime":"runsc","image":"img","argv":["-e","A=***","--env","B=***","--env=C=***","-eD=***","-itdeE=***","-e=F=***","-e","G","--env=H","-e","I=***","img","-e","J=seven","--env","K=eight"]}
{"time":"…","command":"run","mode":"required","decided_by":"the default","sandboxed":true,"runtime":"runsc","image":"img","argv":["-e","A=***","--env-file","/f","-l","L=kept","img"]}

"#]]
    );
}

#[test]
fn a_refused_start_leaves_no_line() {
    let test = audited("debian");
    let refused = test.docker("sandbox run img");
    assert!(refused.text().starts_with("exit 125\n"), "{}", refused.text());
    assert!(!test.path("home/audit.log").exists());
}

#[test]
fn the_log_is_for_its_owner_only_and_is_appended_to() {
    let test = audited("gvisor");
    test.docker("sandbox run img");
    let mode = std::fs::metadata(test.path("home/audit.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    test.docker("sandbox run img");
    assert_eq!(log(&test).lines().count(), 2);
}

#[test]
fn a_log_that_cannot_be_written_starts_nothing() {
    let test = TestEnvironment::without_gvisor("gvisor");
    let file = test.path("missing/audit.log");
    test.user(&format!("{{\"audit\": \"{}\"}}", file.display()));
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot write the audit log `[ROOT]/missing/audit.log` (`plugins.sandbox.audit`): No such file or directory (os error 2)
hint: make its folder, or name another file:
    mkdir -p [ROOT]/missing
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot write the audit log `[ROOT]/missing/audit.log` (`plugins.sandbox.audit`): No such file or directory (os error 2)
hint: make its folder, or name another file:
    mkdir -p [ROOT]/missing
--- docker was called
docker info --format '{{json .}}'

"#]]);
    test.user(r#"{"audit": "/dev/full"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot write the audit log `/dev/full` (`plugins.sandbox.audit`): No space left on device (os error 28)
hint: see what is in its way, or name another file:
    ls -ld /dev /dev/full
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.user(&format!("{{\"audit\": \"{}\"}}", test.path("home").display()));
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot write the audit log `[ROOT]/home` (`plugins.sandbox.audit`): Is a directory (os error 21)
hint: see what is in its way, or name another file:
    ls -ld [ROOT] [ROOT]/home
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
}

#[test]
fn the_log_is_written_before_the_start_and_for_failed_ones_too() {
    let test = audited("gvisor");
    test.answer("run").stderr("docker: no such image\n").status(125);
    test.docker("sandbox run img");
    assert_eq!(log(&test).lines().count(), 1);
}
