use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn entry() -> Entry {
    Entry {
        path: "/usr/local/bin/runsc".to_owned(),
        args: vec!["--network=host".to_owned(), "--debug".to_owned()],
    }
}

fn bare() -> Entry {
    Entry { path: "/r".to_owned(), args: Vec::new() }
}

/// Put in and taken out again: straight, and by way of what the daemon has to see in between.
fn round(text: Option<&str>, name: &str) {
    let added = add(text.map(str::as_bytes), name, &entry()).unwrap();
    let after = added.text.as_bytes();
    assert_eq!(find(after, name), Found::Entry(entry()), "{}", added.text);
    let again = add(Some(after), name, &entry()).unwrap();
    assert_eq!((again.text.as_str(), again.former), (added.text.as_str(), None), "twice is once");
    let Some(former) = &added.former else {
        assert_eq!(text, Some(added.text.as_str()));
        return;
    };
    assert_eq!(remove(after, name, former, false).unwrap().as_deref(), text, "{}", added.text);
    let between = remove(after, name, former, true).unwrap().unwrap();
    let parsed: Value = serde_json::from_str(&between).unwrap();
    assert!(parsed["runtimes"].is_object(), "the daemon drops a runtime only so: {between}");
    assert_eq!(remove(between.as_bytes(), name, former, false).unwrap().as_deref(), text, "{between}");
}

#[test]
fn texts_of_many_hands_come_back_as_they_were() {
    for text in [
        "",
        "\n",
        " \r\n\t",
        "{}",
        "{}\n",
        "{ \n }",
        "{\"debug\":true}",
        "{\"debug\": true}",
        "{ \"debug\": true }\n",
        "{\n  \"debug\": true\n}",
        "{\r\n\t\"debug\": true\r\n}\r\n",
        "{\n    \"a\": 1,\n    \"runtimes\": {},\n    \"b\": \"{\\\"x\\\": \\\\\"\n}\n",
        "{\n  \"runtimes\": {\n  }\n}\n",
        "{\"runtimes\": {\"nvidia\": {\"path\": \"nvidia-container-runtime\", \"runtimeArgs\": []}}, \"z\": [1, {}]}",
        "{\n  \"runtimes\": {\n    \"runsc\": {\"path\": \"/old\", \"runtimeArgs\": [ \"--x\" ]},\n    \"k\": {\"runtimeType\": \"io.k\"}\n  }\n}",
        "{\"run\\u0074imes\": {\"run\\u0073c\": {\"runtimeType\": \"x\"}}}",
        "{\"a\":1.50e+3,\"b\":-0,\"c\":\"ü\\ud83d\\ude00\",\"a\":2}",
    ] {
        round(Some(text), "runsc");
    }
    round(None, "runsc");
}

#[test]
fn what_is_written_follows_the_file() {
    let add = |text: &str| add(Some(text.as_bytes()), "runsc", &bare()).unwrap().text;
    assert_eq!(
        add("{\r\n\t\"debug\": true\r\n}"),
        "{\r\n\t\"debug\": true,\r\n\t\"runtimes\": {\r\n\t\t\"runsc\": {\r\n\t\t\t\"path\": \"/r\"\r\n\t\t}\r\n\t}\r\n}"
    );
    assert_eq!(add("{\"debug\":true}"), "{\"debug\":true,\"runtimes\":{\"runsc\":{\"path\":\"/r\"}}}");
    assert_eq!(
        add("{\"debug\": true}\n"),
        "{\"debug\": true, \"runtimes\": {\"runsc\": {\"path\": \"/r\"}}}\n"
    );
    assert_eq!(add(""), "{\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"/r\"\n    }\n  }\n}\n");
}

#[test]
fn what_cannot_be_understood_is_left_alone_and_its_line_named() {
    let refused = |text: &[u8]| {
        let problem = add(Some(text), "runsc", &entry()).unwrap_err();
        let removed = remove(text, "runsc", &Former::Absent, false);
        assert_eq!(removed, Err(problem.clone()));
        format!("{}: {}", problem.line, problem.what)
    };
    assert_eq!(refused(b"null\n"), "1: it is null, not an object");
    assert_eq!(refused(b"\n[]"), "2: it is a list, not an object");
    assert_eq!(refused(b"{\n \"runtimes\": []\n}"), "2: `runtimes` is a list, not an object");
    assert_eq!(refused(b"{\n \"runtimes\": null}"), "2: `runtimes` is null, not an object");
    assert_eq!(refused(b"{\n \"a\": 1,\n}"), "3: it is not JSON: trailing comma");
    assert_eq!(refused(b"{} x"), "1: it is not JSON: trailing characters");
    assert_eq!(refused(b"\xef\xbb\xbf{}"), "1: it begins with a byte order mark");
    assert_eq!(refused(b"{\n\"a\": \"\xff\"}"), "2: it is not UTF-8");
    assert_eq!(refused(b"{\"runtimes\": {},\n\"runtimes\": {}}"), "2: `runtimes` is there twice");
    assert_eq!(refused(b"{\"runtimes\": {\"runsc\": {},\n\n\"runsc\": {}}}"), "3: `runsc` is there twice");
    assert_eq!(refused(b"{\"Runtimes\": {}}"), "1: Docker takes `Runtimes` for `runtimes`");
    assert!(
        refused(&[b"[".repeat(200), b"]".repeat(200)].concat()).starts_with("1: it is not JSON: recursion")
    );
}

#[test]
fn from_a_file_that_others_have_edited_only_our_entry_leaves() {
    let former = add(Some(b"{}"), "runsc", &bare()).unwrap().former.unwrap();
    let edited = "{\"log\": 1, \"runtimes\": {\"a\": {\"path\": \"/a\"}, \"runsc\": {\"path\": \"/r\"}}}";
    let left = "{\"log\": 1, \"runtimes\": {\"a\": {\"path\": \"/a\"}}}";
    assert_eq!(remove(edited.as_bytes(), "runsc", &former, false).unwrap().unwrap(), left);
    let edited = "{\"log\": 1, \"runtimes\": {\"runsc\": {\"path\": \"/r\"}}}";
    assert_eq!(remove(edited.as_bytes(), "runsc", &former, false).unwrap().unwrap(), "{\"log\": 1}");
    assert_eq!(remove(b"{\"log\": 1}", "runsc", &former, false).unwrap().unwrap(), "{\"log\": 1}");
    assert_eq!(remove(b"", "runsc", &former, false).unwrap().unwrap(), "");
}

#[test]
fn two_names_live_beside_each_other_and_the_later_leaves_first() {
    let first = add(None, "runsc", &bare()).unwrap();
    let second = add(Some(first.text.as_bytes()), "runsc-kvm", &entry()).unwrap();
    assert_eq!(other_paths(second.text.as_bytes(), "runsc"), ["/usr/local/bin/runsc"]);
    let one = remove(second.text.as_bytes(), "runsc-kvm", &second.former.unwrap(), false).unwrap().unwrap();
    assert_eq!(one, first.text);
    assert_eq!(remove(one.as_bytes(), "runsc", &first.former.unwrap(), false).unwrap(), None);
}

/// Any JSON, with keys that are hard to tell apart.
fn any_value() -> impl Strategy<Value = Value> {
    let text = "[ -~\\n\\t\u{e9}\u{1f600}\"\\\\{}:,\\[\\]]{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text, inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn runtime() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"path": "/usr/local/bin/runsc", "runtimeArgs": ["--network=host", "--debug"]})),
        Just(json!({"runtimeType": "io.containerd.runsc.v1", "options": {"TypeUrl": "x"}})),
        Just(json!({})),
        any_value(),
    ]
}

/// A daemon.json's content: other keys in any order, perhaps runtimes, perhaps ours among them.
fn any_config() -> impl Strategy<Value = Value> {
    let names = prop_oneof![Just("runsc".to_owned()), Just("nvidia".to_owned()), "[a-z\"\\\\]{1,4}"];
    let runtimes = prop::collection::vec((names, runtime()), 0..4)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>()));
    let keys = prop_oneof![Just("debug".to_owned()), Just("log-opts".to_owned()), "[ -~]{0,5}"];
    let others = prop::collection::vec((keys, any_value()), 0..4);
    (others, prop::option::of(runtimes), any::<prop::sample::Index>()).prop_map(
        |(others, runtimes, place)| {
            let mut pairs: Vec<(String, Value)> =
                others.into_iter().filter(|(key, _)| !key.eq_ignore_ascii_case("runtimes")).collect();
            if let Some(runtimes) = runtimes {
                pairs.insert(place.index(pairs.len() + 1), ("runtimes".to_owned(), runtimes));
            }
            Value::Object(pairs.into_iter().collect())
        },
    )
}

/// Writes `value` as somebody may have: with blanks from `blanks` wherever JSON allows them.
fn written(value: &Value, blanks: &mut dyn FnMut() -> String) -> String {
    let parts = |parts: Vec<String>, open: char, close: char, blanks: &mut dyn FnMut() -> String| {
        if parts.is_empty() {
            format!("{open}{}{close}", blanks())
        } else {
            format!("{open}{}{close}", parts.join(","))
        }
    };
    match value {
        Value::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| {
                    let key = Value::from(key.as_str());
                    let (a, b, c, d) = (blanks(), blanks(), blanks(), blanks());
                    format!("{a}{key}{b}:{c}{}{d}", written(value, blanks))
                })
                .collect();
            parts(members, '{', '}', blanks)
        }
        Value::Array(list) => {
            let items = list
                .iter()
                .map(|value| {
                    let (a, b) = (blanks(), blanks());
                    format!("{a}{}{b}", written(value, blanks))
                })
                .collect();
            parts(items, '[', ']', blanks)
        }
        other => other.to_string(),
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(vec!["", "", " ", "\n", "\n  ", "\r\n\t", " \n\n ", "\r\n    "]);
    let blanks = prop::collection::vec(blank, 1..12);
    prop_oneof![
        (any_config(), blanks).prop_map(|(value, blanks)| {
            let mut turn = 0;
            let mut next = || {
                turn += 1;
                blanks[turn % blanks.len()].to_owned()
            };
            let (before, after) = (next(), next());
            format!("{before}{}{after}", written(&value, &mut next))
        }),
        any_config().prop_map(|value| serde_json::to_string_pretty(&value).unwrap() + "\n"),
        any_config().prop_map(|value| serde_json::to_string(&value).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn undo_after_setup_is_identity_and_setup_twice_is_setup_once(text in any_text()) {
        round(Some(&text), "runsc");
    }

    #[test]
    fn setup_changes_nothing_but_its_entry(text in any_text()) {
        let mut expected: Value = serde_json::from_str(&text).unwrap();
        let after: Value = serde_json::from_str(&add(Some(text.as_bytes()), "runsc", &entry()).unwrap().text).unwrap();
        if expected.get("runtimes").is_none() {
            expected["runtimes"] = json!({});
        }
        expected["runtimes"]["runsc"] = json!({"path": entry().path, "runtimeArgs": entry().args});
        // Keys in their order too.
        prop_assert_eq!(serde_json::to_string(&after).unwrap(), serde_json::to_string(&expected).unwrap());
    }

    #[test]
    fn any_bytes_are_refused_or_understood(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = add(Some(&bytes), "runsc", &entry());
        let _ = remove(&bytes, "runsc", &Former::NoRuntimes(None), true);
    }
}
