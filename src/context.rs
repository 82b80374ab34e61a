//! Everything a command needs from outside, read once; the one reader of the environment.

pub(crate) mod folders;

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use folders::Folders;

use crate::docker::client::Docker;
use crate::docker::config_file;
use crate::docker::endpoint::{self, Chooser};
use crate::plugin::invocation::{Call, Invocation};

/// The process's surroundings as they were at its start.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The working folder; `/` where it is gone.
    pub folder: PathBuf,
    /// The same by the name from which Docker's CLI counts `..` back: through links perhaps.
    pub folder_in_words: PathBuf,
    /// `HOME`, or the user's entry in the password file.
    pub home: Option<PathBuf>,
    /// Where caches go: `XDG_CACHE_HOME/docker-sandbox`; nowhere if that is below a home that is not there.
    pub cache: Option<PathBuf>,
    /// Where programs keep their configuration: `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// Where what the user trusts goes, and what is to be remembered: `XDG_DATA_HOME/docker-sandbox`, with the same exception.
    pub data: Option<PathBuf>,
    /// `PATH`, the home folder written out.
    pub path: Option<OsString>,
    /// `PAGER`: what shows long text on a terminal; empty for nothing.
    pub pager: Option<OsString>,
    /// `DOCKER_SANDBOX`: the mode.
    pub mode: Option<OsString>,
    /// `DOCKER_SANDBOX_DETECT_TIMEOUT`.
    pub detect_timeout: Option<OsString>,
    /// `DOCKER_CONFIG`.
    pub docker_config: Option<OsString>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<OsString>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<OsString>,
    /// Whether `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set.
    pub docker_tls: bool,
    /// `DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND`: the docker that started us.
    pub original_cli: Option<OsString>,
    /// `DOCKER_CLI_PLUGIN_SOCKET`: closed by Docker's CLI when it is told to end.
    pub plugin_socket: Option<OsString>,
    /// Set by ourselves for every docker that we start.
    pub inner: bool,
}

impl Environment {
    /// Reads the process's own.
    #[must_use]
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let Folders { home, cache, config, data } = Folders::read(variable);
        // Nobody's home, `/nonexistent` say, is not ours to make.
        let is_there = home.as_deref().is_some_and(Path::is_dir);
        let ours = |folder: Option<PathBuf>| {
            let folder = folder
                .filter(|folder| is_there || home.as_ref().is_none_or(|home| !folder.starts_with(home)))?;
            Some(folder.join("docker-sandbox"))
        };
        let (cache, data) = (ours(cache), ours(data));
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Self {
            folder_in_words: variable("PWD")
                .map(PathBuf::from)
                .filter(|named| named.is_absolute() && is_same(named, &folder))
                .unwrap_or_else(|| folder.clone()),
            folder,
            path: variable("PATH").map(|path| folders::without_tildes(path, home.as_deref())),
            home,
            cache,
            config,
            data,
            pager: std::env::var_os("PAGER"),
            // Set and empty is a value that is no mode: an error, never a guess.
            mode: std::env::var_os("DOCKER_SANDBOX"),
            detect_timeout: variable("DOCKER_SANDBOX_DETECT_TIMEOUT"),
            docker_config: variable("DOCKER_CONFIG"),
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            docker_tls: ["DOCKER_TLS_VERIFY", "DOCKER_TLS"]
                .iter()
                .any(|name| std::env::var_os(name).is_some()),
            original_cli: variable("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"),
            plugin_socket: variable("DOCKER_CLI_PLUGIN_SOCKET"),
            inner: variable(crate::docker::client::INNER).is_some(),
        }
    }
}

/// A variable of the process's own, for a command that is given it by name.
#[must_use]
pub fn variable(name: &OsStr) -> Option<OsString> {
    std::env::var_os(name)
}

/// Go's `os.Getwd` takes `PWD` if it is the folder, by any name.
fn is_same(named: &Path, folder: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|about| (about.dev(), about.ino()));
    identity(named).is_some_and(|named| identity(folder) == Some(named))
}

/// What commands work with. Built once; nothing in it touches Docker or a file before it is asked.
#[derive(Debug)]
pub struct Context {
    /// The surroundings.
    pub environment: Environment,
    /// Docker's global options, as they came before our command.
    pub globals: Vec<OsString>,
    /// Whether Docker's CLI started us and waits for us.
    pub through_docker: bool,
    /// Our command, as it was called; `None` in a program's own process.
    pub verb: Option<OsString>,
    /// Our own program, for processes that outlive us. `None` where it is not known.
    pub program: Option<PathBuf>,
}

impl Context {
    /// Puts the two together.
    #[must_use]
    pub fn new(environment: Environment, invocation: &Invocation) -> Self {
        Self {
            environment,
            globals: invocation.globals.clone(),
            through_docker: invocation.through_docker,
            verb: match &invocation.call {
                Call::Command(words) => words.first().cloned(),
                _ => None,
            },
            program: None,
        }
    }

    /// The docker CLI: the one that started us, else the one on PATH.
    ///
    /// # Errors
    /// There is none.
    pub fn docker(&self) -> anyhow::Result<Docker> {
        let original = self.environment.original_cli.as_deref().filter(|_| self.through_docker);
        let name = original.unwrap_or(OsStr::new("docker"));
        Docker::find(name, self.environment.path.as_deref(), &self.environment.folder, &self.globals)
    }

    /// Docker's `config.json`. `None` without a home folder and without `DOCKER_CONFIG`.
    #[must_use]
    pub fn config_json(&self) -> Option<PathBuf> {
        let environment = &self.environment;
        config_file::folder(&self.globals, environment.docker_config.as_deref(), environment.home.as_deref())
            .map(|folder| folder.join("config.json"))
    }

    /// The unix socket of the daemon in use, if it certainly is one on this machine.
    #[must_use]
    pub fn local_socket(&self, current_context: Option<&str>) -> Option<PathBuf> {
        // Docker may find a config.json, and a context in it, where we found no home.
        self.config_json()?;
        endpoint::local_socket(&self.globals, &self.chooser(current_context))
    }

    /// The way to the daemon in use. See [`endpoint::route`].
    #[must_use]
    pub fn route(&self, current_context: Option<&str>) -> String {
        let config = self.config_json();
        endpoint::route(
            &self.globals,
            &self.chooser(current_context),
            config.as_deref().and_then(Path::parent),
        )
    }

    fn chooser<'a>(&'a self, current_context: Option<&'a str>) -> Chooser<'a> {
        Chooser {
            host: self.environment.docker_host.as_deref(),
            context: self.environment.docker_context.as_deref(),
            tls: self.environment.docker_tls,
            current_context,
        }
    }

    /// The command line that a user types for one of our commands.
    #[must_use]
    pub fn command_line<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        let mut line: Vec<OsString> = Vec::new();
        if self.through_docker {
            line.push("docker".into());
            line.extend(self.globals.iter().cloned());
            line.push("sandbox".into());
        } else {
            line.push("docker-sandbox".into());
            line.extend(self.globals.iter().cloned());
        }
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        crate::ui::shell_line(line)
    }

    /// The command line that a user types for one of Docker's own commands.
    #[must_use]
    pub fn docker_line<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> String {
        let docker = [OsString::from("docker")].into_iter().chain(self.globals.iter().cloned());
        crate::ui::shell_line(docker.chain(words.into_iter().map(|word| word.as_ref().to_owned())))
    }

    /// `path` from the working folder.
    #[must_use]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.environment.folder.join(path)
    }
}
