//! Bytes go in and come out unchanged.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::stage::{Form, IMAGE, Io, Scenario};

const FORMS: [Form; 2] = [Form::Docker, Form::Direct];

/// Bytes that no codec leaves alone, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn a_hundred_megabytes_through_cat_must_come_back_unchanged() {
    let bytes = noise(100 << 20);
    let scenario = Scenario::on("trixie");
    let mut running = scenario.start_run(Form::Docker, ["--rm", "-i", IMAGE, "cat"], Io::Pipes);
    running.feed(bytes.clone());
    let outcome = running.end();
    // Not printed: it is too much to read.
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{:?} {}", outcome.status, outcome.err());
    assert!(outcome.stdout == bytes, "{} bytes came back", outcome.stdout.len());
}

#[test]
fn a_megabyte_must_come_back_unchanged_everywhere() {
    let bytes = noise(1 << 20);
    for scenario in Scenario::abreast() {
        for form in FORMS {
            let mut running = scenario.start_run(form, ["--rm", "-i", IMAGE, "cat"], Io::Pipes);
            running.feed(bytes.clone());
            let outcome = running.end();
            assert!(
                outcome.status.success() && outcome.stdout == bytes,
                "{:?} {}",
                outcome.status,
                outcome.err()
            );
        }
    }
}

#[test]
fn stdout_and_stderr_must_stay_apart_and_binary() {
    let script = r"printf 'out\000\377\r\n\033['; printf 'err\000\376\r\n\007' >&2";
    for scenario in Scenario::abreast() {
        for form in FORMS {
            let outcome = scenario.run(form, ["--rm", IMAGE, "sh", "-c", script]).exits(0);
            assert_eq!(outcome.stdout, b"out\0\xff\r\n\x1b[");
            assert_eq!(outcome.stderr, b"err\0\xfe\r\n\x07");
        }
    }
}

#[test]
fn without_i_stdin_must_be_left_alone() {
    let scenario = Scenario::on("trixie");
    for form in FORMS {
        let mut running = scenario.start_run(form, ["--rm", IMAGE, "sh", "-c", "cat; echo end"], Io::Pipes);
        running.feed(b"not for you".to_vec());
        running.end().exits(0).prints("end\n").quietly();
    }
}

#[test]
fn words_that_are_not_utf_8_must_pass() {
    let odd = OsStr::from_bytes(b"a\xff\xfe\x01z");
    let mut variable = OsString::from("ODD=");
    variable.push(odd);
    for scenario in Scenario::abreast() {
        // What the engine makes of them is its own affair: Docker's API is JSON.
        let words: [&OsStr; 8] = [
            "--rm".as_ref(),
            "-e".as_ref(),
            &variable,
            IMAGE.as_ref(),
            "sh".as_ref(),
            "-c".as_ref(),
            "printf %s \"$ODD-$0\"".as_ref(),
            odd,
        ];
        let plain = scenario.run(Form::Plain, words).exits(0);
        assert!(plain.stdout.starts_with(b"a") && plain.stdout.ends_with(b"z"), "{plain}");
        for form in FORMS {
            let outcome = scenario.run(form, words).exits(0);
            assert_eq!(outcome.stdout, plain.stdout);
        }
    }
}

#[test]
fn an_environment_value_that_is_not_utf_8_must_pass() {
    let odd = OsStr::from_bytes(b"b\xff\xfez");
    let scenario = Scenario::on("trixie").env("ODD", odd);
    let words = ["--rm", "-e", "ODD", IMAGE, "sh", "-c", "printf %s \"$ODD\""];
    let plain = scenario.run(Form::Plain, words).exits(0);
    for form in FORMS {
        assert_eq!(scenario.run(form, words).exits(0).stdout, plain.stdout);
    }
}

#[test]
fn detached_the_id_must_be_all_that_is_printed() {
    for scenario in Scenario::abreast() {
        let file = scenario.home().join("id");
        let words = ["-d", "--cidfile", file.to_str().unwrap(), IMAGE, "sleep", "600"];
        let outcome = scenario.run(Form::Docker, words).exits(0).quietly();
        let id = scenario.container();
        assert_eq!(outcome.out(), format!("{id}\n"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), id);
        // Docker's own refusal of a file that is there comes through.
        scenario.run(Form::Docker, words).exits(125).says("ontainer ID file found");
    }
}
