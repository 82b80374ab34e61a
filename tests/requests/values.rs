//! Values that options of `docker run` take, and words that are made to mislead.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// Values for the option, nearly all of them good ones.
pub(crate) fn of(option: &str) -> &'static [&'static str] {
    match option {
        "add-host" => &["a:127.0.0.1", "b:host-gateway", "c:::1", "nonsense"],
        "annotation" => &["a=b", "dev.gvisor.flag.debug=true", "a=--runtime=runc", "a"],
        "attach" => &["stdout", "STDERR", "stdin", "nonsense"],
        "blkio-weight" => &["0", "300", "5000", "-1"],
        "blkio-weight-device" => &["/dev/sda:300", "sda"],
        "cap-add" | "cap-drop" => &["NET_ADMIN", "ALL", "sys_ptrace"],
        "cgroup-parent" => &["/parent", ""],
        "cgroupns" => &["private", "host", "", "nonsense"],
        "cidfile" => &["cid", "nowhere/cid"],
        "device" => &["/dev/null", "/dev/null:/dev/x:r", "vendor.com/class=name", ":"],
        "device-cgroup-rule" => &["c 42:* rmw", "nonsense"],
        "device-read-bps" | "device-write-bps" => &["/dev/sda:1mb", "/dev/sda:x"],
        "device-read-iops" | "device-write-iops" => &["/dev/sda:100", "/dev/sda"],
        "detach-keys" => &["ctrl-p,ctrl-q", "a", ""],
        "dns" => &["8.8.8.8", "::1", "nonsense"],
        "dns-opt" | "dns-option" => &["ndots:1", "--runtime=runc"],
        "dns-search" => &["example.com", ".", "no domain"],
        "env" => &[
            "A=b",
            "FROM_ENVIRONMENT",
            "UNKNOWN",
            "DOCKER_CLI_PLUGIN_SOCKET",
            "A=",
            "A=b c",
            "A=--runtime=runc",
            "=x",
            "",
        ],
        "env-file" => &["env.list", "nowhere.list"],
        "label" => &["a=b", "a", "a=--runtime=runc", ""],
        "label-file" => &["labels.list", "nowhere.list"],
        "expose" => &["80", "81-83/udp", "nonsense"],
        "gpus" => &["all", "2", "device=0", "\"device=0,1\"", ""],
        "group-add" => &["1000", "video"],
        "health-cmd" | "entrypoint" => &["true", "/bin/sh -c x", "--runtime=runc", ""],
        "health-interval" | "health-timeout" | "health-start-period" | "health-start-interval" => {
            &["5s", "1m30s", "-1s", "5"]
        }
        "health-retries" | "cpu-period" | "cpu-quota" | "cpu-rt-period" | "cpu-rt-runtime" | "cpu-shares"
        | "stop-timeout" | "oom-score-adj" | "pids-limit" | "memory-swappiness" => {
            &["0", "3", "100", "-1", "0x10", "x"]
        }
        "hostname" | "name" | "domainname" => &["web", "web-1.example", "--runtime=runc", "", "ümlaut"],
        "io-maxbandwidth" | "io-maxiops" | "cpu-count" | "cpu-percent" => &["0", "1"],
        "ip" => &["172.30.100.104", "nonsense"],
        "ip6" => &["2001:db8::33", ""],
        "link-local-ip" => &["169.254.1.1"],
        "ipc" => &["private", "host", "shareable", "container:x", "none"],
        "isolation" => &["default", "hyperv"],
        "kernel-memory" | "memory" | "memory-reservation" | "shm-size" => {
            &["64m", "1g", "1048576", "0", "-1", "x"]
        }
        "memory-swap" => &["-1", "128m"],
        "link" => &["db", "db:database", ":"],
        "log-driver" => &["json-file", "local", "none"],
        "log-opt" => &["max-size=10m", "a=--runtime=runc"],
        "mac-address" => &["92:d0:c6:0a:29:33", "nonsense"],
        "mount" => &[
            "type=tmpfs,dst=/a",
            "type=volume,src=v,dst=/b,readonly",
            "type=bind,src=/tmp,dst=/c",
            "type=bind,src=data,dst=/d",
            "dst=/e",
            "nonsense",
        ],
        "network" | "net" => &["bridge", "host", "none", "mine", "container:x", "name=mine,alias=web", ""],
        "network-alias" | "net-alias" => &["web", "--runtime=runc"],
        "pid" | "uts" | "userns" => &["host", "", "nonsense"],
        "platform" => &["linux/amd64", "linux/arm64/v8", "", "windows"],
        "publish" => &["80:80", "127.0.0.1:8080:80/udp", "8000-8002:8000-8002", "80", "[::1]:1:1", "x"],
        "pull" => &["always", "missing", "never", "nonsense"],
        "restart" => &["no", "always", "on-failure:3", "unless-stopped", "nonsense"],
        "security-opt" => {
            &["no-new-privileges", "label=disable", "seccomp=seccomp.json", "seccomp=nowhere.json", "x"]
        }
        "stop-signal" => &["SIGTERM", "9"],
        "storage-opt" => &["size=10G", "nonsense"],
        "sysctl" => &["net.ipv4.ip_forward=1", "a=--runtime=runc"],
        "tmpfs" => &["/run", "/tmp:size=64m,rw"],
        "ulimit" => &["nofile=1024:2048", "core=0", "nproc=5", "nonsense"],
        "user" => &["1000", "1000:1000", "nobody", "--runtime=runc"],
        "volume" => &["/a:/b", "named:/c:ro", "/d", "./data:/e", "/f:/g:ro,z", "named:relative:x:y", ":"],
        "volume-driver" => &["local"],
        "volumes-from" => &["other", "other:ro", "other:x"],
        "workdir" => &["/work", "relative", "--runtime=runc", ""],
        "cpus" => &["1.5", "0.000000001", ".5", "x"],
        "cpuset-cpus" | "cpuset-mems" => &["0-3", "0,1"],
        // An option that is newer than this list.
        _ => &["x", "1", "a=b", "true"],
    }
}

/// Options whose value may be nearly anything.
pub(crate) const FREE: &[&str] = &[
    "env",
    "label",
    "name",
    "entrypoint",
    "hostname",
    "workdir",
    "user",
    "annotation",
    "volume",
    "network",
    "health-cmd",
    "log-opt",
    "stop-signal",
    "cgroup-parent",
    "cap-add",
    "ipc",
    "log-driver",
];

/// Names of runtimes, the registered ones and others.
pub(crate) const RUNTIMES: &[&str] = &[
    "runsc",
    "",
    "gv-debug",
    "runc",
    "io.containerd.runsc.v1",
    "runsc",
    "gv-debug",
    "",
    "nvidia",
    "zz",
    "nope",
    "RUNSC",
    "runsc ",
    " ",
    "runc,runsc",
    "--runtime=runsc",
    "=runsc",
    "io.containerd.runc.v2",
];

/// For a switch behind its `=`.
pub(crate) const TRUTHS: &[&str] = &["true", "false", "1", "0", "T", "False", "", "maybe", "runsc"];

/// Images, odd ones included.
pub(crate) const IMAGES: &[&str] = &[
    "busybox",
    "busybox:1.36",
    "localhost:5000/team/app:v1",
    "runc",
    "runsc",
    "scratch",
    "busybox@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "a/b",
    "true",
    "run",
    "sandbox",
    "UPPER",
    "",
    "-",
    "a b",
    "ümlaut",
    "busybox=x",
    "=",
    "+",
];

/// Words that no version of Docker takes for an option, or that lack something.
pub(crate) const BROKEN: &[&[u8]] = &[
    b"--runtim=runc",
    b"--runtim",
    b"--runtimes=runc",
    b"--Runtime=runc",
    b"--runtime runc",
    b"--bogus",
    b"--bogus=x",
    b"-Z",
    b"-itZ",
    b"-Zruntime",
    b"---runtime=runc",
    b"--=x",
    b"-=",
    b"-i=",
    b"-runtime=runc",
    b"-\xff",
    b"--\xff=x",
    b"--r\xc3\xbcntime=runc",
    b"--no-sandbo",
    b"--sandboxed=none",
    b"--rm =true",
    b"--rm\n",
    b"-it --runtime=runc",
    "\u{2212}-runtime=runc".as_bytes(),
    "\u{2013}rm".as_bytes(),
];

/// Words that only look like options, like ours above all: as values and behind the image.
pub(crate) const DISGUISED: &[&[u8]] = &[
    b"--runtime=runc",
    b"--no-sandbox",
    b"--sandbox=none",
    b"--runtime",
    b"runc",
    b"--",
    b"-",
    b"",
    b"--runtime=",
    b"--verbose",
    b"--sandbox",
    b"none",
    b"--detect-timeout=0s",
    b"--detect-timeout",
    b"-e",
    b"--env",
    b"-it",
    b"-itv",
    b"--rm",
    b"--help",
    b"-h",
    b"--no-sandbox=true",
    b"=",
    b"=--runtime=runc",
    b"A=--runtime=runc",
    b"busybox",
    b"run",
    b"sandbox",
    b"-e=--runtime=runc",
    b"--name=--runtime=runc",
    b"\xff\xfe",
    b"A=\xff",
    b"--runtime=\xff",
    b"a b",
    b"\n",
    b"'",
    b"\"",
    b"$HOME",
    b"%s",
    b"{{json .}}",
    "日本語".as_bytes(),
    "A=\u{202e}x".as_bytes(),
];

/// Words to be thrown together at random. Those that open the sandbox on purpose are not among them.
pub(crate) const RANDOM: &[&[u8]] = &[
    b"busybox",
    b"--runtime=runc",
    b"--runtime",
    b"runsc",
    b"runc",
    b"--runtime=",
    b"--runtime=runsc",
    b"-e",
    b"-it",
    b"--rm",
    b"--rm=false",
    b"-d",
    b"--name",
    b"x",
    b"-v",
    b"/a:/b",
    b"-itv",
    b"-p80:80",
    b"--",
    b"--env",
    b"-e=x",
    b"-l",
    b"--label=--runtime=runc",
    b"-",
    b"",
    b"--verbose",
    b"--sandbox=required",
    b"--sandbox",
    b"required",
    b"--detect-timeout",
    b"9s",
    b"--help",
    b"-h",
    b"-eA",
    b"-m",
    b"64m",
    b"-u",
    b"-w/",
    b"-P",
    b"--network",
    b"none",
    b"--init=true",
    b"-i=true",
    b"-t=0",
    b"--pull=never",
    b"--gpus",
    b"all",
    b"-\xff",
    b"\xff",
    b"--bogus",
];

/// The words that may follow a [`BROKEN`] piece or stand for a value.
pub(crate) fn word(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}

#[test]
fn no_word_at_random_opens_the_sandbox_on_purpose() {
    assert!(!RANDOM.contains(&b"--no-sandbox".as_slice()) && !RANDOM.contains(&b"--sandbox=none".as_slice()));
}
