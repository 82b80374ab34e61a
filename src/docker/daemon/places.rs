//! Where a daemon on this machine keeps what it runs: whoever can write there is the daemon.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{DaemonJson, DaemonProcess, SYSTEM_CONFIG};
use crate::docker::info::Runtime;

/// Programs that a daemon starts, beside its own.
const BESIDE_DOCKERD: [&str; 8] = [
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "docker-init",
    "docker-proxy",
    "rootlesskit",
    "runc",
    "tini",
];

/// What gVisor starts, beside `runsc`.
const BESIDE_RUNSC: [&str; 2] = ["containerd-shim-runsc-v1", "gvisor-bin"];

/// A script that starts a runtime is not longer.
const LONGEST_SCRIPT: u64 = 64 << 10;

/// Scripts that start scripts are followed so far.
const DEEPEST_SCRIPT: usize = 3;

impl DaemonProcess {
    /// Where its data is, if that is said: images, volumes, containers. `own_config` is the configuration of a
    /// daemon without root, which is its user's.
    #[must_use]
    pub fn data_roots(&self, own_config: Option<&Path>) -> Vec<PathBuf> {
        let said = self.flag_values(&["--data-root", "-g", "--graph"]).into_iter();
        let configured =
            self.configurations(own_config).into_iter().flat_map(|(_, file)| [file.data_root, file.graph]);
        said.chain(configured.flatten()).map(PathBuf::from).filter(|root| is_place(root)).collect()
    }

    /// Its configuration files that are there, with what they say.
    fn configurations(&self, own_config: Option<&Path>) -> Vec<(PathBuf, DaemonJson)> {
        let system = self.named_configuration().unwrap_or_else(|| SYSTEM_CONFIG.into());
        let files = std::iter::once(system).chain(own_config.map(Path::to_owned));
        let read = |path: PathBuf| {
            let text = self.read(&path)?;
            Some((path, serde_json::from_str(&text).unwrap_or_default()))
        };
        files.filter_map(read).collect()
    }

    /// Its state, its configuration, and the programs that it starts.
    #[must_use]
    pub fn places(&self, own_config: Option<&Path>) -> Vec<PathBuf> {
        let mut places = BTreeSet::new();
        for names in [&["--exec-root"][..], &["--pidfile", "-p"], &["--config-file"]] {
            places.extend(self.flag_values(names).into_iter().map(PathBuf::from));
        }
        let sockets = self.flag_values(&["--containerd"]);
        places.extend(sockets.iter().filter_map(|socket| Path::new(socket).parent()).map(Path::to_owned));

        let mut runtimes: Vec<String> = self
            .flag_values(&["--add-runtime"])
            .iter()
            .filter_map(|added| Some(added.split_once('=')?.1.to_owned()))
            .collect();
        for (path, file) in self.configurations(own_config) {
            places.insert(path);
            places.extend(file.exec_root.map(PathBuf::from));
            runtimes.extend(file.runtimes.unwrap_or_default().into_values().filter_map(program));
        }
        for runtime in runtimes.iter().map(Path::new).filter(|path| path.is_absolute()) {
            self.add_program(runtime, &BESIDE_RUNSC, 0, &mut places);
        }
        let started = std::fs::read_link(format!("/proc/{}/exe", self.pid)).ok();
        let named = self.command_line.first().map(PathBuf::from).filter(|path| path.is_absolute());
        if let Some(dockerd) = started.or(named) {
            self.add_program(&dockerd, &BESIDE_DOCKERD, DEEPEST_SCRIPT, &mut places);
        }
        places.into_iter().filter(|place| is_place(place)).collect()
    }

    /// A program, what stands beside it, and the programs that it names if it is a script.
    fn add_program(&self, program: &Path, beside: &[&str], depth: usize, places: &mut BTreeSet<PathBuf>) {
        if !places.insert(program.to_owned()) {
            return;
        }
        let seen = self.in_its_root(program);
        let real = std::fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
        for at in [program, &real] {
            let there = beside.iter().map(|name| at.with_file_name(name));
            places.extend(there.filter(|path| self.in_its_root(path).exists()));
        }
        places.insert(real);
        let is_short =
            std::fs::metadata(&seen).is_ok_and(|about| about.is_file() && about.size() <= LONGEST_SCRIPT);
        let Some(text) = is_short.then(|| std::fs::read(&seen).ok()).flatten() else { return };
        if !text.starts_with(b"#!") || depth >= DEEPEST_SCRIPT {
            return;
        }
        let text = String::from_utf8_lossy(&text);
        let words = text.split(|c: char| c.is_whitespace() || "'\"`;|&()=:<>{}".contains(c));
        for word in words.filter(|word| word.starts_with('/')).map(Path::new) {
            let about = std::fs::metadata(self.in_its_root(word));
            if about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0) {
                self.add_program(word, beside, depth + 1, places);
            }
        }
    }

    /// The lines of its `mountinfo`.
    #[must_use]
    pub fn mountinfo(&self) -> Option<Vec<u8>> {
        std::fs::read(format!("/proc/{}/mountinfo", self.pid)).ok()
    }

    /// Its root directory as we find it, where we may look.
    #[must_use]
    pub fn root(&self) -> Option<PathBuf> {
        let root = self.in_its_root(Path::new("/"));
        (root != Path::new("/")).then_some(root)
    }
}

/// Whether a path is one that can be told from all others.
fn is_place(path: &Path) -> bool {
    path.is_absolute() && path != Path::new("/")
}

/// The program of a registered runtime.
fn program(runtime: Runtime) -> Option<String> {
    let named = |options: serde_json::Value| Some(options.get("BinaryName")?.as_str()?.to_owned());
    let path = runtime.path.filter(|path| !path.is_empty());
    path.or_else(|| runtime.options.and_then(named)).or(runtime.runtime_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(line: &[&str]) -> DaemonProcess {
        DaemonProcess {
            boot: String::new(),
            owner: 0,
            // No process has it.
            pid: 0,
            started: String::new(),
            command_line: line.iter().map(|&word| word.to_owned()).collect(),
            configuration: Vec::new(),
        }
    }

    #[test]
    fn the_places_of_a_daemon_are_those_of_its_command_line_and_of_its_configuration() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let at = |name: &str| top.join(name);
        let make = |name: &str, text: &str| {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), text).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        make("opt/runsc", "\x7fELF");
        make("opt/containerd-shim-runsc-v1", "\x7fELF");
        std::fs::create_dir(at("opt/gvisor-bin")).unwrap();
        let wrapper = format!(
            "#!/bin/sh\nexec unshare -m sh -c 'mount /tmp && exec {} \"$@\"'\n",
            at("opt/runsc").display()
        );
        make("bin/wrapper", &wrapper);
        std::os::unix::fs::symlink(at("bin/wrapper"), at("link")).unwrap();
        let config = serde_json::json!({
            "data-root": at("data"), "exec-root": at("exec"),
            "runtimes": {"a": {"path": at("link")}, "b": {"path": "runc"}},
        });
        make("daemon.json", &config.to_string());
        let config = at("daemon.json").display().to_string();
        let places =
            daemon(&["dockerd", "--config-file", &config, "--containerd=/run/c/c.sock"]).places(None);
        let daemon_with_config = daemon(&["dockerd", "--config-file", &config]);
        assert_eq!(daemon_with_config.data_roots(None), [at("data")]);
        for place in [
            "exec",
            "daemon.json",
            "link",
            "bin/wrapper",
            "opt/runsc",
            "opt/containerd-shim-runsc-v1",
            "opt/gvisor-bin",
        ] {
            assert!(places.contains(&at(place)), "{place}: {places:?}");
        }
        assert!(places.contains(&"/run/c".into()));
        // What a script merely mentions is no program of the engine's.
        assert!(!places.contains(&"/tmp".into()) && !places.contains(&"/".into()), "{places:?}");
        let places =
            daemon(&["dockerd", "--data-root=/srv/a", "--exec-root", "/srv/b", "--add-runtime=x=/srv/c"]);
        assert_eq!(places.data_roots(None), [PathBuf::from("/srv/a")]);
        let places = places.places(None);
        for place in ["/srv/b", "/srv/c"] {
            assert!(places.contains(&place.into()), "{place}: {places:?}");
        }
    }
}
