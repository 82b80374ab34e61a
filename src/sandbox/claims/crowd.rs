//! Many processes at once, some of which are killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::UNIX_EPOCH;

use rustix::process::{Signal, getpid, kill_process};

use super::tests::{about, claimed, claims, names};
use super::*;

const FOLDER: &str = "DOCKER_SANDBOX_TEST_CLAIMS";
const SEED: &str = "DOCKER_SANDBOX_TEST_SEED";
const MAX: usize = 3;

/// As random as it need be (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// This test again, in a process of its own.
fn again(claims: &Claims, seed: u64) -> Child {
    let name = std::thread::current().name().unwrap().to_owned();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &name]).env(FOLDER, &claims.folder).env(SEED, seed.to_string());
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// Claims and gives back, and writes down when; is killed at some point with the claim, or while it waits.
fn work(claims: &Claims, mut seed: u64) {
    let log = claims.folder.with_extension("log");
    let mut log = OpenOptions::new().append(true).create(true).open(log).unwrap();
    let mut write = |what: &str| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        log.write_all(format!("{now} {what}\n").as_bytes()).unwrap();
    };
    let die = || kill_process(getpid(), Signal::KILL).unwrap();
    for _ in 0..20 {
        let dies_waiting = next(&mut seed).is_multiple_of(16);
        let mut on_wait = |_| {
            if dies_waiting {
                die();
            }
        };
        let patience = Some(Patience::ForEver);
        let taken = claims.take(MAX, &about("k"), patience, &mut on_wait, &|| false);
        let claim = claimed(taken.unwrap());
        write("+");
        sleep(Duration::from_micros(next(&mut seed) % 3000));
        let dies = next(&mut seed).is_multiple_of(8);
        write("-");
        if dies {
            die();
        }
        claim.release();
    }
}

#[test]
fn never_more_than_there_are_places_whoever_is_killed() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        work(&Claims::at(folder.into()), std::env::var(SEED).unwrap().parse().unwrap());
        return;
    }
    let (home, claims) = claims();
    let log = claims.folder.with_extension("log");
    std::fs::create_dir(home.path().join("claims")).unwrap();
    let times = |what: &str| {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.lines().filter(|line| line.ends_with(what)).count()
    };
    let mut seed = 88_172_645_463_325_252;
    let mut workers: Vec<Child> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(100);
    // 8 at a time, as often as it takes.
    while times("+") < 400 {
        assert!(Instant::now() < deadline, "somebody dead blocks the others: {:?}", names(&claims));
        workers.retain_mut(|worker| worker.try_wait().unwrap().is_none());
        while workers.len() < 8 {
            workers.push(again(&claims, next(&mut seed)));
        }
        sleep(Duration::from_millis(1));
    }
    for mut worker in workers {
        worker.wait().unwrap();
    }
    let log = std::fs::read_to_string(log).unwrap();
    let mut changes: Vec<(u128, bool)> = log
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(at, what)| (at.parse().unwrap(), what == "+"))
        .collect();
    // Each has the place from before its `+` until after its `-`, so an end comes first.
    changes.sort_unstable();
    let (mut running, mut most) = (0, 0);
    for (_, begins) in changes {
        running = if begins { running + 1 } else { running - 1 };
        most = most.max(running);
    }
    assert_eq!((running, most), (0, MAX));
    assert!(claims.running().unwrap().is_empty() && names(&claims).is_empty());
}
