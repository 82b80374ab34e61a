//! The `docker` binary: the one spawner, the grammar of its command lines, views of its answers.

pub mod ask;
pub mod client;
pub mod config_file;
pub mod csv;
pub mod daemon;
pub mod endpoint;
pub mod failure;
pub mod flags;
pub mod grammar;
pub mod ids;
pub mod info;
pub mod inspect;
pub mod local;
pub mod mountinfo;
pub mod mounts;
pub mod networks;
pub mod plugin_file;
pub mod program;
pub mod read_only;
pub mod run_line;
pub mod service;
pub mod stop;
pub mod volume_options;
