//! Rules over what is mounted read-only where gVisor alone sees to that.

use super::{Hit, Start};
use crate::gvisor::arguments::Argument;

/// The first release with directfs, in which the sandbox itself opens the host's files.
pub const SINCE: u32 = 20_230_501;
/// The first one that was seen to keep read-only mounts as they are.
pub const UNTIL: u32 = 20_260_817;

/// Whether a release may change what is mounted read-only; one that is not known may.
#[must_use]
pub fn is_affected(release: Option<u32>) -> bool {
    release.is_none_or(|release| (SINCE..UNTIL).contains(&release))
}

/// Something that a line mounts read-only and that the host's kernel lets be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnly {
    /// The option as it was typed.
    pub written: String,
    /// What can be done.
    pub kind: Kind,
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The same as a volume that the host's kernel keeps read-only.
    Enforceable,
    /// A single file: what is in it is safe with every release.
    File,
    /// Nothing.
    Unenforceable,
}

/// Whether a runtime with these arguments keeps read-only mounts as they are, whatever its release: its gofer opens
/// the host's files, and knows which of them are read-only.
#[must_use]
pub fn is_kept(runtime: &[Argument]) -> bool {
    runtime.iter().any(|argument| argument.name == "directfs" && !argument.is_on())
}

fn hits(start: &Start<'_>, kind: Kind) -> Vec<Hit> {
    if is_kept(start.runtime) {
        return Vec::new();
    }
    let meant = start.read_only.iter().filter(|one| one.kind == kind);
    meant.map(|one| Hit::new(&one.written)).collect()
}

pub(super) fn enforceable(start: &Start<'_>) -> Vec<Hit> {
    hits(start, Kind::Enforceable)
}

pub(super) fn files(start: &Start<'_>) -> Vec<Hit> {
    hits(start, Kind::File)
}

pub(super) fn unenforceable(start: &Start<'_>) -> Vec<Hit> {
    hits(start, Kind::Unenforceable)
}
