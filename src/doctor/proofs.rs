//! A real container per gVisor runtime, without and with network.

use super::check::{Check, Outcome};
use super::runtimes::Gvisor;
use super::{Daemon, Verdict, Wanted};
use crate::docker::client::Docker;
use crate::gvisor::detect::USUAL_NAME;
use crate::gvisor::failures;
use crate::gvisor::kept::{Kept, Memory};
use crate::gvisor::proof::{self, How, Network, Proof};

/// The verdict is about the runtime that `docker sandbox run` takes.
pub(super) fn check(
    wanted: &Wanted<'_>,
    docker: &Docker,
    daemon: &Daemon,
    gvisors: &[Gvisor],
    sink: &mut dyn FnMut(Check),
) -> Verdict {
    let mut verdict = Verdict::Ill;
    if gvisors.is_empty() {
        sink(Check::skip("proof", "a sandbox starts", "there is no runtime to start it with"));
    }
    for gvisor in gvisors {
        let mut proven = true;
        for network in [Network::Without, Network::Default] {
            let proof = proof::prove(docker, &gvisor.name, network, wanted.proof_limit, &wanted.stop);
            if proof == Proof::Interrupted {
                return Verdict::Stopped;
            }
            let hangs = matches!(proof, Proof::Hangs { .. });
            let kept = match proof {
                Proof::Proven { kept, .. } if network == Network::Without => kept,
                _ => None,
            };
            let check = told(gvisor, network, proof, daemon);
            proven &= check.result == Outcome::Ok;
            sink(check);
            if let Some(kept) = kept {
                remember(wanted, daemon, gvisor, kept);
                sink(read_only(wanted, gvisor, kept));
            }
            if hangs {
                // It would hang with a network too, for as long again.
                break;
            }
        }
        if gvisor.chosen && proven {
            verdict = Verdict::Healthy;
        }
    }
    verdict
}

/// For the starts, which believe nothing else of a release that they do not know.
fn remember(wanted: &Wanted<'_>, daemon: &Daemon, gvisor: &Gvisor, kept: Kept) {
    let environment = &wanted.context.environment;
    if let Some(cache) = environment.cache.as_deref() {
        let search = environment.path.as_deref();
        Memory::of(cache, &daemon.endpoint, &gvisor.name, &gvisor.registered, search).keep(kept);
    }
}

fn read_only(wanted: &Wanted<'_>, gvisor: &Gvisor, kept: Kept) -> Check {
    let (id, what) =
        ("proof.read-only", format!("read-only mounts stay as they are, runtime `{}`", gvisor.name));
    match kept {
        Kept::Yes => Check::ok(id, what, "a file of the host was to be emptied, and is as it was"),
        Kept::No => {
            let seen = "the container emptied a file of the host that was mounted read-only. `docker sandbox` mounts \
                        folders so that the host's kernel prevents it, and refuses what it cannot";
            let name = (gvisor.name != USUAL_NAME).then(|| format!("--name={}", gvisor.name));
            let setup = std::iter::once("setup".to_owned()).chain(name);
            Check::warn(id, what, seen).fix(
                "Register it with `--directfs=false`, or install a newer gVisor:",
                [wanted.context.command_line(setup)],
            )
        }
    }
}

fn told(gvisor: &Gvisor, network: Network, proof: Proof, daemon: &Daemon) -> Check {
    let (id, how) = match network {
        Network::Without => ("proof.without-network", "without network"),
        Network::Default => ("proof.with-network", "with Docker's default network"),
    };
    let what = format!("a container starts in gVisor, runtime `{}`, {how}", gvisor.name);
    match proof {
        Proof::Proven { how: How::Host, evidence, .. } => Check::ok(id, what, evidence),
        Proof::Proven { how: How::Inside, evidence, .. } => {
            let why = if daemon.is_local() {
                "its process cannot be read"
            } else {
                "the daemon's processes cannot be seen from here"
            };
            Check::ok(id, what, format!("{evidence}; {why}"))
        }
        Proof::NotGvisor { evidence } => {
            let check = Check::fail(id, what, format!("it started, and not in gVisor: {evidence}"));
            if daemon.is_dockerd {
                check.fix(
                    "Register gVisor itself under this name, and reload:",
                    ["sudo runsc install", "sudo systemctl reload docker"],
                )
            } else {
                check.fix(
                    "What answers may ignore the runtime that a container requests. Use a Docker Engine with gVisor:",
                    ["docker context ls"],
                )
            }
        }
        Proof::Failed { text, failure, left } => {
            let check = Check::fail(id, what, text);
            let check = match failure {
                Some(failure) => {
                    let binary = gvisor.binary.as_ref();
                    check.explained(binary.map_or(failure, |binary| binary.explain(failure)))
                }
                None => {
                    check.fix("See what the daemon has to say about it:", ["sudo journalctl -u docker -n 50"])
                }
            };
            with_rest(check, left)
        }
        Proof::Hangs { limit, left } => {
            let limit = humantime::format_duration(limit);
            let seen = format!("it hangs: no container after {limit}, so it was killed");
            let check = Check::fail(id, what, seen).explained(&failures::HANGS);
            with_rest(check, left)
        }
        Proof::Interrupted => Check::skip(id, what, "stopped"),
    }
}

fn with_rest(check: Check, left: Option<String>) -> Check {
    match left {
        Some(command) => check.fix("Remove what could not be removed from here:", [command]),
        None => check,
    }
}
