//! Exit codes, and bytes in and out.

use super::{ENGINES, Place};
use crate::stage::{Engines, Io, wait_until};

/// Bytes that no codec leaves alone, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    bytes.flatten().take(length).collect()
}

fn exit_codes(engine: &str) {
    let place = Place::on(engine);
    for (command, code, said) in [
        (&["true"][..], 0, ""),
        (&["sh", "-c", "exit 3"], 3, ""),
        (&["sh", "-c", "exit 255"], 255, ""),
        (&["sh", "-c", "kill -KILL $$"], 137, ""),
        (&["sh", "-c", "kill -USR1 $$"], 138, ""),
        (&["/etc/group"], 126, "docker sandbox: `/etc/group`: permission denied\n"),
        (&["no-such-command"], 127, "docker sandbox: `no-such-command`: not found in the image\n"),
    ] {
        let seen = place.same(&[&["--"], command].concat(), b"");
        let said_of_it = String::from_utf8_lossy(&seen.stderr);
        assert_eq!((seen.code, &*said_of_it, &seen.stdout[..]), (Some(code), said, &b""[..]), "{command:?}");
    }
    place.wait_until_over();
}

#[test]
fn an_exit_code_must_be_the_commands_own_on_an_old_engine() {
    exit_codes("bookworm");
}

#[test]
fn an_exit_code_must_be_the_commands_own() {
    exit_codes("trixie");
}

#[test]
fn an_exit_code_must_be_the_commands_own_on_the_newest_engines() {
    for engine in Engines::NEWEST {
        exit_codes(engine);
    }
}

#[test]
fn outputs_must_come_through_unchanged() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = r"printf 'out\000\377\r\n\033[\000\000'; printf '\000err\376\r\n\007' >&2";
        let seen = place.same(&["--", "sh", "-c", script], b"");
        assert_eq!(seen.stdout, b"out\0\xff\r\n\x1b[\0\0", "{seen:?}");
        assert_eq!(seen.stderr, b"\0err\xfe\r\n\x07", "{seen:?}");

        // The same in another place, of what is no text and of zeros alone.
        let bytes = [noise(4 << 20), vec![0; 1 << 20]].concat();
        let seen = place.same(&["--", "sh", "-c", "tee /dev/stderr"], &bytes);
        assert_eq!((seen.code, seen.stdout.len(), seen.stderr.len()), (Some(0), bytes.len(), bytes.len()));
        assert!(seen.stdout == bytes && seen.stderr == bytes, "what came back differs");
    }
}

#[test]
fn input_must_be_the_commands_and_have_an_end() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let seen = place.same(&["--", "sh", "-c", "cat; echo end"], b"");
        assert_eq!(seen.stdout, b"end\n", "{seen:?}");
        let seen = place.same(&["--", "sh", "-c", "read -r line; echo \"1 $line\"; cat"], b"one\ntwo\n");
        assert_eq!(seen.stdout, b"1 one\ntwo\n", "{seen:?}");
        let bytes = noise(5 << 20);
        let seen = place.same(&["--", "wc", "-c"], &bytes);
        assert_eq!((seen.code, &seen.stdout[..]), (Some(0), &b"5242880\n"[..]), "{seen:?}");
        // What the command does not read keeps nobody waiting.
        let seen = place.same(&["--", "echo", "done"], &bytes);
        assert_eq!((seen.code, &seen.stdout[..], &seen.stderr[..]), (Some(0), &b"done\n"[..], &b""[..]));
    }
}

#[test]
fn an_input_without_an_end_must_keep_nobody_waiting() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let code = place.both_ways(Io::Pipes, &["--", "sh", "-c", "exit 4"], |mut running| {
            wait_until("it ends, though nobody closes its input", || running.has_ended());
            running.end().status.code()
        });
        assert_eq!(code, Some(4));
    }
}

/// Runs a script of the host's shell in which `$do` is `docker-sandbox do --warm=1`.
fn host_shell(place: &Place, options: &str, script: &str) -> (Option<i32>, Vec<u8>) {
    let plugin = place.scenario.home().join("bin/docker-sandbox");
    let line = format!("do='{} do {options}'; {script}", plugin.display());
    let outcome = place.scenario.start("/bin/sh", ["-c", &line], Io::Pipes).end();
    assert_eq!(outcome.err(), "", "{outcome}");
    (outcome.status.code(), outcome.stdout)
}

/// Without a spare, and from one.
fn cold_and_warm(place: &Place, script: &str) -> [(Option<i32>, Vec<u8>); 2] {
    place.run(&["--warm=1", "--", "true"]).exits(0);
    let cold = host_shell(place, "", script);
    let spare = place.wait_for_spare(|_| true);
    let warm = host_shell(place, "--warm=1", script);
    let attach = format!("attach --sig-proxy=false {} ", spare.container);
    assert!(place.asked().contains(&attach), "{attach}: {:#?}", place.asked());
    [cold, warm]
}

/// Docker carries both outputs apart, so each keeps its own order only.
#[test]
fn both_outputs_in_one_file_must_be_whole_and_nothing_else() {
    let inner = "i=0; while [ $i -lt 600 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done";
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = format!("$do -- sh -c '{inner}' >one 2>&1; echo $? >>one; cat one");
        for (_, out) in cold_and_warm(&place, &script) {
            let lines = String::from_utf8(out).unwrap();
            let numbers: Vec<u32> = lines.lines().map(|line| line.parse().unwrap()).collect();
            let (code, numbers) = numbers.split_last().unwrap();
            let (even, odd): (Vec<u32>, Vec<u32>) = numbers.iter().partition(|&number| number % 2 == 0);
            assert_eq!((*code, even.len(), odd.len()), (0, 300, 300), "{lines}");
            assert!(even.is_sorted() && odd.is_sorted(), "{lines}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_must_end_the_command() {
    for engine in ENGINES {
        let place = Place::on(engine);
        // As for any program whose reader goes away; Docker may say so besides.
        let script = "{ $do -- yes 2>said; echo $? >code; } | head -1; cat code";
        let [cold, warm] = cold_and_warm(&place, script);
        assert_eq!(String::from_utf8_lossy(&warm.1), "y\n141\n", "from a spare");
        assert_eq!(String::from_utf8_lossy(&cold.1), "y\n141\n", "cold");
        // However much was still to come.
        let kills = place.asked().iter().filter(|line| line.starts_with("kill ")).count();
        assert!(kills <= 2, "{:#?}", place.asked());
        place.wait_until_over();
    }
}

#[test]
fn input_from_a_file_must_be_read_to_its_end() {
    let place = Place::on("trixie");
    std::fs::write(place.work().join("input"), noise(100_000)).unwrap();
    for (code, out) in cold_and_warm(&place, "$do -- wc -c <input; $do -- true </dev/null") {
        assert_eq!((code, &out[..]), (Some(0), &b"100000\n"[..]));
    }
}

#[test]
fn more_output_than_is_allowed_must_be_cut_off_and_said() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let seen = place.same(
            &["--max-output=1k", "--", "sh", "-c", "head -c 5000 /dev/zero; echo oops >&2; exit 5"],
            b"",
        );
        let said = String::from_utf8_lossy(&seen.stderr);
        assert_eq!((seen.code, seen.stdout), (Some(5), vec![0; 1024]), "{said}");
        assert!(said.starts_with("oops\n"), "{said}");
        assert!(said.contains("output was cut off after 1k of 5000 bytes (`--max-output`)"), "{said}");
        let seen = place.same(&["--max-output=1k", "--", "sh", "-c", "head -c 1024 /dev/zero"], b"");
        assert_eq!((seen.code, seen.stdout, seen.stderr), (Some(0), vec![0; 1024], vec![]));
    }
}
