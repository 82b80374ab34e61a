//! Two contents, line by line.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp};

use super::text;

/// How long one comparison may take; after that it is still right, but not the shortest. What is compared is the command's.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Lines around a change.
const CONTEXT: usize = 3;
/// git looks for a zero byte in as much (`FIRST_FEW_BYTES` in its xdiff-interface.c).
const FIRST_BYTES: usize = 8000;

/// Whether git would take it for something that is no text.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(FIRST_BYTES).any(|byte| *byte == 0)
}

/// How the lines of two contents differ.
#[derive(Debug)]
pub(super) struct Lines {
    old: Vec<u8>,
    new: Vec<u8>,
    operations: Vec<DiffOp>,
}

fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

impl Lines {
    /// Compares the bytes: what is escaped later could be the same.
    pub(super) fn new(old: Vec<u8>, new: Vec<u8>) -> Self {
        let deadline = Some(Instant::now() + TIMEOUT);
        let operations =
            similar::capture_diff_slices_deadline(Algorithm::Myers, &lines(&old), &lines(&new), deadline);
        Self { old, new, operations }
    }

    /// Whether they do.
    pub(super) fn differ(&self) -> bool {
        self.old != self.new
    }

    /// How many are added and removed.
    pub(super) fn counts(&self) -> (usize, usize) {
        let changed = self.operations.iter().filter(|operation| !matches!(operation, DiffOp::Equal { .. }));
        changed.fold((0, 0), |(added, removed), operation| {
            (added + operation.new_range().len(), removed + operation.old_range().len())
        })
    }

    /// The hunks of a unified diff.
    pub(super) fn hunks(&self) -> String {
        let (old, new) = (lines(&self.old), lines(&self.new));
        let mut text = String::new();
        for group in similar::group_diff_ops(self.operations.clone(), CONTEXT) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let range = |from: Range<usize>, to: Range<usize>| header(from.start, to.end - from.start);
            let _ = writeln!(
                text,
                "@@ -{} +{} @@",
                range(first.old_range(), last.old_range()),
                range(first.new_range(), last.new_range())
            );
            for operation in &group {
                if matches!(operation, DiffOp::Equal { .. }) {
                    push(&mut text, ' ', &old[operation.old_range()]);
                } else {
                    push(&mut text, '-', &old[operation.old_range()]);
                    push(&mut text, '+', &new[operation.new_range()]);
                }
            }
        }
        text
    }
}

/// An empty range is told by the line before it.
fn header(start: usize, length: usize) -> String {
    match length {
        0 => format!("{start},0"),
        1 => (start + 1).to_string(),
        _ => format!("{},{length}", start + 1),
    }
}

fn push(into: &mut String, sign: char, lines: &[&[u8]]) {
    for line in lines {
        let whole = line.strip_suffix(b"\n");
        let escaped: Vec<String> = whole.unwrap_or(line).split(|byte| *byte == b'\t').map(text).collect();
        let _ = writeln!(into, "{sign}{}", escaped.join("\t"));
        if whole.is_none() {
            into.push_str("\\ No newline at end of file\n");
        }
    }
}
