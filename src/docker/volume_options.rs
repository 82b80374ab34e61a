//! The options of a volume: which paths on the daemon's host they name.

use std::collections::BTreeMap;

/// What a volume was made with, or is to be: `type`, `device`, `o` and whatever its driver takes.
pub type Options = BTreeMap<String, String>;

/// File systems whose `device` is on another machine: `//server/share`, `server:/export`.
const REMOTE: [&str; 6] = ["ceph", "cifs", "nfs", "nfs4", "smb3", "smbfs"];

/// File systems that show the host's kernel wherever they are mounted, and where they usually are.
const OF_THE_KERNEL: [(&str, &str); 13] = [
    ("binfmt_misc", "/proc/sys/fs/binfmt_misc"),
    ("cgroup", "/sys/fs/cgroup"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("configfs", "/sys/kernel/config"),
    ("debugfs", "/sys/kernel/debug"),
    ("devtmpfs", "/dev"),
    ("efivarfs", "/sys/firmware/efi/efivars"),
    ("proc", "/proc"),
    ("pstore", "/sys/fs/pstore"),
    ("securityfs", "/sys/kernel/security"),
    ("selinuxfs", "/sys/fs/selinux"),
    ("sysfs", "/sys"),
    ("tracefs", "/sys/kernel/tracing"),
];

/// Options of a mount whose values are paths, whatever they start with; some are lists.
const LAYERS: [&str; 5] = ["lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"];

/// The options in `volume-opt` of a `--mount`: `device=/etc`; the last one of a name counts.
#[must_use]
pub fn of_mount(given: &[impl AsRef<str>]) -> Options {
    let split = |option: &str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        (name.to_owned(), value.to_owned())
    };
    given.iter().map(|option| split(option.as_ref())).collect()
}

/// The paths that `options` name, absolute and as they stand there. Those of other drivers than
/// Docker's own are guessed: what starts with `/`.
///
/// Source: moby's `volume/local/local_unix.go` hands `device`, `type` and `o` to mount(2), in the
/// working folder of the daemon, which is the root.
#[must_use]
pub fn paths(options: &Options) -> Vec<String> {
    let value = |name| options.get(name).map(String::as_str).unwrap_or_default();
    let (kind, mount) = (value("type"), value("o"));
    let binds = mount.split(',').any(|option| matches!(option, "bind" | "rbind"));
    let mut found = Vec::new();
    if !value("device").is_empty() && (binds || !REMOTE.contains(&kind)) {
        found.push(from_the_root(value("device")));
    }
    found.extend(OF_THE_KERNEL.iter().filter(|(name, _)| *name == kind).map(|(_, path)| (*path).to_owned()));
    for option in mount.split(',') {
        let (name, value) = option.split_once('=').unwrap_or(("", option));
        let layer = LAYERS.contains(&name);
        let mut paths = list(value, Some(':'));
        // All but `lowerdir` are one path, with its colons.
        let whole = list(value, None).pop().filter(|whole| layer && !paths.contains(whole));
        paths.extend(whole);
        paths.retain(|path| layer || path.starts_with('/'));
        found.extend(paths.into_iter().map(from_the_root));
        // To overlayfs the comma behind it is a part of a path, which goes on with what Docker hands on
        // of the rest: anywhere. Source: `ovl_next_opt` in Linux's `fs/overlayfs/params.c`.
        if option.ends_with('\\') {
            found.push("/".to_owned());
        }
    }
    let others = options.iter().filter(|(name, _)| !matches!(name.as_str(), "device" | "o" | "type"));
    for (_, value) in others.filter(|(_, value)| !value.starts_with("//") && !value.starts_with(':')) {
        let parts = value.split([',', ':', '=']);
        found
            .extend(parts.filter(|part| part.starts_with('/') && !part.starts_with("//")).map(str::to_owned));
    }
    found
}

fn from_the_root(path: impl AsRef<str>) -> String {
    format!("/{}", path.as_ref())
}

/// A list of paths, in which a separator behind `\` is none, as overlayfs reads it.
fn list(value: &str, separator: Option<char>) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            (character, _) if Some(character) == separator => parts.push(String::new()),
            ('\\', Some(part)) => part.extend(characters.next()),
            (character, Some(part)) => part.push(character),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        paths(&of_mount(&text.split(' ').collect::<Vec<_>>()))
    }

    #[test]
    fn paths_are_found_wherever_the_daemon_looks_for_one() {
        for (options, found) in [
            ("device=/etc o=bind type=none", &["//etc"][..]),
            // From the daemon's working folder.
            ("device=etc o=bind", &["/etc"]),
            ("device=../etc o=rbind,rw", &["/../etc"]),
            ("device=//etc o=bind", &["///etc"]),
            ("device=//etc o=bind type=nfs", &["///etc"]),
            ("device=/a:b=c o=bind", &["//a:b=c"]),
            ("device=/a device=/b o=bind", &["//b"]),
            ("type=ext4 device=/dev/sda1", &["//dev/sda1"]),
            ("type=proc device=x", &["/x", "/proc"]),
            ("type=overlay o=lowerdir=/a:b,upperdir=c,workdir=/d", &["//a", "/b", "//a:b", "/c", "//d"]),
            (r"type=overlay o=lowerdir=/a\:b", &["//a:b"]),
            (r"type=overlay o=upperdir=/a\,ro,x/../../etc", &["//a", "/"]),
            ("type=overlay o=lowerdir+=a:b", &["/a", "/b", "/a:b"]),
            ("mountpoint=/a", &["/a"]),
            ("arguments=x=/a,y=/b", &["/a", "/b"]),
        ] {
            assert_eq!(of(options), found, "{options}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_no_path_here() {
        for options in [
            "type=cifs device=//home/share o=username=x",
            "type=nfs device=:/home o=addr=10.0.0.1,rw",
            "type=nfs4 device=nas:/root",
            "type=tmpfs o=size=100m,uid=1000",
            "share=//server/home",
            "export=:/home",
            "size=10G",
            "type=nfs",
        ] {
            assert_eq!(of(options), [""; 0], "{options}");
        }
    }
}
