//! The engines and docker CLIs that ./test.sh has made ready.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder with one folder per engine.
const ENGINES: &str = "DOCKER_SANDBOX_TEST_ENGINES";
/// The file with a line `VERSION PATH` per docker CLI.
const CLIS: &str = "DOCKER_SANDBOX_TEST_CLIS";

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
    /// `bookworm` (Docker 20.10), `trixie` (26.1) or `bare` (26.1 without gVisor).
    pub(crate) fn named(name: &str) -> Self {
        let engine = Self { dir: variable(ENGINES).join(name) };
        let ping = engine.ping();
        assert!(
            ping.as_deref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")),
            "the engine in {} does not answer ({ping:?}): real engines are made ready by ./test.sh, \
             run this tier through it",
            engine.dir.display()
        );
        engine
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

    /// Where `engine.sh` keeps the programs of all suites.
    pub(crate) fn cache(&self) -> PathBuf {
        let root = std::fs::read_link(self.dir.join("root")).unwrap();
        root.ancestors().nth(2).unwrap().to_owned()
    }
}

impl Cli {
    /// All of them, oldest first.
    pub(crate) fn all() -> Vec<Self> {
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
        clis.dedup_by(|one, other| one.version == other.version);
        assert!(clis.len() > 1, "{CLIS} names fewer than two docker CLIs: run this tier through ./test.sh");
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

    fn number(&self) -> Vec<u32> {
        self.version.split('.').map_while(|part| part.parse().ok()).collect()
    }

    /// Whether it tells a plugin, by closing a socket, that it was told to end (from 25.0 on).
    pub(crate) fn has_plugin_socket(&self) -> bool {
        self.number() >= vec![25]
    }
}
