//! What the updater does: looks at all containers when something has happened, and writes what has changed.

use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::folder::{Folder, Kept};
use super::follow::{Event, Events};
use super::hosts::{self, Place};
use super::questions::{self, Container};
use super::resolver::{self, Connections, Network};
use crate::docker::client::Docker;

/// How long the daemon may take for an answer.
const LIMIT: Duration = Duration::from_secs(10);
/// As above, for a container that may be busy with something else.
const LIMIT_FOR_ONE: Duration = Duration::from_secs(2);
/// How long a container that has ended may take to be started again.
const LINGER: Duration = Duration::from_secs(60);
/// How often we look whether a start came to nothing, and try again what failed.
const AGAIN: Duration = Duration::from_secs(1);
/// What comes within so short a time is answered at once.
const BURST: Duration = Duration::from_millis(20);
/// How often we look for files of a start that came to nothing, of which no event tells.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// Why there is nothing left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// No container has our files, or none that has them runs.
    NothingLeft,
    DaemonGone,
}

/// When to look again, if nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    AtEvents,
    Soon,
    /// Only containers that have ended have our files.
    Waiting,
    Never,
}

pub(super) struct Keeper<'a> {
    docker: &'a Docker,
    folder: &'a Folder,
    /// The networks of our containers, and those that may be.
    networks: Vec<String>,
    /// What is known of connections; a new one has a new key.
    connections: Connections,
    /// The containers that we have to hear of, ours among them; `None` where it may be any.
    of_interest: Option<Vec<String>>,
    /// The files that we know of.
    seen: Vec<PathBuf>,
    /// All containers, as they were when we looked last.
    containers: Vec<Container>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(docker: &'a Docker, folder: &'a Folder) -> Self {
        let networks = questions::network_ids(docker, LIMIT).unwrap_or_default();
        Self {
            docker,
            folder,
            networks,
            connections: Connections::new(),
            of_interest: None,
            seen: Vec::new(),
            containers: Vec::new(),
        }
    }

    /// Until nothing is left to do.
    pub(super) fn keep(&mut self, events: &Events) -> Ending {
        let mut ended: Option<Instant> = None;
        loop {
            let next = self.look();
            ended = (next == Next::Waiting).then(|| ended.unwrap_or_else(Instant::now));
            let left = match next {
                Next::Never => return Ending::NothingLeft,
                Next::AtEvents => None,
                Next::Soon => Some(AGAIN),
                Next::Waiting => ended.map(|since| LINGER.saturating_sub(since.elapsed())),
            };
            if left.is_some_and(|left| left.is_zero()) {
                return Ending::NothingLeft;
            }
            if self.wait(events, left.map(|left| Instant::now() + left)).is_err() {
                return Ending::DaemonGone;
            }
        }
    }

    /// Until something happens that concerns us, or until `deadline`. An error is the daemon's end.
    fn wait(&mut self, events: &Events, deadline: Option<Instant>) -> Result<(), RecvTimeoutError> {
        let until = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        loop {
            let left = deadline.map_or(HOUSEKEEPING, until).min(HOUSEKEEPING);
            match events.inbox.recv_timeout(left) {
                Ok(event) if self.concerns(&event) => {
                    self.hasten(&event);
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
            // Of a start that we know nothing of, any event may tell.
            if deadline.is_some_and(|deadline| until(deadline).is_zero()) || self.has_news() {
                return Ok(());
            }
        }
        let burst = Instant::now() + BURST;
        while let Ok(event) = events.inbox.recv_timeout(until(burst)) {
            if self.concerns(&event) {
                self.hasten(&event);
            }
        }
        Ok(())
    }

    /// Writes the addresses of a container of ours that has just got one, before anything else is looked at: its first
    /// instruction may be 200 ms away (Docker 28.5).
    fn hasten(&mut self, event: &Event) {
        let Some(network) = event.network.as_ref().filter(|_| event.action == "connect") else { return };
        let Some(container) = self.containers.iter().find(|one| one.id == event.container) else { return };
        let kept = self.folder.kept().into_iter().find(|kept| mounts(container, kept));
        if let Some(kept) = kept {
            let mut ids = kept.about.networks.clone();
            if !ids.contains(network) {
                ids.push(network.clone());
            }
            if let Ok(networks) = questions::networks_left(self.docker, &ids, LIMIT_FOR_ONE) {
                self.write(&[(&kept, container)], &networks.iter().collect::<Vec<_>>());
            }
        }
    }

    /// Asks about `network` as well.
    fn also(&mut self, network: &String) {
        if !self.networks.contains(network) {
            self.networks.push(network.clone());
        }
    }

    /// Whether a start has left files that we know nothing of.
    pub(super) fn has_news(&self) -> bool {
        self.folder.kept().iter().any(|kept| !self.seen.contains(&kept.path))
    }

    /// Whether `event` may change one of our files; what it makes obsolete is forgotten.
    fn concerns(&mut self, event: &Event) -> bool {
        if event.action == "rename" {
            // Its connections stay, and have other names.
            self.connections.clear();
        }
        let container = self.of_interest.as_ref().is_none_or(|known| known.contains(&event.container));
        let Some(network) = &event.network else { return container };
        if container && event.action == "connect" {
            self.also(network);
        }
        container || self.networks.contains(network)
    }

    /// Looks at everything, and writes what has changed.
    fn look(&mut self) -> Next {
        // Before the containers: a start that has ended by then has left its container behind, or none.
        let kept: Vec<(Kept, bool)> = self
            .folder
            .kept()
            .into_iter()
            .map(|kept| {
                let starting = kept.about.starter.runs();
                (kept, starting)
            })
            .collect();
        self.seen = kept.iter().map(|(kept, _)| kept.path.clone()).collect();
        if kept.is_empty() {
            return Next::Never;
        }
        let Ok(containers) = questions::containers(self.docker, LIMIT) else { return Next::Soon };
        self.containers.clone_from(&containers);
        let mut owners: Vec<(&Kept, &Container)> = Vec::new();
        let mut pending = false;
        for (kept, starting) in &kept {
            let owner = containers.iter().find(|container| mounts(container, kept));
            match owner {
                None if !starting => {
                    kept.remove();
                    continue;
                }
                None => pending = true,
                Some(container) => owners.push((kept, container)),
            }
            kept.about.networks.iter().for_each(|network| self.also(network));
        }
        let complete = self.see_to(&owners, &containers, pending);
        if !complete || pending {
            Next::Soon
        } else if owners.is_empty() {
            Next::Never
        } else if owners.iter().all(|(_, container)| matches!(container.state.as_str(), "exited" | "dead")) {
            Next::Waiting
        } else {
            Next::AtEvents
        }
    }

    /// Writes the files of `owners`. Whether everything could be found out.
    fn see_to(&mut self, owners: &[(&Kept, &Container)], containers: &[Container], pending: bool) -> bool {
        let Ok(networks) = questions::networks_left(self.docker, &self.networks, LIMIT) else { return false };
        let ours = || owners.iter().map(|(_, container)| &container.id);
        let of_a_line =
            |network: &&Network| owners.iter().any(|(kept, _)| kept.about.networks.contains(&network.id));
        let joined = |network: &&Network| ours().any(|id| is_on(network, id)) || of_a_line(network);
        let joined: Vec<&Network> = networks.iter().filter(joined).collect();
        let complete = self.learn(&joined, containers);
        let written = self.write(owners, &joined);
        if !pending {
            self.networks.retain(|id| joined.iter().any(|network| network.id == *id));
        }
        let others = joined.iter().flat_map(|network| members(network)).map(|(id, _)| id.clone());
        self.of_interest = (!pending).then(|| others.chain(ours().cloned()).collect());
        complete && written
    }

    /// Writes the files of `owners` with what is known of `joined`, their networks. One that is on none of them, because
    /// it has not been started or has ended, finds those of its line, and itself under no address that is another's by then.
    fn write(&self, owners: &[(&Kept, &Container)], joined: &[&Network]) -> bool {
        let mut written = true;
        for (kept, container) in owners {
            // In the order of its line; one that was connected later comes last.
            let of_line = |network: &&Network| kept.about.networks.contains(&network.id);
            let named = kept.about.networks.iter();
            let named = named.filter_map(|id| joined.iter().copied().find(|network| network.id == *id));
            let later = joined.iter().copied().filter(|network| !of_line(network));
            let (mut own, not_on): (Vec<&Network>, Vec<&Network>) =
                named.chain(later).partition(|network| is_on(network, &container.id));
            if own.is_empty() {
                own = not_on.into_iter().filter(of_line).collect();
            }
            let answers =
                resolver::answers(&own, &self.connections, Some(&container.id), &kept.about.own.links);
            let addresses = own.iter().filter_map(|network| network.containers.as_ref()?.get(&container.id));
            let addresses = addresses.flat_map(resolver::Member::addresses).collect();
            let place = Place { id: container.id.clone(), name: container.name.clone(), addresses };
            if kept.hosts().is_some() {
                written &= kept.rewrite(&hosts::text(&kept.about.own, Some(&place), &answers)).is_ok();
            }
        }
        written
    }

    /// Finds out what the containers on `networks` are called besides their names, where that is new. Those that are
    /// being started tell only afterwards, and their start is an event.
    fn learn(&mut self, networks: &[&Network], containers: &[Container]) -> bool {
        let all = || networks.iter().flat_map(|network| members(network));
        self.connections.retain(|endpoint, _| all().any(|(_, member)| member.endpoint == *endpoint));
        let mut unknown: Vec<String> = Vec::new();
        for (id, _) in all().filter(|(_, member)| !self.connections.contains_key(&member.endpoint)) {
            let has_started =
                containers.iter().any(|container| container.id == *id && container.has_started());
            if has_started && !unknown.contains(id) {
                unknown.push(id.clone());
            }
        }
        if let Ok(connections) = questions::connections(self.docker, &unknown, LIMIT_FOR_ONE) {
            self.connections.extend(connections);
            return true;
        }
        // One of them is busy: the others shall not wait for it.
        let mut complete = true;
        for id in unknown {
            match questions::connections(self.docker, &[id], LIMIT_FOR_ONE) {
                Ok(connections) => self.connections.extend(connections),
                Err(_) => complete = false,
            }
        }
        complete
    }
}

fn members(network: &Network) -> impl Iterator<Item = (&String, &resolver::Member)> {
    network.containers.iter().flatten()
}

fn is_on(network: &Network, id: &str) -> bool {
    network.containers.as_ref().is_some_and(|containers| containers.contains_key(id))
}

/// Whether `container` mounts these files.
fn mounts(container: &Container, kept: &Kept) -> bool {
    // Its name was never given to another one, so it is enough to find it.
    let name = kept.path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| container.mounts.contains(&format!("/{name}/")))
}
