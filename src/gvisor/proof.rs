//! Proof that a runtime is gVisor and works: a container of ours, started with it and looked at.
//!
//! The container is made from [`probe`]'s image, so no registry and nobody's image is needed.
//! Whatever happens, container, image and the processes of a runtime that hangs are gone when
//! [`prove`] returns, and what could not be removed is named.

mod hanging;

use std::ffi::OsString;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::failures::{self, Failure};
use super::kept::Kept;
use super::probe::{self, Processor, Seen};
use crate::docker::client::{Answer, Docker, Ending};
use crate::docker::stop::Stop;
use crate::ui::{plain, shown};

/// The label of the container and of the image.
pub const LABEL: &str = "docker-sandbox.proof";
/// The image's repository; its tag is the container's name.
pub const REPOSITORY: &str = "docker-sandbox-proof";

/// How long a daemon may take to remove what a proof has made, after a first try.
const REMOVAL: Duration = Duration::from_secs(15);
/// How long to wait between two looks at the container.
const PAUSE: Duration = Duration::from_millis(50);

/// What the container is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// `--network=none`.
    Without,
    /// Docker's default.
    Default,
}

impl Network {
    /// Docker's option for it.
    #[must_use]
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Without => &["--network=none"],
            Self::Default => &[],
        }
    }
}

/// How far a proof reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The container's process on this machine is gVisor's sandbox, and its kernel is gVisor's.
    Host,
    /// Its kernel is gVisor's by its own word; the daemon's processes cannot be seen from here.
    Inside,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The container started, and in gVisor.
    Proven {
        /// How that is known.
        how: How,
        /// What was seen, in a clause.
        evidence: String,
        /// Whether it left a file alone that was mounted read-only; `None` if the daemon did not show that file.
        kept: Option<Kept>,
    },
    /// It started, and not in gVisor.
    NotGvisor {
        /// What was seen, in a clause.
        evidence: String,
    },
    /// It did not start.
    Failed {
        /// What Docker said, unescaped.
        text: String,
        /// What that means, if it is known.
        failure: Option<&'static Failure>,
        /// As for [`Proof::Hangs`].
        left: Option<String>,
    },
    /// It neither started nor failed within the limit. What hung has been killed.
    Hangs {
        /// The limit.
        limit: Duration,
        /// The command that removes what could not be removed from here.
        left: Option<String>,
    },
    /// Somebody asked to stop; everything has been removed.
    Interrupted,
}

impl Proof {
    /// Whether a sandbox started and is proven.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Proven { .. })
    }

    fn failed(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Failed { failure: failures::recognise(&text), text, left: None }
    }
}

/// Starts a container with `runtime` and says what it is in. Takes `limit` at most, and the time to
/// remove what was made.
#[must_use]
pub fn prove(docker: &Docker, runtime: &str, network: Network, limit: Duration, stop: &Stop) -> Proof {
    let mut options = vec![OsString::from(format!("--runtime={runtime}"))];
    options.extend(network.options().iter().map(OsString::from));
    attempt(docker, &options, limit, stop)
}

/// As [`prove`], with options of `docker create` of the caller's choice: those that make a runtime
/// fail, and none that reach outside of the container.
#[must_use]
pub fn attempt(docker: &Docker, options: &[OsString], limit: Duration, stop: &Stop) -> Proof {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // A process id is another machine's too, where several clients use one daemon.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let name = format!("docker-sandbox-proof-{:x}-{:x}-{count}", std::process::id(), since.as_micros());
    let mut trial = Trial {
        docker,
        stop,
        limit,
        deadline: Instant::now() + limit,
        image: format!("{REPOSITORY}:{name}"),
        name,
        id: None,
    };
    let proof = trial.run(options).unwrap_or_else(|proof| proof);
    trial.remove(proof)
}

struct Trial<'a> {
    docker: &'a Docker,
    stop: &'a Stop,
    limit: Duration,
    deadline: Instant,
    image: String,
    name: String,
    /// The container's, once it is there.
    id: Option<String>,
}

impl Trial<'_> {
    /// Either side is the result; `Err` is one that comes early.
    fn run(&mut self, options: &[OsString]) -> Result<Proof, Proof> {
        let processor = self.ask(&["version", "--format", "{{.Server.Arch}}"], self.stop, Vec::new())?;
        let Some(processor) = Processor::named(processor.trim()) else {
            let processor = shown(processor.trim());
            return Err(Proof::failed(format!("gVisor runs on x86_64 and aarch64, and not on {processor}")));
        };
        // These two end soon. A client killed halfway would leave behind what the daemon makes then.
        let unstoppable = Stop::default();
        let label = format!("LABEL {LABEL}={}", self.name);
        let entry = format!("ENTRYPOINT [\"{}\"]", probe::PATH);
        let import = ["import", "--change", &label, "--change", &entry, "-", &self.image];
        self.ask(&import, &unstoppable, probe::archive(processor))?;
        let label = format!("--label={LABEL}={}", self.name);
        // A folder of the host that the image's file is copied into, read-only to the container.
        let volume = format!(
            "--mount=type=volume,src={},dst={},readonly,volume-label={LABEL}={}",
            self.name,
            probe::FOLDER,
            self.name
        );
        // Docker's default log driver may be one that cannot be read back.
        let mut create = vec!["create".into(), "--name".into(), self.name.clone().into(), label.into()];
        create.extend([&*volume, "--log-driver=json-file", "--restart=no"].map(OsString::from));
        create.extend(options.iter().cloned());
        create.push(self.image.clone().into());
        let id = self.ask(&create, &unstoppable, Vec::new())?;
        self.id = id.split_whitespace().last().map(str::to_owned);
        self.ask(&["start", &self.name], self.stop, Vec::new())?;
        loop {
            if let Some(proof) = self.look()? {
                return Ok(proof);
            }
            std::thread::sleep(PAUSE.min(self.left()));
        }
    }

    /// What the container shows by now.
    fn look(&self) -> Result<Option<Proof>, Proof> {
        let format = "{{.State.Running}} {{.State.Pid}} {{.State.ExitCode}} {{.State.Error}}";
        let state = self.ask(&["inspect", "--format", format, &self.name], self.stop, Vec::new())?;
        let logs = self.ask(&["logs", &self.name], self.stop, Vec::new())?;
        let mut words = state.trim().splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (running, pid, code, error) = (word() == "true", word(), word(), word());
        let Some(seen) = Seen::read(&logs) else {
            if running {
                return Ok(None);
            }
            let said = if error.is_empty() { logs.trim() } else { error };
            return Err(Proof::failed(format!("the container ended with exit code {code}: {said}")));
        };
        let process = HostProcess::read(pid, self.id.as_deref().unwrap_or(&self.name));
        let mut proof = judge(&seen, process.as_ref());
        if let Proof::Proven { kept, .. } = &mut proof {
            *kept = self.kept()?;
        }
        Ok(Some(proof))
    }

    /// What became of the file that the program tried to empty: the daemon reads it on its own machine.
    fn kept(&self) -> Result<Option<Kept>, Proof> {
        let file = format!("{}:{}", self.name, probe::FILE);
        match self.ask(&["cp", &file, "-"], self.stop, Vec::new()) {
            Ok(copied) => {
                Ok(probe::is_kept(&copied).map(|is_kept| if is_kept { Kept::Yes } else { Kept::No }))
            }
            // A daemon that cannot copy has proven nothing about it.
            Err(Proof::Failed { .. }) => Ok(None),
            Err(proof) => Err(proof),
        }
    }

    /// What `docker ARGS` prints.
    fn ask<S: AsRef<std::ffi::OsStr>>(
        &self,
        args: &[S],
        stop: &Stop,
        input: Vec<u8>,
    ) -> Result<String, Proof> {
        if self.stop.signal().is_some() {
            return Err(Proof::Interrupted);
        }
        let command = self.docker.command(args.iter().map(|arg| arg.as_ref().to_owned()));
        match command.answer_unless(stop, input, self.left()) {
            Ok(Ending::Answered(answer)) if answer.status.success() => Ok(answer.stdout),
            Ok(Ending::Answered(answer)) => Err(Proof::failed(complaint(&answer))),
            Ok(Ending::TimedOut) => Err(Proof::Hangs { limit: self.limit, left: None }),
            Ok(Ending::Stopped) => Err(Proof::Interrupted),
            Err(error) => Err(Proof::failed(format!("{error:#}"))),
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Removes container and image, and what hinders that.
    fn remove(&self, proof: Proof) -> Proof {
        // dockerd holds a container's lock while it starts, so one that hangs has to be killed first.
        let mut kill = matches!(proof, Proof::Hangs { .. } | Proof::Interrupted);
        let deadline = Instant::now() + REMOVAL;
        let mut removed = false;
        while !removed {
            if let Some(id) = self.id.as_deref().filter(|_| kill) {
                hanging::kill(id);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let attempt = left.min(Duration::from_secs(3));
            removed = self.done(&["rm", "--force", "--volumes", &self.name], attempt);
            kill = true;
            if left.is_zero() {
                break;
            }
        }
        if let Some(id) = self.id.as_deref().filter(|_| removed && !proof.is_proven()) {
            removed = hanging::sweep(id);
        }
        removed &= self.done(&["volume", "rm", "--force", &self.name], Duration::from_secs(5));
        removed &= self.done(&["rmi", "--force", &self.image], Duration::from_secs(5));
        let left = (!removed).then(|| self.by_hand());
        match proof {
            Proof::Hangs { limit, .. } => Proof::Hangs { limit, left },
            Proof::Failed { text, failure, .. } => Proof::Failed { text, failure, left },
            _ if left.is_some() => Proof::Hangs { limit: self.limit, left },
            proof => proof,
        }
    }

    /// Whether the thing is gone; that it never was there counts.
    fn done(&self, args: &[&str], limit: Duration) -> bool {
        let ending = self.docker.command(args).answer_unless(&Stop::default(), Vec::new(), limit);
        match ending {
            Ok(Ending::Answered(answer)) => {
                answer.status.success() || answer.stderr.to_ascii_lowercase().contains("no such")
            }
            Ok(Ending::TimedOut | Ending::Stopped) => false,
            // Without a docker to run there is nothing to remove either.
            Err(_) => true,
        }
    }

    fn by_hand(&self) -> String {
        let remove = self.docker.shown(["rm", "--force", &self.name]);
        let volume = self.docker.shown(["volume", "rm", &self.name]);
        let image = self.docker.shown(["rmi", &self.image]);
        match &self.id {
            // The brackets keep the pattern from matching sudo's own command line.
            Some(id) => {
                format!(
                    "sudo pkill -KILL -f -- '([c]ontainerd-shim|[r]unsc).*{id}'; {remove}; {volume}; {image}"
                )
            }
            None => format!("{remove}; {volume}; {image}"),
        }
    }
}

/// The process that the daemon names for a container, if it is one that this machine shows us and
/// that certainly is that container's: its command line or its cgroup carries the container's id.
/// So a number from another machine's daemon is never mistaken for a process of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProcess {
    /// Its id.
    pub pid: String,
    /// The first word of its command line.
    pub name: String,
}

impl HostProcess {
    /// Reads `/proc`.
    #[must_use]
    pub fn read(pid: &str, container: &str) -> Option<Self> {
        let number: u32 = pid.parse().ok().filter(|&number| number > 1)?;
        let file = |name: &str| std::fs::read(format!("/proc/{number}/{name}")).ok();
        let line = file("cmdline")?;
        let carries = |text: &[u8]| {
            !container.is_empty() && text.windows(container.len()).any(|part| part == container.as_bytes())
        };
        if !carries(&line) && !file("cgroup").is_some_and(|text| carries(&text)) {
            return None;
        }
        let first = line.split(|&byte| byte == 0).next().unwrap_or_default();
        Some(Self { pid: pid.to_owned(), name: String::from_utf8_lossy(first).into_owned() })
    }

    /// Whether it is gVisor's sandbox. Source: `runsc/sandbox/sandbox.go`, which names it so.
    #[must_use]
    pub fn is_gvisor(&self) -> bool {
        self.name == "runsc-sandbox"
    }
}

/// Two witnesses: the container's kernel, and its process on this machine if it can be seen.
fn judge(seen: &Seen, process: Option<&HostProcess>) -> Proof {
    let kernel = format!("its kernel says {} {}", plain(&seen.release), shown(&seen.version));
    let evidence = match process {
        Some(process) => format!("its process {} is {}, {kernel}", process.pid, shown(&process.name)),
        None => kernel,
    };
    match process {
        _ if !seen.is_gvisor() => Proof::NotGvisor { evidence },
        Some(process) if process.is_gvisor() => Proof::Proven { how: How::Host, evidence, kept: None },
        Some(_) => Proof::NotGvisor { evidence },
        None => Proof::Proven { how: How::Inside, evidence, kept: None },
    }
}

/// What Docker complained of, without the line that only repeats the container's name.
fn complaint(answer: &Answer) -> String {
    let lines: Vec<&str> = answer
        .stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Error: failed to start containers"))
        .collect();
    if lines.is_empty() { format!("docker ended with {}", answer.status) } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(log: &str) -> Seen {
        Seen { release: "4.4.0".into(), version: "#1".into(), log: log.into() }
    }

    fn process(name: &str) -> HostProcess {
        HostProcess { pid: "7".into(), name: name.into() }
    }

    #[test]
    fn both_witnesses_must_say_gvisor_and_the_one_that_is_there_counts() {
        let gvisor = seen("Starting gVisor...");
        let proven = |how| matches!(judge(&gvisor, None), Proof::Proven { how: seen, .. } if seen == how);
        assert!(proven(How::Inside) && !proven(How::Host));
        let both = judge(&gvisor, Some(&process("runsc-sandbox")));
        assert!(matches!(both, Proof::Proven { how: How::Host, .. }), "{both:?}");
        assert!(!judge(&gvisor, Some(&process("/probe"))).is_proven());
        assert!(!judge(&seen(""), Some(&process("runsc-sandbox"))).is_proven());
        assert!(!judge(&seen(""), None).is_proven());
    }

    #[test]
    fn a_process_that_does_not_carry_the_containers_id_is_not_its() {
        let own = std::process::id().to_string();
        assert_eq!(HostProcess::read(&own, &"e".repeat(64)), None);
        assert_eq!(HostProcess::read("0", ""), None);
        assert_eq!(HostProcess::read("x", "x"), None);
    }
}
