//! Users and groups of this machine, as a container of the daemon knows them.

use std::os::unix::fs::MetadataExt as _;

use super::local::Local;
use crate::error::Error;

/// A user with the groups that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// The user's number.
    pub user: u32,
    /// The group's.
    pub group: u32,
    /// Of the other groups.
    pub groups: Vec<u32>,
}

impl Ids {
    /// The caller's own.
    #[must_use]
    pub fn of_caller() -> Self {
        let group = rustix::process::getegid().as_raw();
        let mut groups: Vec<u32> = rustix::process::getgroups()
            .unwrap_or_default()
            .into_iter()
            .map(rustix::fs::Gid::as_raw)
            .collect();
        groups.retain(|other| *other != group);
        groups.sort_unstable();
        groups.dedup();
        Self { user: rustix::process::geteuid().as_raw(), group, groups }
    }
}

/// What the ids `outside` are in a container of `daemon`, and whether they are others there.
///
/// For a root daemon they are the same. Rootless Docker is in a user namespace that maps its user to 0 and subordinate
/// ids to the others; groups that it does not map are left out.
///
/// # Errors
/// The user is none: the daemon is another user's, and rootless. The error has no hint.
pub fn inside(daemon: &Local<'_>, outside: &Ids) -> Result<(Ids, bool), Error> {
    let user = outside.user;
    let foreign = |owner: u32| {
        Error::new(format!(
            "this is the rootless Docker of user {owner}: no user in its containers is you (user {user}) outside of them"
        ))
    };
    if let Some(process) = &daemon.process {
        let map = |file: &str| {
            let (theirs, own) = (format!("/proc/{}/{file}", process.pid()), format!("/proc/self/{file}"));
            Some((std::fs::read_to_string(theirs).ok()?, std::fs::read_to_string(own).ok()?))
        };
        if let Some(((users, own_users), (groups, own_groups))) = map("uid_map").zip(map("gid_map")) {
            let group = |group: &u32| mapped(&groups, &own_groups, *group);
            let Some(user) = mapped(&users, &own_users, user) else { return Err(foreign(process.owner())) };
            let ids = Ids {
                user,
                // Its user's primary group, if ours at the moment is another one.
                group: group(&outside.group).unwrap_or(0),
                groups: outside.groups.iter().filter_map(group).collect(),
            };
            return Ok((ids, users != own_users));
        }
    }
    match (daemon.is_rootless(), std::fs::metadata(daemon.socket)) {
        (false, _) => Ok((outside.clone(), false)),
        (true, Ok(socket)) if socket.uid() != user => Err(foreign(socket.uid())),
        (true, _) => Ok((Ids { user: 0, group: 0, groups: Vec::new() }, true)),
    }
}

/// The id in a user namespace that is `id` outside, as its map (`uid_map`, `user_namespaces(7)`) shows it to us. A namespace
/// with our own map is our own: the kernel shows every other one in our numbers.
fn mapped(map: &str, own: &str, id: u32) -> Option<u32> {
    if map == own {
        return Some(id);
    }
    map.lines().find_map(|line| {
        let mut numbers = line.split_whitespace().map_while(|number| number.parse::<u32>().ok());
        let (inside, outside, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let offset = id.checked_sub(outside).filter(|offset| *offset < count)?;
        inside.checked_add(offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_translated_by_the_map_of_the_daemons_namespace() {
        let own = "         0          0 4294967295\n";
        let rootless = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(mapped(own, own, 1000), Some(1000));
        assert_eq!(mapped(rootless, own, 1000), Some(0));
        assert_eq!(mapped(rootless, own, 100_000), Some(1));
        assert_eq!(mapped(rootless, own, 165_535), Some(65_536));
        assert_eq!(mapped(rootless, own, 165_536), None);
        assert_eq!(mapped(rootless, own, 0), None);
        assert_eq!(mapped("", own, 0), None);
        assert_eq!(mapped("0 4294967295 1", own, 0), None);
    }
}
