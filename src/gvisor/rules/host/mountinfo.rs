//! The mounts that a process sees, and the other names that they give to a place. Pure.
//!
//! A place is a path within a file system. The kernel names both for each mount: the device, and the directory of
//! it that is mounted. Two paths with the same device and the same directory are one place, however it came to that:
//! bind mounts, subvolumes of btrfs, one disk mounted twice. An overlay names its layers besides.
//!
//! Source: `proc_pid_mountinfo(5)`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::docker::mountinfo::unescaped;

/// What one process sees as mounted, in the order of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mountinfo {
    mounts: Vec<Mount>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    id: u64,
    parent: u64,
    /// `MAJOR:MINOR`, the same for all mounts of one file system.
    device: String,
    /// The directory of the file system that is mounted.
    root: PathBuf,
    /// Where it is mounted.
    at: PathBuf,
    /// What it was mounted from: a disk, or just a word.
    source: PathBuf,
    /// The directories that an overlay is made of.
    layers: Vec<PathBuf>,
}

/// More names than these of one place are not followed: a table can be made to multiply them.
const MOST_NAMES: usize = 4096;

impl Mountinfo {
    /// Reads the lines of a `mountinfo`. A line that cannot be read is left out.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self { mounts: text.split(|&byte| byte == b'\n').filter_map(Mount::parse).collect() }
    }

    /// Without the layers that `is_there` does not know: in a container, those of its own root are paths of its host.
    pub(super) fn with_layers(mut self, is_there: impl Fn(&Path) -> bool) -> Self {
        self.mounts.iter_mut().for_each(|mount| mount.layers.retain(|layer| is_there(layer)));
        self
    }

    /// Every other name that a place has, or that something in it has: those of `path` as `tables[0]` sees it, in all
    /// of `tables`.
    pub(super) fn other_names(tables: &[Self], path: &Path) -> BTreeSet<PathBuf> {
        let mut names = BTreeSet::new();
        let mut ahead = vec![path.to_owned()];
        while let Some(path) = ahead.pop() {
            for name in Self::names_once(tables, &path) {
                if names.len() < MOST_NAMES && names.insert(name.clone()) {
                    ahead.push(name);
                }
            }
        }
        names.remove(path);
        names
    }

    /// Where the disk of that `number` is mounted, or one whose name `is_the_disk`.
    pub(super) fn mounted_from(&self, number: &str, is_the_disk: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let of_it = self.mounts.iter().filter(|mount| mount.device == number || is_the_disk(&mount.source));
        of_it.map(|mount| mount.at.clone()).collect()
    }

    /// The names that one step leads to.
    fn names_once(tables: &[Self], path: &Path) -> Vec<PathBuf> {
        let mut names = Vec::new();
        for table in tables {
            for (mount, within) in table.places(path) {
                names.extend(mount.layers.iter().map(|layer| layer.join(&within)));
                let within = mount.root.join(within);
                let same = tables.iter().flat_map(|table| &table.mounts);
                let same = same.filter(|other| other.device == mount.device && !other.is_a_volume());
                names.extend(same.filter_map(|other| renamed(&within, &other.root, &other.at)));
            }
            // A view of a directory, which a container of ours has, is no other name of it.
            for overlay in table.mounts.iter().filter(|mount| !mount.is_a_volume()) {
                names.extend(overlay.layers.iter().filter_map(|layer| renamed(path, layer, &overlay.at)));
            }
        }
        names
    }

    /// The mount that `path` is in, with the rest of the path, and those that are mounted below it.
    fn places(&self, path: &Path) -> Vec<(&Mount, PathBuf)> {
        let Some(mount) = self.mount_of(path) else { return Vec::new() };
        let rest = |mount: &Mount| path.strip_prefix(&mount.at).map(Path::to_owned).unwrap_or_default();
        let below = self.mounts.iter().filter(|below| below.at.starts_with(path) && below.at != path);
        let below = below.filter(|below| self.mount_of(&below.at).is_some_and(|seen| seen.id == below.id));
        std::iter::once((mount, rest(mount))).chain(below.map(|below| (below, PathBuf::new()))).collect()
    }

    /// The mount that `path` is seen in. What is mounted over hides what is below it, so it is gone down from the
    /// root, as the kernel does.
    fn mount_of(&self, path: &Path) -> Option<&Mount> {
        let is_first = |mount: &&Mount| {
            let mut others = self.mounts.iter().filter(|other| other.id != mount.id);
            mount.at == Path::new("/") && !others.any(|other| other.id == mount.parent)
        };
        let mut at = self.mounts.iter().find(is_first)?;
        // Each step goes to another mount: there are as many at the most.
        for _ in 0..self.mounts.len() {
            let on_it = self
                .mounts
                .iter()
                .enumerate()
                .filter(|(_, mount)| mount.parent == at.id && mount.id != at.id);
            let on_the_way = on_it.filter(|(_, mount)| path.starts_with(&mount.at));
            // The first on the way; of two at the same point the later one, which is on top.
            let next = on_the_way
                .min_by_key(|(order, mount)| (mount.at.as_os_str().len(), std::cmp::Reverse(*order)));
            match next {
                Some((_, next)) => at = next,
                None => break,
            }
        }
        Some(at)
    }
}

impl Mount {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let device = String::from_utf8(fields.next()?.to_vec()).ok()?;
        let [root, at] = [unescaped(fields.next()?), unescaped(fields.next()?)];
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let (kind, source, options) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
        // Namespaces have no directories: `net:[4026531840]`.
        if root.first() != Some(&b'/') || at.first() != Some(&b'/') {
            return None;
        }
        let layers = if kind == b"overlay" { layers(options) } else { Vec::new() };
        Some(Self {
            id,
            parent,
            device,
            root: path(root),
            at: path(at),
            source: path(unescaped(source)),
            layers,
        })
    }

    /// Whether Docker or podman mounted it for a volume: what is in there is containers', under its own name too.
    fn is_a_volume(&self) -> bool {
        let mut above = self.at.iter().rev();
        above.next().is_some_and(|name| name == "_data") && above.nth(1).is_some_and(|name| name == "volumes")
    }
}

/// What `path` is called where `from` is called `to`, or `to` itself where `path` holds `from`.
fn renamed(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    match path.strip_prefix(from) {
        // Joining nothing would add a slash at the end.
        Ok(rest) if rest.as_os_str().is_empty() => Some(to.to_owned()),
        Ok(rest) => Some(to.join(rest)),
        Err(_) => from.starts_with(path).then(|| to.to_owned()),
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// The directories among the options of an overlay.
///
/// Source: the kernel's `Documentation/filesystems/overlayfs.rst`. A colon within a name has a backslash before it.
fn layers(options: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for option in options.split(|&byte| byte == b',') {
        let option = unescaped(option);
        let mut parts = option.splitn(2, |&byte| byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match name {
            b"lowerdir" | b"lowerdir+" | b"datadir+" => found.extend(separated(value)),
            b"upperdir" => found.push(value.to_vec()),
            _ => {}
        }
    }
    found.into_iter().filter(|layer| layer.first() == Some(&b'/')).map(path).collect()
}

/// Splits at colons, but for those behind a backslash.
fn separated(list: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = list.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b':' {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            match bytes.peek() {
                Some(&escaped) if byte == b'\\' && matches!(escaped, b':' | b'\\') => {
                    part.push(escaped);
                    bytes.next();
                }
                _ => part.push(byte),
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// One disk, `/home` on another one, and what somebody bound.
    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 8:2 /homes /home rw - ext4 /dev/sda2 rw
25 22 8:2 / /disk rw - ext4 /dev/sda2 rw
30 22 8:1 /etc/cron.d /x rw - ext4 /dev/sda1 rw
31 22 8:1 /etc /srv/stuff/deep/settings rw - ext4 /dev/sda1 rw
32 22 8:1 /usr/my\\040files /srv/my\\040files rw - ext4 /dev/sda1 rw
33 22 0:40 / /srv/layered rw - overlay overlay rw,lowerdir=/lower\\134:a:/etc/ssl,upperdir=/root/up,workdir=/work
34 22 0:4 net:[4026532000] /run/netns/a rw - nsfs nsfs rw
35 22 8:1 /srv/data /var/lib/docker/volumes/v/_data rw - ext4 /dev/sda1 rw
36 22 0:41 / /var/lib/docker/volumes/w/_data rw - overlay overlay rw,lowerdir=/srv/project,upperdir=/srv/ours,workdir=/w
";

    fn names(table: &str, path: &str) -> Vec<String> {
        let tables = [Mountinfo::parse(table.as_bytes())];
        let names = Mountinfo::other_names(&tables, Path::new(path));
        names.into_iter().map(|name| name.display().to_string()).collect()
    }

    #[test]
    fn a_bind_mount_is_known_by_what_it_was_made_of() {
        assert!(names(TABLE, "/x").contains(&"/etc/cron.d".to_owned()));
        assert!(names(TABLE, "/x/job").contains(&"/etc/cron.d/job".to_owned()));
        assert!(names(TABLE, "/etc/cron.d/job").contains(&"/x/job".to_owned()));
        assert!(names(TABLE, "/srv/my files/a").contains(&"/usr/my files/a".to_owned()));
        assert!(names(TABLE, "/srv/other").is_empty());
    }

    #[test]
    fn what_is_mounted_below_counts_and_what_is_mounted_from_below_too() {
        assert!(names(TABLE, "/srv/stuff").contains(&"/etc".to_owned()));
        // All homes, by the disk that they are on.
        assert!(names(TABLE, "/disk").contains(&"/home".to_owned()));
        assert!(names(TABLE, "/disk/homes/me/.ssh").contains(&"/home/me/.ssh".to_owned()));
        assert!(!names(TABLE, "/disk/other").contains(&"/home".to_owned()));
    }

    #[test]
    fn the_layers_of_an_overlay_are_names_of_what_is_in_it() {
        let found = names(TABLE, "/srv/layered/f");
        for layer in ["/lower:a/f", "/etc/ssl/f", "/root/up/f"] {
            assert!(found.contains(&layer.to_owned()), "{found:?}");
        }
        assert!(names(TABLE, "/root/up/f").contains(&"/srv/layered/f".to_owned()));
        assert!(names(TABLE, "/root").contains(&"/srv/layered".to_owned()));
    }

    #[test]
    fn a_root_that_is_an_overlay_of_another_machine_gives_no_names() {
        let root =
            "1 0 0:9 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/l,upperdir=/var/lib/docker/u\n";
        assert!(names(root, "/work").contains(&"/var/lib/docker/u/work".to_owned()));
        let tables = [Mountinfo::parse(root.as_bytes()).with_layers(|_| false)];
        assert!(Mountinfo::other_names(&tables, Path::new("/work")).is_empty());
    }

    #[test]
    fn a_volume_of_an_engine_gives_its_directory_no_other_name() {
        assert!(names(TABLE, "/srv/data").is_empty());
        assert!(names(TABLE, "/srv/project").is_empty() && names(TABLE, "/srv/ours").is_empty());
        // By its own name it is what it is.
        assert!(names(TABLE, "/var/lib/docker/volumes/v/_data").contains(&"/srv/data".to_owned()));
    }

    #[test]
    fn what_is_mounted_over_hides_what_is_below() {
        let over =
            format!("{TABLE}40 22 0:50 / /srv rw - tmpfs tmpfs rw\n41 30 0:51 / /x rw - tmpfs tmpfs rw\n");
        assert!(names(&over, "/srv/stuff").is_empty());
        assert!(names(&over, "/x").is_empty());
        assert!(names(&over, "/x/y").is_empty());
    }

    #[test]
    fn another_namespace_may_call_it_otherwise() {
        let daemon = Mountinfo::parse(b"1 0 8:9 / / rw - ext4 a rw\n2 1 8:1 /etc /conf rw - ext4 a rw\n");
        let ours = Mountinfo::parse(TABLE.as_bytes());
        let found = Mountinfo::other_names(&[daemon, ours], Path::new("/conf/cron.d"));
        assert!(found.contains(Path::new("/etc/cron.d")) && found.contains(Path::new("/x")), "{found:?}");
    }

    #[test]
    fn nonsense_is_no_mount() {
        for text in ["", "\n\n", "x", "1 2 3", "1 2 8:1 / /", "1 2 8:1 a b - c d e", "1 1 8:1 / / - e s o\n"]
        {
            assert!(names(text, "/x").is_empty(), "{text}");
        }
    }

    fn part() -> impl Strategy<Value = String> {
        select(vec!["a", "b", "c"]).prop_map(str::to_owned)
    }

    fn any_path() -> impl Strategy<Value = String> {
        vec(part(), 0..4).prop_map(|parts| format!("/{}", parts.join("/")))
    }

    proptest! {
        #[test]
        fn a_place_is_found_through_any_chain_of_bind_mounts(
            secret in any_path(), rest in any_path(), steps in vec(any_path(), 1..5),
        ) {
            // Each step binds what the one before it shows, somewhere of its own.
            let mut table = "1 0 8:1 / / rw - ext4 disk rw\n".to_owned();
            for (at, step) in steps.iter().enumerate() {
                let at = at + 2;
                let below = if step == "/" { "" } else { step.as_str() };
                writeln!(table, "{at} 1 8:1 {secret} /bound{at}{below} rw - ext4 disk rw").unwrap();
            }
            let secret_file = Path::new(&secret).join(rest.trim_start_matches('/'));
            for (at, step) in steps.iter().enumerate() {
                let bound = PathBuf::from(format!("/bound{}", at + 2)).join(step.trim_start_matches('/'));
                let found = names(&table, bound.join(rest.trim_start_matches('/')).to_str().unwrap());
                prop_assert!(found.iter().any(|name| Path::new(name) == secret_file), "{table}{found:?}");
                // The directory that the mount is in holds it.
                let above = format!("/bound{}", at + 2);
                let found = names(&table, &above);
                prop_assert!(found.iter().any(|name| Path::new(name) == Path::new(&secret)), "{table}{found:?}");
            }
        }

        #[test]
        fn names_are_mutual(root in any_path(), path in any_path()) {
            let table = format!("1 0 8:1 / / rw - ext4 d rw\n2 1 8:1 {root} /bound rw - ext4 d rw\n");
            for name in names(&table, &path) {
                // Only what is the same place, and not what is merely in it, leads back.
                if Path::new(&path).starts_with(&root) && name.starts_with("/bound") {
                    prop_assert!(names(&table, &name).contains(&path), "{table}{name}");
                }
            }
        }

        #[test]
        fn any_table_is_read_without_a_word(text in vec(any::<u8>(), 0..400), path in any_path()) {
            let tables = [Mountinfo::parse(&text)];
            let _ = Mountinfo::other_names(&tables, Path::new(&path));
        }

        #[test]
        fn what_the_kernel_escapes_is_itself_again(name in "[ \\\\\t\na-c,]{1,12}") {
            let escaped: String = name.chars().map(|c| match c {
                ' ' | '\\' | '\t' | '\n' => format!("\\{:03o}", u32::from(c)),
                c => c.to_string(),
            }).collect();
            prop_assert_eq!(unescaped(escaped.as_bytes()), name.into_bytes());
        }
    }
}
