//! Answers to Docker's shell completion.

use snapbox::str;

use crate::environment::{TestEnvironment, raw};

/// The words behind `docker`, the last one empty: `sandbox run ` is about to get a new word.
fn complete(test: &TestEnvironment, words: &str) -> crate::transcript::Transcript {
    test.docker_words(std::iter::once("__complete").chain(words.split(' ')))
}

#[test]
fn our_commands_are_offered() {
    let test = TestEnvironment::new();
    complete(&test, "sandbox ").is(str![[r#"
exit 0
--- stdout
run	docker run, inside gVisor
create	docker create, for gVisor
do	Run one command that you do not trust, in a fresh sandbox that is gone afterwards
changes	List, show, apply or drop changes of `do --write` that were not applied
ls	List the sandboxes there are
stop	Stop running sandboxes
rm	Remove sandboxes
prune	Remove sandboxes whose time is over, and what is left of others
doctor	Say what is wrong between here and a container in gVisor
setup	Install gVisor, register it with the Docker daemon, and prove that it works
config	Show the settings in force and where each came from
trust	Let a project's agent.yaml weaken the sandbox
untrust	Take the trust in a project's agent.yaml back
alias	Print a shell function that sends docker run and docker create through the sandbox
version	Show the versions of this plugin and of the docker CLI
:4

"#]]);
    complete(&test, "sandbox c").is(str![[r#"
exit 0
--- stdout
create	docker create, for gVisor
changes	List, show, apply or drop changes of `do --write` that were not applied
config	Show the settings in force and where each came from
:4

"#]]);
    complete(&test, "sandbox zzz").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
}

#[test]
fn without_descriptions_there_are_none() {
    let test = TestEnvironment::new();
    test.docker("__completeNoDesc sandbox tr").is(str![[r#"
exit 0
--- stdout
trust
:4

"#]]);
    test.answer("__complete").stdout("--name\tAssign a name\n--network\n:4\n");
    test.docker("__completeNoDesc sandbox run --n").is(str![[r#"
exit 0
--- stdout
--name
--network
--no-fix
--no-sandbox
:4
--- docker was called
docker __complete run --n

"#]]);
}

#[test]
fn a_direct_call_completes_the_same() {
    let test = TestEnvironment::new();
    test.direct_words(["__complete", ""]).is(str![[r#"
exit 0
--- stdout
run	docker run, inside gVisor
create	docker create, for gVisor
do	Run one command that you do not trust, in a fresh sandbox that is gone afterwards
changes	List, show, apply or drop changes of `do --write` that were not applied
ls	List the sandboxes there are
stop	Stop running sandboxes
rm	Remove sandboxes
prune	Remove sandboxes whose time is over, and what is left of others
doctor	Say what is wrong between here and a container in gVisor
setup	Install gVisor, register it with the Docker daemon, and prove that it works
config	Show the settings in force and where each came from
trust	Let a project's agent.yaml weaken the sandbox
untrust	Take the trust in a project's agent.yaml back
alias	Print a shell function that sends docker run and docker create through the sandbox
version	Show the versions of this plugin and of the docker CLI
:4

"#]]);
    test.answer("__complete").stdout("--name\tAssign a name\n:4\n");
    test.direct("__complete run --na").is(str![[r#"
exit 0
--- stdout
--name	Assign a name
:4
--- docker was called
docker __complete run --na

"#]]);
}

#[test]
fn options_of_docker_and_ours_are_offered_together() {
    let test = TestEnvironment::new();
    test.answer("__complete run")
        .stdout("--name\tAssign a name to the container\n--rm\tAutomatically remove\n:4\n")
        .stderr("Completion ended with directive: ShellCompDirectiveNoFileComp\n");
    complete(&test, "sandbox run --").is(str![[r#"
exit 0
--- stdout
--allow	Allow what this rule forbids; a comma list, and can be given more than once
--detect-timeout	How long the daemon may take to say which runtimes it has [default: 10s]
--help	Print help
--name	Assign a name to the container
--no-fix	Add nothing that makes up for what differs in gVisor; warn of it instead
--no-sandbox	Start it without gVisor, as `docker` would; the same as --sandbox=none
--persist	Keep what is written to the root filesystem, for docker cp, commit, stop and start
--quiet-rule	Do not warn of this rule; a comma list, and can be given more than once
--rm	Automatically remove
--sandbox	How strict to be: `required` (the default) starts nothing without gVisor,
--ttl	How long it may stay, running or not, before it is removed; `none` for ever
--verbose	Say on stderr which runtime is used and why
:4
--- docker was called
docker __complete run --

"#]]);
    complete(&test, "sandbox run -it --").is(str![[r#"
exit 0
--- stdout
--allow	Allow what this rule forbids; a comma list, and can be given more than once
--detect-timeout	How long the daemon may take to say which runtimes it has [default: 10s]
--help	Print help
--name	Assign a name to the container
--no-fix	Add nothing that makes up for what differs in gVisor; warn of it instead
--no-sandbox	Start it without gVisor, as `docker` would; the same as --sandbox=none
--persist	Keep what is written to the root filesystem, for docker cp, commit, stop and start
--quiet-rule	Do not warn of this rule; a comma list, and can be given more than once
--rm	Automatically remove
--sandbox	How strict to be: `required` (the default) starts nothing without gVisor,
--ttl	How long it may stay, running or not, before it is removed; `none` for ever
--verbose	Say on stderr which runtime is used and why
:4
--- docker was called
docker __complete run -it --

"#]]);
}

#[test]
fn images_and_values_come_from_docker() {
    let test = TestEnvironment::new();
    test.answer("__complete run").stdout("alpine:3\nbusybox\n:4\n");
    complete(&test, "sandbox run --rm ").is(str![[r#"
exit 0
--- stdout
alpine:3
busybox
:4
--- docker was called
docker __complete run --rm ''

"#]]);
    complete(&test, "sandbox run --network b").is(str![[r#"
exit 0
--- stdout
alpine:3
busybox
:4
--- docker was called
docker __complete run --network b

"#]]);
    test.answer("__complete create").stdout("alpine:3\n:2\n");
    complete(&test, "sandbox create al").is(str![[r#"
exit 0
--- stdout
alpine:3
:2
--- docker was called
docker __complete create al

"#]]);
}

#[test]
fn our_options_are_taken_out_before_docker_is_asked() {
    let test = TestEnvironment::new();
    test.answer("__complete run").stdout("busybox\n:4\n");
    complete(&test, "sandbox run --verbose --sandbox preferred --rm --detect-timeout=3s ").is(str![[r#"
exit 0
--- stdout
busybox
:4
--- docker was called
docker __complete run --rm ''

"#]]);
    complete(&test, "sandbox run --verbose --sandbox none --pull ").is(str![[r#"
exit 0
--- stdout
busybox
:4
--- docker was called
docker __complete run --pull ''

"#]]);
    complete(&test, "sandbox run --verbose img --no-sandbox --").is(str![[r#"
exit 0
--- stdout
busybox
:4
--- docker was called
docker __complete run img --no-sandbox --

"#]]);
}

#[test]
fn global_options_reach_the_docker_that_completes() {
    let test = TestEnvironment::new();
    test.answer("__complete run").stdout("busybox\n:4\n");
    test.docker_words(["--context", "x", "__complete", "sandbox", "run", ""]).is(str![[r#"
exit 0
--- stdout
busybox
:4
--- docker was called
docker --context x __complete run ''

"#]]);
}

#[test]
fn a_docker_that_fails_or_is_not_there_leaves_our_own() {
    let mut test = TestEnvironment::new();
    test.answer("__complete run").stderr("Cannot connect\n").status(1);
    complete(&test, "sandbox run --s").is(str![[r#"
exit 0
--- stdout
--sandbox	How strict to be: `required` (the default) starts nothing without gVisor,
:0
--- docker was called
docker __complete run --s

"#]]);
    test.set("PATH", "/nowhere");
    test.direct("__complete run --s").is(str![[r#"
exit 0
--- stdout
--sandbox	How strict to be: `required` (the default) starts nothing without gVisor,
:0

"#]]);
}

#[test]
fn bytes_that_are_no_utf8_do_no_harm() {
    let test = TestEnvironment::new();
    test.answer("__complete run").stdout("busybox\n:4\n");
    let words = [b"__complete".as_slice(), b"sandbox", b"run", b"-e", b"A=\xff", b"x\xff"];
    test.docker_words(words.map(raw)).is(str![[r#"
exit 0
--- stdout
busybox
:4
--- docker was called
docker __complete run -e $'A=\xff' $'x\xff'

"#]]);
}
