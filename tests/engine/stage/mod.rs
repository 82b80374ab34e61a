//! The words that scenarios are written in.

pub(crate) mod attack;
pub(crate) mod disguise;
pub(crate) mod engines;
pub(crate) mod gate;
pub(crate) mod mirror;
pub(crate) mod own_engine;
pub(crate) mod process;
pub(crate) mod scenario;
pub(crate) mod site;
pub(crate) mod terminal;
pub(crate) mod user;

use std::time::{Duration, Instant};

pub(crate) use engines::{Cli, Engine, Engines};
pub(crate) use mirror::Mirror;
pub(crate) use own_engine::OwnEngine;
pub(crate) use process::{Io, Outcome, Running};
pub(crate) use scenario::{Form, IMAGE, Scenario};
pub(crate) use site::Site;
pub(crate) use user::{User, files};

/// How long anything may take that is sure to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// How soon a state is looked at again at first, and at last: most looks start a docker, on a machine of two cores.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(300)];

/// Waits for an observed state; fails naming it when the deadline has passed.
pub(crate) fn wait_until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    let [mut pause, longest] = PAUSES;
    while !seen() {
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain until {what}");
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(longest);
    }
}
