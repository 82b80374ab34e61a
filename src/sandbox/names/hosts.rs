//! The text of a container's `/etc/hosts`. Pure.
//!
//! Names come from other containers, which must not be able to say anything but their own addresses: what is
//! not certainly one name is left out, and nobody takes over a name of this machine, of the user's or of the
//! container itself.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::line::Own;
use super::resolver::Answer;

/// What Docker writes at the top of each one. Source: `defaultContent` in moby's `libnetwork/etchosts`.
const LOCAL: [(&str, &str); 6] = [
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("ff00::0", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
];

/// musl reads lines of less than 512 bytes, and takes the rest of a longer one for a line.
const LONGEST_LINE: usize = 500;

/// The container's own place on its networks, once it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The text for a container: localhost, what its line says, itself, then everybody.
#[must_use]
pub fn text(own: &Own, place: Option<&Place>, answers: &[Answer]) -> String {
    let mut text =
        String::from("# Kept by docker sandbox while the container runs; `--no-fix` leaves it to Docker.\n");
    for (address, names) in LOCAL {
        let _ = writeln!(text, "{address}\t{names}");
    }
    let mut taken: Vec<String> =
        LOCAL.iter().flat_map(|(_, names)| names.split(' ')).map(str::to_owned).collect();
    for (name, address) in &own.hosts {
        let _ = writeln!(text, "{address}\t{name}");
        taken.push(name.to_ascii_lowercase());
    }
    let names = place.map(|place| own_names(own, &place.id)).unwrap_or_default();
    for address in place.iter().flat_map(|place| &place.addresses) {
        write(&mut text, *address, &names);
    }
    taken.extend(names.iter().map(|name| name.to_ascii_lowercase()));
    for answer in answers {
        let names: Vec<&str> = allowed(answer, &taken).collect();
        write(&mut text, answer.address, &names);
    }
    text
}

/// The names of `answer` that may stand beside those already `taken`.
pub fn allowed<'a>(answer: &'a Answer, taken: &[String]) -> impl Iterator<Item = &'a str> {
    answer
        .names
        .iter()
        .map(String::as_str)
        .filter(|name| is_name(name) && !taken.contains(&name.to_ascii_lowercase()))
}

/// Names that a line adds itself: nobody else may have them.
#[must_use]
pub fn users(own: &Own) -> Vec<String> {
    own.hosts.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

/// Whether `name` is certainly one name, of another machine.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let lower = name.to_ascii_lowercase();
    let local = lower == "localhost" || lower.ends_with(".localhost");
    // `127.1` and `0x7f.1` are addresses to some.
    let number = |label: &str| match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let address = lower.contains('.') && lower.split('.').all(number);
    name.len() <= 253 && name.split('.').all(label) && !local && !address
}

/// The whole name and the first part of it, as Docker does. Source: `buildHostsFile` in moby's
/// `libnetwork/sandbox_dns_unix.go`.
fn own_names(own: &Own, id: &str) -> Vec<String> {
    let short = || id.get(..12).unwrap_or(id).to_owned();
    let mut whole = own.hostname.clone().unwrap_or_else(short);
    if let Some(domain) = &own.domainname {
        let _ = write!(whole, ".{domain}");
    }
    let first = whole.split('.').next().filter(|first| first.len() < whole.len()).map(str::to_owned);
    let names = std::iter::once(whole).chain(first);
    names.filter(|name| is_name(name)).collect()
}

/// As many lines as it takes.
fn write<S: AsRef<str>>(text: &mut String, address: IpAddr, names: &[S]) {
    let mut line = String::new();
    for name in names {
        let name = name.as_ref();
        if !line.is_empty() && line.len() + name.len() >= LONGEST_LINE {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        if line.is_empty() {
            line = format!("{address}\t{name}");
        } else {
            line.extend([" ", name]);
        }
    }
    if !line.is_empty() {
        let _ = writeln!(text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(address: &str, names: &[&str]) -> Answer {
        Answer {
            address: address.parse().unwrap(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The lines behind those of every file.
    fn lines(own: &Own, place: Option<&Place>, answers: &[Answer]) -> Vec<String> {
        text(own, place, answers).lines().skip(1 + LOCAL.len()).map(str::to_owned).collect()
    }

    fn place() -> Place {
        Place { id: "0123456789abcdef".into(), addresses: vec!["172.18.0.9".parse().unwrap()] }
    }

    #[test]
    fn the_users_come_first_then_the_container_then_the_others() {
        let own = Own { hosts: vec![("db".into(), "10.0.0.1".parse().unwrap())], ..Own::default() };
        let answers =
            [answer("172.18.0.2", &["db", "DB", "db.back"]), answer("172.18.0.9", &["me", "0123456789ab"])];
        assert_eq!(
            lines(&own, Some(&place()), &answers),
            ["10.0.0.1\tdb", "172.18.0.9\t0123456789ab", "172.18.0.2\tdb.back", "172.18.0.9\tme"]
        );
        assert_eq!(lines(&Own::default(), None, &answers)[1], "172.18.0.9\tme 0123456789ab");
    }

    #[test]
    fn the_own_name_is_written_as_docker_writes_it() {
        let named = |hostname: &str, domainname: &str| {
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let own = Own { hostname: some(hostname), domainname: some(domainname), ..Own::default() };
            lines(&own, Some(&place()), &[]).remove(0)
        };
        assert_eq!(named("", ""), "172.18.0.9\t0123456789ab");
        assert_eq!(named("a.b", "c.d"), "172.18.0.9\ta.b.c.d a");
        assert_eq!(named("a", ""), "172.18.0.9\ta");
    }

    #[test]
    fn what_is_not_certainly_a_name_of_another_machine_is_left_out() {
        for name in ["a", "a_b.c-d", "1password", "7", "xn--e1a", "redis.6"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "a b",
            "a\nb",
            "a\tb",
            "a#",
            ".",
            "a.",
            ".a",
            "a..b",
            "LOCALHOST",
            "x.localhost",
            "127.0.0.1",
            "0x7F.1",
            "é",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(!is_name(&"a".repeat(254)));
    }

    #[test]
    fn long_lines_are_broken() {
        let names: Vec<String> = (0..100).map(|number| format!("alias-{number}")).collect();
        let answers = [Answer { address: "::1".parse().unwrap(), names: names.clone() }];
        let lines = lines(&Own::default(), None, &answers);
        assert!(lines.iter().all(|line| line.len() < 512 && line.starts_with("::1\t")));
        let seen: Vec<&str> = lines.iter().flat_map(|line| line[4..].split(' ')).collect();
        assert_eq!(seen, names);
    }

    proptest! {
        #[test]
        fn no_name_says_more_than_its_own_address(names in proptest::collection::vec("\\PC*|[a-z \\n\\t#.]{0,8}|localhost|db|me", 0..6)) {
            let own = Own {
                hostname: Some("me".into()),
                hosts: vec![("db".into(), "10.0.0.1".parse().unwrap())],
                ..Own::default()
            };
            let answers = [Answer { address: "172.18.0.66".parse().unwrap(), names }];
            for line in lines(&own, Some(&place()), &answers).iter().skip(2) {
                let (address, names) = line.split_once('\t').unwrap();
                prop_assert_eq!(address, "172.18.0.66");
                for name in names.split(' ') {
                    prop_assert!(is_name(name) && !["db", "me"].contains(&name.to_ascii_lowercase().as_str()));
                }
            }
        }
    }
}
