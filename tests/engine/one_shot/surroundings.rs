//! Environment, working folder, user, `--shell`.

use super::{ENGINES, Place, Seen};
use crate::stage::Scenario;

fn out(seen: &Seen) -> String {
    assert_eq!((seen.code, &seen.stderr[..]), (Some(0), &b""[..]), "{seen:?}");
    String::from_utf8_lossy(&seen.stdout).into_owned()
}

#[test]
fn the_environment_must_be_the_same() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine)
            .env("FROM_HERE", "a value of the caller's")
            .env("ALSO_HERE", "in\nlines ")
            .env("NOT_ASKED_FOR", "secret");
        let place = Place::of(scenario, &[]);
        place.scenario.write(
            "work/file",
            "# none\n\nFILE=1 = \"2\" # 3\nFROM_HERE\nBOTH=file\nMISSING_TOO\nHOME=/nowhere\n",
        );
        // The container's own name is all that differs.
        let command = ["--", "sh", "-c", "unset HOSTNAME; env | sort"];
        let bare = out(&place.same(&command, b""));
        assert!(bare.contains("HOME=/home/sandbox\n") && bare.contains("PATH=/"), "{bare}");
        assert!(!bare.contains("NOT_ASKED_FOR") && !bare.contains("secret"), "{bare}");

        let options = [
            "--env-file=file",
            "--env=TEXT=a 'b' \"c\" $d \\",
            "--env=EMPTY=",
            "--env=BOTH=option",
            "--env=ALSO_HERE",
            "--env=MISSING",
            "--env=TWICE=1",
            "-eTWICE=2",
            "--env=ONCE=1",
            "--env=ONCE",
        ];
        let all = out(&place.same(&[&options[..], &command].concat(), b""));
        for line in [
            "FILE=1 = \"2\" # 3\n",
            "FROM_HERE=a value of the caller's\n",
            "TEXT=a 'b' \"c\" $d \\\n",
            "EMPTY=\n",
            "BOTH=option\n",
            "ALSO_HERE=in\n",
            "lines \n",
            "TWICE=2\n",
            "HOME=/home/sandbox\n",
        ] {
            assert!(all.contains(line), "{line}: {all}");
        }
        assert!(!all.contains("MISSING") && !all.contains("TWICE=1") && !all.contains("ONCE"), "{all}");
    }
}

#[test]
fn a_variable_that_docker_refuses_must_be_refused_from_a_spare_too() {
    let place = Place::on("trixie");
    place.run(&["--warm=1", "--", "true"]).exits(0).prints("").quietly();
    place.wait_for_spare(|_| true);
    for option in ["--env==1", "--env-file=missing"] {
        let cold = place.run(&[option, "--", "true"]).exits(125).prints("");
        let warm = place.run(&["--warm=1", option, "--", "true"]).exits(125).prints("");
        assert!(!cold.stderr.is_empty() && warm.err().contains("hint: "), "{cold}\n{warm}");
    }
    place.wait_until_over();
}

#[test]
fn the_working_folder_must_be_the_callers_or_the_one_named() {
    for engine in ENGINES {
        let place = Place::on(engine);
        place.scenario.write("work/sub/file", "content\n");
        let work = place.work().display().to_string();
        let command = ["--", "sh", "-c", "pwd; cat file sub/file 2>/dev/null; true"];
        assert_eq!(out(&place.same(&command, b"")), format!("{work}\ncontent\n"));
        let below = place.same(&[&["--workdir=sub"], &command[..]].concat(), b"");
        assert_eq!(out(&below), format!("{work}/sub\ncontent\n"));
        let elsewhere = place.same(&[&["--workdir=/tmp"], &command[..]].concat(), b"");
        assert_eq!(out(&elsewhere), "/tmp\n");
    }
}

#[test]
fn a_user_must_be_who_was_named() {
    let place = Place::on("trixie");
    let command = ["--", "sh", "-c", "echo $(id -u) $(id -g); grep -E '^[UG]id' /proc/self/status"];
    let root = "0 0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n";
    let other = "1234 5678\nUid:\t1234\t1234\t1234\t1234\nGid:\t5678\t5678\t5678\t5678\n";
    assert_eq!(out(&place.same(&command, b"")), root);
    let named = place.same(&[&["--user=1234:5678"], &command[..]].concat(), b"");
    assert_eq!(out(&named), other);
    let write = place.same(&[&["--write"], &command[..]].concat(), b"");
    assert_eq!(out(&write), root, "the caller's");
    let discard = place.same(&[&["--discard", "--user=1234:5678"], &command[..]].concat(), b"");
    assert_eq!(out(&discard), other);
}

#[test]
fn a_script_must_get_its_arguments() {
    for engine in ENGINES {
        let place = Place::on(engine);
        let script = "echo \"$0|$1|$2|$#\"; exit 6";
        let seen = place.same(&[&format!("--shell={script}"), "--", "a b", "", "-c"], b"");
        assert_eq!((seen.code, &seen.stdout[..]), (Some(6), &b"sh|a b||3\n"[..]), "{seen:?}");
        let seen = place.same(&["--", "printf", "[%s]", "", "a  b", "--warm", "*", "\"", "\n"], b"");
        assert_eq!(out(&seen), "[][a  b][--warm][*][\"][\n]");
    }
}

#[test]
fn nothing_to_do_must_be_an_error() {
    let place = Place::on("trixie");
    for args in [
        &[][..],
        &["--warm=1"],
        &["--", ""],
        &["--pids-limit=39", "--", "true"],
        &["--disk=1g", "--", "true"],
    ] {
        let outcome = place.run(args).exits(125).prints("");
        assert!(outcome.err().starts_with("docker sandbox: "), "{outcome}");
    }
    assert_eq!(place.sandboxes(), [""; 0]);
    place.wait_until_over();
}
