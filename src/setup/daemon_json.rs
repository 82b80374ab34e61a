//! A runtime's entry in the text of a daemon.json: put in and taken out, and not a byte else touched.
//!
//! Texts in, texts out. `runsc install` re-sorts the file, drops `runtimeArgs` and panics on `null`
//! (see `InstallOrUpdate` in gVisor's `runsc/cmd/install.go`); this does not.

mod parsed;

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use parsed::Problem;
use parsed::{Parsed, twice};

use super::json_text::{Member, Object, Style};

/// What a runtime is registered as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The binary.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
}

/// What was there before an entry was put in: enough to take it out again, byte for byte, from a
/// text that others may have edited since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Former {
    /// No file.
    Absent,
    /// A file with nothing in it but this.
    Blank(String),
    /// No `runtimes`. If the object around was empty: what stood between its braces.
    NoRuntimes(Option<String>),
    /// `runtimes` without the entry. If it was empty: what stood between its braces.
    NoEntry(Option<String>),
    /// An entry of that name: its text.
    Entry(String),
}

/// A text with the entry in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The new text.
    pub text: String,
    /// What was there; `None` where the entry was in it already.
    pub former: Option<Former>,
}

/// `text` (`None`: there is no file) with `name` registered as `entry`.
///
/// # Errors
/// It is no daemon.json that can be understood.
pub fn add(text: Option<&[u8]>, name: &str, entry: &Entry) -> Result<Added, Problem> {
    let Some(bytes) = text else {
        return Ok(Added { text: whole_file(name, entry), former: Some(Former::Absent) });
    };
    let Some(parsed) = Parsed::read(bytes)? else {
        let blank = String::from_utf8_lossy(bytes).into_owned();
        return Ok(Added { text: whole_file(name, entry), former: Some(Former::Blank(blank)) });
    };
    let Parsed { text, top, runtimes } = parsed;
    let style = Style::of(text, &top);
    let added = |text, former| Ok(Added { text, former: Some(former) });
    let Some(runtimes) = runtimes else {
        let ours = style.member(name, &value(&style, entry, 2));
        let member = style.member("runtimes", &style.object(&[ours], 1));
        let (text, gap) = insert(text, &top, &style, &member, 1);
        return added(text, Former::NoRuntimes(gap));
    };
    match runtimes.named(name)[..] {
        [] => {
            let member = style.member(name, &value(&style, entry, 2));
            let (text, gap) = insert(text, &runtimes, &style, &member, 2);
            added(text, Former::NoEntry(gap))
        }
        [member] => {
            let old = &text[member.value.clone()];
            if registered(old).as_ref() == Some(entry) {
                return Ok(Added { text: text.to_owned(), former: None });
            }
            let new = splice(text, member.value.clone(), &value(&style, entry, 2));
            added(new, Former::Entry(old.to_owned()))
        }
        [_, second, ..] => Err(twice(text, second)),
    }
}

/// `text` with `name` as it was before [`add`], which told `former`; `None` where the file goes too.
/// An entry that is not there any more is no error.
///
/// With `keep_runtimes`, what is left of `runtimes` stays, empty as it may be: the daemon drops a
/// runtime only if there is a `runtimes` without it.
///
/// # Errors
/// It is no daemon.json that can be understood.
pub fn remove(
    text: &[u8],
    name: &str,
    former: &Former,
    keep_runtimes: bool,
) -> Result<Option<String>, Problem> {
    let Some(Parsed { text, top, runtimes }) = Parsed::read(text)? else {
        return Ok(if *former == Former::Absent {
            None
        } else {
            Some(String::from_utf8_lossy(text).into_owned())
        });
    };
    let Some(runtimes) = runtimes else { return Ok(Some(text.to_owned())) };
    let found = runtimes.named(name);
    if let [_, second, ..] = found[..] {
        return Err(twice(text, second));
    }
    if let Former::Entry(old) = former {
        return Ok(Some(
            found.first().map_or(text.to_owned(), |member| splice(text, member.value.clone(), old)),
        ));
    }
    let gap = |gap: &Option<String>| gap.clone().unwrap_or_default();
    let ours_alone = runtimes.members.len() == found.len();
    let without = match (found.first(), former) {
        (None, _) => text.to_owned(),
        (Some(_), Former::NoEntry(Some(gap))) if ours_alone => splice(text, runtimes.inside.clone(), gap),
        (Some(_), _) if ours_alone => splice(text, runtimes.inside.clone(), ""),
        (Some(member), _) => cut(text, &runtimes, member),
    };
    if keep_runtimes || !ours_alone || matches!(former, Former::NoEntry(_)) {
        return Ok(Some(without));
    }
    // `runtimes` was ours, and is empty: it goes as well.
    let Some(top_member) = top.named("runtimes").first().copied() else { return Ok(Some(without)) };
    let alone = top.members.len() == 1;
    Ok(match former {
        Former::Absent if alone => None,
        Former::Blank(blank) if alone => Some(blank.clone()),
        Former::NoRuntimes(inside) if alone => Some(splice(text, top.inside.clone(), &gap(inside))),
        _ if alone => Some(splice(text, top.inside.clone(), "")),
        _ => Some(cut(text, &top, top_member)),
    })
}

/// How a name is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Not at all.
    Nothing,
    /// With what an [`Entry`] says.
    Entry(Entry),
    /// In another way; its text.
    Other(String),
}

impl Found {
    /// What the text of one registration says.
    #[must_use]
    pub fn read(text: &str) -> Self {
        registered(text).map_or_else(|| Self::Other(text.to_owned()), Self::Entry)
    }

    /// The entry, if it is one.
    #[must_use]
    pub fn entry(self) -> Option<Entry> {
        if let Self::Entry(entry) = self { Some(entry) } else { None }
    }
}

/// How `name` is registered in `text`; nothing where that is no daemon.json.
#[must_use]
pub fn find(text: &[u8], name: &str) -> Found {
    let Ok(Some(Parsed { text, runtimes: Some(runtimes), .. })) = Parsed::read(text) else {
        return Found::Nothing;
    };
    runtimes.named(name).first().map_or(Found::Nothing, |member| Found::read(&text[member.value.clone()]))
}

/// The paths of all registered binaries but that of `name`.
#[must_use]
pub fn other_paths(text: &[u8], name: &str) -> Vec<String> {
    let Ok(Some(parsed)) = Parsed::read(text) else { return Vec::new() };
    let members = parsed.runtimes.map(|runtimes| runtimes.members).unwrap_or_default();
    let path = |member: &Member| -> Option<String> {
        let value: Value = serde_json::from_str(&parsed.text[member.value.clone()]).ok()?;
        Some(value.get("path")?.as_str()?.to_owned())
    };
    members.iter().filter(|member| member.key != name).filter_map(path).collect()
}

/// A registration that says no more than an [`Entry`] does.
fn registered(value: &str) -> Option<Entry> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        path: String,
        #[serde(default, rename = "runtimeArgs")]
        args: Vec<String>,
    }
    let written: Written = serde_json::from_str(value).ok()?;
    Some(Entry { path: written.path, args: written.args })
}

fn whole_file(name: &str, entry: &Entry) -> String {
    let style = Style::usual("\n");
    let ours = style.member(name, &value(&style, entry, 2));
    let runtimes = style.member("runtimes", &style.object(&[ours], 1));
    format!("{}\n", style.object(&[runtimes], 0))
}

fn value(style: &Style, entry: &Entry, depth: usize) -> String {
    let mut members = vec![style.member("path", &serde_json::Value::from(entry.path.as_str()).to_string())];
    if !entry.args.is_empty() {
        members.push(style.member("runtimeArgs", &style.list(&entry.args)));
    }
    style.object(&members, depth)
}

/// Puts `member` behind the last one. For an empty object also what stood between its braces.
fn insert(
    text: &str,
    object: &Object,
    style: &Style,
    member: &str,
    depth: usize,
) -> (String, Option<String>) {
    if let Some(last) = object.members.last() {
        let at = last.whole.end;
        (splice(text, at..at, &format!(",{}{member}", style.next(depth))), None)
    } else {
        let inside = format!("{}{member}{}", style.start(depth), style.start(depth - 1));
        (splice(text, object.inside.clone(), &inside), Some(text[object.inside.clone()].to_owned()))
    }
}

/// Takes `member`, which is not alone, out with the one comma that goes with it.
fn cut(text: &str, object: &Object, member: &Member) -> String {
    let position = object.members.iter().position(|other| other == member).unwrap_or(0);
    let range = match position.checked_sub(1).and_then(|before| object.members.get(before)) {
        Some(before) => before.whole.end..member.whole.end,
        None => member.whole.start..object.members.get(1).map_or(member.whole.end, |next| next.whole.start),
    };
    splice(text, range, "")
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

#[cfg(test)]
mod tests;
