//! The engines and docker CLIs that ./test.sh has made ready.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder with one folder per engine.
const ENGINES: &str = "DOCKER_SANDBOX_TEST_ENGINES";
/// The file with a line `VERSION PATH` per docker CLI.
const CLIS: &str = "DOCKER_SANDBOX_TEST_CLIS";
/// How the path ends of the docker CLI of the suite that moves.
const MOVING: &str = "sid/root/usr/bin/docker";

/// Engines by name, as the table in CONTRIBUTING.md has them. Iterated, it is those that are there: one that moves and
/// could not be made ready by ./test.sh is left out, and the test is named at the end of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engines(&'static [&'static str]);

impl Engines {
    /// All that have gVisor.
    pub(crate) const ALL: Self = Self(&["bookworm", "trixie", "sid", "sid-store", "given"]);
    /// One for each release of Docker, for what takes long: `sid` differs from `sid-store` by its image store alone.
    pub(crate) const RELEASES: Self = Self(&["bookworm", "trixie", "sid-store", "given"]);
    /// Those of Debian's stable releases: Docker 20.10 and 26.1.
    pub(crate) const PINNED: Self = Self(&["bookworm", "trixie"]);
    /// Those of a suite that moves, with the classic image store and with containerd's: Docker 28.5 or newer.
    pub(crate) const NEWEST: Self = Self(&["sid", "sid-store"]);
    /// All but a runsc that was given: what is pinned to the releases that Debian has.
    pub(crate) const PACKAGED: Self = Self(&["bookworm", "trixie", "sid", "sid-store"]);
    /// One of each suite, whose name it has: for engines that a test starts for itself, see [`super::OwnEngine`].
    pub(crate) const SUITES: Self = Self(&["bookworm", "trixie", "sid"]);
    /// A runsc of any release, where one is given.
    pub(crate) const GIVEN: Self = Self(&["given"]);
}

impl IntoIterator for Engines {
    type Item = &'static str;
    type IntoIter = std::vec::IntoIter<&'static str>;

    fn into_iter(self) -> Self::IntoIter {
        let there: Vec<_> = self.0.iter().copied().filter(|name| is_there(name)).collect();
        there.into_iter()
    }
}

/// Whether an engine is there, noting the test if it is absent. `given` is there for whoever gives a runsc.
fn is_there(name: &str) -> bool {
    let dir = variable(ENGINES);
    if name == "given" {
        return dir.join(name).exists();
    }
    let absent = dir.join(format!("{name}.absent")).exists();
    if absent {
        let line = format!("{name} {}\n", test_name());
        // One write of a short line: tests of other processes append to it as well.
        let file = OpenOptions::new().create(true).append(true).open(dir.join("not-run"));
        file.and_then(|mut file| file.write_all(line.as_bytes())).unwrap();
    }
    !absent
}

/// `rules::mounts::a_promise`. Of nextest, which runs each test in a process, or of the thread that libtest starts.
fn test_name() -> String {
    let thread = || std::thread::current().name().unwrap_or("unknown").to_owned();
    std::env::var("NEXTEST_TEST_NAME").unwrap_or_else(|_| thread())
}

/// A dockerd of `scripts/engine.sh`.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) dir: PathBuf,
}

/// A docker CLI.
#[derive(Debug, Clone)]
pub(crate) struct Cli {
    pub(crate) version: String,
    pub(crate) path: PathBuf,
}

fn variable(name: &str) -> PathBuf {
    let Some(value) = std::env::var_os(name) else {
        panic!("{name} is not set: real engines are made ready by ./test.sh, run this tier through it")
    };
    PathBuf::from(value)
}

impl Engine {
    /// One of [`Engines`], `bare` (Docker 26.1 without gVisor) or `rootless` (26.1 without root).
    pub(crate) fn named(name: &str) -> Self {
        let engine = Self { dir: variable(ENGINES).join(name) };
        let absent = std::fs::read_to_string(engine.dir.with_extension("absent"));
        assert!(absent.is_err(), "{name} is absent; iterate over `Engines`, which leaves it out: {absent:?}");
        let ping = engine.ping();
        assert!(
            ping.as_deref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")),
            "the engine in {} does not answer ({ping:?}): real engines are made ready by ./test.sh, \
             run this tier through it",
            engine.dir.display()
        );
        engine
    }

    /// Whether there is one with a gVisor that was given: `DOCKER_SANDBOX_TEST_RUNSC=PATH ./test.sh engine`.
    pub(crate) fn is_given() -> bool {
        variable(ENGINES).join("given").is_dir()
    }

    /// Whether it answers now.
    pub(crate) fn answers(&self) -> bool {
        self.ping().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    fn ping(&self) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(self.dir.join("docker.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// What `DOCKER_HOST` is for it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.dir.display())
    }

    /// The last part of its folder: `trixie`.
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// The docker CLI to use with it: the newest one, and with an engine that moves its own.
    pub(crate) fn cli(&self) -> Cli {
        let own = Cli::listed().into_iter().find(|cli| cli.path.ends_with(MOVING));
        own.filter(|cli| Some(self.root()) == cli.root()).unwrap_or_else(Cli::newest)
    }

    /// The version of its runsc, as that says it: `0.0~20240729.0`, `release-20260817.0`.
    pub(crate) fn runsc_version(&self) -> String {
        let given = self.dir.join("runsc");
        let runsc = if given.exists() { given } else { self.root().join("usr/bin/runsc") };
        let output = std::process::Command::new(runsc).arg("--version").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().next().and_then(|line| line.split(' ').next_back()).unwrap_or_default().to_owned()
    }

    /// Its unpacked programs.
    fn root(&self) -> PathBuf {
        std::fs::read_link(self.dir.join("root")).unwrap()
    }

    /// Where `engine.sh` keeps the programs of all suites.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root().ancestors().nth(2).unwrap().to_owned()
    }
}

impl Cli {
    /// All of them, oldest first, but for the one that moves: that belongs to its engines, see [`Engine::cli`].
    pub(crate) fn all() -> Vec<Self> {
        let mut clis = Self::listed();
        clis.retain(|cli| !cli.path.ends_with(MOVING));
        clis.dedup_by(|one, other| one.version == other.version);
        assert!(clis.len() > 1, "{CLIS} names fewer than two docker CLIs: run this tier through ./test.sh");
        clis
    }

    fn listed() -> Vec<Self> {
        let file = variable(CLIS);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| {
            panic!("{CLIS}: cannot read {} ({error}): run this tier through ./test.sh", file.display())
        });
        let read = |line: &str| {
            let (version, path) = line.split_once(' ')?;
            Some(Self { version: version.to_owned(), path: Path::new(path).to_owned() })
        };
        let mut clis: Vec<Self> = text.lines().filter_map(read).collect();
        clis.sort_by_key(Self::number);
        clis
    }

    /// The newest one.
    pub(crate) fn newest() -> Self {
        Self::all().pop().unwrap()
    }

    /// The oldest one: Docker 20.10, which names no socket to its plugins.
    pub(crate) fn oldest() -> Self {
        Self::all().remove(0)
    }

    /// The unpacked programs that it is of.
    fn root(&self) -> Option<PathBuf> {
        self.path.ancestors().nth(3).map(Path::to_owned)
    }

    fn number(&self) -> Vec<u32> {
        self.version.split('.').map_while(|part| part.parse().ok()).collect()
    }

    /// Whether it tells a plugin, by closing a socket, that it was told to end (from 25.0 on).
    pub(crate) fn has_plugin_socket(&self) -> bool {
        self.number() >= vec![25]
    }
}
