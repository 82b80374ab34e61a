//! A JSON text as its author wrote it: where its members are, and how it is laid out.

use std::ops::Range;

/// One member of an object: byte ranges into the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The key, decoded.
    pub(super) key: String,
    /// From the key's opening quote to the value's last byte.
    pub(super) whole: Range<usize>,
    pub(super) value: Range<usize>,
}

/// An object: the range between its braces, and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) inside: Range<usize>,
    pub(super) members: Vec<Member>,
}

impl Object {
    /// Reads the object that begins at or behind `from`. `text` is valid JSON there, else `None`.
    pub(super) fn read(text: &str, from: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut at = blank(bytes, from);
        if *bytes.get(at)? != b'{' {
            return None;
        }
        let start = at + 1;
        let mut members = Vec::new();
        at = blank(bytes, start);
        while *bytes.get(at)? != b'}' {
            if bytes[at] == b',' {
                at = blank(bytes, at + 1);
            }
            let key_end = value_end(bytes, at)?;
            let key = serde_json::from_str(text.get(at..key_end)?).ok()?;
            let colon = blank(bytes, key_end);
            let value = blank(bytes, colon + 1);
            let end = value_end(bytes, value)?;
            members.push(Member { key, whole: at..end, value: value..end });
            at = blank(bytes, end);
        }
        Some(Self { inside: start..at, members })
    }

    /// The members called `key`: more than one if it is written twice.
    pub(super) fn named(&self, key: &str) -> Vec<&Member> {
        self.members.iter().filter(|member| member.key == key).collect()
    }
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the value that begins at `at`.
fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0;
    loop {
        match *bytes.get(at)? {
            b'"' => {
                at += 1;
                while *bytes.get(at)? != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            // A number, true, false or null.
            _ => {
                while bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
                {
                    at += 1;
                }
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// How a text is laid out, read off its first member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    /// `\n`, `\r\n`, or nothing: all on one line.
    line: &'static str,
    indent: String,
    /// Between a key and its value.
    colon: &'static str,
}

impl Style {
    /// The style of `text`, whose outermost object is `object`.
    pub(super) fn of(text: &str, object: &Object) -> Self {
        let mut style = Self::usual(if text.contains("\r\n") { "\r\n" } else { "\n" });
        let Some(first) = object.members.first() else { return style };
        let lead = &text[object.inside.start..first.whole.start];
        match lead.rfind('\n') {
            Some(end) => {
                lead[end + 1..].clone_into(&mut style.indent);
            }
            None => style.line = "",
        }
        let between = &text[first.whole.start..first.value.start];
        if between.ends_with(':') {
            style.colon = ":";
        }
        style
    }

    /// What we write where there is nothing to go by.
    pub(super) fn usual(line: &'static str) -> Self {
        Self { line, indent: "  ".to_owned(), colon: ": " }
    }

    /// The beginning of a line, `depth` levels in; on one line, nothing.
    pub(super) fn start(&self, depth: usize) -> String {
        if self.line.is_empty() {
            String::new()
        } else {
            format!("{}{}", self.line, self.indent.repeat(depth))
        }
    }

    /// What stands behind a comma, before the next member `depth` levels in.
    pub(super) fn next(&self, depth: usize) -> String {
        match (self.line, self.colon) {
            ("", ":") => String::new(),
            ("", _) => " ".to_owned(),
            _ => self.start(depth),
        }
    }

    /// `key: value`.
    pub(super) fn member(&self, key: &str, value: &str) -> String {
        format!("{}{}{value}", quoted(key), self.colon)
    }

    /// An object with these members, itself `depth` levels in.
    pub(super) fn object(&self, members: &[String], depth: usize) -> String {
        if members.is_empty() {
            return "{}".to_owned();
        }
        let comma = format!(",{}", self.next(depth + 1));
        format!("{{{}{}{}}}", self.start(depth + 1), members.join(&comma), self.start(depth))
    }

    /// A list of strings on one line.
    pub(super) fn list(&self, words: &[String]) -> String {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        format!("[{}]", words.join(if self.colon == ":" { "," } else { ", " }))
    }
}

/// `text` as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
