//! The rules. Facts with releases under `seen` were measured with them on real engines; the others
//! are gVisor's documentation's and its issues'.

use super::Severity::{Deny, Fact, Fix, Note, Warn};
use super::{Rule, annotations, devices, mounts, options, read_only, runtime};

/// What `deny` says to do about a mount.
const READ_ONLY: &str = "mount it read-only, or only the folder that is needed";
/// What `deny` says to do about a runtime's argument.
const OTHER_RUNTIME: &str = "take it out of `runtimeArgs`, or choose another runtime with `--runtime`";
const BOTH: &str = "20221219, 20240729";
const SOURCES: &str = "";
/// A release in which some facts were seen to hold no more. Since when exactly, its notes do not say.
const NEWER: Option<u32> = Some(20_260_817);

/// A rule that holds for every release.
const fn rule(
    id: &'static str,
    severity: super::Severity,
    finds: fn(&super::Start<'_>) -> Vec<super::Hit>,
    when: &'static str,
    why: &'static str,
    way_out: &'static str,
    seen: &'static str,
) -> Rule {
    Rule { id, severity, severity_for_do: None, when, why, way_out, since: None, until: None, seen, finds }
}

/// All of them, in the order of the documentation.
pub static RULES: [Rule; 58] = [
    rule(
        "socket-mount",
        Deny,
        mounts::engine_socket,
        "the socket of Docker, containerd, podman, CRI-O or BuildKit, or a folder that holds it, mounted in any \
         way, read-only too; `--use-api-socket`",
        "whoever reaches the engine's socket owns the host",
        "leave it out; a tool that needs an engine can have one of its own, over TCP with TLS",
        "20240729",
    ),
    rule(
        "annotation-gvisor",
        Deny,
        annotations::weakening,
        "`--annotation dev.gvisor.*`, `io.kubernetes.cri*`, but for those that only log, throttle or close: \
         `dev.gvisor.flag.` with `strace*`, `debug*`, `qdisc*`, `overlay2` without a folder, `oci-seccomp=true`, \
         `host-uds=none`, `host-fifo=none`; `dev.gvisor.spec.mount.NAME.*` with `type=tmpfs` and `source=tmpfs`",
        "gVisor takes it for a switch of its own, and this one can open the host to the container",
        "leave it out",
        "20240729",
    ),
    rule(
        "ipc-host",
        Deny,
        options::ipc_host,
        "`--ipc=host`, or `--ipc=container:X` of one that has it; `/dev/shm` mounted writable",
        "the container can read and write the shared memory of the host's programs",
        "leave it out; `--shm-size` gives it more shared memory of its own",
        BOTH,
    ),
    rule(
        "host-root",
        Deny,
        mounts::root,
        "`/` mounted writable",
        "the container can change every file of the host",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "host-etc",
        Deny,
        mounts::etc,
        "`/etc`, or anything in it, mounted writable",
        "the container can change the host's accounts and what the host starts",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "host-proc",
        Deny,
        mounts::proc,
        "`/proc`, or anything in it, mounted writable",
        "the container can change the switches of the host's kernel",
        READ_ONLY,
        "20240729",
    ),
    rule(
        "host-sys",
        Deny,
        mounts::sys,
        "`/sys`, or anything in it, mounted writable",
        "the container can change the host's devices and control groups",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "host-run",
        Deny,
        mounts::run,
        "`/run` or `/var/run`, or `/run/systemd`, `/run/udev`, `/run/containerd`, `/run/docker` or `/run/runsc` or anything \
         in these, mounted writable",
        "the container can change what the host's services run on",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "host-home",
        Deny,
        mounts::home,
        "your home, `/root`, `/home`, another user's home, or what holds one, mounted writable",
        "the container can change what your shell and your programs run",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "credentials",
        Deny,
        mounts::credentials,
        "`.ssh`, `.aws`, `.azure`, `.config/gcloud`, `.docker`, `.gnupg`, `.kube` and the like in a home, or a \
         folder there that holds them, mounted writable",
        "the container can read your keys, and put its own in their place",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "host-startup",
        Deny,
        mounts::startup,
        "in a home, what runs at login or by an editor or a tool: start files of shells, `.config/systemd` and \
         `autostart`, `.local/bin`, `.gitconfig`, `.cargo`, `.vscode-server` and the like, or a directory there that holds \
         them, mounted writable",
        "the container can change what your shell, your editor or your tools run",
        READ_ONLY,
        "20240729",
    ),
    rule(
        "host-engine",
        Deny,
        mounts::engine,
        "what a container engine keeps and runs: its data and state, `daemon.json`, containerd's, the programs of its \
         runtimes and the scripts that start them, by the usual places (`/var/lib/docker`, `.local/share/docker`, \
         `.config/docker`) and by those that this daemon has, what holds them, or anything in them, mounted writable",
        "the container can change what the engine runs as root, and other containers",
        READ_ONLY,
        "20240729",
    ),
    rule(
        "host-system",
        Deny,
        mounts::system,
        "`/bin`, `/sbin`, `/lib*`, `/boot`, their like in `/usr` and `/usr/local`, `/dev`, `/var/lib/dpkg` and the like, \
         `/var/spool/cron`, `/opt` and `bin` and `lib` in it, what holds them, or anything in them, in `/dev` only \
         `cpu`, `mapper`, `mem`, `port` and `raw`, mounted writable",
        "the container can change programs that the host runs",
        READ_ONLY,
        BOTH,
    ),
    rule(
        "gpu-driver",
        Deny,
        devices::of_a_driver,
        "`--gpus`; `--device` with `/dev/nvidia*`, `/dev/accel*`, `/dev/vfio`, `/dev/infiniband`, what holds \
         them, or a vendor's name (`nvidia.com/gpu=all`)",
        "the host's driver answers the container's calls, and Nvidia's tools run as root on the host with what the \
         image says",
        "leave it out",
        SOURCES,
    ),
    rule(
        "runtime-host-uds",
        Deny,
        runtime::host_uds,
        "a runtime registered with `--host-uds`",
        "sockets of the host in mounted folders can be used from inside",
        OTHER_RUNTIME,
        BOTH,
    ),
    rule(
        "runtime-host-fifo",
        Deny,
        runtime::host_fifo,
        "a runtime registered with `--host-fifo`",
        "pipes of the host in mounted folders can be used from inside",
        OTHER_RUNTIME,
        "20240729",
    ),
    rule(
        "runtime-devices",
        Deny,
        runtime::devices,
        "a runtime registered with `--character-device-policy`, but for `emulated-only`",
        "devices of the host are opened where an image or a mounted directory has a file for them",
        OTHER_RUNTIME,
        SOURCES,
    ),
    rule(
        "runtime-drivers",
        Deny,
        runtime::drivers,
        "a runtime registered with `--nvproxy` or `--nvproxy-…`, `--tpuproxy`, `--rdmaproxy`",
        "drivers of the host answer the container's calls, with `--nvproxy` for all of its GPUs (google/gvisor#13620)",
        OTHER_RUNTIME,
        SOURCES,
    ),
    rule(
        "runtime-profile",
        Deny,
        runtime::profile,
        "a runtime registered with `--profile`",
        "the host's users can profile the sandbox, and its filter allows more for that",
        OTHER_RUNTIME,
        BOTH,
    ),
    rule(
        "runtime-flag-override",
        Deny,
        runtime::flag_override,
        "a runtime registered with `--allow-flag-override`",
        "any annotation may change any switch of gVisor",
        OTHER_RUNTIME,
        BOTH,
    ),
    rule(
        "runtime-rootfs-tar",
        Deny,
        runtime::rootfs_tar,
        "a runtime registered with `--allow-rootfs-tar-annotation`",
        "an annotation may have any archive of the host read as root, as the container's files",
        OTHER_RUNTIME,
        SOURCES,
    ),
    rule(
        "runtime-network-plugin",
        Deny,
        runtime::network_plugin,
        "a runtime registered with `--network=plugin`, or another one that is not `sandbox`, `host` or `none`",
        "the network is another program's, within the sandbox and with more of the host's system calls",
        OTHER_RUNTIME,
        SOURCES,
    ),
    rule(
        "runtime-testonly",
        Deny,
        runtime::testonly,
        "a runtime registered with `--TESTONLY-…`",
        "it is a switch for gVisor's own tests, which is never safe",
        OTHER_RUNTIME,
        BOTH,
    ),
    Rule {
        severity_for_do: Some(Deny),
        ..rule(
            "limits-unenforced",
            Warn,
            options::limits_unenforced,
            "`--memory`, `--memory-swap`, `--cpus`, `--cpuset-cpus`, `--pids-limit`, `--cgroup-parent` and the other limits \
             of cgroups, with a runtime registered with `--ignore-cgroups`, as rootless Docker's are; `do`, which always sets \
             limits, is refused",
            "the runtime is registered with `--ignore-cgroups`: Docker accepts these limits and reports them, and nothing \
             enforces them",
            "use a Docker daemon that runs as root, and a runtime registered without `--ignore-cgroups`",
            "20240729, rootless Docker 26.1",
        )
    },
    Rule {
        since: Some(read_only::SINCE),
        until: Some(read_only::UNTIL),
        ..rule(
            "read-only-unenforced",
            Deny,
            read_only::unenforceable,
            "mounted read-only, and not by a way that the host's kernel enforces: a volume, what `--volumes-from` \
             brings, with propagation (`rslave`), a source that is not there yet or that cannot be looked at, on \
             another machine, with more than 64 mounts below it, or with `--no-fix`",
            "with this gVisor the container can change it all the same",
            "register the runtime with `--directfs=false`, or install a newer gVisor",
            "20240729; not so with 20221219 and 20260817",
        )
    },
    rule(
        "host-read",
        Warn,
        mounts::readable,
        "what `host-*` and `credentials` are about, mounted read-only: whole folders and secrets, not single files of \
         `/etc`",
        "the container can read what the host keeps there",
        "mount only what is needed",
        BOTH,
    ),
    rule(
        "host-opt",
        Warn,
        mounts::opt,
        "a package in `/opt` or something in it, but for its `bin` and `lib`, mounted writable",
        "the container can change what a program there reads, and perhaps what the host runs",
        READ_ONLY,
        "20240729",
    ),
    rule(
        "runtime-unknown",
        Warn,
        runtime::unknown,
        "a runtime registered with an argument of gVisor's that no rule is about",
        "there is no rule about this argument: it may open the host to the container",
        "see what it does with `runsc flags`; if it is meant, silence it with `--quiet-rule runtime-unknown`",
        BOTH,
    ),
    rule(
        "net-host",
        Warn,
        options::net_host,
        "`--network=host`",
        "the container gets no interface of the host, with some releases not even `lo`, and no error",
        "publish ports with `-p`, or use a runtime that is registered with `--network=host`",
        BOTH,
    ),
    rule(
        "net-container",
        Warn,
        options::net_container,
        "`--network=container:X`",
        "gVisor takes X's address away, and X loses its network for good; if X is in gVisor too, it keeps it, and \
         the container gets none",
        "put both on a network of their own",
        BOTH,
    ),
    rule(
        "net-raw",
        Warn,
        options::net_raw,
        "`--cap-add=NET_RAW`; `ping`, `traceroute`, `tcpdump` and the like as the command",
        "gVisor allows no raw sockets",
        "use a runtime that is registered with `--net-raw`",
        BOTH,
    ),
    rule(
        "setuid",
        Warn,
        options::setuid,
        "`sudo`, `su`, `doas` and the like as the command",
        "gVisor ignores the setuid bit",
        "start as the user that is needed, with `--user`",
        BOTH,
    ),
    rule(
        "pid-host",
        Warn,
        options::pid,
        "`--pid=host`, `--pid=container:X`",
        "ignored: the container sees its own processes only",
        "leave it out",
        BOTH,
    ),
    rule(
        "uts-host",
        Warn,
        options::uts_host,
        "`--uts=host`",
        "ignored: the host's name is not seen inside, and `hostname` says `?`",
        "give it a name with `--hostname`",
        BOTH,
    ),
    rule(
        "sysctl",
        Warn,
        options::sysctl,
        "`--sysctl`",
        "ignored: the values inside are gVisor's own",
        "leave it out",
        BOTH,
    ),
    rule(
        "device",
        Warn,
        devices::ignored,
        "`--device`, but for `/dev/null` and its like and what `gpu-driver` is about; `--device-cgroup-rule`",
        "ignored: the device cannot be opened inside",
        "leave it out",
        BOTH,
    ),
    Rule {
        until: NEWER,
        ..rule(
            "gpus",
            Warn,
            devices::of_no_driver,
            "what `gpu-driver` is about",
            "this gVisor passes no device of that kind on by itself: it cannot be used inside",
            "use a newer gVisor, or a runtime that is registered with `--nvproxy`",
            SOURCES,
        )
    },
    rule(
        "apparmor",
        Warn,
        options::apparmor,
        "`--security-opt apparmor=PROFILE`",
        "ignored inside: gVisor does not apply the profile to the container's processes",
        "leave it out",
        BOTH,
    ),
    rule(
        "seccomp",
        Warn,
        options::seccomp,
        "`--security-opt seccomp=FILE`",
        "ignored: gVisor does not apply the profile",
        "add `--annotation dev.gvisor.flag.oci-seccomp=true`, with Docker 24 or newer",
        BOTH,
    ),
    rule(
        "memory",
        Warn,
        options::memory,
        "`--memory`",
        "when it is used up, the whole sandbox dies with exit code 137, not one process in it",
        "leave room for gVisor's own kernel",
        BOTH,
    ),
    Rule {
        until: NEWER,
        ..rule(
            "cpus",
            Warn,
            options::cpus,
            "`--cpus`, `--cpu-quota`",
            "the time is limited, and nothing inside says so: not `nproc`, which never does, and not `/sys/fs/cgroup`",
            "limit what counts processors, or pin them with `--cpuset-cpus`",
            "20221219, 20240729; with 20260817 the quota is in `/sys/fs/cgroup`, and `nproc` follows it from 3 CPUs on",
        )
    },
    rule(
        "pids-limit",
        Warn,
        options::pids_limit,
        "`--pids-limit` below 100",
        "gVisor's own threads count too: below about 40 nothing starts, and below 60 the sandbox may die without a word \
         once it has 20 processes",
        "give it 100 or more",
        "20221219, 20240729; 20260817 starts with 26 and 30",
    ),
    rule(
        "oom-score-adj",
        Warn,
        options::oom_score_adj,
        "`--oom-score-adj`",
        "the processes inside do not see it",
        "leave it out, or limit the memory",
        BOTH,
    ),
    Rule {
        // `--overlay2=root:self` became the default in 2023.
        since: Some(20_230_501),
        ..rule(
            "restart",
            Warn,
            options::restart,
            "`--restart`, without `--persist` or `--read-only`",
            "what was written outside of volumes is lost at each restart",
            "write to a volume, or add `--persist`",
            "20240729; not so with 20221219",
        )
    },
    rule(
        "inotify",
        Warn,
        options::inotify,
        "a mount and a command that watches files: `--watch`, `--reload`, `nodemon`, `inotifywait` and the like",
        "changes that the host makes under a mount are not noticed inside",
        "let it poll, or let the files be changed from inside",
        BOTH,
    ),
    rule(
        "host-socket",
        Warn,
        mounts::endpoint,
        "another unix socket or a pipe of the host, mounted by itself or with the directory that it is in (X11's, \
         PostgreSQL's, ssh-agent's), where the runtime does not let it through",
        "it cannot be opened inside; 20221219 does not start with one that is mounted by itself",
        "use a network instead",
        BOTH,
    ),
    Rule {
        since: Some(read_only::SINCE),
        until: Some(read_only::UNTIL),
        ..rule(
            "read-only-file",
            Warn,
            read_only::files,
            "a single file, mounted read-only",
            "with this gVisor its owner and root in the container can change its mode, owner and times, and not what is \
             in it",
            "mount the folder that it is in, or use a runtime that is registered with `--directfs=false`",
            "20240729; not so with 20221219",
        )
    },
    Rule {
        since: Some(read_only::SINCE),
        until: Some(read_only::UNTIL),
        ..rule(
            "read-only",
            Fix,
            read_only::enforceable,
            "a folder, mounted read-only: mounted as a volume that the host's kernel keeps read-only; `docker inspect` \
             shows it as one",
            "with this gVisor the container can change what is in it",
            "use a runtime that is registered with `--directfs=false`, or a newer gVisor",
            "20240729; not so with 20221219 and 20260817",
        )
    },
    rule(
        "net-user-dns",
        Fix,
        options::net_user_dns,
        "`--network` of your own, without a mounted `/etc/hosts`: put right as in [networks](networks.md)",
        "names do not resolve: Docker's resolver 127.0.0.11 cannot be reached from inside (google/gvisor#7469)",
        "use addresses, the default bridge with `--link`, or a runtime that is registered with `--network=host`",
        BOTH,
    ),
    Rule {
        since: Some(20_230_501),
        ..rule(
            "rootfs-writes",
            Fix,
            options::nothing,
            "`--persist`",
            "the root filesystem is an overlay of gVisor's own: without `--persist`, `docker cp` out of it, `docker \
             commit`, `docker diff`, `docker export` and a stop and start do not see what was written; `docker commit` \
             and `docker export` copy the overlay's store instead, a file of a gigabyte with all that was written",
            "write to a volume, or start it with `--persist`",
            "20240729; not so with 20221219",
        )
    },
    rule(
        "runtime-net-host",
        Note,
        runtime::net_host,
        "a runtime registered with `--network=host`",
        "sockets are the host kernel's, of the container's network namespace",
        "many kernels need it; a newer gVisor does without on more of them",
        BOTH,
    ),
    rule(
        "runtime-net-raw",
        Note,
        runtime::net_raw,
        "a runtime registered with `--net-raw` or `--allow-packet-socket-write`",
        "raw sockets are allowed inside",
        "take it out of `runtimeArgs` if nothing needs it",
        BOTH,
    ),
    rule(
        "runtime-suid",
        Note,
        runtime::suid,
        "a runtime registered with `--allow-suid`",
        "the setuid bit counts inside, as under `docker run`",
        "take it out of `runtimeArgs` if nothing needs it",
        SOURCES,
    ),
    rule(
        "runtime-trace",
        Note,
        runtime::trace,
        "a runtime registered with `--pod-init-config`",
        "a program of the host is told what the container does",
        "take it out of `runtimeArgs` if nobody looks",
        SOURCES,
    ),
    rule(
        "docker-top",
        Fact,
        options::nothing,
        "`docker top`",
        "shows processes of the host, and not the container's",
        "`docker exec CONTAINER ps`",
        BOTH,
    ),
    Rule {
        until: NEWER,
        ..rule(
            "docker-update",
            Fact,
            options::nothing,
            "`docker update`",
            "is refused: runsc has no such command",
            "set the limits at the start",
            "20221219, 20240729; not so with 20260817",
        )
    },
    rule(
        "kernel-version",
        Fact,
        options::nothing,
        "`uname -r`",
        "says `4.4.0` before release-20260427.0, `4.19.0-gvisor` since",
        "ask for features, not for versions",
        BOTH,
    ),
    rule(
        "docker-build",
        Fact,
        options::nothing,
        "`docker build`",
        "BuildKit starts its steps with runc: they are not in gVisor",
        "build what you trust, or build inside a sandbox: `docker sandbox run` with kaniko or buildah",
        "",
    ),
];
