//! `docker sandbox run …` is `docker run …` inside gVisor.
//!
//! Dependencies point one way: `main → lib → commands → {settings, sandbox, gvisor} → docker`.
//! ARCHITECTURE.md follows one request from argv to its exit code.

pub mod cli;
pub mod commands;
pub mod context;
pub mod docker;
pub mod doctor;
pub mod error;
pub mod gvisor;
pub mod plugin;
pub mod sandbox;
pub mod settings;
pub mod setup;
pub mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use context::{Context, Environment};
use plugin::invocation::{Call, Invocation};

/// Runs the process's own command line and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    ExitCode::from(dispatch(&args))
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
    let context = Context::new(Environment::read(), &invocation);
    match &invocation.call {
        Call::Metadata => 0,
        Call::Hooks(request) => finish(plugin::hooks::answer(&context, request), error::FAILURE),
        Call::Complete { words, described } => {
            finish(plugin::completion::answer(&context, words, *described), error::FAILURE)
        }
        Call::Witness => plugin::witness::run(),
        Call::Command(words) => commands::dispatch(&context, words),
    }
}

/// Turns a command's outcome into an exit code, and prints its error.
fn finish(outcome: anyhow::Result<()>, code: u8) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(error) => error::report(&error, code),
    }
}
