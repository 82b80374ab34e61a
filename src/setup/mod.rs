//! gVisor onto this machine and into its Docker daemon, and out again.
//!
//! A run is a [`change::Change`]: what is done is first written into a journal beside daemon.json
//! ([`journal`]), so that whatever ends a run, the next one knows what to take back. Nothing here
//! prints; steps report through [`steps::Report`].

pub mod apt;
pub mod change;
pub mod checksum;
pub mod copy;
pub mod daemon_json;
pub mod fetch;
pub mod file;
pub mod install;
pub mod journal;
mod json_text;
mod obtain;
pub mod ownership;
pub mod place;
pub mod register;
pub mod reload;
pub mod runsc;
pub mod source;
pub mod steps;
pub mod target;
pub mod tool;
pub mod undo;
pub mod unpack;
