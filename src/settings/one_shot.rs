//! The settings of `do`: what a command gets where nobody says otherwise.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::decide::{Origin, Sourced};
use super::user::{parse_duration, read};
use crate::docker::config_file::ConfigFile;
use crate::error::Error;
use crate::ui::{plain, shown};

/// With fewer processes gVisor itself cannot start: it counts its own threads. Measured: 40 with release 20221219, 28 with
/// 20240729.
pub const FEWEST_PIDS: u32 = 40;
/// Docker's own least. Source: `linuxMinMemory` in moby's `daemon/daemon_unix.go`.
const LEAST_MEMORY: u64 = 6 << 20;
/// `--memory-swap`: as much as there is.
pub const UNLIMITED: i64 = -1;

/// What a command gets.
#[derive(Debug, Clone)]
pub struct OneShot {
    /// `image`.
    pub image: Sourced<String>,
    /// `cpus`: processors, as Docker takes them: `1.5`.
    pub cpus: Sourced<String>,
    /// `memory`, in bytes.
    pub memory: Sourced<u64>,
    /// `memory-swap`: memory and swap together, in bytes; [`UNLIMITED`]; `None` is as much as memory: no swap.
    pub memory_swap: Sourced<Option<i64>>,
    /// `pids-limit`.
    pub pids_limit: Sourced<u32>,
    /// `disk`: how much the container may write to its own file system, in bytes.
    pub disk: Sourced<Option<u64>>,
    /// `timeout`.
    pub timeout: Sourced<Duration>,
    /// `max-output`: how much of each output is kept, in bytes. Without `--format json` it holds only where it was asked
    /// for.
    pub max_output: Sourced<u64>,
    /// `max-concurrent`: how many may run at a time.
    pub max_concurrent: Sourced<usize>,
    /// `warm`: how many spares are kept.
    pub warm: Sourced<Warm>,
    /// `warm-idle`: how long a spare waits for a command.
    pub warm_idle: Sourced<Duration>,
}

/// How many spares are kept, in which projects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warm {
    everywhere: usize,
    projects: Vec<(PathBuf, usize)>,
}

impl Warm {
    /// How many in `project`, a folder.
    #[must_use]
    pub fn of(&self, project: &Path) -> usize {
        let own = self.projects.iter().rev().find(|(folder, _)| folder == project);
        own.map_or(self.everywhere, |(_, count)| *count)
    }
}

impl std::fmt::Display for Warm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.everywhere)?;
        self.projects.iter().try_for_each(|(folder, count)| write!(f, ",{}={count}", folder.display()))
    }
}

/// The names of these settings.
pub const KEYS: [&str; 11] = [
    "image",
    "cpus",
    "memory",
    "memory-swap",
    "pids-limit",
    "disk",
    "timeout",
    "max-output",
    "max-concurrent",
    "warm",
    "warm-idle",
];

impl OneShot {
    /// Reads them off `file`, which is at `path`.
    ///
    /// # Errors
    /// A value that means nothing: with the file and the line.
    pub fn of(file: &ConfigFile, path: &Path) -> Result<Self, Error> {
        let reader = Reader { file, path };
        Ok(Self {
            image: reader.get("image", image, "busybox:latest".to_owned())?,
            cpus: reader.get("cpus", cpus, default_cpus())?,
            memory: reader.get("memory", memory, 4 << 30)?,
            memory_swap: reader.get("memory-swap", |text| memory_swap(text).map(Some), None)?,
            pids_limit: reader.get("pids-limit", pids_limit, 512)?,
            disk: reader.get("disk", |text| size(text).map(Some), None)?,
            timeout: reader.get("timeout", parse_duration, Duration::from_secs(5 * 60))?,
            max_output: reader.get("max-output", size, 16 << 20)?,
            max_concurrent: reader.get("max-concurrent", max_concurrent, 10)?,
            warm: reader.get("warm", warm, Warm::default())?,
            warm_idle: reader.get("warm-idle", parse_duration, Duration::from_secs(30 * 60))?,
        })
    }

    /// Their values as they would be written, by name.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, Option<String>, &Origin)> {
        fn row<'a, T>(
            name: &'static str,
            setting: &'a Sourced<T>,
            write: impl Fn(&T) -> Option<String>,
        ) -> (&'static str, Option<String>, &'a Origin) {
            (name, write(&setting.value), &setting.origin)
        }
        let duration = |value: &Duration| Some(humantime::format_duration(*value).to_string());
        vec![
            row("image", &self.image, |value| Some(value.clone())),
            row("cpus", &self.cpus, |value| Some(value.clone())),
            row("memory", &self.memory, |value| Some(written(*value))),
            row("memory-swap", &self.memory_swap, |value| match value {
                None => Some("as memory".to_owned()),
                Some(UNLIMITED) => Some("-1".to_owned()),
                Some(value) => Some(written(value.unsigned_abs())),
            }),
            row("pids-limit", &self.pids_limit, |value| Some(value.to_string())),
            row("disk", &self.disk, |value| value.map(written)),
            row("timeout", &self.timeout, duration),
            row("max-output", &self.max_output, |value| Some(written(*value))),
            row("max-concurrent", &self.max_concurrent, |value| Some(value.to_string())),
            row("warm", &self.warm, |value| Some(value.to_string())),
            row("warm-idle", &self.warm_idle, duration),
        ]
    }
}

struct Reader<'a> {
    file: &'a ConfigFile,
    path: &'a Path,
}

impl Reader<'_> {
    fn get<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        default: T,
    ) -> Result<Sourced<T>, Error> {
        Ok(match read(self.file, self.path, key, parse)? {
            Some(value) => Sourced { value, origin: Origin::User(self.path.to_owned(), key) },
            None => Sourced { value: default, origin: Origin::Default },
        })
    }
}

/// Two, or as many as there are: Docker refuses more than that.
fn default_cpus() -> String {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(2)).to_string()
}

/// An image's name. The error is a clause, as everywhere here.
pub fn image(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && !text.starts_with('-') && !text.contains(char::is_whitespace);
    fits.then(|| text.to_owned()).ok_or_else(|| format!("{} is no image", shown(text)))
}

/// Processors: `2`, `0.5`.
pub fn cpus(text: &str) -> Result<String, String> {
    // Docker counts in billionths.
    let places = text.split_once('.').map_or(0, |(_, places)| places.len());
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match text.parse::<f64>() {
        Ok(count) if digits && places <= 9 && count > 0.0 => Ok(text.to_owned()),
        _ => Err(format!("{} is no number of processors: write `2` or `0.5`", shown(text))),
    }
}

/// Bytes, as Docker reads them: `512m`, `1.5g`, `4GiB`. Source: `RAMInBytes` in docker/go-units.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is no size: write `512m` or `4g`", shown(text));
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[number.len()..].trim().to_ascii_lowercase();
    let shift = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return Err(wrong()),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bytes = number.parse::<f64>().ok().filter(|_| plain).ok_or_else(wrong)?
        * f64::from(1_u32 << (shift / 2)).powi(2);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and the limit is below 2^63"
    )]
    (bytes >= 1.0 && bytes < 9e18).then_some(bytes as u64).ok_or_else(wrong)
}

/// Bytes as [`size`] reads them back.
#[must_use]
pub fn written(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let whole = units.iter().find(|(shift, _)| bytes >= 1 << shift && bytes % (1 << shift) == 0);
    whole.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

/// `--memory`.
pub fn memory(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes < LEAST_MEMORY => Err(format!("{} is less than Docker's least, `6m`", shown(text))),
        bytes => Ok(bytes),
    }
}

/// `--memory-swap`: memory and swap together, or `-1`.
pub fn memory_swap(text: &str) -> Result<i64, String> {
    if text == "-1" {
        return Ok(UNLIMITED);
    }
    memory(text).and_then(|bytes| i64::try_from(bytes).map_err(|_| format!("{} is too much", plain(text))))
}

/// `--pids-limit`.
pub fn pids_limit(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(count) if count >= FEWEST_PIDS => Ok(count),
        Ok(_) => Err(format!("{} is too few: gVisor itself needs {FEWEST_PIDS}", shown(text))),
        Err(_) => Err(format!("{} is no number of processes: write `512`", shown(text))),
    }
}

/// `max-concurrent`.
pub fn max_concurrent(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| format!("{} is no number of commands: write `10`", shown(text)))
}

/// `warm`: a number of spares, and others for folders: `1,/home/me/app=3`.
pub fn warm(text: &str) -> Result<Warm, String> {
    let wrong = || format!("{} is no number of spares: write `2`, or `1,/home/me/app=3`", shown(text));
    // Each is a sandbox that waits: a slip of the finger must not fill the machine.
    let count = |text: &str| text.parse().ok().filter(|&count: &usize| count <= 64).ok_or_else(wrong);
    let mut warm = Warm::default();
    for part in text.split(',') {
        match part.rsplit_once('=') {
            Some((folder, number)) if folder.starts_with('/') => {
                warm.projects.push((PathBuf::from(folder), count(number)?));
            }
            Some(_) => return Err(wrong()),
            None => warm.everywhere = count(part)?,
        }
    }
    Ok(warm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them_and_written_back() {
        for (text, bytes) in [
            ("1", 1),
            ("32b", 32),
            ("4k", 4096),
            ("1.5g", 3 << 29),
            ("4GiB", 4 << 30),
            ("6 MB", 6 << 20),
            ("2t", 2 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(size(&written(bytes)), Ok(bytes));
        }
        for text in ["", "g", "-1", "1e3", "4x", "1 2", "0", "inf", "NaN", "1..2"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_that_nothing_runs_with_are_errors() {
        assert!(memory("5m").is_err() && memory("6m").is_ok());
        assert!(pids_limit("39").unwrap_err().contains("needs 40"));
        assert!(pids_limit("-1").is_err() && pids_limit("40").is_ok());
        assert_eq!(memory_swap("-1"), Ok(UNLIMITED));
        for text in ["0", "-1", "two", "", ".", "1e1", "0.0"] {
            assert!(cpus(text).is_err(), "{text}");
        }
        assert!(cpus("0.5").is_ok() && max_concurrent("0").is_err());
    }

    #[test]
    fn spares_are_counted_by_folder() {
        let warm = warm("1,/a=3,/b=0").unwrap();
        assert_eq!(["/a", "/b", "/c"].map(|folder| warm.of(Path::new(folder))), [3, 0, 1]);
        assert_eq!(warm.to_string(), "1,/a=3,/b=0");
        for text in ["", "x", "65", "a=1", "/a=x", "-1"] {
            assert!(super::warm(text).is_err(), "{text}");
        }
    }
}
