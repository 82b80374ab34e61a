//! How we were called: by Docker's CLI in one of its forms, or directly.
//!
//! Source: docker/cli `cli-plugins/manager` and `cmd/docker/docker.go`; DESIGN's table of forms.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::metadata;
use crate::docker::flags::Flags;
use crate::docker::grammar;
use crate::error::Error;
use crate::gvisor::proof::apart;
use crate::sandbox::expiry;
use crate::sandbox::minder;
use crate::sandbox::names::updater;

/// Docker's argument for hooks.
pub const HOOKS_COMMAND: &str = "docker-cli-plugin-hooks";
/// Our own argument for the process that watches for signals. See [`super::witness`].
pub const WITNESS_COMMAND: &str = "docker-sandbox-witness";

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Docker asks who we are.
    Metadata,
    /// Docker ran one of its own commands and asks whether we have something to say: its request.
    Hooks(OsString),
    /// A shell completes a command line: the words behind `sandbox`, the last one unfinished.
    Complete {
        /// They may be empty.
        words: Vec<OsString>,
        /// Whether descriptions are wanted.
        described: bool,
    },
    /// We called ourselves.
    Witness,
    /// We called ourselves, to keep names: the words behind the argument.
    Names(Vec<OsString>),
    /// We called ourselves, to mind a container: what to do, and the words that we were called with before.
    Minder(String, Vec<OsString>),
    /// We called ourselves, to remove what has expired: the words behind the argument.
    Prune(Vec<OsString>),
    /// We called ourselves, to prove a runtime: the words behind the argument.
    Prove(Vec<OsString>),
    /// A command: the words behind `sandbox`. `help run` stands for `run --help`.
    Command(Vec<OsString>),
}

/// A call and the global options before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Docker's global options, unparsed.
    pub globals: Vec<OsString>,
    /// Whether Docker's CLI called, and not the user directly.
    pub through_docker: bool,
    /// What is wanted.
    pub call: Call,
}

impl Invocation {
    /// Reads argv without the program's name.
    ///
    /// # Errors
    /// A global option that Docker does not have.
    pub fn parse(args: &[OsString]) -> anyhow::Result<Self> {
        let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| arg == OsStr::new(word));
        let plain = |call| Self { globals: Vec::new(), through_docker: false, call };
        if is(0, metadata::COMMAND) {
            return Ok(plain(Call::Metadata));
        }
        if is(0, WITNESS_COMMAND) {
            return Ok(plain(Call::Witness));
        }
        if is(0, updater::COMMAND) {
            return Ok(plain(Call::Names(args[1..].to_vec())));
        }
        if is(0, minder::COMMAND) {
            let task = args.get(1).map(|task| task.to_string_lossy().into_owned()).unwrap_or_default();
            let before = Self::parse(args.get(2..).unwrap_or_default())?;
            let Call::Command(words) = before.call else {
                return Err(Error::new("this is for our own use").into());
            };
            return Ok(Self { call: Call::Minder(task, words), ..before });
        }
        if is(0, expiry::COMMAND) {
            return Ok(plain(Call::Prune(args[1..].to_vec())));
        }
        if is(0, apart::COMMAND) {
            return Ok(plain(Call::Prove(args[1..].to_vec())));
        }
        // Docker's `-h`, which it hides since 18.09; it comes to us only in a direct call.
        if is(0, "-h") {
            return Ok(plain(Call::Command(vec!["--help".into()])));
        }
        let parsed = grammar::parse(args, &Flags::global()).map_err(|problem| {
            Error::new(problem.to_string()).hint("see the commands there are:", "docker sandbox --help")
        })?;
        let (globals, rest) = args.split_at(parsed.options_end);
        // Called directly, `--help` and `--version` may stand alone.
        let asks = |name: &str| parsed.last(name).is_some();
        if rest.is_empty() && (asks("help") || asks("version")) {
            let word = if asks("help") { "--help" } else { "version" };
            return Ok(plain(Call::Command(vec![word.into()])));
        }
        let (call, through_docker) = Self::read(rest);
        Ok(Self { globals: globals.to_vec(), through_docker, call })
    }

    /// Reads the words behind the global options.
    fn read(words: &[OsString]) -> (Call, bool) {
        let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let name = metadata::NAME.as_bytes();
        match bytes.as_slice() {
            [form @ (b"__complete" | b"__completeNoDesc"), rest @ ..] => {
                let through_docker = rest.first() == Some(&name);
                let skip = 1 + usize::from(through_docker);
                let described = *form == b"__complete";
                (Call::Complete { words: words[skip..].to_vec(), described }, through_docker)
            }
            [b"help", plugin, ..] if *plugin == name => (Call::Command(with_help(&words[2..])), true),
            [b"help", ..] => (Call::Command(with_help(&words[1..])), false),
            [plugin, b"help", ..] if *plugin == name => (Call::Command(with_help(&words[2..])), true),
            [plugin, hooks, request, ..] if *plugin == name && *hooks == HOOKS_COMMAND.as_bytes() => {
                (Call::Hooks(OsStr::from_bytes(request).to_owned()), true)
            }
            [plugin, ..] if *plugin == name => (Call::Command(words[1..].to_vec()), true),
            _ => (Call::Command(words.to_vec()), false),
        }
    }
}

/// `help run` is `run --help`.
fn with_help(words: &[OsString]) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.iter().take(1).cloned().collect();
    words.push("--help".into());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (String, bool, Call) {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let seen = Invocation::parse(&args).unwrap();
        let globals: Vec<_> = seen.globals.iter().map(|word| word.to_string_lossy()).collect();
        (globals.join(" "), seen.through_docker, seen.call)
    }

    fn command(line: &str) -> Call {
        Call::Command(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn every_form_of_the_protocol_is_understood() {
        assert_eq!(read("docker-cli-plugin-metadata").2, Call::Metadata);
        assert_eq!(
            read("--context x -Dl info -H=unix:///y sandbox run -D img"),
            ("--context x -Dl info -H=unix:///y".into(), true, command("run -D img"))
        );
        assert_eq!(read("run --rm img"), (String::new(), false, command("run --rm img")));
        assert_eq!(read("help sandbox run"), (String::new(), true, command("run --help")));
        assert_eq!(read("help sandbox"), (String::new(), true, command("--help")));
        assert_eq!(read("help"), (String::new(), false, command("--help")));
        assert_eq!(read("--version").2, command("version"));
        assert_eq!(read("sandbox docker-cli-plugin-hooks {}").2, Call::Hooks("{}".into()));
        let complete = |words: &str, described| Call::Complete {
            words: words.split(' ').map(OsString::from).collect(),
            described,
        };
        assert_eq!(read("__complete sandbox run --ne"), (String::new(), true, complete("run --ne", true)));
        assert_eq!(read("__completeNoDesc run "), (String::new(), false, complete("run ", false)));
    }

    #[test]
    fn an_unknown_global_option_is_an_error() {
        assert!(Invocation::parse(&["--bogus".into(), "sandbox".into()]).is_err());
    }
}
