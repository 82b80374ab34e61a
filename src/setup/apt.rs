//! gVisor's own apt repository, and the package in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::change::{Apt, Change};
use super::journal::Journal;
use super::tool::{Job, Tools};
use super::{fetch, file};
use crate::error::Error;

/// apt reads keys as they are published from files that end so.
const KEY: &str = "/usr/share/keyrings/gvisor-archive-keyring.asc";
const LIST: &str = "/etc/apt/sources.list.d/gvisor.list";
const KEY_URL: &str = "https://gvisor.dev/archive.key";
const REPOSITORY: &str = "https://storage.googleapis.com/gvisor/releases";
const LIMIT: Duration = Duration::from_secs(900);
/// The package's own set-up finds no daemon.json: it would rewrite that, dropping `runtimeArgs`,
/// and restart the daemon. Registering is ours. Source: gVisor's `debian/postinst.sh`.
const WITHOUT_DOCKER: &str = "mount -t tmpfs none /etc/docker && exec \"$@\"";

/// Installs the package `runsc`; returns where its binary is.
///
/// # Errors
/// apt is not there, or failed.
pub fn install(tools: &Tools, journal: &mut Journal, change: &mut Change) -> anyhow::Result<PathBuf> {
    let apt = apt_get(tools)?;
    let had_package = has_package(tools);
    let known = knows_repository();
    let files = if known { Vec::new() } else { vec![PathBuf::from(KEY), PathBuf::from(LIST)] };
    change.apt = Some(Apt { files, had_package });
    journal.pending(change)?;
    if !known {
        fetch::small(tools, KEY_URL, Path::new(KEY))?;
        let architecture = tools.succeed(&Job::new("dpkg", ["--print-architecture"]))?;
        let line = format!("deb [arch={} signed-by={KEY}] {REPOSITORY} release main\n", architecture.trim());
        file::replace(Path::new(LIST), line.as_bytes(), None, 0o644)?;
    }
    tools.succeed(&Job::new(&apt, ["update", "-q"]).within(LIMIT))?;
    // `-o Dpkg::Use-Pty=0`: it is not on a terminal of its own.
    let install =
        [apt.as_os_str(), "install".as_ref(), "-qy".as_ref(), "-oDpkg::Use-Pty=0".as_ref(), "runsc".as_ref()];
    let job = if Path::new("/etc/docker").is_dir() {
        let mut words = vec!["--mount".into(), "sh".into(), "-c".into(), WITHOUT_DOCKER.into(), "sh".into()];
        words.extend(install.map(ToOwned::to_owned));
        Job::new("unshare", words)
    } else {
        Job::new(install[0], &install[1..])
    };
    tools.succeed(&job.within(LIMIT))?;
    tools.find("runsc").context("apt has installed `runsc`, and it is not on PATH")
}

/// Takes it back: the package if it was not there before, and the files that name the repository.
///
/// # Errors
/// apt failed.
pub fn take_back(tools: &Tools, done: &Apt) -> anyhow::Result<()> {
    if !done.had_package && has_package(tools) {
        tools.succeed(&Job::new(apt_get(tools)?, ["purge", "-qy", "runsc"]).within(LIMIT))?;
    }
    done.files.iter().try_for_each(|path| file::remove(path))
}

fn apt_get(tools: &Tools) -> anyhow::Result<PathBuf> {
    tools.find("apt-get").ok_or_else(|| {
        Error::new("there is no apt-get on this machine")
            .hint("take gVisor's release instead:", "docker sandbox setup --from release")
            .into()
    })
}

fn has_package(tools: &Tools) -> bool {
    let words = ["--show", "--showformat=${db:Status-Status}", "runsc"];
    tools.succeed(&Job::new("dpkg-query", words)).is_ok_and(|status| status == "installed")
}

/// Whether some list names gVisor's repository, ours or one that the user wrote.
fn knows_repository() -> bool {
    let lists =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    lists.chain([PathBuf::from("/etc/apt/sources.list")]).any(|list| {
        fs::read_to_string(list).is_ok_and(|text| {
            text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(REPOSITORY))
        })
    })
}
