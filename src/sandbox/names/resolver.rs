//! The names that Docker's resolver answers for on a container's networks. Pure.
//!
//! Source: measured with Docker 20.10 and 26.1 (docs/networks.md), and `Sandbox.ResolveName` in moby's
//! `libnetwork/sandbox.go`: container names, aliases, short ids and hostnames, each also with `.NETWORK` behind it,
//! and the links of the container that asks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::hosts::is_name;

/// What `docker network inspect` says of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `bridge`, `overlay`, `macvlan`.
    pub driver: String,
    /// Whether it has no way out.
    pub internal: bool,
    /// Whether it has IPv6.
    #[serde(rename = "EnableIPv6")]
    pub ipv6: bool,
    /// The running containers on it, and those that are being started, by id.
    pub containers: Option<BTreeMap<String, Member>>,
}

/// One container on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Member {
    /// The container's name.
    #[serde(rename = "Name")]
    pub name: String,
    /// A new one for each connection.
    #[serde(rename = "EndpointID")]
    pub endpoint: String,
    /// `172.18.0.2/16`, or empty.
    #[serde(rename = "IPv4Address")]
    pub ipv4: String,
    /// `fd00::2/64`, or empty.
    #[serde(rename = "IPv6Address")]
    pub ipv6: String,
}

impl Member {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        [&self.ipv4, &self.ipv6].into_iter().filter_map(|text| text.split('/').next()?.parse().ok())
    }
}

/// What `docker inspect` says of one connection of a container: what `docker network inspect` leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// The one whose these are.
    #[serde(rename = "EndpointID")]
    pub endpoint: String,
    /// `--network-alias`; before Docker 25 also the short id and the hostname.
    #[serde(rename = "Aliases")]
    pub aliases: Option<Vec<String>>,
    /// All its names, from Docker 25 on.
    #[serde(rename = "DNSNames")]
    pub names: Option<Vec<String>>,
    /// `CONTAINER:NAME`, for this container alone.
    #[serde(rename = "Links")]
    pub links: Option<Vec<String>>,
}

/// Connections by their endpoint's id.
pub type Connections = BTreeMap<String, Connection>;

/// One address and its names, in the order in which they are to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The address.
    pub address: IpAddr,
    /// As Docker knows them: they may be anything.
    pub names: Vec<String>,
}

/// What the resolver of the container `asker` answers, where that one is known, with the `links` of its line. In the
/// order of the networks, then itself, then in the order of the containers' ids.
#[must_use]
pub fn answers(
    networks: &[&Network],
    connections: &Connections,
    asker: Option<&str>,
    links: &[(String, String)],
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for network in networks {
        let members = network.containers.iter().flatten();
        let own = asker.and_then(|asker| network.containers.as_ref()?.get(asker));
        let later = own.and_then(|own| connections.get(&own.endpoint)?.links.as_ref());
        let later = later.into_iter().flatten().filter_map(|link| link.split_once(':'));
        let links: Vec<(&str, &str)> =
            links.iter().map(|(container, name)| (container.as_str(), name.as_str())).chain(later).collect();
        let (itself, others): (Vec<_>, Vec<_>) = members.partition(|(id, _)| asker == Some(id.as_str()));
        for (id, member) in itself.into_iter().chain(others) {
            let mut names = names_of(id, member, connections.get(&member.endpoint));
            let linked = links.iter().filter(|(container, _)| is(id, member, container));
            names.extend(linked.map(|(_, name)| (*name).to_owned()));
            let certain = names.iter().filter(|name| is_name(name));
            let qualified: Vec<String> = certain.map(|name| format!("{name}.{}", network.name)).collect();
            names.extend(qualified);
            let mut once: Vec<String> = Vec::new();
            for name in names {
                if !once.contains(&name) {
                    once.push(name);
                }
            }
            answers.extend(member.addresses().map(|address| Answer { address, names: once.clone() }));
        }
    }
    answers
}

fn names_of(id: &str, member: &Member, connection: Option<&Connection>) -> Vec<String> {
    let mut names = vec![member.name.clone()];
    for more in connection.iter().flat_map(|connection| [&connection.aliases, &connection.names]) {
        names.extend(more.iter().flatten().cloned());
    }
    names.extend(id.get(..12).map(str::to_owned));
    names
}

/// Whether a link to `container` means this one: by its name, or by the beginning of its id.
fn is(id: &str, member: &Member, container: &str) -> bool {
    let container = container.strip_prefix('/').unwrap_or(container);
    !container.is_empty() && (member.name == container || container.len() >= 12 && id.starts_with(container))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn network() -> Network {
        let member = |name: &str, endpoint: &str, four: &str, six: &str| json!({"Name": name, "EndpointID": endpoint, "MacAddress": "x", "IPv4Address": four, "IPv6Address": six});
        serde_json::from_value(json!({
            "Name": "back", "Id": "n1", "Driver": "bridge", "Internal": false, "EnableIPv6": true,
            "Containers": {
                "aaaaaaaaaaaaaaaa": member("db", "e1", "172.18.0.2/16", "fd00::2/64"),
                "bbbbbbbbbbbbbbbb": member("web", "e2", "172.18.0.3/16", ""),
            },
        }))
        .unwrap()
    }

    fn text(answers: &[Answer]) -> Vec<String> {
        answers.iter().map(|answer| format!("{} {}", answer.address, answer.names.join(" "))).collect()
    }

    #[test]
    fn a_container_has_its_name_its_short_id_its_aliases_and_all_of_them_with_the_network() {
        let connection = Connection {
            aliases: Some(vec!["sql".into()]),
            names: Some(vec!["db".into(), "sql".into(), "dbhost".into()]),
            ..Connection::default()
        };
        let connections = Connections::from([("e1".to_owned(), connection)]);
        let db = "db sql dbhost aaaaaaaaaaaa db.back sql.back dbhost.back aaaaaaaaaaaa.back";
        assert_eq!(
            text(&answers(&[&network()], &connections, None, &[])),
            [
                format!("172.18.0.2 {db}"),
                format!("fd00::2 {db}"),
                "172.18.0.3 web bbbbbbbbbbbb web.back bbbbbbbbbbbb.back".to_owned(),
            ]
        );
    }

    #[test]
    fn links_are_the_askers_alone() {
        let links = Connection { links: Some(vec!["db:later".into()]), ..Connection::default() };
        let connections = Connections::from([("e2".to_owned(), links)]);
        let own = [("aaaaaaaaaaaa".to_owned(), "www".to_owned())];
        let web = text(&answers(&[&network()], &connections, Some("bbbbbbbbbbbbbbbb"), &own));
        assert!(web[0].starts_with("172.18.0.3 web "), "its own come first: {web:?}");
        assert!(web[1].contains(" www later "), "{web:?}");
        let other = text(&answers(&[&network()], &connections, Some("cccc"), &[]));
        assert!(!other.concat().contains("later"), "{other:?}");
    }

    #[test]
    fn a_network_without_containers_has_no_names() {
        for containers in [json!({}), json!(null)] {
            let network: Network =
                serde_json::from_value(json!({"Name": "n", "Containers": containers})).unwrap();
            assert_eq!(answers(&[&network], &Connections::new(), None, &[]), []);
        }
    }
}
