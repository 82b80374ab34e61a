//! Rules over `--annotation`: gVisor reads some of them as its own switches.

use super::{Hit, Start};

/// Flags of runsc that an annotation may set without weakening anything: they log inside, or close.
const HARMLESS_FLAGS: [&str; 7] = [
    "debug",
    "debug-command",
    "debug-to-user-log",
    "strace",
    "strace-event",
    "strace-log-size",
    "strace-syscalls",
];

/// What speaks of a mount by its source, in a set of annotations of one name: `PREFIX` `NAME` `.source`.
const MOUNT: &str = "dev.gvisor.spec.mount.";

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
    // [`weakening`] looks at all of one name.
    if key.starts_with(MOUNT) {
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

/// Whether the annotations of the mount `name` are about anything but a tmpfs of Docker's. With one that is bound from
/// the host, gVisor makes a file of root's in that directory, be it mounted read-only: to keep what is written, of
/// whatever type the annotations call it. Measured with 20240729: with `bind` it stays there, with `tmpfs` until the
/// end. Docker calls the source of a tmpfs `tmpfs`, and a directory by its absolute path.
fn opens_a_mount(all: &[(String, String, String)], name: &str) -> bool {
    let values = |field: &str| {
        let key = format!("{MOUNT}{name}.{field}");
        all.iter()
            .filter(move |(_, given, _)| *given == key)
            .map(|(.., value)| value.as_str())
            .collect::<Vec<_>>()
    };
    let (types, sources) = (values("type"), values("source"));
    types.is_empty() || types.iter().chain(&sources).any(|value| *value != "tmpfs")
}

pub(super) fn weakening(start: &Start<'_>) -> Vec<Hit> {
    let all: Vec<_> = given(start).collect();
    let opens = |key: &str| {
        let name = key.strip_prefix(MOUNT).map(|rest| rest.split_once('.').map_or(rest, |(name, _)| name));
        name.is_some_and(|name| opens_a_mount(&all, name))
    };
    all.iter()
        .filter(|(_, key, value)| weakens(key, value) || opens(key))
        .map(|(written, ..)| Hit::new(written.as_str()))
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
            ("org.example", "x"),
        ] {
            assert!(!weakens(key, value), "{key}={value}");
        }
    }

    fn refused(annotations: &[&str]) -> usize {
        use crate::docker::{flags::Flags, run_line::RunLine};
        let options = annotations.iter().map(|annotation| format!("--annotation={annotation}"));
        let words: Vec<_> = options.chain(["img".to_owned()]).map(std::ffi::OsString::from).collect();
        let line = RunLine::parse(&words, &Flags::run()).unwrap();
        weakening(&Start { line: &line, runtime: &[], mounts: &[], limits_of_do: None, read_only: &[] }).len()
    }

    #[test]
    fn annotations_of_a_mount_are_taken_together() {
        let mount = |fields: &[&str]| {
            let all: Vec<String> = fields.iter().map(|field| format!("{MOUNT}{field}")).collect();
            refused(&all.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(mount(&["a.source=tmpfs", "a.type=tmpfs", "a.share=pod", "a.options=rw"]), 0);
        assert_eq!(mount(&["a.source=/work", "a.type=bind", "a.share=container"]), 3);
        assert_eq!(mount(&["a.source=/work", "a.type=tmpfs", "a.share=container"]), 3);
        assert_eq!(mount(&["a.source=/work"]), 1);
        assert_eq!(mount(&["a.source=tmpfs", "a.type=bind"]), 2);
        // The last one of a name counts for Docker; which of them it is must not matter.
        assert_eq!(mount(&["a.type=tmpfs", "a.source=/work", "a.source=tmpfs"]), 3);
        // One mount says nothing of another one.
        assert_eq!(mount(&["a.source=tmpfs", "a.type=tmpfs", "b.source=/work", "b.type=tmpfs"]), 2);
        assert_eq!(mount(&["a.b.source=/work", "a", ""]), 3);
    }
}
