//! Data goes to stdout, everything else to stderr; untrusted text is escaped before it gets there.

use std::ffi::OsStr;
use std::io::{self, Write as _};

/// Writes data to stdout. A reader that went away ends nothing and is no error.
///
/// # Errors
/// Any other failure to write, a full disk behind a redirection say.
pub fn out(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Writes a message to stderr, every control character but the line's end escaped.
/// There is nobody left to tell when that fails.
pub fn err(text: &str) {
    let _ = io::stderr().lock().write_all(escaped(text, true).as_bytes());
}

/// Draws a line on the terminal that stderr is, in place of the one drawn before; nothing ends it.
pub fn progress(line: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr
        .write_all(format!("\r\x1b[K{}", escaped(line, false)).as_bytes())
        .and_then(|()| stderr.flush());
}

/// `docker sandbox: warning: …` on stderr.
pub fn warn(text: &str) {
    err(&format!("docker sandbox: warning: {text}\n"));
}

/// A line of `--verbose` on stderr.
pub fn note(text: &str) {
    err(&format!("docker sandbox: {text}\n"));
}

/// Asks on stderr, and reads the answer, in lower case and without blanks around it, from standard input.
///
/// # Errors
/// It cannot be read.
pub fn ask(question: &str) -> std::io::Result<String> {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(format!("{question} ").as_bytes()).and_then(|()| stderr.flush());
    drop(stderr);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_ascii_lowercase())
}

/// `1 change`, `2 changes`.
#[must_use]
pub fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Whether an answer is a yes.
#[must_use]
pub fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer)
}

/// A value from outside in backticks, on one line, harmless to a terminal.
pub fn shown(value: impl AsRef<OsStr>) -> String {
    format!("`{}`", escaped(&value.as_ref().to_string_lossy(), false))
}

/// Text from outside on one line, harmless to a terminal, without backticks.
#[must_use]
pub fn plain(value: &str) -> String {
    escaped(value, false)
}

/// Replaces what could drive or deceive a terminal: C0 and C1 controls, DEL, and the characters
/// that reorder a line (Unicode's bidirectional controls) or hide in it.
fn escaped(text: &str, keep_newlines: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) && !(keep_newlines && character == '\n') {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

fn is_active(character: char) -> bool {
    let hidden = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    character.is_control() || hidden
}

/// JSON for a terminal too: the same values, with what could drive or deceive one written as JSON's own escapes. A JSON
/// text has such characters in its strings only, and C0 controls in none.
#[must_use]
pub fn json(text: &str) -> String {
    use std::fmt::Write as _;
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) && !character.is_ascii_whitespace() {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// `words` as a POSIX shell reads them back, for commands that users paste.
#[must_use]
pub fn shell_line<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> =
        words.into_iter().map(|word| shell_word(&word.as_ref().to_string_lossy())).collect();
    quoted.join(" ")
}

/// Quoted so that sh, dash, bash, zsh and fish all read the same word back: fish knows escapes
/// within single quotes, and dash does not know `$'…'`. What a terminal would act on is spelled
/// out, and is then another word: such a name cannot be pasted safely everywhere.
fn shell_word(word: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    let word = escaped(word, false);
    if !word.is_empty() && word.chars().all(bare) {
        return word;
    }
    let parts = word.split_inclusive(['\'', '\\']).flat_map(|part| {
        let text = part.trim_end_matches(['\'', '\\']);
        let quoted = if text.is_empty() { String::new() } else { format!("'{text}'") };
        let special = match part[text.len()..].chars().next() {
            Some('\'') => "\"'\"",
            Some(_) => r#""\\""#,
            None => "",
        };
        [quoted, special.to_owned()]
    });
    let quoted: String = parts.collect();
    if quoted.is_empty() { "''".to_owned() } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_in_untrusted_text_are_shown_not_obeyed() {
        assert_eq!(shown("a\x1b[2Jb\nc\u{202e}"), r"`a\u{1b}[2Jb\u{a}c\u{202e}`");
        assert_eq!(escaped("a\nb\r", true), "a\nb\\u{d}");
    }

    #[test]
    fn json_has_no_terminal_controls_and_means_the_same() {
        let all: String =
            ('\0'..='\u{2ff}').chain("é\u{202e}\u{2066}\u{feff}\u{e0041}\u{1f600}".chars()).collect();
        let object = serde_json::json!({ all.as_str(): [all.as_str()] });
        for text in [object.to_string(), serde_json::to_string_pretty(&object).unwrap()] {
            let safe = json(&text);
            assert!(!safe.chars().any(|character| is_active(character) && character != '\n'), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), object);
            assert!(
                safe.contains(r"\u007f\u0080") && safe.contains(r"\udb40\udc41") && safe.contains("é"),
                "{safe}"
            );
        }
    }

    #[test]
    fn a_shell_line_can_be_pasted_into_any_shell() {
        assert_eq!(shell_line(["docker", "run", "-e", "A=it's", ""]), r#"docker run -e 'A=it'"'"'s' ''"#);
        assert_eq!(shell_line([r"a\'; touch x #", "é b"]), r#"'a'"\\""'"'; touch x #' 'é b'"#);
        assert_eq!(shell_line(["a\nb\u{202e}"]), r#"'a'"\\"'u{a}b'"\\"'u{202e}'"#);
    }
}
