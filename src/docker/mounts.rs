//! What a command line of `docker run` mounts: `-v`, `--mount`, `--volumes-from`,
//! `--use-api-socket`. Pure; which files that reaches is [`crate::gvisor::rules::host`]'s.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::csv;
use super::run_line::RunLine;

/// One mount of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The option as it was typed: `-v /a:/b`.
    pub written: String,
    /// What is mounted.
    pub source: Source,
    /// Whether it is certainly read-only.
    pub read_only: bool,
    /// The same, mounted read-only: `-v /a:/b:ro`; empty where that cannot be.
    pub instead: String,
}

/// Where a mount comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path on the daemon's host, as it was written.
    Path(OsString),
    /// A volume by its name; its options are known to the daemon, and those given here, which make
    /// it if it is not there, are `(type, device, o)` and whatever else.
    Volume {
        /// Its name.
        name: OsString,
        /// Values of `volume-opt`: `device=/etc`.
        options: Vec<OsString>,
    },
}

/// All that a command line mounts from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Of `-v` and `--mount`. Memory, images and anonymous volumes are not among them.
    pub mounts: Vec<Mount>,
    /// Of `--volumes-from`.
    pub from: Vec<VolumesFrom>,
    /// `--use-api-socket` as it was typed, if it is on.
    pub api_socket: Option<String>,
}

/// `--volumes-from CONTAINER[:ro]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumesFrom {
    /// The option as it was typed.
    pub written: String,
    /// The container's name or id.
    pub container: OsString,
    /// Whether all of it is read-only.
    pub read_only: bool,
}

impl Mounts {
    /// Those of `line`.
    #[must_use]
    pub fn of(line: &RunLine) -> Self {
        let mut mounts = Self::default();
        for option in line.options() {
            let value = option.value.unwrap_or_default();
            match option.name {
                "volume" => mounts.mounts.extend(volume(&option.written(), value)),
                "mount" => mounts.mounts.extend(mount(&option.written(), value)),
                "volumes-from" => mounts.from.push(volumes_from(option.written(), value)),
                "use-api-socket" => mounts.api_socket = option.is_on().then(|| option.written()),
                _ => {}
            }
        }
        mounts
    }

    /// Whether nothing is mounted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty() && self.from.is_empty() && self.api_socket.is_none()
    }
}

/// `[SOURCE:]TARGET[:OPTIONS]`. Source: `linuxParser.ParseMountRaw` in moby's `volume/mounts`.
fn volume(written: &str, value: &OsStr) -> Option<Mount> {
    let mut parts = value.as_bytes().splitn(3, |&byte| byte == b':');
    let (source, target) = (parts.next()?, parts.next()?);
    let options = parts.next().unwrap_or_default();
    let has = |wanted: &[u8]| options.split(|&byte| byte == b',').any(|option| option == wanted);
    let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_string_lossy().into_owned();
    let kept = options.split(|&byte| byte == b',').filter(|option| !matches!(*option, b"" | b"ro" | b"rw"));
    let modes: Vec<String> = std::iter::once(b"ro".as_slice()).chain(kept).map(text).collect();
    Some(Mount {
        written: written.to_owned(),
        source: source_of(source, Vec::new()),
        read_only: has(b"ro") && !has(b"rw"),
        instead: crate::ui::shell_line([
            "-v",
            &format!("{}:{}:{}", text(source), text(target), modes.join(",")),
        ]),
    })
}

/// `type=bind,src=/a,dst=/b,readonly`. Source: `MountOpt.Set` in docker/cli's `opts/mount.go`, read
/// leniently: what Docker refuses may be read here as if it did not.
fn mount(written: &str, value: &OsStr) -> Option<Mount> {
    let fields = csv::fields(value.as_bytes())?;
    let (mut kind, mut source, mut read_only) = (b"volume".to_vec(), Vec::new(), false);
    let mut options = Vec::new();
    for field in fields {
        let (key, value) = match field.iter().position(|&byte| byte == b'=') {
            Some(equals) => (&field[..equals], Some(&field[equals + 1..])),
            None => (field.as_slice(), None),
        };
        let value_or_empty = value.unwrap_or_default().to_vec();
        match key.trim_ascii().to_ascii_lowercase().as_slice() {
            b"type" => kind = value_or_empty.trim_ascii().to_ascii_lowercase(),
            b"source" | b"src" => source = value_or_empty,
            b"readonly" | b"ro" => {
                read_only = value
                    .is_none_or(|value| matches!(value, b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True"));
            }
            b"volume-opt" => options.push(sent(&value_or_empty)),
            _ => {}
        }
    }
    let anonymous = source.is_empty() && options.is_empty();
    if anonymous || matches!(kind.as_slice(), b"tmpfs" | b"image") {
        return None;
    }
    let instead = crate::ui::shell_line(["--mount", &format!("{},readonly", value.to_string_lossy())]);
    Some(Mount { written: written.to_owned(), source: source_of(&source, options), read_only, instead })
}

/// A name has none of what a path starts with; Docker refuses names with `/` in them.
fn source_of(source: &[u8], options: Vec<OsString>) -> Source {
    let name = sent(source);
    let path = matches!(source.first(), Some(b'/' | b'.' | b'~')) || source.contains(&b'/');
    if path { Source::Path(name) } else { Source::Volume { name, options } }
}

/// What comes to the daemon: in JSON, each byte that is no UTF-8 becomes U+FFFD.
fn sent(text: &[u8]) -> OsString {
    let chunks = text.utf8_chunks();
    chunks
        .map(|chunk| chunk.valid().to_owned() + &"\u{fffd}".repeat(chunk.invalid().len()))
        .collect::<String>()
        .into()
}

fn volumes_from(written: String, value: &OsStr) -> VolumesFrom {
    let mut parts = value.as_bytes().splitn(2, |&byte| byte == b':');
    let container = OsStr::from_bytes(parts.next().unwrap_or_default()).to_owned();
    let read_only =
        parts.next().is_some_and(|mode| mode.split(|&byte| byte == b',').any(|part| part == b"ro"));
    VolumesFrom { written, container, read_only }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::flags::Flags;

    fn of(text: &str) -> Mounts {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        Mounts::of(&RunLine::parse(&words, &Flags::run()).unwrap())
    }

    fn path(text: &str) -> (Source, bool) {
        let mount = of(text).mounts.remove(0);
        (mount.source, mount.read_only)
    }

    #[test]
    fn every_spelling_of_a_mount_is_read() {
        let etc = Source::Path("/etc".into());
        for (text, read_only) in [
            ("-v /etc:/x img", false),
            ("-itv/etc:/x:rw img", false),
            ("--volume=/etc:/x:ro,z img", true),
            ("-v=/etc:/x:ro,rw img", false),
            ("--mount type=bind,src=/etc,dst=/x img", false),
            ("--mount TYPE=Bind,Source=/etc,target=/x,readonly img", true),
            ("--mount type=bind,\"src=/etc\",dst=/x,ro=true,readonly=false img", false),
            ("--mount src=/etc,dst=/x,ro=1 img", true),
            // Docker reads the first line that is not empty, and no other.
            ("--mount \ntype=bind,src=/etc,dst=/x\n,type=tmpfs img", false),
            ("--mount type=bind,src=/etc,dst=/x\n,readonly img", false),
        ] {
            assert_eq!(path(text), (etc.clone(), read_only), "{text}");
        }
        // Blanks are part of the path.
        assert_eq!(path("--mount type=bind,dst=/x,src=/etc\t img").0, Source::Path("/etc\t".into()));
        assert_eq!(path("-v ./x:/y img").0, Source::Path("./x".into()));
        assert_eq!(path("-v data:/y img").0, Source::Volume { name: "data".into(), options: vec![] });
        assert_eq!(
            path("--mount dst=/y,volume-opt=device=/etc,\"volume-opt=o=bind,rw\" img").0,
            Source::Volume { name: "".into(), options: vec!["device=/etc".into(), "o=bind,rw".into()] }
        );
    }

    #[test]
    fn the_same_mount_read_only_keeps_what_else_was_said_of_it() {
        for (text, instead) in [
            ("-v /etc:/x img", "-v /etc:/x:ro"),
            ("--volume=/etc:/x:rw,z img", "-v /etc:/x:ro,z"),
            ("--mount type=bind,src=/etc,dst=/x,ro=0 img", "--mount type=bind,src=/etc,dst=/x,ro=0,readonly"),
        ] {
            assert_eq!(of(text).mounts[0].instead, instead, "{text}");
        }
    }

    #[test]
    fn a_path_is_what_comes_to_the_daemon() {
        let words = [OsStr::from_bytes(b"-v/a\xe2\x82\xff:/x"), OsStr::new("img")].map(OsStr::to_owned);
        let line = RunLine::parse(&words, &Flags::run()).unwrap();
        assert_eq!(Mounts::of(&line).mounts[0].source, Source::Path("/a\u{fffd}\u{fffd}\u{fffd}".into()));
    }

    #[test]
    fn what_comes_from_nowhere_is_no_mount() {
        for text in ["-v /data img", "--mount type=tmpfs,dst=/x img", "--mount dst=/x img", "--tmpfs /x img"]
        {
            assert!(of(text).is_empty(), "{text}");
        }
        assert!(of("--use-api-socket=false img").is_empty());
        assert!(of("--use-api-socket img").api_socket.is_some());
        assert_eq!(of("--volumes-from c:ro img").from[0].container, "c");
    }
}
