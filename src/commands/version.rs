//! `docker sandbox version`.

use std::time::Duration;

use crate::context::Context;
use crate::plugin::metadata;
use crate::ui::{self, plain};

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let mut text = format!("docker-sandbox {}\n", metadata::version());
    // Without docker there is still a version to tell.
    if let Ok(docker) = context.docker() {
        let answer = docker.command(["--version"]).answer_within(Duration::from_secs(5));
        let said = answer.ok().flatten().map(|answer| plain(answer.stdout.trim())).unwrap_or_default();
        let said = if said.is_empty() { "did not answer" } else { &said };
        let program = plain(&docker.program().to_string_lossy());
        text = format!("{text}docker         {said} ({program})\n");
    }
    ui::out(&text)
}
