//! The user's own folders, as the platform has them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Each `None` if it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Folders {
    /// `HOME`, or the user's entry in the password file.
    pub(super) home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`.
    pub(super) cache: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub(super) config: Option<PathBuf>,
    /// `XDG_DATA_HOME`.
    pub(super) data: Option<PathBuf>,
}

impl Folders {
    /// `variable` answers for the environment; empty is unset.
    #[cfg(target_os = "linux")]
    pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let home = variable("HOME").map(PathBuf::from).or_else(|| {
            // Not getpwuid(3): in a static binary it loads the libraries of the machine's own glibc, and is
            // a tenth of a megabyte. Docker's CLI, static as well, reads this file too.
            home_in(&std::fs::read("/etc/passwd").ok()?, rustix::process::getuid().as_raw())
        });
        let folder = |name: &str, below_home: &str| {
            let named = variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
            named.or_else(|| Some(home.as_deref()?.join(below_home)))
        };
        Self {
            cache: folder("XDG_CACHE_HOME", ".cache"),
            config: folder("XDG_CONFIG_HOME", ".config"),
            data: folder("XDG_DATA_HOME", ".local/share"),
            home,
        }
    }

    /// What the platform says.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn read(_: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            home: dirs::home_dir(),
            cache: dirs::cache_dir(),
            config: dirs::config_dir(),
            data: dirs::data_dir(),
        }
    }
}

/// The home folder of `user` in the text of a passwd(5).
#[cfg(target_os = "linux")]
fn home_in(passwd: &[u8], user: u32) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;

    let home = field_in(passwd, user, 5)?;
    (!home.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(home)))
}

/// The name of `user` in this machine's passwd(5), if it is text.
pub(crate) fn name_of(user: u32) -> Option<String> {
    let passwd = std::fs::read("/etc/passwd").ok()?;
    str::from_utf8(field_in(&passwd, user, 0)?).ok().map(str::to_owned)
}

/// One of the first six fields of the entry of `user`.
fn field_in(passwd: &[u8], user: u32, field: usize) -> Option<&[u8]> {
    passwd.split(|byte| *byte == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let [_, _, id, _, _, _, ..] = fields[..] else { return None };
        (str::from_utf8(id).ok()?.parse() == Ok(user)).then(|| fields[field])
    })
}

/// `PATH` with the home folder for each `~`, as bash takes it.
pub(super) fn without_tildes(path: OsString, home: Option<&Path>) -> OsString {
    let Some(home) = home else { return path };
    let folders = std::env::split_paths(&path).map(|folder| match folder.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => folder,
    });
    std::env::join_paths(folders).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;

    #[cfg(target_os = "linux")]
    mod on_linux {
        use super::*;

        fn read(variables: &[(&str, &str)]) -> Folders {
            Folders::read(|name| {
                variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
            })
        }

        fn all(home: &str, cache: &str, config: &str, data: &str) -> Folders {
            let [home, cache, config, data] = [home, cache, config, data].map(|path| Some(path.into()));
            Folders { home, cache, config, data }
        }

        #[test]
        fn folders_are_below_home() {
            let expected =
                all("/home/ada", "/home/ada/.cache", "/home/ada/.config", "/home/ada/.local/share");
            assert_eq!(read(&[("HOME", "/home/ada")]), expected);
        }

        #[test]
        fn a_named_folder_counts_if_it_is_absolute() {
            let variables = [
                ("HOME", "/home/ada"),
                ("XDG_CACHE_HOME", "/c"),
                ("XDG_CONFIG_HOME", "relative"),
                ("XDG_DATA_HOME", "/d"),
            ];
            assert_eq!(read(&variables), all("/home/ada", "/c", "/home/ada/.config", "/d"));
        }

        const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
            # a comment\n\
            +:::::\n\
            nobody:x:65534:65534::/nonexistent\n\
            short:x:7:7:\n\
            homeless:x:8:8:::/bin/sh\n\
            odd:x:9:9::/home/\xff:/bin/sh\n\
            ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash\n\
            other:x:1000:1000::/home/other:/bin/sh\n";

        #[test]
        fn the_password_file_knows_the_home() {
            use std::os::unix::ffi::OsStrExt as _;

            let home = |user| home_in(PASSWD, user);
            assert_eq!(home(0), Some("/root".into()));
            assert_eq!(home(1000), Some("/home/ada".into()));
            assert_eq!(home(9), Some(OsStr::from_bytes(b"/home/\xff").into()));
            assert_eq!(home(65534), Some("/nonexistent".into()));
        }

        #[test]
        fn who_is_not_in_the_password_file_has_no_home() {
            for user in [7, 8, 1, 100] {
                assert_eq!(home_in(PASSWD, user), None, "{user}");
            }
            assert_eq!(home_in(b"", 0), None);
        }
    }

    #[test]
    fn a_tilde_in_path_is_the_home_folder() {
        let path = |path: &str| without_tildes(path.into(), Some(Path::new("/home/ada")));
        assert_eq!(path("~/bin:/usr/bin:~"), "/home/ada/bin:/usr/bin:/home/ada/");
        assert_eq!(path("/a/~:~b::"), "/a/~:~b::");
        assert_eq!(without_tildes("~/bin".into(), None), "~/bin");
    }
}
