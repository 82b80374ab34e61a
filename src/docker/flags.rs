//! Which options of Docker's commands take a value. That decides where the image is.
//!
//! Source: `docker run --help` of 20.10, 26.1 and 28.x and, for the hidden ones,
//! `cli/command/container/opts.go` of docker/cli. A test on every CLI at hand keeps it complete.

/// Whether an option takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// `--rm`, `--rm=false`: a value only behind `=`.
    Switch,
    /// `--name x`, `--name=x`: takes the next word where there is no `=`.
    Value,
}

/// One option: its long name, its letter if it has one, and its arity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub long: String,
    /// `d` for `-d`.
    pub short: Option<u8>,
    /// Whether it takes a value.
    pub arity: Arity,
}

/// The options one command knows.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    known: Vec<Flag>,
    learned: bool,
}

const RUN_SWITCHES: &str = "-d/detach disable-content-trust help init -i/interactive no-healthcheck \
    oom-kill-disable privileged -P/publish-all -q/quiet read-only rm sig-proxy -t/tty use-api-socket";

const RUN_VALUES: &str = "add-host annotation -a/attach blkio-weight blkio-weight-device cap-add cap-drop \
    cgroup-parent cgroupns cidfile cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime \
    -c/cpu-shares cpus cpuset-cpus cpuset-mems detach-keys device device-cgroup-rule device-read-bps \
    device-read-iops device-write-bps device-write-iops dns dns-opt dns-option dns-search domainname entrypoint \
    -e/env env-file expose gpus group-add health-cmd health-interval health-retries health-start-interval \
    health-start-period health-timeout -h/hostname io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory \
    -l/label label-file link link-local-ip log-driver log-opt mac-address -m/memory memory-reservation \
    memory-swap memory-swappiness mount name net net-alias network network-alias oom-score-adj pid pids-limit \
    platform -p/publish pull restart runtime security-opt shm-size stop-signal stop-timeout storage-opt sysctl \
    tmpfs ulimit -u/user userns uts -v/volume volume-driver volumes-from -w/workdir";

/// Docker's global options, which come before the command.
const GLOBAL_SWITCHES: &str = "-D/debug help tls tlsverify -v/version";
const GLOBAL_VALUES: &str = "config -c/context -H/host -l/log-level tlscacert tlscert tlskey";

/// Ours, on `run` and `create`. See [`crate::docker::run_line::Ours`].
const OUR_SWITCHES: &str = "no-sandbox verbose no-fix persist";
const OUR_VALUES: &str = "sandbox detect-timeout allow quiet-rule ttl";

impl Flags {
    /// What `docker run` and `docker create` know, as far as we were told, and our own.
    #[must_use]
    pub fn run() -> Self {
        let mut flags = Self::listed(RUN_SWITCHES, RUN_VALUES);
        flags.known.extend(Self::ours().known);
        flags
    }

    /// Docker's global options.
    #[must_use]
    pub fn global() -> Self {
        Self::listed(GLOBAL_SWITCHES, GLOBAL_VALUES)
    }

    /// The options that `docker sandbox run` and `create` add to Docker's.
    #[must_use]
    pub fn ours() -> Self {
        Self::listed(OUR_SWITCHES, OUR_VALUES)
    }

    fn listed(switches: &str, values: &str) -> Self {
        let read = |list: &str, arity| -> Vec<Flag> {
            list.split_ascii_whitespace()
                .map(|word| match word.strip_prefix('-').and_then(|word| word.split_once('/')) {
                    Some((short, long)) => Flag { long: long.to_owned(), short: short.bytes().next(), arity },
                    None => Flag { long: word.to_owned(), short: None, arity },
                })
                .collect()
        };
        let mut flags = read(switches, Arity::Switch);
        flags.extend(read(values, Arity::Value));
        Self { known: flags, learned: false }
    }

    /// The options that a `docker run --help` lists: `  -q, --quiet   Suppress…`,
    /// `      --name string   Assign…`. The word behind the name is the value's type; switches
    /// have none. Lines that do not start with an option in its column are descriptions.
    #[must_use]
    pub fn from_help(help: &str) -> Self {
        Self { known: help.lines().filter_map(flag_of_help_line).collect(), learned: true }
    }

    /// Adds what `others` knows and this does not.
    pub fn learn(&mut self, others: Self) {
        for flag in others.known {
            if self.long(flag.long.as_bytes()).is_none() {
                self.known.push(flag);
                self.learned |= others.learned;
            }
        }
    }

    /// Whether some of it is read off a help text and not our own table.
    #[must_use]
    pub fn has_learned(&self) -> bool {
        self.learned
    }

    /// The option of that long name.
    #[must_use]
    pub fn long(&self, name: &[u8]) -> Option<&Flag> {
        self.known.iter().find(|flag| flag.long.as_bytes() == name)
    }

    /// The option of that letter.
    #[must_use]
    pub fn short(&self, letter: u8) -> Option<&Flag> {
        self.known.iter().find(|flag| flag.short == Some(letter))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Flag> {
        self.known.iter()
    }
}

/// What pflag and docker/cli call the values of options that always take one. Source: the `Type`
/// methods of spf13/pflag and of docker/cli's `opts`.
const TYPES: [&str; 28] = [
    "bytes",
    "command",
    "decimal",
    "duration",
    "external-ca",
    "filter",
    "float",
    "float32",
    "float64",
    "gpu-request",
    "int",
    "int16",
    "int32",
    "int64",
    "ip",
    "list",
    "map",
    "mount",
    "network",
    "port",
    "scale",
    "strings",
    "string",
    "stringArray",
    "uint",
    "uint16",
    "uint64",
    "ulimit",
];

fn flag_of_help_line(line: &str) -> Option<Flag> {
    let (short, rest) = if let Some(rest) = line.strip_prefix("      --") {
        (None, rest)
    } else {
        let rest = line.strip_prefix("  -")?;
        let letter = *rest.as_bytes().first()?;
        (Some(letter), rest.get(1..)?.strip_prefix(", --")?)
    };
    let end = rest.find(' ').unwrap_or(rest.len());
    let (long, behind) = rest.split_at(end);
    if long.is_empty() || !long.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    // `--name string   text`: one blank and a type; `--rm   text`: three blanks at least.
    let arity = match behind.strip_prefix(' ').and_then(|behind| behind.split(' ').next()) {
        None | Some("") => Arity::Switch,
        Some(kind) if TYPES.contains(&kind) => Arity::Value,
        // `string[="x"]`, `count`, a word of the description: whether it takes a value is not known.
        Some(_) => return None,
    };
    Some(Flag { long: long.to_owned(), short, arity })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_text_tells_switches_from_options_with_values() {
        let help = "\nOptions:\n      --add-host list   Add a custom\n                        --fake string\n  \
                    -q, --quiet           Suppress\n  -e, --env list   Set\n      --rm             Remove\n";
        let flags = Flags::from_help(help);
        let seen: Vec<_> = flags.iter().map(|f| (f.long.as_str(), f.short, f.arity)).collect();
        assert_eq!(
            seen,
            [
                ("add-host", None, Arity::Value),
                ("quiet", Some(b'q'), Arity::Switch),
                ("env", Some(b'e'), Arity::Value),
                ("rm", None, Arity::Switch),
            ]
        );
    }

    #[test]
    fn an_option_whose_value_may_be_left_out_is_not_learned() {
        let help =
            "      --verify string[=\"always\"]   x\n      --trace count   x\n      --audit mode   x\n";
        assert_eq!(Flags::from_help(help).iter().count(), 0);
    }

    #[test]
    fn what_is_learned_never_changes_what_is_known() {
        let mut flags = Flags::run();
        flags.learn(Flags::from_help("      --rm string   x\n      --new   x\n"));
        assert_eq!(flags.long(b"rm").map(|f| f.arity), Some(Arity::Switch));
        assert_eq!(flags.long(b"new").map(|f| f.arity), Some(Arity::Switch));
    }
}
