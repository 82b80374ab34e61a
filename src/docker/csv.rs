//! Comma-separated values, as Docker's CLI reads `--mount` and `--network`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// The fields of the first record of `text`, or `None` where Go's `encoding/csv` finds none or an
/// error, with which Docker refuses the option. Docker reads no further than that record.
///
/// Source: `readLine` and `readRecord` in Go's `encoding/csv/reader.go`, with its defaults: empty
/// lines are skipped; a field that starts with `"` ends with one and may go on over lines, `""`
/// within is one; other fields hold no `"` and end with their line.
#[must_use]
pub fn fields(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut lines = Lines { rest: text };
    let mut line = lines.find(|line| !without_end(line).is_empty())?;
    let mut at = 0;
    let mut fields = Vec::new();
    loop {
        if line.get(at) != Some(&b'"') {
            let rest = without_end(&line[at..]);
            let comma = rest.iter().position(|&byte| byte == b',');
            let field = &rest[..comma.unwrap_or(rest.len())];
            if field.contains(&b'"') {
                return None;
            }
            fields.push(field.to_vec());
            match comma {
                Some(comma) => at += comma + 1,
                None => return Some(fields),
            }
            continue;
        }
        at += 1;
        let mut field = Vec::new();
        loop {
            let Some(quote) = line[at..].iter().position(|&byte| byte == b'"') else {
                field.extend_from_slice(&line[at..]);
                (line, at) = (lines.next()?, 0);
                continue;
            };
            field.extend_from_slice(&line[at..at + quote]);
            at += quote + 1;
            match line[at..] {
                [b'"', ..] => field.push(b'"'),
                [b',', ..] => break,
                [] | [b'\n'] => {
                    fields.push(field);
                    return Some(fields);
                }
                _ => return None,
            }
            at += 1;
        }
        at += 1;
        fields.push(field);
    }
}

/// A field `KEYVALUE`, in quotes where [`fields`] would otherwise read another one.
#[must_use]
pub fn field(key: &[u8], value: &OsStr) -> Vec<u8> {
    let mut field = [key, value.as_bytes()].concat();
    if field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        let mut quoted = vec![b'"'];
        for byte in field {
            quoted.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
        }
        quoted.push(b'"');
        field = quoted;
    }
    field
}

/// Lines with their ends, `\r\n` made `\n`; a `\r` that ends the text is dropped.
struct Lines<'a> {
    rest: &'a [u8],
}

impl Iterator for Lines<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n').map(|end| end + 1);
        let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let text = without_end(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(if end.is_some() { [text, b"\n"].concat() } else { text.to_vec() })
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Vec<String>> {
        let fields = fields(line.as_bytes())?;
        Some(fields.into_iter().map(|field| String::from_utf8(field).unwrap()).collect())
    }

    #[test]
    fn fields_are_read_as_go_reads_them() {
        let some = |fields: &[&str]| Some(fields.iter().map(|&field| field.to_owned()).collect());
        assert_eq!(read("type=bind,src=/a,dst=/b"), some(&["type=bind", "src=/a", "dst=/b"]));
        assert_eq!(read("\"src=/a,b\",ro"), some(&["src=/a,b", "ro"]));
        assert_eq!(read("\"a\"\"b\""), some(&["a\"b"]));
        assert_eq!(read("a,"), some(&["a", ""]));
        assert_eq!(read("\"a\","), some(&["a", ""]));
        assert_eq!(read("\n\r\na,b\r\n,c"), some(&["a", "b"]));
        assert_eq!(read("\"a\"\n,c"), some(&["a"]));
        assert_eq!(read("\"a\r\nb\",c\r"), some(&["a\nb", "c"]));
        assert_eq!(read("a\rb"), some(&["a\rb"]));
        for wrong in ["", "\n", "\r", "a\"b", "\"a", "\"a\n", "\"a\"b", "\"a\" ,b", "\"a\"\r,b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
