#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};

use super::*;

pub(super) fn claims() -> (tempfile::TempDir, Claims) {
    let home = tempfile::tempdir().unwrap();
    let claims = Claims::at(home.path().join("claims/daemon"));
    (home, claims)
}

pub(super) fn about(container: &str) -> Running {
    let since = SystemTime::now();
    Running { container: container.into(), command: "true".into(), pid: std::process::id(), since }
}

fn now(claims: &Claims, max: usize) -> Taken {
    claims.take(max, &about("c"), None, &mut |_| panic!("it did not ask to wait"), &|| false).unwrap()
}

pub(super) fn claimed(taken: Taken) -> Claim {
    let Taken::Claim(claim) = taken else { panic!("{taken:?}") };
    claim
}

pub(super) fn names(claims: &Claims) -> Vec<String> {
    let entries = std::fs::read_dir(&claims.folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Somebody who waits in a thread, and what they are told of those ahead.
fn waiter(claims: &Claims, max: usize) -> (JoinHandle<Taken>, Receiver<usize>) {
    let (told, hears) = channel();
    let claims = claims.clone();
    let waits = spawn(move || {
        let mut on_wait = |ahead| told.send(ahead).unwrap();
        claims.take(max, &about("w"), Some(Patience::ForEver), &mut on_wait, &|| false).unwrap()
    });
    (waits, hears)
}

#[test]
fn a_place_is_taken_until_it_is_given_back_and_nothing_stays_behind() {
    let (_home, claims) = claims();
    let (one, two) = (claimed(now(&claims, 2)), claimed(now(&claims, 2)));
    let Taken::Full(running) = now(&claims, 2) else { panic!("three of two") };
    assert_eq!(running, claims.running().unwrap());
    assert_eq!(running.iter().map(|running| &running.container).collect::<Vec<_>>(), ["c", "c"]);
    assert!(running[0].since <= running[1].since);
    one.release();
    let three = claimed(now(&claims, 2));
    two.release();
    three.release();
    assert!(names(&claims).is_empty());
    assert!(matches!(now(&claims, 0), Taken::Full(running) if running.is_empty()));
}

#[test]
fn what_the_dead_left_behind_is_removed_by_the_next_who_looks() {
    let (_home, claims) = claims();
    let claim = claimed(now(&claims, 1));
    let path = claim.path().to_owned();
    drop(claim);
    std::fs::write(claims.folder.join("wait-000000000007"), "").unwrap();
    std::fs::write(claims.folder.join("not-ours"), "").unwrap();
    let claim = claimed(now(&claims, 1));
    assert!(!path.exists());
    claim.release();
    assert_eq!(names(&claims), ["not-ours"]);
}

#[test]
fn a_claim_lives_until_all_who_have_its_file_have_ended() {
    let (_home, claims) = claims();
    let claim = claimed(now(&claims, 1));
    let mut background = Command::new("sleep").arg("1000").stdin(claim.file().unwrap()).spawn().unwrap();
    let path = claim.path().to_owned();
    drop(claim);
    assert_eq!(claims.running().unwrap().len(), 1);
    assert!(matches!(now(&claims, 1), Taken::Full(_)));
    background.kill().unwrap();
    background.wait().unwrap();
    assert!(claims.running().unwrap().is_empty() && !path.exists());

    let claim = claimed(now(&claims, 1));
    let (file, path) = (claim.file().unwrap(), claim.path().to_owned());
    drop(claim);
    Claim::inherited(file.try_clone().unwrap(), path.clone()).release();
    assert!(claims.running().unwrap().is_empty(), "given back, although {file:?} is open");
    std::fs::write(&path, "somebody else's").unwrap();
    Claim::inherited(file, path.clone()).release();
    assert!(path.exists());
}

#[test]
fn a_claim_that_says_nothing_that_we_know_counts_all_the_same() {
    let (_home, claims) = claims();
    let claim = claimed(now(&claims, 1));
    std::fs::write(claim.path(), "{\"version\": 2}").unwrap();
    let Taken::Full(running) = now(&claims, 1) else { panic!("it did not count") };
    assert_eq!((running.len(), running[0].container.as_str()), (1, ""));
}

#[test]
fn who_waits_is_served_in_order_of_arrival() {
    let (_home, claims) = claims();
    let first = claimed(now(&claims, 1));
    let waiters: Vec<_> = (0..5)
        .map(|ahead| {
            let (waits, hears) = waiter(&claims, 1);
            assert_eq!(hears.recv().unwrap(), ahead);
            (waits, hears)
        })
        .collect();
    assert_eq!(names(&claims)[1..], [0, 1, 2, 3, 4].map(|number| format!("wait-{number:012}")));
    first.release();
    for (number, (waits, hears)) in waiters.into_iter().enumerate() {
        let claim = claimed(waits.join().unwrap());
        // Those behind still wait, each in its order, and were told about those who left.
        assert_eq!(names(&claims).len(), 5 - number);
        assert!(hears.try_iter().all(|ahead| ahead < number));
        claim.release();
    }
    assert!(names(&claims).is_empty());
}

#[test]
fn who_does_not_wait_passes_nobody_who_does() {
    let (_home, claims) = claims();
    let folder = Locked::lock(&claims.folder).unwrap();
    let ticket = folder.ticket(3).unwrap();
    drop(folder);
    assert!(matches!(now(&claims, 1), Taken::Full(running) if running.is_empty()));
    let claim = claimed(now(&claims, 2));
    drop(ticket);
    assert!(matches!(now(&claims, 1), Taken::Full(running) if running.len() == 1));
    claim.release();
    claimed(now(&claims, 1)).release();
}

#[test]
fn a_deadline_ends_the_wait_and_leaves_nothing() {
    let (_home, claims) = claims();
    let claim = claimed(now(&claims, 1));
    for patience in [Duration::ZERO, Duration::from_millis(150)] {
        let began = Instant::now();
        let (mut told, until) = (Vec::new(), Some(Patience::Until(began + patience)));
        let taken = claims.take(1, &about("w"), until, &mut |ahead| told.push(ahead), &|| false).unwrap();
        assert!(matches!(taken, Taken::Full(running) if running.len() == 1));
        assert!(began.elapsed() >= patience && began.elapsed() < LOOK_AGAIN + patience);
        assert_eq!(told.len(), usize::from(!patience.is_zero()));
        assert_eq!(names(&claims).len(), 1);
    }
    claim.release();
}

#[test]
fn who_is_told_to_stop_stops_and_leaves_nothing() {
    let (_home, claims) = claims();
    let claim = claimed(now(&claims, 1));
    let stop = AtomicBool::new(false);
    let mut on_wait = |_| stop.store(true, Ordering::SeqCst);
    let asked = || stop.load(Ordering::SeqCst);
    let taken = claims.take(1, &about("w"), Some(Patience::ForEver), &mut on_wait, &asked).unwrap();
    assert!(matches!(taken, Taken::Stopped));
    assert_eq!(names(&claims).len(), 1);
    claim.release();
}

#[test]
fn a_folder_that_is_removed_under_those_who_wait_is_made_again() {
    let (home, claims) = claims();
    let _lost = claimed(now(&claims, 1));
    let (waits, hears) = waiter(&claims, 1);
    assert_eq!(hears.recv(), Ok(0));
    std::fs::rename(&claims.folder, home.path().join("aside")).unwrap();
    claimed(waits.join().unwrap()).release();
    assert!(names(&claims).is_empty());
}

#[test]
fn what_is_in_the_way_is_named() {
    let (home, _) = claims();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let claims = Claims::at(file.clone());
    let error = claims.running().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot use the folder of claims `{}`", file.display()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_closes_is_noticed() {
    let (_home, claims) = claims();
    let claim = claimed(now(&claims, 1));
    let mut watch = Watch::begin(&claims.folder);
    let began = Instant::now();
    drop(claim);
    watch.wait(Patience::ForEver, &|| false);
    assert!(began.elapsed() < LOOK_AGAIN, "woken by the clock");
}
