//! What a mount reaches on the daemon's host. Where that is this machine, links, mounts, disks and sockets
//! are looked at; elsewhere only the words count.

mod mountinfo;
mod paths;
mod sockets;
mod view;

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::places::{self, touches};
use crate::docker::mounts::{Mount, Source};
use crate::docker::volume_options::{self, Options};
use paths::{cleaned, resolved};
pub use view::View;

/// Where paths of a command line lead.
#[derive(Debug, Clone)]
pub struct Place {
    /// The working folder, for relative paths.
    pub folder: PathBuf,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// Whether the daemon's files are this machine's.
    pub local: bool,
    /// The daemon's socket, where it is known.
    pub socket: Option<PathBuf>,
    /// Where the daemon keeps what containers leave: its data.
    pub data: Vec<PathBuf>,
    /// Where it keeps what it runs, its data aside.
    pub engine: Vec<PathBuf>,
    /// How the daemon sees this machine.
    pub view: View,
}

/// A mount of something on the daemon's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMount {
    /// The option as it was typed.
    pub written: String,
    /// The same, read-only.
    pub instead: Option<String>,
    /// The path that was named, cleaned as the daemon cleans it, and where it leads.
    pub paths: Vec<PathBuf>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// The user's home, and every folder that is anybody's.
    pub home: Option<PathBuf>,
    /// What it brings along, whatever it is called.
    pub holds: Vec<Holds>,
}

/// What a mount can bring along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The socket of a container engine.
    EngineSocket,
    /// What this engine keeps or runs, wherever it has it, or a part of that.
    Engine,
    /// All of the engine's data.
    EngineData,
    /// A socket: it is one, or the directory of one.
    Socket,
    /// A pipe, likewise.
    Pipe,
}

/// In a directory of more files, sockets are not looked for to the end.
const MOST_ENTRIES: usize = 1000;

impl Place {
    /// What `mounts` reach; `known` are the options of volumes that are there, by name.
    #[must_use]
    pub fn look(&self, mounts: &[Mount], known: &BTreeMap<String, Options>) -> Vec<HostMount> {
        let mut looked = Vec::new();
        let folders = if self.local && !mounts.is_empty() { self.known_folders() } else { Vec::new() };
        for mount in mounts {
            match &mount.source {
                Source::Path(path) => {
                    let path = cleaned(&self.absolute(Path::new(path)));
                    looked.push(self.reached(mount, &path, &folders));
                }
                Source::Volume { name, options } => {
                    let there = known.get(&*name.to_string_lossy()).map(volume_options::paths);
                    let options: Vec<_> = options.iter().map(|option| option.to_string_lossy()).collect();
                    let here = volume_options::paths(&volume_options::of_mount(&options));
                    let paths = there.into_iter().flatten().chain(here);
                    looked.extend(paths.map(|path| self.reached(mount, Path::new(&path), &folders)));
                }
            }
        }
        looked
    }

    /// What `mount` reaches at `path`, as the kernel is given it.
    fn reached(&self, mount: &Mount, path: &Path, folders: &[Folder]) -> HostMount {
        let named = cleaned(path);
        let mut paths = vec![named.clone()];
        let mut endpoints = (false, false);
        let mut holds_a_socket = false;
        if self.local {
            let led_to = resolved(path, &self.view);
            holds_a_socket = self.is_seen_to_hold_one(&led_to);
            endpoints = self.endpoints(&led_to);
            let mut more = self.mounted_from(&led_to);
            // The root holds all that there is, and has its own rule.
            if led_to != Path::new("/") {
                more.extend(self.other_names(&led_to, folders));
                let known = more.iter().chain([&led_to]).cloned().collect::<Vec<_>>();
                more.extend(
                    known.iter().flat_map(|path| self.view.other_names(path)).map(|name| cleaned(&name)),
                );
            }
            for path in std::iter::once(led_to).chain(more) {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        let touches = |places: &[PathBuf], inside: bool| {
            let real = paths.iter().filter(|path| *path != Path::new("/"));
            real.into_iter().any(|path| places.iter().any(|place| touches(path, place, inside)))
        };
        let engine_socket = holds_a_socket || paths.iter().any(|path| self.is_named_like_one(path));
        let holds = [
            (Holds::EngineSocket, engine_socket),
            (Holds::Engine, touches(&self.engine, true) || touches(&self.data, true)),
            (Holds::EngineData, touches(&self.data, false)),
            (Holds::Socket, endpoints.0),
            (Holds::Pipe, endpoints.1),
        ];
        HostMount {
            written: mount.written.clone(),
            instead: Some(mount.instead.clone()).filter(|words| !mount.read_only && !words.is_empty()),
            holds: holds.into_iter().filter(|(_, holds)| *holds).map(|(what, _)| what).collect(),
            read_only: mount.read_only,
            home: self.home.clone(),
            paths,
        }
    }

    /// Whether `path` is, or has directly in it, a socket, and a pipe.
    fn endpoints(&self, path: &Path) -> (bool, bool) {
        let path = self.view.seen(path);
        let kinds: Vec<std::fs::FileType> = match path.metadata() {
            Ok(about) if about.is_dir() => {
                let entries = std::fs::read_dir(&path).into_iter().flatten().take(MOST_ENTRIES);
                entries.filter_map(|entry| entry.ok()?.file_type().ok()).collect()
            }
            Ok(about) => vec![about.file_type()],
            Err(_) => Vec::new(),
        };
        (kinds.iter().any(FileTypeExt::is_socket), kinds.iter().any(FileTypeExt::is_fifo))
    }

    /// The places that rules are about and that are there.
    fn known_folders(&self) -> Vec<Folder> {
        let own = self.home.as_deref().filter(|own| *own != Path::new("/"));
        let mut all: Vec<PathBuf> = places::all().map(PathBuf::from).collect();
        all.extend(own.map(Path::to_owned));
        all.extend(self.engine.iter().chain(&self.data).cloned());
        let known = |name: PathBuf| {
            let at = name.canonicalize().ok()?;
            let above = at.ancestors().filter(|above| above.parent().is_some());
            let above = above.filter_map(identity).collect();
            Some(Folder { name, above })
        };
        // In a home, names tell by themselves, unless they are links, or one file of several names.
        let elsewhere = |name: &PathBuf| {
            name.symlink_metadata()
                .is_ok_and(|about| about.is_symlink() || about.is_file() && about.nlink() > 1)
        };
        let home =
            own.into_iter().flat_map(|own| places::at_home().map(|name| own.join(name))).filter(elsewhere);
        all.into_iter().chain(home).filter_map(known).collect()
    }

    /// What `path` is called besides, where it is in one of `folders` or holds it under another name: behind a link
    /// that leads there, like `/home` to `/var/home`, or behind a bind mount.
    fn other_names(&self, path: &Path, folders: &[Folder]) -> Vec<PathBuf> {
        let above: Vec<(&Path, (u64, u64))> =
            path.ancestors().filter_map(|above| Some((above, identity(&self.view.seen(above))?))).collect();
        let itself = above.first().filter(|(there, _)| *there == path).map(|(_, itself)| *itself);
        let mut names = Vec::new();
        for folder in folders {
            let within = above.iter().find(|(_, above)| folder.above.first() == Some(above));
            if let Some(rest) = within.and_then(|(above, _)| path.strip_prefix(above).ok()) {
                names.push(cleaned(&folder.name.join(rest)));
            } else if itself.is_some_and(|itself| folder.above.contains(&itself))
                && !folder.name.starts_with(path)
            {
                names.push(folder.name.clone());
            }
        }
        names.retain(|name| name != path);
        names
    }

    /// Where the disk `path` is mounted, if it is one: a volume of that disk is what is there.
    fn mounted_from(&self, path: &Path) -> Vec<PathBuf> {
        let about = self.view.seen(path).metadata().ok();
        let Some(about) = about.filter(|about| about.file_type().is_block_device()) else {
            return Vec::new();
        };
        // btrfs has numbers of its own; its line names the disk all the same.
        let number = format!("{}:{}", rustix::fs::major(about.rdev()), rustix::fs::minor(about.rdev()));
        let is_the_disk = |source: &Path| source.starts_with("/") && resolved(source, &self.view) == path;
        self.view.mounted_from(&number, is_the_disk)
    }

    /// Absolute, as Docker and the daemon make it, before any link is followed.
    fn absolute(&self, path: &Path) -> PathBuf {
        let home = self.home.as_deref().unwrap_or(Path::new("/root"));
        match path.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => self.folder.join(path),
        }
    }
}

/// A folder that rules are about.
struct Folder {
    name: PathBuf,
    /// What it is and what it is in, but for the root.
    above: Vec<(u64, u64)>,
}

/// Which file it is, whatever it is called.
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|about| (about.dev(), about.ino()))
}

impl HostMount {
    /// Whether it brings that along.
    #[must_use]
    pub fn holds(&self, what: Holds) -> bool {
        self.holds.contains(&what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(local: bool) -> Place {
        Place {
            folder: "/work/project".into(),
            home: Some("/home/me".into()),
            local,
            socket: Some("/srv/docker.socket".into()),
            data: vec!["/srv/engine/data".into()],
            engine: vec!["/srv/tools/runsc".into()],
            view: View::default(),
        }
    }

    fn look(place: &Place, path: &str) -> HostMount {
        look_at(place, Source::Path(path.into()))
    }

    fn look_at(place: &Place, source: Source) -> HostMount {
        let mount = Mount { written: String::new(), source, read_only: false, instead: String::new() };
        place.look(&[mount], &BTreeMap::new()).remove(0)
    }

    #[test]
    fn paths_are_cleaned_as_the_daemon_cleans_them() {
        for (given, clean) in [
            ("/a/../etc//./x/", "/etc/x"),
            ("./x", "/work/project/x"),
            ("../../../..", "/"),
            ("~/.ssh", "/home/me/.ssh"),
            ("~", "/home/me"),
            ("/var/run/x", "/run/x"),
            ("/proc/1/root/etc", "/etc"),
            ("/proc/self/task/7/root", "/"),
            ("/proc/7/fd/3", "/"),
            ("/proc/sys/kernel", "/proc/sys/kernel"),
        ] {
            assert_eq!(look(&place(false), given).paths, [PathBuf::from(clean)], "{given}");
        }
    }

    #[test]
    fn the_device_of_a_volume_is_taken_from_the_root_and_its_dots_behind_links() {
        let top = tempfile::tempdir().unwrap();
        let link = top.path().join("link");
        std::os::unix::fs::symlink("/etc/ssl", &link).unwrap();
        let volume = |device: &str| {
            let options = vec![format!("device={device}").into(), "o=bind".into()];
            look_at(&place(true), Source::Volume { name: "".into(), options }).paths
        };
        assert_eq!(volume("etc"), [PathBuf::from("/etc")]);
        assert_eq!(volume("//etc/./x"), [PathBuf::from("/etc/x")]);
        let device = link.join("../x").to_str().unwrap().to_owned();
        assert_eq!(volume(&device), [top.path().join("x"), "/etc/x".into()]);
        // Docker takes the dots out of what it binds by itself, before it follows anything.
        assert!(!look(&place(true), &device).paths.contains(&"/etc/x".into()));
    }

    #[test]
    fn a_folder_is_known_by_whatever_it_is_called() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("disk/people/me/.ssh")).unwrap();
        std::os::unix::fs::symlink("disk/people", top.join("home")).unwrap();
        let place = Place { home: Some(top.join("home/me")), ..place(true) };
        let paths = |path: &str| look(&place, top.join(path).to_str().unwrap()).paths;
        assert!(paths("disk/people/me").contains(&top.join("home/me")));
        assert!(paths("disk/people/me/.ssh/new").contains(&top.join("home/me/.ssh/new")));
        assert!(paths("disk").contains(&top.join("home/me")));
        assert_eq!(paths("disk/people/you"), [top.join("disk/people/you")]);
    }

    #[test]
    fn a_socket_is_found_by_its_name_and_in_every_folder_above() {
        for path in [
            "/run/docker.sock",
            "/var/run/../run/docker.sock",
            "/run",
            "/",
            "/run/user",
            "/run/user/1000",
            "/anything/docker.sock",
            "/srv",
            "/srv/docker.socket",
            "/run/containerd",
        ] {
            assert!(look(&place(false), path).holds(Holds::EngineSocket), "{path}");
        }
        for path in [
            "/run/user/1000/pulse",
            "/home/me/project",
            "/home/me",
            "/var/log",
            "/data",
            "/run/docker.socket",
        ] {
            assert!(!look(&place(false), path).holds(Holds::EngineSocket), "{path}");
        }
    }

    #[test]
    fn links_and_other_names_of_a_socket_are_followed_where_the_daemon_is_here() {
        let top = tempfile::tempdir().unwrap();
        let real = top.path().canonicalize().unwrap().join("engine");
        std::fs::create_dir_all(&real).unwrap();
        let socket = real.join("api");
        let _held = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let hard = top.path().join("hard");
        std::fs::hard_link(&socket, &hard).unwrap();
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let place = Place { socket: Some(socket.clone()), ..place(true) };
        for path in [&socket, &hard, &link, &link.join("api"), &real] {
            assert!(look(&place, path.to_str().unwrap()).holds(Holds::EngineSocket), "{}", path.display());
        }
        assert_eq!(look(&place, link.to_str().unwrap()).paths[1], real);
        assert!(!look(&place, link.join("nothing").to_str().unwrap()).holds(Holds::EngineSocket));
        assert!(
            look(&place, hard.to_str().unwrap()).holds(Holds::Socket)
                && look(&place, real.to_str().unwrap()).holds(Holds::Socket)
        );
        assert!(!look(&place, top.path().to_str().unwrap()).holds(Holds::Pipe));
    }
}
