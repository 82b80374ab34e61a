//! `do`: one command in a fresh sandbox, the same whether that was made for it or was ready before.

mod ends;
mod folders;
mod host;
mod isolation;
mod json;
mod network;
mod not_started;
mod place;
mod read_only;
mod reports;
mod signals;
mod spares;
mod streams;
mod surroundings;
mod terminal;
mod turns;

pub(crate) use json::object;
use place::Seen;
pub(crate) use place::{ENGINES, Place};
