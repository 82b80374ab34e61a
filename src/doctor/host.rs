//! This machine, where the daemon runs on it.

use std::path::Path;

use super::Daemon;
use super::check::Check;
use super::runtimes::Gvisor;
use crate::docker::info::Info;
use crate::gvisor::arguments;
use crate::gvisor::binary::{Binary, release_date};

/// gVisor's own minimum. Source: <https://gvisor.dev/docs/user_guide/install/>.
const OLDEST_KERNEL: (u32, u32) = (5, 6);
/// From here on Linux shows `rmem_default` in every network namespace (6.11 and 6.18 seen; #10704).
const NAMESPACED_BUFFERS: (u32, u32) = (6, 7);
/// The first release that copes with that.
const COPES_WITH_BUFFERS: u32 = 20_240_807;
/// From here on a release is several programs that must stay beside each other.
const IN_PARTS: u32 = 20_260_801;

pub(super) fn check(daemon: &Daemon, gvisors: &[Gvisor], sink: &mut dyn FnMut(Check)) {
    if !daemon.is_local() || !cfg!(target_os = "linux") {
        sink(Check::skip("host", "the daemon's machine", "it cannot be seen from here"));
        return;
    }
    sink(kernel(&daemon.info, gvisors));
    let number =
        |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    sink(ptrace(number("/proc/sys/kernel/yama/ptrace_scope")));
    sink(user_namespaces(
        number("/proc/sys/user/max_user_namespaces"),
        number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0)
            || number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1),
        daemon.info.is_rootless(),
    ));
    let wants_kvm = gvisors.iter().any(|gvisor| arguments::platform(&gvisor.args).as_deref() == Some("kvm"));
    let hypervisor = std::fs::read_to_string("/proc/cpuinfo")
        .is_ok_and(|text| text.lines().any(|line| line.starts_with("flags") && line.contains(" hypervisor")));
    sink(kvm(wants_kvm, Path::new("/dev/kvm").exists(), hypervisor));
    sink(page_size(rustix::param::page_size()));
    sink(temporary(Path::new("/tmp")));
    for gvisor in gvisors {
        if let (Some(binary), Some(version)) = (&gvisor.binary, &gvisor.version) {
            sink(parts(&gvisor.name, binary, version));
        }
    }
}

fn kernel(info: &Info, gvisors: &[Gvisor]) -> Check {
    let (id, what) = ("host.kernel", "its kernel");
    let seen = format!("Linux {}", info.kernel_version);
    let Some(version) = numbers(&info.kernel_version) else {
        return Check::warn(id, what, format!("{seen}, which is no version that can be compared"));
    };
    if version < OLDEST_KERNEL {
        return Check::fail(id, what, format!("{seen} is older than 5.6, which gVisor needs"))
            .fix("Boot a newer kernel:", ["uname -r"]);
    }
    let too_old: Vec<String> = gvisors
        .iter()
        .filter_map(|gvisor| Some((gvisor, gvisor.version.as_ref()?)))
        .filter(|(gvisor, version)| {
            release_date(version).is_some_and(|date| date < COPES_WITH_BUFFERS)
                && !gvisor.args.iter().any(|arg| arg.ends_with("-network=host"))
        })
        .map(|(gvisor, version)| format!("`{}` ({version})", gvisor.name))
        .collect();
    if version >= NAMESPACED_BUFFERS && !too_old.is_empty() {
        let seen =
            format!("{seen}: runsc before release-20240807.0 has no network on it: {}", too_old.join(", "));
        return Check::warn(id, what, seen)
            .fix("Upgrade runsc:", ["sudo apt-get update && sudo apt-get install --only-upgrade runsc"]);
    }
    Check::ok(id, what, seen)
}

/// The first two numbers of `6.18.44-fc-v595`.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(|character: char| !character.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn ptrace(scope: Option<u64>) -> Check {
    let (id, what) = ("host.ptrace", "ptrace_scope");
    let fix = |check: Check| {
        check.fix("Allow tracing of own children:", ["sudo sysctl kernel.yama.ptrace_scope=1"])
    };
    match scope {
        None => Check::ok(id, what, "this kernel does not restrict tracing"),
        Some(scope @ ..=1) => Check::ok(id, what, scope.to_string()),
        Some(2) => fix(Check::warn(id, what, "2: only a daemon with root's rights can start a sandbox")),
        Some(scope) => fix(Check::fail(
            id,
            what,
            format!("{scope}: no process may trace another, and the sandbox has to"),
        )),
    }
}

fn user_namespaces(most: Option<u64>, restricted: bool, rootless: bool) -> Check {
    let (id, what) = ("host.user-namespaces", "user namespaces");
    match most {
        Some(0) => Check::fail(id, what, "none are allowed, and the sandbox needs one")
            .fix("Allow them:", ["sudo sysctl user.max_user_namespaces=10000"]),
        None => Check::fail(id, what, "this kernel has none, and the sandbox needs one")
            .fix("Boot a kernel with CONFIG_USER_NS:", ["zgrep CONFIG_USER_NS /proc/config.gz"]),
        Some(most) if restricted && rootless => Check::warn(
            id,
            what,
            format!("{most}, and restricted for users, on whom rootless Docker depends"),
        )
        .fix(
            "Allow them:",
            ["sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"],
        ),
        Some(most) => Check::ok(id, what, format!("up to {most}")),
    }
}

fn kvm(wanted: bool, there: bool, hypervisor: bool) -> Check {
    let (id, what) = ("host.kvm", "/dev/kvm");
    let fix = |check: Check| {
        check.fix(
            "Use the systrap platform, and reload:",
            ["sudo runsc install -- --platform=systrap", "sudo systemctl reload docker"],
        )
    };
    match (wanted, there) {
        (true, false) => fix(Check::fail(id, what, "it is not there, and a runtime has --platform=kvm")),
        (true, true) if hypervisor => fix(Check::warn(
            id,
            what,
            "there, but this is a virtual machine, where --platform=kvm dies or hangs",
        )),
        (true, true) => Check::ok(id, what, "there"),
        (false, true) => Check::ok(id, what, "there; no runtime uses it"),
        (false, false) => Check::ok(id, what, "not there; no runtime uses it"),
    }
}

fn page_size(size: usize) -> Check {
    let (id, what) = ("host.page-size", "page size");
    if size == 4096 {
        return Check::ok(id, what, "4K");
    }
    Check::warn(
        id,
        what,
        format!("{}K; only newer releases of gVisor support more than 4K, on arm64", size / 1024),
    )
    .fix("Boot a kernel with 4K pages, or upgrade runsc:", ["getconf PAGESIZE"])
}

fn temporary(folder: &Path) -> Check {
    let (id, what) = ("host.tmp", "/tmp");
    match std::fs::read_link(folder) {
        Ok(target) => Check::warn(
            id,
            what,
            format!("a link to {}, on which the sandbox's start can fail", target.display()),
        )
        .fix("Make it a folder of its own (a mount will do):", ["sudo rm /tmp && sudo mkdir -m 1777 /tmp"]),
        Err(_) => Check::ok(id, what, "a folder"),
    }
}

fn parts(name: &str, binary: &Binary, version: &str) -> Check {
    let (id, what) = ("host.parts", format!("parts of `{name}`"));
    let again = |check: Check| {
        check.fix(
            "Install one release whole:",
            ["docker sandbox setup", "sudo apt-get install --reinstall runsc"],
        )
    };
    // The wrapper of a package or of an administrator may be what is registered.
    let Some(real) = binary.real() else {
        let seen =
            format!("{} is a script that does not name the runsc that it starts", binary.path().display());
        return Check::skip(id, &what, seen);
    };
    let sentry = real.sentry();
    if release_date(version).is_some_and(|date| date >= IN_PARTS) && !sentry.is_file() {
        return again(Check::warn(id, what, format!("{} is missing", sentry.display())));
    }
    if let Some(foreign) = real.foreign_sentry(version) {
        let seen = format!("runsc is {version}, and {} is {foreign}", sentry.display());
        return again(Check::fail(id, what, seen));
    }
    match real.shim_version() {
        Some(shim) if release_date(&shim) != release_date(version) => {
            again(Check::fail(id, what, format!("runsc is {version}, and the shim beside it {shim}")))
        }
        Some(_) => Check::ok(id, what, format!("runsc and its shim are {version}")),
        None => Check::ok(
            id,
            what,
            format!("{version}; no shim beside it says another release, and none is needed"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::docker::info::Runtime;
    use crate::doctor::check::Outcome;

    fn gvisor(version: &str, args: &[&str]) -> Gvisor {
        Gvisor {
            registered: Runtime::default(),
            name: "runsc".into(),
            args: args.iter().map(|&arg| arg.into()).collect(),
            binary: None,
            version: Some(version.into()),
            chosen: true,
        }
    }

    #[test]
    fn a_kernel_is_compared_with_what_each_runsc_copes_with() {
        let result = |kernel_version: &str, runsc: &str, args: &[&str]| {
            let info = Info { kernel_version: kernel_version.into(), ..Info::default() };
            kernel(&info, &[gvisor(runsc, args)]).result
        };
        assert_eq!(result("6.1.0-18-amd64", "0.0~20240729.0", &[]), Outcome::Ok);
        assert_eq!(result("6.18.44", "0.0~20240729.0", &[]), Outcome::Warn);
        assert_eq!(result("6.18.44", "0.0~20240729.0", &["--network=host"]), Outcome::Ok);
        assert_eq!(result("6.18.44", "release-20240807.0", &[]), Outcome::Ok);
        assert_eq!(result("5.4.0-100-generic", "release-20240807.0", &[]), Outcome::Fail);
        assert_eq!(result("x", "release-20240807.0", &[]), Outcome::Warn);
    }

    #[test]
    fn what_keeps_a_sandbox_from_starting_fails_and_what_may_warns() {
        assert_eq!(ptrace(None).result, Outcome::Ok);
        assert_eq!(ptrace(Some(1)).result, Outcome::Ok);
        assert_eq!(ptrace(Some(2)).result, Outcome::Warn);
        assert_eq!(ptrace(Some(3)).result, Outcome::Fail);
        assert_eq!(user_namespaces(Some(0), false, false).result, Outcome::Fail);
        assert_eq!(user_namespaces(Some(9), true, false).result, Outcome::Ok);
        assert_eq!(user_namespaces(Some(9), true, true).result, Outcome::Warn);
        assert_eq!(kvm(false, false, true).result, Outcome::Ok);
        assert_eq!(kvm(true, false, false).result, Outcome::Fail);
        assert_eq!(kvm(true, true, true).result, Outcome::Warn);
        assert_eq!(page_size(4096).result, Outcome::Ok);
        assert_eq!(page_size(16384).result, Outcome::Warn);
    }

    #[test]
    fn a_link_for_the_folder_of_temporary_files_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("tmp");
        std::os::unix::fs::symlink("private/tmp", &link).unwrap();
        assert_eq!(temporary(&link).result, Outcome::Warn);
        assert_eq!(temporary(folder.path()).result, Outcome::Ok);
    }

    #[test]
    fn parts_of_another_release_fail_and_absent_ones_warn() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let runsc = write("opt/runsc", "\x7fELF");
        let script = write("bin/runsc", &format!("#!/bin/sh\nexec {} \"$@\"\n", runsc.display()));
        let result = |path: &Path, version: &str| {
            let binary = Binary::find(path.to_str().unwrap(), None).unwrap();
            parts("runsc", &binary, version).result
        };
        assert_eq!(result(&runsc, "0.0~20240729.0"), Outcome::Ok);
        let version = "release-20260817.0";
        assert_eq!(result(&runsc, version), Outcome::Warn);
        std::fs::create_dir(folder.path().join("opt/gvisor-bin")).unwrap();
        assert_eq!(result(&script, version), Outcome::Warn, "an empty directory is no part");
        write("opt/gvisor-bin/gvisor_sentry", "\x7fELF release-20260701.0");
        assert_eq!(result(&script, version), Outcome::Fail);
        write("opt/gvisor-bin/gvisor_sentry", "\x7fELF release-20260817.0");
        assert_eq!(result(&script, version), Outcome::Ok);
        let opaque = write("sh/runsc", "#!/bin/sh\nexec $RUNSC \"$@\"\n");
        assert_eq!(result(&opaque, version), Outcome::Skip);
    }
}
