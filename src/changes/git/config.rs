//! git's configuration, as git itself reads it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Program;

/// Keys to set, each with all of its values; without one, it is taken away.
pub(crate) type Keys = BTreeMap<String, Vec<String>>;

/// What a changed `config` comes to.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    /// What may be set.
    pub(super) keys: Keys,
    /// Whether that is not all.
    pub(super) is_more_than_keys: bool,
}

impl Default for Verdict {
    /// Of one that cannot be read.
    fn default() -> Self {
        Self { keys: Keys::new(), is_more_than_keys: true }
    }
}

/// Everything that a file says itself; keys as git writes them: section and name in small letters.
fn listed(program: &Program, file: &Path) -> Option<BTreeMap<Vec<u8>, Vec<Vec<u8>>>> {
    let args = ["config".as_ref(), "--file".as_ref(), file.as_os_str(), "--list".as_ref(), "-z".as_ref()];
    let text = program.alone(None, &[], args.into_iter().chain(["--no-includes".as_ref()]))?;
    let mut all: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for item in text.split(|&byte| byte == 0).filter(|item| !item.is_empty()) {
        // A key without `=` has no value, and no line end.
        let end = item.iter().position(|&byte| byte == b'\n');
        let (key, value) = end.map_or((item, &b""[..]), |end| (&item[..end], &item[end + 1..]));
        all.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Some(all)
}

/// The last value of `key` in a file.
pub(super) fn value(program: &Program, file: &Path, key: &str) -> Option<String> {
    let values = listed(program, file)?.remove(key.as_bytes())?;
    String::from_utf8(values.last()?.clone()).ok()
}

/// What `new` changes in comparison with `old`.
pub(super) fn compare(program: &Program, new: &Path, old: &Path) -> Option<Verdict> {
    let (new, old) = (listed(program, new)?, listed(program, old)?);
    let is_remote = |name: &str| name == "." || old.contains_key(format!("remote.{name}.url").as_bytes());
    let mut verdict = Verdict { keys: Keys::new(), is_more_than_keys: false };
    let mut changed: Vec<&Vec<u8>> = new.keys().chain(old.keys()).collect();
    changed.sort();
    changed.dedup();
    for key in changed.into_iter().filter(|&key| new.get(key) != old.get(key)) {
        let values = new.get(key).cloned().unwrap_or_default();
        match branch_key(key, &values, &is_remote) {
            Some((key, values)) => drop(verdict.keys.insert(key, values)),
            None => verdict.is_more_than_keys = true,
        }
    }
    Some(verdict)
}

/// `branch.NAME.remote`, `merge` or `rebase`, with values that only name what there is.
fn branch_key(
    key: &[u8],
    values: &[Vec<u8>],
    is_remote: &dyn Fn(&str) -> bool,
) -> Option<(String, Vec<String>)> {
    let key = std::str::from_utf8(key).ok()?;
    let (branch, name) = key.strip_prefix("branch.")?.rsplit_once('.')?;
    let values: Option<Vec<String>> =
        values.iter().map(|value| String::from_utf8(value.clone()).ok()).collect();
    let values = values?;
    let fits = |value: &String| match name {
        // Another one could be a command, or a directory whose configuration names one.
        "remote" => is_remote(value),
        "merge" => super::is_reference_name(value),
        "rebase" => matches!(value.as_str(), "true" | "false" | "merges"),
        _ => false,
    };
    let known = matches!(name, "remote" | "merge" | "rebase");
    let plain = !branch.is_empty() && !branch.contains(char::is_control) && !branch.starts_with('-');
    (known && plain && values.iter().all(fits)).then(|| (key.to_owned(), values))
}

/// Whether `file` says `keys` already.
pub(crate) fn has(program: &Program, file: &Path, keys: &Keys) -> bool {
    let Some(all) = listed(program, file) else { return false };
    keys.iter().all(|(key, values)| {
        let there = all.get(key.as_bytes()).map(Vec::as_slice).unwrap_or_default();
        there.iter().map(Vec::as_slice).eq(values.iter().map(String::as_bytes))
    })
}

/// Sets `keys` in `file`, which is not git's yet.
pub(crate) fn set(program: &Program, file: &Path, keys: &Keys) -> bool {
    keys.iter().all(|(key, values)| {
        let word = |word: &str| OsStr::new(word).to_owned();
        let command = |action: &str, rest: &[&str]| {
            let args = [word("config"), word("--file"), file.as_os_str().to_owned(), word(action), word(key)];
            program.alone(None, &[], args.into_iter().chain(rest.iter().map(|rest| word(rest))))
        };
        // Fails where there is none.
        let _ = command("--unset-all", &[]);
        values.iter().all(|value| command("--add", &[value]).is_some())
    })
}

/// Where git in `tree` finds hooks and more configuration, in absolute paths: the value of `core.hooksPath`, and of everything that
/// includes a file, whether its condition holds now or not.
pub(super) fn named_paths(program: &Program, tree: &Path) -> Vec<PathBuf> {
    let args = ["config", "--list", "-z", "--show-origin", "--includes"];
    let Some(text) = program.in_directory(tree, &args) else { return Vec::new() };
    let mut items = text.split(|&byte| byte == 0);
    let mut found = Vec::new();
    while let (Some(origin), Some(item)) = (items.next(), items.next()) {
        let origin = origin.strip_prefix(b"file:").map(|path| tree.join(OsStr::from_bytes(path)));
        // A file that is included itself.
        found.extend(origin.clone());
        let Some(end) = item.iter().position(|&byte| byte == b'\n') else { continue };
        let (key, value) = (&item[..end], &item[end + 1..]);
        let includes = key == b"include.path" || key.starts_with(b"includeif.") && key.ends_with(b".path");
        let base = match origin.as_deref().and_then(Path::parent) {
            _ if key == b"core.hookspath" => tree,
            Some(folder) if includes => folder,
            _ => continue,
        };
        found.push(lexical(&base.join(expanded(program, value))));
    }
    // git's own configuration files are in git directories, which have rules of their own.
    found
}

fn expanded(program: &Program, value: &[u8]) -> PathBuf {
    match (value.strip_prefix(b"~/"), &program.home) {
        (Some(rest), Some(home)) => home.join(OsStr::from_bytes(rest)),
        _ => PathBuf::from(OsStr::from_bytes(value)),
    }
}

/// Without `.` and `..`, as far as names tell.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}
