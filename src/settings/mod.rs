//! How strict, how patient, and who said so: flag > environment > project > user > default,
//! under a policy that nothing can loosen.

pub mod decide;
pub mod exceptions;
pub mod load;
pub mod mode;
pub mod one_shot;
pub mod policy;
pub mod project;
pub mod rule;
pub mod trust;
pub mod ttl;
pub mod user;
