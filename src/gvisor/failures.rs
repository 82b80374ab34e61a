//! How gVisor fails under Docker: texts that Docker prints, their causes and their ways out.
//!
//! Source: gVisor's issues as numbered, and measurements with Docker 20.10, 26.1 and 28.5.

use crate::error::Hint;

/// One known failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Stable name.
    pub id: &'static str,
    /// Any one of these groups; all texts of a group must be there.
    texts: &'static [&'static [&'static str]],
    /// What is wrong, in a sentence without a full stop.
    pub cause: &'static str,
    /// What to do, before the commands.
    pub fix: &'static str,
    /// The commands.
    pub commands: &'static [&'static str],
}

const REGISTER: &[&str] =
    &["sudo runsc install", "sudo systemctl reload docker", "docker info --format '{{json .Runtimes}}'"];

/// The one failure without a text: nothing happens.
pub const HANGS: Failure = Failure {
    id: "hangs",
    texts: &[],
    cause: "the runtime neither starts nor fails, as with --platform=kvm in a virtual machine whose nested KVM does not work",
    fix: "Use the systrap platform, and reload:",
    commands: &["sudo runsc install -- --platform=systrap", "sudo systemctl reload docker"],
};

/// What Docker tells of by the same words as of [`DIED`], where the parts beside runsc say more: they compare their releases
/// with its own, and what they say to that goes to a log. Source: `VerifyMatchingRelease` in gVisor's
/// `runsc/gvisorbinaries/gvisorbinaries.go`.
pub const MIXED: Failure = Failure {
    id: "mixed-release",
    texts: &[&["all gVisor binaries must come from the same release"]],
    cause: "parts of different gVisor releases are installed beside each other",
    fix: "Install one release whole:",
    commands: &["docker sandbox setup", "sudo apt-get install --reinstall runsc"],
};

/// gVisor's kernel died before it could say why.
pub const DIED: &str = "sentry-died";

/// In the order in which they are tried: the more telling text first.
const CATALOGUE: &[Failure] = &[
    Failure {
        id: "not-registered",
        // Only where the name is gVisor's: what is amiss with `nvidia` is not ours to say.
        texts: &[&["unknown or invalid runtime name", "runsc"], &["Unknown runtime specified", "runsc"]],
        cause: "the runtime is not registered with the Docker daemon, or the daemon was not reloaded since",
        fix: "Register it and reload the daemon:",
        commands: REGISTER,
    },
    Failure {
        id: "shim-missing",
        texts: &[&["containerd-shim-runsc-v1", "not installed"]],
        cause: "the runtime is registered by its shim's type, and the shim is not on the daemon's PATH",
        fix: "Register runsc by its path instead:",
        commands: REGISTER,
    },
    Failure {
        id: "network-root-namespace",
        texts: &[&["cannot run with network enabled in root network namespace"]],
        cause: "this runsc is older than release-20240807.0 and the kernel newer (google/gvisor#10704), or `--network=host` on Docker 24 or older",
        fix: "Upgrade runsc, or register it with the container's own network stack and reload:",
        commands: &["sudo runsc install -- --network=host", "sudo systemctl reload docker"],
    },
    MIXED,
    Failure {
        id: "no-kvm",
        // Source: `OpenDevice` in gVisor's `pkg/sentry/platform/kvm/kvm.go`.
        texts: &[&["error opening KVM device file"]],
        cause: "the runtime is registered with --platform=kvm, and the daemon's host has no /dev/kvm that it may open",
        fix: "Use the systrap platform, and reload; or make KVM available and see the device:",
        commands: &[
            "sudo runsc install -- --platform=systrap",
            "sudo systemctl reload docker",
            "ls -l /dev/kvm",
        ],
    },
    Failure {
        id: "no-nvidia-driver",
        // Source: `Register` in gVisor's `pkg/sentry/devices/nvproxy/nvproxy.go`.
        texts: &[&["failed to get Nvidia driver version"]],
        cause: "the container has Nvidia devices, which turn gVisor's GPU support on, and the daemon's host has no Nvidia driver that it finds",
        fix: "Omit `--gpus`, or see whether the host's driver is loaded:",
        commands: &["cat /proc/driver/nvidia/version"],
    },
    Failure {
        id: "ended-first",
        // Source: `setOOMScoreAdj` in gVisor's `runsc/container/container.go`. In a user namespace the files in /proc of a
        // process that has ended are root's outside of it, and not to be opened.
        texts: &[&["starting container: open /proc/", "oom_score_adj: permission denied"]],
        cause: "under rootless Docker runsc fails where the command ends before runsc has done with starting it, on a machine that is busy",
        fix: "Start it again:",
        commands: &["docker sandbox run …"],
    },
    Failure {
        id: "start-root-eof",
        texts: &[&["containerManager.StartRoot", "EOF"]],
        cause: "gVisor's kernel died while it started the command: too few processes (a `--pids-limit` below 60 or so, which gVisor's own threads count for), too little memory, or, on arm64, a kernel with 39-bit addresses and runsc older than release-20260316 (google/gvisor#9618)",
        fix: "Allow it more, or, on arm64, upgrade runsc:",
        commands: &[
            "docker sandbox run --pids-limit=512 …",
            "sudo apt-get update && sudo apt-get install --only-upgrade runsc",
        ],
    },
    Failure {
        id: "too-few-processes",
        texts: &[&["fork/exec", "resource temporarily unavailable"]],
        cause: "runsc may not start its own processes: a `--pids-limit` below the 40 or so that it needs itself, or a limit of the daemon's",
        fix: "Allow it more:",
        commands: &["docker sandbox run --pids-limit=512 …"],
    },
    Failure {
        id: "sentry-died",
        texts: &[&["cannot read client sync file", "EOF"]],
        cause: "gVisor's kernel died at its start: KVM inside a virtual machine, ptrace_scope 3, a `--pids-limit` below the 40 or so that it needs itself, /tmp being a link, or an old CPU",
        fix: "Use the systrap platform, allow tracing, and reload (the boot log says more: --debug --debug-log=/tmp/runsc/ in runtimeArgs):",
        commands: &[
            "sudo runsc install -- --platform=systrap",
            "sudo sysctl kernel.yama.ptrace_scope=1",
            "sudo systemctl reload docker",
        ],
    },
    Failure {
        id: "page-size",
        texts: &[&["Only 4K page size is supported"]],
        cause: "this kernel's pages are larger than 4K and this runsc does not support that (google/gvisor#8196)",
        fix: "Upgrade runsc, or boot a kernel with 4K pages:",
        commands: &["getconf PAGESIZE"],
    },
    Failure {
        id: "rootless-cgroups",
        texts: &[&["cannot set up cgroup for root", "permission denied"]],
        cause: "rootless Docker may not set up the sandbox's cgroup",
        fix: "Add `--ignore-cgroups` to the runtime's runtimeArgs, then:",
        commands: &["${EDITOR:-vi} ~/.config/docker/daemon.json", "systemctl --user restart docker"],
    },
    Failure {
        id: "selinux",
        texts: &[&["SELinux is not supported"]],
        cause: "the daemon labels containers for SELinux, which gVisor does not support",
        fix: "Switch the label off for this container:",
        commands: &["docker sandbox run --security-opt label=disable …"],
    },
    Failure {
        id: "annotation",
        texts: &[&["flag override disabled"], &["flag \"", "not found"]],
        cause: "an annotation sets a runsc flag that this runsc does not let annotations set, or does not know",
        fix: "Set the flag in the runtime's runtimeArgs, or upgrade runsc:",
        commands: &["sudo ${EDITOR:-vi} /etc/docker/daemon.json"],
    },
    Failure {
        id: "contradictory-flags",
        texts: &[&["log.json", "exit status 128"]],
        cause: "the runtime's runtimeArgs contradict each other",
        fix: "See what runsc says to them, with the path and arguments from:",
        commands: &["docker info --format '{{json .Runtimes}}'"],
    },
    Failure {
        id: "unknown-flag",
        texts: &[&["log.json", "did not terminate successfully"]],
        cause: "runsc does not know one of its runtimeArgs, or `--pids-limit` is below the 40 or so that it needs itself",
        fix: "See what runsc says to them, with the path and arguments from:",
        commands: &["docker info --format '{{json .Runtimes}}'"],
    },
    Failure {
        id: "containerd-down",
        texts: &[&["timeout waiting for containerd to start"], &["failed to start containerd"]],
        cause: "containerd does not start, as happens when failed starts have left sandboxes in state `created`",
        fix: "End those sandboxes, then start Docker again:",
        commands: &["sudo pkill -KILL -f -- '([c]ontainerd-shim|[r]unsc-)'", "sudo systemctl restart docker"],
    },
    Failure {
        id: "path-not-executable",
        texts: &[&["fork/exec ", "runsc", "permission denied"]],
        cause: "the registered runsc may not be executed by the daemon",
        fix: "Make it executable and readable for everybody:",
        commands: &["sudo chmod -R a+rX /usr/local/bin/runsc /usr/local/bin/gvisor-bin"],
    },
    Failure {
        id: "path-missing",
        texts: &[
            &["exec: \"", "stat ", "no such file", "runsc"],
            &["fork/exec ", "no such file", "runsc"],
            &["log.json", "fork/exec ", "no such file"],
            // A name, and not on the daemon's PATH.
            &["log.json", "exec: \"", "executable file not found in $PATH"],
        ],
        cause: "the registered runsc does not exist on the daemon's host",
        fix: "Register it where it is, and reload:",
        commands: REGISTER,
    },
];

impl Failure {
    /// What to tell the user.
    #[must_use]
    pub fn hint(&self) -> Hint {
        let commands = self.commands.iter().map(|&command| command.to_owned()).collect();
        Hint { text: format!("gVisor: {}. {}", self.cause, self.fix), commands }
    }
}

/// The failure of this `id`; `None` if there is none.
#[must_use]
pub fn named(id: &str) -> Option<&'static Failure> {
    CATALOGUE.iter().find(|failure| failure.id == id)
}

/// The failure that `text`, Docker's error message, tells of.
#[must_use]
pub fn recognise(text: &str) -> Option<&'static Failure> {
    CATALOGUE
        .iter()
        .find(|failure| failure.texts.iter().any(|all| all.iter().all(|part| text.contains(part))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_the_catalogue_is_recognised_as_its_own_failure() {
        for failure in CATALOGUE {
            assert_eq!(named(failure.id).map(|named| named.id), Some(failure.id));
            for texts in failure.texts {
                let message = format!("docker: Error response from daemon: {}", texts.join(" … "));
                assert_eq!(recognise(&message).map(|seen| seen.id), Some(failure.id), "{message}");
            }
        }
    }

    #[test]
    fn messages_as_docker_printed_them_are_recognised() {
        let seen = |text| recognise(text).map(|failure| failure.id);
        assert_eq!(
            seen("docker: Error response from daemon: Unknown runtime specified runsc."),
            Some("not-registered")
        );
        assert_eq!(
            seen(
                "OCI runtime create failed: unable to retrieve OCI runtime error (open /run/x/log.json: no such file or directory): /usr/bin/runsc did not terminate successfully: exit status 128: unknown"
            ),
            Some("contradictory-flags")
        );
        assert_eq!(seen("exec: \"nope\": executable file not found in $PATH: unknown"), None);
        assert_eq!(seen("exec: \"/nope\": stat /nope: no such file or directory: unknown"), None);
    }

    /// The table of the failure catalogue, each text as engines have printed it.
    #[test]
    fn every_row_of_the_catalogue_is_recognised() {
        let log = "OCI runtime create failed: unable to retrieve OCI runtime error (open /run/x/log.json: no such file or directory): ";
        let rows = [
            ("unknown or invalid runtime name: runsc", "not-registered"),
            ("Unknown runtime specified runsc", "not-registered"),
            ("exec: \"/opt/runsc\": stat /opt/runsc: no such file or directory: unknown", "path-missing"),
            (&format!("{log}fork/exec /opt/gv/runsc: no such file or directory: unknown"), "path-missing"),
            (&format!("{log}fork/exec /opt/gvisor: no such file or directory: unknown"), "path-missing"),
            (&format!("{log}fork/exec /opt/runsc: permission denied: unknown"), "path-not-executable"),
            (&format!("{log}exec: \"runsc\": executable file not found in $PATH: unknown"), "path-missing"),
            (
                "failed to start shim: failed to resolve runtime path: runtime \"io.containerd.runsc.v1\" binary not installed \"containerd-shim-runsc-v1\": file does not exist: unknown",
                "shim-missing",
            ),
            (
                "creating container: cannot create sandbox: cannot create sandbox process: opening device file for platform \"kvm\": error opening KVM device file (/dev/kvm): no such file or directory: unknown",
                "no-kvm",
            ),
            (
                "creating container: cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF: this binary's build label \"release-20260101.0\" in sidecar \"gvisor_sentry\" does not match the expected release \"release-20260817.0\"; all gVisor binaries must come from the same release",
                "mixed-release",
            ),
            ("creating container: failed to get Nvidia driver version: no such file", "no-nvidia-driver"),
            (
                &format!(
                    "{log}/var/lib/docker/runtimes/runsc did not terminate successfully: exit status 2: unknown"
                ),
                "unknown-flag",
            ),
            (
                &format!(
                    "{log}/var/lib/docker/runtimes/runsc did not terminate successfully: exit status 128: unknown"
                ),
                "contradictory-flags",
            ),
            (
                "runtime \"io.containerd.runsc.v1\" binary not installed \"containerd-shim-runsc-v1\": file does not exist: containerd-shim-runsc-v1: not installed",
                "shim-missing",
            ),
            (
                "OCI runtime start failed: starting container: setting up network: creating interfaces from net namespace \"/proc/1/ns/net\": cannot run with network enabled in root network namespace: unknown",
                "network-root-namespace",
            ),
            (
                "creating container: cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF: unknown",
                "sentry-died",
            ),
            (
                "starting container: starting root container: urpc method \"containerManager.StartRoot\" failed: EOF",
                "start-root-eof",
            ),
            (
                "creating container: cannot create sandbox: cannot create sandbox process: starting sandbox: fork/exec /proc/self/exe: resource temporarily unavailable: check whether /proc/sys/user/max_user_namespaces is set too low (gvisor.dev/issue/5964): unknown",
                "too-few-processes",
            ),
            ("Only 4K page size is supported on arm64!", "page-size"),
            (
                "cannot set up cgroup for root: configuring cgroup: mkdir /sys/fs/cgroup/x: permission denied",
                "rootless-cgroups",
            ),
            ("reading spec: SELinux is not supported: system_u:system_r:container_t:s0", "selinux"),
            (
                "reading spec: error setting flag overlay2=\"none\": flag override disabled, use --allow-flag-override to enable it",
                "annotation",
            ),
            ("reading spec: flag \"nope\" not found. Cannot set it to \"1\"", "annotation"),
            ("all gVisor binaries must come from the same release", "mixed-release"),
            ("failed to start containerd: timeout waiting for containerd to start", "containerd-down"),
        ];
        for (text, id) in rows {
            let message = format!("docker: Error response from daemon: {text}.");
            assert_eq!(recognise(&message).map(|seen| seen.id), Some(id), "{message}");
        }
        assert!(rows.iter().any(|(_, id)| *id == DIED));
    }

    #[test]
    fn every_failure_has_a_cause_and_a_command() {
        for failure in CATALOGUE.iter().chain([&HANGS]) {
            assert!(!failure.cause.is_empty() && failure.fix.ends_with(':'), "{failure:?}");
            assert!(!failure.commands.is_empty(), "{failure:?}");
        }
    }
}
