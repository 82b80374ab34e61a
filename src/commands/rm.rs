//! `docker sandbox rm`.

use clap::ArgMatches;

use crate::commands::fleet::Asking;
use crate::context::Context;

/// The answer is the exit code, Docker's.
pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<u8> {
    let names: Vec<String> = matches.get_many("container").into_iter().flatten().cloned().collect();
    let options = ["force", "volumes"].into_iter().filter(|name| matches.get_flag(name));
    let options: Vec<String> = options.map(|name| format!("--{name}")).collect();
    Asking::new(context)?.act("rm", &options, &names)
}
