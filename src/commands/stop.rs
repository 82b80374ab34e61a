//! `docker sandbox stop`.

use clap::ArgMatches;

use crate::commands::fleet::Asking;
use crate::context::Context;

/// The answer is the exit code, Docker's.
pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<u8> {
    let names: Vec<String> = matches.get_many("container").into_iter().flatten().cloned().collect();
    // Docker's long name for it has changed.
    let time = matches.get_one::<i64>("time").map(|seconds| vec!["-t".to_owned(), seconds.to_string()]);
    Asking::new(context)?.act("stop", &time.unwrap_or_default(), &names)
}
