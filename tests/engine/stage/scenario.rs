//! One engine, one docker CLI, and a private home for one test.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::{Cli, Engine, Engines, Io, Outcome, Running};

/// busybox, on every engine.
pub(crate) const IMAGE: &str = "sandbox-test";

/// The label by which a scenario finds its containers.
const LABEL: &str = "docker-sandbox-test";

/// How a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `docker run --runtime=runsc`: what the others are measured by.
    Plain,
    /// `docker sandbox run`.
    Docker,
    /// `docker-sandbox run`.
    Direct,
}

/// Where a test takes place. Dropped, its containers are removed.
pub(crate) struct Scenario {
    pub(crate) engine: Engine,
    pub(crate) cli: Cli,
    home: TempDir,
    id: String,
    environment: Vec<(OsString, OsString)>,
    wrapper: Vec<OsString>,
}

impl Scenario {
    /// On the engine of that name, with the docker CLI that belongs to it, see [`Engine::cli`].
    pub(crate) fn on(engine: &str) -> Self {
        let engine = Engine::named(engine);
        let cli = engine.cli();
        Self::with(engine, cli)
    }

    /// On each of these engines.
    pub(crate) fn on_each(engines: Engines) -> impl Iterator<Item = Self> {
        engines.into_iter().map(Self::on)
    }

    /// On every engine that has gVisor: those of stable releases with every docker CLI, the newest with their own.
    pub(crate) fn everywhere() -> impl Iterator<Item = Self> {
        Engines::PINNED.into_iter().flat_map(Self::every_cli).chain(Self::on_each(Engines::NEWEST))
    }

    /// Every engine and every docker CLI once: the oldest of both together, and the others with the newer stable
    /// engine; the newest with their own.
    pub(crate) fn abreast() -> impl Iterator<Item = Self> {
        let engines = ["bookworm"].into_iter().chain(std::iter::repeat("trixie"));
        let pinned =
            Cli::all().into_iter().zip(engines).map(|(cli, engine)| Self::with(Engine::named(engine), cli));
        pinned.chain(Self::on_each(Engines::NEWEST))
    }

    /// Every docker CLI with an engine that is not the oldest, and the newest engines with their own.
    pub(crate) fn on_newer_engines() -> impl Iterator<Item = Self> {
        Self::every_cli("trixie").chain(Self::on_each(Engines::NEWEST))
    }

    /// Another one on the same engine with the same docker CLI.
    pub(crate) fn again(&self) -> Self {
        Self::with(self.engine.clone(), self.cli.clone())
    }

    /// On one engine, with every docker CLI.
    pub(crate) fn every_cli(engine: &str) -> impl Iterator<Item = Self> {
        let engine = Engine::named(engine);
        Cli::all().into_iter().map(move |cli| Self::with(engine.clone(), cli))
    }

    pub(crate) fn with(engine: Engine, cli: Cli) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let id = format!("dst-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = tempfile::Builder::new().prefix("dst-").tempdir().unwrap();
        // Shown with a failure only.
        eprintln!("scenario {id}: engine {}, docker CLI {}", engine.name(), cli.version);
        for folder in ["bin", "work", ".docker/cli-plugins"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        let plugin = env!("CARGO_BIN_EXE_docker-sandbox");
        symlink(&cli.path, home.path().join("bin/docker")).unwrap();
        symlink(plugin, home.path().join("bin/docker-sandbox")).unwrap();
        symlink(plugin, home.path().join(".docker/cli-plugins/docker-sandbox")).unwrap();
        Self { engine, cli, home, id, environment: Vec::new(), wrapper: Vec::new() }
    }

    /// Sets an environment variable for all that is started.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts programs through `words`, which run what stands behind them.
    pub(crate) fn through<S: Into<OsString>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.wrapper.extend(words.into_iter().map(Into::into));
        self
    }

    /// The private home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file below the home folder, with its folders.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes Docker's config.json.
    pub(crate) fn config(self, text: &str) -> Self {
        self.write(".docker/config.json", text);
        self
    }

    /// A name for a container, which no other test has.
    pub(crate) fn name(&self) -> &str {
        &self.id
    }

    /// Runs `docker ARGS` to its end.
    pub(crate) fn docker<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        self.start("docker", args, Io::Pipes).end()
    }

    /// Runs `docker-sandbox ARGS` to its end.
    pub(crate) fn direct<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        self.start("docker-sandbox", args, Io::Pipes).end()
    }

    /// `run ARGS` in one of its forms, to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, form: Form, args: impl IntoIterator<Item = S>) -> Outcome {
        self.start_run(form, args, Io::Pipes).end()
    }

    /// Starts `run ARGS` in one of its forms.
    pub(crate) fn start_run<S: AsRef<OsStr>>(
        &self,
        form: Form,
        args: impl IntoIterator<Item = S>,
        io: Io,
    ) -> Running {
        let (program, words): (&str, &[&str]) = match form {
            Form::Plain => ("docker", &["run", "--runtime=runsc"]),
            Form::Docker => ("docker", &["sandbox", "run"]),
            Form::Direct => ("docker-sandbox", &["run"]),
        };
        let args: Vec<OsString> = words
            .iter()
            .map(OsString::from)
            .chain(args.into_iter().map(|arg| arg.as_ref().to_owned()))
            .collect();
        self.start(program, args, io)
    }

    /// Starts a program of this scenario, `run` and `create` with the label of its containers.
    pub(crate) fn start<S: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
        io: Io,
    ) -> Running {
        let mut args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let context = args.first().is_some_and(|arg| arg == "context");
        if let Some(verb) = args.iter().position(|arg| (arg == "run" || arg == "create") && !context) {
            args.insert(verb + 1, format!("--label={LABEL}={}", self.id).into());
        }
        let program = self.home().join("bin").join(program);
        let mut words = self.wrapper.clone();
        if io != Io::Pipes {
            // Makes the terminal the session's own without leaving this process.
            words.extend(["setsid", "--ctty"].map(OsString::from));
        }
        words.push(program.into());
        words.extend(args);
        let line: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        self.surround(&mut command);
        Running::start(command, io, line.join(" "))
    }

    fn surround(&self, command: &mut Command) {
        let home = self.home();
        let path =
            std::env::join_paths([&home.join("bin"), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        command
            .current_dir(home.join("work"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("DOCKER_CONFIG", home.join(".docker"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("DOCKER_HOST", self.engine.host())
            .env("TERM", "xterm")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// The docker CLI, outside of what a test may have put around it.
    pub(crate) fn ask(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.cli.path);
        command.arg("--host").arg(self.engine.host()).args(args);
        let output = command.env_clear().env("HOME", self.home()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            eprintln!("docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        text
    }

    /// The ids of all containers of this scenario, running or not.
    pub(crate) fn containers(&self) -> Vec<String> {
        let filter = format!("--filter=label={LABEL}={}", self.id);
        self.ask(&["ps", "--all", "--quiet", "--no-trunc", &filter]).lines().map(str::to_owned).collect()
    }

    /// The one container of this scenario.
    #[track_caller]
    pub(crate) fn container(&self) -> String {
        let containers = self.containers();
        assert_eq!(containers.len(), 1, "one container: {containers:?}");
        containers[0].clone()
    }

    /// What `docker inspect --format FORMAT` says of `container`.
    pub(crate) fn inspect(&self, container: &str, format: &str) -> String {
        self.ask(&["inspect", "--format", format, container])
    }

    /// The first word of the command line of the process that the engine shows for `container`:
    /// `runsc-sandbox` for gVisor, whatever the runtime is called.
    pub(crate) fn host_process(&self, container: &str) -> String {
        let pid = self.inspect(container, "{{.State.Pid}}");
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let first = line.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(first).into_owned()
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        for container in self.containers() {
            if std::thread::panicking() {
                let state = "{{.Name}} {{.HostConfig.Runtime}} {{json .Config.Cmd}} {{json .State}}";
                eprintln!("container {}", self.inspect(&container, state));
                eprintln!("its last words: {}", self.ask(&["logs", "--tail=20", &container]));
            }
            self.ask(&["rm", "--force", "--volumes", &container]);
        }
    }
}
