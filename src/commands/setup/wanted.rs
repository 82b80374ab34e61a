//! The arguments of `docker sandbox setup`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;

use crate::context::Context;
use crate::error::{self, Error};
use crate::setup::runsc;
use crate::setup::source::{self, Source};
use crate::setup::target::Wishes;
use crate::ui::shown;

/// The command line, checked.
pub(super) struct Wanted {
    pub(super) name: Option<String>,
    pub(super) source: Option<Source>,
    /// `--runtime-arg` and `--platform`.
    pub(super) args: Vec<String>,
    pub(super) wishes: Wishes,
    pub(super) pidfile: Option<PathBuf>,
    pub(super) undo: bool,
    pub(super) dry_run: bool,
    pub(super) yes: bool,
    /// The words as given, but those that only root need not repeat.
    pub(super) words: Vec<OsString>,
}

impl Wanted {
    pub(super) fn read(context: &Context, matches: &ArgMatches) -> anyhow::Result<Self> {
        let path = |name: &str| matches.get_one::<PathBuf>(name).map(|path| context.absolute(path));
        let name = matches.get_one::<String>("name").cloned();
        if let Some(name) = &name {
            check_name(name)?;
        }
        let source = matches.get_one::<OsString>("from");
        let source = source.map(|from| source::parse(from, &context.environment.folder)).transpose()?;
        let given: Vec<String> = matches.get_many("runtime-arg").into_iter().flatten().cloned().collect();
        given.iter().try_for_each(|word| runsc::check_argument(word))?;
        let platform = matches.get_one::<String>("platform").map(|platform| format!("--platform={platform}"));
        let args = platform.into_iter().chain(given).collect();
        let wishes = Wishes { config: path("config-file"), prefix: path("prefix") };
        let mut words: Vec<OsString> = vec!["setup".into()];
        for id in ["from", "config-file", "pidfile", "prefix", "runtime-arg", "platform", "name"] {
            for value in matches.get_raw(id).into_iter().flatten() {
                // What was a default is not a wish.
                if matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine) {
                    let mut word = OsString::from(format!("--{id}="));
                    word.push(value);
                    words.push(word);
                }
            }
        }
        let flag = |id: &str| matches.get_flag(id);
        for id in ["undo", "dry-run", "yes"] {
            if flag(id) {
                words.push(format!("--{id}").into());
            }
        }
        let (undo, dry_run, yes) = (flag("undo"), flag("dry-run"), flag("yes"));
        Ok(Self { name, source, args, wishes, pidfile: path("pidfile"), undo, dry_run, yes, words })
    }
}

impl Wanted {
    /// The words that take this back.
    pub(super) fn undo_words(&self) -> Vec<OsString> {
        let same_daemon = |word: &&OsString| {
            let word = word.to_string_lossy();
            ["--config-file=", "--pidfile=", "--name="].iter().any(|option| word.starts_with(option))
        };
        let options = self.words.iter().filter(same_daemon).cloned();
        ["setup".into(), "--undo".into()].into_iter().chain(options).collect()
    }
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) && name != "runc" {
        return Ok(());
    }
    Err(Error::new(format!(
        "--name {}: letters, digits and -_. only, and `runc` is Docker's own",
        shown(name)
    ))
    .code(error::USAGE)
    .hint("for example:", "docker sandbox setup --name runsc-kvm --platform kvm")
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_docker_has_or_a_shell_reads_are_refused() {
        for fine in ["runsc", "runsc-kvm", "gv_1.2"] {
            assert!(check_name(fine).is_ok(), "{fine}");
        }
        for bad in ["", "runc", "-x", "a b", "a/b", "../x"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
