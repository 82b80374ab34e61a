//! Spares: each for one command, and only as long as it is what a cold start would be.

use rustix::process::{Pid, Signal, kill_process};

use super::place::Spare;
use super::{ENGINES, Place};
use crate::stage::{IMAGE, Io, Running, wait_until};

/// A place with so many spares for `options`.
fn with_spares(place: &Place, options: &[&str], count: usize) -> Vec<Spare> {
    let warm = format!("--warm={count}");
    place.run(&[&[warm.as_str()], options, &["--", "true"]].concat()).exits(0).prints("").quietly();
    place.wait_for_spares(count)
}

/// Whether a spare is taken by `do --warm=1 OPTIONS -- cat FILE`, which must print `text`.
#[track_caller]
fn is_warm(place: &Place, options: &[&str], file: &str, text: &str) -> bool {
    let spares = place.spares();
    place.run(&[&["--warm=1"], options, &["--", "cat", file]].concat()).exits(0).prints(text).quietly();
    let sandbox = place.sandbox();
    spares.iter().any(|spare| spare.container == sandbox)
}

#[test]
fn two_commands_must_never_get_the_same_one() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let spares = with_spares(&place, &[], 2);
        let all: Vec<Running> =
            (0..8).map(|_| place.start(&["--warm=2", "--", "cat", "/etc/hostname"], Io::Pipes)).collect();
        let mut names: Vec<String> =
            all.into_iter().map(|running| running.end().exits(0).quietly().out()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 8, "{names:?}");
        let attached = place.asked().iter().filter(|line| line.starts_with("attach ")).count();
        assert!(attached >= 2, "both were taken: {:#?}", place.asked());
        // What replaces them outlives those who asked for them.
        let later = place.wait_for_spares(2);
        assert!(later.iter().all(|spare| !spares.contains(spare)), "{later:?}");
        for spare in later {
            assert_eq!(place.scenario.inspect(&spare.container, "{{.State.Running}}"), "true");
        }
        place.wait_until_over();
    }
}

#[test]
fn a_spare_that_was_killed_must_cost_a_cold_start_and_nothing_else() {
    for engine in ENGINES {
        let place = Place::on(engine);
        place.scenario.write("work/file", "content\n");
        let spare = with_spares(&place, &[], 1).remove(0);
        place.scenario.ask(&["kill", &spare.container]);
        assert!(!is_warm(&place, &[], "file", "content\n"), "{:#?}", place.asked());
        // By Docker's hands or by the kernel's.
        let spare = place.wait_for_spares(1).remove(0);
        let pid = place.scenario.inspect(&spare.container, "{{.State.Pid}}").parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        assert!(!is_warm(&place, &[], "file", "content\n"), "{:#?}", place.asked());
        place.wait_for_spares(1);
        assert!(is_warm(&place, &[], "file", "content\n"), "{:#?}", place.asked());
        place.wait_for_spares(1);
        place.wait_until_over();
    }
}

/// An image of one test. Dropped, it is removed.
struct Image<'a>(&'a Place, String);

impl Image<'_> {
    /// The test image with `text` in `/content`, under the name.
    fn set(&self, text: &str) {
        let Self(place, name) = self;
        let source = place.scenario.write("content", text);
        let made = place.scenario.ask(&["create", IMAGE, "true"]);
        place.scenario.ask(&["cp", source.to_str().unwrap(), &format!("{made}:/content")]);
        place.scenario.ask(&["commit", &made, name]);
        place.scenario.ask(&["rm", &made]);
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let Self(place, name) = self;
        wait_until("nobody makes spares of it", || place.minders().is_empty());
        for sandbox in place.sandboxes() {
            place.scenario.ask(&["rm", "--force", &sandbox]);
        }
        place.scenario.ask(&["rmi", "--force", name]);
    }
}

#[test]
fn a_retagged_image_must_be_the_new_one_at_once() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let image = Image(&place, format!("{}-image", place.scenario.name()));
        let option = format!("--image={}", image.1);
        image.set("old\n");
        with_spares(&place, &[&option], 1);
        assert!(is_warm(&place, &[&option], "/content", "old\n"));
        place.wait_for_spares(1);
        image.set("new\n");
        assert!(!is_warm(&place, &[&option], "/content", "new\n"), "{:#?}", place.asked());
    }
}

#[test]
fn a_folder_that_was_replaced_must_be_the_new_one_at_once() {
    for engine in ENGINES {
        let place = Place::on(engine);
        place.scenario.write("work/file", "old\n");
        with_spares(&place, &[], 1);
        std::fs::remove_dir_all(place.work()).unwrap();
        place.scenario.write("work/file", "new\n");
        assert!(!is_warm(&place, &[], "file", "new\n"), "{:#?}", place.asked());
        place.wait_for_spares(2);
        // Changed files are seen, and files that replace others.
        place.scenario.write("work/other", "changed\n");
        std::fs::rename(place.work().join("other"), place.work().join("file")).unwrap();
        assert!(is_warm(&place, &[], "file", "changed\n"), "{:#?}", place.asked());
    }
}

#[test]
fn other_limits_must_not_be_a_spares() {
    let place = Place::on("trixie");
    place.scenario.write("work/file", "content\n");
    with_spares(&place, &[], 1);
    for option in ["--memory=512m", "--timeout=1m", "--write", "--user=1:1"] {
        let path = place.work().join("file");
        let warm = is_warm(&place, &["--warm=0", option], path.to_str().unwrap(), "content\n");
        assert!(!warm, "{option}: {:#?}", place.asked());
    }
    assert!(is_warm(&place, &["--env=A=b"], "file", "content\n"), "{:#?}", place.asked());
    place.wait_for_spares(1);
    // The guard enters the directory when the command comes.
    let path = place.work().join("file");
    assert!(is_warm(&place, &["--workdir=/"], path.to_str().unwrap(), "content\n"), "{:#?}", place.asked());
}

#[test]
fn a_spare_that_nobody_wants_must_go() {
    for engine in ENGINES {
        let place = Place::with(engine, &[("warm-idle", "20s")]);
        let spare = with_spares(&place, &[], 1).remove(0);
        // All of ours is gone by now: it goes by itself.
        assert_eq!(place.minders(), [0; 0]);
        wait_until("the spare is gone", || !place.sandboxes().contains(&spare.container));
        place.scenario.write("work/file", "content\n");
        assert!(!is_warm(&place, &[], "file", "content\n"), "{:#?}", place.asked());
    }
}
