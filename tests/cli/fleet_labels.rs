//! The labels of what is started.

use std::time::{Duration, SystemTime};

use snapbox::str;

use crate::environment::TestEnvironment;
use crate::transcript::Transcript;

/// A label's value, which must be there once.
#[track_caller]
fn label(transcript: &Transcript, key: &str) -> String {
    let start = format!("docker-sandbox.{key}=");
    let all: Vec<String> =
        transcript.labels().iter().filter_map(|label| Some(label.strip_prefix(&start)?.to_owned())).collect();
    assert_eq!(all.len(), 1, "{key}: {:?}", transcript.labels());
    all[0].clone()
}

#[test]
fn every_start_says_whose_it_is_behind_the_last_option() {
    let mut test = TestEnvironment::with_gvisor();
    test.enter("work/repo/deep");
    test.write("work/repo/.git/HEAD", "ref: refs/heads/main\n");
    let run = test.docker("sandbox run --rm --label docker-sandbox.id=mine -l docker-sandbox.kind=x img ls");
    assert_eq!(run.code, Some(0), "{}", run.text());
    let words = run.last_words().join(" ");
    let id = label_of_ours(&run);
    let expected = format!(
        "run --rm --label docker-sandbox.id=mine -l docker-sandbox.kind=x --label=docker-sandbox.id={id} \
         --label=docker-sandbox.version={} --label=docker-sandbox.kind=run --label=docker-sandbox.mode=required \
         --label=docker-sandbox.owner={} --label=docker-sandbox.project={} --label=docker-sandbox.expires= \
         --label=docker-sandbox.spec= --runtime=runsc img ls",
        env!("CARGO_PKG_VERSION"),
        rustix::process::getuid().as_raw(),
        test.path("work/repo").display(),
    );
    assert_eq!(words, expected);
    assert_ne!(label_of_ours(&test.docker("sandbox run img")), id, "each start has its own");
    assert_eq!(label(&test.docker("sandbox create img"), "kind"), "create");
}

fn label_of_ours(transcript: &Transcript) -> String {
    let id = label(transcript, "id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    id
}

#[test]
fn what_starts_without_gvisor_is_labelled_too() {
    let test = TestEnvironment::without_gvisor("debian");
    for (words, mode) in [("--no-sandbox", "none"), ("--sandbox=preferred", "preferred")] {
        let run = test.docker(&format!("sandbox run {words} --label a=b img --label c=d"));
        assert_eq!(label(&run, "mode"), mode);
        let last = run.last_words().join(" ");
        assert!(last.starts_with("run --label a=b --label=docker-sandbox.id="), "{last}");
        assert!(last.ends_with("--label=docker-sandbox.spec= img --label c=d"), "{last}");
    }
}

/// In how many hours it expires.
fn hours(transcript: &Transcript) -> Option<u64> {
    let expires = label(transcript, "expires");
    let left = (!expires.is_empty()).then(|| humantime::parse_rfc3339(&expires).unwrap())?;
    let left = left.duration_since(SystemTime::now()).unwrap() + Duration::from_secs(60);
    Some(left.as_secs() / 3600)
}

#[test]
fn what_nobody_waits_for_expires_and_what_is_waited_for_does_not() {
    let test = TestEnvironment::with_gvisor();
    for (words, left) in [
        ("run img", None),
        ("run -d img", Some(720)),
        ("run -itd img", Some(720)),
        ("run -d --detach=false img", None),
        ("create img", Some(720)),
        ("run --ttl 2h img", Some(2)),
        ("run -d --ttl=3h img --ttl=x", Some(3)),
        ("run --ttl 2h --ttl 5h img", Some(5)),
        ("create --ttl none img", None),
        ("run -d --ttl=0 img", None),
    ] {
        assert_eq!(hours(&test.docker(&format!("sandbox {words}"))), left, "{words}");
    }
    test.user(r#"{"ttl": "4h"}"#);
    assert_eq!(hours(&test.docker("sandbox run -d img")), Some(4));
    assert_eq!(hours(&test.docker("sandbox run -d --ttl 6h img")), Some(6));
    assert_eq!(hours(&test.docker("sandbox run img")), None);
    test.user(r#"{"ttl": "none"}"#);
    assert_eq!(hours(&test.docker("sandbox create img")), None);
}

#[test]
fn a_ttl_that_means_nothing_starts_nothing() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run -d --ttl=soon img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--ttl` on the command line: `soon` is no time to live: write `30d`, `12h` or `45m`, or `none` for ever
hint: for example:
    --ttl=12h

"#]]);
    test.user("{\n\"ttl\": \"never\"}");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 2: `never` is no time to live: write `30d`, `12h` or `45m`, or `none` for ever
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

#[test]
fn config_shows_the_users_ttl() {
    let test = TestEnvironment::new();
    test.user(r#"{"ttl": "36h"}"#);
    let shown = test.docker("sandbox config");
    let line = shown.text().lines().find(|line| line.starts_with("ttl")).unwrap().to_owned();
    assert!(line.contains("1day 12h") && line.contains("plugins.sandbox.ttl"), "{line}");
}

#[test]
fn times_to_live_are_offered() {
    let test = TestEnvironment::new();
    test.docker_words(["__complete", "sandbox", "run", "--ttl", ""]).is(str![[r#"
exit 0
--- stdout
1h
1d
30d
none	for ever
:4

"#]]);
}
