//! The values of these settings, from how they are written. Every error is a clause.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::ui::plain;

/// Docker starts no container with less. Source: moby's `linuxMinMemory` in `daemon/daemon_unix.go`.
const LEAST_MEMORY: u64 = 6 << 20;
/// gVisor's release 20221219 needs as many for itself, the guard and a pipeline of three, measured: with 64 it ends at the
/// second process.
const LEAST_PIDS: u32 = 80;
/// At most so many warm sandboxes of one specification: idle, each takes 12 to 16 MiB and 3 to 5 % of a CPU, measured.
pub const MAX_WARM: u32 = 50;
/// The same file: a hundredth of a processor.
const LEAST_NANO_CPUS: u64 = 10_000_000;

/// Processors' time, in billionths of a processor, as in Docker's `NanoCpus`. It is written as a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpus(pub u64);

impl Cpus {
    /// `count` whole processors.
    #[must_use]
    pub const fn whole(count: u32) -> Self {
        Self(count as u64 * 1_000_000_000)
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// What there is beside memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// Nothing.
    None,
    /// So many bytes, memory included.
    Total(u64),
    /// As much as the machine has.
    Unlimited,
}

/// How many started containers are kept ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warm {
    /// For each project that is not named.
    pub others: u32,
    /// For these, by their absolute folders.
    pub projects: Vec<(PathBuf, u32)>,
}

impl Warm {
    /// How many for the project in `folder`.
    #[must_use]
    pub fn of(&self, folder: &Path) -> u32 {
        let named = self.projects.iter().find(|(project, _)| project == folder);
        named.map_or(self.others, |(_, count)| *count)
    }
}

/// As [`warm`] reads it.
impl fmt::Display for Warm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.others)?;
        self.projects.iter().try_for_each(|(folder, count)| write!(f, ",{}={count}", folder.display()))
    }
}

/// An image's name. What else Docker thinks of it, Docker says.
///
/// # Errors
/// Docker would take it for an option, or for more than a word.
pub fn image(text: &str) -> Result<String, String> {
    if text.is_empty()
        || text.starts_with('-')
        || text.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(format!("`{}` is no image: write `busybox:latest`", plain(text)));
    }
    Ok(text.to_owned())
}

/// A decimal such as `1.5`, of no more than nine digits behind the point, as Docker's `--cpus` takes it.
///
/// # Errors
/// It is none, or less than Docker allows.
pub fn cpus(text: &str) -> Result<Cpus, String> {
    let nano = || {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let part = part.trim_end_matches('0');
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if text.trim_matches('.').is_empty() || !digits(whole) || !digits(part) || part.len() > 9 {
            return None;
        }
        // i64, as for Docker.
        let nano: i64 = format!("{whole}{part:0<9}").parse().ok()?;
        u64::try_from(nano).ok()
    };
    match nano() {
        Some(nano) if nano >= LEAST_NANO_CPUS => Ok(Cpus(nano)),
        Some(_) => Err(format!("`{}` is too little: Docker gives no less than `0.01`", plain(text))),
        None => Err(format!("`{}` is no number of processors: write `2`, `1.5` or `0.25`", plain(text))),
    }
}

/// Bytes: `512m`, `1.5g`, `4GiB`, `100 kB`, `1048576`; every unit is a power of 1024.
///
/// Source: `RAMInBytes` in docker/go-units' `size.go`, compared with Docker's CLI 28.2.2. Two spellings of Go's are
/// none here, `0x1p4` and `1_000`; nor is what does not fit into 63 bits, which Docker makes a negative number of.
///
/// # Errors
/// It is none.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = || {
        let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
        let (number, unit) = text.split_at(last + 1);
        let number: f64 = number.strip_suffix(' ').unwrap_or(number).parse().ok()?;
        let power = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 1,
            "m" | "mb" | "mib" => 2,
            "g" | "gb" | "gib" => 3,
            "t" | "tb" | "tib" => 4,
            "p" | "pb" | "pib" => 5,
            _ => return None,
        };
        let bytes = number * 1024_f64.powi(power);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 63 bits; cut off"
        )]
        (0.0..9_223_372_036_854_775_808.0).contains(&bytes).then_some(bytes as u64)
    };
    bytes().ok_or_else(|| format!("`{}` is no size: write `512m`, `1.5g` or bytes", plain(text)))
}

/// `bytes` as [`size`] reads it back, in the largest unit that keeps it whole.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    let units = ["k", "m", "g", "t", "p"];
    let mut text = (bytes, "");
    for unit in units {
        if text.0 == 0 || !text.0.is_multiple_of(1024) {
            break;
        }
        text = (text.0 / 1024, unit);
    }
    format!("{}{}", text.0, text.1)
}

/// A size that Docker starts containers with.
///
/// # Errors
/// It is none.
pub fn memory(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes < LEAST_MEMORY => {
            Err(format!("`{}` is too little: Docker starts nothing with less than `6m`", plain(text)))
        }
        bytes => Ok(bytes),
    }
}

/// Memory and swap together: a size, or `-1` for no limit.
///
/// # Errors
/// It is neither.
pub fn memory_swap(text: &str) -> Result<Swap, String> {
    if text == "-1" { Ok(Swap::Unlimited) } else { memory(text).map(Swap::Total) }
}

/// How many processes and threads.
///
/// # Errors
/// It is no number, or gVisor could not start.
pub fn pids_limit(text: &str) -> Result<u32, String> {
    match number(text)? {
        count if count < LEAST_PIDS => Err(format!("`{count}` is too few: gVisor itself needs {LEAST_PIDS}")),
        count => Ok(count),
    }
}

/// A size that is not nothing, or `none` for no limit.
///
/// # Errors
/// It is neither.
pub fn disk(text: &str) -> Result<Option<u64>, String> {
    if text == "none" { Ok(None) } else { max_output(text).map(Some) }
}

/// A size that is not nothing.
///
/// # Errors
/// It is none.
pub fn max_output(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err(format!("`{}` is nothing: write `512m`, `1.5g` or bytes", plain(text))),
        bytes => Ok(bytes),
    }
}

/// A number of commands, from 1.
///
/// # Errors
/// It is none.
pub fn max_concurrent(text: &str) -> Result<usize, String> {
    match number(text)? {
        0 => Err("`0` would let nothing start: write at least `1`".to_owned()),
        count => Ok(count as usize),
    }
}

/// A number for all projects, numbers for some, or both: `1`, `/home/me/app=3`, `1,/home/me/app=3`. A folder with a
/// comma in its name cannot be named.
///
/// # Errors
/// Anything else, and what is there twice.
pub fn warm(text: &str) -> Result<Warm, String> {
    let mut warm = Warm::default();
    for (index, part) in text.split(',').map(str::trim).enumerate() {
        let Some((folder, count)) = part.rsplit_once('=') else {
            if index > 0 {
                return Err(format!("`{}`: the number for all projects comes first, and once", plain(part)));
            }
            warm.others = warm_count(part)?;
            continue;
        };
        // Without a slash at its end, and the like.
        let project: PathBuf = Path::new(folder).components().collect();
        if !project.is_absolute() {
            return Err(format!("`{}` is not an absolute path", plain(folder)));
        }
        if warm.projects.iter().any(|(named, _)| *named == project) {
            return Err(format!("`{}` is there twice", plain(folder)));
        }
        warm.projects.push((project, warm_count(count)?));
    }
    Ok(warm)
}

fn warm_count(text: &str) -> Result<u32, String> {
    let too_many = || format!("`{}` is too many: at most {MAX_WARM} sandboxes are kept warm", plain(text));
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than a number has are too many all the same.
    match number(text) {
        Ok(count) if count <= MAX_WARM => Ok(count),
        Err(problem) if !digits => Err(problem),
        _ => Err(too_many()),
    }
}

fn number(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| format!("`{}` is no whole number", plain(text)))
}
