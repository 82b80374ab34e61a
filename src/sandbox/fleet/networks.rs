//! Networks of ours that nobody uses.

use std::time::{Duration, SystemTime};

use super::container::{Container, time};
use super::filter::Filters;
use super::{about, prune, succeeded};
use crate::docker::client::Docker;
use crate::sandbox::isolated::Network as Inspected;
use crate::sandbox::labels::{Found, OURS};

/// A network of ours. Networks have no images that they could have labels of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What our labels say.
    pub labels: Found,
}

/// Those of ours that are wanted, are a minute old and that neither a running container nor one of `containers` is on. A
/// label is not enough: all that we make are isolated.
///
/// # Errors
/// The daemon did not tell.
pub fn unused(
    docker: &Docker,
    containers: &[&Container],
    filters: &Filters,
    limit: Duration,
) -> anyhow::Result<Vec<Network>> {
    let filter = format!("--filter=label={OURS}");
    let answer = succeeded(docker, &["network", "ls", "--quiet", "--no-trunc", &filter], limit)?;
    let ids: Vec<String> = answer.stdout.split_whitespace().map(str::to_owned).collect();
    let (inspected, _) = about::<Inspected>(docker, "network", &ids, limit)?;
    let now = SystemTime::now();
    let used = |network: &Inspected| {
        let on = |one: &&Container| one.networks.iter().any(|at| *at == network.id || *at == network.name);
        network.containers.as_ref().is_some_and(|containers| !containers.is_empty())
            || containers.iter().any(on)
    };
    // A younger one may have been made for a container that is about to be made.
    let old = |network: &Inspected| {
        time(&network.created).is_none_or(|made| now.duration_since(made).is_ok_and(|age| age > prune::YOUNG))
    };
    let unused =
        inspected.into_iter().filter(|network| network.is_isolated() && !used(network) && old(network));
    let unused = unused.filter_map(|network| {
        let labels = Found::of(network.labels.as_ref()?)?;
        Some(Network { id: network.id, name: network.name, labels })
    });
    Ok(unused.filter(|one| filters.wants(&one.id, &one.name, &one.labels, now)).collect())
}

/// Removes them.
///
/// # Errors
/// The daemon took too long, or `docker` could not be started.
pub fn remove(docker: &Docker, networks: &[Network], limit: Duration) -> anyhow::Result<prune::Removed> {
    let ids: Vec<String> = networks.iter().map(|network| network.id.clone()).collect();
    prune::remove_networks(docker, &ids, limit)
}
