//! gVisor as a containerd shim, and what `docker info` does not say of it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::docker::daemon::DaemonProcess;
use crate::docker::info::{Runtime, Runtimes};

/// gVisor's containerd shim. Works without registration where it is on the daemon's PATH.
pub const TYPE: &str = "io.containerd.runsc.v1";
/// Its program. Source: `BinaryName` in containerd's `runtime/v2/shim/util.go`.
const PROGRAM: &str = "containerd-shim-runsc-v1";

/// Whether a `runtimeType` is gVisor's shim: its name, or the absolute path of its program.
#[must_use]
pub fn is_gvisor(runtime_type: &str) -> bool {
    let path = Path::new(runtime_type);
    runtime_type == TYPE || path.is_absolute() && path.file_name() == Some(OsStr::new(PROGRAM))
}

/// What the daemon's configuration registers as it is on disk now, the flags in a shim's own file included.
#[must_use]
pub fn configured(daemon: &DaemonProcess) -> Option<Runtimes> {
    let mut runtimes = daemon.configured_runtimes()?;
    for runtime in runtimes.values_mut() {
        let config = runtime.options.as_ref().and_then(|options| options.get("ConfigPath")?.as_str());
        if let Some(config) = config.filter(|_| runtime.runtime_type.as_deref().is_some_and(is_gvisor)) {
            let config = Config::read(&daemon.read(Path::new(config)).unwrap_or_default());
            runtime.runtime_args = Some(config.flags);
            runtime.path = config.binary;
        }
    }
    Some(runtimes)
}

/// Takes what the daemon's answer leaves open from `configured`, which need not be what the daemon has
/// loaded. Returns the names of those: they are to be proven.
pub fn complete(answer: &mut Runtimes, configured: Option<&Runtimes>) -> BTreeSet<String> {
    let open = answer.iter_mut().filter(|(_, runtime)| !runtime.is_stated());
    open.map(|(name, runtime)| {
        if let Some(known) = configured.and_then(|configured| configured.get(name)) {
            *runtime = Runtime { status: None, ..known.clone() };
        }
        name.clone()
    })
    .collect()
}

/// What matters here of a shim's configuration file. Source: `Options` in gVisor's `pkg/shim/v1/runsc`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Config {
    /// `binary_name`; without it the shim starts `runsc`.
    binary: Option<String>,
    /// `--network=host` for `network = "host"` in the table `runsc_config`.
    flags: Vec<String>,
}

impl Config {
    fn read(toml: &str) -> Self {
        let mut read = Self::default();
        let mut table = String::new();
        for line in toml.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                table = plain_key(name.split(']').next().unwrap_or_default());
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (plain_key(key), plain_value(value.trim()));
                match (table.as_str(), key.as_str()) {
                    ("", "binary_name") => read.binary = Some(value.to_owned()),
                    ("runsc_config", key) => read.flags.push(format!("--{key}={value}")),
                    _ => {}
                }
            }
        }
        read
    }
}

fn plain_key(key: &str) -> String {
    key.trim().trim_matches(['"', '\'']).to_ascii_lowercase()
}

fn plain_value(value: &str) -> &str {
    let quoted = |quote: char| value.strip_prefix(quote)?.split(quote).next();
    quoted('"').or_else(|| quoted('\'')).unwrap_or_else(|| value.split('#').next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn runtimes(value: serde_json::Value) -> Runtimes {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_shim_is_recognised_by_its_name_or_by_its_program() {
        assert!(is_gvisor("io.containerd.runsc.v1") && is_gvisor("/opt/x/containerd-shim-runsc-v1"));
        for other in ["io.containerd.runc.v2", "/opt/containerd-shim-runc-v2", "containerd-shim-runsc-v1", ""]
        {
            assert!(!is_gvisor(other), "{other}");
        }
    }

    #[test]
    fn what_the_daemon_does_not_say_is_taken_from_its_configuration_and_is_to_be_proven() {
        let mut answer = runtimes(json!({"a": {}, "b": {}, "runsc": {"path": "/usr/bin/runsc"}}));
        let shim = json!({"runtimeType": TYPE});
        let configured = runtimes(json!({"a": shim, "runsc": {"path": "runc"}, "c": shim}));
        let open = complete(&mut answer, Some(&configured));
        assert_eq!(open, ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(answer, runtimes(json!({"a": shim, "b": {}, "runsc": {"path": "/usr/bin/runsc"}})));
    }

    #[test]
    fn the_flags_and_the_binary_of_a_shim_are_read_from_its_own_file() {
        let text = "log_path = \"/x\"\nbinary_name = \"/opt/runsc\" # ours\n[runsc_config]\n  # no\n platform = \"kvm\" # yes\n\
                    'host-uds'='open'\ndebug = true # sure\n[ other ]\nnetwork=\"host\"\n[\"runsc_config\"]\nnetwork = \"host\"\n";
        let read = Config::read(text);
        assert_eq!(read.flags, ["--platform=kvm", "--host-uds=open", "--debug=true", "--network=host"]);
        assert_eq!(read.binary.as_deref(), Some("/opt/runsc"));
        assert_eq!(Config::read(""), Config::default());
    }
}
