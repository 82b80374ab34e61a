//! The settings of one-shot commands: what they run in, what they may use, and how many there may be.

pub mod values;

use std::path::Path;
use std::time::Duration;

pub use values::{Cpus, Swap, Warm};
use values::{
    cpus, disk, image, max_concurrent, max_output, memory, memory_swap, pids_limit, size_text, warm,
};

use super::decide::{Origin, Sourced};
use super::user;
use crate::docker::config_file::{ConfigFile, Setting, invalid};
use crate::error::Error;
use crate::ui::shell_line;

const GIB: u64 = 1 << 30;

/// The settings in force. Whoever overrules one, by an option say, replaces it with its source, and then
/// [checks](OneShot::check) them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneShot {
    /// `image`: where there is no other, this one.
    pub image: Sourced<String>,
    /// `cpus`: how many processors' time.
    pub cpus: Sourced<Cpus>,
    /// `memory`: bytes, gVisor's own included.
    pub memory: Sourced<u64>,
    /// `memory-swap`: memory and swap together.
    pub memory_swap: Sourced<Swap>,
    /// `pids-limit`: processes and threads on the daemon's machine, gVisor's own included.
    pub pids_limit: Sourced<u32>,
    /// `disk`: bytes that the container may write to its own file system.
    pub disk: Sourced<Option<u64>>,
    /// `timeout`: how long the command may run.
    pub timeout: Sourced<Duration>,
    /// `max-output`: bytes that are kept of each output.
    pub max_output: Sourced<u64>,
    /// `max-concurrent`: how many commands at a time on one daemon.
    pub max_concurrent: Sourced<usize>,
    /// `warm`: how many started containers are kept for the next commands.
    pub warm: Sourced<Warm>,
    /// `warm-idle`: how long those are kept without a command.
    pub warm_idle: Sourced<Duration>,
}

/// What holds where nobody says anything.
impl Default for OneShot {
    fn default() -> Self {
        fn default<T>(value: T) -> Sourced<T> {
            Sourced { value, origin: Origin::Default }
        }
        Self {
            image: default("busybox:latest".to_owned()),
            cpus: default(Cpus::whole(2)),
            memory: default(4 * GIB),
            memory_swap: default(Swap::None),
            pids_limit: default(512),
            disk: default(None),
            timeout: default(Duration::from_secs(5 * 60)),
            max_output: default(16 << 20),
            max_concurrent: default(10),
            warm: default(Warm::default()),
            warm_idle: default(Duration::from_secs(30 * 60)),
        }
    }
}

impl OneShot {
    /// The defaults and what `file`, which is at `path`, says of them.
    ///
    /// # Errors
    /// A value that means nothing, with the file and the line; or two that contradict each other.
    pub fn of(file: &ConfigFile, path: &Path) -> Result<Self, Error> {
        let said = Said { file, path };
        let mut settings = Self::default();
        said.put("image", image, &mut settings.image)?;
        said.put("cpus", cpus, &mut settings.cpus)?;
        said.put("memory", memory, &mut settings.memory)?;
        said.put("memory-swap", memory_swap, &mut settings.memory_swap)?;
        said.put("pids-limit", pids_limit, &mut settings.pids_limit)?;
        said.put("disk", disk, &mut settings.disk)?;
        said.put("timeout", user::parse_duration, &mut settings.timeout)?;
        said.put("max-output", max_output, &mut settings.max_output)?;
        said.put("max-concurrent", max_concurrent, &mut settings.max_concurrent)?;
        said.put("warm", warm, &mut settings.warm)?;
        said.put("warm-idle", user::parse_duration, &mut settings.warm_idle)?;
        settings.check()?;
        Ok(settings)
    }

    /// Whether the settings go together.
    ///
    /// # Errors
    /// Memory and swap together are less than the memory alone.
    pub fn check(&self) -> Result<(), Error> {
        let (Sourced { value: Swap::Total(total), origin }, memory) = (&self.memory_swap, &self.memory)
        else {
            return Ok(());
        };
        if *total >= memory.value {
            return Ok(());
        }
        let least = size_text(memory.value);
        let error = Error::new(format!(
            "{origin}: `{}` is memory and swap together, and less than the memory alone, `{least}` by {}",
            size_text(*total),
            memory.origin
        ));
        Err(match origin {
            Origin::User(path, _) => error.hint(
                "leave it out for no swap, or give it more:",
                format!("${{EDITOR:-vi}} {}", shell_line([path])),
            ),
            _ => error.hint("leave it out for no swap, or give it more:", format!("--memory-swap={least}")),
        })
    }

    /// Memory and swap together as Docker's `--memory-swap` takes it: bytes, or -1 for no limit.
    #[must_use]
    pub fn memory_and_swap(&self) -> i64 {
        match self.memory_swap.value {
            Swap::None => self.memory.value.cast_signed(),
            Swap::Total(total) => total.cast_signed(),
            Swap::Unlimited => -1,
        }
    }

    /// Each setting's key, its value as it is written (`None`: no limit), and who said so.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, Option<String>, &Origin)> {
        let duration = |duration| Some(humantime::format_duration(duration).to_string());
        let swap = match self.memory_swap.value {
            Swap::None => size_text(self.memory.value),
            Swap::Total(total) => size_text(total),
            Swap::Unlimited => "-1".to_owned(),
        };
        vec![
            ("image", Some(self.image.value.clone()), &self.image.origin),
            ("cpus", Some(self.cpus.value.to_string()), &self.cpus.origin),
            ("memory", Some(size_text(self.memory.value)), &self.memory.origin),
            ("memory-swap", Some(swap), &self.memory_swap.origin),
            ("pids-limit", Some(self.pids_limit.value.to_string()), &self.pids_limit.origin),
            ("disk", self.disk.value.map(size_text), &self.disk.origin),
            ("timeout", duration(self.timeout.value), &self.timeout.origin),
            ("max-output", Some(size_text(self.max_output.value)), &self.max_output.origin),
            ("max-concurrent", Some(self.max_concurrent.value.to_string()), &self.max_concurrent.origin),
            ("warm", Some(self.warm.value.to_string()), &self.warm.origin),
            ("warm-idle", duration(self.warm_idle.value), &self.warm_idle.origin),
        ]
    }
}

/// What `config.json` says.
struct Said<'a> {
    file: &'a ConfigFile,
    path: &'a Path,
}

impl Said<'_> {
    fn put<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        setting: &mut Sourced<T>,
    ) -> Result<(), Error> {
        if let Some(Setting { value, line }) = self.file.sandbox.get(key) {
            let value =
                parse(value).map_err(|problem| invalid(self.path, *line, &format!("`{key}`: {problem}")))?;
            *setting = Sourced { value, origin: Origin::User(self.path.to_owned(), key) };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
