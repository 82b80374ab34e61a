//! What a runtime's `runtimeArgs` mean for the sandbox. Pure.

use crate::docker::info::Runtime;

/// One of runsc's flags as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Without dashes: `network`.
    pub name: String,
    /// `true` for a bare switch.
    pub value: String,
}

impl Argument {
    /// Whether its value is neither false nor `none` nor empty.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !matches!(self.value.as_str(), "false" | "0" | "f" | "F" | "FALSE" | "False" | "none" | "")
    }
}

/// What is in force for a registered runtime: its `runtimeArgs`, or the flags among its shim's
/// options.
///
/// Source: `RunscConfig` in gVisor's `shim/v1/runtimeoptions`.
#[must_use]
pub fn of(runtime: &Runtime) -> Vec<Argument> {
    let mut all = in_force(runtime.runtime_args.as_deref().unwrap_or_default());
    let options = runtime.options.as_ref().and_then(|options| options.as_object());
    let config = options
        .into_iter()
        .flatten()
        .filter(|(key, _)| matches!(key.to_ascii_lowercase().as_str(), "runscconfig" | "runsc_config"));
    for (name, value) in config.filter_map(|(_, flags)| flags.as_object()).flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        all.push(Argument { name: name.clone(), value });
    }
    all
}

/// Those that take the next word where there is no `=`; all others are switches, or not known here.
///
/// Source: `runsc/config/flags.go` of google/gvisor: its `String`, `Int`, `Uint`, `Duration` and `Var`.
const WITH_VALUE: &[&str] = &[
    "EXPERIMENTAL-xdp",
    "TESTONLY-autosave-image-path",
    "TESTONLY-test-name-env",
    "character-device-policy",
    "control-rpc-stop-timeout",
    "coverage-report",
    "cuda-checkpoint-path",
    "dcache",
    "debug-command",
    "debug-log",
    "debug-log-format",
    "fdlimit",
    "file-access",
    "file-access-mounts",
    "final-metrics-log",
    "gofer-network-namespace",
    "host-fifo",
    "host-settings",
    "host-uds",
    "in-sandbox-cgroup",
    "log",
    "log-format",
    "metric-server",
    "network",
    "network-processors-per-channel",
    "network-proxy-path",
    "num-network-channels",
    "nvproxy-allowed-driver-capabilities",
    "nvproxy-driver-version",
    "overlay2",
    "override-procs",
    "panic-log",
    "panic-signal",
    "pcap-log",
    "platform",
    "platform_device_path",
    "pod-init-config",
    "profile-block",
    "profile-cpu",
    "profile-gc-interval",
    "profile-heap",
    "profile-mutex",
    "profiling-metrics",
    "profiling-metrics-log",
    "profiling-metrics-rate-us",
    "qdisc",
    "qdisc-tbf-burst",
    "qdisc-tbf-rate",
    "ref-leak-mode",
    "restore-spec-validation",
    "root",
    "shared-root",
    "sidecar-release-enforcement-policy",
    "sidecar-usage-policy",
    "signal-unkillable-policy",
    "strace-log-size",
    "strace-syscalls",
    "trace",
    "traceback",
    "watchdog-action",
];

/// Reads the arguments as Go's flag package does.
#[must_use]
pub fn read(args: &[String]) -> Vec<Argument> {
    let mut read = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None if WITH_VALUE.contains(&flag) => (flag, words.next().cloned().unwrap_or_default()),
            None => (flag, "true".to_owned()),
        };
        read.push(Argument { name: name.to_owned(), value });
    }
    read
}

/// The platform that the arguments choose, if they do.
#[must_use]
pub fn platform(args: &[String]) -> Option<String> {
    let platform = read(args).into_iter().rfind(|argument| argument.name == "platform");
    platform.map(|argument| argument.value)
}

/// Arguments that cannot hold at once, or that Docker's wrapper script would tear apart.
#[must_use]
pub fn contradictions(args: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let read = read(args);
    for (at, argument) in read.iter().enumerate() {
        let differs = |other: &&Argument| other.name == argument.name && other.value != argument.value;
        if let Some(other) = read[at + 1..].iter().find(differs) {
            found.push(format!(
                "--{}={} and --{}={} are both given; the last one counts",
                argument.name, argument.value, other.name, other.value
            ));
        }
    }
    let bad = |c: char| c.is_whitespace() || "|&;<>()$`\\\"'*?[]#~!{}".contains(c);
    for word in args.iter().filter(|word| word.contains(bad)) {
        found.push(format!("`{word}` goes through a shell unquoted, which tears it apart"));
    }
    found
}

/// Of several with the same name the last one.
#[must_use]
pub fn in_force(args: &[String]) -> Vec<Argument> {
    let read = read(args);
    let last = |at: usize| read[at + 1..].iter().all(|later| later.name != read[at].name);
    (0..read.len()).filter(|&at| last(at)).map(|at| read[at].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn arguments_that_contradict_each_other_are_named() {
        assert_eq!(contradictions(&words("--platform=kvm --debug --platform systrap")).len(), 1);
        assert_eq!(contradictions(&["--debug-log=/a b".to_owned()]).len(), 1);
        assert_eq!(contradictions(&words("--network=host --platform=kvm")), [""; 0]);
    }

    #[test]
    fn flags_among_a_shims_options_count_as_arguments() {
        let runtime = serde_json::json!({
            "runtimeType": "io.containerd.runsc.v1",
            "options": {"TypeUrl": "x", "RunscConfig": {"host-uds": "open", "profile": true}},
        });
        let seen = of(&serde_json::from_value(runtime).unwrap());
        let seen: Vec<String> = seen.iter().map(|one| format!("{}={}", one.name, one.value)).collect();
        assert_eq!(seen, ["host-uds=open", "profile=true"]);
    }

    #[test]
    fn the_last_platform_counts() {
        assert_eq!(platform(&words("--platform=kvm --platform ptrace")), Some("ptrace".to_owned()));
        assert_eq!(platform(&words("--debug")), None);
    }
}
