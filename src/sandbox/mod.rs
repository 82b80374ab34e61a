//! What we add to a container and keep about it on this side.

pub mod audit;
pub mod bind;
pub mod claims;
pub mod env_file;
pub mod execution;
pub mod expiry;
pub mod fleet;
pub mod guard;
pub mod isolated;
pub mod labels;
pub mod minder;
pub mod names;
pub mod private_file;
pub mod report;
pub mod spares;
