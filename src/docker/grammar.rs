//! How Docker's CLI reads a command line (pflag, not interspersed): options until the first word
//! that is none.
//!
//! Source: `parseArgs`, `parseLongArg` and `parseSingleShortArg` of spf13/pflag 1.0.5 to 1.0.7.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::flags::{Arity, Flag, Flags};

/// The options of a command line and where they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// In the order in which Docker sees them; the last one of a name wins.
    pub options: Vec<Occurrence>,
    /// Index of the word behind the last option: `--`, the first positional, or the line's length.
    pub options_end: usize,
    /// Index of the first word that is no option (for `docker run`: the image), if there is one.
    pub first_positional: Option<usize>,
}

/// One option as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The long name.
    pub name: String,
    /// Its value; `None` for a switch without `=`.
    pub value: Option<OsString>,
    /// Index of the word in which it stands.
    pub word: usize,
    /// Whether the value is the word behind it.
    pub takes_next: bool,
    /// The value's place in bytes within its word, for values in the option's own word.
    pub value_at: Option<usize>,
}

/// Why a command line cannot be read. Nothing may be started then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// An option that the table does not know: as it was written, `--foo` or `-f` of `-abf`.
    Unknown {
        /// `--foo`, or `-f`.
        flag: String,
        /// The whole word in which it stands.
        word: OsString,
    },
    /// An option that takes a value is the last word.
    NoValue(String),
    /// `---`, `--=x`: words that pflag refuses.
    BadSyntax(OsString),
    /// A switch with a value that is neither true nor false.
    NoSwitch {
        /// `--rm`.
        flag: String,
        /// What stands behind `=`.
        value: OsString,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::ui::shown;
        match self {
            Self::Unknown { flag, word } if flag.as_bytes() == word.as_bytes() => {
                write!(f, "unknown flag {}", shown(flag))
            }
            Self::Unknown { flag, word } => write!(f, "unknown flag {} in {}", shown(flag), shown(word)),
            Self::NoValue(flag) => write!(f, "flag {} needs a value", shown(flag)),
            Self::BadSyntax(word) => write!(f, "{} is no flag", shown(word)),
            Self::NoSwitch { flag, value } => {
                write!(f, "{} is no value for `{flag}`: true or false", shown(value))
            }
        }
    }
}

impl std::error::Error for Problem {}

impl Parsed {
    /// The value that Docker uses for an option: its last one.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Occurrence> {
        self.options.iter().rev().find(|option| option.name == name)
    }
}

/// Reads `words` as Docker would with the options in `flags`.
///
/// # Errors
/// A [`Problem`], with which Docker would refuse the line too (or would, if it does not know the
/// option any more than we do).
pub fn parse(words: &[OsString], flags: &Flags) -> Result<Parsed, Problem> {
    let mut reader = Reader { words, flags, at: 0, options: Vec::new() };
    let mut options_end = words.len();
    let mut first_positional = None;
    while let Some(word) = words.get(reader.at) {
        match word.as_bytes() {
            b"--" => {
                options_end = reader.at;
                first_positional = Some(reader.at + 1).filter(|&next| next < words.len());
                break;
            }
            [b'-', b'-', long @ ..] => reader.long(long)?,
            [b'-', short @ ..] if !short.is_empty() => reader.short(short)?,
            _ => {
                options_end = reader.at;
                first_positional = Some(reader.at);
                break;
            }
        }
    }
    Ok(Parsed { options: reader.options, options_end, first_positional })
}

struct Reader<'a> {
    words: &'a [OsString],
    flags: &'a Flags,
    /// Index of the next word to read.
    at: usize,
    options: Vec<Occurrence>,
}

impl Reader<'_> {
    /// `long` is the word without its two dashes.
    fn long(&mut self, long: &[u8]) -> Result<(), Problem> {
        let word = &self.words[self.at];
        if matches!(long.first(), None | Some(b'-' | b'=')) {
            return Err(Problem::BadSyntax(word.clone()));
        }
        let name_end = long.iter().position(|&byte| byte == b'=').unwrap_or(long.len());
        let name = &long[..name_end];
        let Some(flag) = self.flags.long(name) else {
            let flag = format!("--{}", String::from_utf8_lossy(name));
            return Err(Problem::Unknown { flag, word: word.clone() });
        };
        let flag = flag.clone();
        if name_end < long.len() {
            self.inline(&flag, &long[name_end + 1..], 2 + name_end + 1);
        } else {
            self.bare(&flag, &format!("--{}", flag.long))?;
        }
        self.at += 1;
        Ok(())
    }

    /// `letters` is the word without its dash.
    fn short(&mut self, letters: &[u8]) -> Result<(), Problem> {
        for (index, &letter) in letters.iter().enumerate() {
            let Some(flag) = self.flags.short(letter) else {
                let flag = format!("-{}", OsString::from_vec(vec![letter]).to_string_lossy());
                return Err(Problem::Unknown { flag, word: self.words[self.at].clone() });
            };
            let flag = flag.clone();
            let rest = &letters[index + 1..];
            // pflag takes `=` for a separator only if something follows it.
            if rest.len() > 1 && rest[0] == b'=' {
                self.inline(&flag, &rest[1..], index + 3);
                break;
            } else if flag.arity == Arity::Value && !rest.is_empty() {
                self.inline(&flag, rest, index + 2);
                break;
            }
            self.bare(&flag, &format!("-{}", letter as char))?;
        }
        self.at += 1;
        Ok(())
    }

    /// An option whose value stands in its own word, from byte `value_at` on.
    fn inline(&mut self, flag: &Flag, value: &[u8], value_at: usize) {
        self.options.push(Occurrence {
            name: flag.long.clone(),
            value: Some(OsStr::from_bytes(value).to_owned()),
            word: self.at,
            takes_next: false,
            value_at: Some(value_at),
        });
    }

    /// An option without `=`: a switch, or one whose value is the next word.
    fn bare(&mut self, flag: &Flag, written: &str) -> Result<(), Problem> {
        let word = self.at;
        let value = match flag.arity {
            Arity::Switch => None,
            Arity::Value => {
                self.at += 1;
                let value = self.words.get(self.at).ok_or_else(|| Problem::NoValue(written.to_owned()))?;
                Some(value.clone())
            }
        };
        let takes_next = value.is_some();
        self.options.push(Occurrence { name: flag.long.clone(), value, word, takes_next, value_at: None });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    /// `name=value` for each option, then the image.
    fn read(line: &str) -> Result<(Vec<String>, Option<String>), Problem> {
        let words = words(line);
        let parsed = parse(&words, &Flags::run())?;
        let options = parsed
            .options
            .iter()
            .map(|o| match &o.value {
                Some(value) => format!("{}={}", o.name, value.to_string_lossy()),
                None => o.name.clone(),
            })
            .collect();
        Ok((options, parsed.first_positional.map(|at| words[at].to_string_lossy().into_owned())))
    }

    #[track_caller]
    fn is(line: &str, options: &[&str], image: Option<&str>) {
        let (seen, at) = read(line).unwrap();
        assert_eq!(
            (seen.iter().map(String::as_str).collect::<Vec<_>>(), at.as_deref()),
            (options.to_vec(), image)
        );
    }

    #[test]
    fn the_image_is_the_first_word_that_is_no_option_or_value() {
        is("--rm -it img --rm", &["rm", "interactive", "tty"], Some("img"));
        is("--name x --net=host img", &["name=x", "net=host"], Some("img"));
        is("-e --runtime=runc img", &["env=--runtime=runc"], Some("img"));
        is("-itv /a:/b img", &["interactive", "tty", "volume=/a:/b"], Some("img"));
        is("-p80:80 -itp=81:81 img", &["publish=80:80", "interactive", "tty", "publish=81:81"], Some("img"));
        is("-it=false img", &["interactive", "tty=false"], Some("img"));
        is("--env= img", &["env="], Some("img"));
        is("-e= img", &["env=="], Some("img"));
        is("--rm -- --image x", &["rm"], Some("--image"));
        is("- x", &[], Some("-"));
        is("--rm --", &["rm"], None);
        is("--rm", &["rm"], None);
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let unknown = |flag: &str, word: &str| Problem::Unknown { flag: flag.into(), word: word.into() };
        assert_eq!(read("--runtim=runc img"), Err(unknown("--runtim", "--runtim=runc")));
        assert_eq!(read("-itZ img"), Err(unknown("-Z", "-itZ")));
        assert_eq!(read("-i= img"), Err(unknown("-=", "-i=")));
        assert_eq!(read("--name"), Err(Problem::NoValue("--name".into())));
        assert_eq!(read("-itv"), Err(Problem::NoValue("-v".into())));
        assert_eq!(read("--=x img"), Err(Problem::BadSyntax("--=x".into())));
        assert_eq!(read("---rm img"), Err(Problem::BadSyntax("---rm".into())));
    }
}
