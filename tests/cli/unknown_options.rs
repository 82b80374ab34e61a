//! Options that we do not know, and lines that Docker could not read.

use snapbox::str;

use crate::environment::TestEnvironment;

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
