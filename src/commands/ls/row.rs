//! One line of `ls`.

use std::time::{Duration, SystemTime};

use crate::commands::fleet::brief;
use crate::sandbox::fleet::container::Container;
use crate::sandbox::fleet::sight::{self, Seen};
use crate::sandbox::labels::Kind;
use crate::ui::{json, plain};

/// What can be asked for, in a template and in JSON.
pub(super) const FIELDS: [&str; 19] = [
    "ID", "Name", "Kind", "Image", "Status", "Runtime", "Proven", "Age", "Left", "CPUs", "Memory", "Used",
    "Project", "Mode", "Owner", "Created", "Expires", "Version", "Spec",
];

/// The table's columns and what is in them.
const COLUMNS: [(&str, &str); 12] = [
    ("CONTAINER ID", "ID"),
    ("NAME", "Name"),
    ("KIND", "Kind"),
    ("IMAGE", "Image"),
    ("STATUS", "Status"),
    ("RUNTIME", "Runtime"),
    ("AGE", "Age"),
    ("LEFT", "Left"),
    ("CPUS", "CPUs"),
    ("MEMORY", "Memory"),
    ("USED", "Used"),
    ("PROJECT", "Project"),
];

/// A container's values, in the order of [`FIELDS`]; empty for what is not known or not there.
#[derive(Debug)]
pub(super) struct Row([String; FIELDS.len()]);

impl Row {
    /// `whole`: the id too.
    pub(super) fn of(container: &Container, now: SystemTime, whole: bool) -> Self {
        let labels = &container.labels;
        let id: String = container.id.chars().take(if whole { 64 } else { 12 }).collect();
        let status = match container.status.as_str() {
            ended @ ("exited" | "dead") => format!("{ended} ({})", container.exit_code),
            status => status.to_owned(),
        };
        let proven = match sight::seen(container) {
            Seen::Proven => "yes",
            Seen::NotGvisor => "no",
            Seen::Unproven => "unknown",
            Seen::NotRunning => "",
        };
        let since = |then: SystemTime| brief(now.duration_since(then).unwrap_or_default());
        let left = |then: SystemTime| match then.duration_since(now) {
            Ok(left) if !left.is_zero() => brief(left),
            _ => "expired".to_owned(),
        };
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        Self([
            id,
            container.name.clone(),
            or_empty(labels.kind.map(|kind: Kind| kind.name().to_owned())),
            container.image.clone(),
            status,
            container.runtime.clone(),
            proven.to_owned(),
            or_empty(container.created.map(since)),
            or_empty(labels.expires.map(left)),
            or_empty(container.cpus.map(count)),
            or_empty(container.memory.map(size)),
            or_empty(sight::memory(container).map(size)),
            or_empty(labels.project.clone()),
            or_empty(labels.mode.map(|mode| mode.to_string())),
            or_empty(labels.owner.map(|owner| owner.to_string())),
            or_empty(container.created.map(time)),
            or_empty(labels.expires.map(time)),
            or_empty(labels.version.clone()),
            or_empty(labels.spec.clone()),
        ])
    }

    /// The value of one of [`FIELDS`], harmless to a terminal.
    pub(super) fn field(&self, name: &str) -> String {
        let at = FIELDS.iter().position(|field| *field == name);
        at.map(|at| plain(&self.0[at])).unwrap_or_default()
    }

    /// All of them, as an object of strings: `docker ps --format json` has them so.
    pub(super) fn json(&self) -> String {
        let pairs =
            FIELDS.iter().zip(&self.0).map(|(name, value)| ((*name).to_owned(), value.clone().into()));
        json(&serde_json::Value::Object(pairs.collect()).to_string())
    }

    fn cell(&self, field: &str) -> String {
        let proof = match (field, self.field("Proven").as_str()) {
            ("Runtime", "yes") => " (proven)",
            ("Runtime", "no") => " (not gVisor)",
            ("Runtime", "unknown") => " (unproven)",
            _ => "",
        };
        let value = self.field(field) + proof;
        if value.is_empty() { "-".to_owned() } else { value }
    }
}

/// All rows under a header.
pub(super) fn table(rows: &[Row]) -> String {
    let header = COLUMNS.iter().map(|(title, _)| (*title).to_owned()).collect();
    let cells = rows.iter().map(|row| COLUMNS.iter().map(|(_, field)| row.cell(field)).collect());
    aligned(&std::iter::once(header).chain(cells).collect::<Vec<_>>())
}

/// Columns as wide as what is in them, three blanks apart, as Docker's.
pub(in crate::commands) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("   ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// RFC 3339, in whole seconds.
pub(in crate::commands) fn time(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()))
        .to_string()
}

/// `0.5`, `2`.
fn count(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `512MiB`, `1.5GiB`.
#[allow(clippy::cast_precision_loss, reason = "shown with one place")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    format!("{}{}", text.trim_end_matches(".0"), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_short() {
        assert_eq!(
            [0, 1023, 1536, 512 << 20, 3 << 29].map(size),
            ["0B", "1023B", "1.5KiB", "512MiB", "1.5GiB"]
        );
        assert_eq!([0.5, 2.0, 1.25, 10.0].map(count), ["0.5", "2", "1.25", "10"]);
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let lines = [["A", "B"], ["long", "x"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(aligned(&lines), "A      B\nlong   x\n");
    }
}
