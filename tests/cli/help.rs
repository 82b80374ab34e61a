//! Help.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn every_way_to_ask_for_help_gives_the_same() {
    let test = TestEnvironment::new();
    let first = test
        .docker("help sandbox")
        .is(str![[r#"
exit 0
--- stdout
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

"#]])
        .text()
        .to_owned();
    for words in ["sandbox --help", "sandbox help", "sandbox -h", "--context x sandbox --help"] {
        assert_eq!(test.docker(words).text(), first, "docker {words}");
    }
    for words in ["--help", "help", "-h"] {
        assert_eq!(test.direct(words).text(), first, "docker-sandbox {words}");
    }
}

#[test]
fn every_way_to_ask_for_help_on_run_gives_the_same() {
    let test = TestEnvironment::new();
    let first = test
        .docker("help sandbox run")
        .is(str![[r#"
exit 0
--- stdout
docker run, inside gVisor

Usage: docker sandbox run [OPTIONS] IMAGE [COMMAND] [ARG...]

Options:
      --help                       Print this help
      --no-sandbox                 Start it without gVisor, as `docker` would; the same as --sandbox=none
      --sandbox <MODE>             How strict to be: `required` (the default) starts nothing without gVisor,
                                   `preferred` warns and goes on with Docker's default runtime,
                                   `none` does not look for gVisor
      --verbose                    Say on stderr which runtime is used and why
      --detect-timeout <DURATION>  How long the daemon may take to say which runtimes it has [default: 10s]
      --allow <RULE>               Allow what this rule forbids; a comma list, and can be given more than once
      --quiet-rule <RULE>          Do not warn of this rule; a comma list, and can be given more than once
      --no-fix                     Add nothing that makes up for what differs in gVisor; warn of it instead
      --persist                    Keep what is written to the root filesystem, for docker cp, commit, stop and start
      --ttl <DURATION>             How long it may stay, running or not, before it is removed; `none` for ever
                                   [default: with -d, and for create, the setting `ttl`: 30d]

Every option of `docker run` works here too and means the same: docker run --help
`--runtime NAME` is honoured where NAME is gVisor, and refused otherwise.

"#]])
        .text()
        .to_owned();
    for words in
        ["sandbox run --help", "sandbox help run", "sandbox run --rm --help img", "sandbox run --help=true"]
    {
        assert_eq!(test.docker(words).text(), first, "docker {words}");
    }
    for words in ["run --help", "help run"] {
        assert_eq!(test.direct(words).text(), first, "docker-sandbox {words}");
    }
}

#[test]
fn help_on_create_names_create() {
    TestEnvironment::new().docker("sandbox create --help").is(str![[r#"
exit 0
--- stdout
docker create, for gVisor

Usage: docker sandbox create [OPTIONS] IMAGE [COMMAND] [ARG...]

Options:
      --help                       Print this help
      --no-sandbox                 Start it without gVisor, as `docker` would; the same as --sandbox=none
      --sandbox <MODE>             How strict to be: `required` (the default) starts nothing without gVisor,
                                   `preferred` warns and goes on with Docker's default runtime,
                                   `none` does not look for gVisor
      --verbose                    Say on stderr which runtime is used and why
      --detect-timeout <DURATION>  How long the daemon may take to say which runtimes it has [default: 10s]
      --allow <RULE>               Allow what this rule forbids; a comma list, and can be given more than once
      --quiet-rule <RULE>          Do not warn of this rule; a comma list, and can be given more than once
      --no-fix                     Add nothing that makes up for what differs in gVisor; warn of it instead
      --persist                    Keep what is written to the root filesystem, for docker cp, commit, stop and start
      --ttl <DURATION>             How long it may stay, running or not, before it is removed; `none` for ever
                                   [default: with -d, and for create, the setting `ttl`: 30d]

Every option of `docker create` works here too and means the same: docker create --help
`--runtime NAME` is honoured where NAME is gVisor, and refused otherwise.

"#]]);
}

#[test]
fn help_behind_the_image_is_the_containers() {
    TestEnvironment::with_gvisor().docker("sandbox run img --help").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img --help

"#]]);
}

#[test]
fn help_on_the_other_commands() {
    let test = TestEnvironment::new();
    test.docker("help sandbox config").is(str![[r#"
exit 0
--- stdout
Show the settings in force and where each came from

Usage: docker sandbox config [OPTIONS]

Options:
      --format <FORMAT>  How to print them [default: table] [possible values: table, json]
  -h, --help             Print help

"#]]);
    test.docker("sandbox trust --help").is(str![[r#"
exit 0
--- stdout
Let a project's agent.yaml weaken the sandbox.

Trust is bound to the file's path and to its content: any change to the file ends it.

Usage: docker sandbox trust [FILE]

Arguments:
  [FILE]
          The project's file [default: the nearest agent.yaml]

Options:
  -h, --help
          Print help (see a summary with '-h')

"#]]);
    test.docker("sandbox untrust --help").is(str![[r#"
exit 0
--- stdout
Take the trust in a project's agent.yaml back

Usage: docker sandbox untrust [FILE]

Arguments:
  [FILE]  The project's file [default: the nearest agent.yaml]

Options:
  -h, --help  Print help

"#]]);
    test.docker("sandbox alias --help").is(str![[r#"
exit 0
--- stdout
Print a shell function that sends docker run and docker create through the sandbox.

bash, in ~/.bashrc:                    eval "$(docker sandbox alias bash)"
zsh, in ~/.zshrc:                      eval "$(docker sandbox alias zsh)"
fish, in ~/.config/fish/config.fish:   docker sandbox alias fish | source

Usage: docker sandbox alias <SHELL>

Arguments:
  <SHELL>
          Your shell
          
          [possible values: bash, zsh, fish]

Options:
  -h, --help
          Print help (see a summary with '-h')

"#]]);
    test.docker("sandbox version --help").is(str![[r#"
exit 0
--- stdout
Show the versions of this plugin and of the docker CLI

Usage: docker sandbox version

Options:
  -h, --help  Print help

"#]]);
}
