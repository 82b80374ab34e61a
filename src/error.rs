//! An error with a hint and an exit code, and the one place that prints errors.

use std::fmt;

use serde::Serialize;

use crate::ui;

/// A command failed or a check did.
pub const FAILURE: u8 = 1;
/// The command line of one of our own commands is wrong.
pub const USAGE: u8 = 2;
/// The command of a `do` did not end in time.
pub const TIMED_OUT: u8 = 124;
/// We, or Docker, refused to start a container: `docker run`'s own code for it.
pub const REFUSED: u8 = 125;

/// What went wrong, and what the user can do about it.
///
/// `message` is lower case with its values in backticks (see [`ui::shown`]); `body` is printed as
/// it stands between message and hints; every hint is a sentence and the commands that carry it out.
#[derive(Debug, Default)]
pub struct Error {
    message: String,
    body: String,
    hints: Vec<Hint>,
    code: Option<u8>,
    kind: Option<Kind>,
}

/// What kind of error it is, for programs; most are of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no docker to start.
    DockerNotFound,
    /// The daemon did not answer.
    DaemonUnreachable,
    /// The daemon has no gVisor that can be used.
    NoGvisor,
    /// A rule forbids it.
    RuleDenied,
    /// The machine's policy forbids it.
    Policy,
    /// A setting is wrong.
    Settings,
    /// The command line is wrong, or a file that it names.
    Usage,
    /// A limit cannot be kept to.
    Limits,
    /// The image is not there and cannot be pulled.
    Image,
    /// As many run as may.
    TooMany,
}

/// One way out: why or when to take it, and the exact commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The sentence before the commands.
    pub text: String,
    /// Each on a line of its own, ready to be pasted. May be empty.
    pub commands: Vec<String>,
}

impl Error {
    /// An error without a hint; add one wherever the user can fix it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Adds a sentence and one command to paste.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.hints.push(Hint { text: text.into(), commands: vec![command.into()] });
        self
    }

    /// Adds hints made elsewhere.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = Hint>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// What the user can do.
    #[must_use]
    pub fn ways_out(&self) -> &[Hint] {
        &self.hints
    }

    /// Adds text that is printed between the message and the hints.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Says what kind it is.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sets the exit code; without it, the command's own for failures.
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = Some(code);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Prints `error` with its causes and hints to stderr and returns the exit code to end with:
/// the error's own, else `default`.
#[must_use]
pub fn report(error: &anyhow::Error, default: u8) -> u8 {
    ui::err(&render(error));
    parts(error).into_iter().find_map(|part| part.code).unwrap_or(default)
}

/// Every [`Error`] in `error`, the outermost first. One that was added as context hides from
/// `chain`, and only `anyhow` itself can find it.
fn parts(error: &anyhow::Error) -> Vec<&Error> {
    let outer = error.downcast_ref::<Error>();
    let inner = error.chain().filter_map(|cause| cause.downcast_ref::<Error>());
    let inner = inner.filter(|part| !outer.is_some_and(|outer| std::ptr::eq(outer, *part)));
    outer.into_iter().chain(inner).collect()
}

/// What kind `error` is, if anybody said.
#[must_use]
pub fn kind(error: &anyhow::Error) -> Option<Kind> {
    parts(error).into_iter().find_map(|part| part.kind)
}

/// `result`, its error of this `kind` if nobody said another.
///
/// # Errors
/// As before.
pub fn or_kind<T>(result: anyhow::Result<T>, kind: Kind) -> anyhow::Result<T> {
    result.map_err(|mut error| {
        if self::kind(&error).is_none()
            && let Some(ours) = error.downcast_mut::<Error>()
        {
            ours.kind = Some(kind);
        }
        error
    })
}

/// What went wrong: `MESSAGE: CAUSE…`.
#[must_use]
pub fn message(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}

/// What stands between that and the hints; mostly nothing.
#[must_use]
pub fn body(error: &anyhow::Error) -> String {
    let bodies: Vec<&str> = parts(error).iter().map(|part| part.body.trim_end()).collect();
    bodies.into_iter().filter(|body| !body.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What the user can do about it.
#[must_use]
pub fn hints(error: &anyhow::Error) -> Vec<Hint> {
    parts(error).into_iter().flat_map(|part| part.hints.iter().cloned()).collect()
}

/// The text of `error`: `docker sandbox: MESSAGE: CAUSE…`, body, hints.
fn render(error: &anyhow::Error) -> String {
    let mut text = format!("docker sandbox: {}\n", message(error));
    for cause in parts(error) {
        if !cause.body.is_empty() {
            text.push('\n');
            text.push_str(cause.body.trim_end());
            text.push_str("\n\n");
        }
        for hint in &cause.hints {
            text.push_str(&render_hint(hint));
        }
    }
    text
}

/// `hint: SENTENCE`, then each command indented on a line of its own.
#[must_use]
pub fn render_hint(hint: &Hint) -> String {
    let mut text = format!("hint: {}\n", hint.text);
    for command in &hint.commands {
        text.push_str("    ");
        text.push_str(command);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_rendered_with_its_causes_and_ends_with_the_command_that_fixes_it() {
        let inner = Error::new("`x` is no mode").hint("write one that is:", "docker sandbox config");
        let error = anyhow::Error::new(inner).context("cannot read `/f`");
        assert_eq!(
            render(&error),
            "docker sandbox: cannot read `/f`: `x` is no mode\nhint: write one that is:\n    docker sandbox config\n"
        );
    }

    #[test]
    fn an_error_around_another_one_keeps_its_hints_and_its_code() {
        let outer = Error::new("cannot read `/f`").hint("look:", "ls -l /f").code(7);
        let error = anyhow::Error::new(std::io::Error::other("boom")).context(outer);
        assert_eq!(render(&error), "docker sandbox: cannot read `/f`: boom\nhint: look:\n    ls -l /f\n");
        assert_eq!(report(&error, 1), 7);
    }

    #[test]
    fn the_exit_code_is_the_errors_own_else_the_commands() {
        assert_eq!(report(&Error::new("a").code(7).into(), 1), 7);
        assert_eq!(report(&Error::new("a").into(), 125), 125);
    }
}
