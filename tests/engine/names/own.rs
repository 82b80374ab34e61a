//! A container's own names are right at its first instruction, however late its address becomes known.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{ENGINES, Network, files, hears};
use crate::stage::{Form, IMAGE, Scenario, wait_until};

/// The addresses that a hosts file has for `name`, in their order.
fn addresses(hosts: &str, name: &str) -> Vec<String> {
    let lines = hosts.lines().filter_map(|line| line.split_once('\t'));
    let of = lines.filter(|(_, names)| names.split(' ').any(|one| one.eq_ignore_ascii_case(name)));
    of.map(|(address, _)| address.to_owned()).collect()
}

/// Keeps every answer of the daemon from the updater, but for the events, until the file that it returns is there: on any
/// engine, a busy machine looks like that to it.
fn hold_back(scenario: &Scenario) -> PathBuf {
    let (gate, docker) = (scenario.home().join("gate"), scenario.home().join("bin/docker"));
    let script = format!(
        "#!/bin/sh\ncase $1,$2 in\n--host=unix://*,events) ;;\n--host=unix://*) while [ ! -e {} ]; do sleep 0.1; done ;;\n\
         esac\nexec {} \"$@\"\n",
        gate.display(),
        scenario.cli.path.display()
    );
    std::fs::remove_file(&docker).unwrap();
    std::fs::write(&docker, script).unwrap();
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    gate
}

#[test]
fn own_names_must_be_right_before_the_address_is_known() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let name = format!("{}-web", scenario.name());
        // It covets all that the sandbox can be called beforehand.
        let peer =
            network.peer("db", &["--network-alias=me.here", "--network-alias=me", "--network-alias", &name]);
        let other = network.peer("other", &[]);
        let gate = hold_back(&scenario);
        // Listens where its own name says that it is.
        let say = "cat /etc/hosts; echo END; mkdir -p /tmp/w; echo mine > /tmp/w/index.html
                   at=$(awk '{ for (i = 2; i <= NF; i++) if ($i == \"me.here\") { print $1; exit } }' /etc/hosts)
                   httpd -p $at:80 -h /tmp/w; sleep 600";
        let words =
            ["-d", "--dns=127.0.0.1", "--network", &network.name, "--name", &name, "--hostname=me.here"];
        let words = words.into_iter().chain([IMAGE, "sh", "-c", say]);
        let outcome = scenario.run(Form::Direct, words).exits(0);
        let id = outcome.out();
        let hosts = || scenario.docker(["logs", &name]).exits(0).out();
        wait_until("the first instruction has shown its file", || hosts().contains("END"));
        let hosts = hosts();
        for own in ["me.here", "me", &name, &id[..12]] {
            assert_eq!(addresses(&hosts, own), ["0.0.0.0"], "{engine}: {own}\n{hosts}");
        }
        assert_eq!(addresses(&hosts, &peer).len(), 1, "{hosts}");
        // It reaches itself, and others reach it, by its names.
        let get = |container: &str, name: &str| {
            // Debian 12's wget crashes at names.
            let ask = format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {name} 80");
            scenario.docker(["exec", container, "sh", "-c", &ask]).out().ends_with("\r\n\r\nmine\n")
        };
        for own in ["me.here", "me", &name, &id[..12]] {
            wait_until(&format!("it reaches itself at {own}"), || get(&name, own));
        }
        wait_until("others reach it", || get(&other, &name));
        // The address follows.
        std::fs::write(gate, "").unwrap();
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = scenario.inspect(&name, address);
        let now = || scenario.docker(["exec", &name, "cat", "/etc/hosts"]).exits(0).out();
        wait_until("its own names have its address", || {
            ["me.here", "me", &name, &id[..12]].iter().all(|own| addresses(&now(), own) == [address.as_str()])
        });
        assert!(get(&name, "me"));
    }
}

#[test]
fn own_names_must_be_there_at_the_first_instruction_of_every_start() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let peer = network.peer("db", &["--network-alias=me"]);
        for round in 0..8 {
            let show = "hostname; cat /etc/hosts";
            let words = ["--rm", "--network", &network.name, IMAGE, "sh", "-c", show];
            let outcome = scenario.run(Form::Docker, words).exits(0);
            let text = outcome.out();
            let (hostname, hosts) = text.split_once('\n').unwrap();
            let own = addresses(hosts, hostname);
            let others = addresses(hosts, &peer);
            assert!(own.len() == 1 && others.len() == 1 && own != others, "{engine}, {round}: {outcome}");
        }
    }
}

#[test]
fn an_ended_container_must_not_keep_an_address_that_others_may_get() {
    for engine in ENGINES {
        let scenario = Scenario::on(engine);
        let network = Network::new(&scenario, "net");
        let sandbox = network.sandbox(Form::Docker, "sandbox", &[]);
        let file = || std::fs::read_to_string(files(&scenario)[0].join("hosts")).unwrap();
        let seen = || addresses(&file(), &sandbox);
        wait_until("it has its address", || seen().len() == 1 && seen() != ["0.0.0.0"]);
        let had = seen();
        scenario.docker(["stop", "--time=0", &sandbox]).exits(0);
        wait_until("it has none", || seen() == ["0.0.0.0"]);
        // The others' names stay for its next start, and come back with it.
        let peer = network.peer("db", &["--network-alias=sql"]);
        wait_until("it knows who is there", || addresses(&file(), "sql") == had);
        scenario.docker(["start", &sandbox]).exits(0);
        assert_eq!(hears(&scenario, &sandbox, &peer).out(), format!("{peer}\n"));
        wait_until("it has its address", || seen().len() == 1 && seen() != ["0.0.0.0"] && seen() != had);
    }
}
