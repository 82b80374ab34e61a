//! `docker sandbox trust` and `untrust`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ArgMatches;

use crate::context::Context;
use crate::error::Error;
use crate::settings::project;
use crate::settings::trust::Trust;
use crate::ui::{self, plain, shown};

pub(super) fn trust(context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let path = file(context, matches, "trust")?;
    let Some(file) = project::read(&path)? else {
        let message =
            format!("{} says nothing about the sandbox, so there is nothing to trust", shown(&path));
        return Err(Error::new(message)
            .hint("see what is in force:", context.command_line(["config"]))
            .into());
    };
    list(context)?.add(&file)?;
    ui::out(&format!(
        "trusted: {} (line {}: sandbox: {}, sha256 {})\n",
        plain(&file.path.to_string_lossy()),
        file.line,
        file.mode,
        file.digest
    ))
}

pub(super) fn untrust(context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let path = file(context, matches, "untrust")?;
    // A file that is gone can be untrusted too, by the path that it had.
    let path = project::real_path(&path).unwrap_or(path);
    if list(context)?.remove(&path)? {
        ui::out(&format!("no longer trusted: {}\n", plain(&path.to_string_lossy())))
    } else {
        let message = format!("{} was not trusted", shown(&path));
        Err(Error::new(message).hint("see what is in force:", context.command_line(["config"])).into())
    }
}

fn list(context: &Context) -> anyhow::Result<Trust> {
    let data = context
        .environment
        .data
        .as_deref()
        .context("there is no home folder to keep the list of trusted files in")?;
    Trust::read(data)
}

fn file(context: &Context, matches: &ArgMatches, verb: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = matches.get_one::<PathBuf>("file") {
        return Ok(context.absolute(path));
    }
    let found = project::nearest(&context.environment.folder);
    found.ok_or_else(|| {
        let folder = shown(&context.environment.folder);
        Error::new(format!("no {} between {folder} and the root of its repository", project::NAME))
            .hint("name the file:", context.command_line([verb, "FILE"]))
            .into()
    })
}
