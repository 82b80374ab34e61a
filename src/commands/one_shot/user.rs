//! Who a command is: the caller, unless somebody else was asked for.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::context::folders;
use crate::docker::ids::{self, Ids};
use crate::docker::local::Local;
use crate::error::Error;

/// What the guard needs to become the caller and to give the caller a name; the command has none of it.
const CAPABILITIES: [&str; 6] = ["DAC_OVERRIDE", "KILL", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN"];
/// A name for who has none on this machine either.
const NAMELESS: &str = "user";

/// A command's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum User {
    /// `--user`, which Docker looks up in the image.
    Given(OsString),
    /// The caller.
    Caller(Caller),
}

/// The caller, or whose directory it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// On this machine.
    outside: Ids,
    /// In the container.
    inside: Ids,
    /// Whether these differ.
    pub(super) is_mapped: bool,
    name: String,
}

impl Caller {
    /// The caller; root's commands in a directory of somebody else's are that one's, as root without capabilities could not
    /// write there.
    ///
    /// # Errors
    /// No user of a container is the caller.
    pub(super) fn of(daemon: &Local<'_>, project: &Path) -> Result<Self, Error> {
        let mut outside = Ids::of_caller();
        if outside.user == 0
            && let Ok(about) = project.metadata()
            && about.uid() != 0
        {
            outside = Ids { user: about.uid(), group: about.gid(), groups: Vec::new() };
        }
        let (inside, is_mapped) = ids::inside(daemon, &outside)?;
        let name = folders::name_of(outside.user).filter(|name| is_plain(name));
        Ok(Self { outside, inside, is_mapped, name: name.unwrap_or_else(|| NAMELESS.to_owned()) })
    }

    /// Whether the guard has to become it. Root has an entry in every image, and no other groups than its own.
    fn is_for_the_guard(&self, in_gvisor: bool) -> bool {
        in_gvisor && self.inside.user != 0
    }
}

/// Whether it is a name as useradd(8) takes it: nothing else than a name is put into the line of an entry.
fn is_plain(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl User {
    /// The user and group that own, on this machine, what the command makes; the caller's if that cannot be told.
    pub(super) fn owner(&self) -> (u32, u32) {
        let caller = Ids::of_caller();
        match self {
            Self::Caller(caller) => (caller.outside.user, caller.outside.group),
            Self::Given(given) => {
                let text = given.to_str().unwrap_or_default();
                let (user, group) = text.split_once(':').unwrap_or((text, text));
                let ids = user.parse().ok().zip(group.parse().ok());
                ids.unwrap_or((caller.user, caller.group))
            }
        }
    }

    /// Options for Docker. Without gVisor it is Docker that makes the process the user's: capabilities would be the host's.
    pub(super) fn options(&self, in_gvisor: bool) -> Vec<OsString> {
        match self {
            Self::Given(user) => {
                let mut word = OsString::from("--user=");
                word.push(user);
                vec![word]
            }
            Self::Caller(caller) if caller.is_for_the_guard(in_gvisor) => {
                let capabilities = CAPABILITIES.iter().map(|name| format!("--cap-add={name}").into());
                capabilities.chain(["--user=0:0".into()]).collect()
            }
            Self::Caller(Caller { inside, .. }) => {
                let groups = inside.groups.iter().map(|group| format!("--group-add={group}").into());
                [format!("--user={}:{}", inside.user, inside.group).into()]
                    .into_iter()
                    .chain(groups)
                    .collect()
            }
        }
    }

    /// What the guard is told; `home` is the command's.
    pub(super) fn guard_words(&self, in_gvisor: bool, home: &Path) -> Vec<OsString> {
        let Self::Caller(caller) = self else { return Vec::new() };
        if !caller.is_for_the_guard(in_gvisor) {
            return Vec::new();
        }
        let Caller { inside: Ids { user, group, groups }, name, .. } = caller;
        let mut words = vec![format!("user={user}:{group}")];
        if !groups.is_empty() {
            let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
            words.push(format!("groups={}", groups.join(",")));
        }
        // A line and its fields have no way to quote.
        let home = home.to_str().filter(|home| !home.contains(|c: char| c == ':' || c.is_control()));
        words.push(format!("passwd={name}:x:{user}:{group}:{name}:{}:/bin/sh", home.unwrap_or("/")));
        words.push(format!("group={name}:x:{group}:"));
        words.into_iter().map(OsString::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(user: u32, groups: &[u32]) -> User {
        let ids = Ids { user, group: user, groups: groups.to_vec() };
        User::Caller(Caller { outside: ids.clone(), inside: ids, is_mapped: false, name: "ada".to_owned() })
    }

    fn words(words: Vec<OsString>) -> String {
        words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_guard_becomes_the_caller_where_that_is_not_root() {
        let ada = caller(1000, &[4, 27]);
        assert!(words(ada.options(true)).ends_with("--cap-add=SYS_ADMIN --user=0:0"));
        assert_eq!(
            words(ada.guard_words(true, Path::new("/home/sandbox"))),
            "user=1000:1000 groups=4,27 passwd=ada:x:1000:1000:ada:/home/sandbox:/bin/sh group=ada:x:1000:"
        );
        assert!(words(ada.guard_words(true, Path::new("/a:b"))).contains(":ada:/:/bin/sh"));
        assert_eq!(words(caller(0, &[4]).options(true)), "--user=0:0 --group-add=4");
        assert_eq!(caller(0, &[]).guard_words(true, Path::new("/")), [""; 0].map(OsString::from));
    }

    #[test]
    fn without_gvisor_no_process_gets_capabilities() {
        let ada = caller(1000, &[4, 27]);
        assert_eq!(words(ada.options(false)), "--user=1000:1000 --group-add=4 --group-add=27");
        assert_eq!(words(ada.guard_words(false, Path::new("/h"))), "");
    }

    #[test]
    fn who_is_asked_for_is_left_to_docker() {
        let given = User::Given("7:8".into());
        assert_eq!(words(given.options(true)), "--user=7:8");
        assert_eq!(words(given.guard_words(true, Path::new("/"))), "");
        assert_eq!(given.owner(), (7, 8));
        assert_eq!(User::Given("7".into()).owner(), (7, 7));
        let caller = Ids::of_caller();
        assert_eq!(User::Given("node".into()).owner(), (caller.user, caller.group));
    }

    #[test]
    fn only_a_name_is_put_into_an_entry() {
        for (name, plain) in
            [("ada", true), ("_x-1.y", true), ("", false), ("a:b", false), ("a\n", false), ("-a", false)]
        {
            assert_eq!(is_plain(name), plain, "{name:?}");
        }
    }
}
