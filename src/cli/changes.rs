//! The command over changes that wait: `changes`.

use clap::{Arg, ArgAction, Command, ValueHint, value_parser};

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

pub(super) fn command(format: Arg) -> Command {
    Command::new("changes")
        .about("List, show, apply or drop changes of `do --write` that were not applied")
        .long_about(
            "List, show, apply or drop changes of `do --write` that were not applied.\n\n\
             A rule holds a change back, its file changed on the host while the command ran (a conflict), the host \
             refused it, or it has not been reviewed. Without ID, `changes` lists those of the current project; the \
             project is the repository that the current directory is in.\n\n\
             If an earlier command was interrupted, `changes` finishes its work first.\n\n\
             Exits with 1 if a change that was to be applied was not.",
        )
        .arg(
            Arg::new("id")
                .value_name("ID")
                .help("ID of the changes of one command, or a unique prefix of it"),
        )
        .arg(flag("diff", "Show the differences from the host, on a terminal in $PAGER"))
        .arg(flag("stat", "Show the number of added and removed lines of each file").conflicts_with("diff"))
        .arg(
            Arg::new("apply")
                .long("apply")
                .value_name("PATH")
                .num_args(0..)
                .value_parser(value_parser!(std::path::PathBuf))
                .value_hint(ValueHint::AnyPath)
                .conflicts_with_all(["diff", "stat", "drop", "all", "format"])
                .help(
                    "Apply the changes that are to be reviewed; with PATH, all changes there, also those that\n\
                     a rule holds back or that conflict",
                ),
        )
        .arg(
            flag("drop", "Remove the changes without applying them").conflicts_with_all(["diff", "stat", "all", "format"]),
        )
        .arg(flag("all", "List the changes of all projects").conflicts_with("id"))
        .arg(format.conflicts_with_all(["diff", "stat"]))
}
