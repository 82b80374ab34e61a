//! An engine for one test, which may break it.

use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::{Engine, IMAGE, wait_until};

const PODMAN: &str = "podman";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/engine.sh");

/// An engine of its own, Debian 13's if nothing else is said. Stopped and removed when dropped.
pub(crate) struct OwnEngine {
    pub(crate) engine: Engine,
    suite: String,
    options: Vec<String>,
}

impl OwnEngine {
    /// Starts one with these runtimes: `runsc`, `impostor`. See `scripts/engine.sh --help`.
    pub(crate) fn start(runtimes: &str) -> Self {
        Self::start_suite("trixie", runtimes)
    }

    /// As [`Self::start`], with the packages of `bookworm`, `trixie` or `sid`.
    pub(crate) fn start_suite(suite: &str, runtimes: &str) -> Self {
        Self::start_with(suite, runtimes, &[])
    }

    /// As [`Self::start_suite`], with options of `engine.sh start`.
    pub(crate) fn start_with(suite: &str, runtimes: &str, options: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let dir = format!("/tmp/dse-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let own = Self { engine: Engine { dir: PathBuf::from(&dir) }, suite: suite.to_owned(), options };
        own.begin(runtimes);
        own
    }

    /// podman's service, which is no Docker Engine.
    pub(crate) fn podman() -> Self {
        Self::start_suite(PODMAN, "")
    }

    /// The folder that is first on its PATH.
    pub(crate) fn programs(&self) -> PathBuf {
        self.engine.dir.join("bin")
    }

    fn begin(&self, runtimes: &str) {
        let cache = Engine::named("trixie").cache();
        let cache = cache.to_str().unwrap();
        let dir = self.engine.dir.to_str().unwrap();
        if self.suite == PODMAN {
            script(&["podman", dir, cache]);
        } else {
            let options = self.options.iter().map(String::as_str);
            let start = ["start", dir, &self.suite, cache, "--runtimes", runtimes];
            script(&start.into_iter().chain(options).collect::<Vec<_>>());
        }
        script(&["image", &self.engine.host(), IMAGE, cache]);
    }

    /// Puts another daemon with other runtimes behind the same socket.
    pub(crate) fn replace(&self, runtimes: &str) {
        script(&["stop", self.engine.dir.to_str().unwrap()]);
        self.begin(runtimes);
    }

    /// Writes daemon.json.
    pub(crate) fn configure(&self, daemon_json: &str) {
        std::fs::write(self.engine.dir.join("daemon.json"), daemon_json).unwrap();
    }

    /// daemon.json as it is.
    pub(crate) fn configuration(&self) -> String {
        std::fs::read_to_string(self.engine.dir.join("daemon.json")).unwrap()
    }

    /// Makes the daemon read daemon.json, and waits until it says that it has.
    pub(crate) fn reload(&self) {
        let log = self.engine.dir.join("dockerd.log");
        let count = || std::fs::read_to_string(&log).unwrap().matches("Reloaded configuration").count();
        let before = count();
        kill_process(self.pid(), Signal::HUP).unwrap();
        wait_until("the daemon has reloaded its configuration", || count() > before);
    }

    /// Kills the daemon, and starts it again where it was, with what it left behind.
    pub(crate) fn kill_and_start_again(&self) {
        let pid = self.pid();
        let of_it = |name: &str| Path::new("/proc").join(pid.to_string()).join(name);
        let words = |name: &str| -> Vec<String> {
            let text = std::fs::read(of_it(name)).unwrap();
            let words = text.split(|&byte| byte == 0).filter(|word| !word.is_empty());
            words.map(|word| String::from_utf8(word.to_vec()).unwrap()).collect()
        };
        let (line, environment) = (words("cmdline"), words("environ"));
        // They end with their last process, unless somebody holds them.
        let [mounts, network] = ["ns/mnt", "ns/net"].map(|name| std::fs::File::open(of_it(name)).unwrap());
        let held = |option: &str, file: &std::fs::File| {
            format!("--{option}=/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
        };
        kill_process(pid, Signal::KILL).unwrap();
        wait_until("the daemon is gone", || std::fs::read(of_it("cmdline")).unwrap_or_default().is_empty());
        // Nobody may have waited for it yet, and then it counts as a daemon that runs.
        std::fs::remove_file(self.engine.dir.join("docker.pid")).unwrap();
        let log = std::fs::File::options().append(true).open(self.engine.dir.join("dockerd.log")).unwrap();
        let started = Command::new("setsid")
            .args(["--fork", "nsenter", &held("mount", &mounts), &held("net", &network)])
            .args(line)
            .env_clear()
            .envs(environment.iter().filter_map(|variable| variable.split_once('=')))
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .status()
            .unwrap();
        assert!(started.success(), "the daemon is started again: {started}");
        wait_until("the daemon answers again", || self.engine.answers());
    }

    fn pid(&self) -> Pid {
        let pid = std::fs::read_to_string(self.engine.dir.join("docker.pid")).unwrap();
        Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        let dir = self.engine.dir.to_str().unwrap();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(Path::new(dir).join("dockerd.log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
        let stopped = Command::new("sh").args([SCRIPT, "stop", dir]).status();
        eprintln!("engine in {dir} stopped: {stopped:?}");
    }
}

fn script(args: &[&str]) {
    let output = Command::new("sh").arg(SCRIPT).args(args).output().unwrap();
    assert!(output.status.success(), "engine.sh {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
