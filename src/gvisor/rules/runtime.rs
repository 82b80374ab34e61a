//! Rules over the arguments with which a runtime is registered.

use super::{Hit, Start};
use crate::gvisor::arguments::Argument;

/// Their ids, the gravest first.
pub(super) const IDS: [&str; 14] = [
    "runtime-host-uds",
    "runtime-host-fifo",
    "runtime-devices",
    "runtime-drivers",
    "runtime-profile",
    "runtime-flag-override",
    "runtime-rootfs-tar",
    "runtime-network-plugin",
    "runtime-testonly",
    "runtime-unknown",
    "runtime-net-host",
    "runtime-net-raw",
    "runtime-suid",
    "runtime-trace",
];

/// The flags of runsc that give nothing away, of all releases: they log, tune or close, or they are ours to know from
/// elsewhere (`overlay2`, `ignore-cgroups`). All others have a rule, and one that is not here is mentioned.
///
/// Source: `runsc/config/flags.go` of google/gvisor, and `runsc flags` of 20221219 and 20240729.
const HARMLESS: &[&str] = &[
    "EXPERIMENTAL-xdp-need-wakeup",
    "allow-connected-on-save",
    "allow-live-tcp-migration",
    "alsologtostderr",
    "app-huge-pages",
    "buffer-pooling",
    "cgroupfs",
    "control-rpc-stop-timeout",
    "coverage-fd",
    "coverage-report",
    "cpu-num-from-quota",
    "cuda-checkpoint-path",
    "dcache",
    "debug",
    "debug-command",
    "debug-log",
    "debug-log-fd",
    "debug-log-format",
    "debug-to-user-log",
    "directfs",
    "enable-core-tags",
    "fdlimit",
    "file-access",
    "file-access-mounts",
    "final-metrics-log",
    "fuse",
    "gso",
    "gvisor-gro",
    "gvisor-marker-file",
    "host-settings",
    "ignore-cgroups",
    "in-sandbox-cgroup",
    "iouring",
    "kvm-use-cpu-nums",
    "lisafs",
    "log",
    "log-fd",
    "log-format",
    "log-packets",
    "metric-server",
    "net-disconnect-ok",
    "network-processors-per-channel",
    "num-network-channels",
    "oci-seccomp",
    "overlay",
    "overlay2",
    "override-procs",
    "panic-log",
    "panic-log-fd",
    "panic-signal",
    "pause-external-networking",
    "pcap-log",
    "platform",
    "platform_device_path",
    "profiling-metrics",
    "profiling-metrics-log",
    "profiling-metrics-rate-us",
    "qdisc",
    "qdisc-tbf-burst",
    "qdisc-tbf-rate",
    "ref-leak-mode",
    "reproduce-nat",
    "reproduce-nftables",
    "restore-spec-validation",
    "root",
    "rootless",
    "rx-checksum-offload",
    "shared-root",
    "sidecar-release-enforcement-policy",
    "sidecar-usage-policy",
    "signal-unkillable-policy",
    "software-gso",
    "strace",
    "strace-event",
    "strace-log-size",
    "strace-syscalls",
    "systemd-cgroup",
    "systrap-disable-fast-path",
    "systrap-disable-syscall-patching",
    "trace",
    "traceback",
    "tx-checksum-offload",
    "version",
    "vfs2",
    "watchdog-action",
];

/// The rule that a flag is about, whatever its value.
fn rule_of(argument: &Argument) -> Option<&'static str> {
    let name = argument.name.as_str();
    Some(match name {
        "host-uds" | "fsgofer-host-uds" => "runtime-host-uds",
        "host-fifo" => "runtime-host-fifo",
        "character-device-policy" => "runtime-devices",
        "rdmaproxy" | "tpuproxy" => "runtime-drivers",
        name if name == "nvproxy" || name.starts_with("nvproxy-") => "runtime-drivers",
        // `profile-block`, `profile-cpu` and the like are files it writes.
        name if name == "profile" || name.starts_with("profile-") => "runtime-profile",
        "allow-flag-override" => "runtime-flag-override",
        "allow-rootfs-tar-annotation" => "runtime-rootfs-tar",
        // Of this network's kinds, `host` and `plugin` have rules of their own.
        "network" if argument.value == "host" => "runtime-net-host",
        "network" if matches!(argument.value.as_str(), "sandbox" | "none") => return None,
        "network" => "runtime-network-plugin",
        name if name.starts_with("TESTONLY-") => "runtime-testonly",
        "net-raw" | "allow-packet-socket-write" => "runtime-net-raw",
        "allow-suid" => "runtime-suid",
        "pod-init-config" => "runtime-trace",
        name if HARMLESS.contains(&name) => return None,
        _ => "runtime-unknown",
    })
}

/// Where the rule `id` applies to a runtime's arguments.
pub(super) fn hits(id: &str, arguments: &[Argument]) -> Vec<Hit> {
    let applies = |argument: &&Argument| {
        let is_set = match rule_of(argument) {
            // What a flag that we do not know means when it is off, we do not know either.
            Some("runtime-unknown") => true,
            Some("runtime-devices") => !matches!(argument.value.as_str(), "" | "emulated-only"),
            _ => argument.is_on(),
        };
        is_set && rule_of(argument) == Some(id)
    };
    arguments
        .iter()
        .filter(applies)
        .map(|argument| Hit::new(format!("--{}={}", argument.name, argument.value)))
        .collect()
}

/// Whether the runtime has this switch on.
pub(super) fn has(start: &Start<'_>, name: &str) -> bool {
    start.runtime.iter().any(|argument| argument.name == name && argument.is_on())
}

/// Whether the runtime leaves cgroups alone, and with them every limit that Docker puts there.
#[must_use]
pub fn ignores_cgroups(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| argument.name == "ignore-cgroups" && argument.is_on())
}

/// Whether the runtime uses the network of the container's namespace instead of its own.
#[must_use]
pub fn uses_host_network(arguments: &[Argument]) -> bool {
    !hits("runtime-net-host", arguments).is_empty()
}

/// Whether sockets of the host can be connected to from inside: `create` makes new ones only.
pub(super) fn lets_sockets_through(arguments: &[Argument]) -> bool {
    let opens = |argument: &Argument| argument.is_on() && argument.value != "create";
    arguments.iter().any(|one| matches!(one.name.as_str(), "host-uds" | "fsgofer-host-uds") && opens(one))
}

pub(super) fn host_uds(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-host-uds", start.runtime)
}

pub(super) fn host_fifo(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-host-fifo", start.runtime)
}

pub(super) fn devices(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-devices", start.runtime)
}

pub(super) fn drivers(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-drivers", start.runtime)
}

pub(super) fn profile(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-profile", start.runtime)
}

pub(super) fn flag_override(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-flag-override", start.runtime)
}

pub(super) fn rootfs_tar(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-rootfs-tar", start.runtime)
}

pub(super) fn network_plugin(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-network-plugin", start.runtime)
}

pub(super) fn testonly(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-testonly", start.runtime)
}

pub(super) fn unknown(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-unknown", start.runtime)
}

pub(super) fn net_host(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-net-host", start.runtime)
}

pub(super) fn net_raw(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-net-raw", start.runtime)
}

pub(super) fn suid(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-suid", start.runtime)
}

pub(super) fn trace(start: &Start<'_>) -> Vec<Hit> {
    hits("runtime-trace", start.runtime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gvisor::arguments::in_force;

    fn ids(args: &str) -> Vec<&'static str> {
        let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        let arguments = in_force(&args);
        IDS.iter().filter(|id| !hits(id, &arguments).is_empty()).copied().collect()
    }

    #[test]
    fn each_flag_that_opens_something_has_its_rule() {
        for (args, id) in [
            ("--host-uds=open", "runtime-host-uds"),
            ("--fsgofer-host-uds", "runtime-host-uds"),
            ("--host-fifo open", "runtime-host-fifo"),
            ("--character-device-policy=passthrough", "runtime-devices"),
            ("--character-device-policy prefer-emulated", "runtime-devices"),
            ("--rdmaproxy", "runtime-drivers"),
            ("--nvproxy", "runtime-drivers"),
            ("--nvproxy-docker=true", "runtime-drivers"),
            ("--nvproxy-allow-unsupported-driver", "runtime-drivers"),
            ("--nvproxy-driver-version=latest", "runtime-drivers"),
            ("--nvproxy-allowed-driver-capabilities all", "runtime-drivers"),
            ("--tpuproxy", "runtime-drivers"),
            ("--profile-cpu=/x", "runtime-profile"),
            ("--allow-flag-override", "runtime-flag-override"),
            ("--allow-rootfs-tar-annotation", "runtime-rootfs-tar"),
            ("--network=plugin", "runtime-network-plugin"),
            ("--network plugin", "runtime-network-plugin"),
            ("--TESTONLY-nftables", "runtime-testonly"),
            ("--allow-packet-socket-write", "runtime-net-raw"),
            ("--allow-suid", "runtime-suid"),
            ("--pod-init-config /x", "runtime-trace"),
            // Gofers in the host's network, a device of the host's for packets, a socket of the host's: no rule of ours.
            ("--gofer-network-namespace=host", "runtime-unknown"),
            ("--EXPERIMENTAL-xdp=redirect:eth0", "runtime-unknown"),
            ("--network-proxy-path=/x", "runtime-unknown"),
            ("--made-next-year=false", "runtime-unknown"),
            ("-made-next-year", "runtime-unknown"),
        ] {
            assert_eq!(ids(args), [id], "{args}");
        }
    }

    #[test]
    fn what_gives_nothing_away_is_silent() {
        for args in [
            "--debug --debug-log=/x --strace --platform=systrap --overlay2=none --ignore-cgroups --directfs=false",
            "--network=sandbox",
            "--network=none",
            "--host-uds=none --host-fifo=none --character-device-policy=emulated-only",
            "--nvproxy=false --tpuproxy=false --rdmaproxy=false --allow-suid=false --net-raw=false",
            "--platform kvm",
            "--watchdog-action panic --pcap-log /x",
        ] {
            assert_eq!(ids(args), [""; 0], "{args}");
        }
    }
}
