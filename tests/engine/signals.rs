//! A signal ends the container as it does for plain `docker run`, and reaches it once.
//!
//! What Docker's CLI does with its own signals is Docker's: it tells a plugin only that it was told to end
//! (from 25.0 on), and not by which signal. So SIGINT to the CLI alone reaches the container as SIGTERM, with
//! Docker 20.10 a signal to the CLI alone reaches nobody, and so does one while stdout is a terminal.

use rustix::process::Signal;

use crate::stage::{Cli, Engine, Engines, Form, IMAGE, Io, Running, Scenario, wait_until};

/// Notes every signal; ends a second after the first one with a code of its own.
const COUNTING: &str = "note() { echo $1 >>/out/log; seen=1; }
    trap 'note INT' INT; trap 'note TERM' TERM; trap 'note HUP' HUP; trap 'note QUIT' QUIT
    trap 'note USR1' USR1; trap 'note USR2' USR2
    echo ready
    left=10
    while [ $left -gt 0 ]; do sleep 0.1 & wait; [ -z \"$seen\" ] || left=$((left-1)); done
    exit 40";

/// Who gets the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// The program that was started, alone.
    It,
    /// It and all that it started, as from `timeout` or a shell's job control.
    Group,
    /// All that have the terminal, by a key.
    Key(&'static [u8]),
    /// All that have the terminal, by its end.
    Hangup,
}

/// What can be seen of it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    ended: String,
    signals: Vec<String>,
}

fn start(scenario: &Scenario, form: Form, io: Io, more: &[&str]) -> Running {
    let out = scenario.home().join("out");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir(&out).unwrap();
    let mount = format!("{}:/out", out.display());
    let words = ["--rm", "-v", &mount].into_iter().chain(more.iter().copied());
    let mut running = scenario.start_run(form, words.chain([IMAGE, "sh", "-c", COUNTING]), io);
    running.wait_for("ready");
    running
}

fn send(running: &mut Running, to: To, signal: Signal) {
    match to {
        To::It => running.signal(signal),
        To::Group => running.signal_group(signal),
        To::Key(key) => running.press(key),
        To::Hangup => drop(running.terminal.take()),
    }
}

fn signals_inside(scenario: &Scenario) -> Vec<String> {
    let log = std::fs::read_to_string(scenario.home().join("out/log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

fn observe(scenario: &Scenario, form: Form, io: Io, to: To, signal: Signal) -> Seen {
    let mut running = start(scenario, form, io, &[]);
    send(&mut running, to, signal);
    let ended = running.end().status.to_string();
    // The CLI may be gone before the container is.
    wait_until("the container is gone", || scenario.containers().is_empty());
    Seen { ended, signals: signals_inside(scenario) }
}

fn seen(ended: &str, signals: &[&str]) -> Seen {
    Seen { ended: ended.to_owned(), signals: signals.iter().map(|&signal| signal.to_owned()).collect() }
}

/// What plain `docker run` does, too: the signal once, and the container's own code.
fn once(signal: &str) -> Seen {
    seen("exit status: 40", &[signal])
}

/// Docker's CLI does not catch a hangup, so it ends by it; the container ends all the same.
fn hung_up() -> Seen {
    seen("signal: 1 (SIGHUP)", &["HUP"])
}

type Case = (Io, To, Signal, Seen);

fn assert_seen(form: Form, cli: &Cli, cases: impl IntoIterator<Item = Case>) {
    // Each engine with the CLI that came with it.
    let engine = Engine::named(if cli.version == Cli::oldest().version { "bookworm" } else { "trixie" });
    assert_seen_on(&Scenario::with(engine, cli.clone()), form, cases);
}

fn assert_seen_on(on: &Scenario, form: Form, cases: impl IntoIterator<Item = Case>) {
    for (io, to, signal, expected) in cases {
        let scenario = on.again();
        let seen = observe(&scenario, form, io, to, signal);
        assert_eq!(seen, expected, "{form:?}, docker {}, {io:?}: {signal:?} to {to:?}", on.cli.version);
    }
}

const CTRL_C: To = To::Key(b"\x03");

/// What reaches plain `docker run` in any of these ways reaches the container once.
fn as_plain() -> [Case; 10] {
    [
        (Io::Pipes, To::It, Signal::TERM, once("TERM")),
        (Io::Pipes, To::It, Signal::INT, once("INT")),
        (Io::Pipes, To::It, Signal::HUP, once("HUP")),
        (Io::Pipes, To::Group, Signal::TERM, once("TERM")),
        (Io::Pipes, To::Group, Signal::HUP, once("HUP")),
        (Io::Terminal, To::It, Signal::TERM, once("TERM")),
        (Io::Terminal, CTRL_C, Signal::INT, once("INT")),
        (Io::Terminal, To::Hangup, Signal::HUP, once("HUP")),
        (Io::Pipeline, CTRL_C, Signal::INT, once("INT")),
        (Io::Pipeline, To::Group, Signal::QUIT, once("QUIT")),
    ]
}

/// Of [`as_plain`], each way once.
fn one_of_each_way() -> impl Iterator<Item = Case> {
    let mut ways: Vec<To> = Vec::new();
    as_plain().into_iter().filter(move |&(_, to, ..)| {
        let new = !ways.contains(&to);
        ways.push(to);
        new
    })
}

#[test]
fn plain_docker_run_must_be_as_we_take_it_to_be() {
    assert_seen(Form::Plain, &Cli::newest(), as_plain());
}

#[test]
fn plain_docker_run_of_the_oldest_cli_must_be_as_we_take_it_to_be() {
    assert_seen(Form::Plain, &Cli::oldest(), one_of_each_way());
}

#[test]
fn called_directly_every_signal_must_do_what_it_does_to_docker_run() {
    assert_seen(Form::Direct, &Cli::newest(), as_plain());
}

#[test]
fn called_directly_with_the_oldest_cli_every_signal_must_do_what_it_does_to_docker_run() {
    assert_seen(Form::Direct, &Cli::oldest(), one_of_each_way());
}

/// Every CLI: what all processes of the group get, and the hangup of a terminal.
fn to_the_group() -> [Case; 9] {
    [
        (Io::Pipes, To::Group, Signal::TERM, once("TERM")),
        (Io::Pipes, To::Group, Signal::INT, once("INT")),
        (Io::Pipes, To::Group, Signal::HUP, hung_up()),
        (Io::Terminal, To::Group, Signal::TERM, once("TERM")),
        (Io::Terminal, CTRL_C, Signal::INT, once("INT")),
        (Io::Terminal, To::Hangup, Signal::HUP, hung_up()),
        (Io::Pipeline, CTRL_C, Signal::INT, once("INT")),
        (Io::Pipeline, To::Group, Signal::TERM, once("TERM")),
        (Io::Pipeline, To::Hangup, Signal::HUP, hung_up()),
    ]
}

#[test]
fn a_signal_to_the_group_must_reach_the_container_once_with_docker_20() {
    assert_seen(Form::Docker, &Cli::oldest(), to_the_group());
}

#[test]
fn a_signal_to_the_group_must_reach_the_container_once_with_docker_26() {
    assert_seen(Form::Docker, &Cli::all()[1], to_the_group());
}

#[test]
fn a_signal_to_the_group_must_reach_the_container_once_with_the_newest_docker() {
    assert_seen(Form::Docker, &Cli::newest(), to_the_group());
}

#[test]
fn a_signal_to_the_group_must_reach_the_container_once_on_the_newest_engines() {
    for on in Scenario::on_each(Engines::NEWEST) {
        assert_seen_on(&on, Form::Docker, to_the_group());
    }
}

#[test]
fn called_directly_every_signal_must_do_what_it_does_to_docker_run_on_the_newest_engines() {
    for on in Scenario::on_each(Engines::NEWEST) {
        assert_seen_on(&on, Form::Plain, one_of_each_way());
        assert_seen_on(&on, Form::Direct, one_of_each_way());
    }
}

#[test]
fn a_signal_to_docker_alone_must_end_the_container_once() {
    for on in Scenario::on_newer_engines().filter(|on| on.cli.has_plugin_socket()) {
        let cases = [
            (Io::Pipes, To::It, Signal::TERM, once("TERM")),
            // It says that it was told to end, and not by which signal.
            (Io::Pipes, To::It, Signal::INT, once("TERM")),
            (Io::Pipeline, To::It, Signal::TERM, once("TERM")),
        ];
        assert_seen_on(&on, Form::Docker, cases);
    }
}

#[test]
fn a_hangup_of_docker_alone_must_end_the_container_once() {
    for cli in Cli::all() {
        let cases = [Io::Pipes, Io::Terminal].map(|io| (io, To::It, Signal::HUP, hung_up()));
        assert_seen(Form::Docker, &cli, cases);
    }
}

#[test]
fn two_interrupts_must_be_two() {
    let script = "trap 'n=$((n+1)); echo got $n; [ $n -lt 2 ] || exit 42' INT; echo ready; \
                  while :; do sleep 0.05; done";
    for form in [Form::Plain, Form::Docker, Form::Direct] {
        let scenario = Scenario::on("trixie");
        let mut running = scenario.start_run(form, ["--rm", IMAGE, "sh", "-c", script], Io::Pipeline);
        running.wait_for("ready");
        running.press(b"\x03");
        running.wait_for("got 1");
        running.press(b"\x03");
        let outcome = running.end().exits(42);
        assert_eq!(outcome.out(), "ready\ngot 1\ngot 2\n");
    }
}
