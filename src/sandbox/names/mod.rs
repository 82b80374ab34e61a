//! Names on user-defined networks.
//!
//! gVisor has a network stack of its own, in which Docker's resolver, 127.0.0.11, is not: on a network that
//! somebody made, neither containers' names nor those of the outside resolve (google/gvisor#7469). So we mount an
//! `/etc/hosts` and an `/etc/resolv.conf` of ours over Docker's, and an updater, which outlives us, keeps the names
//! of containers that come and go in the first one. docs/networks.md has the measurements behind that.
//!
//! What the daemon does not see of this machine it cannot mount: a remote one gets the names there are as `--add-host`.
//!
//! ```text
//! line, resolver, hosts, resolv_conf    pure: what a line says, which names there are, the text of the files
//! questions, folder, place              the daemon, our files, whether the one sees the other
//! updater, keeper, follow               the process that keeps the files
//! ```

pub mod folder;
mod follow;
pub mod hosts;
mod keeper;
pub mod line;
pub mod place;
pub mod questions;
pub mod resolv_conf;
pub mod resolver;
pub mod updater;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::docker::client::Docker;
use crate::gvisor::arguments::Argument;
use crate::gvisor::rules::runtime::uses_host_network;
use crate::sandbox::bind;
use crate::ui::shown;
use folder::{About, Folder, Starter};
use line::Line;
use place::Place;
use questions::Silence;
use resolver::{Answer, Connections, Network};

/// A container that is about to be started or made.
#[derive(Debug)]
pub struct Start<'a> {
    /// What its command line says.
    pub line: &'a Line,
    /// What the runtime that it gets, gVisor, is registered with.
    pub runtime: &'a [Argument],
    /// The daemon's socket, where it is certain without asking.
    pub socket: Option<&'a Path>,
    /// Our own program, for who keeps the files.
    pub program: Option<&'a Path>,
    /// Where our data is kept.
    pub data: Option<&'a Path>,
    /// How long the daemon may take for each answer.
    pub limit: Duration,
}

/// What is to be done for its names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// For Docker, in front of the image.
    pub words: Vec<OsString>,
    /// What that does, for `--verbose`.
    pub said: Vec<String>,
    /// What does not work all the same.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Whether there is nothing to do and nothing to say: names are as Docker and gVisor leave them.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn warning(text: String) -> Self {
        Self { warnings: vec![text], ..Self::default() }
    }
}

/// Whether names do not resolve on their own for `line` under a runtime registered with `arguments`, and we may do
/// something about it.
#[must_use]
pub fn concerns(line: &Line, arguments: &[Argument]) -> bool {
    let nothing_is_ours = line.mounts_hosts && line.mounts_resolv_conf;
    !(line.networks.is_empty() || nothing_is_ours || uses_host_network(arguments))
}

/// Makes the files, if the daemon sees them, and sees to it that somebody keeps them. Never stands in the way of
/// the start: what cannot be done is a warning.
#[must_use]
pub fn prepare(docker: &Docker, start: &Start<'_>) -> Outcome {
    let line = start.line;
    if !concerns(line, start.runtime) {
        return Outcome::default();
    }
    let networks = match questions::networks(docker, &line.networks, start.limit) {
        Ok(networks) => networks,
        // Docker says itself what is wrong with them.
        Err(Silence::Refused) => return Outcome::default(),
        Err(Silence::TimedOut) => return Outcome::warning(no_answer(start.limit)),
    };
    // Others have their own ways of resolving names, and are not measured.
    if networks.is_empty() || networks.iter().any(|network| network.driver != "bridge") {
        return Outcome::default();
    }
    let networks: Vec<&Network> = networks.iter().collect();
    let Ok(connections) = connections(docker, &networks, start.limit) else {
        return Outcome::warning(no_answer(start.limit));
    };
    let answers = resolver::answers(&networks, &connections, None, &line.own.links);
    let joined = networks.iter().map(|network| shown(&network.name)).collect::<Vec<_>>().join(", ");
    let place = place::find(docker, start.socket, start.limit);
    let Some(place) = place else {
        return added(
            line,
            &answers,
            &joined,
            "it cannot be seen whether the daemon shares this machine's files",
        );
    };
    mounted(docker, start, &place, &networks, &answers, &joined)
}

fn no_answer(limit: Duration) -> String {
    let limit = humantime::format_duration(limit);
    format!(
        "names of other containers will not resolve: the daemon did not say within {limit} which there are"
    )
}

/// What the containers on `networks` are called besides their names.
fn connections(docker: &Docker, networks: &[&Network], limit: Duration) -> Result<Connections, Silence> {
    let on: Vec<&String> =
        networks.iter().flat_map(|network| network.containers.iter().flatten().map(|(id, _)| id)).collect();
    if on.is_empty() {
        return Ok(Connections::new());
    }
    let containers = questions::containers(docker, limit)?;
    let started =
        containers.into_iter().filter(|container| container.has_started() && on.contains(&&container.id));
    questions::connections(docker, &started.map(|container| container.id).collect::<Vec<_>>(), limit)
}

/// The names there are, as options: for a daemon that does not see our files.
fn added(line: &Line, answers: &[Answer], joined: &str, why: &str) -> Outcome {
    let mut outcome = Outcome::default();
    if !line.mounts_hosts {
        outcome.words = add_hosts(line, answers);
        outcome.said.push(format!(
            "names on {joined}: {} with `--add-host`; Docker's resolver does not answer in gVisor (`--no-fix`: none)",
            outcome.words.len()
        ));
    }
    outcome.warnings.push(format!(
        "on {joined}, only names of containers that run already resolve in gVisor: not those of later ones, nor names \
         of the outside, because {why}"
    ));
    outcome
}

/// `--add-host=NAME:IP` for each, except for names that the line adds itself.
fn add_hosts(line: &Line, answers: &[Answer]) -> Vec<OsString> {
    let taken = hosts::users(&line.own);
    let hosts = answers
        .iter()
        .flat_map(|answer| hosts::allowed(answer, &taken).map(move |name| (name, answer.address)));
    hosts.map(|(name, address)| OsString::from(format!("--add-host={name}:{address}"))).collect()
}

/// Our files, mounted.
fn mounted(
    docker: &Docker,
    start: &Start<'_>,
    place: &Place,
    networks: &[&Network],
    answers: &[Answer],
    joined: &str,
) -> Outcome {
    let line = start.line;
    // `host-gateway` is an address that only the daemon knows: its own file has it.
    let hosts = (!line.mounts_hosts && !line.needs_docker).then(|| hosts::text(&line.own, None, answers));
    let shut_off = networks.iter().all(|network| network.internal);
    let ipv6 = networks.iter().any(|network| network.ipv6);
    // Without a way out, a server that is not reached takes longer to fail than one that is not there.
    let resolv_conf =
        (!line.mounts_resolv_conf && !shut_off).then(|| place.resolv_conf(&line.dns, ipv6)).flatten();
    let about = About {
        starter: Starter::this(),
        networks: networks.iter().map(|network| network.id.clone()).collect(),
        own: line.own.clone(),
        id: std::path::absolute(&line.id_file).unwrap_or_default(),
    };
    let Some(folder) = start.data.map(|data| Folder::at(place.folder_in(data))) else {
        return added(
            line,
            answers,
            joined,
            "there is no folder for our files: HOME is not set, or not there",
        );
    };
    let path = match folder.add(about, hosts.as_deref(), resolv_conf.as_deref()) {
        Ok(path) => path,
        Err(error) => {
            let why = format!("our files cannot be made: {}", crate::ui::plain(&format!("{error:#}")));
            return added(line, answers, joined, &why);
        }
    };
    if !place.sees(&path) {
        folder::remove(&path);
        return added(line, answers, joined, "the daemon does not see our files");
    }
    let mut outcome = Outcome::default();
    let files =
        [(&hosts, folder::HOSTS, line::HOSTS), (&resolv_conf, folder::RESOLV_CONF, line::RESOLV_CONF)];
    for (text, source, target) in files {
        if text.is_some() {
            outcome.words.push("--mount".into());
            outcome.words.push(bind::word(path.join(source).as_os_str(), target.as_ref(), true));
            outcome.said.push(format!(
                "names on {joined}: {target} is ours, as Docker's resolver does not answer in gVisor (`--no-fix`: Docker's)"
            ));
        }
    }
    if hosts.is_some() && line.id_file.is_empty() {
        outcome.words.push("--cidfile".into());
        outcome.words.push(path.join(folder::ID).into());
    }
    if resolv_conf.is_none() && !line.mounts_resolv_conf && !shut_off {
        outcome.warnings.push(format!(
            "on {joined}, names of the outside will not resolve in gVisor: the daemon's configuration cannot be read"
        ));
    }
    if hosts.is_none() && !line.mounts_hosts {
        outcome.words.extend(add_hosts(line, answers));
        outcome.warnings.push(format!(
            "on {joined}, only names of containers that run already resolve in gVisor, because only Docker knows what \
             this line's `--add-host` means"
        ));
    }
    if outcome.words.is_empty() {
        folder::remove(&path);
    } else if let Err(error) = updater::see_to_it(docker, start.program, place.socket(), &folder, &path) {
        let why = crate::ui::plain(&format!("{error:#}"));
        outcome.warnings.push(format!("names of containers that start later will not resolve: {why}"));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::Flags;
    use crate::docker::run_line::RunLine;

    fn of(options: &[(&str, &str)]) -> Line {
        let words: Vec<OsString> = options
            .iter()
            .map(|(name, value)| format!("--{name}={value}").into())
            .chain(["img".into()])
            .collect();
        Line::of(&RunLine::parse(&words, &Flags::run()).unwrap())
    }

    #[test]
    fn a_runtime_on_the_hosts_stack_and_files_of_the_users_concern_nobody() {
        let hostnet = [Argument { name: "network".into(), value: "host".into() }];
        let line = of(&[("network", "back")]);
        assert!(concerns(&line, &[]));
        assert!(!concerns(&line, &hostnet));
        assert!(!concerns(&of(&[("network", "host")]), &[]));
        assert!(concerns(&of(&[("network", "back"), ("volume", "/a:/etc/hosts")]), &[]));
        let both = [("network", "back"), ("volume", "/a:/etc/hosts"), ("volume", "/a:/etc/resolv.conf")];
        assert!(!concerns(&of(&both), &[]));
    }

    #[test]
    fn added_hosts_never_replace_the_users() {
        let line = of(&[("network", "back"), ("add-host", "db:10.0.0.1"), ("hostname", "me")]);
        let names = ["db", "DB", "sql", "a b", "me", "localhost"].map(str::to_owned).to_vec();
        let answers = [Answer { address: "fd00::2".parse().unwrap(), names }];
        assert_eq!(add_hosts(&line, &answers), ["--add-host=sql:fd00::2"]);
    }
}
