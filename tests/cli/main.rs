//! The plugin against a fake `docker` on PATH: every byte it prints, every word it hands on.
//!
//! A test's world is [`environment::TestEnvironment`]; what it sees is a [`transcript::Transcript`].
//! `SNAPSHOTS=overwrite cargo test --test cli` writes the snapshots anew; read what it wrote.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes the snapshots so")]

mod environment;
mod transcript;

mod agent_yaml;
mod attacks;
mod audit;
mod changes;
mod changes_apply;
mod changes_stage;
mod completion;
mod completion_values;
mod config;
mod daemon;
mod detection;
mod docker_program;
mod doctor;
mod fallback;
mod fleet;
mod fleet_labels;
mod fleet_ls;
mod fleet_prune;
mod fleet_rm;
mod help;
mod hooks;
mod invocation;
mod modes;
mod nonsense;
mod one_shot;
mod patience;
mod platforms;
mod policy;
mod policy_askers;
mod policy_file;
mod popular_lines;
mod project;
mod refusal;
mod rules_allowed;
mod rules_asked;
mod rules_of_changes;
mod rules_paths;
mod rules_places;
mod rules_policy;
mod rules_told;
mod run;
mod runtimes;
mod terminal;
mod trust;
mod trust_list;
mod unknown_options;
mod usage;
mod user_settings;
mod version;
mod words;
