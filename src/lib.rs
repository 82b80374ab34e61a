//! `docker sandbox run …` is `docker run …` inside gVisor.
//!
//! Dependencies point one way: `main → lib → commands → {settings, sandbox, gvisor} → docker`.
//! ARCHITECTURE.md follows one request from argv to its exit code.

pub mod changes;
pub mod cli;
pub mod commands;
pub mod context;
pub mod docker;
pub mod doctor;
pub mod error;
pub mod gvisor;
mod inherited;
mod one_command;
pub mod plugin;
pub mod sandbox;
pub mod settings;
pub mod setup;
pub mod ui;

pub use one_command::{Failed, Finished, Sandbox};

use std::ffi::OsString;
use std::process::ExitCode;

use context::{Context, Environment};
use plugin::invocation::{Call, Invocation};

/// Runs the process's own command line and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    end_at_a_panic();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    ExitCode::from(dispatch(&args))
}

/// Makes a panic, a bug of ours, end the process with the code of a start that failed: 101 and SIGABRT
/// could be the container's. The release binary cannot unwind, which makes it a twelfth smaller.
fn end_at_a_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(error::REFUSED.into());
    }));
}

/// `args` is argv without the program's own name. The answer is the exit code.
fn dispatch(args: &[OsString]) -> u8 {
    let invocation = match Invocation::parse(args) {
        Ok(invocation) => invocation,
        Err(error) => return error::report(&error, error::USAGE),
    };
    // Docker asks for the metadata before every start of ours: nothing else is read for it.
    if let Call::Metadata = invocation.call {
        return finish(plugin::metadata::print(), error::FAILURE);
    }
    // They live by their own arguments, and close what they were left: nothing may be opened before.
    if let Call::Names(_) | Call::Prune(_) | Call::Prove(_) | Call::Minder(..) | Call::Witness =
        invocation.call
    {
        inherited::close();
    }
    match &invocation.call {
        Call::Names(words) => return sandbox::names::updater::run(words),
        Call::Prune(words) => return sandbox::fleet::pruner::run(words),
        Call::Prove(words) => return gvisor::proof::apart::run(words),
        _ => {}
    }
    let mut context = Context::new(Environment::read(), &invocation);
    context.program = own_program();
    match &invocation.call {
        Call::Metadata | Call::Names(_) | Call::Prune(_) | Call::Prove(_) => 0,
        Call::Hooks(request) => finish(plugin::hooks::answer(&context, request), error::FAILURE),
        Call::Complete { words, described } => {
            finish(plugin::completion::answer(&context, words, *described), error::FAILURE)
        }
        Call::Witness => plugin::witness::run(),
        Call::Minder(task, words) => commands::one_shot::mind(&context, task, words),
        Call::Command(words) => commands::dispatch(&context, words, args),
    }
}

/// Where we are. Without /proc that is not known, and Docker has put it into argv[0].
fn own_program() -> Option<std::path::PathBuf> {
    let argument =
        || std::env::args_os().next().map(std::path::PathBuf::from).filter(|path| path.is_absolute());
    std::env::current_exe().ok().or_else(argument)
}

/// Turns a command's outcome into an exit code, and prints its error.
fn finish(outcome: anyhow::Result<()>, code: u8) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(error) => error::report(&error, code),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use std::process::Command;

    const PANICS: &str = "DOCKER_SANDBOX_TEST_PANICS";

    #[test]
    fn a_panic_in_any_thread_says_where_and_ends_with_dockers_code() {
        if std::env::var_os(PANICS).is_some() {
            super::end_at_a_panic();
            let _ = std::thread::spawn(|| panic!("on purpose")).join();
            return;
        }
        // This test again, in a process that may end.
        let name = std::thread::current().name().unwrap().to_owned();
        let args = ["--exact", &name, "--nocapture"];
        let ended =
            Command::new(std::env::current_exe().unwrap()).args(args).env(PANICS, "1").output().unwrap();
        assert_eq!(ended.status.code(), Some(125));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains("on purpose") && said.contains("src/lib.rs"), "{said}");
    }
}
