//! Read-only mounts of a command line, and the same enforced by the kernel of the daemon's host. Pure.
//!
//! Docker hands `readonly` to the runtime. A local volume whose options say `bind,ro` is mounted by the daemon itself,
//! read-only, and no runtime can change that.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use super::csv::{self, field};
use super::mountinfo::unescaped;
use super::run_line::RunLine;

/// The label of the volumes that [`word`] makes. Docker removes them with their container, if it was told to.
pub const LABEL: &str = "docker-sandbox.mount=read-only";

/// A path that a command line mounts read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its place among the line's options.
    pub option: usize,
    /// The option as it was typed.
    pub written: String,
    /// What is mounted, absolute.
    pub source: PathBuf,
    /// Where it is in the container.
    pub target: PathBuf,
    /// Whether what is mounted below it comes along.
    pub recursive: bool,
    /// Whether Docker makes a source that is not there.
    pub creates_source: bool,
    /// Whether the option says something that a volume cannot be made to do: propagation, or what is not known here.
    pub is_special: bool,
}

/// Those of `line`; relative sources are taken from `folder`. Sources that Docker refuses are not among them.
#[must_use]
pub fn binds(line: &RunLine, folder: &Path) -> Vec<Bind> {
    let mut found = Vec::new();
    for (option, given) in line.options().enumerate() {
        let value = given.value.unwrap_or_default();
        let read = match given.name {
            "volume" => volume(value),
            "mount" => mount(value),
            _ => None,
        };
        let Some(read) = read else { continue };
        let Some(source) = absolute(&read.source, folder).filter(|_| read.target.starts_with(b"/")) else {
            continue;
        };
        found.push(Bind {
            option,
            written: given.written(),
            source,
            target: cleaned(Path::new(OsStr::from_bytes(&read.target))),
            recursive: read.recursive,
            creates_source: read.creates_source,
            // In JSON, what is no text becomes another name.
            is_special: read.is_special || std::str::from_utf8(&read.source).is_err(),
        });
    }
    found
}

/// Where `line` mounts anything.
#[must_use]
pub fn targets(line: &RunLine) -> Vec<PathBuf> {
    let target = |name: &str, value: &OsStr| match name {
        "volume" => {
            let mut parts = value.as_bytes().splitn(3, |&byte| byte == b':');
            let first = parts.next()?.to_vec();
            Some(parts.next().map_or(first, <[u8]>::to_vec))
        }
        "mount" => Some(Fields::read(value)?.read.target),
        "tmpfs" => Some(value.as_bytes().splitn(2, |&byte| byte == b':').next()?.to_vec()),
        _ => None,
    };
    let all = line.options().filter_map(|given| target(given.name, given.value?));
    all.map(|target| cleaned(Path::new(OsStr::from_bytes(&target)))).collect()
}

/// The value of `--mount` for `device`, read-only to the kernel of the daemon's host, at `target`. What is mounted
/// below `device` does not come along: it would be writable. `flags` are those that the device's own mount has, which a
/// user namespace may not take away: `nodev`.
#[must_use]
pub fn word(device: &Path, target: &Path, flags: &[&str]) -> OsString {
    // Docker refuses `readonly` here. Private: what the host mounts below it later would come along, writable.
    let options = ["bind", "private", "ro"].iter().chain(flags).copied().collect::<Vec<_>>().join(",");
    let fields = [
        b"type=volume".to_vec(),
        field(b"dst=", target.as_os_str()),
        // Or the image's files at that place would be copied to the host.
        b"volume-nocopy".to_vec(),
        b"volume-driver=local".to_vec(),
        field(b"volume-label=", OsStr::new(LABEL)),
        b"volume-opt=type=none".to_vec(),
        field(b"volume-opt=o=", OsStr::new(&options)),
        field(b"volume-opt=device=", device.as_os_str()),
    ];
    OsString::from_vec(fields.join(&b','))
}

/// Whether a volume with these options, `type` and `o`, is mounted read-only by the daemon.
#[must_use]
pub fn is_enforced(options: &super::volume_options::Options) -> bool {
    let given = options.get("o").map(String::as_str).unwrap_or_default();
    // The last one counts. Source: `parseOptions` in moby/sys's `mount`.
    given.split(',').rfind(|option| matches!(*option, "ro" | "rw")) == Some("ro")
}

/// A mount below another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submount {
    /// Where.
    pub path: PathBuf,
    /// Whether nobody but its owner may look at it, as it is with most of what is in user space.
    pub is_private: bool,
}

/// What is mounted below `folder`, of the text of `/proc/self/mountinfo`; of several at one place the last.
#[must_use]
pub fn submounts(mountinfo: &[u8], folder: &Path) -> Vec<Submount> {
    let mut found: Vec<Submount> = Vec::new();
    for line in mountinfo.split(|&byte| byte == b'\n') {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let Some(dash) = fields.iter().position(|field| *field == b"-") else { continue };
        let (Some(place), Some(kind)) = (fields.get(4), fields.get(dash + 1)) else { continue };
        let path = PathBuf::from(OsString::from_vec(unescaped(place)));
        if path == folder || !path.starts_with(folder) {
            continue;
        }
        let options = fields.get(dash + 3).copied().unwrap_or_default();
        let others_may = options.split(|&byte| byte == b',').any(|option| option == b"allow_other");
        let is_private = *kind == b"autofs" || kind.starts_with(b"fuse") && !others_may;
        found.retain(|other| other.path != path);
        found.push(Submount { path, is_private });
    }
    found
}

/// What an option says, if it mounts a path read-only.
#[derive(Default)]
struct Read {
    source: Vec<u8>,
    target: Vec<u8>,
    recursive: bool,
    creates_source: bool,
    is_special: bool,
}

/// Of `-v SOURCE:TARGET:OPTIONS`.
fn volume(value: &OsStr) -> Option<Read> {
    let mut parts = value.as_bytes().splitn(3, |&byte| byte == b':');
    let (source, target, options) = (parts.next()?, parts.next()?, parts.next()?);
    let options: Vec<&[u8]> = options.split(|&byte| byte == b',').collect();
    let read_only = options.contains(&b"ro".as_slice()) && !options.contains(&b"rw".as_slice());
    // Labels are SELinux's, which gVisor starts without; the others say nothing on Linux.
    let plain = |option: &&[u8]| {
        matches!(
            *option,
            b"ro"
                | b"z"
                | b"Z"
                | b"private"
                | b"rprivate"
                | b"cached"
                | b"consistent"
                | b"delegated"
                | b"default"
        )
    };
    read_only.then(|| Read {
        source: source.to_vec(),
        target: target.to_vec(),
        recursive: true,
        creates_source: true,
        is_special: !options.iter().all(plain),
    })
}

/// Of `--mount type=bind,…`.
fn mount(value: &OsStr) -> Option<Read> {
    let fields = Fields::read(value)?;
    (fields.kind == b"bind" && fields.read_only).then_some(fields.read)
}

/// Source: `MountOpt.Set` in docker/cli's `opts/mount.go`.
struct Fields {
    kind: Vec<u8>,
    read_only: bool,
    read: Read,
}

impl Fields {
    fn read(value: &OsStr) -> Option<Self> {
        let (mut kind, mut read_only) = (b"volume".to_vec(), false);
        let mut read = Read { recursive: true, ..Read::default() };
        for field in csv::fields(value.as_bytes())? {
            let (key, value) = match field.iter().position(|&byte| byte == b'=') {
                Some(equals) => (&field[..equals], Some(&field[equals + 1..])),
                None => (field.as_slice(), None),
            };
            let on =
                value.is_none_or(|value| matches!(value, b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True"));
            let value = value.unwrap_or_default();
            match key.trim_ascii().to_ascii_lowercase().as_slice() {
                b"type" => kind = value.trim_ascii().to_ascii_lowercase(),
                b"source" | b"src" => read.source = value.to_vec(),
                b"target" | b"dst" | b"destination" => read.target = value.to_vec(),
                b"readonly" | b"ro" => read_only = on,
                b"bind-nonrecursive" => read.recursive = !on,
                b"bind-recursive" => read.recursive = value != b"disabled",
                b"bind-create-src" => read.creates_source = on,
                b"consistency" => {}
                b"bind-propagation" => read.is_special |= !matches!(value, b"private" | b"rprivate"),
                _ => read.is_special = true,
            }
        }
        Some(Self { kind, read_only, read })
    }
}

/// As Docker's CLI and the daemon make a path of it; `None` where they refuse.
fn absolute(source: &[u8], folder: &Path) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(source));
    match source.first() {
        Some(b'/') => Some(cleaned(path)),
        Some(b'.') => Some(cleaned(&folder.join(path))),
        _ => None,
    }
}

/// By its words alone, as Go's `filepath.Clean` does it.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::Flags;
    use crate::docker::mounts::{Mounts, Source};
    use crate::docker::volume_options;

    fn line(text: &str) -> RunLine {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        RunLine::parse(&words, &Flags::run()).unwrap()
    }

    fn only(text: &str) -> Option<Bind> {
        binds(&line(&format!("{text} img")), Path::new("/work")).pop()
    }

    #[test]
    fn every_spelling_of_a_read_only_path_is_found() {
        for text in [
            "-v /a/../s:/t:ro",
            "-itv/s:/t:ro,z",
            "--volume=/s/:/t/:ro,rprivate",
            "--mount type=bind,src=/s,dst=/t,readonly",
            "--mount=TYPE=Bind,\"Source=/s\",destination=/t,ro=1,bind-propagation=rprivate",
        ] {
            let bind = only(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((bind.source, bind.target), ("/s".into(), "/t".into()), "{text}");
            assert!(bind.recursive && !bind.is_special, "{text}");
        }
        assert_eq!(only("-v ./s/../u:/t:ro").unwrap().source, Path::new("/work/u"));
        for text in [
            "-v /s:/t",
            "-v /s:/t:ro,rw",
            "-v s:/t:ro",
            "-v ~/s:/t:ro",
            "--mount type=bind,src=/s,dst=/t,ro=0",
        ] {
            assert_eq!(only(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_volume_cannot_do_is_told() {
        for text in [
            "-v /s:/t:ro,rslave",
            "-v /s:/t:ro,new",
            "--mount type=bind,src=/s,dst=/t,ro,bind-propagation=shared",
        ] {
            assert!(only(text).unwrap().is_special, "{text}");
        }
        assert!(!only("--mount type=bind,src=/s,dst=/t,ro,bind-nonrecursive").unwrap().recursive);
        assert!(!only("--mount type=bind,src=/s,dst=/t,ro,bind-recursive=disabled").unwrap().recursive);
        assert!(only("-v /s:/t:ro").unwrap().creates_source);
        assert!(!only("--mount type=bind,src=/s,dst=/t,ro").unwrap().creates_source);
    }

    #[test]
    fn the_volume_names_the_same_path_whatever_it_is_called() {
        for path in ["/a b", "/a,b", "/a\"b", "/a=b", "/a:b", "/a\nb"] {
            let words = ["--mount".into(), word(Path::new(path), Path::new("/t"), &["nodev"]), "img".into()];
            let line = RunLine::parse(&words, &Flags::run()).unwrap();
            assert_eq!(targets(&line), [PathBuf::from("/t")]);
            let Source::Volume { name, options } = &Mounts::of(&line).mounts[0].source else {
                panic!("{path}")
            };
            assert_eq!(name, "", "one that goes with its container");
            let options: Vec<_> = options.iter().map(|option| option.to_str().unwrap()).collect();
            let options = volume_options::of_mount(&options);
            assert_eq!(options["device"], path);
            assert_eq!(options["o"], "bind,private,ro,nodev");
            assert!(is_enforced(&options));
        }
        assert!(!is_enforced(&volume_options::of_mount(&["o=ro,rw"])));
        assert!(!is_enforced(&volume_options::of_mount(&["device=/ro"])));
    }

    #[test]
    fn what_is_mounted_below_a_folder_is_found() {
        let table = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:2 / /a rw - ext4 /dev/sda2 rw
3 2 8:3 / /a/b\\040c rw,nodev shared:1 - xfs /dev/sda3 rw
4 2 0:1 / /a/auto rw - autofs x rw
5 2 0:2 / /a/fuse rw - fuse.sshfs x rw,user_id=1
6 2 0:3 / /a/seen rw - fuse.sshfs x rw,allow_other
7 4 0:4 / /a/auto rw - nfs x rw
8 1 0:5 / /ab rw - tmpfs x rw
";
        let found = submounts(table, Path::new("/a"));
        let found: Vec<_> = found.iter().map(|one| (one.path.to_str().unwrap(), one.is_private)).collect();
        assert_eq!(found, [("/a/b c", false), ("/a/fuse", true), ("/a/seen", false), ("/a/auto", false)]);
        assert_eq!(submounts(table, Path::new("/")).len(), 6);
    }
}
