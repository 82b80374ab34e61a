//! A daemon whose answers make no sense.

use snapbox::str;

use crate::daemon::answering;

#[test]
fn an_answer_that_makes_no_sense_is_refused() {
    for answer in [
        "hello\n",
        "[1,2]\n",
        "\"runsc\"\n",
        "{\"runsc\":\"yes\"}\n",
        "{\"runsc\":{\"path\":7}}\n",
        "\n",
        "{\"runsc\":{\"path\":\"/usr/bin/runsc\"}",
    ] {
        let test = answering(answer, "", 0);
        test.answer("version").stdout("{}\n");
        let seen = test.docker("sandbox run img");
        let all = seen.text();
        assert!(all.starts_with("exit 125\n--- stderr\ndocker sandbox: `docker info` "), "{answer}: {all}");
    }
    let test = answering("hello\n", "", 0);
    test.answer("version").stdout("{}\n");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` answered something that we do not understand: expected value at line 1 column 1
hint: see it by hand:
    docker info --format '{{json .Runtimes}}'
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
    answering("", "", 1).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: it gave no reason
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn a_failure_with_an_answer_beside_it_is_still_a_failure() {
    let test = answering("{\"runsc\":{\"path\":\"/usr/bin/runsc\"}}\n", "something broke\n", 1);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: something broke
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}

#[test]
fn nothing_that_a_failing_docker_says_drives_the_terminal() {
    answering("\x1b[2J", "\x1b]0;owned\x07\x1b[31mboom\r\u{202e}\n", 1).docker("sandbox run img").refuses(
        str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` failed: \u{1b}]0;owned\u{7}\u{1b}[31mboom\u{d}\u{202e}
hint: see it fail by hand:
    docker info
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]],
    );
    answering("\x1b[2J\n", "", 0).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `docker info` answered something that we do not understand: expected value at line 1 column 1
hint: see it by hand:
    docker info --format '{{json .Runtimes}}'
--- docker was called
docker info --format '{{json .Runtimes}}'
docker --version

"#]]);
}
