//! What ended a container whose command did not end by itself, by what the daemon tells of it.

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::docker::client::Docker;

/// How long the daemon may take to tell of an end that `docker` has seen already.
const LIMIT: Duration = Duration::from_secs(10);
/// Docker's exit code of a container that SIGKILL ended.
const KILLED: &str = "137";

/// What Docker knows of a container's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The kernel ended it for want of memory.
    OutOfMemory,
    /// Nobody ended it.
    ByItself,
    /// Somebody killed it through Docker, or Docker does not say.
    Other,
}

/// How `container`, which `docker` has seen ending, ended. It was started after `since`.
///
/// It must be asked before anybody removes it by force: that is a SIGKILL too, if the daemon has not noticed the end yet.
pub(super) fn of(docker: &Docker, container: &str, since: SystemTime) -> Death {
    follow(docker, container, since).unwrap_or(Death::Other)
}

fn follow(docker: &Docker, container: &str, since: SystemTime) -> Option<Death> {
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut words = vec![
        "events".to_owned(),
        format!("--since={}.{:09}", since.as_secs(), since.subsec_nanos()),
        format!("--filter=container={container}"),
        "--format={{.Action}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.signal}}".to_owned(),
    ];
    words.extend(["oom", "kill", "die"].map(|event| format!("--filter=event={event}")));
    let mut child = docker.command(words).stream().ok()?;
    let (told, inbox) = channel();
    let stdout = child.stdout.take()?;
    let reading = Builder::new().spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.map(|line| told.send(line)).all(|sent| sent.is_ok());
    });
    let mut ending = Ending::default();
    let until = Instant::now() + LIMIT;
    let mut death = None;
    while death.is_none() && reading.is_ok() {
        match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => death = ending.hear(&line),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    death
}

/// What has been told so far.
#[derive(Debug, Default)]
struct Ending {
    out_of_memory: bool,
    killed: bool,
}

impl Ending {
    /// `ACTION EXIT-CODE SIGNAL`. The death, once the container is dead.
    ///
    /// Docker does not always tell of a want of memory: the container may have ended before the daemon watched its memory
    /// (2 of 8 with 26.1, where a command takes all at once). But nothing inside can send SIGKILL to process 1, the guard
    /// (`confine` in guard/sys.rs), so what died of one that nobody sent through Docker was ended by the kernel.
    fn hear(&mut self, line: &str) -> Option<Death> {
        let mut fields = line.split(' ');
        let action = fields.next().unwrap_or_default();
        let code = fields.next().unwrap_or_default();
        match action {
            "oom" => self.out_of_memory = true,
            "kill" => self.killed |= matches!(line.rsplit(' ').next(), Some("9" | "SIGKILL" | "KILL")),
            "die" => {
                let by_kernel = self.out_of_memory || !self.killed && code == KILLED;
                return Some(match (by_kernel, self.killed) {
                    (true, _) => Death::OutOfMemory,
                    (false, true) => Death::Other,
                    (false, false) => Death::ByItself,
                });
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(lines: &[&str]) -> Option<Death> {
        let mut ending = Ending::default();
        lines.iter().find_map(|line| ending.hear(line))
    }

    #[test]
    fn a_death_is_told_by_who_sent_sigkill() {
        let die = "die 137 <no value>";
        let kill = |signal: &str| format!("kill <no value> {signal}");
        assert_eq!(death(&[]), None);
        assert_eq!(death(&["oom <no value> <no value>"]), None, "it may go on, for all that is known");
        assert_eq!(death(&["oom <no value> <no value>", die]), Some(Death::OutOfMemory));
        assert_eq!(death(&[die]), Some(Death::OutOfMemory), "too early for the daemon to watch");
        assert_eq!(death(&[&kill("9"), die]), Some(Death::Other));
        assert_eq!(
            death(&[&kill("10"), &kill("15"), die]),
            Some(Death::OutOfMemory),
            "other signals end nothing"
        );
        assert_eq!(death(&["oom <no value> <no value>", &kill("9"), die]), Some(Death::OutOfMemory));
        assert_eq!(death(&["die 2 <no value>"]), Some(Death::ByItself));
        assert_eq!(death(&["die 2 <no value>", &kill("9")]), Some(Death::ByItself), "a removal, later");
    }
}
