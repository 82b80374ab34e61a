//! Wrong usage.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn sandbox_alone_gives_help_and_is_wrong_usage() {
    let test = TestEnvironment::new();
    test.docker("sandbox").is(str![[r#"
exit 2
--- stderr
Run containers inside gVisor, with the arguments of docker run

Usage: docker sandbox <COMMAND>

Commands:
  run      docker run, inside gVisor
  create   docker create, for gVisor
  do       Run one command that you do not trust, in a fresh sandbox that is gone afterwards
  changes  List, show, apply or drop changes of `do --write` that were not applied
  ls       List the sandboxes there are
  stop     Stop running sandboxes
  rm       Remove sandboxes
  prune    Remove sandboxes whose time is over, and what is left of others
  doctor   Say what is wrong between here and a container in gVisor
  setup    Install gVisor, register it with the Docker daemon, and prove that it works
  config   Show the settings in force and where each came from
  trust    Let a project's agent.yaml weaken the sandbox
  untrust  Take the trust in a project's agent.yaml back
  alias    Print a shell function that sends docker run and docker create through the sandbox
  version  Show the versions of this plugin and of the docker CLI

Options:
  -h, --help  Print help

`docker sandbox run` is `docker run`, with a kernel of its own between the container and the host.
If the Docker daemon has no gVisor, nothing starts, and you are told how to get it.

"#]]);
}

#[test]
fn a_direct_call_without_words_gives_help_and_is_wrong_usage() {
    let test = TestEnvironment::new();
    assert_eq!(test.direct("").text(), test.docker("sandbox").text());
}

#[test]
fn wrong_usage_says_what_is_wrong_and_where_help_is() {
    let test = TestEnvironment::new();
    test.docker("sandbox rum img").is(str![[r#"
exit 2
--- stderr
docker sandbox: unrecognized subcommand 'rum'; tip: a similar subcommand exists: 'run'
hint: see how it is used:
    docker sandbox --help

"#]]);
    test.docker("--context x sandbox bogus").is(str![[r#"
exit 2
--- stderr
docker sandbox: unrecognized subcommand 'bogus'
hint: see how it is used:
    docker --context x sandbox --help

"#]]);
    test.direct("bogus").is(str![[r#"
exit 2
--- stderr
docker sandbox: unrecognized subcommand 'bogus'
hint: see how it is used:
    docker-sandbox --help

"#]]);
    test.docker("help sandbox bogus").is(str![[r#"
exit 2
--- stderr
docker sandbox: unrecognized subcommand 'bogus'
hint: see how it is used:
    docker sandbox --help

"#]]);
    test.docker("sandbox config --bogus").is(str![[r#"
exit 2
--- stderr
docker sandbox: unexpected argument '--bogus' found
hint: see how it is used:
    docker sandbox config --help

"#]]);
    test.docker("sandbox config extra").is(str![[r#"
exit 2
--- stderr
docker sandbox: unexpected argument 'extra' found
hint: see how it is used:
    docker sandbox config --help

"#]]);
    test.docker("sandbox alias").is(str![[r#"
exit 2
--- stderr
docker sandbox: the following required arguments were not provided: <SHELL>
hint: see how it is used:
    docker sandbox alias --help

"#]]);
    test.docker("sandbox alias tcsh").is(str![[r#"
exit 2
--- stderr
docker sandbox: invalid value 'tcsh' for '<SHELL>'; [possible values: bash, zsh, fish]; tip: a similar value exists: 'zsh'
hint: see how it is used:
    docker sandbox alias --help

"#]]);
    test.docker("sandbox config --format yaml").is(str![[r#"
exit 2
--- stderr
docker sandbox: invalid value 'yaml' for '--format <FORMAT>'; [possible values: table, json]
hint: see how it is used:
    docker sandbox config --help

"#]]);
    test.docker("sandbox trust one two").is(str![[r#"
exit 2
--- stderr
docker sandbox: unexpected argument 'two' found
hint: see how it is used:
    docker sandbox trust --help

"#]]);
}
