//! The commands over what is there: `ls`, `rm`, `stop`, `prune`.

use clap::{Arg, ArgAction, Command};

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn filter(help: &'static str) -> Arg {
    Arg::new("filter").long("filter").value_name("KEY=VALUE").action(ArgAction::Append).help(help)
}

fn containers() -> Arg {
    Arg::new("container")
        .value_name("CONTAINER")
        .required(true)
        .num_args(1..)
        .help("Its name, its id or the beginning of its id")
}

const FILTER: &str = "Only these: kind=run|create|do|spare, owner=UID|all, project=FOLDER, name=PART, id=BEGINNING, \
                      expired=true|false";
const WHOSE: &str = "Of everything that docker sandbox has started on this daemon, that is what you have started; \
                     for root, and with `--filter owner=all`, what anybody has.";

pub(super) fn ls() -> Command {
    Command::new("ls")
        .about("List the sandboxes there are")
        .long_about(format!(
            "List the sandboxes there are; without --all, those that run.\n\n{WHOSE}\n\n\
             RUNTIME says whether this machine's own processes prove that a container is in gVisor. LEFT is the time \
             until it expires."
        ))
        .arg(flag("all", "Those too that do not run").short('a'))
        .arg(flag("quiet", "Print ids only").short('q'))
        .arg(filter(FILTER))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .default_value("table")
                .help("`table`, `json` (an object on each line), or fields in text: '{{.Name}}\\t{{.Left}}'"),
        )
        .arg(flag("no-trunc", "Print ids whole"))
}

pub(super) fn rm() -> Command {
    Command::new("rm")
        .about("Remove sandboxes")
        .long_about(
            "Remove sandboxes.\n\nWhat docker sandbox has not started is refused. All are looked at before the first \
             one is removed.",
        )
        .arg(flag("force", "Those too that run").short('f'))
        .arg(flag("volumes", "Their volumes that have no name as well").short('v'))
        .arg(containers())
}

pub(super) fn stop() -> Command {
    Command::new("stop")
        .about("Stop running sandboxes")
        .long_about(
            "Stop running sandboxes.\n\nWhat docker sandbox has not started is refused. All are looked at before the \
             first one is stopped.",
        )
        .arg(
            Arg::new("time")
                .short('t')
                .long("time")
                .value_name("SECONDS")
                .value_parser(clap::value_parser!(i64))
                .allow_negative_numbers(true)
                .help("How long they may take before they are killed [default: Docker's, 10]"),
        )
        .arg(containers())
}

pub(super) fn prune() -> Command {
    Command::new("prune")
        .about("Remove sandboxes whose time is over, and what is left of others")
        .long_about(format!(
            "Remove sandboxes whose time is over, and what is left of others.\n\n\
             That is: what has expired, running or not; idle spares; one-shot sandboxes that ended or never started, \
             and are older than a minute; networks of ours that nobody uses. Volumes without a name go with their \
             containers.\n\n{WHOSE}\n\nOn a terminal it asks first."
        ))
        .arg(flag("dry-run", "Print what would go and why, and touch nothing"))
        .arg(filter(FILTER))
        .arg(flag("force", "Do not ask").short('f'))
}
