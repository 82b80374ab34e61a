//! `rm` and `stop`: ours only, and all are looked at before the first is touched.

use snapbox::str;

use crate::environment::TestEnvironment;
use crate::fleet::{Container, daemon, inspects};

fn with(names: &[&str]) -> TestEnvironment {
    let test = TestEnvironment::new();
    let containers = [
        Container::ours("aa", "web", "run"),
        Container::ours("bb", "job", "do").ended(90),
        Container::others("cc", "theirs"),
        Container::ours("dd", "trap", "run").image("labelled"),
        Container::ours("ee", "old", "run").image("gone"),
    ];
    // One whose image is gone changes what is said of all images.
    let some: Vec<Container> =
        containers.into_iter().filter(|one| one.name != "old" || names.contains(&"old")).collect();
    daemon(&test, &some);
    inspects(&test, names, &some);
    test
}

#[test]
fn what_is_ours_goes_by_name_and_by_the_beginning_of_its_id() {
    let test = with(&["web", "bb0", "aa"]);
    let (web, job) = (format!("{:0<64}", "aa"), format!("{:0<64}", "bb"));
    test.answer("rm").stdout(&format!("{web}\n{job}\n"));
    let rm = test.docker("sandbox rm -f web bb0 aa");
    assert_eq!(rm.last_words(), ["rm", "--force", "--", &web, &job], "each once, and by its id");
    assert!(rm.text().contains("--- stdout\nweb\nbb0\n"), "{}", rm.text());
    let test = with(&["web"]);
    test.answer("stop").stdout(&format!("{web}\n"));
    let stop = test.docker("sandbox stop -t 3 web");
    assert_eq!(stop.last_words(), ["stop", "-t", "3", "--", &web]);
    assert_eq!((stop.code, stop.stderr.as_str()), (Some(0), ""));
}

#[test]
fn dockers_own_refusal_is_handed_on_by_name() {
    let test = with(&["web"]);
    let said = format!("Error response from daemon: cannot remove container {:0<64}: it is running\n", "aa");
    test.answer("rm").stderr(&said).status(1);
    let rm = test.docker("sandbox rm web");
    assert_eq!(rm.code, Some(1));
    assert_eq!(rm.stderr, "Error response from daemon: cannot remove container web: it is running\n");
}

#[test]
fn what_others_started_is_refused_with_dockers_command() {
    with(&["web", "theirs"]).docker("sandbox rm web theirs").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `theirs` is not ours: docker sandbox has not started it; nothing was done
hint: docker itself takes what is others':
    docker rm theirs
--- docker was called
docker container inspect --format '{{json .}}' -- web theirs
docker image inspect --format '{{json .}}' -- sha256:plain

"#]]);
    with(&["trap"]).docker("sandbox stop trap").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `trap` is not ours: it has our labels from its image; nothing was done
hint: docker itself takes what is others':
    docker stop trap
--- docker was called
docker container inspect --format '{{json .}}' -- trap
docker image inspect --format '{{json .}}' -- sha256:labelled

"#]]);
    with(&["old"]).docker("sandbox rm -f old").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `old` is not ours: it has our labels, but its image is gone: they may be its image's; nothing was done
hint: docker itself takes what is others':
    docker rm old
--- docker was called
docker container inspect --format '{{json .}}' -- old
docker image inspect --format '{{json .}}' -- sha256:gone

"#]]);
    with(&["web", "nothing"]).docker("sandbox rm web nothing").fails(str![[r#"
exit 1
--- stderr
docker sandbox: there is no container `nothing`; nothing was done
hint: see those there are:
    docker sandbox ls --all
--- docker was called
docker container inspect --format '{{json .}}' -- web nothing
docker image inspect --format '{{json .}}' -- sha256:plain

"#]]);
}

#[test]
fn what_is_to_go_must_be_named() {
    TestEnvironment::new().docker("sandbox rm").is(str![[r#"
exit 2
--- stderr
docker sandbox: the following required arguments were not provided: <CONTAINER>...
hint: see how it is used:
    docker sandbox rm --help

"#]]);
    TestEnvironment::new().docker("sandbox stop -t soon web").is(str![[r#"
exit 2
--- stderr
docker sandbox: invalid value 'soon' for '--time <SECONDS>': invalid digit found in string
hint: see how it is used:
    docker sandbox stop --help

"#]]);
}
