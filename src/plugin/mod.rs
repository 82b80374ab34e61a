//! Docker's plugin protocol: how its CLI calls us, completes through us, and ends us.

pub mod caller;
pub mod completion;
pub mod hooks;
pub mod inbox;
pub mod invocation;
mod ledger;
pub mod metadata;
pub mod stop;
pub mod supervise;
pub mod witness;
