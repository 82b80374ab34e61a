//! The guides tell the truth: what they show is what the plugin prints, and what they link to is there.

mod commands;
mod consoles;
mod facts;
mod guides;
mod links;
