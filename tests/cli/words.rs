//! Words of any bytes, and any number of them.

use std::ffi::OsString;

use snapbox::str;

use crate::environment::{TestEnvironment, raw};

#[test]
fn words_that_are_no_utf8_reach_docker_byte_by_byte() {
    let test = TestEnvironment::with_gvisor();
    let words = [
        b"sandbox".as_slice(),
        b"run",
        b"-e",
        b"A=\xff\xfe",
        b"--name=\x80\x81",
        b"-l\x88=\xc3",
        b"im\xffg",
        b"\xf0\x28",
    ];
    test.docker_words(words.map(raw)).is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e $'A=\xff\xfe' $'--name=\x80\x81' $'-l\x88=\xc3' --runtime=runsc $'im\xffg' $'\xf0('

"#]]);
    test.direct_words(words[1..].iter().map(|word| raw(word))).is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e $'A=\xff\xfe' $'--name=\x80\x81' $'-l\x88=\xc3' --runtime=runsc $'im\xffg' $'\xf0('

"#]]);
}

#[test]
fn blanks_newlines_quotes_and_empty_words_survive() {
    let test = TestEnvironment::with_gvisor();
    test.docker_words(["sandbox", "run", "-e", "A=a b\nc'd\"e", "img", "", "  ", "*", "\\", "$(id)"]).is(
        str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e $'A=a b\nc\'d\"e' --runtime=runsc img '' '  ' '*' '\' '$(id)'

"#]],
    );
}

#[test]
fn a_long_command_line_is_handed_on_whole() {
    let test = TestEnvironment::with_gvisor();
    let mut words: Vec<OsString> = ["sandbox", "run", "img"].map(OsString::from).into();
    words.extend((0..5000).map(|number| OsString::from(format!("word{number}"))));
    let seen = test.docker_words(&words).text().to_owned();
    assert!(seen.starts_with("exit 0\n--- stdout\nstarted\n"), "{seen}");
    let rest: Vec<String> = (0..5000).map(|number| format!("word{number}")).collect();
    assert!(seen.ends_with(&format!("\ndocker run --runtime=runsc img {}\n", rest.join(" "))));
}
