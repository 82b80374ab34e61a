//! A container of ours, as Docker describes it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;

use crate::sandbox::labels::{All, Found};

/// What `docker container inspect` says, as far as it concerns us. Source: `InspectResponse` in moby's
/// `api/types/container`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Inspected {
    id: String,
    name: String,
    /// The image's id.
    pub(super) image: String,
    created: String,
    state: State,
    config: Config,
    host_config: HostConfig,
    network_settings: NetworkSettings,
    image_manifest_descriptor: Option<Manifest>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    status: String,
    pid: i64,
    exit_code: i64,
    finished_at: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    image: String,
    labels: Option<All>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    runtime: String,
    memory: i64,
    nano_cpus: i64,
    cpu_quota: i64,
    cpu_period: i64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "NetworkID")]
    network: String,
}

/// Of which of its platforms an image is run. Source: API 1.48.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Manifest {
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Platform {
    architecture: String,
}

impl Inspected {
    /// Without the slash that Docker puts before it.
    pub(super) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    pub(super) fn labels(&self) -> &All {
        static NONE: All = All::new();
        self.config.labels.as_ref().unwrap_or(&NONE)
    }

    /// The processor that its image was made for, where Docker tells.
    pub(super) fn architecture(&self) -> Option<&str> {
        Some(&self.image_manifest_descriptor.as_ref()?.platform.as_ref()?.architecture)
    }
}

/// A container that is certainly ours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its first name.
    pub name: String,
    /// The image as it was named.
    pub image: String,
    /// `created`, `running`, `paused`, `restarting`, `exited`, `dead`.
    pub status: String,
    /// Of one that has ended.
    pub exit_code: i64,
    /// The process that the daemon names for it; 0 for none.
    pub pid: i64,
    /// The runtime's name.
    pub runtime: String,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// When it ended last.
    pub finished: Option<SystemTime>,
    /// How many processors it may use; `None` for all.
    pub cpus: Option<f64>,
    /// How many bytes it may use; `None` for all.
    pub memory: Option<u64>,
    /// Names and ids of the networks that it is on, or will be when it is started.
    pub networks: Vec<String>,
    /// What our labels say.
    pub labels: Found,
}

impl Container {
    #[allow(clippy::cast_precision_loss, reason = "shown with two places")]
    pub(super) fn new(inspected: Inspected, labels: Found) -> Self {
        let name = inspected.name().to_owned();
        let Inspected { id, created, state, config, host_config: host, network_settings, .. } = inspected;
        // Docker's own period, where only a quota was asked for.
        let period = if host.cpu_period > 0 { host.cpu_period } else { 100_000 };
        let cpus = match (host.nano_cpus, host.cpu_quota) {
            (nano, _) if nano > 0 => Some(nano as f64 / 1e9),
            (_, quota) if quota > 0 => Some(quota as f64 / period as f64),
            _ => None,
        };
        let networks = network_settings.networks.unwrap_or_default().into_iter();
        let networks = networks.flat_map(|(name, at)| [name, at.unwrap_or_default().network]);
        Self {
            id,
            name,
            image: config.image,
            status: state.status,
            exit_code: state.exit_code,
            pid: state.pid,
            runtime: host.runtime,
            created: time(&created),
            finished: time(&state.finished_at),
            cpus,
            memory: u64::try_from(host.memory).ok().filter(|&memory| memory > 0),
            networks: networks.filter(|name| !name.is_empty()).collect(),
            labels,
        }
    }

    /// Whether there are processes in it.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.status.as_str(), "running" | "paused" | "restarting")
    }
}

/// A time as Docker writes it. The year 1, which stands for never, is none.
pub(super) fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_times_are_read_as_docker_writes_them() {
        let text = r#"{"Id":"ab","Name":"/x","Created":"2026-01-02T03:04:05.123456789Z",
            "State":{"Status":"exited","ExitCode":3,"FinishedAt":"0001-01-01T00:00:00Z"},
            "Config":{"Image":"img","Labels":null},"HostConfig":{"Memory":0,"CpuQuota":150000,"CpuPeriod":0},
            "NetworkSettings":{"Networks":{"back":{"NetworkID":"n1"},"none":null}}}"#;
        let container = Container::new(serde_json::from_str(text).unwrap(), Found::default());
        assert_eq!((container.name.as_str(), container.cpus, container.memory), ("x", Some(1.5), None));
        assert_eq!(container.networks, ["back", "n1", "none"]);
        assert!(container.created.is_some() && container.finished.is_none() && !container.runs());
        let text = r#"{"HostConfig":{"Memory":1024,"NanoCpus":250000000},"State":{"Status":"running"}}"#;
        let container = Container::new(serde_json::from_str(text).unwrap(), Found::default());
        assert_eq!((container.cpus, container.memory, container.runs()), (Some(0.25), Some(1024), true));
    }
}
