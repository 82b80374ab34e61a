//! Command lines from the grammar of `docker run`, with every way to mislead whoever reads them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::sync::LazyLock;

use docker_sandbox::docker::flags::{Arity, Flag, Flags};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Union;

use crate::line::{Call, Line, Piece};
use crate::values;
use crate::words::{BROKEN, DISGUISED, FREE, IMAGES, RANDOM, RUNTIMES, TRUTHS, word};

/// Docker's options, the switches first: cases shrink towards them.
static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let ours = Flags::ours();
    let mut flags: Vec<Flag> =
        Flags::run().iter().filter(|flag| ours.long(flag.long.as_bytes()).is_none()).cloned().collect();
    flags.sort_by_key(|flag| flag.arity == Arity::Value);
    flags
});

/// Switches that an option with a letter can stand behind, in one word.
const CLUSTERS: &[&str] = &["it", "i", "t", "P", "iP", "dP", "q", "iiit"];

/// The ways to write an option.
const WAYS: usize = 9;

/// Any case.
pub(crate) fn line() -> impl Strategy<Value = Line> {
    prop_oneof![8 => in_pieces(), 1 => at_random()]
}

fn in_pieces() -> impl Strategy<Value = Line> {
    let options = vec(piece(), 0..7);
    (call(), verb(), options, tail()).prop_map(|(call, verb, options, tail)| Line {
        call,
        verb,
        options,
        tail,
        at_random: false,
    })
}

fn at_random() -> impl Strategy<Value = Line> {
    (call(), verb(), vec(select(RANDOM).prop_map(word), 0..9)).prop_map(|(call, verb, tail)| Line {
        call,
        verb,
        options: Vec::new(),
        tail,
        at_random: true,
    })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![3 => Just(Call::Plugin), 1 => Just(Call::Direct)]
}

fn verb() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just("run"), 1 => Just("create")]
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        20 => docker_option().prop_map(Piece::Docker),
        6 => disguised_value().prop_map(Piece::Docker),
        6 => runtime().prop_map(Piece::Docker),
        5 => ours().prop_map(Piece::Ours),
        1 => ours_invalid().prop_map(Piece::Invalid),
        1 => select(BROKEN).prop_map(|bytes| Piece::Docker(vec![word(bytes)])),
    ]
}

/// An option of Docker's table with one of its values, most often the first of them, a good one.
fn docker_option() -> impl Strategy<Value = Vec<OsString>> {
    let value = prop_oneof![2 => Just(0_usize), 1 => 0..usize::MAX];
    (0..FLAGS.len(), value, spelling()).prop_map(|(flag, value, spelling)| {
        let flag = &FLAGS[flag];
        let values = if flag.arity == Arity::Switch { TRUTHS } else { values::of(&flag.long) };
        spell(flag, OsStr::new(values[value % values.len()]), spelling)
    })
}

/// An option that takes any value, with one that looks like something else.
fn disguised_value() -> impl Strategy<Value = Vec<OsString>> {
    (select(FREE), disguised(), spelling())
        .prop_map(|(name, value, spelling)| spell(named(name), &value, spelling))
}

fn runtime() -> impl Strategy<Value = Vec<OsString>> {
    (select(RUNTIMES), spelling())
        .prop_map(|(value, spelling)| spell(named("runtime"), OsStr::new(value), spelling))
}

fn named(name: &str) -> &'static Flag {
    FLAGS.iter().find(|flag| flag.long == name).unwrap()
}

/// Our own options, none of which opens the sandbox.
fn ours() -> impl Strategy<Value = Vec<OsString>> {
    let lines: &[&[&str]] = &[
        &["--verbose"],
        &["--sandbox=required"],
        &["--sandbox", "required"],
        &["--sandbox=preferred"],
        &["--detect-timeout", "5s"],
        &["--detect-timeout=30s"],
        &["--ttl", "1h"],
        &["--ttl=none"],
        &["--verbose=false"],
        &["--verbose=1"],
        &["--no-sandbox=false"],
        &["--no-sandbox", "--no-sandbox=F"],
        &["--sandbox", "none", "--sandbox=required"],
        &["--sandbox=required", "--no-sandbox", "--verbose", "--no-sandbox=0"],
    ];
    select(lines).prop_map(|words| words.iter().map(OsString::from).collect())
}

fn ours_invalid() -> impl Strategy<Value = Vec<OsString>> {
    let words: &[&[u8]] = &[
        b"--sandbox=maybe",
        b"--sandbox=",
        b"--sandbox=Required",
        b"--sandbox=\xff",
        b"--verbose=maybe",
        b"--verbose=",
        b"--detect-timeout=soon",
        b"--detect-timeout=",
        b"--detect-timeout=-1s",
        b"--no-sandbox=no",
        b"--ttl=soon",
        b"--ttl=",
    ];
    select(words).prop_map(|bytes| vec![word(bytes)])
}

/// The image and what is behind it, or what can stand there instead.
fn tail() -> impl Strategy<Value = Vec<OsString>> {
    let image = prop_oneof![
        16 => Just("busybox").prop_map(OsString::from),
        3 => select(IMAGES).prop_map(OsString::from),
    ];
    let behind = (image.clone(), vec(disguised(), 0..4)).prop_map(|(image, mut words)| {
        words.insert(0, image);
        words
    });
    let behind_dashes =
        (prop_oneof![4 => image, 1 => disguised()], vec(disguised(), 0..3)).prop_map(|(image, mut words)| {
            words.splice(0..0, ["--".into(), image]);
            words
        });
    let value_missing = (0..FLAGS.len(), spelling()).prop_map(|(flag, spelling)| {
        let mut words = spell(&FLAGS[flag], OsStr::new("x"), spelling);
        words.truncate(1);
        words
    });
    prop_oneof![
        36 => behind,
        6 => behind_dashes,
        1 => Just(vec![]),
        1 => Just(vec!["--".into()]),
        1 => value_missing,
    ]
}

/// A word that is not what it looks like, or any word at all.
fn disguised() -> impl Strategy<Value = OsString> + Clone {
    let bytes = vec(1..=u8::MAX, 0..6).prop_map(OsString::from_vec);
    prop_oneof![12 => select(DISGUISED).prop_map(word), 1 => "\\PC{0,8}".prop_map(OsString::from), 1 => bytes]
}

/// Which of the ways to write an option, and the switches before it in the same word.
fn spelling() -> impl Strategy<Value = (usize, &'static str)> {
    (0..WAYS, Union::new(CLUSTERS.iter().map(|cluster| Just(*cluster))))
}

/// `flag` with `value`, in a way that pflag takes, as words that leave the next one alone.
fn spell(flag: &Flag, value: &OsStr, (way, cluster): (usize, &str)) -> Vec<OsString> {
    let (start, short) = match (flag.short.map(char::from), way / 3) {
        (Some(letter), 1) => (format!("-{letter}"), true),
        (Some(letter), 2) => (format!("-{cluster}{letter}"), true),
        _ => (format!("--{}", flag.long), false),
    };
    let inline = |start: String| {
        let mut word = OsString::from(start);
        word.push(value);
        vec![word]
    };
    match (flag.arity, way % 3) {
        (_, 1) => inline(start + "="),
        (Arity::Switch, _) => vec![start.into()],
        // `-e` and nothing would take the next word.
        (Arity::Value, 2) if short && !value.is_empty() => inline(start),
        (Arity::Value, _) => vec![start.into(), value.to_owned()],
    }
}

#[test]
fn an_option_is_spelled_in_every_way_that_pflag_takes() {
    let all = |name: &str, value: &str| -> Vec<String> {
        let ways = (0..WAYS).map(|way| spell(named(name), OsStr::new(value), (way, "it")));
        ways.map(|words| words.join(OsStr::new(" ")).into_string().unwrap()).collect()
    };
    assert_eq!(
        all("env", "A"),
        ["--env A", "--env=A", "--env A", "-e A", "-e=A", "-eA", "-ite A", "-ite=A", "-iteA"]
    );
    assert_eq!(all("env", "")[5], "-e ");
    let switch = ["--detach", "--detach=0", "--detach", "-d", "-d=0", "-d", "-itd", "-itd=0", "-itd"];
    assert_eq!(all("detach", "0"), switch);
    assert_eq!(all("runtime", "x")[..2], ["--runtime x", "--runtime=x"]);
}
