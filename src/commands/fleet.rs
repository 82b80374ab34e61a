//! What `ls`, `rm`, `stop` and `prune` have in common.

use std::time::Duration;

use crate::context::Context;
use crate::docker::client::{Docker, Ending};
use crate::error::Error;
use crate::plugin::stop;
use crate::sandbox::expiry::Ledger;
use crate::sandbox::fleet::container::Container;
use crate::sandbox::fleet::{self, Fleet, Whose};
use crate::settings::load;
use crate::ui::{self, plain, shown};

/// How long the daemon may take to do what it is told to; `stop --time` counts.
const DAY: Duration = Duration::from_secs(86_400);

/// Whom to ask, and for how long.
pub(super) struct Asking<'a> {
    context: &'a Context,
    pub(super) docker: Docker,
    pub(super) ledger: Ledger,
    pub(super) limit: Duration,
}

impl<'a> Asking<'a> {
    pub(super) fn new(context: &'a Context) -> anyhow::Result<Self> {
        Ok(Self {
            context,
            docker: context.docker()?,
            ledger: Ledger::find(context),
            limit: load::patience(context)?,
        })
    }

    pub(super) fn all(&self, ended: bool) -> anyhow::Result<Fleet> {
        fleet::all(&self.docker, ended, self.limit)
    }

    pub(super) fn warn_of_unclear(&self, fleet: &Fleet) {
        for name in &fleet.unclear {
            ui::warn(&format!(
                "{} has our labels, but its image is gone, so they may be its image's; if you do not need it: {}",
                shown(name),
                self.docker.shown(["rm", name])
            ));
        }
    }

    /// The end of a command: what has expired meanwhile goes without it.
    pub(super) fn done(&self) {
        self.ledger.prune_on_the_way(&self.docker);
    }

    /// The containers of those names, each once. `verb` is what is to be done with them.
    ///
    /// # Errors
    /// One of them is not there or not ours.
    fn ours(&self, verb: &str, names: &[String]) -> anyhow::Result<Vec<(String, Container)>> {
        let mut ours: Vec<(String, Container)> = Vec::new();
        let (mut missing, mut foreign) = (Vec::new(), Vec::new());
        for named in fleet::named(&self.docker, names, self.limit)? {
            let why = match named.whose {
                None => {
                    missing.push(named.name);
                    continue;
                }
                Some(Whose::Ours(container)) => {
                    if ours.iter().all(|(_, known)| known.id != container.id) {
                        ours.push((named.name, *container));
                    }
                    continue;
                }
                Some(Whose::Others) => "docker sandbox has not started it",
                Some(Whose::Images) => "it has our labels from its image",
                Some(Whose::Unclear) => "it has our labels, but its image is gone: they may be its image's",
            };
            foreign.push((named.name, why));
        }
        if let Some(name) = missing.first() {
            return Err(Error::new(format!("there is no container {}; nothing was done", shown(name)))
                .hint("see those there are:", self.context.command_line(["ls", "--all"]))
                .into());
        }
        if foreign.is_empty() {
            return Ok(ours);
        }
        let whys: Vec<String> =
            foreign.iter().map(|(name, why)| format!("{} is not ours: {why}", shown(name))).collect();
        let line = [verb].into_iter().chain(foreign.iter().map(|(name, _)| name.as_str()));
        Err(Error::new(format!("{}; nothing was done", whys.join("; ")))
            .hint("docker itself takes what is others':", self.docker.shown(line))
            .into())
    }

    /// `docker VERB OPTIONS` on all containers of those names, which must be ours. Docker says what became of
    /// them, and its exit code is the answer.
    pub(super) fn act(&self, verb: &str, options: &[String], names: &[String]) -> anyhow::Result<u8> {
        let ours = self.ours(verb, names)?;
        let stop = stop::watch(self.context)?;
        let mut words = vec![verb.to_owned()];
        words.extend(options.iter().cloned());
        words.push("--".to_owned());
        // Not by name: another may have it by now.
        words.extend(ours.iter().map(|(_, container)| container.id.clone()));
        let answer = match self.docker.command(words).answer_unless(&stop, Vec::new(), DAY)? {
            Ending::Answered(answer) => answer,
            Ending::TimedOut => return Err(Error::new(format!("`docker {verb}` does not end")).into()),
            Ending::Stopped => return Ok(128 + stop.signal().unwrap_or_default()),
        };
        let told =
            |text: &str| ours.iter().fold(text.to_owned(), |text, (name, one)| text.replace(&one.id, name));
        ui::out(&answer.stdout.lines().map(|line| plain(&told(line)) + "\n").collect::<String>())?;
        ui::err(&told(&answer.stderr));
        self.done();
        Ok(answer.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(crate::error::FAILURE))
    }
}

/// A length of time in its largest unit: `59s`, `12m`, `5h`, `29d`.
pub(super) fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let told = [0, 59, 60, 3599, 3600, 86_399, 86_400, 30 * 86_400];
        assert_eq!(
            told.map(|seconds| brief(Duration::from_secs(seconds))),
            ["0s", "59s", "1m", "59m", "1h", "23h", "1d", "30d"]
        );
    }
}
