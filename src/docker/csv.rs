//! One line of comma-separated values, as Docker's CLI reads `--mount` and `--network`.

/// The fields of `line`, or `None` where Go's `encoding/csv` finds an error, with which Docker
/// refuses the option.
///
/// Source: `readRecord` in Go's `encoding/csv/reader.go`, with its defaults: a field that starts
/// with `"` ends with one, `""` within is one; other fields hold no `"`.
#[must_use]
pub fn fields(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            let end = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
            let field = &rest[..end];
            if field.contains(&b'"') {
                return None;
            }
            fields.push(field.to_vec());
            if end == rest.len() {
                return Some(fields);
            }
            rest = &rest[end + 1..];
            continue;
        };
        let mut field = Vec::new();
        let mut inside = quoted;
        loop {
            let quote = inside.iter().position(|&byte| byte == b'"')?;
            field.extend_from_slice(&inside[..quote]);
            match &inside[quote + 1..] {
                [b'"', more @ ..] => {
                    field.push(b'"');
                    inside = more;
                }
                [b',', more @ ..] => {
                    rest = more;
                    break;
                }
                [] => {
                    fields.push(field);
                    return Some(fields);
                }
                _ => return None,
            }
        }
        fields.push(field);
    }
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
        for wrong in ["a\"b", "\"a", "\"a\"b", "\"a\" ,b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
