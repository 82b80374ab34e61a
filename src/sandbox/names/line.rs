//! What a command line of `docker run` says about names and networks. Pure.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Serialize};

use crate::docker::csv;
use crate::docker::networks::Network;
use crate::docker::run_line::RunLine;

/// The file that says which name has which address.
pub const HOSTS: &str = "/etc/hosts";
/// The file that says who is asked for all other names.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What one line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The user-defined networks that it joins, by name or id.
    pub networks: Vec<String>,
    /// What the container calls itself and others.
    pub own: Own,
    /// Whether it has an `--add-host` that only Docker can carry out: `host-gateway`, say.
    pub needs_docker: bool,
    /// `--dns`, `--dns-search` and `--dns-option`.
    pub dns: Dns,
    /// `--cidfile`; empty for none.
    pub id_file: OsString,
    /// Whether it mounts something at [`HOSTS`].
    pub mounts_hosts: bool,
    /// Whether it mounts something at [`RESOLV_CONF`].
    pub mounts_resolv_conf: bool,
}

/// The part of a line that is kept for as long as the container is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// `--hostname`; Docker's default is the short id.
    pub hostname: Option<String>,
    /// `--name`; Docker's default is known when the container is made.
    pub name: Option<String>,
    /// `--domainname`.
    pub domainname: Option<String>,
    /// `--link CONTAINER:NAME`.
    pub links: Vec<(String, String)>,
    /// `--add-host NAME:IP`.
    pub hosts: Vec<(String, IpAddr)>,
}

/// Who is asked for names of the outside, as options of `docker run` or the daemon's configuration say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Addresses.
    pub servers: Vec<String>,
    /// Domains.
    pub search: Vec<String>,
    /// `ndots:2`.
    pub options: Vec<String>,
}

impl Line {
    /// Reads a command line.
    #[must_use]
    pub fn of(line: &RunLine) -> Self {
        let networks = Network::of(line).into_iter().filter(Network::is_user_defined);
        // What is no text is no name, and Docker refuses it.
        let networks = networks.filter_map(|network| network.name.into_string().ok()).collect();
        let mut read = Self { networks, ..Self::default() };
        for option in line.options() {
            if option.name == "cidfile" {
                option.value.unwrap_or_default().clone_into(&mut read.id_file);
            }
            let Some(text) = option.value.unwrap_or_default().to_str() else { continue };
            read.take(option.name, text);
        }
        read
    }

    fn take(&mut self, name: &str, text: &str) {
        let value = text.to_owned();
        match name {
            "hostname" => self.own.hostname = Some(value).filter(|name| !name.is_empty()),
            // Docker takes the slash that it shows before each name.
            "name" => {
                self.own.name = Some(text.trim_start_matches('/').to_owned()).filter(|name| !name.is_empty());
            }
            "domainname" => self.own.domainname = Some(value).filter(|name| !name.is_empty()),
            "link" => self.own.links.push(link(text)),
            "add-host" => match host(text) {
                Some(host) => self.own.hosts.push(host),
                None => self.needs_docker = true,
            },
            "dns" => self.dns.servers.push(value),
            "dns-search" => self.dns.search.push(value),
            "dns-option" | "dns-opt" => self.dns.options.push(value),
            "volume" | "mount" | "tmpfs" => {
                let target = target(name, text);
                self.mounts_hosts |= target.as_deref().is_some_and(|target| is_at(target, HOSTS));
                self.mounts_resolv_conf |= target.is_some_and(|target| is_at(&target, RESOLV_CONF));
            }
            _ => {}
        }
    }
}

/// `CONTAINER:NAME`, or `CONTAINER` under its own name.
fn link(value: &str) -> (String, String) {
    let (container, name) = value.split_once(':').unwrap_or((value, value));
    (container.to_owned(), name.to_owned())
}

/// `NAME:IP` or `NAME=IP`; an IPv6 address may stand in brackets. Source: `ValidateExtraHost` in docker/cli's
/// `opts/hosts.go`.
fn host(value: &str) -> Option<(String, IpAddr)> {
    let (name, address) = value.split_once('=').or_else(|| value.split_once(':'))?;
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let fits = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#');
    fits.then_some((name.to_owned(), bare.parse().ok()?))
}

/// Where a `-v`, a `--mount` or a `--tmpfs` is mounted.
fn target(option: &str, value: &str) -> Option<String> {
    match option {
        "tmpfs" => Some(value.split(':').next().unwrap_or_default().to_owned()),
        "volume" => {
            let mut parts = value.split(':');
            let first = parts.next()?;
            Some(parts.next().unwrap_or(first).to_owned())
        }
        _ => csv::fields(value.as_bytes())?.iter().rev().find_map(|field| {
            let (key, target) = std::str::from_utf8(field).ok()?.split_once('=')?;
            let key = key.trim().to_ascii_lowercase();
            matches!(key.as_str(), "target" | "dst" | "destination").then(|| target.to_owned())
        }),
    }
}

/// Whether `target` is `file` or a folder above it. A link inside of the image is not seen from here.
fn is_at(target: &str, file: &str) -> bool {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in target.as_bytes().split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let target =
        parts.iter().fold(std::path::PathBuf::from("/"), |path, part| path.join(OsStr::from_bytes(part)));
    std::path::Path::new(file) == target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::Flags;

    fn of(options: &[(&str, &str)]) -> Line {
        let words: Vec<OsString> = options
            .iter()
            .map(|(name, value)| format!("--{name}={value}").into())
            .chain(["img".into()])
            .collect();
        Line::of(&RunLine::parse(&words, &Flags::run()).unwrap())
    }

    #[test]
    fn networks_that_somebody_made_are_read() {
        let line = of(&[
            ("net", "a"),
            ("network", "host"),
            ("network", "name=b,alias=x"),
            ("network", "container:c"),
        ]);
        assert_eq!(line.networks, ["a", "b"]);
    }

    #[test]
    fn hosts_of_the_users_are_taken_over_or_left_to_docker() {
        let six =
            of(&[("add-host", "six:fd00::1"), ("add-host", "six=[fd00::2]"), ("add-host", "a:10.0.0.1")]);
        let text: Vec<String> = six.own.hosts.iter().map(|(name, ip)| format!("{name} {ip}")).collect();
        assert_eq!(text, ["six fd00::1", "six fd00::2", "a 10.0.0.1"]);
        assert!(!six.needs_docker);
        for odd in ["a:host-gateway", "a b:10.0.0.1", "a", "a\nb:10.0.0.1", ":10.0.0.1"] {
            assert!(of(&[("add-host", odd)]).needs_docker, "{odd}");
        }
    }

    #[test]
    fn mounts_over_the_two_files_are_seen() {
        for (option, value) in [
            ("volume", "/a:/etc/hosts"),
            ("volume", "/a:/etc//./hosts:ro"),
            ("volume", "/etc/hosts"),
            ("mount", "type=bind,src=/a,dst=/etc/x/../hosts"),
            ("mount", "type=bind,\"Target=/etc/hosts\",ro"),
            ("tmpfs", "/etc/hosts:size=1m"),
        ] {
            let line = of(&[(option, value)]);
            assert_eq!((line.mounts_hosts, line.mounts_resolv_conf), (true, false), "{value}");
        }
        assert!(of(&[("volume", "/a:/etc/resolv.conf")]).mounts_resolv_conf);
        assert!(!of(&[("volume", "/etc/hosts:/x"), ("mount", "src=/etc/hosts,dst=/y")]).mounts_hosts);
    }

    #[test]
    fn what_the_container_is_called_is_read() {
        let line = of(&[
            ("hostname", "h"),
            ("name", "/n"),
            ("cidfile", "x"),
            ("cidfile", "id"),
            ("domainname", "d"),
            ("link", "db"),
            ("link", "web:www"),
            ("dns", "10.0.0.53"),
            ("dns-opt", "ndots:2"),
            ("dns-option", "rotate"),
        ]);
        assert_eq!((line.own.hostname.as_deref(), line.own.name.as_deref()), (Some("h"), Some("n")));
        assert_eq!(line.id_file, "id");
        assert_eq!(line.own.links, [("db".into(), "db".into()), ("web".into(), "www".into())]);
        assert_eq!(line.dns.options, ["ndots:2", "rotate"]);
    }
}
