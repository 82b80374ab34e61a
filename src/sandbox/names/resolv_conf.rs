//! The text of a container's `/etc/resolv.conf`, as Docker writes it on its default bridge, where the container
//! itself asks the servers that Docker's resolver would ask for it. Pure.
//!
//! Source: `updateDNS` and `rebuildDNS` in moby's `libnetwork/sandbox_dns_unix.go`, `libnetwork/resolvconf`.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::line::Dns;

/// Docker's own choice where the host has no server that a container reaches.
const FALLBACK: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

/// The host's file where systemd's resolver is all that `/etc/resolv.conf` names.
pub const SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";

/// What a `resolv.conf` says.
#[must_use]
pub fn read(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => dns.servers.extend(words.next().map(str::to_owned)),
            // The last one counts.
            Some("search" | "domain") => dns.search = words.map(str::to_owned).collect(),
            Some("options") => dns.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    dns
}

/// Whether the host leaves everything to systemd's resolver, which no container reaches.
#[must_use]
pub fn is_systemds(host: &Dns) -> bool {
    host.servers == ["127.0.0.53"]
}

/// The text for a container: what its line says, else the daemon's configuration, else the host.
#[must_use]
pub fn text(line: &Dns, daemon: &Dns, host: &Dns, ipv6: bool) -> String {
    let first = |pick: fn(&Dns) -> &Vec<String>| {
        [line, daemon].into_iter().map(pick).find(|values| !values.is_empty()).cloned()
    };
    let servers = first(|dns| &dns.servers).unwrap_or_else(|| {
        let reached = |server: &&String| match server.parse() {
            Ok(IpAddr::V4(address)) => !address.is_loopback(),
            Ok(IpAddr::V6(address)) => ipv6 && !address.is_loopback(),
            // With a zone: only the host's links have that.
            Err(_) => false,
        };
        let servers: Vec<String> = host.servers.iter().filter(reached).cloned().collect();
        if servers.is_empty() { FALLBACK.map(str::to_owned).to_vec() } else { servers }
    });
    let mut search = first(|dns| &dns.search).unwrap_or_else(|| host.search.clone());
    // `--dns-search .` is none.
    if search == ["."] {
        search.clear();
    }
    let options = first(|dns| &dns.options).unwrap_or_else(|| host.options.clone());
    let mut text = String::from("# Made by docker sandbox; `--no-fix` leaves it to Docker.\n");
    let mut line = |key: &str, values: &[String]| {
        let values: Vec<&str> = values.iter().map(String::as_str).filter(|value| is_word(value)).collect();
        if !values.is_empty() {
            let _ = writeln!(text, "{key} {}", values.join(" "));
        }
    };
    for server in &servers {
        line("nameserver", std::slice::from_ref(server));
    }
    line("search", &search);
    line("options", &options);
    text
}

fn is_word(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Dns = Dns { servers: Vec::new(), search: Vec::new(), options: Vec::new() };

    /// Without the comment.
    fn lines(line: &Dns, daemon: &Dns, host: &str, ipv6: bool) -> Vec<String> {
        text(line, daemon, &read(host), ipv6).lines().skip(1).map(str::to_owned).collect()
    }

    fn dns(servers: &[&str], search: &[&str], options: &[&str]) -> Dns {
        let own = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        Dns { servers: own(servers), search: own(search), options: own(options) }
    }

    #[test]
    fn the_host_is_asked_as_docker_would_ask_it() {
        let host = "# x\nnameserver 10.0.0.53\nnameserver 127.0.0.1\nnameserver fe80::1%eth0\nnameserver fd00::53\n\
                    search a.example b.example\noptions edns0 trust-ad\n";
        let rest = ["search a.example b.example", "options edns0 trust-ad"];
        assert_eq!(lines(&NOTHING, &NOTHING, host, false), ["nameserver 10.0.0.53", rest[0], rest[1]]);
        let six = lines(&NOTHING, &NOTHING, host, true);
        assert_eq!(six, ["nameserver 10.0.0.53", "nameserver fd00::53", rest[0], rest[1]]);
        assert_eq!(
            lines(&NOTHING, &NOTHING, "nameserver ::1\n", true),
            ["nameserver 8.8.8.8", "nameserver 8.8.4.4"]
        );
        assert!(is_systemds(&read("nameserver 127.0.0.53\noptions edns0\n")));
        assert!(!is_systemds(&read(host)));
    }

    #[test]
    fn the_line_goes_before_the_daemon_and_the_daemon_before_the_host() {
        let daemon = dns(&["10.1.1.1"], &["daemon.example"], &[]);
        let line = dns(&["10.2.2.2", "10.3.3.3"], &["."], &["ndots:3"]);
        let host = "nameserver 10.0.0.53\nsearch host.example\noptions rotate\n";
        assert_eq!(
            lines(&NOTHING, &daemon, host, false),
            ["nameserver 10.1.1.1", "search daemon.example", "options rotate"]
        );
        assert_eq!(
            lines(&line, &daemon, host, false),
            ["nameserver 10.2.2.2", "nameserver 10.3.3.3", "options ndots:3"]
        );
        let hostile = dns(&["10.2.2.2\nnameserver 6.6.6.6"], &[], &[]);
        assert_eq!(lines(&hostile, &daemon, "", false), ["search daemon.example"]);
    }
}
