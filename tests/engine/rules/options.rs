//! Options that are ignored in gVisor, or mean something else there.

use super::{Both, Kept, assert_lines, compare, holds, is_older, ours, remove_containers, shown, value};
use crate::stage::{Form, IMAGE, Scenario, wait_until};

/// Everything that one container can tell, as `KEY=VALUE`.
const TELL: &str = "
    echo name=$(hostname)
    echo processes=$(ls -d /proc/[0-9]* | wc -l)
    echo somaxconn=$(cat /proc/sys/net/core/somaxconn)
    (exec 3< /dev/kmsg) 2> /dev/null && echo device=open || echo device=shut
    mknod /dev/other c 1 11; (exec 3< /dev/other) 2> /dev/null && echo made=open || echo made=shut
    echo processors=$(nproc)
    echo quota=$(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2> /dev/null)
    echo score=$(cat /proc/self/oom_score_adj)
    echo kernel=$(uname -r)";

#[test]
fn what_is_ignored_must_not_be_seen_inside() {
    let host = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap();
    let (name, release) = (host("hostname"), host("osrelease"));
    shown(
        &["pid-host", "uts-host", "sysctl", "device", "cpus", "oom-score-adj", "kernel-version"],
        |scenario| {
            let rules = ["pid-host", "uts-host", "sysctl", "device", "device", "cpus", "oom-score-adj"];
            let line = [
                "--pid=host",
                "--uts=host",
                "--sysctl=net.core.somaxconn=77",
                // Every host has it, and gVisor has not.
                "--device=/dev/kmsg",
                "--cap-add=SYSLOG",
                "--device-cgroup-rule=c 1:11 rwm",
                "--cpus=0.5",
                "--oom-score-adj=321",
                IMAGE,
                "sh",
                "-c",
                TELL,
            ];
            let both = compare(scenario, &rules, &line);
            let [kernel, gvisor] = both.lines();
            let outside = |key| value(&kernel, key);
            let inside = |key| value(&gvisor, key);
            let processes = |count: &str| count.parse::<u32>().unwrap();

            holds("uts-host", || assert_eq!((outside("name"), inside("name")), (name.trim(), "?")));
            holds("kernel-version", || {
                let (older, newer) = ("4.4.0", "4.19.0-gvisor");
                let said = if super::shown::release(scenario) < 20_260_427 { older } else { newer };
                assert_eq!((outside("kernel"), inside("kernel")), (release.trim(), said));
            });
            holds("pid-host", || {
                let count = (processes(outside("processes")), processes(inside("processes")));
                assert!(count.0 > 10 && count.1 < 10, "{gvisor:?}");
            });
            holds("sysctl", || assert_eq!((outside("somaxconn"), inside("somaxconn")), ("77", "128")));
            holds("device", || {
                assert_eq!((outside("device"), inside("device")), ("open", "shut"));
                assert_eq!((outside("made"), inside("made")), ("open", "shut"));
            });
            holds("oom-score-adj", || assert_eq!((outside("score"), inside("score")), ("321", "0")));
            holds("cpus", || {
                // nproc is the same everywhere; what says more is not inside.
                assert_eq!(outside("processors"), inside("processors"));
                assert!(outside("quota").starts_with("50000"), "{kernel:?}");
                assert_eq!(inside("quota"), if is_older(scenario) { "" } else { "-1" });
            });
        },
    );
}

#[test]
fn pinned_processors_must_be_counted() {
    shown(&["cpus"], |scenario| {
        let Both { kernel, gvisor } = compare(scenario, &[], &["--cpuset-cpus=0", IMAGE, "nproc"]);
        kernel.exits(0).prints("1\n");
        gvisor.exits(0).quietly().prints("1\n");
    });
}

#[test]
fn processes_of_another_container_must_not_be_seen() {
    shown(&["pid-host"], |scenario| {
        let name = format!("{}-other", scenario.name());
        scenario.docker(["run", "-d", "--runtime=runc", "--name", &name, IMAGE, "sleep", "600"]).exits(0);
        let pid = format!("--pid=container:{name}");
        let Both { kernel, gvisor } = compare(scenario, &["pid-host"], &[&pid, IMAGE, "ps"]);
        assert!(kernel.out().contains("sleep 600"), "{kernel}");
        assert!(!gvisor.clone().exits(0).quietly().out().contains("sleep 600"), "{gvisor}");
    });
}

#[test]
fn a_seccomp_profile_must_be_applied_by_annotation_only() {
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}"#;
    shown(&["seccomp"], |scenario| {
        let profile = scenario.write("profile.json", profile);
        let profile = format!("--security-opt=seccomp={}", profile.display());
        let Both { kernel, gvisor } = compare(scenario, &["seccomp"], &[&profile, IMAGE, "mkdir", "/x"]);
        kernel.exits(1).says("Operation not permitted");
        gvisor.exits(0).quietly();
        // Docker 20.10 passes no annotations on.
        if scenario.engine.name() != "bookworm" {
            let annotation = "--annotation=dev.gvisor.flag.oci-seccomp=true";
            let line = ["--rm", &profile, annotation, IMAGE, "mkdir", "/x"];
            let refused = scenario.run(Form::Docker, line).exits(1);
            assert_eq!(refused.err(), "mkdir: can't create directory '/x': Operation not permitted\n");
        }
    });
}

#[test]
fn memory_that_is_used_up_must_end_the_whole_sandbox() {
    shown(&["memory"], |scenario| {
        let line = ["--memory=32m", "--memory-swap=32m", IMAGE, "sh", "-c"];
        let line = [&line[..], &["tail /dev/zero 2> /dev/null; echo still here"]].concat();
        let Both { kernel, gvisor } = compare(scenario, &["memory"], &line);
        kernel.exits(0).prints("still here\n");
        gvisor.exits(137).prints("");
    });
}

#[test]
fn few_processes_must_not_be_enough_for_gvisor_itself() {
    shown(&["pids-limit"], |scenario| {
        let line = ["--rm", "--pids-limit=20", IMAGE, "true"];
        scenario.docker(["run", "--runtime=runc"].iter().chain(&line)).exits(0).quietly();
        // How it dies differs from one time to the next, and so does what Docker makes of it.
        let [plain, died] = [Form::Plain, Form::Docker].map(|form| scenario.run(form, line));
        for outcome in [&plain, &died] {
            assert!(outcome.status.code().is_some_and(|code| (125..=127).contains(&code)), "{outcome}");
        }
        assert_lines(&died, died.err().split_inclusive('\n').next().unwrap(), &["pids-limit"]);
        // With what the rule still warns of it starts.
        ours(scenario, &["pids-limit"], &["--rm", "--pids-limit=99", IMAGE, "true"]).exits(0).quietly();
        ours(scenario, &[], &["--rm", "--pids-limit=100", IMAGE, "true"]).exits(0).quietly();
    });
}

#[test]
fn the_setuid_bit_must_be_ignored() {
    shown(&["setuid"], |scenario| {
        let image = Kept::new(scenario, "image", "setuid");
        let make = "rm /bin/su && cp /bin/busybox /bin/su && chmod 4755 /bin/su && echo root::0:0::/:/bin/sh > \
                    /etc/passwd";
        scenario.docker(["run", "--runtime=runc", IMAGE, "sh", "-c", make]).exits(0);
        scenario.docker(["commit", &scenario.container(), &image.name]).exits(0);
        let line = ["--user=1000", "--entrypoint=su", &image.name, "-c", "id -u"];
        let Both { kernel, gvisor } = compare(scenario, &["setuid"], &line);
        kernel.exits(0).prints("0\n");
        gvisor.exits(1).prints("").says("must be suid to work properly");
        // The other way.
        let line = ["--rm", "--user=0", &image.name, "id", "-u"];
        scenario.run(Form::Docker, line).exits(0).quietly().prints("0\n");
    });
}

/// Starts a container that waits, with plain Docker, for the rules that no argument shows.
fn waiting(scenario: &Scenario, runtime: &str) -> String {
    let runtime = format!("--runtime={runtime}");
    let id = scenario.docker(["run", "-d", &runtime, IMAGE, "sleep", "654"]).exits(0).out();
    id.trim().to_owned()
}

#[test]
fn docker_must_not_look_into_a_sandbox_nor_change_it() {
    shown(&["docker-top", "docker-update"], |scenario| {
        let (outside, inside) = (waiting(scenario, "runc"), waiting(scenario, "runsc"));
        let top = |container: &str| scenario.docker(["top", container]).exits(0).out();
        let shows = |container: &str| top(container).contains("sleep 654");
        holds("docker-top", || {
            assert!(shows(&outside) && !shows(&inside), "{}", top(&inside));
            // Numbers that are of the inside name processes of the host.
            let numbers = top(&inside);
            let first = |line: &str| line.split_whitespace().nth(1) == Some("1");
            assert!(numbers.lines().any(first), "{numbers}");
        });
        let processes = || scenario.docker(["exec", &inside, "ps"]).exits(0).out();
        wait_until("the process is seen from inside", || processes().contains("sleep 654"));

        let update = |container: &str| scenario.docker(["update", "--cpu-shares=512", container]);
        update(&outside).exits(0);
        holds("docker-update", || {
            update(&inside).exits(1).says("did not terminate successfully");
        });
        remove_containers(scenario);
    });
}

#[test]
fn a_driver_of_the_host_must_be_asked_for_twice() {
    let scenario = Scenario::on("trixie");
    for option in ["--gpus=all", "--device=/dev/nvidia0", "--device=/dev:/dev", "--device=nvidia.com/gpu=all"]
    {
        let seen = scenario.run(Form::Docker, ["--rm", option, IMAGE, "true"]).exits(125).prints("");
        seen.says("[gpu-driver]").says("--allow=gpu-driver");
        assert!(scenario.containers().is_empty());
    }
}
