//! Completion of our own options and their values.

use snapbox::str;

use crate::environment::TestEnvironment;

/// The words behind `docker`, the last one empty: `sandbox run ` is about to get a new word.
fn complete(test: &TestEnvironment, words: &str) -> crate::transcript::Transcript {
    test.docker_words(std::iter::once("__complete").chain(words.split(' ')))
}

#[test]
fn values_of_our_options_are_offered() {
    let test = TestEnvironment::new();
    complete(&test, "sandbox run --sandbox ").is(str![[r#"
exit 0
--- stdout
required	gVisor, or nothing starts
preferred	gVisor where the daemon has it
none	Docker as it is
:4

"#]]);
    complete(&test, "sandbox run --sandbox p").is(str![[r#"
exit 0
--- stdout
preferred	gVisor where the daemon has it
:4

"#]]);
    complete(&test, "sandbox run --sandbox=").is(str![[r#"
exit 0
--- stdout
required	gVisor, or nothing starts
preferred	gVisor where the daemon has it
none	Docker as it is
:4

"#]]);
    complete(&test, "sandbox create --sandbox=n").is(str![[r#"
exit 0
--- stdout
none	Docker as it is
:4

"#]]);
    complete(&test, "sandbox run --detect-timeout ").is(str![[r#"
exit 0
--- stdout
10s
60s
:4

"#]]);
    complete(&test, "sandbox config --format ").is(str![[r#"
exit 0
--- stdout
table
json
:4

"#]]);
    complete(&test, "sandbox config --format j").is(str![[r#"
exit 0
--- stdout
json
:4

"#]]);
    complete(&test, "sandbox config --format=j").is(str![[r#"
exit 0
--- stdout
json
:4

"#]]);
    complete(&test, "sandbox alias ").is(str![[r#"
exit 0
--- stdout
bash
zsh
fish
:4

"#]]);
    complete(&test, "sandbox alias f").is(str![[r#"
exit 0
--- stdout
fish
:4

"#]]);
}

#[test]
fn options_of_our_other_commands_are_offered() {
    let test = TestEnvironment::new();
    complete(&test, "sandbox config --").is(str![[r#"
exit 0
--- stdout
--format	How to print them
--help	Print help
:4

"#]]);
    complete(&test, "sandbox version -").is(str![[r#"
exit 0
--- stdout
--help	Print help
:4

"#]]);
    complete(&test, "sandbox --").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
}

#[test]
fn files_are_left_to_the_shell() {
    let test = TestEnvironment::new();
    complete(&test, "sandbox trust ").is(str![[r#"
exit 0
--- stdout
:0

"#]]);
    complete(&test, "sandbox untrust ./ag").is(str![[r#"
exit 0
--- stdout
:0

"#]]);
}

#[test]
fn nothing_is_offered_behind_an_unknown_command() {
    let test = TestEnvironment::new();
    complete(&test, "sandbox bogus ").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
    complete(&test, "sandbox version ").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
    complete(&test, "sandbox alias bash ").is(str![[r#"
exit 0
--- stdout
:4

"#]]);
}
