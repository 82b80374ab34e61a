//! However we are ended, the sandbox ends too.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{ENGINES, Place};
use crate::stage::{Engines, Io, Running, wait_until};

/// How much later than `--timeout` the guard acts, and how long a command has after SIGTERM.
const MARGIN: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(10);

const SLEEPS: [&str; 4] = ["--", "sh", "-c", "echo ready; exec sleep 600"];

fn kill(pid: i32) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

/// The `docker` that `running` has started.
fn docker_of(running: &Running) -> i32 {
    let mut found = None;
    wait_until("there is a docker", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", running.pid().as_raw_nonzero())).unwrap();
        let children =
            tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")).unwrap());
        let all: Vec<i32> = children
            .flat_map(|line| line.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .collect();
        found = all.into_iter().find(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("docker\0run\0") || line.contains("docker\0attach\0")
        });
        found.is_some()
    });
    found.unwrap()
}

/// Starts `do`, cold and then from a spare, and ends it; nothing but a spare may be left.
fn nothing_is_left(engine: &str, options: &[&str], io: Io, end: impl Fn(&Place, Running)) {
    let place = Place::on(engine);
    let words = [&["--warm=1"], options, &SLEEPS].concat();
    for warm in [false, true] {
        let spares = place.spares();
        let mut running = place.start(&words, io);
        running.wait_for("ready");
        let sandbox = place.sandbox();
        assert_eq!(spares.iter().any(|spare| spare.container == sandbox), warm, "{sandbox} of {spares:?}");
        end(&place, running);
        wait_until("the sandbox is gone", || !place.sandboxes().contains(&sandbox));
        place.wait_for_spares(1);
    }
    place.wait_until_over();
}

#[test]
fn a_killed_do_must_take_its_sandbox_along() {
    for engine in ENGINES {
        nothing_is_left(engine, &[], Io::Pipes, |_, running| {
            running.signal(Signal::KILL);
            // Nobody holds its outputs.
            assert_eq!(running.end().out(), "ready\n");
        });
    }
}

#[test]
fn a_closed_terminal_must_end_the_sandbox() {
    for engine in ENGINES {
        nothing_is_left(engine, &[], Io::Terminal, |_, mut running| {
            drop(running.terminal.take());
            assert_ne!(running.end().status.code(), Some(0));
        });
    }
}

#[test]
fn a_killed_docker_must_take_the_sandbox_along() {
    for engine in ENGINES {
        nothing_is_left(engine, &[], Io::Pipes, |_, running| {
            kill(docker_of(&running));
            assert_eq!(running.end().status.code(), Some(137));
        });
    }
}

/// Kills all of ours there is.
fn kill_all(place: &Place, running: &Running) {
    let docker = docker_of(running);
    let minders = place.minders();
    assert_eq!(minders.len(), 1);
    minders.into_iter().for_each(kill);
    running.signal(Signal::KILL);
    kill(docker);
}

fn ends_by_itself(engine: &str) {
    let place = Place::on(engine);
    for (warm, script) in [
        (false, "echo ready; exec sleep 600"),
        (true, "echo ready; exec sleep 600"),
        // The guard's own process is as good as any to a command of the same user.
        (false, "trap '' TERM; kill -STOP 1; echo ready; exec sleep 600"),
    ] {
        if warm {
            place.run(&["--warm=1", "--timeout=6s", "--", "true"]).exits(0);
            place.wait_for_spares(1);
        }
        let spares = place.spares();
        let warm = if warm { "--warm=1" } else { "--warm=0" };
        let mut running = place.start(&[warm, "--timeout=6s", "--", "sh", "-c", script], Io::Pipes);
        running.wait_for("ready");
        let (began, sandbox) = (Instant::now(), place.sandbox());
        assert_eq!(spares.iter().any(|spare| spare.container == sandbox), warm == "--warm=1");
        kill_all(&place, &running);
        let deadline = Duration::from_secs(6) + MARGIN + GRACE;
        wait_until("the sandbox has ended by itself", || !place.sandboxes().contains(&sandbox));
        assert!(began.elapsed() < deadline + Duration::from_secs(10), "{script}: {:?}", began.elapsed());
    }
    // Who is dead counts no more.
    place.settings(&[("max-concurrent", "1")]);
    place.run(&["--", "true"]).exits(0);
    wait_until("the sandboxes are gone", || place.left().is_empty());
    place.wait_until_over();
}

#[test]
fn a_sandbox_must_end_by_itself_when_all_of_ours_is_killed_on_an_old_engine() {
    ends_by_itself("bookworm");
}

#[test]
fn a_sandbox_must_end_by_itself_when_all_of_ours_is_killed() {
    ends_by_itself("trixie");
}

#[test]
fn a_sandbox_must_end_by_itself_when_all_of_ours_is_killed_on_the_newest_engines() {
    for engine in Engines::NEWEST {
        ends_by_itself(engine);
    }
}

#[test]
fn a_storm_of_kills_must_leave_nothing() {
    for engine in ENGINES {
        let place = Place::on(engine);
        place.run(&["--warm=2", "--", "true"]).exits(0);
        for batch in 0..3_u64 {
            let began = Instant::now();
            let mut started: Vec<(u64, Running)> = (0..5)
                .map(|number| {
                    let warm = if number % 2 == 0 { "--warm=2" } else { "--warm=0" };
                    let running = place.start(&[&[warm], &SLEEPS[..]].concat(), Io::Pipes);
                    // From before anything is asked for to after the command has begun.
                    (batch * 70 + number * 330, running)
                })
                .collect();
            wait_until("each has been killed at its moment", || {
                started.retain(|(moment, running)| {
                    let due = began.elapsed() >= Duration::from_millis(*moment);
                    if due {
                        running.signal(Signal::KILL);
                    }
                    !due
                });
                started.is_empty()
            });
        }
        place.wait_until_gone();
        place.run(&["--", "true"]).exits(0);
        place.wait_until_over();
    }
}
