//! The text of a container's `/etc/hosts`. Pure.
//!
//! Names come from other containers, which must not be able to say anything but their own addresses: what is
//! not certainly one name is left out, and nobody takes over a name of this machine, of the user's or of the
//! container itself.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

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

/// This host, whatever its address: connecting to it reaches the container itself, binding to it takes all of its
/// interfaces. Its own names have it until it has an address of its own, which Docker may give it (28.5 does) only
/// shortly before its first instruction. Source: RFC 1122, 3.2.1.3; measured with runsc 20221219 and 20240729.
const THIS_HOST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// musl reads lines of less than 512 bytes, and takes the rest of a longer one for a line.
const LONGEST_LINE: usize = 500;

/// The container's own place on its networks, once Docker has made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its addresses; none while it is on no network.
    pub addresses: Vec<IpAddr>,
}

/// The text for a container: localhost, what its line says, itself, then everybody. Nobody else has its own names, from
/// the first text on.
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
    let names = own_names(own, place);
    match place.map(|place| place.addresses.as_slice()) {
        None | Some([]) => write(&mut text, THIS_HOST, &names),
        Some(addresses) => addresses.iter().for_each(|address| write(&mut text, *address, &names)),
    }
    taken.extend(names.iter().map(|name| name.to_ascii_lowercase()));
    for answer in answers {
        let names: Vec<&str> = allowed(answer, &taken).collect();
        write(&mut text, answer.address, &names);
    }
    text
}

/// `text`, made before the container was, with what it is called since; `None` if that is in there, perhaps with its
/// addresses.
#[must_use]
pub fn introduced(text: &str, own: &Own, place: &Place) -> Option<String> {
    let short = place.id.get(..12)?;
    let has = |line: &str| line.split(['\t', ' ']).any(|name| name == short);
    // A comment, localhost and what its line says: see `text`.
    let head = 1 + LOCAL.len() + own.hosts.len();
    if text.lines().skip(head).any(has) {
        return None;
    }
    let lines =
        |lines: &mut dyn Iterator<Item = &str>| lines.flat_map(|line| [line, "\n"]).collect::<String>();
    let mut new = lines(&mut text.lines().take(head));
    write(&mut new, THIS_HOST, &own_names(own, Some(place)));
    let placeholder = format!("{THIS_HOST}\t");
    new += &lines(&mut text.lines().skip(head).filter(|line| !line.starts_with(&placeholder)));
    Some(new)
}

/// The names of `answer` that may stand beside those already `taken`.
pub fn allowed<'a>(answer: &'a Answer, taken: &[String]) -> impl Iterator<Item = &'a str> {
    answer
        .names
        .iter()
        .map(String::as_str)
        .filter(|name| is_name(name) && !taken.contains(&name.to_ascii_lowercase()))
}

/// Names that a line adds or gives the container itself: nobody else may have them.
#[must_use]
pub fn users(own: &Own) -> Vec<String> {
    let added = own.hosts.iter().map(|(name, _)| name.clone());
    added.chain(own_names(own, None)).map(|name| name.to_ascii_lowercase()).collect()
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

/// The whole hostname and the first part of it, as Docker does (`buildHostsFile` in moby's
/// `libnetwork/sandbox_dns_unix.go`), then what only this container can be called: its name and its short id. As far as
/// they are known.
fn own_names(own: &Own, place: Option<&Place>) -> Vec<String> {
    let short = place.map(|place| place.id.get(..12).unwrap_or(&place.id).to_owned());
    let whole = own.hostname.clone().or_else(|| short.clone()).map(|mut whole| {
        if let Some(domain) = &own.domainname {
            let _ = write!(whole, ".{domain}");
        }
        whole
    });
    let first = whole.as_ref().and_then(|whole| Some(whole.split_once('.')?.0.to_owned()));
    let name = place.map(|place| place.name.clone()).or_else(|| own.name.clone());
    let mut names: Vec<String> = Vec::new();
    for name in [whole, first, name, short].into_iter().flatten() {
        if is_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
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
        let addresses = vec!["172.18.0.9".parse().unwrap()];
        Place { id: "0123456789abcdef".into(), name: "web".into(), addresses }
    }

    #[test]
    fn the_users_come_first_then_the_container_then_the_others() {
        let own = Own { hosts: vec![("db".into(), "10.0.0.1".parse().unwrap())], ..Own::default() };
        let answers =
            [answer("172.18.0.9", &["web", "alias"]), answer("172.18.0.2", &["db", "DB", "WEB", "db.back"])];
        assert_eq!(
            lines(&own, Some(&place()), &answers),
            ["10.0.0.1\tdb", "172.18.0.9\t0123456789ab web", "172.18.0.9\talias", "172.18.0.2\tdb.back"]
        );
        assert_eq!(lines(&Own::default(), None, &answers)[1], "172.18.0.2\tdb DB WEB db.back");
    }

    #[test]
    fn own_names_are_there_and_nobody_elses_before_there_is_an_address() {
        let own = Own { hostname: Some("me.here".into()), name: Some("web".into()), ..Own::default() };
        let peer = [answer("172.18.0.2", &["peer", "ME", "web", "0123456789ab"])];
        assert_eq!(lines(&own, None, &peer), ["0.0.0.0\tme.here me web", "172.18.0.2\tpeer 0123456789ab"]);
        let made = Place { addresses: vec![], ..place() };
        assert_eq!(
            lines(&own, Some(&made), &peer),
            ["0.0.0.0\tme.here me web 0123456789ab", "172.18.0.2\tpeer"]
        );
        assert_eq!(lines(&Own::default(), None, &peer), ["172.18.0.2\tpeer ME web 0123456789ab"]);
        assert_eq!(users(&own), ["me.here", "me", "web"]);
    }

    #[test]
    fn a_container_is_introduced_once_where_its_text_has_it() {
        let made = Place { addresses: vec![], ..place() };
        let peer = [answer("172.18.0.2", &["peer", "sql"])];
        let hosts = vec![("db".into(), "10.0.0.1".parse().unwrap()), ("zero".into(), THIS_HOST)];
        for hostname in [None, Some("me".to_owned())] {
            let own = Own { hostname, hosts: hosts.clone(), ..Own::default() };
            let introduced = introduced(&text(&own, None, &peer), &own, &made).unwrap();
            assert_eq!(introduced, text(&own, Some(&made), &peer));
            for text in [introduced, text(&own, Some(&place()), &peer)] {
                assert_eq!(super::introduced(&text, &own, &made), None);
            }
        }
    }

    #[test]
    fn the_own_name_is_written_as_docker_writes_it() {
        let named = |hostname: &str, domainname: &str| {
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let own = Own { hostname: some(hostname), domainname: some(domainname), ..Own::default() };
            lines(&own, Some(&place()), &[]).remove(0)
        };
        assert_eq!(named("", ""), "172.18.0.9\t0123456789ab web");
        assert_eq!(named("a.b", "c.d"), "172.18.0.9\ta.b.c.d a web 0123456789ab");
        assert_eq!(named("a", ""), "172.18.0.9\ta web 0123456789ab");
        assert_eq!(named("web", ""), "172.18.0.9\tweb 0123456789ab");
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
