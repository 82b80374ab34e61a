//! The plugin against real daemons and real gVisor. Every test is a promise; without engines it fails.
//!
//! `./test.sh` makes the engines ready and runs this tier.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod changes;
mod descriptors;
mod doctor;
mod early;
mod ends;
mod exit_codes;
mod flags;
mod fleet;
mod given_runsc;
mod gvisor;
mod hung;
mod kvm;
mod memory;
mod names;
mod one_shot;
mod opt_out;
mod other_engines;
mod policy;
mod read_only;
mod recordings;
mod refusal;
mod reports;
mod rootless;
mod rules;
mod setup;
mod setup_attacks;
mod setup_interrupted;
mod setup_sources;
mod setup_walk;
mod shims;
mod signals;
mod stage;
mod streams;
mod tty;
mod user;
