//! Rules over `--annotation`: gVisor reads some of them as its own switches.

use super::{Hit, Start};

/// Flags of runsc that an annotation may set without weakening anything: they log inside, or close.
const HARMLESS_FLAGS: [&str; 5] = ["debug", "strace", "strace-syscalls", "strace-log-size", "strace-event"];

/// Whether an annotation weakens the sandbox, or may: what is not known to be harmless does.
///
/// Source: `runsc/config/config.go`, `runsc/boot/mount_hints.go` and `runsc/specutils` of
/// google/gvisor. `dev.gvisor.spec.rootfs.*` and `dev.gvisor.tar.*` name files of the host;
/// `io.kubernetes.cri*` put a container into another one's sandbox.
fn weakens(key: &str, value: &str) -> bool {
    if let Some(flag) = key.strip_prefix("dev.gvisor.flag.") {
        return match flag {
            "host-uds" | "host-fifo" => value != "none",
            "oci-seccomp" => !matches!(value, "true" | "1"),
            // `dir=` names a folder of the host.
            "overlay2" => value.contains("dir="),
            flag if flag == "qdisc" || flag.starts_with("qdisc-") => false,
            flag => !HARMLESS_FLAGS.contains(&flag),
        };
    }
    // What a mount is shared with: within the sandbox.
    if key.starts_with("dev.gvisor.spec.mount.") {
        return false;
    }
    key.starts_with("dev.gvisor.") || key.starts_with("io.kubernetes.cri")
}

/// The options that annotate, each with key and value as Docker splits them.
fn given<'a>(start: &Start<'a>) -> impl Iterator<Item = (String, String, String)> + use<'a> {
    start.line.options().filter(|option| option.name == "annotation").map(|option| {
        let text = option.value.unwrap_or_default().to_string_lossy().into_owned();
        let (key, value) = text.split_once('=').unwrap_or((&text, ""));
        (option.written(), key.trim().to_owned(), value.to_owned())
    })
}

pub(super) fn weakening(start: &Start<'_>) -> Vec<Hit> {
    given(start)
        .filter(|(_, key, value)| weakens(key, value))
        .map(|(written, ..)| Hit::new(written))
        .collect()
}

/// The value that an annotation gives to a flag of runsc; the last one counts.
#[must_use]
pub fn flag(start: &Start<'_>, name: &str) -> Option<String> {
    let key = format!("dev.gvisor.flag.{name}");
    given(start).filter(|(_, given, _)| *given == key).last().map(|(.., value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_harmless_weakens() {
        for (key, value) in [
            ("dev.gvisor.flag.host-uds", "open"),
            ("dev.gvisor.flag.host-uds", ""),
            ("dev.gvisor.flag.host-fifo", "open"),
            ("dev.gvisor.flag.network", "host"),
            ("dev.gvisor.flag.debug-log", "/etc/cron.d/"),
            ("dev.gvisor.flag.overlay2", "root:dir=/etc"),
            ("dev.gvisor.flag.oci-seccomp", "false"),
            ("dev.gvisor.flag.", "x"),
            ("dev.gvisor.spec.rootfs.source", "/dev/vda"),
            ("dev.gvisor.tar.rootfs.upper", "/etc/shadow"),
            ("dev.gvisor.internal.nvproxy", "true"),
            ("io.kubernetes.cri.sandbox-id", "x"),
            ("io.kubernetes.cri-o.SandboxID", "x"),
        ] {
            assert!(weakens(key, value), "{key}={value}");
        }
        for (key, value) in [
            ("dev.gvisor.flag.host-uds", "none"),
            ("dev.gvisor.flag.overlay2", "none"),
            ("dev.gvisor.flag.overlay2", "all:memory"),
            ("dev.gvisor.flag.oci-seccomp", "true"),
            ("dev.gvisor.flag.strace", "true"),
            ("dev.gvisor.flag.qdisc", "none"),
            ("dev.gvisor.spec.mount.data.share", "container"),
            ("org.example", "x"),
        ] {
            assert!(!weakens(key, value), "{key}={value}");
        }
    }
}
