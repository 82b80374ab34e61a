#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::Error;

fn shown(kept: &[u8], total: u64) -> serde_json::Value {
    serde_json::to_value(Output::of(kept, total)).unwrap()
}

#[test]
fn text_is_text_and_anything_else_is_base64() {
    let text = json!({"encoding": "utf-8", "data": "é\0\n", "bytes": 4, "truncated": false});
    assert_eq!(shown("é\0\n".as_bytes(), 4), text);
    let bytes = json!({"encoding": "base64", "data": "/w==", "bytes": 1, "truncated": false});
    assert_eq!(shown(b"\xff", 1), bytes);
    assert_eq!(shown(b"", 0), json!({"encoding": "utf-8", "data": "", "bytes": 0, "truncated": false}));
}

#[test]
fn text_that_is_cut_off_is_text_still() {
    let cut = json!({"encoding": "utf-8", "data": "a", "bytes": 9, "truncated": true});
    assert_eq!(shown(b"a", 9), cut);
    assert_eq!(shown(b"a\xf0\x9f\x98", 9), cut);
    // Nothing was cut off here, and here it was before the end.
    assert_eq!(shown(b"a\xc3", 2)["encoding"], "base64");
    assert_eq!(shown(b"\xc3a", 9)["encoding"], "base64");
}

#[test]
fn a_failure_is_what_people_see_of_it() {
    let error = Error::new("`x` runs").body("list\n").hint("wait:", "--wait");
    let error = anyhow::Error::new(std::io::Error::other("boom")).context(error).context("cannot start");
    let failure = serde_json::to_value(Failure::of(Code::TooMany, &error)).unwrap();
    let hints = json!([{"text": "wait:", "commands": ["--wait"]}]);
    let message = "cannot start: `x` runs: boom\nlist";
    assert_eq!(failure, json!({"code": "too-many", "message": message, "hints": hints}));
}

#[test]
fn codes_are_kebab_case_and_different() {
    let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn signals_are_linuxs() {
    let names = [1, 6, 9, 15, 31, 32, 34, 35, 64, 65, 0].map(signal_name);
    let expected = ["HUP", "ABRT", "KILL", "TERM", "SYS", "32", "RTMIN", "RTMIN+1", "RTMIN+30", "65", "0"];
    assert_eq!(names, expected.map(|name| format!("SIG{name}")));
}

#[test]
fn limits_are_what_the_settings_say() {
    let mut settings = OneShot::default();
    let limits = |settings: &OneShot| serde_json::to_value(Limits::of(settings, true)).unwrap();
    let gib = 1_u64 << 30;
    assert_eq!(
        limits(&settings),
        json!({"cpus": 2.0, "memory": 4 * gib, "memory_swap": 4 * gib, "pids_limit": 512, "disk": null,
            "timeout_ms": 300_000, "max_output": 16 << 20, "enforced": true})
    );
    settings.memory_swap.value = Swap::Unlimited;
    settings.disk.value = Some(gib);
    let shown = limits(&settings);
    assert_eq!((&shown["memory_swap"], &shown["disk"]), (&json!(null), &json!(gib)));
}

proptest! {
    #[test]
    fn no_byte_is_lost(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in ".{0,20}") {
        for bytes in [bytes, text.into_bytes()] {
            let output = Output::of(&bytes, bytes.len() as u64);
            let read = if output.encoding == "utf-8" {
                output.data.clone().into_bytes()
            } else {
                STANDARD.decode(&output.data).unwrap()
            };
            prop_assert_eq!(read, bytes);
        }
    }

    #[test]
    fn text_that_is_cut_off_anywhere_is_text(text in "\\PC{1,20}", at in any::<proptest::sample::Index>()) {
        let at = at.index(text.len());
        let output = Output::of(&text.as_bytes()[..at], text.len() as u64);
        prop_assert!(output.truncated && output.encoding == "utf-8" && text.starts_with(&output.data));
        prop_assert!(at - output.data.len() < 4);
    }
}
