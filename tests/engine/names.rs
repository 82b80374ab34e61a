//! Names on user-defined networks resolve in gVisor, for containers that come and go, and nothing is left behind.

mod own;

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::gate::Gate;
use crate::stage::{Cli, Engine, Engines, Form, IMAGE, Outcome, OwnEngine, Scenario, wait_until};

const ENGINES: Engines = Engines::RELEASES;

/// A network of a scenario. Dropped, it is removed, with the containers of the scenario before it.
struct Network<'a> {
    scenario: &'a Scenario,
    name: String,
}

impl<'a> Network<'a> {
    fn new(scenario: &'a Scenario, name: &str) -> Self {
        let network = Self { scenario, name: format!("{}-{name}", scenario.name()) };
        scenario.docker(["network", "create", &network.name]).exits(0);
        network
    }

    /// Starts a container that says its name to whoever connects, with plain Docker and runc.
    fn peer(&self, name: &str, more: &[&str]) -> String {
        let name = format!("{}-{name}", self.scenario.name());
        let say = format!("while :; do nc -l -p 80 -e echo {name}; done");
        let mut words = vec!["run", "-d", "--runtime=runc", "--network", &self.name, "--name", &name];
        words.extend_from_slice(more);
        words.extend([IMAGE, "sh", "-c", &say]);
        self.scenario.docker(words).exits(0);
        name
    }

    /// Starts a sandbox that waits, and returns its name. It learns at once that nobody knows a name.
    fn sandbox(&self, form: Form, name: &str, more: &[&str]) -> String {
        let name = format!("{}-{name}", self.scenario.name());
        let mut words = vec!["-d", "--dns=127.0.0.1", "--network", &self.name, "--name", &name];
        words.extend_from_slice(more);
        words.extend([IMAGE, "sleep", "600"]);
        self.scenario.run(form, words).exits(0);
        name
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        for container in self.scenario.containers() {
            self.scenario.docker(["rm", "--force", &container]);
        }
        self.scenario.docker(["network", "rm", &self.name]);
    }
}

/// What `container` hears when it connects to `name`.
fn hears(scenario: &Scenario, container: &str, name: &str) -> Outcome {
    scenario.docker(["exec", container, "nc", "-w", "2", name, "80"])
}

#[track_caller]
fn wait_to_hear(scenario: &Scenario, container: &str, name: &str, who: &str) {
    let said = format!("{who}\n");
    wait_until(&format!("{container} hears {who} at {name}"), || {
        hears(scenario, container, name).out() == said
    });
}

#[track_caller]
fn wait_for_nobody(scenario: &Scenario, container: &str, name: &str) {
    wait_until(&format!("{container} finds nobody at {name}"), || {
        hears(scenario, container, name).err().contains("bad address")
    });
}

/// The updaters of a scenario.
fn updaters(scenario: &Scenario) -> Vec<Pid> {
    let home = scenario.home().to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ours = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.starts_with("docker-sandbox-names\0") && line.contains(home)
    };
    pids.filter(ours).filter_map(Pid::from_raw).collect()
}

/// The folders of the containers that have our files.
fn files(scenario: &Scenario) -> Vec<PathBuf> {
    let folders = |path: PathBuf| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir())
    };
    folders(scenario.home().join("data/docker-sandbox/names")).flat_map(folders).collect()
}

#[track_caller]
fn wait_for_nothing_left(scenario: &Scenario) {
    wait_until("nothing of ours is left", || updaters(scenario).is_empty() && files(scenario).is_empty());
}

/// Without comments and empty lines.
fn content(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn without_us_dockers_resolver_must_be_refused() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let peer = network.peer("db", &[]);
        let ask = format!("nslookup {peer}; nc -w 2 {peer} 80");
        let words = ["--rm", "--network", &network.name, IMAGE, "sh", "-c", &ask];
        let outcome = scenario.run(Form::Plain, words).exits(1).says("bad address");
        assert!((outcome.out() + &outcome.err()).contains("127.0.0.11': Connection refused"), "{outcome}");
        let words = ["--no-fix", "--rm", "--network", &network.name, IMAGE, "nc", "-w", "2", &peer, "80"];
        scenario.run(Form::Direct, words).exits(1).says("bad address");
        assert!(files(&scenario).is_empty() && updaters(&scenario).is_empty());
    }
}

#[test]
fn containers_before_and_after_must_have_names() {
    for engine in ENGINES {
        for form in [Form::Docker, Form::Direct] {
            let scenario = Scenario::on(engine);
            let network = Network::new(&scenario, "net");
            let before = network.peer("before", &["--network-alias", "first", "--hostname", "firsthost"]);
            let sandbox = network.sandbox(form, "sandbox", &[]);
            let short = scenario.inspect(&before, "{{slice .Id 0 12}}");
            let qualified = format!("first.{}", network.name);
            for name in [before.as_str(), "first", "firsthost", short.trim(), &qualified] {
                assert_eq!(hears(&scenario, &sandbox, name).out(), format!("{before}\n"), "{name}");
            }
            // Later ones, by plain Docker and by us, with what they are called besides.
            let after = network.peer("after", &["--network-alias", "second"]);
            wait_to_hear(&scenario, &sandbox, &after, &after);
            wait_to_hear(&scenario, &sandbox, "second", &after);
            let other = network.sandbox(form, "other", &["--network-alias", "third"]);
            assert_eq!(hears(&scenario, &other, "first").out(), format!("{before}\n"));
            wait_until("a later sandbox has a name in the other", || {
                hears(&scenario, &sandbox, "third").err().contains("refused")
            });
            // One that goes is gone, and comes back with another address.
            let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
            let had = scenario.inspect(&after, address);
            scenario.docker(["rm", "--force", &after]).exits(0);
            wait_for_nobody(&scenario, &sandbox, &after);
            network.peer("meanwhile", &[]);
            let again = network.peer("after", &["--network-alias", "second"]);
            assert_ne!(scenario.inspect(&again, address), had);
            wait_to_hear(&scenario, &sandbox, "second", &again);
            scenario.docker(["rename", &again, &format!("{again}-renamed")]).exits(0);
            wait_to_hear(&scenario, &sandbox, &format!("{again}-renamed"), &again);
            drop(network);
            wait_for_nothing_left(&scenario);
        }
    }
}

#[test]
fn the_own_name_must_resolve_at_the_first_instruction() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        for (named, names) in
            [(vec![], vec!["$(hostname)"]), (vec!["--hostname=me.example"], vec!["me.example", "me"])]
        {
            for name in names {
                let ask = format!("nc -w 2 {name} 80");
                let mut words = vec!["--rm", "--network", &network.name];
                words.extend(named.iter().copied());
                words.extend([IMAGE, "sh", "-c", &ask]);
                scenario.run(Form::Docker, words).exits(1).says("refused");
            }
        }
    }
}

#[test]
fn names_of_the_outside_must_be_asked_as_on_the_default_bridge() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        for options in [vec![], vec!["--dns=10.1.2.3", "--dns-search=a.example", "--dns-option=ndots:3"]] {
            let show = |more: &[&str]| {
                let mut words = vec!["--rm"];
                words.extend(options.iter().chain(more).copied());
                words.extend([IMAGE, "cat", "/etc/resolv.conf"]);
                words.into_iter().map(str::to_owned).collect::<Vec<_>>()
            };
            // A busy Docker may lose what a container prints that ends at once.
            let mut bridge = scenario.run(Form::Plain, show(&["--runtime=runc"])).exits(0);
            wait_until("plain docker shows the file", || {
                if bridge.out().is_empty() {
                    bridge = scenario.run(Form::Plain, show(&["--runtime=runc"]));
                }
                !bridge.out().is_empty()
            });
            let ours = scenario.run(Form::Docker, show(&["--network", &network.name])).exits(0);
            let sorted = |text: String| {
                let mut lines: Vec<String> = content(&text).into_iter().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(ours.out()), sorted(bridge.out()));
        }
    }
}

#[test]
fn a_network_without_a_way_out_must_not_wait_for_the_outside() {
    let scenario = Scenario::on("trixie");
    let network = Network { scenario: &scenario, name: format!("{}-shut", scenario.name()) };
    scenario.docker(["network", "create", "--internal", &network.name]).exits(0);
    let words = ["--rm", "--network", &network.name, IMAGE, "cat", "/etc/resolv.conf"];
    let outcome = scenario.run(Form::Docker, words).exits(0);
    assert!(outcome.out().contains("nameserver 127.0.0.11"), "{outcome}");
}

#[test]
fn what_the_user_says_must_win() {
    let scenario = Scenario::on("trixie");
    let network = Network::new(&scenario, "net");
    let peer = network.peer("db", &["--network-alias=sql", "--network-alias=me"]);
    let show = "cat /etc/hosts; echo; cat /etc/resolv.conf";
    let run = |more: &[&str]| {
        let mut words = vec!["--rm", "--network", &network.name];
        words.extend_from_slice(more);
        words.extend([IMAGE, "sh", "-c", show]);
        scenario.run(Form::Docker, words).exits(0)
    };
    let outcome = run(&["--add-host=SQL:10.9.9.9", "--hostname=me"]);
    let text = outcome.out();
    let with = |name: &str| {
        let named = |line: &&str| line.split_whitespace().skip(1).any(|seen| seen.eq_ignore_ascii_case(name));
        content(&text)
            .into_iter()
            .filter(named)
            .map(|line| line.split('\t').next().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(with("sql"), ["10.9.9.9"], "{outcome}");
    assert_eq!((with("me").len(), with(&peer).len()), (1, 1), "{outcome}");
    assert_ne!(with("me"), with(&peer), "{outcome}");
    // Each of the two files is judged by itself.
    let hosts = scenario.write("hosts", "10.8.8.8 mine\n");
    let outcome = run(&["-v", &format!("{}:/etc/hosts:ro", hosts.display())]);
    assert!(
        outcome.out().starts_with("10.8.8.8 mine\n") && !outcome.out().contains("127.0.0.11"),
        "{outcome}"
    );
    let resolv = scenario.write("resolv.conf", "nameserver 10.7.7.7\n");
    let outcome = run(&["--mount", &format!("type=bind,src={},dst=/etc/resolv.conf", resolv.display())]);
    assert!(outcome.out().contains(&peer) && outcome.out().ends_with("nameserver 10.7.7.7\n"), "{outcome}");
    // What only Docker can say is left to Docker, with the names there are.
    let outcome = run(&["--add-host=gate:host-gateway"]).says("only names of containers that run already");
    assert!(
        outcome.out().contains("\tgate\n") && outcome.out().contains(&format!("\t{peer}\n")),
        "{outcome}"
    );
}

#[test]
fn a_hostile_name_must_say_nothing_but_its_own_address() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let aliases =
            ["localhost", "x\n6.6.6.6 pypi.org", "a qqq", "ip6-localhost", "#", "127.0.0.1", "fine"];
        let options: Vec<String> = aliases.iter().map(|alias| format!("--network-alias={alias}")).collect();
        let peer = network.peer("db", &options.iter().map(String::as_str).collect::<Vec<_>>());
        let sandbox = network.sandbox(Form::Docker, "sandbox", &[]);
        let show = || scenario.docker(["exec", &sandbox, "cat", "/etc/hosts"]).exits(0).out();
        wait_until("the updater has written", || show().contains(&format!("\t{sandbox}.{} ", network.name)));
        let text = show();
        let of_peer = text.lines().find(|line| line.contains(&format!("\t{peer} "))).unwrap();
        assert!(of_peer.contains(" fine "), "{text}");
        assert!(!text.contains("6.6.6.6") && !text.contains("pypi") && !text.contains("qqq"), "{text}");
        let local =
            text.split_whitespace().filter(|word| ["localhost", "ip6-localhost"].contains(word)).count();
        assert_eq!(local, 3, "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("127.")).count(), 1, "{text}");
    }
}

#[test]
fn an_updater_that_was_killed_must_be_replaced_by_the_next_start() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let sandbox = network.sandbox(Form::Docker, "sandbox", &[]);
        wait_until("there is an updater", || updaters(&scenario).len() == 1);
        kill_process(updaters(&scenario)[0], Signal::KILL).unwrap();
        wait_until("it is gone", || updaters(&scenario).is_empty());
        let peer = network.peer("db", &[]);
        hears(&scenario, &sandbox, &peer).says("bad address");
        network.sandbox(Form::Docker, "next", &[]);
        wait_to_hear(&scenario, &sandbox, &peer, &peer);
        assert_eq!(updaters(&scenario).len(), 1);
        drop(network);
        wait_for_nothing_left(&scenario);
    }
}

#[test]
fn an_updater_must_hold_nothing_of_whoever_started_it() {
    let held = tempfile::tempdir().unwrap();
    let lock = held.path().join("lock");
    let open = format!("exec 9>{}; exec \"$@\"", lock.display());
    let scenario = Scenario::on("trixie").through(["sh", "-c", &open, "sh"]);
    let network = Network::new(&scenario, "net");
    network.sandbox(Form::Direct, "sandbox", &[]);
    wait_until("there is an updater", || updaters(&scenario).len() == 1);
    let folder = format!("/proc/{}", updaters(&scenario)[0].as_raw_nonzero());
    let link = |name: &str| std::fs::read_link(format!("{folder}/{name}")).unwrap();
    let holds = || {
        let open = std::fs::read_dir(format!("{folder}/fd")).unwrap().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|file| file == lock)
    };
    wait_until("it has closed what it was left", || !holds());
    assert_eq!(link("cwd"), PathBuf::from("/"));
    for number in 0..3 {
        assert_eq!(link(&format!("fd/{number}")), PathBuf::from("/dev/null"));
    }
}

#[test]
fn starts_at_once_must_share_one_updater() {
    let scenario = Scenario::on("trixie");
    let network = Network::new(&scenario, "net");
    let names = ["one", "two", "three"];
    std::thread::scope(|threads| {
        for name in names {
            let network = &network;
            threads.spawn(move || network.sandbox(Form::Docker, name, &[]));
        }
    });
    for name in names {
        for other in names {
            let [name, other] = [name, other].map(|name| format!("{}-{name}", scenario.name()));
            wait_until(&format!("{name} knows {other}"), || {
                hears(&scenario, &name, &other).err().contains("refused")
            });
        }
    }
    wait_until("one updater is left", || updaters(&scenario).len() == 1);
    // The last container is gone, and nothing of ours is on the network.
    for container in scenario.containers() {
        scenario.docker(["rm", "--force", &container]).exits(0);
    }
    scenario.docker(["network", "rm", &network.name]).exits(0);
    wait_for_nothing_left(&scenario);
}

#[test]
fn a_container_on_two_networks_must_know_both() {
    // Docker before 25 takes one network for a container.
    let scenario = Scenario::on("trixie");
    let (front, back) = (Network::new(&scenario, "front"), Network::new(&scenario, "back"));
    let (web, db) = (front.peer("web", &[]), back.peer("db", &[]));
    let sandbox =
        front.sandbox(Form::Docker, "sandbox", &["--network", &format!("name={},alias=me", back.name)]);
    for peer in [&web, &db] {
        assert_eq!(hears(&scenario, &sandbox, peer).out(), format!("{peer}\n"));
    }
    let later = back.peer("later", &[]);
    wait_to_hear(&scenario, &sandbox, &later, &later);
    assert_eq!(hears(&scenario, &sandbox, &web).out(), format!("{web}\n"));
}

#[test]
fn a_container_that_is_made_first_and_started_later_must_know_names() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let name = format!("{}-made", scenario.name());
        let words = ["sandbox", "create", "--network", &network.name, "--name", &name, IMAGE, "sleep", "600"];
        scenario.docker(words).exits(0);
        let peer = network.peer("db", &[]);
        scenario.docker(["start", &name]).exits(0);
        wait_to_hear(&scenario, &name, &peer, &peer);
        scenario.docker(["restart", "--time=0", &name]).exits(0);
        let later = network.peer("later", &[]);
        wait_to_hear(&scenario, &name, &later, &later);
    }
}

#[test]
fn an_updater_must_end_with_its_daemon() {
    let own = OwnEngine::start("runsc");
    let scenario = Scenario::with(own.engine.clone(), Cli::newest());
    let name = format!("{}-net", scenario.name());
    scenario.docker(["network", "create", &name]).exits(0);
    scenario.run(Form::Docker, ["-d", "--network", &name, IMAGE, "sleep", "600"]).exits(0);
    wait_until("there is an updater", || updaters(&scenario).len() == 1);
    drop(own);
    wait_until("it is gone", || updaters(&scenario).is_empty());
}

#[test]
fn a_start_that_comes_to_nothing_must_leave_nothing() {
    let scenario = Scenario::on("trixie");
    let network = Network::new(&scenario, "net");
    scenario.run(Form::Docker, ["--rm", "--network=no-such-network", IMAGE, "true"]).exits(125);
    assert!(files(&scenario).is_empty() && updaters(&scenario).is_empty());
    let words = ["--rm", "--pull=never", "--network", &network.name, "no-such-image"];
    scenario.run(Form::Docker, words).exits(125);
    wait_for_nothing_left(&scenario);
}

#[test]
fn a_daemon_that_does_not_share_our_files_must_get_the_names_there_are() {
    let scenario = Scenario::on("trixie");
    let network = Network::new(&scenario, "net");
    let peer = network.peer("db", &["--network-alias=sql"]);
    // Behind this socket is no dockerd of this machine.
    let socket = scenario.home().join("far.sock");
    let _gate = Gate::before(&scenario.engine.dir.join("docker.sock"), &socket, "nothing is held back");
    let host = format!("--host=unix://{}", socket.display());
    let run = |more: &[&str]| {
        let mut words = vec![host.as_str(), "sandbox", "run", "--rm", "--network", &network.name];
        words.extend_from_slice(more);
        words.extend([IMAGE, "nc", "-w", "2", "sql", "80"]);
        scenario.docker(words)
    };
    run(&[]).exits(0).prints(&format!("{peer}\n")).says("only names of containers that run already");
    run(&["--add-host=sql:127.0.0.1"]).exits(1).says("refused");
    assert!(files(&scenario).is_empty() && updaters(&scenario).is_empty());
}

#[test]
fn a_daemon_that_does_not_answer_about_networks_must_not_stop_a_start() {
    let scenario = Scenario::with(Engine::named("trixie"), Cli::newest());
    let network = Network::new(&scenario, "net");
    let socket = scenario.home().join("slow.sock");
    let gate = Gate::before(&scenario.engine.dir.join("docker.sock"), &socket, "/networks/");
    let host = format!("--host=unix://{}", socket.display());
    let words =
        [&host, "sandbox", "run", "--detect-timeout=1s", "--rm", "--network", &network.name, IMAGE, "true"];
    scenario
        .docker(words)
        .exits(0)
        .says("names of other containers will not resolve: the daemon did not say");
    gate.open();
}
