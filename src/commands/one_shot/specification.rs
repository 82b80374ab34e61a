//! What a command gets, settled: the request with the settings' values, as words for Docker.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::request::{Access, Folder, Request};
use crate::context::Context;
use crate::error::Error;
use crate::sandbox::{bind, git, isolated};
use crate::settings::decide::{Origin, Sourced};
use crate::settings::one_shot::{Cpus, OneShot, Swap, values};
use crate::settings::user::parse_duration;
use crate::ui::{plain, shown};

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
    pub(super) access: Access,
    /// What is mounted at its own path.
    pub(super) mounts: Vec<Folder>,
    /// The folder that the command is started in.
    pub(super) workdir: PathBuf,
    /// The working folder.
    pub(super) project: PathBuf,
    /// For Docker, inside; `None` is the image's, and where it writes, the caller, whose ids the daemon decides.
    pub(super) user: Option<OsString>,
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
    pub(super) fn of(
        context: &Context,
        request: &Request,
        settled: &OneShot,
        terminal: bool,
    ) -> anyhow::Result<Self> {
        let project = context.environment.folder_in_words.clone();
        let absolute = |path: &Path| project.join(path);
        let mut mounts = vec![Folder { path: project.clone(), writable: request.access == Access::Write }];
        for folder in &request.folders {
            mounts.push(Folder { path: absolute(&folder.path), writable: folder.writable });
        }
        for folder in &mounts {
            check(folder)?;
        }
        let workdir = request.workdir.as_deref().map_or_else(|| project.clone(), absolute);
        check_workdir(&workdir, &mounts)?;
        let mut protected = Vec::new();
        for folder in mounts.iter().filter(|folder| folder.writable && folder.path.is_dir()) {
            protected.extend(git::protected(&folder.path)?);
        }
        let protected =
            protected.into_iter().map(|mount| Folder { path: mount.path, writable: !mount.read_only });
        mounts.extend(protected);
        if request.access == Access::Discard {
            check_discard(&project, request.user.as_deref())?;
            check_below(&project, &mounts[1..])?;
        }
        let network = request.network.clone().unwrap_or_else(|| "none".into());
        let is_isolated = network == isolated::NAME;
        Ok(Self {
            image: settled.image.value.clone(),
            platform: request.platform.clone(),
            limits: Limits::of(settled),
            access: request.access,
            workdir,
            mounts,
            user: request.user.clone(),
            isolated: is_isolated,
            network: if is_isolated { isolated::network().into() } else { network },
            home: home(request),
            terminal,
            project,
        })
    }

    /// What the rules look at: options whose values the user chose, the image and the command.
    pub(super) fn line(&self, request: &Request) -> Vec<OsString> {
        let mut words = Vec::new();
        if let Some(runtime) = &request.runtime {
            words.push(joined("--runtime=", runtime));
        }
        words.push(joined("--network=", &self.network));
        for folder in &self.mounts {
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
        let taken = |path: &Path| self.mounts.iter().any(|folder| path.starts_with(&folder.path));
        for path in [Path::new("/tmp"), &self.home] {
            if !taken(path) && path != Path::new("/") {
                words.push(joined("--tmpfs=", path.as_os_str()));
                // Builds start what they have just made.
                if let Some(word) = words.last_mut() {
                    word.push(":exec,mode=1777");
                }
            }
        }
        if self.access == Access::Discard {
            // In the sandbox's own kernel. The guard gives them up before it starts the command.
            const NEEDED: [&str; 8] =
                ["SYS_ADMIN", "CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "SETPCAP", "KILL"];
            words.extend(NEEDED.iter().map(|name| format!("--cap-add={name}").into()));
            words.push("--user=0:0".into());
        } else if let Some(user) = &self.user {
            words.push(joined("--user=", user));
        }
        words.extend(self.limits.words());
        words
    }

    /// For the guard, in front of its task.
    pub(super) fn guard_words(&self) -> Vec<OsString> {
        if self.access != Access::Discard {
            return Vec::new();
        }
        let user = self.user.clone().unwrap_or_default();
        let user = if user.as_bytes().contains(&b':') { user } else { joined_with(&user, ":", &user) };
        vec![joined("discard=", self.project.as_os_str()), joined("user=", &user)]
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

fn joined_with(start: &OsStr, between: &str, end: &OsStr) -> OsString {
    let mut word = start.to_owned();
    word.push(between);
    word.push(end);
    word
}

/// `HOME` as the user sets it, else one of our own.
fn home(request: &Request) -> PathBuf {
    let set = request.env.iter().rev().find_map(|variable| variable.as_bytes().strip_prefix(b"HOME="));
    let set = set.map(|home| PathBuf::from(OsStr::from_bytes(home))).filter(|home| home.is_absolute());
    set.unwrap_or_else(|| HOME.into())
}

fn check(folder: &Folder) -> Result<(), Error> {
    let path = &folder.path;
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    if text.is_none() {
        return Err(Error::new(format!(
            "{} cannot be mounted: its name is no text that Docker takes",
            shown(path)
        ))
        .hint("give it another name:", "mv OLD NEW"));
    }
    path.metadata().map(drop).map_err(|error| {
        let problem = format!("{} cannot be mounted: {}", shown(path), plain(&error.to_string()));
        Error::new(problem).hint("see what is there:", format!("ls -ld {}", crate::ui::shell_line([path])))
    })
}

/// A working directory in a mounted one exists, as far as this machine can tell: where links lead is for the sandbox to say,
/// in which the guard enters it.
fn check_workdir(workdir: &Path, mounts: &[Folder]) -> Result<(), Error> {
    if !workdir.metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(());
    }
    let there = workdir.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
    let Some(folder) = mounts.iter().rfind(|folder| there.starts_with(&folder.path)) else {
        return Ok(());
    };
    let real = |path: &Path| path.canonicalize().ok();
    if real(there).zip(real(&folder.path)).is_none_or(|(there, folder)| !there.starts_with(folder)) {
        return Ok(());
    }
    Err(Error::new(format!("working directory {} does not exist", shown(workdir)))
        .hint("create it:", format!("mkdir -p {}", crate::ui::shell_line([workdir])))
        .hint("or choose another one:", "docker sandbox do --workdir DIR …"))
}

/// The layer that takes the writes hides what is mounted below the folder.
fn check_below(project: &Path, mounts: &[Folder]) -> Result<(), Error> {
    let Some(folder) = mounts.iter().find(|folder| folder.path.starts_with(project)) else { return Ok(()) };
    Err(Error::new(format!(
        "`--discard` cannot be used with `--mount` of {}, which is in the folder whose writes are thrown away",
        shown(&folder.path)
    ))
    .hint("mount a folder elsewhere:", "docker sandbox do --discard --mount /var/tmp/out:rw …")
    .hint("or let the command write to the working folder itself:", "docker sandbox do --write …"))
}

/// gVisor's overlay takes its options as a comma list of paths, without a way to quote.
fn check_discard(project: &Path, user: Option<&OsStr>) -> Result<(), Error> {
    if project.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b',' | b':' | b'\\')) {
        return Err(Error::new(format!(
            "`--discard` cannot be used in {}: `,`, `:` or `\\` in its name",
            shown(project)
        ))
        .hint("work on a copy:", "docker sandbox do --write …, in a folder of another name"));
    }
    let numeric =
        |text: &str| text.split(':').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    match user.map(OsStr::to_str) {
        Some(Some(user)) if numeric(user) && user.split(':').count() <= 2 => Ok(()),
        Some(_) => Err(Error::new("`--discard` needs a user in numbers, `UID` or `UID:GID`")
            .hint("give yours:", "docker sandbox do --discard --user \"$(id -u):$(id -g)\" …")),
        None => Ok(()),
    }
}
