//! What a command cannot do, wherever its sandbox comes from.

use super::{ENGINES, Place};
use crate::stage::Io;

/// What Docker says of a sandbox that `do` has made.
const SAID: &str = "{{with .HostConfig}}{{.Runtime}} {{.NetworkMode}} {{.NanoCpus}} {{.Memory}} {{.MemorySwap}} \
    {{.PidsLimit}} {{.ReadonlyRootfs}} {{.Privileged}} {{.AutoRemove}} {{.LogConfig.Type}} {{.CapDrop}} \
    {{.SecurityOpt}}{{end}} {{.Config.User}}";

#[test]
fn a_sandbox_must_be_gvisors_and_have_limits() {
    let gigabytes: u64 = 4 << 30;
    for engine in ENGINES {
        let place = Place::on(engine);
        let cpus = std::thread::available_parallelism().unwrap().get().min(2) * 1_000_000_000;
        for (options, expected) in [
            (
                &[][..],
                format!(
                    "runsc none {cpus} {gigabytes} {gigabytes} 512 true false true none [ALL] [no-new-privileges] 0:0"
                ),
            ),
            (
                &["--cpus=0.5", "--memory=256m", "--memory-swap=300m", "--pids-limit=256", "--user=12:34"],
                format!(
                    "runsc none 500000000 {} {} 256 true false true none [ALL] [no-new-privileges] 12:34",
                    256 << 20,
                    300 << 20
                ),
            ),
        ] {
            let words = [options, &["--", "sh", "-c", "echo ready; cat"]].concat();
            let (said, process) = place.both_ways(Io::Pipes, &words, |mut running| {
                running.wait_for("ready");
                let sandbox = place.sandbox();
                let seen = (place.scenario.inspect(&sandbox, SAID), place.scenario.host_process(&sandbox));
                running.end().exits(0).prints("ready\n").quietly();
                seen
            });
            assert_eq!((said, process.as_str()), (expected, "runsc-sandbox"));
        }
        place.wait_until_over();
    }
}

/// Says what it is and what it can do; each line is to be as it stands in [`INSIDE`].
const PROBE: &str = r#"exec 2>/dev/null
    dmesg | grep -c 'Starting gVisor'
    grep -E '^Cap(Inh|Prm|Eff|Bnd)' /proc/self/status | tr '\t' ' '
    for file in /x /etc/x /bin/x "$PWD/x" "$PWD/sub/x" /.docker-sandbox; do touch $file && echo "writes $file"; done
    for folder in /tmp "$HOME"; do cp /bin/busybox $folder/true && $folder/true && echo "runs ${folder%%/*}"; done
    grep -c : /proc/net/dev
    nc -w 1 192.0.2.1 80 </dev/null; nc -w 1 1.1.1.1 53 </dev/null && echo connected
    ping -c 1 127.0.0.1 >/dev/null && echo pinged
    mount -t tmpfs none /tmp && echo mounts
    umount "$PWD" && echo unmounts; umount -l "$PWD" && echo unmounts
    chown 1:1 /tmp && echo owns
    hostname other && echo names
    ls /proc/1/root/ && echo sees the root; cat /proc/1/mem && echo reads memory
    ls /dev/kvm /dev/mem /var/run/docker.sock /run/docker.sock
    echo end"#;

const INSIDE: &str = "1\nCapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n\
    CapBnd: 0000000000000000\nruns \nruns \n1\nend\n";

#[test]
fn a_command_must_have_no_privileges_and_no_network() {
    for engine in ENGINES {
        let place = Place::on(engine);
        place.scenario.write("work/sub/file", "content\n");
        let seen = place.same(&["--", "sh", "-c", PROBE], b"");
        assert_eq!((&*String::from_utf8_lossy(&seen.stdout), seen.code), (INSIDE, Some(0)));
        // Not what no-new-privileges and a capability of the guard's could make of it.
        let seen = place.same(&["--user=1234:5678", "--", "sh", "-c", PROBE], b"");
        assert_eq!((&*String::from_utf8_lossy(&seen.stdout), seen.code), (INSIDE, Some(0)));
        for user in ["0:0", "1234:5678"] {
            let words = ["--discard", &format!("--user={user}"), "--", "sh", "-c", PROBE];
            let seen = place.same(&words, b"");
            let work = place.work().display().to_string();
            let may =
                if user == "0:0" { format!("writes {work}/x\nwrites {work}/sub/x\n") } else { String::new() };
            let out = String::from_utf8_lossy(&seen.stdout).replace(&may, "");
            assert_eq!((out.as_str(), seen.code), (INSIDE, Some(0)), "{user}");
        }
        assert!(!place.work().join("x").exists());
        place.wait_until_over();
    }
}

/// Makes a user namespace, which gives it capabilities over the mounts it sees, and asks for them writable.
#[cfg(target_arch = "x86_64")]
const REMOUNTS: &str = r#"
static long call(long n, long a, long b, long c, long d, long e) {
    long r; register long r10 __asm__("r10") = d; register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return r;
}
static void put(const char *file, const char *text, long length) {
    long to = call(2, (long)file, 1, 0, 0, 0);
    call(1, to, (long)text, length, 0, 0);
    call(3, to, 0, 0, 0, 0);
}
__attribute__((force_align_arg_pointer)) void _start(void) {
    static char here[512];
    call(272, 0x10000000, 0, 0, 0, 0);
    put("/proc/self/uid_map", "0 0 1", 5);
    put("/proc/self/gid_map", "0 0 1", 5);
    call(272, 0x20000, 0, 0, 0, 0);
    call(79, (long)here, 512, 0, 0, 0);
    call(165, 0, (long)here, 0, 0x1020, 0);
    call(165, 0, (long)"/.docker-sandbox", 0, 0x1020, 0);
    call(90, (long)"/.docker-sandbox", 0777, 0, 0, 0);
    call(2, (long)"written", 0101, 0777, 0, 0);
    call(231, 0, 0, 0, 0, 0);
}
"#;

#[cfg(target_arch = "x86_64")]
#[test]
fn what_is_read_only_must_stay_so_for_who_has_a_user_namespace() {
    use std::os::unix::fs::PermissionsExt as _;
    for engine in ENGINES {
        let place = Place::on(engine);
        let source = place.scenario.write("remounts.c", REMOUNTS);
        let program = place.work().join("remounts");
        let made = std::process::Command::new("cc")
            .args(["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-o"])
            .arg(&program)
            .arg(source)
            .status();
        assert!(made.unwrap().success());
        place.run(&["--", "./remounts"]).exits(0);
        place.run(&["--write", "--", "./remounts"]).exits(0);
        let guards = std::fs::read_dir(place.scenario.home().join("cache/docker-sandbox")).unwrap().flatten();
        let guard =
            guards.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("/guard-")).unwrap();
        assert_eq!(guard.metadata().unwrap().permissions().mode() & 0o777, 0o555, "the guard on the host");
        std::fs::remove_file(place.work().join("written")).unwrap();
        place.run(&["--", "./remounts"]).exits(0);
        assert!(!place.work().join("written").exists(), "the working folder, without --write");
    }
}
