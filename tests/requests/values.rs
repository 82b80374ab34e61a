//! Values that the options of `docker run` take, nearly all of them good ones.

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
