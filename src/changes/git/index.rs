//! The index, as git itself lists it.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::Program;
use super::config;

/// What is listed of one path: the mode, and whether git looks at the file.
type Entry = (Vec<u8>, Marks);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Marks {
    assumed_unchanged: bool,
    skipped: bool,
}

/// Whether the index `new` may take the place of `old`: no new submodule, no new mark that hides changes, no path that leads out.
pub(super) fn is_acceptable(program: &Program, new: &Path, old: &Path, config: &Path) -> bool {
    let format = config::value(program, config, "extensions.objectformat");
    let Some(new) = list(program, new, format.as_deref()) else { return false };
    let old = if old.exists() {
        list(program, old, format.as_deref()).unwrap_or_default()
    } else {
        BTreeMap::new()
    };
    new.iter().all(|(path, (mode, marks))| {
        let before = old.get(path);
        let was = before.map(|(_, marks)| *marks).unwrap_or_default();
        let submodule = mode == b"160000" && before.is_none_or(|(mode, _)| mode != b"160000");
        let hidden = marks.assumed_unchanged && !was.assumed_unchanged || marks.skipped && !was.skipped;
        !submodule && !hidden && is_plain(path)
    })
}

fn is_plain(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let plain = |part: Component<'_>| matches!(part, Component::Normal(name) if !super::is_called_git(name));
    path.components().all(plain)
}

/// `TAG MODE ID STAGE<TAB>PATH` each, ended by a zero (git-ls-files(1)).
fn list(program: &Program, index: &Path, object_format: Option<&str>) -> Option<BTreeMap<Vec<u8>, Entry>> {
    let listed =
        program.alone(object_format, &[("GIT_INDEX_FILE", index)], ["ls-files", "-z", "-s", "-v"])?;
    let mut entries = BTreeMap::new();
    for line in listed.split(|&byte| byte == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|&byte| byte == b'\t')?;
        let (about, path) = (&line[..tab], &line[tab + 1..]);
        let mut words = about.split(|&byte| byte == b' ');
        let (tag, mode) = (words.next()?, words.next()?);
        let marks = Marks {
            assumed_unchanged: tag.first().is_some_and(u8::is_ascii_lowercase),
            skipped: tag.eq_ignore_ascii_case(b"S"),
        };
        // Of a path in conflict there are several.
        let entry: &mut Entry = entries.entry(path.to_owned()).or_insert((mode.to_owned(), marks));
        if mode == b"160000" {
            mode.clone_into(&mut entry.0);
        }
        entry.1.assumed_unchanged |= marks.assumed_unchanged;
        entry.1.skipped |= marks.skipped;
    }
    Some(entries)
}
