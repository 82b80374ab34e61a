//! The plugin against real daemons and real gVisor. Every test is a promise; without engines it fails.
//!
//! `./test.sh` makes the engines ready and runs this tier.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod exit_codes;
mod gvisor;
mod refusal;
mod stage;
mod streams;
