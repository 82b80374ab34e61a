//! The plan that is shown before anything is done.

use std::fmt::Write as _;

use crate::docker::daemon::DaemonProcess;
use crate::setup::register;
use crate::setup::source::Source;
use crate::setup::target::Target;
use crate::ui::{plain, shown};

/// The steps, and what changes in daemon.json.
pub(super) fn text(
    name: &str,
    source: &Source,
    target: &Target,
    process: &DaemonProcess,
    plan: &register::Plan,
) -> String {
    let mut steps = vec![source.to_string()];
    if !matches!(source, Source::Found(_) | Source::Apt) {
        steps.push(format!("place it into {}", shown(&target.prefix)));
    }
    let config = shown(&target.config);
    let linked = if target.config == target.real_config {
        String::new()
    } else {
        format!(", which is {}", shown(&target.real_config))
    };
    let safe = match source {
        Source::Found(_) => "",
        _ => ", with `--directfs=false` if this release needs it to keep read-only mounts as they are",
    };
    steps.push(format!("register `{name}` in {config}{linked}{safe}"));
    steps.push(format!(
        "have the daemon (process {}) read it; running containers are not touched",
        process.pid()
    ));
    steps.push("prove it: start a container of our own, look at it, remove it".to_owned());
    let mut text = String::from("docker sandbox setup does this, and takes it back if a step fails:\n");
    for (number, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
    let before = plan.before.as_deref().unwrap_or_default();
    if plan.added.former.is_some() {
        let _ = writeln!(
            text,
            "\n{}:\n{}",
            plain(&target.config.to_string_lossy()),
            diff(before, &plan.added.text)
        );
    } else {
        let _ = writeln!(text, "\n{config} says so already.");
    }
    text
}

/// The lines that go and come, with one around them; what we do is in one place.
fn diff(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let ends = old[start..].iter().rev().zip(new[start..].iter().rev());
    let end = ends.take_while(|(old, new)| old == new).count();
    let mut lines = Vec::new();
    let mut show = |sign: char, part: &[&str]| {
        lines.extend(part.iter().map(|line| format!("  {sign}{}\n", plain(line).replace("\\u{9}", "\t"))));
    };
    show(' ', &new[start.saturating_sub(1)..start]);
    show('-', &old[start..old.len() - end]);
    show('+', &new[start..new.len() - end]);
    show(' ', &new[new.len() - end..(new.len() - end + 1).min(new.len())]);
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diff_shows_what_comes_and_goes() {
        assert_eq!(diff("", "{\n}\n"), "  +{\n  +}\n");
        assert_eq!(
            diff("{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"b\": 2\n}\n"),
            "   {\n  -  \"a\": 1\n  +  \"a\": 1,\n  +  \"b\": 2\n   }\n"
        );
    }
}
