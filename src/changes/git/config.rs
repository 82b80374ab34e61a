//! git's configuration, as git itself reads it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Program;

/// Files that include each other; there are a few.
const MAX_FILES: usize = 100;

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

/// Where git in `tree` finds hooks, programs and more configuration, in absolute paths: what its configuration names, whether the
/// condition of an include holds now or not, and where links among its hooks lead.
pub(super) fn named_paths(program: &Program, tree: &Path) -> Vec<PathBuf> {
    let args = ["config", "--list", "-z", "--show-origin", "--includes"];
    let Some(text) = program.in_directory(tree, &args) else { return Vec::new() };
    let mut items = text.split(|&byte| byte == 0);
    let mut named = Named { program, tree, files: Vec::new(), hooks: Vec::new(), programs: Vec::new() };
    while let (Some(origin), Some(item)) = (items.next(), items.next()) {
        let origin = origin.strip_prefix(b"file:").map(|path| tree.join(OsStr::from_bytes(path)));
        let Some(end) = item.iter().position(|&byte| byte == b'\n') else { continue };
        named.add(origin.as_deref(), &item[..end], &item[end + 1..]);
        // A file that is included itself.
        named.files.extend(origin.filter(|origin| !named.files.contains(origin)));
    }
    // git has not read what is included on a condition that does not hold.
    let mut at = 0;
    while let Some(file) = named.files.get(at).filter(|_| at < MAX_FILES).cloned() {
        at += 1;
        for (key, values) in listed(program, &file).filter(|_| file.is_file()).unwrap_or_default() {
            for value in &values {
                named.add(Some(&file), &key, value);
            }
        }
    }
    let common = program.in_directory(tree, &["rev-parse", "--git-common-dir"]);
    named.hooks.extend(common.map(|path| tree.join(OsStr::from_bytes(path.trim_ascii_end())).join("hooks")));
    let links = named.hooks.iter().flat_map(|hooks| std::fs::read_dir(hooks).into_iter().flatten().flatten());
    let links: Vec<PathBuf> = links
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
        .map(|entry| entry.path())
        .collect();
    [named.files, named.hooks, named.programs, links].concat()
}

/// What configuration names, as it is read.
struct Named<'a> {
    program: &'a Program,
    tree: &'a Path,
    files: Vec<PathBuf>,
    hooks: Vec<PathBuf>,
    programs: Vec<PathBuf>,
}

impl Named<'_> {
    /// The value of `key`, as it stands in the file `origin`.
    fn add(&mut self, origin: Option<&Path>, key: &[u8], value: &[u8]) {
        let includes = key == b"include.path" || key.starts_with(b"includeif.") && key.ends_with(b".path");
        let at = |base: &Path, value: &[u8]| lexical(&base.join(expanded(self.program, value)));
        if key == b"core.hookspath" {
            self.hooks.push(at(self.tree, value));
        } else if includes && let Some(folder) = origin.and_then(Path::parent) {
            let file = at(folder, value);
            if !self.files.contains(&file) {
                self.files.push(file);
            }
        } else if names_a_program(key) {
            let words = value.split(|byte| byte.is_ascii_whitespace() || b"'\";&|()<>!`=".contains(byte));
            let words = words.filter(|word| !word.is_empty()).map(|word| at(self.tree, word));
            self.programs.extend(words.filter(|path| path.is_file()));
        }
    }
}

/// Whether git starts what the value of `key` says (git-config(1)).
fn names_a_program(key: &[u8]) -> bool {
    let Ok(key) = std::str::from_utf8(key) else { return false };
    let (section, name) =
        (key.split('.').next().unwrap_or_default(), key.rsplit('.').next().unwrap_or_default());
    match section {
        "alias" | "pager" => true,
        "core" => {
            matches!(name, "fsmonitor" | "sshcommand" | "editor" | "pager" | "askpass" | "gitproxy")
                || name == "alternaterefscommand"
        }
        "filter" => matches!(name, "clean" | "smudge" | "process"),
        "diff" => matches!(name, "command" | "textconv" | "external"),
        "merge" => name == "driver",
        "difftool" | "mergetool" | "browser" | "man" => matches!(name, "cmd" | "path"),
        "gpg" => name == "program" || name == "defaultkeycommand",
        "credential" => name == "helper",
        "sequence" => name == "editor",
        "interactive" => name == "difffilter",
        "remote" => matches!(name, "uploadpack" | "receivepack" | "proxy" | "vcs" | "url"),
        "trailer" => matches!(name, "cmd" | "command"),
        "submodule" => name == "update",
        "uploadpack" => name == "packobjectshook",
        _ => false,
    }
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
