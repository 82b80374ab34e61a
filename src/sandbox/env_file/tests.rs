#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::os::unix::ffi::OsStringExt as _;

use proptest::prelude::*;

use super::*;

fn home(name: &OsStr) -> Option<OsString> {
    let value = match name.as_bytes() {
        b"HOME" => b"/root".to_vec(),
        b"EMPTY" => Vec::new(),
        b"BYTES" => b"\xff".to_vec(),
        _ => return None,
    };
    Some(OsString::from_vec(value))
}

/// The variables as the words that Docker's CLI sends, or what it says.
fn read(file: impl AsRef<[u8]>) -> Result<Vec<OsString>, (usize, String)> {
    let variables = parse(file.as_ref(), &home).unwrap()?;
    Ok(variables.iter().map(Variable::word).collect())
}

fn problem(file: impl AsRef<[u8]>) -> (usize, String) {
    read(file).unwrap_err()
}

/// Each line of these files, and what became of it, is an answer of Docker's CLI 28.2.2.
#[test]
fn lines_are_read_as_docker_reads_them() {
    let file = "\u{feff}A=\"q\"\r\n  \tB= x \n\n#c\n  # d\nHOME\nNOPE\n\u{a0}C=1\n\u{b}D=2\nE=a=b\nA=again";
    let sent = ["A=\"q\"", "B= x ", "HOME=/root", "C=1", "D=2", "E=a=b", "A=again"];
    assert_eq!(read(file).unwrap(), sent);
    assert_eq!(read("NOPE\r\nHOME\r\n").unwrap(), ["HOME=/root"]);
    assert_eq!(read("A=1\r\r\nB\r").unwrap(), ["A=1\r"]);
    assert_eq!(read("A\u{a0}B=1\n").unwrap(), ["A\u{a0}B=1"]);
    let blanks = "\u{1d}A=1\n\u{3000}B=1\n\u{85}C=1\n\u{200b}D=1\n\u{c}\u{b}E\n";
    assert_eq!(read(blanks).unwrap(), ["\u{1d}A=1", "B=1", "C=1", "\u{200b}D=1"]);
    assert_eq!(read("\u{feff}\u{feff}A=1\n").unwrap(), ["\u{feff}A=1"]);
    assert_eq!(read("A=1\n\u{feff}B=1\n").unwrap(), ["A=1", "\u{feff}B=1"]);
    assert_eq!(read("\u{feff}").unwrap(), [""; 0]);
    assert_eq!(read("").unwrap(), [""; 0]);
    assert_eq!(read("A=\nEMPTY\n").unwrap(), ["A=", "EMPTY="]);
    assert_eq!(read("BYTES").unwrap()[0].as_bytes(), b"BYTES=\xff");
}

#[test]
fn what_is_wrong_is_said_in_dockers_words() {
    let said = |line, text: &str| (line, text.to_owned());
    assert_eq!(problem("A=1\n B = x\n"), said(2, "variable 'B ' contains whitespaces"));
    assert_eq!(problem("A=1\nNOPE \n"), said(2, "variable 'NOPE ' contains whitespaces"));
    assert_eq!(problem("a\tb\n"), said(1, "variable 'a\tb' contains whitespaces"));
    assert_eq!(problem("x\n=v\n"), said(2, "no variable name on line '=v'"));
    assert_eq!(problem(b"A=\xff\xfe\n"), said(1, "invalid utf8 bytes"));
    assert_eq!(problem(b"\n#\xff\n"), said(2, "invalid utf8 bytes"));
    assert_eq!(problem("A\0=1\n"), said(1, "variable 'A\0' contains a NUL character"));
}

#[test]
fn a_line_is_as_long_as_gos_scanner_takes_it() {
    let long = |length: usize, end: &str| "#".repeat(length) + end;
    for (length, end) in [(65535, ""), (65535, "\n"), (65534, "\r\n")] {
        assert!(read(long(length, end)).is_ok(), "{length} and {end:?}");
    }
    for (length, end) in [(65536, ""), (65536, "\n"), (65535, "\r\n"), (70000, "")] {
        assert_eq!(problem(long(length, end)), (1, "bufio.Scanner: token too long".to_owned()));
    }
}

#[test]
fn an_option_has_its_value_the_callers_or_takes_the_images_away() {
    let words = ["HOME", "NOPE", "A B=1", "A=1=2", "A="].map(|text| of_option(text.as_ref(), &home).unwrap());
    assert_eq!(words.each_ref().map(Variable::word), ["HOME=/root", "NOPE", "A B=1", "A=1=2", "A="]);
    assert_eq!((words[1].value.as_deref(), words[4].value.as_deref()), (None, Some("".as_ref())));
    let bytes = OsStr::from_bytes(b"A\xff=\xfe");
    assert_eq!(of_option(bytes, &home).unwrap().word(), bytes);
    for text in ["", "=v"] {
        let error = of_option(text.as_ref(), &home).unwrap_err();
        assert_eq!(error.to_string(), format!("`--env`: invalid environment variable: `{text}`"));
    }
}

#[test]
fn files_come_before_options_and_errors_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = [file("1", "A=1\nB=1\n"), file("2", "A=2\n")];
    let variables = all(&files, &["A=3", "NOPE"], &home).unwrap();
    let words: Vec<OsString> = variables.iter().map(Variable::word).collect();
    assert_eq!(words, ["A=1", "B=1", "A=2", "A=3", "NOPE"]);

    let bad = file("bad", "A=1\n\u{1b}[2J B=1\n");
    let error = of_file(&bad, &home).unwrap_err();
    let said =
        format!(r"invalid env file (`{}`): variable '\u{{1b}}[2J B' contains whitespaces", bad.display());
    assert_eq!(error.to_string(), said);
    for path in [folder.path(), &folder.path().join("none")] {
        let error = of_file(path, &home).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read the env file `{}`", path.display()));
    }
    assert!(all(&files, &[""], &home).is_err());
}

proptest! {
    #[test]
    fn what_has_no_blank_in_its_name_and_no_end_of_line_comes_out_as_it_went_in(
        variables in proptest::collection::vec(("[^#=\0\\s\u{feff}][^=\0\\s]{0,5}", "[^\0\r\n]{0,9}"), 0..5),
        end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let lines: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let file = format!("  {}{end}", lines.join(&format!("{end} \t")));
        let read: Vec<OsString> = lines.iter().map(OsString::from).collect();
        prop_assert_eq!(super::tests::read(file), Ok(read));
    }

    #[test]
    fn no_file_is_too_strange(file in proptest::collection::vec(any::<u8>(), 0..99)) {
        if let Ok(variables) = parse(&file[..], &home).unwrap() {
            let strange = |name: &OsStr| name.is_empty() || name.as_bytes().iter().any(|b| b" \t=\0\n".contains(b));
            prop_assert!(variables.iter().all(|read| read.value.is_some() && !strange(&read.name)));
        }
    }
}
