//! Views of what `docker info` answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The registered runtimes by name, as in `docker info --format '{{json .Runtimes}}'`.
pub type Runtimes = BTreeMap<String, Runtime>;

/// One registered runtime. Source: `RuntimeWithStatus` in moby's `api/types/system`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Runtime {
    /// The binary, for runtimes registered by path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_args: Option<Vec<String>>,
    /// The containerd shim, for runtimes registered by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_type: Option<String>,
    /// The shim's options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Value>,
    /// From API 1.44 on: `org.opencontainers.runtime-spec.features` is a JSON string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<BTreeMap<String, String>>,
}

impl Runtime {
    /// The annotations in the binary's own `features`, if the daemon asked it.
    #[must_use]
    pub fn feature_annotations(&self) -> Option<serde_json::Map<String, Value>> {
        let features = self.status.as_ref()?.get("org.opencontainers.runtime-spec.features")?;
        let mut features: Value = serde_json::from_str(features).ok()?;
        match features.get_mut("annotations")?.take() {
            Value::Object(annotations) => Some(annotations),
            _ => None,
        }
    }
}

/// What a refusal says about the daemon: a part of `docker info --format '{{json .}}'`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Info {
    /// The host's name.
    pub name: String,
    /// `Debian GNU/Linux 12 (bookworm)`, `Docker Desktop`, `OrbStack`.
    pub operating_system: String,
    /// `linux` or `windows`: the kind of containers it runs.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// `x86_64`, `aarch64`.
    pub architecture: String,
    /// `6.1.0-18-amd64`, of the daemon's machine.
    pub kernel_version: String,
    /// `overlay2`, `overlayfs`.
    pub driver: String,
    /// `["driver-type", "io.containerd.snapshotter.v1"]` with containerd's image store.
    pub driver_status: Option<Vec<Vec<String>>>,
    /// `28.2.2`.
    pub server_version: String,
    /// The runtime of containers that name none.
    pub default_runtime: String,
    /// `name=rootless`, `name=seccomp,profile=builtin`.
    pub security_options: Option<Vec<String>>,
    /// `systemd`, `cgroupfs`, or `none`: rootless Docker without a cgroup of its own.
    pub cgroup_driver: String,
    /// Whether memory can be limited. `None` where the daemon does not say.
    pub memory_limit: Option<bool>,
    /// Whether the number of processes can be.
    pub pids_limit: Option<bool>,
    /// Whether the time on CPUs can be.
    pub cpu_cfs_quota: Option<bool>,
    /// The registered runtimes.
    pub runtimes: Option<Runtimes>,
    /// Why the CLI got no answer from the daemon.
    pub server_errors: Option<Vec<String>>,
}

impl Info {
    /// Whether the daemon runs without root.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        self.has("rootless")
    }

    /// Whether a security option of that name is in force: `rootless`, `userns`, `selinux`.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        let names = self.security_options.iter().flatten().filter_map(|given| given.split(',').next());
        names.into_iter().any(|name| name.strip_prefix("name=") == Some(option))
    }

    /// The limits of containers that the daemon says it cannot enforce: `memory`, `processes`, `CPUs`.
    #[must_use]
    pub fn missing_limits(&self) -> Vec<&'static str> {
        let none = self.cgroup_driver == "none";
        let limits =
            [("memory", self.memory_limit), ("processes", self.pids_limit), ("CPUs", self.cpu_cfs_quota)];
        let missing = limits.into_iter().filter(|(_, enforced)| none || *enforced == Some(false));
        missing.map(|(name, _)| name).collect()
    }

    /// Whether images are containerd's, and no longer Docker's own.
    #[must_use]
    pub fn has_containerd_images(&self) -> bool {
        self.driver_status
            .iter()
            .flatten()
            .flatten()
            .any(|part| part.starts_with("io.containerd.snapshotter"))
    }
}
