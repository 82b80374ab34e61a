//! Every relative link, every anchor and every path of the project that a guide names is there.

use std::collections::HashSet;

use crate::guides::{self, Guide};

/// The targets of `[text](target)` in one line; images count.
fn targets(line: &str) -> Vec<&str> {
    let behind = line.split("](").skip(1);
    behind.filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect()
}

/// The anchors that GitHub gives to the headings of `guide`.
fn anchors(guide: &Guide) -> HashSet<String> {
    let (_, prose) = guides::split(&guide.text);
    let mut seen: HashSet<String> = HashSet::new();
    for (_, line) in prose.iter().filter(|(_, line)| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let slug: String = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let first_free = (0..).map(|count| if count == 0 { slug.clone() } else { format!("{slug}-{count}") });
        let free = first_free.into_iter().find(|slug| !seen.contains(slug)).unwrap();
        seen.insert(free);
    }
    seen
}

#[test]
fn every_link_leads_somewhere() {
    let guides = guides::all();
    let (mut checked, mut dead) = (0, Vec::new());
    for guide in &guides {
        for (number, line) in guides::split(&guide.text).1 {
            for target in targets(line).into_iter().filter(|target| !target.contains("://")) {
                checked += 1;
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let folder = guide.path.parent().unwrap();
                let path = if file.is_empty() { guide.path.clone() } else { folder.join(file) };
                let there = path.canonicalize().is_ok_and(|path| {
                    anchor.is_empty()
                        || guides
                            .iter()
                            .find(|other| other.path == path)
                            .is_some_and(|other| anchors(other).contains(anchor))
                });
                if !there {
                    dead.push(format!("{}:{number}: {target}", guide.name));
                }
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(checked >= 30, "only {checked} links were found: is the search for them broken?");
}

#[test]
fn every_path_of_the_project_that_is_named_exists() {
    let tops = ["src/", "tests/", "scripts/", "docs/", "plugin-metadata/", "benches/"];
    let (mut checked, mut missing) = (0, Vec::new());
    for guide in guides::all() {
        for (number, line) in guides::split(&guide.text).1 {
            for word in line.split('`').skip(1).step_by(2) {
                let word = word.trim_start_matches("./");
                let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
                if !plain || !tops.iter().any(|top| word.starts_with(top)) {
                    continue;
                }
                checked += 1;
                if !guides::root().join(word).exists() {
                    missing.push(format!("{}:{number}: {word}", guide.name));
                }
            }
        }
    }
    assert!(missing.is_empty(), "named and not there:\n{}", missing.join("\n"));
    assert!(checked >= 20, "only {checked} paths were found: is the search for them broken?");
}
