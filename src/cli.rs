//! The tree of commands for help, completion and docs/cli; no behaviour.

mod changes;
mod fleet;
mod one_shot;

use clap::{Arg, ArgAction, Command, ValueHint};

/// The whole tree, named as users type it.
#[must_use]
pub fn tree() -> Command {
    Command::new("sandbox")
        .bin_name("docker sandbox")
        .display_name("docker sandbox")
        .about("Run containers inside gVisor, with the arguments of docker run")
        .after_help(
            "`docker sandbox run` is `docker run`, with a kernel of its own between the container and the host.\n\
             If the Docker daemon has no gVisor, nothing starts, and you are told how to get it.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .max_term_width(100)
        .subcommands([run(), create(), one_shot::command(), changes::command(format("How to print the list"))])
        .subcommands([fleet::ls(), fleet::stop(), fleet::rm(), fleet::prune()])
        .subcommands([doctor(), setup(), config(), trust(), untrust(), alias(), version()])
}

fn run() -> Command {
    with_our_options(
        Command::new("run")
            .about("docker run, inside gVisor")
            .long_about("Create and run a new container from an image, inside gVisor.")
            .override_usage("docker sandbox run [OPTIONS] IMAGE [COMMAND] [ARG...]"),
        "run",
    )
}

fn create() -> Command {
    with_our_options(
        Command::new("create")
            .about("docker create, for gVisor")
            .long_about("Create a new container from an image; it will run inside gVisor.")
            .override_usage("docker sandbox create [OPTIONS] IMAGE [COMMAND] [ARG...]"),
        "create",
    )
}

/// The options that [`crate::docker::flags::Flags::ours`] names; a test holds the two together.
fn with_our_options(command: Command, verb: &str) -> Command {
    let docker = format!(
        "Every option of `docker {verb}` works here too and means the same: docker {verb} --help\n\
         `--runtime NAME` is honoured where NAME is gVisor, and refused otherwise."
    );
    // `-h` is Docker's `--hostname`.
    command
        .disable_help_flag(true)
        .arg(Arg::new("help").long("help").action(ArgAction::Help).help("Print this help"))
        .arg(
            Arg::new("no-sandbox")
                .long("no-sandbox")
                .action(ArgAction::SetTrue)
                .help("Start it without gVisor, as `docker` would; the same as --sandbox=none"),
        )
        .arg(Arg::new("sandbox").long("sandbox").value_name("MODE").help(
            "How strict to be: `required` (the default) starts nothing without gVisor,\n\
             `preferred` warns and goes on with Docker's default runtime,\n\
             `none` does not look for gVisor",
        ))
        .arg(
            Arg::new("verbose")
                .long("verbose")
                .action(ArgAction::SetTrue)
                .help("Say on stderr which runtime is used and why"),
        )
        .arg(
            Arg::new("detect-timeout")
                .long("detect-timeout")
                .value_name("DURATION")
                .help("How long the daemon may take to say which runtimes it has [default: 10s]"),
        )
        .arg(
            Arg::new("allow")
                .long("allow")
                .value_name("RULE")
                .action(ArgAction::Append)
                .help("Allow what this rule forbids; a comma list, and can be given more than once"),
        )
        .arg(
            Arg::new("quiet-rule")
                .long("quiet-rule")
                .value_name("RULE")
                .action(ArgAction::Append)
                .help("Do not warn of this rule; a comma list, and can be given more than once"),
        )
        .arg(
            Arg::new("no-fix")
                .long("no-fix")
                .action(ArgAction::SetTrue)
                .help("Add nothing that makes up for what differs in gVisor; warn of it instead"),
        )
        .arg(
            Arg::new("persist")
                .long("persist")
                .action(ArgAction::SetTrue)
                .help("Keep what is written to the root filesystem, for docker cp, commit, stop and start"),
        )
        .arg(Arg::new("ttl").long("ttl").value_name("DURATION").help(
            "How long it may stay, running or not, before it is removed; `none` for ever\n\
             [default: with -d, and for create, the setting `ttl`: 30d]",
        ))
        .after_help(docker)
}

fn doctor() -> Command {
    Command::new("doctor")
        .about("Say what is wrong between here and a container in gVisor")
        .long_about(
            "Say what is wrong between here and a container in gVisor.\n\n\
             Checks this client, the Docker daemon and, if the daemon is local, this machine; then starts a container \
             of its own with each gVisor runtime, and proves that it is in gVisor. Nothing is left behind.\n\n\
             Exits with 0 if the sandbox that `docker sandbox run` takes starts and is proven, with 1 otherwise.",
        )
        .arg(
            Arg::new("container")
                .value_name("CONTAINER")
                .help("Say only whether this running container is in gVisor"),
        )
        .arg(format("How to print the checks"))
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .conflicts_with("container")
                .help("Start no container; exit with 0 if no check fails"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .value_parser(humantime::parse_duration)
                .help("How long each container may take to start [default: 20s]"),
        )
}

fn config() -> Command {
    Command::new("config")
        .about("Show the settings in force and where each came from")
        .arg(format("How to print them"))
}

fn format(help: &'static str) -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["table", "json"])
        .default_value("table")
        .help(help)
}

fn setup() -> Command {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .value_parser(clap::value_parser!(std::path::PathBuf))
            .value_hint(ValueHint::AnyPath)
    };
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("setup")
        .about("Install gVisor, register it with the Docker daemon, and prove that it works")
        .long_about(
            "Install gVisor, register it with the Docker daemon, and prove that it works.\n\nThe plan is shown \
             first. A step that fails takes back what came before it. Running containers are not touched, and the \
             daemon is not restarted.",
        )
        .arg(Arg::new("from").long("from").value_name("SOURCE").value_parser(clap::value_parser!(std::ffi::OsString)).help(
            "Where gVisor comes from: `apt` (gVisor's repository), `release` or `release=DATE` (gVisor's downloads), \
             an archive or a runsc with its .sha512 beside it, a folder with a runsc, or the address of an archive \
             [default: the runsc that is there, else apt where that exists, else release]",
        ))
        .arg(flag("undo").help("Take back what setup did; without --name, for every name"))
        .arg(flag("dry-run").help("Print the plan and what would change in daemon.json, and change nothing"))
        .arg(flag("yes").short('y').help("Do not ask"))
        .arg(Arg::new("name").long("name").value_name("NAME").help("The runtime's name [default: runsc]"))
        .arg(Arg::new("platform").long("platform").value_name("PLATFORM").value_parser(["systrap", "kvm"]).help(
            "How gVisor catches system calls; kvm is tried on this machine before it is registered",
        ))
        .arg(
            Arg::new("runtime-arg")
                .long("runtime-arg")
                .value_name("ARG")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .help("An option for runsc, `--network=host` for example; can be given more than once"),
        )
        .arg(path("prefix", "DIR").help("Where the programs go [default: /usr/local/bin; rootless Docker: ~/.local/bin]"))
        .arg(path("config-file", "FILE").help("The daemon's configuration [default: the one that it uses]"))
        .arg(path("pidfile", "FILE").help("The daemon's pid file [default: the daemon is found by its socket]"))
}

fn file() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .value_parser(clap::value_parser!(std::path::PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("The project's file [default: the nearest agent.yaml]")
}

fn trust() -> Command {
    Command::new("trust")
        .about("Let a project's agent.yaml weaken the sandbox")
        .long_about(
            "Let a project's agent.yaml weaken the sandbox.\n\nTrust is bound to the file's path and to its content: \
             any change to the file ends it.",
        )
        .arg(file())
}

fn untrust() -> Command {
    Command::new("untrust").about("Take the trust in a project's agent.yaml back").arg(file())
}

fn alias() -> Command {
    Command::new("alias")
        .about("Print a shell function that sends docker run and docker create through the sandbox")
        .long_about(
            "Print a shell function that sends docker run and docker create through the sandbox.\n\n\
             bash, in ~/.bashrc:                    eval \"$(docker sandbox alias bash)\"\n\
             zsh, in ~/.zshrc:                      eval \"$(docker sandbox alias zsh)\"\n\
             fish, in ~/.config/fish/config.fish:   docker sandbox alias fish | source",
        )
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(["bash", "zsh", "fish"])
                .help("Your shell"),
        )
}

fn version() -> Command {
    Command::new("version").about("Show the versions of this plugin and of the docker CLI")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::{Arity, Flags};

    #[test]
    fn the_tree_is_sound() {
        tree().debug_assert();
    }

    #[test]
    fn help_shows_exactly_the_options_that_the_grammar_takes_for_ours() {
        for verb in ["run", "create"] {
            let tree = tree();
            let command = tree.find_subcommand(verb).unwrap();
            let mut shown: Vec<(String, bool)> = command
                .get_arguments()
                .filter(|arg| arg.get_id() != "help")
                .map(|arg| (arg.get_long().unwrap().to_owned(), arg.get_action().takes_values()))
                .collect();
            let mut known: Vec<(String, bool)> =
                Flags::ours().iter().map(|flag| (flag.long.clone(), flag.arity == Arity::Value)).collect();
            shown.sort();
            known.sort();
            assert_eq!(shown, known);
        }
    }
}
