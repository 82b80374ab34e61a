//! An engine without gVisor, a runsc to be had, and all that a setup may leave there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use super::{Cli, IMAGE, Io, Outcome, OwnEngine, Running, Scenario};

/// Where a setup takes place. Its programs go to `opt` in the engine's folder.
pub(crate) struct Site {
    pub(crate) scenario: Scenario,
    pub(crate) own: OwnEngine,
}

/// Every file that a setup may touch: its mode, and its content or where it points.
pub(crate) type Files = BTreeMap<PathBuf, (u32, Vec<u8>)>;

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|scenario| scenario)
    }

    pub(crate) fn with(shape: impl FnOnce(Scenario) -> Scenario) -> Self {
        let own = OwnEngine::start("none");
        let scenario = shape(Scenario::with(own.engine.clone(), Cli::newest()));
        Self { scenario, own }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.own.engine.dir.join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("daemon.json")
    }

    /// A folder with a runsc that works on every kernel, in the shape of gVisor's archive.
    pub(crate) fn source(&self) -> PathBuf {
        let folder = self.path("source");
        std::fs::create_dir_all(folder.join("gvisor-bin")).unwrap();
        std::fs::copy(self.path("bin/runsc"), folder.join("runsc")).unwrap();
        let shim = folder.join("containerd-shim-runsc-v1");
        std::fs::write(&shim, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(shim, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.join("gvisor-bin/part"), "part of it\n").unwrap();
        folder
    }

    /// A folder with Debian's runsc as it is, which has no network on new kernels.
    pub(crate) fn broken_source(&self) -> PathBuf {
        let folder = self.path("broken");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(self.path("root/usr/bin/runsc"), folder.join("runsc")).unwrap();
        folder
    }

    /// Starts `docker-sandbox setup --prefix … ARGS`.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, io: Io) -> Running {
        let mut words = vec!["setup".into(), "--prefix".into(), self.path("opt").into_os_string()];
        words.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self.scenario.start("docker-sandbox", words, io)
    }

    pub(crate) fn setup<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        self.start(args, Io::Pipes).end()
    }

    /// `setup --from FOLDER --yes` with the runsc that works.
    pub(crate) fn set_up(&self) -> Outcome {
        self.setup(["--from".as_ref(), self.source().as_os_str(), "--yes".as_ref()])
    }

    pub(crate) fn undo(&self) -> Outcome {
        self.setup(["--undo", "--yes"])
    }

    /// Runs a setup that is killed as it makes the system call `call` for the `number`th time; whether it was.
    pub(crate) fn killed_at(&self, call: &str, number: usize, args: &[&OsStr]) -> bool {
        let (trace, inject) =
            (format!("trace={call}"), format!("inject={call}:signal=SIGKILL:when={number}"));
        let plugin = self.scenario.home().join("bin/docker-sandbox");
        let output = std::process::Command::new("strace")
            .args(["-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
            .arg(plugin)
            .args(["--host", &self.own.engine.host(), "setup", "--prefix"])
            .arg(self.path("opt"))
            .args(args)
            .env("HOME", self.scenario.home())
            .output()
            .unwrap_or_else(|error| panic!("strace: {error}; ./test.sh installs it"));
        assert!(
            output.status.code() == Some(0)
                || output.status.signal() == Some(9)
                || output.status.code() == Some(137),
            "{output:?}"
        );
        !output.status.success()
    }

    /// How the engine has `name` registered: its path, or nothing.
    pub(crate) fn registered(&self, name: &str) -> String {
        let format = format!("{{{{with index .Runtimes \"{name}\"}}}}{{{{.Path}}}}{{{{end}}}}");
        self.scenario.docker(["info", "--format", &format]).exits(0).out().trim().to_owned()
    }

    /// Starts a container that does nothing, in no sandbox, and returns what tells one run from another.
    pub(crate) fn bystander(&self) -> (String, String) {
        let run = ["run", "-d", "--network=none", IMAGE, "sleep", "600"];
        let id = self.scenario.docker(run).exits(0).out().trim().to_owned();
        let run = self.run_of(&id);
        assert!(run.starts_with("true "), "it runs: {run}");
        (id, run)
    }

    pub(crate) fn run_of(&self, container: &str) -> String {
        self.scenario.inspect(container, "{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}")
    }

    /// All that a setup may touch.
    pub(crate) fn files(&self) -> Files {
        let mut files = Files::new();
        for entry in std::fs::read_dir(&self.own.engine.dir).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("daemon.json") || name == "opt" {
                collect(&entry.path(), &mut files);
            }
        }
        files
    }

    /// The names of the files there are.
    pub(crate) fn names(&self) -> Vec<String> {
        let dir = &self.own.engine.dir;
        self.files().into_keys().map(|path| path.strip_prefix(dir).unwrap().display().to_string()).collect()
    }

    pub(crate) fn write_config(&self, text: &str, mode: u32) {
        let _ = std::fs::remove_file(self.config());
        std::fs::write(self.config(), text).unwrap();
        std::fs::set_permissions(self.config(), std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// All that is at `path` and below.
pub(crate) fn collect(path: &Path, into: &mut Files) {
    let there = std::fs::symlink_metadata(path).unwrap();
    let content = if there.is_symlink() {
        std::fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
    } else if there.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), into);
        }
        Vec::new()
    } else {
        std::fs::read(path).unwrap()
    };
    into.insert(path.to_owned(), (there.mode() & 0o7777, content));
}
