//! Whether one running container is in gVisor.

use std::time::Duration;

use super::check::Check;
use super::client;
use crate::docker::client::Docker;
use crate::docker::stop::Stop;
use crate::docker::{ask, failure};
use crate::error::Error;
use crate::gvisor::detect::{self, Identity};
use crate::gvisor::proof::HostProcess;
use crate::gvisor::shim;
use crate::ui::{plain, shown};

const ID: &str = "container.gvisor";
/// The build that every gVisor gives itself. Source: `pkg/sentry/syscalls/linux/linux64.go`.
const BUILD: &str = "#1 SMP Sun Jan 10 15:06:54 PST 2016";

pub(super) fn check(docker: &Docker, container: &str, limit: Duration, stop: &Stop) -> Check {
    let what = format!("container `{container}`");
    let state = match inspect(docker, container, limit) {
        Ok(state) => state,
        Err(error) => return client::broken(ID, &what, &error),
    };
    if !state.running {
        return Check::fail(ID, what, "it does not run, so there is nothing to look at")
            .fix("Start it:", [docker.shown(["start", container])]);
    }
    let start_again = docker.shown(["sandbox", "run", "…"]);
    let outside = |seen: String| {
        Check::fail(ID, what.clone(), seen).fix("Start it anew, in gVisor:", [start_again.clone()])
    };
    let runtime = format!("runtime {}", shown(&state.runtime));
    if let Some(process) = HostProcess::read(&state.pid, &state.id) {
        let seen = format!("{runtime}; its process {} is {}", process.pid, shown(&process.name));
        return if process.is_gvisor() { Check::ok(ID, what, seen) } else { outside(seen) };
    }
    if stop.signal().is_some() {
        return Check::skip(ID, what, "stopped");
    }
    // The daemon's processes are not ours to see: the container's own kernel has to tell, and what
    // runs in there could have put another `cat` in its place. What the runtime is counts too.
    let gvisor = is_gvisor(docker, &state.runtime, limit);
    match kernel(docker, container, limit) {
        Some(kernel) if kernel.contains(BUILD) && gvisor => {
            Check::ok(ID, what, format!("{runtime} is gVisor; its kernel says {}", shown(kernel.trim())))
        }
        Some(kernel) if gvisor || kernel.contains(BUILD) => outside(format!(
            "{runtime} {} gVisor, but its kernel says {}",
            if gvisor { "is" } else { "is not" },
            shown(kernel.trim())
        )),
        Some(kernel) => outside(format!("{runtime} is not gVisor; its kernel says {}", shown(kernel.trim()))),
        None if gvisor => Check::warn(
            ID,
            what,
            format!("{runtime} is gVisor; neither its process nor its kernel can be seen from here"),
        ),
        None => outside(format!("{runtime} is not gVisor")),
    }
}

struct State {
    id: String,
    running: bool,
    pid: String,
    runtime: String,
}

fn inspect(docker: &Docker, container: &str, limit: Duration) -> anyhow::Result<State> {
    let format = "{{.Id}} {{.State.Running}} {{.State.Pid}} {{.HostConfig.Runtime}}";
    let answer = docker
        .command(["container", "inspect", "--format", format, "--", container])
        .answer_within(limit)?
        .ok_or_else(|| failure::timed_out(docker, limit))?;
    let words: Vec<&str> = answer.stdout.split_whitespace().collect();
    match words.as_slice() {
        [id, running, pid, runtime @ ..] if answer.status.success() => Ok(State {
            id: (*id).to_owned(),
            running: *running == "true",
            pid: (*pid).to_owned(),
            runtime: runtime.join(" "),
        }),
        _ if answer.stderr.to_ascii_lowercase().contains("no such container") => {
            Err(Error::new(format!("there is no container {}", shown(container)))
                .hint("see those there are:", docker.shown(["ps"]))
                .into())
        }
        _ => Err(Error::new(plain(answer.stderr.trim()))
            .hint("see it fail by hand:", docker.shown(["inspect", container]))
            .into()),
    }
}

fn is_gvisor(docker: &Docker, runtime: &str, limit: Duration) -> bool {
    let known = ask::runtimes(docker, limit).unwrap_or_default();
    runtime == shim::TYPE
        || known.get(runtime).is_some_and(|known| detect::identify(runtime, known) == Identity::Gvisor)
}

fn kernel(docker: &Docker, container: &str, limit: Duration) -> Option<String> {
    let exec = docker.command(["exec", "--", container, "cat", "/proc/version"]);
    let answer = exec.answer_within(limit).ok()??;
    answer.status.success().then_some(answer.stdout)
}
