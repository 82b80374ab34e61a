//! Networks: what of them gVisor does not give.

use super::{Both, Kept, compare, ours, shown};
use crate::stage::{Cli, Form, IMAGE, OwnEngine, Scenario};

/// The interfaces with an address of version 4, as `ip -o -4 addr` names them.
fn interfaces(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}

#[test]
fn the_hosts_network_must_give_no_interface_of_the_host() {
    for suite in ["bookworm", "trixie"] {
        // Elsewhere others' interfaces come and go, and gVisor stumbles over them.
        let own = OwnEngine::start_suite(suite, "runsc,runsc-hostnet");
        let scenario = Scenario::with(own.engine.clone(), Cli::newest());
        let line = ["--network=host", IMAGE, "sh", "-c", "ip -o link 2> /dev/null; true"];
        let both = compare(&scenario, &["net-host"], &line);
        let names = |text: &str| {
            let names = text.lines().filter_map(|line| line.split(':').nth(1));
            names.map(|name| name.trim().to_owned()).collect::<Vec<_>>()
        };
        let host = names(&both.kernel.exits(0).out());
        assert!(host.iter().any(|name| name == "docker0"), "{host:?}");
        let seen = names(&both.gvisor.clone().exits(0).quietly().out());
        let only: &[&str] = if suite == "bookworm" { &["lo"] } else { &[] };
        assert_eq!(seen, only, "{}", both.gvisor);
        // Registered for it, a runtime gives it, and nothing is said.
        let line = [&["--rm", "--runtime=runsc-hostnet"], &line[..]].concat();
        let given = names(&scenario.run(Form::Docker, line).exits(0).quietly().out());
        assert!(given.iter().any(|name| name == "docker0"), "{given:?}");
    }
}

/// The interfaces of a running container.
fn of_container(scenario: &Scenario, container: &str) -> Vec<String> {
    interfaces(&scenario.docker(["exec", container, "ip", "-o", "-4", "addr"]).exits(0).out())
}

#[test]
fn a_shared_network_must_be_left_to_one() {
    shown(&["net-container"], |scenario| {
        let donor = |runtime: &str| {
            let name = format!("{}-{runtime}", scenario.name());
            let runtime = format!("--runtime={runtime}");
            scenario.docker(["run", "-d", &runtime, "--name", &name, IMAGE, "sleep", "600"]).exits(0);
            let mut had = of_container(scenario, &name);
            had.sort();
            assert_eq!(had, ["eth0", "lo"]);
            name
        };
        let join = |name: &str| format!("--network=container:{name}");
        let show = ["--rm", IMAGE, "ip", "-o", "-4", "addr"];

        // Outside of gVisor, it loses its address for good, to the first that comes: the second one finds nothing.
        let outside = donor("runc");
        let network = join(&outside);
        scenario.docker(["run", "--runtime=runc", &network].iter().chain(&show)).exits(0);
        assert_eq!(of_container(scenario, &outside), ["lo", "eth0"]);
        assert_eq!(joined(scenario, &[&[network.as_str()], &show[..]].concat()), ["lo"]);
        assert_eq!(of_container(scenario, &outside), ["lo"]);

        // In gVisor it keeps it, and the other has nothing.
        let inside = donor("runsc");
        assert_eq!(joined(scenario, &[&[join(&inside).as_str()], &show[..]].concat()), ["lo"]);
        let mut kept = of_container(scenario, &inside);
        kept.sort();
        assert_eq!(kept, ["eth0", "lo"]);
    });
}

/// The interfaces that a second start of ours sees, after the first one with a warning.
#[track_caller]
fn joined(scenario: &Scenario, line: &[&str]) -> Vec<String> {
    interfaces(&ours(scenario, &["net-container"], line).exits(0).quietly().out())
}

#[test]
fn raw_sockets_must_be_refused() {
    shown(&["net-raw"], |scenario| {
        let Both { kernel, gvisor } =
            compare(scenario, &["net-raw"], &[IMAGE, "ping", "-c", "1", "-w", "5", "127.0.0.1"]);
        kernel.exits(0);
        gvisor.exits(1).says("permission denied");
        let ask = ["--cap-add=NET_RAW", IMAGE, "sh", "-c", "ping -c 1 -w 5 127.0.0.1 2>&1"];
        let Both { kernel, gvisor } = compare(scenario, &["net-raw"], &ask);
        kernel.exits(0);
        let refused = gvisor.exits(1).quietly();
        assert!(refused.out().contains("permission denied"), "{refused}");
    });
}

#[test]
fn dockers_resolver_must_be_out_of_reach() {
    shown(&["net-user-dns"], |scenario| {
        let network = Kept::new(scenario, "network", "net");
        scenario.docker(["network", "create", &network.name]).exits(0);
        let name = format!("{}-peer", scenario.name());
        let peer =
            ["run", "-d", "--runtime=runc", "--network", &network.name, "--name", &name, IMAGE, "sleep"];
        scenario.docker(peer.iter().chain(&["600"])).exits(0);
        let ask = format!("nslookup {name} 127.0.0.11 2>&1");
        let line = ["--rm", "--network", &network.name, IMAGE, "sh", "-c", &ask];
        scenario.docker(["run", "--runtime=runc"].iter().chain(&line)).exits(0);
        let fixed = [&["--no-fix"], &line[..]].concat();
        let refused = ours(scenario, &["net-user-dns"], &fixed).exits(1).quietly();
        assert!(refused.out().contains("Connection refused"), "{refused}");
    });
}
