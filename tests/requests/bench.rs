//! One docker CLI, one stand-in, and a place of their own: runs command lines there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;
use tempfile::TempDir;

use crate::daemon::{Daemon, Request};
use crate::line::{Call, Line, pasteable};

const PLUGIN: &str = env!("CARGO_BIN_EXE_docker-sandbox");
/// The CLI asks nobody but the stand-in, which answers at once.
const LIMIT: Duration = Duration::from_secs(60);
/// Lines `VERSION PATH`, as `scripts/engine.sh clis` prints them.
const CLIS: &str = "DOCKER_SANDBOX_TEST_CLIS";

/// A docker CLI on this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cli {
    /// `[28, 2, 2]`.
    version: Vec<u32>,
    path: PathBuf,
}

impl Cli {
    /// All that the tests are to be made with, the newest first.
    pub(crate) fn all() -> Vec<Self> {
        let file = std::env::var_os(CLIS).unwrap_or_else(|| {
            panic!("{CLIS} names no list of docker CLIs; ./test.sh makes one and runs this test")
        });
        let list = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        let mut clis: Vec<Self> =
            list.lines().filter(|line| !line.trim().is_empty()).map(Self::read).collect();
        clis.sort();
        clis.reverse();
        assert!(!clis.is_empty(), "{} names no docker CLI; ./test.sh makes the list", file.display());
        clis
    }

    fn read(line: &str) -> Self {
        let (version, path) = line.split_once(' ').unwrap_or_else(|| panic!("no `VERSION PATH`: {line}"));
        let digits =
            |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
        Self { version: version.split('.').map_while(digits).collect(), path: path.into() }
    }
}

/// What one command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// 128 + n after signal n.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// What it wanted from the daemon, but for questions about the daemon itself.
    pub(crate) requests: Vec<Request>,
}

/// Where the commands run. What they leave behind is taken away before the next one.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) cli: Cli,
    daemon: Daemon,
    folder: TempDir,
    environment: Vec<(&'static str, OsString)>,
    /// stdin, so that `-it` gets as far as it does for users.
    terminal: File,
    _terminals_other_end: File,
}

impl Bench {
    pub(crate) fn new(cli: &Cli) -> Self {
        let folder = tempfile::Builder::new().prefix("requests").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["home", "config/cli-plugins", "bin", "work/data"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        // A name of the working folder from which `..` leads elsewhere.
        symlink(at("work"), at("home/link")).unwrap();
        symlink(PLUGIN, at("config/cli-plugins/docker-sandbox")).unwrap();
        symlink(&cli.path, at("bin/docker")).unwrap();
        fs::write(at("config/config.json"), config().to_string()).unwrap();
        fs::write(at("work/env.list"), "# some\nFROM_FILE=1\nHOME\n").unwrap();
        fs::write(at("work/labels.list"), "from.file=1\n--runtime=runc\n").unwrap();
        fs::write(at("work/seccomp.json"), r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#).unwrap();
        let daemon = Daemon::start(&at("docker.sock"));
        let environment = vec![
            ("HOME", at("home").into()),
            ("DOCKER_CONFIG", at("config").into()),
            ("DOCKER_HOST", daemon.host().into()),
            ("PATH", at("bin").into()),
            ("PWD", at("home/link").into()),
            ("LANG", "C.UTF-8".into()),
            ("FROM_ENVIRONMENT", "--runtime=runc".into()),
            // Nobody there: `--disable-content-trust=false` fails at once instead of asking the Internet.
            ("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1".into()),
        ];
        let (other_end, terminal) = terminal();
        Self { cli: cli.clone(), daemon, folder, environment, terminal, _terminals_other_end: other_end }
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `docker run …`.
    pub(crate) fn plain(&self, line: &Line) -> Outcome {
        self.run(self.cli.path.as_os_str(), &line.plain())
    }

    /// Runs `docker sandbox run …`, or `docker-sandbox run …`.
    pub(crate) fn sandboxed(&self, line: &Line) -> Outcome {
        self.run(self.program(line), &line.sandboxed())
    }

    /// Both command lines, to be pasted.
    pub(crate) fn show(&self, line: &Line) -> String {
        let shown = |program: &OsStr, words: &[OsString]| pasteable(&program.to_string_lossy(), words);
        format!(
            "plain:   {}\nsandbox: {}",
            shown(self.cli.path.as_os_str(), &line.plain()),
            shown(self.program(line), &line.sandboxed())
        )
    }

    fn program(&self, line: &Line) -> &OsStr {
        match line.call {
            Call::Plugin => self.cli.path.as_os_str(),
            Call::Direct => OsStr::new(PLUGIN),
        }
    }

    fn run(&self, program: &OsStr, words: &[OsString]) -> Outcome {
        let work = self.folder.path().join("work");
        let _ = fs::remove_file(work.join("cid"));
        self.daemon.take();
        let handle = duct::cmd(program, words)
            .dir(&work)
            .full_env(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin_file(self.terminal.try_clone().unwrap())
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .start()
            .unwrap();
        let Some(output) = handle.wait_timeout(LIMIT).unwrap() else {
            let _ = handle.kill();
            panic!("did not end within {LIMIT:?}: {}", pasteable(&program.to_string_lossy(), words));
        };
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        Outcome {
            code: output.status.code().or(signal.map(|signal| 128 + signal)).unwrap(),
            stdout: output.stdout.clone(),
            stderr: output.stderr.clone(),
            requests: without_the_question_why(self.daemon.take()),
        }
    }
}

/// After a start that Docker refused, ours asks, last of all, whether a container was made and never
/// started. That changes nothing at the daemon, and plain docker does not ask it.
fn without_the_question_why(mut requests: Vec<Request>) -> Vec<Request> {
    requests.pop_if(|last| last.target.contains("/events?"));
    requests
}

/// Headers, credentials and proxies of the user end up in requests too.
fn config() -> serde_json::Value {
    json!({
        "auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpwYXNzd29yZA=="}},
        "proxies": {"default": {"httpProxy": "http://proxy.example:3128"}},
        "HttpHeaders": {"X-Meta-Team": "tests"},
        "detachKeys": "ctrl-e,e",
    })
}

/// A pseudo-terminal: its outer and its inner end.
fn terminal() -> (File, File) {
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&outer).unwrap();
    unlockpt(&outer).unwrap();
    let name = ptsname(&outer, Vec::new()).unwrap().into_string().unwrap();
    let no_controlling_terminal = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
    let inner = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(no_controlling_terminal)
        .open(Path::new(&name));
    (outer.into(), inner.unwrap())
}
