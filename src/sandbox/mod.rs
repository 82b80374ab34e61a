//! What we add to a container and keep about it on this side.

pub mod audit;
pub mod claims;
pub mod env_file;
pub mod names;
pub mod private_file;
pub mod report;
