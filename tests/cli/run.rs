//! `run` and `create`: what Docker is handed, word by word.

use std::ffi::OsString;

use snapbox::str;

use crate::environment::{TestEnvironment, raw};

#[test]
fn the_runtime_is_the_last_option_whatever_the_user_wrote() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox run --rm -it --name x img sh -c ls").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm -it --name x --runtime=runsc img sh -c ls

"#]]);
    test.docker("sandbox run --runtime=runsc --rm img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc --rm --runtime=runsc img

"#]]);
    test.docker("sandbox run --runtime runsc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime runsc --runtime=runsc img

"#]]);
    test.docker("sandbox run --runtime=runc --runtime= img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runc --runtime= --runtime=runsc img

"#]]);
    test.docker("sandbox run --runtime=runc --runtime=runsc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runc --runtime=runsc --runtime=runsc img

"#]]);
}

#[test]
fn a_runtime_behind_the_image_is_the_containers_business() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run img --runtime=runc --no-sandbox").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img --runtime=runc --no-sandbox

"#]]);
    test.docker("sandbox run -- img --runtime=runc").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc -- img --runtime=runc

"#]]);
    test.docker("sandbox run --rm -- img -- --runtime=runc").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc -- img -- --runtime=runc

"#]]);
}

#[test]
fn values_that_look_like_options_are_values() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run -e --runtime=runc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e --runtime=runc --runtime=runsc img

"#]]);
    test.docker("sandbox run --env --no-sandbox -l -- img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --env --no-sandbox -l -- --runtime=runsc img

"#]]);
    test.docker("sandbox run -v --runtime -w --sandbox=none --name --help img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v --runtime -w --sandbox=none --name --help --runtime=runsc img

"#]]);
    test.docker_words(["sandbox", "run", "-e", "", "--name=", "-e=", "img", ""]).is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e '' --name= -e= --runtime=runsc img ''

"#]]);
}

#[test]
fn clusters_of_short_options_are_read_as_docker_reads_them() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run -itv /a:/b img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -itv /a:/b --runtime=runsc img

"#]]);
    test.docker("sandbox run -p80:80 -itp 81:81 img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -p80:80 -itp 81:81 --runtime=runsc img

"#]]);
    test.docker("sandbox run -it=false img cmd").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -it=false --runtime=runsc img cmd

"#]]);
    test.docker("sandbox run -dPe A=b -h host img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -dPe A=b -h host --runtime=runsc img

"#]]);
}

#[test]
fn our_own_options_are_taken_out_wherever_docker_would_read_one() {
    let mut test = TestEnvironment::with_gvisor();
    test.set("DOCKER_SANDBOX", "none");
    test.docker("sandbox run --sandbox=required --detect-timeout 5s --rm --sandbox required -i img").is(
        str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm -i --runtime=runsc img

"#]],
    );
    test.docker("sandbox run --rm --no-sandbox=false --sandbox required img --verbose").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc img --verbose

"#]]);
    test.docker("sandbox run -e --verbose --sandbox=required img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -e --verbose --runtime=runsc img

"#]]);
}

#[test]
fn verbose_says_which_runtime_is_used_and_why() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --verbose img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `runsc` (registered; its binary is /usr/bin/runsc); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
    test.docker("sandbox create --verbose --runtime runsc --sandbox preferred img").is(str![[r#"
exit 0
--- stdout
created
--- stderr
docker sandbox: runtime `runsc` (asked for; its binary is /usr/bin/runsc); mode `preferred`, decided by `--sandbox=preferred` on the command line
--- docker was called
docker info --format '{{json .Runtimes}}'
docker create --runtime runsc --runtime=runsc img

"#]]);
    test.runtimes(r#"{"gv":{"runtimeType":"io.containerd.runsc.v1"},"runc":{"path":"runc"}}"#);
    test.docker("sandbox run --verbose=true img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `gv` (registered; its type is io.containerd.runsc.v1); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=gv img

"#]]);
    test.docker("sandbox run --verbose=false img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=gv img

"#]]);
}

#[test]
fn gvisor_is_found_under_any_name_and_a_named_one_is_honoured() {
    let test = TestEnvironment::with_gvisor();
    test.runtimes(r#"{"runc":{"path":"runc"},"gv":{"path":"/opt/runsc"},"gv-debug":{"path":"/opt/runsc","runtimeArgs":["--debug"]}}"#);
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=gv img

"#]]);
    test.docker("sandbox run --runtime gv-debug img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime gv-debug --runtime=gv-debug img

"#]]);
    test.docker("sandbox run --runtime io.containerd.runsc.v1 img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime io.containerd.runsc.v1 --runtime=io.containerd.runsc.v1 img

"#]]);
}

#[test]
fn what_a_modern_daemon_says_of_its_runtimes_is_understood() {
    let test = TestEnvironment::without_gvisor("gvisor");
    test.docker("sandbox run --verbose img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: runtime `runsc` (registered; its binary is /usr/local/bin/runsc); mode `required`, decided by the default
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

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
    let text = test.docker_words(&words).text().to_owned();
    assert!(text.starts_with("exit 0\n--- stdout\nstarted\n"), "{text}");
    let rest: Vec<String> = (0..5000).map(|number| format!("word{number}")).collect();
    assert!(text.ends_with(&format!("\ndocker run --runtime=runsc img {}\n", rest.join(" "))));
}

#[test]
fn an_option_newer_than_we_are_is_looked_up_in_dockers_own_help() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run --help").stdout(
        "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nOptions:\n      --brand-new string   Takes a value\n      --newer              Takes none\n  -Z, --zap list           With a letter\n",
    );
    test.docker("sandbox run --brand-new runc --newer img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker run --help
docker info --format '{{json .Runtimes}}'
docker run --brand-new runc --newer --runtime=runsc img

"#]]);
    test.docker("sandbox run -itZ --runtime=runc img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker run --help
docker info --format '{{json .Runtimes}}'
docker run -itZ --runtime=runc --runtime=runsc img

"#]]);
    test.answer("create --help").stdout("      --brand-new string   Takes a value\n");
    test.docker("sandbox create --brand-new=x img").is(str![[r#"
exit 0
--- stdout
created
--- docker was called
docker create --help
docker info --format '{{json .Runtimes}}'
docker create --brand-new=x --runtime=runsc img

"#]]);
}

#[test]
fn an_option_that_docker_does_not_know_either_is_refused() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run --help").stdout(include_str!("answers/run-help-28.2.txt"));
    test.docker("sandbox run --bogus x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unknown flag `--bogus`
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help
--- docker was called
docker run --help

"#]]);
    test.docker("sandbox run -itZ img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unknown flag `-Z` in `-itZ`
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help
--- docker was called
docker run --help

"#]]);
    // No prefixes: Docker accepts none either.
    test.docker("sandbox run --runt runc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unknown flag `--runt`
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help
--- docker was called
docker run --help

"#]]);
    test.direct("run --bogus=1 img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unknown flag `--bogus` in `--bogus=1`
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker-sandbox run --help
--- docker was called
docker run --help

"#]]);
}

#[test]
fn an_unknown_option_is_refused_when_dockers_help_fails() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run --help").stdout("      --bogus string   In a help that failed\n").status(1);
    test.docker("sandbox run --bogus x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unknown flag `--bogus`
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help
--- docker was called
docker run --help

"#]]);
}

#[test]
fn what_docker_cannot_read_is_refused_before_anything_is_asked() {
    let test = TestEnvironment::new();
    test.docker("sandbox run").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `run` needs an image
hint: name one:
    docker sandbox run --rm -it IMAGE sh

"#]]);
    test.docker("sandbox create --rm --name x").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `create` needs an image
hint: name one:
    docker sandbox create --rm -it IMAGE sh

"#]]);
    test.docker("sandbox run --").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `run` needs an image
hint: name one:
    docker sandbox run --rm -it IMAGE sh

"#]]);
    test.docker("sandbox run --name").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: flag `--name` needs a value
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help

"#]]);
    test.docker("sandbox run -it -v").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: flag `-v` needs a value
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help

"#]]);
    test.docker("sandbox run ---rm img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `---rm` is no flag
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help

"#]]);
    test.docker("sandbox run --=x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--=x` is no flag
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help

"#]]);
    test.docker("sandbox run --no-sandbox=maybe img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `maybe` is no value for `--no-sandbox`: true or false
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help

"#]]);
    test.direct("run --rm").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `run` needs an image
hint: name one:
    docker-sandbox run --rm -it IMAGE sh

"#]]);
}
