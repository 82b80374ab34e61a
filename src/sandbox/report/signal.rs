//! Signals by name.

/// From 1, as Linux numbers them on the processors that gVisor runs on: signal(7).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The name of the signal `number` in a container, whatever it means on this machine: `SIGKILL`, `SIGRTMIN+3`. One that
/// does not exist is called by its number, `SIG99`.
#[must_use]
pub fn signal_name(number: u8) -> String {
    match (usize::from(number).checked_sub(1).and_then(|index| NAMES.get(index)), number) {
        (Some(name), _) => format!("SIG{name}"),
        (None, 34) => "SIGRTMIN".to_owned(),
        (None, 35..=64) => format!("SIGRTMIN+{}", number - 34),
        (None, _) => format!("SIG{number}"),
    }
}
