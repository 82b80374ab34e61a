//! Which user and group of a container are the caller's own, on the daemon's machine.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::ask;
use super::client::Docker;
use super::daemon::DaemonProcess;
use crate::error::Error;

/// `UID:GID` in a container of the daemon behind `socket`, which are the caller's outside of it.
///
/// For a root daemon they are the same. Rootless Docker is in a user namespace that maps its user to 0 and subordinate
/// ids to the others.
///
/// # Errors
/// None is: the daemon is another user's, and rootless. The error has no hint.
pub fn of_caller(docker: &Docker, socket: &Path, limit: Duration) -> Result<OsString, Error> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let name = |user: u32, group: u32| Ok(OsString::from(format!("{user}:{group}")));
    let foreign = |owner: u32| {
        Error::new(format!(
            "this is the rootless Docker of user {owner}: no user in its containers is you (user {user}) outside of them"
        ))
    };
    if let Some(daemon) = DaemonProcess::serving(socket) {
        let map = |file: &str| {
            let (theirs, own) = (format!("/proc/{}/{file}", daemon.pid()), format!("/proc/self/{file}"));
            Some((std::fs::read_to_string(theirs).ok()?, std::fs::read_to_string(own).ok()?))
        };
        if let Some(((users, own_users), (groups, own_groups))) = map("uid_map").zip(map("gid_map")) {
            return match inside(&users, &own_users, user) {
                // Its user's primary group, if ours at the moment is another one.
                Some(user) => name(user, inside(&groups, &own_groups, group).unwrap_or(0)),
                None => Err(foreign(daemon.owner())),
            };
        }
    }
    let rootless = ask::about_if_it_answers(docker, limit).is_some_and(|info| info.is_rootless());
    match (rootless, std::fs::metadata(socket)) {
        (false, _) => name(user, group),
        (true, Ok(socket)) if socket.uid() != user => Err(foreign(socket.uid())),
        (true, _) => name(0, 0),
    }
}

/// The id in a user namespace that is `id` outside, as its map (`uid_map`, `user_namespaces(7)`) shows it to us. A namespace
/// with our own map is our own: the kernel shows every other one in our numbers.
fn inside(map: &str, own: &str, id: u32) -> Option<u32> {
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
        assert_eq!(inside(own, own, 1000), Some(1000));
        assert_eq!(inside(rootless, own, 1000), Some(0));
        assert_eq!(inside(rootless, own, 100_000), Some(1));
        assert_eq!(inside(rootless, own, 165_535), Some(65_536));
        assert_eq!(inside(rootless, own, 165_536), None);
        assert_eq!(inside(rootless, own, 0), None);
        assert_eq!(inside("", own, 0), None);
        assert_eq!(inside("0 4294967295 1", own, 0), None);
    }
}
