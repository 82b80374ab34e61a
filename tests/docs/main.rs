//! The guides tell the truth: what they show is what the plugin prints, and what they link to is there.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on panics")]

mod commands;
mod consoles;
mod facts;
mod guides;
mod links;
mod rules;
mod schema;
