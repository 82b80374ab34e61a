//! A private world for one test: its own home, its own PATH, its own docker.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use snapbox::cmd::Command;
use tempfile::TempDir;

use crate::transcript::Transcript;

/// Nothing that the plugin does here takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct TestEnvironment {
    /// All of it; `[ROOT]` in transcripts.
    root: PathBuf,
    variables: Vec<(OsString, OsString)>,
    folder: PathBuf,
    wrapper: Vec<OsString>,
    answers: std::cell::Cell<u32>,
    pipes: std::cell::RefCell<Vec<PathBuf>>,
    _removed_at_the_end: TempDir,
}

impl TestEnvironment {
    /// A docker on PATH that answers nothing yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("docker-sandbox-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["bin", "home", "work", "fake/answers"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fakes/docker"), root.join("bin/docker")).unwrap();
        let variables = [
            ("HOME", root.join("home")),
            ("PATH", root.join("bin")),
            ("FAKE_DOCKER", root.join("fake")),
            // A daemon of this machine, and what is remembered of it, is none of a test's business.
            ("DOCKER_HOST", PathBuf::from(format!("unix://{}/docker.sock", root.display()))),
        ];
        let work = root.join("work");
        Self {
            variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
            folder: work,
            wrapper: Vec::new(),
            answers: std::cell::Cell::new(999),
            pipes: std::cell::RefCell::default(),
            root,
            _removed_at_the_end: folder,
        }
    }

    /// A daemon with gVisor, on which `run` and `create` succeed.
    pub(crate) fn with_gvisor() -> Self {
        let test = Self::new();
        test.runtimes(r#"{"runc":{"path":"runc"},"runsc":{"path":"/usr/bin/runsc"}}"#);
        test.starts();
        test
    }

    /// A daemon without gVisor, as `answers/NAME.json` describes it, on which `run` and `create` succeed.
    pub(crate) fn without_gvisor(name: &str) -> Self {
        let test = Self::new();
        test.info(name);
        test.starts();
        test
    }

    fn starts(&self) {
        self.answer("run").stdout("started\n");
        self.answer("create").stdout("created\n");
    }

    /// Scripts what the daemon says when it is asked for its runtimes.
    /// The shim that every Docker Engine lists is added where it is missing.
    pub(crate) fn runtimes(&self, json: &str) {
        let json = match json.strip_prefix("{\"") {
            Some(rest) if !json.contains("io.containerd.runc.v2") => {
                format!("{{\"io.containerd.runc.v2\":{{\"path\":\"runc\"}},\"{rest}")
            }
            _ => json.to_owned(),
        };
        self.answer("info --format\n{{json .Runtimes}}").stdout(&format!("{json}\n"));
    }

    /// Scripts both questions to a daemon from one recorded answer.
    pub(crate) fn info(&self, name: &str) {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/answers").join(format!("{name}.json"));
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let info: serde_json::Value = serde_json::from_str(&text).unwrap();
        self.runtimes(&info["Runtimes"].to_string());
        self.answer("info --format\n{{json .}}").stdout(&format!("{info}\n"));
        self.endpoint("unix:///var/run/docker.sock");
    }

    pub(crate) fn endpoint(&self, host: &str) {
        self.answer("context inspect --format\n{{.Endpoints.docker.Host}}").stdout(&format!("{host}\n"));
    }

    /// Starts to script an answer; what was scripted last is tried first. A word of the question
    /// may hold blanks if it stands on a line of its own.
    pub(crate) fn answer(&self, question: &str) -> Answer {
        let (words, line) = question.split_once('\n').unwrap_or((question, ""));
        let words: Vec<&str> = words.split(' ').chain(Some(line)).filter(|word| !word.is_empty()).collect();
        self.answer_words(&words)
    }

    /// Likewise, word by word.
    pub(crate) fn answer_words(&self, words: &[&str]) -> Answer {
        let number = self.answers.get();
        self.answers.set(number - 1);
        let folder = self.root.join(format!("fake/answers/{number}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("asked"), words.join("\n")).unwrap();
        Answer { folder }
    }

    /// Scripts a call that says nothing until the test is over; `child`: as does a process that it started.
    pub(crate) fn hangs(&self, question: &str, child: bool) -> Answer {
        let answer = self.answer(question);
        let pipe = answer.folder.join(if child { "child" } else { "hang" });
        make_pipe(&pipe);
        self.pipes.borrow_mut().push(pipe);
        answer
    }

    /// Whoever waits on a pipe gets its end.
    pub(crate) fn let_go(&self) {
        for pipe in self.pipes.borrow().iter() {
            let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            let _ = std::fs::OpenOptions::new().write(true).custom_flags(nonblocking).open(pipe);
        }
    }

    /// A path in this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file and the folders it needs.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        file
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(name)).unwrap()
    }

    /// `plugins.sandbox` in the user's config.json.
    pub(crate) fn user(&self, settings: &str) {
        self.write("home/.docker/config.json", format!("{{\"plugins\": {{\"sandbox\": {settings}}}}}\n"));
    }

    /// Enters a repository whose `agent.yaml` asks for `mode`, and is trusted.
    pub(crate) fn trusted_project(&mut self, mode: &str) {
        self.enter("work/repo");
        self.write("work/repo/.git/HEAD", "ref: refs/heads/main\n");
        self.write("work/repo/agent.yaml", format!("sandbox: {mode}\n"));
        let trusted = self.docker("sandbox trust");
        assert!(trusted.text().starts_with("exit 0\n"), "{}", trusted.text());
    }

    /// Sets a variable for the plugin.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.unset(name);
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn unset(&mut self, name: &str) -> &mut Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// Chooses the working folder, and makes it.
    pub(crate) fn enter(&mut self, name: &str) {
        self.folder = self.root.join(name);
        std::fs::create_dir_all(&self.folder).unwrap();
    }

    /// All of this world.
    pub(crate) fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// Chooses the working folder, in another test's world too.
    pub(crate) fn enter_path(&mut self, folder: PathBuf) {
        self.folder = folder;
    }

    /// Puts words before the plugin's own path.
    pub(crate) fn wrapped<S: Into<OsString>>(&mut self, words: impl IntoIterator<Item = S>) {
        self.wrapper = words.into_iter().map(Into::into).collect();
    }

    /// Runs the plugin as somebody without rights; whoever runs the tests without any is that already.
    pub(crate) fn as_nobody(&mut self) {
        if rustix::process::geteuid().is_root() {
            let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
            self.wrapped(std::iter::once("/usr/bin/setpriv").chain(nobody));
            // The log of calls is written by whoever is called.
            std::fs::set_permissions(self.path("fake"), std::fs::Permissions::from_mode(0o777)).unwrap();
        }
    }

    /// Calls the plugin as Docker's CLI does for `docker WORDS`; the words are split at blanks.
    pub(crate) fn docker(&self, words: &str) -> Transcript {
        self.docker_words(words.split(' ').filter(|word| !word.is_empty()))
    }

    /// Likewise, word by word.
    pub(crate) fn docker_words<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Transcript {
        let named = self.variables.iter().any(|(name, _)| name == "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND");
        let mut command = self.command(words);
        if !named {
            command = command.env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", self.root.join("bin/docker"));
        }
        self.transcript(command)
    }

    /// Calls the plugin directly: `docker-sandbox WORDS`.
    pub(crate) fn direct(&self, words: &str) -> Transcript {
        self.direct_words(words.split(' ').filter(|word| !word.is_empty()))
    }

    /// Likewise, word by word.
    pub(crate) fn direct_words<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Transcript {
        self.transcript(self.command(words))
    }

    fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut argv = self.wrapper.clone();
        argv.push(env!("CARGO_BIN_EXE_docker-sandbox").into());
        argv.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        Command::new(argv.remove(0))
            .args(argv)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .timeout(DEADLINE)
    }

    fn transcript(&self, command: Command) -> Transcript {
        let _ = std::fs::remove_file(self.root.join("fake/calls"));
        let started = Instant::now();
        let Output { status, stdout, stderr } = command.output().unwrap();
        let calls = self.calls();
        Transcript::new(&self.root, status, &stdout, &stderr, calls, started.elapsed())
    }

    /// The calls of the fake docker: its own path and its words.
    fn calls(&self) -> Vec<Vec<OsString>> {
        let log = std::fs::read(self.root.join("fake/calls")).unwrap_or_default();
        let mut words = log.split(|&byte| byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        let mut calls = Vec::new();
        while let Some(count) = words.next().filter(|count| !count.is_empty()) {
            let count: usize = count.to_str().unwrap().parse().unwrap();
            calls.push(words.by_ref().take(count).collect());
        }
        calls
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// One scripted answer of the fake docker: silence and success until more is said.
pub(crate) struct Answer {
    folder: PathBuf,
}

impl Answer {
    pub(crate) fn stdout(self, text: &str) -> Self {
        self.put("stdout", text)
    }

    pub(crate) fn stderr(self, text: &str) -> Self {
        self.put("stderr", text)
    }

    pub(crate) fn status(self, status: u8) -> Self {
        self.put("status", &status.to_string())
    }

    fn put(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.join(name), text.as_bytes()).unwrap();
        self
    }
}

/// Makes a named pipe.
pub(crate) fn make_pipe(path: &Path) {
    Command::new("mkfifo").arg(path).assert().success();
}

/// Bytes that are no UTF-8, as a word.
pub(crate) fn raw(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}
