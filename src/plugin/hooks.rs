//! What we have to say after one of Docker's own commands.
//!
//! Docker asks where `config.json` says so (`plugins.sandbox.hooks`: `run,create`, and
//! `error-hooks`). Source: docker/cli `cli-plugins/hooks` and `cli-plugins/manager/hooks.go`.

use std::ffi::OsStr;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;

use crate::context::Context;
use crate::docker::config_file::ConfigFile;
use crate::docker::daemon::DaemonProcess;
use crate::docker::service::Service;
use crate::gvisor::failures;
use crate::ui;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    root_cmd: String,
    #[serde(default)]
    command_error: String,
}

/// Docker prints ten lines at most.
const MOST_LINES: usize = 10;

pub(crate) fn answer(context: &Context, request: &OsStr) -> anyhow::Result<()> {
    // A `docker run` of ours needs no advice to use us.
    if context.environment.inner {
        return Ok(());
    }
    let request: Request =
        serde_json::from_str(&request.to_string_lossy()).context("cannot read Docker's hook request")?;
    match template(&request, || service(context)) {
        Some(template) => ui::out(&format!("{}\n", json!({ "Type": 0, "Template": template }))),
        None => Ok(()),
    }
}

/// The daemon that was meant, as far as its socket shows it. Docker does not tell which it was.
fn service(context: &Context) -> Service {
    let current = context.config_json().and_then(|path| ConfigFile::read(&path).ok()?.current_context);
    let socket = context.local_socket(current.as_deref());
    let process = socket.and_then(|socket| DaemonProcess::serving(&socket));
    process.as_ref().map(Service::of_process).unwrap_or_default()
}

/// The text that Docker prints, or nothing to say.
fn template(request: &Request, service: impl FnOnce() -> Service) -> Option<String> {
    let words: Vec<&str> = request.root_cmd.split_ascii_whitespace().collect();
    let command = match words.as_slice() {
        [command @ ("run" | "create")] | ["container", command @ ("run" | "create")] => *command,
        _ => return None,
    };
    let text = if request.command_error.is_empty() {
        format!("Run the same inside gVisor, a kernel of its own → docker sandbox {command} …")
    } else {
        let failure = failures::recognise(&request.command_error)?;
        let mut lines = vec![format!("Why: {}", failure.cause), failure.fix.to_owned()];
        let service = service();
        lines.extend(failure.commands.iter().map(|command| format!("    {}", service.command(command))));
        lines.truncate(MOST_LINES);
        lines.join("\n")
    };
    // Docker runs it through Go's text/template: this is how that prints two braces.
    Some(text.replace("{{", r#"{{"{{"}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(root: &str, error: &str) -> Option<String> {
        template(&Request { root_cmd: root.into(), command_error: error.into() }, Service::default)
    }

    #[test]
    fn a_plain_run_is_told_how_to_run_in_the_sandbox() {
        assert!(said("run", "").unwrap().ends_with("docker sandbox run …"));
        assert!(said("container create", "").unwrap().ends_with("docker sandbox create …"));
        assert_eq!(said("ps", ""), None);
        assert_eq!(said("compose run", ""), None);
    }

    #[test]
    fn a_gvisor_error_is_explained_and_any_other_is_left_alone() {
        let text = said("run", "docker: Error response from daemon: unknown or invalid runtime name: runsc.")
            .unwrap();
        assert!(text.contains("not registered"), "{text}");
        assert!(text.lines().count() <= MOST_LINES);
        assert_eq!(said("run", "pull access denied for x"), None);
    }
}
