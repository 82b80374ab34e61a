#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::values::size;
use super::*;

fn config(settings: &[(&str, &str)]) -> ConfigFile {
    let setting = |value: &str| Setting { value: value.to_owned(), line: 7 };
    let sandbox = settings.iter().map(|(key, value)| ((*key).to_owned(), setting(value)));
    ConfigFile { sandbox: sandbox.collect::<BTreeMap<_, _>>(), ..ConfigFile::default() }
}

fn of(settings: &[(&str, &str)]) -> Result<OneShot, Error> {
    OneShot::of(&config(settings), Path::new("/c"))
}

fn rows(settings: &OneShot) -> Vec<String> {
    let rows = settings.rows().into_iter();
    rows.map(|(key, value, _)| format!("{key} {}", value.as_deref().unwrap_or("-"))).collect()
}

#[test]
fn every_key_has_a_default_and_each_can_be_set() {
    let settings = of(&[]).unwrap();
    assert_eq!(settings, OneShot::default());
    assert_eq!(
        rows(&settings),
        [
            "image busybox:latest",
            "cpus 2",
            "memory 4g",
            "memory-swap 4g",
            "pids-limit 512",
            "disk -",
            "timeout 5m",
            "max-output 16m",
            "max-concurrent 10",
            "warm 0",
            "warm-idle 30m"
        ]
    );
    assert!(settings.rows().iter().all(|(_, _, origin)| **origin == Origin::Default));
    let said = [
        ("image", "alpine"),
        ("cpus", "0.5"),
        ("memory", "1g"),
        ("memory-swap", "-1"),
        ("pids-limit", "80"),
        ("disk", "10g"),
        ("timeout", "1h"),
        ("max-output", "1500k"),
        ("max-concurrent", "1"),
        ("warm", "1,/home/me/app=3"),
        ("warm-idle", "90s"),
    ];
    let settings = of(&said).unwrap();
    let written: Vec<String> = said.map(|(key, value)| format!("{key} {value}")).into();
    assert_eq!(rows(&settings), written.join("\n").replace("90s", "1m 30s").lines().collect::<Vec<_>>());
    for (key, _, origin) in settings.rows() {
        assert_eq!(*origin, Origin::User("/c".into(), key));
        assert!(user::KNOWN.contains(&key), "{key}");
    }
}

#[test]
fn what_means_nothing_is_named_with_its_line() {
    let said = |key, value| of(&[(key, value)]).unwrap_err().to_string();
    let told = |key, problem: &str| format!("`/c` line 7: `{key}`: {problem}");
    assert_eq!(
        said("memory", "5m"),
        told("memory", "`5m` is too little: Docker starts nothing with less than `6m`")
    );
    assert_eq!(said("pids-limit", "79"), told("pids-limit", "`79` is too few: gVisor itself needs 80"));
    assert_eq!(said("timeout", "0s"), told("timeout", "`0s` is no duration: write `10s`, `500ms` or `1m`"));
    assert_eq!(
        said("image", "--privileged"),
        told("image", "`--privileged` is no image: write `busybox:latest`")
    );
    assert_eq!(said("warm", "1,app=2"), told("warm", "`app` is not an absolute path"));
    for (key, value) in [
        ("image", ""),
        ("image", "a b"),
        ("cpus", "0"),
        ("memory", "-1"),
        ("memory-swap", "-2"),
        ("pids-limit", "-1"),
        ("disk", "0"),
        ("max-output", "0b"),
        ("max-output", "none"),
        ("max-concurrent", "0"),
        ("max-concurrent", "+1"),
        ("warm-idle", "soon"),
    ] {
        assert!(of(&[(key, value)]).is_err(), "{key}: {value}");
    }
}

#[test]
fn swap_and_memory_together_are_no_less_than_memory() {
    let swap =
        |swap| of(&[("memory", "1g"), ("memory-swap", swap)]).map(|settings| settings.memory_and_swap());
    assert_eq!(of(&[("memory", "1g")]).unwrap().memory_and_swap(), 1 << 30);
    assert_eq!((swap("1g").unwrap(), swap("3g").unwrap(), swap("-1").unwrap()), (1 << 30, 3 << 30, -1));
    assert_eq!(
        swap("512m").unwrap_err().to_string(),
        "`plugins.sandbox.memory-swap` in `/c`: `512m` is memory and swap together, and less than the memory alone, \
         `1g` by `plugins.sandbox.memory` in `/c`"
    );
    let mut settings = of(&[]).unwrap();
    settings.memory_swap = Sourced { value: Swap::Total(1), origin: Origin::Flag("--memory-swap".into()) };
    let error = settings.check().unwrap_err();
    assert_eq!(error.ways_out()[0].commands, ["--memory-swap=4g"]);
}

/// What is a size here is the same size to Docker's CLI 28.2.2, and what is none is none there.
#[test]
fn sizes_are_dockers() {
    for (text, bytes) in [
        ("4g", 4_294_967_296),
        ("1.5m", 1_572_864),
        ("1 g", 1_073_741_824),
        ("1GiB", 1_073_741_824),
        ("1gib", 1_073_741_824),
        ("1kB", 1024),
        ("1KB", 1024),
        ("1.", 1),
        (".5m", 524_288),
        ("1e3", 1000),
        ("1e3m", 1_048_576_000),
        ("12b", 12),
        ("12 b", 12),
        ("12 ", 12),
        ("+5m", 5_242_880),
        ("5p", 5_629_499_534_213_120),
        ("-0", 0),
        ("0.0000001m", 0),
        ("8191p", 9_222_246_136_947_933_184),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for text in [
        "0x10", "inf", "nan", "12ib", "12i", "12bb", " 12", "1  k", "-1", "1kbb", "1. 5m", "1.2.3", "٣",
        "1e", "", "k",
    ] {
        assert!(size(text).is_err(), "{text}");
    }
    // Sizes of Docker's that are none here.
    for text in ["8192p", "9e30", "1_0", "0x1p4"] {
        assert!(size(text).is_err(), "{text}");
    }
}

/// As above.
#[test]
fn processors_are_dockers() {
    for (text, nano) in [
        ("2", 2_000_000_000),
        ("1.5", 1_500_000_000),
        (".5", 500_000_000),
        ("5.", 5_000_000_000),
        ("00002", 2_000_000_000),
        ("0.010000001", 10_000_001),
        ("1.0000000000", 1_000_000_000),
        ("017", 17_000_000_000),
    ] {
        assert_eq!(cpus(text), Ok(Cpus(nano)), "{text}");
    }
    for text in ["1.0000000001", "", ".", "-1", "1/3", "Inf", "1.2.3", "9999999999999", "two"] {
        assert!(cpus(text).is_err(), "{text}");
    }
    // Docker's daemon refuses the first two.
    for text in ["0", "0.001", "1e3", "+1", "3/2"] {
        assert!(cpus(text).is_err(), "{text}");
    }
}

#[test]
fn spares_are_counted_by_project() {
    let some = warm("1, /home/me/app/=3,/a=b=0").unwrap();
    assert_eq!(some.to_string(), "1,/home/me/app=3,/a=b=0");
    let of = |folder: &str| some.of(Path::new(folder));
    assert_eq!((of("/home/me/app"), of("/a=b"), of("/home/me")), (3, 0, 1));
    assert_eq!(warm("/a=2").unwrap(), Warm { others: 0, projects: vec![("/a".into(), 2)] });
    for text in ["", "x", "1,2", "/a=1,2", "/a=", "/a=1,/a/=2", "a=1", "1,", "-1"] {
        assert!(warm(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_size_is_read_as_it_was_written(bytes in 0..=1_u64 << 53, shift in 0..10_u32) {
        prop_assert_eq!(size(&size_text(bytes)), Ok(bytes));
        let bytes = bytes << shift;
        prop_assert_eq!(size(&size_text(bytes)), Ok(bytes));
    }

    #[test]
    fn processors_are_read_as_they_were_written(nano in 10_000_000..1_u64 << 62) {
        prop_assert_eq!(cpus(&Cpus(nano).to_string()), Ok(Cpus(nano)));
    }

    #[test]
    fn no_text_is_too_strange(text in ".{0,12}|[-+0-9. kKmMiIbBeE=,/]{0,9}") {
        let _ = (size(&text), cpus(&text), pids_limit(&text), warm(&text), image(&text), memory_swap(&text));
    }
}
