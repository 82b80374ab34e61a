//! What is told of a command's end cannot be told by the command.

use serde_json::{Value, json};

use super::{ENGINES, Place};
use crate::stage::{Engines, Io, Outcome};

#[track_caller]
fn object(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

#[test]
fn the_secret_of_the_reports_must_not_be_in_any_argument() {
    let script = "tr '\\0' ' ' </proc/1/cmdline; tr '\\0' ' ' </proc/1/environ; cat /proc/1/mem /proc/1/fd/0 \
        /proc/1/fd/1 /proc/1/fd/2; grep -c . /proc/1/maps; echo ready; cat";
    for engine in ENGINES {
        let place = Place::on(engine);
        let words = ["--format=json", "--", "sh", "-c", script];
        let warms = std::cell::RefCell::new(Vec::new());
        place.both_ways(Io::Pipes, &words, |running| {
            // What it prints is in the object, at its end: what can be waited for is the process.
            let sandbox =
                || place.asked().iter().any(|line| line.starts_with("run ") || line.starts_with("attach "));
            crate::stage::wait_until("it was asked for", sandbox);
            crate::stage::wait_until("it runs", || {
                place.scenario.inspect(&place.sandbox(), "{{.State.Running}}") == "true"
            });
            let inspected = place.scenario.ask(&["inspect", &place.sandbox()]);
            let processes = std::fs::read_dir("/proc").unwrap().flatten();
            let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
            let lines: Vec<String> = lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
            let report = object(&running.end().exits(0));
            let said = report["stdout"]["data"].as_str().unwrap();
            assert!(said.starts_with("/.docker-sandbox ") && said.ends_with("ready\n"), "{report:#}");
            assert!(!said.contains("report=") && !inspected.contains("report="), "{said}\n{inspected}");
            assert!(!lines.iter().any(|line| line.contains("\0report=")), "{lines:#?}");
            warms.borrow_mut().push(report["warm"].clone());
        });
        assert_eq!(warms.into_inner(), [json!(false), json!(true)]);
        place.wait_until_over();
    }
}

/// Tries all that could end the guard, process 1, or stop it.
#[cfg(target_arch = "x86_64")]
const ATTACKS: &str = r#"
static long call(long n, long a, long b, long c, long d, long e) {
    long r; register long r10 __asm__("r10") = d; register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return r;
}
static void pause_for(long milliseconds) {
    long time[2] = {0, milliseconds * 1000000};
    call(35, (long)time, 0, 0, 0, 0);
}
__attribute__((force_align_arg_pointer)) void _start(void) {
    static long info[16], limit[2] = {0, 0}, ends[2];
    static int ids[2] = {1, 1};
    /* What else process 1 gets is passed on: SIGIO is ignored. */
    static long ignore[4] = {1, 0, 0, 0};
    call(13, 29, (long)ignore, 0, 8, 0);
    for (int signal = 9; signal <= 19; signal += 10) {
        call(62, 1, signal, 0, 0, 0);
        call(62, 0x100000001, signal, 0, 0, 0);
        call(200, 1, signal, 0, 0, 0);
        call(234, 1, 1, signal, 0, 0);
        ((int *)info)[0] = signal; ((int *)info)[2] = -1;
        call(129, 1, signal, (long)info, 0, 0);
        call(297, 1, 1, signal, (long)info, 0);
        long handle = call(434, 1, 0, 0, 0, 0);
        call(424, handle, signal, 0, 0, 0);
        call(62, -1, signal, 0, 0, 0);
        /* A pipe that tells its owner that it can be read. */
        call(22, (long)ends, 0, 0, 0, 0);
        int from = ((int *)ends)[0], to = ((int *)ends)[1];
        call(72, from, 10, signal, 0, 0);
        call(72, from, 8, 1, 0, 0);
        call(72, from, 15, (long)ids, 0, 0);
        call(72, from, 4, 020000 | 04000, 0, 0);
        call(1, to, (long)"x", 1, 0, 0);
    }
    call(101, 16, 1, 0, 0, 0);
    call(302, 1, 0, (long)limit, 0, 0);
    /* A child of its parent's, whose end is told by SIGKILL, and one that loses its parent. */
    if (call(56, 0x8000 | 9, 0, 0, 0, 0) == 0) call(231, 0, 0, 0, 0, 0);
    if (call(56, 17, 0, 0, 0, 0) == 0) {
        if (call(56, 9, 0, 0, 0, 0) == 0) { pause_for(300); call(231, 0, 0, 0, 0, 0); }
        call(231, 0, 0, 0, 0, 0);
    }
    pause_for(800);
    /* Last: into its group, and then all of that. */
    if (call(109, 0, 1, 0, 0, 0) == 0) call(62, 0, 9, 0, 0, 0);
    call(231, 7, 0, 0, 0, 0);
}
"#;

#[cfg(target_arch = "x86_64")]
#[test]
fn a_command_must_not_end_or_stop_the_guard() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let source = place.scenario.write("attacks.c", ATTACKS);
        let program = place.work().join("attacks");
        let made = std::process::Command::new("cc")
            .args(["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-o"])
            .args([&program, &source])
            .status();
        assert!(made.unwrap().success());
        for options in [&[][..], &["--user=1:1"], &["--discard"]] {
            let seen = place.same(&[options, &["--", "./attacks"]].concat(), b"");
            assert_eq!((seen.code, seen.stdout.as_slice()), (Some(7), &b""[..]), "{options:?}: {seen:?}");
        }
        // Nor all of its own group, which is its own.
        let seen = place.same(&["--", "sh", "-c", "(trap '' TERM; kill -TERM 0); kill -9 0"], b"");
        assert_eq!(seen.code, Some(143), "{seen:?}");
        place.wait_until_over();
    }
}

#[test]
fn a_want_of_memory_must_be_told_each_time_and_nothing_else_as_one() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let end = |warm: &str, words: &[&str]| {
            let outcome = place.run(&[&["--format=json", "--memory=64m", warm, "--"], words].concat());
            let report = object(&outcome);
            (report["oom_killed"] == true, report["signal"].clone(), report["warm"] == true)
        };
        let greedy = ["dd", "if=/dev/zero", "of=/tmp/much", "bs=1M", "count=200"];
        for _ in 0..6 {
            assert_eq!(end("--warm=0", &greedy), (true, json!("SIGKILL"), false), "on {engine}");
        }
        end("--warm=1", &["true"]);
        for _ in 0..6 {
            place.wait_for_spares(1);
            assert_eq!(end("--warm=1", &greedy), (true, json!("SIGKILL"), true), "on {engine}");
        }
        for script in ["kill -9 $$", "kill -9 0", "kill -9 1; kill -9 $$"] {
            for warm in ["--warm=0", "--warm=1"] {
                place.wait_for_spares(1);
                let ended = end(warm, &["sh", "-c", script]);
                assert_eq!(ended, (false, json!("SIGKILL"), warm == "--warm=1"), "on {engine}: {script}");
            }
        }
        // Somebody else's SIGKILL.
        let words = ["--format=json", "--memory=64m", "--", "sh", "-c", "echo; exec sleep 600"];
        place.both_ways(Io::Pipes, &words, |running| {
            let runs = || place.scenario.inspect(&place.sandbox(), "{{.State.Running}}") == "true";
            crate::stage::wait_until("it was asked for", || {
                place.asked().iter().any(|line| line.starts_with("run ") || line.starts_with("attach "))
            });
            crate::stage::wait_until("it runs", runs);
            // Its command has begun, in a spare too, once the guard has a child.
            let begun = || place.scenario.ask(&["exec", &place.sandbox(), "ps"]).contains("sleep 600");
            crate::stage::wait_until("the command has begun", begun);
            place.scenario.ask(&["kill", &place.sandbox()]);
            let report = object(&running.end().exits(137));
            assert_eq!(
                (&report["oom_killed"], &report["signal"]),
                (&json!(false), &json!("SIGKILL")),
                "{report:#}"
            );
        });
        // Docker 20.10 lists one for ever that it has removed, if the spare's renaming and its removal meet.
        crate::stage::wait_until("nobody minds a command any more", || place.minders().is_empty());
    }
}

#[test]
fn what_drives_a_terminal_must_be_escaped_in_json() {
    // CSI and NEL of C1, DEL, a right-to-left override, and an escape.
    let script = r"printf 'a\302\233\302\205\177\342\200\256\033é'; printf '\302\233' >&2";
    for engine in ENGINES {
        let place = Place::on(engine);
        place.both_ways(Io::Pipes, &["--format=json", "--", "sh", "-c", script, "\u{9b}"], |running| {
            let outcome = running.end().exits(0);
            let text = String::from_utf8(outcome.stdout.clone()).unwrap();
            let active = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!text.contains(active) && text.contains('é'), "{text:?}");
            let report = object(&outcome);
            assert_eq!(report["stdout"]["data"], "a\u{9b}\u{85}\u{7f}\u{202e}\u{1b}é");
            assert_eq!(
                (&report["stderr"]["data"], &report["command"][3]),
                (&json!("\u{9b}"), &json!("\u{9b}"))
            );
        });
        place.wait_until_over();
    }
}

#[test]
fn an_object_must_name_the_platform_that_ran() {
    let architecture = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let platform = format!("linux/{architecture}");
    for engine in ENGINES {
        let place = Place::on(engine);
        let option = format!("--platform={platform}");
        // With the option it is another specification, which has no spare yet.
        for options in [&[][..], &[option.as_str()]] {
            place.both_ways(Io::Pipes, &[&["--format=json"], options, &["--", "true"]].concat(), |running| {
                let report = object(&running.end().exits(0));
                assert_eq!(report["image"]["platform"], platform.as_str(), "{report:#}");
            });
        }
        // One that is not there is pulled, which comes to nothing here.
        let refused =
            object(&place.run(&["--format=json", "--platform=linux/s390x", "--", "true"]).exits(125));
        assert_eq!(
            (&refused["exit_code"], &refused["error"]["code"]),
            (&json!(null), &json!("image")),
            "{refused:#}"
        );
        place.wait_until_over();
    }
}

#[test]
fn one_name_for_two_platforms_must_be_told_apart() {
    for engine in Engines::NEWEST.into_iter().filter(|engine| engine.ends_with("-store")) {
        let place = Place::on(engine);
        let name = format!("{}-index", place.scenario.name());
        let made = std::process::Command::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/engine/one_shot/index.sh"
        ))
        .arg(place.scenario.home().join("index"))
        .arg(&name)
        .output()
        .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let archive = place.scenario.home().join("archive");
        std::fs::write(&archive, made.stdout).unwrap();
        place.scenario.ask(&["load", "--input", archive.to_str().unwrap()]);
        let image = format!("--image={name}");
        for platform in ["linux/amd64", "linux/arm64"] {
            let option = format!("--platform={platform}");
            let script = "read -r platform </platform; echo $platform";
            let words = ["--format=json", &image, &option, "--", "sh", "-c", script];
            place.both_ways(Io::Pipes, &words, |running| {
                let report = object(&running.end().exits(0));
                let said = report["stdout"]["data"].as_str().unwrap().trim_end();
                assert_eq!((said, &report["image"]["platform"]), (platform, &json!(platform)), "{report:#}");
            });
        }
        place.wait_until_over();
        for sandbox in place.sandboxes() {
            place.scenario.ask(&["rm", "--force", &sandbox]);
        }
        place.scenario.ask(&["rmi", "--force", &name]);
    }
}
