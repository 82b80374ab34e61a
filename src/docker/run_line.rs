//! A command line of `docker run` or `docker create`: ours taken out, `--runtime` put in where
//! nothing can undo it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::flags::Flags;
use super::grammar::{self, Occurrence, Parsed, Problem};

/// The options that are ours, as given; the last one of each wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ours {
    /// `--no-sandbox[=BOOL]` or `--sandbox=MODE`, whichever came last: the option as it was
    /// written and the mode it asks for.
    pub mode: Option<(String, OsString)>,
    /// `--verbose`.
    pub verbose: bool,
    /// `--detect-timeout`.
    pub detect_timeout: Option<OsString>,
    /// `--allow`, each a comma list of rules: what they forbid is allowed.
    pub allow: Vec<OsString>,
    /// `--quiet-rule`, each a comma list of rules: they do not warn.
    pub quiet: Vec<OsString>,
    /// `--no-fix`: nothing is put right on the way.
    pub no_fix: bool,
    /// `--persist`: what is written to the root filesystem stays, as it does without gVisor.
    pub persist: bool,
    /// `--ttl`: how long it may stay.
    pub ttl: Option<OsString>,
}

/// A command line with our options taken out. Its words are Docker's, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    words: Vec<OsString>,
    parsed: Parsed,
    /// Whether options were known from a help text only.
    learned: bool,
    /// What was ours.
    pub ours: Ours,
}

impl RunLine {
    /// Reads the words behind `run` or `create`.
    ///
    /// # Errors
    /// [`Problem`]: Docker would refuse the line, or the image's place cannot be known.
    pub fn parse(words: &[OsString], flags: &Flags) -> Result<Self, Problem> {
        let parsed = grammar::parse(words, flags)?;
        let ours = Ours::read(&parsed)?;
        let known = Flags::ours();
        let mut taken = vec![false; words.len()];
        for option in parsed.options.iter().filter(|option| known.long(option.name.as_bytes()).is_some()) {
            taken[option.word] = true;
            if option.takes_next {
                taken[option.word + 1] = true;
            }
        }
        let words: Vec<OsString> =
            words.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(word, _)| word.clone()).collect();
        // Reading Docker's own words again gives every index anew.
        let parsed = grammar::parse(&words, flags)?;
        Ok(Self { words, parsed, learned: flags.has_learned(), ours })
    }

    /// The same line with other options of ours, where they were read elsewhere.
    #[must_use]
    pub fn with_ours(self, ours: Ours) -> Self {
        Self { ours, ..self }
    }

    /// Docker's options, in their order; the last one of a name wins, where it is not a list.
    #[must_use]
    pub fn options(&self) -> impl DoubleEndedIterator<Item = Given<'_>> {
        self.parsed.options.iter().map(|option| Given {
            name: &option.name,
            value: option.value.as_deref(),
            words: &self.words[option.word..=option.word + usize::from(option.takes_next)],
            occurrence: option,
        })
    }

    /// The value of an option that holds one: its last.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        self.parsed.last(name)?.value.as_deref()
    }

    /// The words behind the image: the command and its arguments.
    #[must_use]
    pub fn command(&self) -> &[OsString] {
        self.parsed.first_positional.map_or(&[], |image| &self.words[image + 1..])
    }

    /// The image, if the line has one.
    #[must_use]
    pub fn image(&self) -> Option<&OsStr> {
        self.parsed.first_positional.map(|at| self.words[at].as_os_str())
    }

    /// The runtime the user asked for: the last `--runtime`. An empty one is none, as for Docker.
    #[must_use]
    pub fn runtime(&self) -> Option<&OsStr> {
        let value = self.parsed.last("runtime")?.value.as_deref()?;
        Some(value).filter(|value| !value.is_empty())
    }

    /// Whether help is asked for. Docker looks for it among the options only; the last one counts.
    #[must_use]
    pub fn wants_help(&self) -> bool {
        self.parsed.last("help").is_some_and(is_on)
    }

    /// The options that a runtime itself reads and that reach nothing outside of the container:
    /// with them its failure can be reproduced without doing anything that the user asked for.
    #[must_use]
    pub fn read_by_the_runtime(&self) -> Vec<OsString> {
        const READ: [&str; 6] =
            ["annotation", "cgroup-parent", "net", "network", "pids-limit", "security-opt"];
        let harmless = |option: &&Occurrence| {
            // gVisor takes the address of a container that it joins away.
            let joins =
                option.value.as_deref().is_some_and(|value| value.as_bytes().starts_with(b"container:"));
            READ.contains(&option.name.as_str()) && !joins
        };
        let written = |option: &Occurrence| {
            let mut word = OsString::from(format!("--{}=", option.name));
            word.push(option.value.as_deref().unwrap_or_default());
            word
        };
        self.parsed.options.iter().filter(harmless).map(written).collect()
    }

    /// Docker's words as they were given.
    #[must_use]
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Docker's words with `added` and `--runtime=NAME` behind the last option, where it wins over
    /// every other.
    #[must_use]
    pub fn with_runtime(&self, name: &str, added: &[OsString]) -> Vec<OsString> {
        let runtime = OsString::from(format!("--runtime={name}"));
        // If a help text misled us about where the options end, the first word is one all the same.
        let mut words: Vec<OsString> = self.learned.then(|| runtime.clone()).into_iter().collect();
        words.extend(self.with(&[added, &[runtime]].concat()));
        words
    }

    /// Docker's words with `added` behind the last option, and the runtime left to Docker.
    #[must_use]
    pub fn with(&self, added: &[OsString]) -> Vec<OsString> {
        let (options, rest) = self.words.split_at(self.parsed.options_end);
        [options, added, rest].concat()
    }

    /// The same line with other words in the place of some options, each by its place among [`Self::options`].
    #[must_use]
    pub fn replacing(&self, replacements: &[(usize, Vec<OsString>)]) -> Self {
        let mut line = self.clone();
        for (place, words) in replacements {
            let Some(option) = line.parsed.options.get(*place).cloned() else { continue };
            let behind = option.word + usize::from(option.takes_next);
            // The other options of the same word: `-it` of `-itv /a:/b`.
            let others = switches_beside(line.words[option.word].as_bytes(), option.value_at);
            let kept = others.into_iter().chain(words.iter().cloned());
            let before = line.words.len();
            line.words.splice(option.word..=behind, kept);
            let moved = |at: usize| (at + line.words.len()) - before;
            line.parsed.options_end = moved(line.parsed.options_end);
            line.parsed.first_positional = line.parsed.first_positional.map(moved);
            for later in line.parsed.options.iter_mut().filter(|later| later.word > option.word) {
                later.word = moved(later.word);
            }
        }
        line
    }

    /// Whether nobody waits for the container: `-d`.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.parsed.last("detach").is_some_and(is_on)
    }

    /// Docker's words with the values of `--env` taken out: `-e A=b` becomes `-e A=***`.
    #[must_use]
    pub fn redacted(&self) -> Vec<String> {
        let mut words: Vec<OsString> = self.words.clone();
        for option in self.parsed.options.iter().filter(|option| option.name == "env") {
            let (word, from) = match option.value_at {
                Some(from) => (option.word, from),
                None => (option.word + 1, 0),
            };
            let Some(text) = words.get_mut(word) else { continue };
            let bytes = text.as_bytes();
            if let Some(equals) = bytes.iter().skip(from).position(|&byte| byte == b'=') {
                let mut kept = OsStr::from_bytes(&bytes[..=from + equals]).to_owned();
                kept.push("***");
                *text = kept;
            }
        }
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }
}

/// One of Docker's options in a line.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The long name, without dashes.
    pub name: &'a str,
    /// Its value, if it has one.
    pub value: Option<&'a OsStr>,
    words: &'a [OsString],
    occurrence: &'a Occurrence,
}

impl Given<'_> {
    /// As it was typed, its value included, for a message and a shell.
    #[must_use]
    pub fn written(&self) -> String {
        crate::ui::shell_line(self.words)
    }

    /// For a switch: whether it is on. A value that Docker will refuse counts as given.
    #[must_use]
    pub fn is_on(&self) -> bool {
        is_on(self.occurrence)
    }
}

impl Ours {
    fn read(parsed: &Parsed) -> Result<Self, Problem> {
        let mut ours = Self::default();
        // Each by itself, the last one counts; `--no-sandbox=false` says nothing about `--sandbox`.
        let (mut sandbox, mut no_sandbox) = (None, None);
        for (place, option) in parsed.options.iter().enumerate() {
            let value = option.value.clone();
            match option.name.as_str() {
                "sandbox" => sandbox = Some((place, value.unwrap_or_default())),
                "no-sandbox" => no_sandbox = switch(option)?.then_some(place),
                "verbose" => ours.verbose = switch(option)?,
                "detect-timeout" => ours.detect_timeout = value,
                "allow" => ours.allow.extend(value),
                "quiet-rule" => ours.quiet.extend(value),
                "no-fix" => ours.no_fix = switch(option)?,
                "persist" => ours.persist = switch(option)?,
                "ttl" => ours.ttl = value,
                _ => {}
            }
        }
        ours.mode = match (sandbox, no_sandbox) {
            (Some((place, mode)), no) if no.is_none_or(|no| no < place) => {
                Some((format!("--sandbox={}", mode.to_string_lossy()), mode))
            }
            (_, Some(_)) => Some(("--no-sandbox".into(), "none".into())),
            (_, None) => None,
        };
        Ok(ours)
    }
}

/// What is left of a word without its last option, whose value is in it from `value_at` on, or behind it.
fn switches_beside(word: &[u8], value_at: Option<usize>) -> Option<OsString> {
    if word.starts_with(b"--") {
        return None;
    }
    let end = value_at.unwrap_or(word.len());
    let end = if value_at.is_some() && word.get(end - 1) == Some(&b'=') { end - 1 } else { end };
    let others = word.get(..end - 1).filter(|others| others.len() > 1)?;
    Some(OsStr::from_bytes(others).to_owned())
}

/// A switch's value, as Go's `strconv.ParseBool` reads it.
fn switch(option: &Occurrence) -> Result<bool, Problem> {
    match option.value.as_deref().map(OsStr::as_bytes) {
        None | Some(b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True") => Ok(true),
        Some(b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False") => Ok(false),
        Some(other) => Err(Problem::NoSwitch {
            flag: format!("--{}", option.name),
            value: OsStr::from_bytes(other).to_owned(),
        }),
    }
}

/// Like [`switch`], for Docker's own: a value that Docker will refuse counts as given.
fn is_on(option: &Occurrence) -> bool {
    switch(option).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> RunLine {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        RunLine::parse(&words, &Flags::run()).unwrap()
    }

    fn joined(words: &[OsString]) -> String {
        words.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_runtime_is_put_where_nothing_can_undo_it() {
        let with = |text: &str| joined(&line(text).with_runtime("runsc", &[]));
        assert_eq!(with("--rm img --runtime=runc"), "--rm --runtime=runsc img --runtime=runc");
        assert_eq!(with("--runtime= --rm -- img"), "--runtime= --rm --runtime=runsc -- img");
        assert_eq!(with("-e --runtime=runc img"), "-e --runtime=runc --runtime=runsc img");
    }

    #[test]
    fn our_options_are_taken_out_wherever_they_stand_and_nowhere_else() {
        let seen = line("--no-sandbox --rm --sandbox none -e --verbose --verbose img --no-sandbox");
        assert_eq!(joined(seen.words()), "--rm -e --verbose img --no-sandbox");
        assert_eq!(seen.ours.mode, Some(("--sandbox=none".into(), "none".into())));
        assert!(seen.ours.verbose);
        assert_eq!(line("--no-sandbox --no-sandbox=false img").ours.mode, None);
        let mode = |text| line(text).ours.mode.map(|(_, mode)| mode);
        assert_eq!(mode("--sandbox=required --no-sandbox --no-sandbox=false img"), Some("required".into()));
        assert_eq!(mode("--sandbox=required --no-sandbox img"), Some("none".into()));
        assert_eq!(mode("--no-sandbox --sandbox=required img"), Some("required".into()));
    }

    #[test]
    fn the_last_runtime_counts_and_an_empty_one_is_none() {
        assert_eq!(line("--runtime runc --runtime=runsc img").runtime(), Some(OsStr::new("runsc")));
        assert_eq!(line("--runtime runc --runtime= img").runtime(), None);
    }

    #[test]
    fn values_of_environment_variables_are_redacted_in_every_spelling() {
        let text = "-e A=1 --env=B=2 -iteC=3 -e=D=4 --env E -e F=5=6 -l X=y img -e G=7";
        assert_eq!(
            line(text).redacted().join(" "),
            "-e A=*** --env=B=*** -itC=*** -e=D=*** --env E -e F=*** -l X=y img -e G=7"
                .replace("-itC", "-iteC")
        );
    }

    #[test]
    fn a_failure_is_reproduced_with_what_the_runtime_reads_and_nothing_else() {
        let text =
            "--rm -it --name x -v /a:/b --pids-limit 5 --net host -e A=1 --annotation=a=b img --network=none";
        assert_eq!(joined(&line(text).read_by_the_runtime()), "--pids-limit=5 --net=host --annotation=a=b");
        assert_eq!(joined(&line("--network container:x img").read_by_the_runtime()), "");
    }

    #[test]
    fn what_is_added_stands_behind_the_last_option_without_a_runtime_too() {
        let with = |text: &str| joined(&line(text).with(&["--label=a=b".into()]));
        assert_eq!(with("--rm img --label c"), "--rm --label=a=b img --label c");
        assert_eq!(with("-l a=c -- img"), "-l a=c --label=a=b -- img");
        assert!(line("-itd img").is_detached() && line("--detach=false -d img").is_detached());
        assert!(!line("-d --detach=false img -d").is_detached());
    }

    #[test]
    fn options_are_replaced_wherever_they_stand_and_nothing_else_is() {
        let with = |text: &str| {
            let line = line(text);
            let places = line.options().enumerate().filter(|(_, option)| option.name == "volume");
            let new = vec!["--mount".into(), "NEW".into(), "--more=x".into()];
            let all: Vec<_> = places.map(|(place, _)| (place, new.clone())).collect();
            joined(&line.replacing(&all).with_runtime("runsc", &[]))
        };
        let new = "--mount NEW --more=x";
        for text in [
            "--rm -v /a:/b -t img -v /c:/d",
            "--rm --volume=/a:/b -t img -v /c:/d",
            "--rm -v/a:/b -t img -v /c:/d",
        ] {
            assert_eq!(with(text), format!("--rm {new} -t --runtime=runsc img -v /c:/d"), "{text}");
        }
        for text in
            ["-itv /a:/b -v=/c:/d -- img", "-itv=/a:/b --volume /c:/d -- img", "-itv/a:/b -v /c:/d -- img"]
        {
            assert_eq!(with(text), format!("-it {new} {new} --runtime=runsc -- img"), "{text}");
        }
        let line = line("-v /a:/b -itv /c:/d --name x img");
        let line = line.replacing(&[(0, Vec::new())]);
        assert_eq!(joined(line.replacing(&[(3, Vec::new())]).words()), "-it --name x img");
        assert_eq!(line.options().next_back().unwrap().written(), "--name x");
    }

    #[test]
    fn help_is_asked_for_among_the_options_only() {
        assert!(line("--rm --help").wants_help());
        assert!(!line("img --help").wants_help());
        assert!(!line("--help --help=false img").wants_help());
    }
}
