//! What is true of gVisor under Docker: recognising it, installing it, how it fails.

pub mod arguments;
pub mod binary;
pub mod detect;
pub mod failures;
pub mod instructions;
pub mod kept;
pub mod memory;
pub mod probe;
pub mod processes;
pub mod proof;
pub mod rules;
