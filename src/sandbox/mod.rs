//! What we add to a container and keep about it on this side.

pub mod audit;
pub mod expiry;
pub mod fleet;
pub mod labels;
pub mod names;
pub mod private_file;
