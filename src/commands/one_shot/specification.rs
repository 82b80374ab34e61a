//! What a command gets, settled: the request with the settings' values, as words for Docker.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mounts::Seen;
use super::request::Request;
use super::user::User;
use crate::error::Error;
use crate::sandbox::{bind, isolated};
use crate::settings::decide::{Origin, Sourced};
use crate::settings::one_shot::{Cpus, OneShot, Swap, values};
use crate::settings::user::parse_duration;

/// The home folder in the sandbox, where nobody names another: an image's own would be hidden.
const HOME: &str = "/home/sandbox";
/// How long a command has after SIGTERM, as with `docker stop`.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// How much later than we the guard acts: it is for when we are not there any more.
const MARGIN: Duration = Duration::from_secs(2);

/// Everything that a container for a command is made with.
#[derive(Debug, Clone)]
pub(super) struct Specification {
    pub(super) image: String,
    /// Of the image; `None` is Docker's choice.
    pub(super) platform: Option<String>,
    pub(super) limits: Limits,
    /// What it sees of this machine.
    pub(super) seen: Seen,
    pub(super) user: User,
    /// Whether it runs in gVisor: not with `--sandbox=none`.
    pub(super) in_gvisor: bool,
    /// The network, by Docker's name.
    pub(super) network: OsString,
    pub(super) isolated: bool,
    /// Whether there is a terminal in it.
    terminal: bool,
    home: PathBuf,
}

/// What a command cannot exceed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) cpus: String,
    pub(super) memory: u64,
    pub(super) memory_swap: i64,
    pub(super) pids: u32,
    pub(super) disk: Option<u64>,
    pub(super) timeout: Duration,
    pub(super) max_output: u64,
}

/// Puts the option's value, if it was given, in the place of the setting's.
fn settle<T>(
    setting: &mut Sourced<T>,
    (option, example): (&str, &str),
    given: Option<&String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(), Error> {
    let Some(text) = given else { return Ok(()) };
    let value = parse(text).map_err(|problem| {
        let example = format!("docker sandbox do {option}={example} …");
        Error::new(format!("`{option}` on the command line: {problem}"))
            .hint("give it a value that fits:", example)
    })?;
    *setting = Sourced { value, origin: Origin::Flag(format!("{option}={text}")) };
    Ok(())
}

/// The settings of `do` with what the command line says instead.
pub(super) fn settled(request: &Request, settings: &OneShot) -> Result<OneShot, Error> {
    let mut all = settings.clone();
    // With other memory, swap is as much as before: the setting's only if it was one.
    if request.memory.is_some() && matches!(all.memory_swap.value, Swap::Total(_)) {
        all.memory_swap = Sourced { value: Swap::None, origin: Origin::Default };
    }
    settle(&mut all.image, ("--image", "busybox:latest"), request.image.as_ref(), values::image)?;
    settle(&mut all.cpus, ("--cpus", "2"), request.cpus.as_ref(), values::cpus)?;
    settle(&mut all.memory, ("--memory", "4g"), request.memory.as_ref(), values::memory)?;
    settle(&mut all.memory_swap, ("--memory-swap", "4g"), request.memory_swap.as_ref(), values::memory_swap)?;
    settle(&mut all.pids_limit, ("--pids-limit", "512"), request.pids_limit.as_ref(), values::pids_limit)?;
    settle(&mut all.disk, ("--disk", "10g"), request.disk.as_ref(), values::disk)?;
    settle(&mut all.timeout, ("--timeout", "5m"), request.timeout.as_ref(), parse_duration)?;
    settle(&mut all.max_output, ("--max-output", "16m"), request.max_output.as_ref(), values::max_output)?;
    settle(&mut all.warm, ("--warm", "50"), request.warm.as_ref(), values::warm)?;
    if all.cpus.origin == Origin::Default {
        // Docker refuses more than there are.
        let there = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        all.cpus.value = all.cpus.value.min(Cpus::whole(u32::try_from(there).unwrap_or(1)));
    }
    all.check()?;
    Ok(all)
}

impl Limits {
    fn of(settled: &OneShot) -> Self {
        Self {
            cpus: settled.cpus.value.to_string(),
            memory: settled.memory.value,
            memory_swap: settled.memory_and_swap(),
            pids: settled.pids_limit.value,
            disk: settled.disk.value,
            timeout: settled.timeout.value,
            max_output: settled.max_output.value,
        }
    }

    /// Options of `docker run`.
    fn words(&self) -> Vec<OsString> {
        let mut words = self.of_cgroups();
        words.extend(self.disk.map(|bytes| format!("--storage-opt=size={bytes}").into()));
        words
    }

    /// Those that become limits of the container's cgroup.
    pub(super) fn of_cgroups(&self) -> Vec<OsString> {
        let words = [
            format!("--cpus={}", self.cpus),
            format!("--memory={}", self.memory),
            format!("--memory-swap={}", self.memory_swap),
            format!("--pids-limit={}", self.pids),
        ];
        words.into_iter().map(OsString::from).collect()
    }
}

impl Specification {
    pub(super) fn of(request: &Request, settled: &OneShot, terminal: bool, seen: Seen, user: User) -> Self {
        let network = request.network.clone().unwrap_or_else(|| "none".into());
        let is_isolated = network == isolated::NAME;
        Self {
            image: settled.image.value.clone(),
            platform: request.platform.clone(),
            limits: Limits::of(settled),
            seen,
            user,
            in_gvisor: true,
            isolated: is_isolated,
            network: if is_isolated { isolated::network().into() } else { network },
            home: home(request),
            terminal,
        }
    }

    /// What the rules look at: options whose values the user chose, the image and the command.
    pub(super) fn line(&self, request: &Request) -> Vec<OsString> {
        let mut words = Vec::new();
        if let Some(runtime) = &request.runtime {
            words.push(joined("--runtime=", runtime));
        }
        words.push(joined("--network=", &self.network));
        for folder in &self.seen.mounts {
            words.push("--mount".into());
            words.push(bind::word(folder.path.as_os_str(), folder.path.as_os_str(), !folder.writable));
        }
        words.push(self.image.clone().into());
        words.extend(request.command.iter().cloned());
        words
    }

    /// The other options: nothing that a user's value could open.
    pub(super) fn options(&self, name: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![
            "--rm".into(),
            "--interactive".into(),
            format!("--name={name}").into(),
            // What is printed is ours; Docker would keep it on the host's disk as well, without a limit.
            "--log-driver=none".into(),
            "--cap-drop=ALL".into(),
            "--security-opt=no-new-privileges".into(),
            "--read-only".into(),
            joined("--env=HOME=", self.home.as_os_str()),
            // Docker or the runtime would make a missing one, on the host where that is mounted: the guard enters it.
            "--workdir=/".into(),
        ];
        if self.terminal {
            words.push("--tty".into());
        }
        words.extend(self.platform.iter().map(|platform| format!("--platform={platform}").into()));
        let taken = |path: &Path| self.seen.mounts.iter().any(|folder| path.starts_with(&folder.path));
        for path in [Path::new("/tmp"), &self.home] {
            if !taken(path) && path != Path::new("/") {
                words.push(joined("--tmpfs=", path.as_os_str()));
                // Builds start what they have just made.
                if let Some(word) = words.last_mut() {
                    word.push(":exec,mode=1777");
                }
            }
        }
        words.extend(self.user.options(self.in_gvisor));
        words.extend(self.limits.words());
        words
    }

    /// For the guard, in front of its task.
    pub(super) fn guard_words(&self) -> Vec<OsString> {
        self.user.guard_words(self.in_gvisor, &self.home)
    }

    /// When the guard ends the command by itself.
    pub(super) fn guards_deadline(&self) -> Duration {
        self.limits.timeout + MARGIN
    }
}

fn joined(start: &str, end: &OsStr) -> OsString {
    let mut word = OsString::from(start);
    word.push(end);
    word
}

/// `HOME` as the user sets it, else one of our own.
fn home(request: &Request) -> PathBuf {
    let set = request.env.iter().rev().find_map(|variable| variable.as_bytes().strip_prefix(b"HOME="));
    let set = set.map(|home| PathBuf::from(OsStr::from_bytes(home))).filter(|home| home.is_absolute());
    set.unwrap_or_else(|| HOME.into())
}
