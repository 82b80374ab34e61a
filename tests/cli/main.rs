//! The plugin against a fake `docker` on PATH: every byte it prints, every word it hands on.
//!
//! A test's world is [`environment::TestEnvironment`]; what it sees is a [`transcript::Transcript`].
//! `SNAPSHOTS=overwrite cargo test --test cli` writes the snapshots anew; read what it wrote.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on panics")]

mod environment;
mod transcript;

mod audit;
mod completion;
mod daemon;
mod help;
mod hooks;
mod invocation;
mod modes;
mod policy;
mod project;
mod refusal;
mod run;
mod trust;
mod user_settings;
