//! A daemon.json read far enough to be edited.

use serde_json::Value;

use crate::setup::json_text::{Member, Object};

/// Why a text is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// The outermost object, and `runtimes` in it.
pub(super) struct Parsed<'a> {
    pub(super) text: &'a str,
    pub(super) top: Object,
    pub(super) runtimes: Option<Object>,
}

impl<'a> Parsed<'a> {
    /// `None` for a text with nothing in it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Problem> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(Problem { line: 1, what: "it begins with a byte order mark".to_owned() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| Problem {
            line: line_of(bytes, error.valid_up_to()),
            what: "it is not UTF-8".to_owned(),
        })?;
        if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            return Ok(None);
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or(&what).to_owned();
            Problem { line: error.line().max(1), what: format!("it is not JSON: {what}") }
        })?;
        let first = text.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(0);
        let Some(top) = Object::read(text, 0) else {
            let what = format!("it is {}, not an object", kind(&value));
            return Err(Problem { line: line_of(bytes, first), what });
        };
        let problem =
            |member: &Member, what: String| Problem { line: line_of(bytes, member.whole.start), what };
        if let Some(other) = top
            .members
            .iter()
            .find(|member| member.key != "runtimes" && member.key.eq_ignore_ascii_case("runtimes"))
        {
            return Err(problem(other, format!("Docker takes `{}` for `runtimes`", other.key)));
        }
        let runtimes = match top.named("runtimes")[..] {
            [] => None,
            [member] => Some(Object::read(text, member.value.start).ok_or_else(|| {
                problem(member, format!("`runtimes` is {}, not an object", kind(&value["runtimes"])))
            })?),
            [_, second, ..] => return Err(twice(text, second)),
        };
        Ok(Some(Self { text, top, runtimes }))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn twice(text: &str, member: &Member) -> Problem {
    let line = line_of(text.as_bytes(), member.whole.start);
    Problem { line, what: format!("`{}` is there twice", member.key) }
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|&&byte| byte == b'\n').count()
}
