//! A runsc before it is registered: what it is, whether its arguments are safe, whether its platform works.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::steps::Interrupted;
use super::tool::{Job, Tools, complaint};
use crate::error::Error;
use crate::gvisor::arguments;
use crate::gvisor::binary::{Binary, release_date};
use crate::gvisor::rules::read_only;
use crate::ui::shown;

/// gVisor takes a second to start where it starts; KVM that does not work hangs for ever.
const TRIAL: Duration = Duration::from_secs(15);

/// Refuses what the daemon would give to a shell, or JSON, and what is no option.
/// Source: `setupRuntimes` in moby's `daemon/runtime_unix.go`: `exec PATH ARGS "$@"`, unquoted.
///
/// # Errors
/// `word` has a character that a shell reads as more than itself.
pub fn check_word(what: &str, word: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Ok(());
    }
    Err(Error::new(format!(
        "{what} {}: Docker hands it to a shell, so letters, digits and @%+=:,./-_ only",
        shown(word)
    ))
    .code(crate::error::USAGE)
    .hint("for example:", "docker sandbox setup --runtime-arg=--network=host")
    .into())
}

/// What a runsc needs beside `args` to keep read-only mounts as they are: nothing, or the flag that leaves the host's
/// files to a process outside of the sandbox. A release without that flag does so anyway.
#[must_use]
pub fn for_read_only(runsc: &Path, args: &[String]) -> Option<String> {
    const SAFE: &str = "--directfs=false";
    let binary = Binary::find(&runsc.to_string_lossy(), None)?;
    let chosen = arguments::read(args).iter().any(|argument| argument.name == "directfs");
    let release = || binary.version().and_then(|version| release_date(&version));
    let needs = !chosen && read_only::is_affected(release());
    (needs && binary.complaint(&[SAFE.to_owned()]).is_none()).then(|| SAFE.to_owned())
}

/// Refuses an argument of runsc's that is no option.
///
/// # Errors
/// See [`check_word`].
pub fn check_argument(word: &str) -> anyhow::Result<()> {
    check_word("--runtime-arg", word)?;
    if word.starts_with('-') && word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(());
    }
    Err(Error::new(format!("--runtime-arg {} is no option of runsc", shown(word)))
        .code(crate::error::USAGE)
        .hint("for example:", "docker sandbox setup --runtime-arg=--network=host")
        .into())
}

/// What `runsc --version` answers, if it is runsc: `release-20260810.0`.
///
/// # Errors
/// It cannot be run, or is something else: a page that says 404, for example.
pub fn version(tools: &Tools, runsc: &Path) -> anyhow::Result<String> {
    let not = |why: String| {
        Error::new(format!("{} is no runsc that runs here: {why}", shown(runsc)))
            .hint("gVisor needs Linux 5.6 or newer, on x86_64 or aarch64; see:", "uname -rm")
    };
    let output = match tools.run(&Job::new(runsc, ["--version"])) {
        Ok(output) => output,
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => return Err(not(format!("{:#}", error.root_cause())).into()),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    match said.lines().find_map(|line| line.strip_prefix("runsc version ")) {
        Some(version) if output.status.success() => Ok(crate::ui::plain(version.trim())),
        _ if output.status.success() => Err(not("it does not say its version".to_owned()).into()),
        _ => Err(not(complaint(&output)).into()),
    }
}

/// The runsc that is on this machine: the registered one, else one in `prefix`, else one on PATH.
#[must_use]
pub fn on_this_machine(tools: &Tools, registered: Option<&str>, prefix: &Path) -> Option<PathBuf> {
    let there = |path: &Path| path.is_absolute() && path.is_file();
    let registered = registered.map(PathBuf::from).filter(|path| there(path));
    let beside = || Some(prefix.join("runsc")).filter(|path| there(path));
    registered.or_else(beside).or_else(|| tools.find("runsc"))
}

/// What a trial of a platform showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// A program ran in it.
    Works,
    /// It did not, and does without the platform: why.
    Fails(String),
    /// Nothing can be tried outside of Docker here: why.
    Unknown(String),
}

/// Runs `true` in a sandbox on `--platform=kvm`, without Docker, and ends what hangs.
///
/// # Errors
/// [`Interrupted`].
pub fn try_kvm(tools: &Tools, runsc: &Path, scratch: &Path) -> anyhow::Result<Trial> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(Trial::Fails("there is no /dev/kvm on this machine".to_owned()));
    }
    let Err(why) = sandbox(tools, runsc, scratch, "kvm")? else { return Ok(Trial::Works) };
    Ok(match sandbox(tools, runsc, scratch, "systrap")? {
        Ok(()) => Trial::Fails(why),
        Err(_) => match sandbox(tools, runsc, scratch, "ptrace")? {
            Ok(()) => Trial::Fails(why),
            Err(other) => Trial::Unknown(other),
        },
    })
}

fn sandbox(
    tools: &Tools,
    runsc: &Path,
    scratch: &Path,
    platform: &str,
) -> anyhow::Result<Result<(), String>> {
    let root = scratch.join(format!("trial-{platform}"));
    let (root_option, platform) = (format!("--root={}", root.display()), format!("--platform={platform}"));
    let words = [&root_option, &platform, "--network=none", "--ignore-cgroups", "do", "true"];
    let outcome = tools.run(&Job::new(runsc, words).within(TRIAL));
    // The sandbox is a process of its own, in a session of its own: it has the folder in its arguments.
    end_processes_with(&root_option);
    let _ = std::fs::remove_dir_all(&root);
    match outcome {
        Ok(output) if output.status.success() => Ok(Ok(())),
        Ok(output) => Ok(Err(complaint(&output))),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(error) => Ok(Err(format!("{:#}", error.root_cause()))),
    }
}

/// Kills every process that has `word` among its arguments.
fn end_processes_with(word: &str) {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if line.split(|&byte| byte == 0).any(|argument| argument == word.as_bytes())
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_is_refused() {
        for fine in ["--network=host", "--platform=systrap", "-debug-log=/tmp/x/", "--a=b:c,d@e%f+g"] {
            assert!(check_argument(fine).is_ok(), "{fine}");
        }
        for bad in [
            "", "--a b", "--a;b", "--a$(b)", "--a`b`", "--a\"b", "--a'b", "--a\\b", "--a|b", "--a>b", "--a*",
            "--a~b", "--a{b}", "--a\nb", "--a#b", "--a!b", "--ä", "host", "--", "-", "/bin/x",
        ] {
            assert!(check_argument(bad).is_err(), "{bad:?}");
        }
    }
}
