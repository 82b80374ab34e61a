//! `--network isolated`: outward only.

use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Place;
use crate::stage::{Cli, IMAGE, Io, OwnEngine, Scenario, wait_until};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/engine.sh");

/// The outside of an engine: a resolver at the address where its containers expect one, which knows every name, and
/// behind each name somebody who says `outside`. Dropped, the address is given back.
struct Outside<'a> {
    engine: &'a Path,
    address: IpAddr,
    port: u16,
}

impl<'a> Outside<'a> {
    fn of(engine: &'a Path, address: IpAddr) -> Self {
        let mut outside = Self { engine, address, port: 0 };
        outside.ip("add");
        let pid = std::fs::read_to_string(engine.join("docker.pid")).unwrap();
        let namespace = File::open(format!("/proc/{}/ns/net", pid.trim())).unwrap();
        // Of this thread only, which makes the sockets.
        let opening = std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            (UdpSocket::bind((address, 53)).unwrap(), TcpListener::bind((address, 0)).unwrap())
        });
        let (resolver, listener) = opening.join().unwrap();
        outside.port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || answer_names(&resolver, address));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                stream.unwrap().write_all(b"outside\n").unwrap();
            }
        });
        outside
    }

    #[track_caller]
    fn ip(&self, action: &str) {
        let address = format!("{}/32", self.address);
        self.here(&["ip", "address", action, &address, "dev", "lo"]);
    }

    /// What a command of busybox prints in the network of the engine's own machine.
    #[track_caller]
    fn here(&self, words: &[&str]) -> String {
        let mut command = Command::new(SCRIPT);
        command.args(["exec".as_ref(), self.engine.as_os_str(), "busybox".as_ref()]).args(words);
        let done = command.stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.ip("del");
    }
}

/// Gives `address` for every name. Source: RFC 1035, section 4.
fn answer_names(resolver: &UdpSocket, address: IpAddr) {
    const HEADER: usize = 12;
    let IpAddr::V4(address) = address else { panic!("{address}: only version 4") };
    let mut question = [0; 512];
    while let Ok((length, from)) = resolver.recv_from(&mut question) {
        let name = question[HEADER..length].iter().position(|&byte| byte == 0).unwrap();
        let asked = HEADER + name + 5;
        let wants_version_4 = question[asked - 4..asked - 2] == [0, 1];
        let mut answer = question[..asked].to_vec();
        answer[2..HEADER].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(wants_version_4), 0, 0, 0, 0]);
        if wants_version_4 {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(address.octets());
        }
        resolver.send_to(&answer, from).unwrap();
    }
}

#[test]
fn an_isolated_network_must_lead_outside_and_to_no_other_sandbox() {
    for engine in super::ENGINES {
        let place = Place::on(engine);
        let script = "echo ready; echo reached | nc -l -p 777";
        let mut first = place.start(&["--network=isolated", "--", "sh", "-c", script], Io::Pipes);
        first.wait_for("ready");
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let other = place.scenario.inspect(&place.sandboxes()[0], format);

        let show = ["--network=isolated", "--", "cat", "/etc/resolv.conf"];
        let servers = place.run(&show).exits(0).out();
        let resolver = servers.lines().find_map(|line| line.strip_prefix("nameserver "));
        let outside = Outside::of(&place.scenario.engine.dir, resolver.unwrap().parse().unwrap());
        let script = format!(
            "nc -w 10 somebody.example {} </dev/null; nc -w 3 {other} 777 </dev/null || echo nobody",
            outside.port
        );
        let seen = place.run(&["--network=isolated", "--", "sh", "-c", &script]);
        assert_eq!(seen.out(), "outside\nnobody\n", "{seen}");
        // It has been there all the time.
        assert_eq!(outside.here(&["nc", "-w", "10", &other, "777"]), "reached\n");

        drop(first);
        place.wait_until_gone();
        wait_until("the network is gone", || {
            !place.scenario.ask(&["network", "ls", "--format={{.Name}}"]).contains("docker-sandbox-isolated")
        });
    }
}

/// The one network of that name, whatever its user: its id, and how it is made.
fn network(place: &Place) -> String {
    let name = format!("docker-sandbox-isolated-{}", rustix::process::getuid().as_raw());
    place.scenario.ask(&[
        "network",
        "inspect",
        "--format={{.Id}} {{.Driver}} {{json .Options}} {{json .Labels}}",
        &name,
    ])
}

#[test]
fn a_network_of_somebody_elses_must_be_neither_taken_nor_removed() {
    let own = OwnEngine::start("runsc");
    let place = Place::of(Scenario::with(own.engine.clone(), Cli::newest()), &[]);
    let name = format!("docker-sandbox-isolated-{}", rustix::process::getuid().as_raw());
    let user = format!("--label=docker-sandbox.owner={}", rustix::process::getuid().as_raw());
    let labels = ["--label=docker-sandbox.id=0123456789abcdef0123456789abcdef", &user];
    let isolated = "--opt=com.docker.network.bridge.enable_icc=false";
    let foreign: [(&str, Vec<&str>); 5] = [
        ("did not make it", vec![]),
        ("did not make it", vec![isolated]),
        ("its containers reach each other", labels.to_vec()),
        ("it has no way out", [&labels[..], &[isolated, "--internal"]].concat()),
        ("it was made for another user", vec![labels[0], "--label=docker-sandbox.owner=4711", isolated]),
    ];
    for (wrong, options) in foreign {
        let words = [&["network", "create"], &options[..], &[name.as_str()]].concat();
        place.scenario.docker(words).exits(0);
        let before = network(&place);
        let remove = format!("docker network rm {name}");
        let refused = place.run(&["--network=isolated", "--", "echo", "started"]).exits(125);
        assert_eq!(refused.out(), "", "{refused}");
        assert!(refused.err().contains(wrong) && refused.err().contains(&remove), "{refused}");
        // Nor does `prune` take it, whatever its labels say.
        place.scenario.direct(["prune", "--force"]).exits(0);
        assert_eq!(network(&place), before);
        assert_eq!(place.sandboxes(), Vec::<String>::new());
        // What the refusal says.
        place.scenario.docker(["network", "rm", &name]).exits(0);
    }
    place.run(&["--network=isolated", "--", "echo", "started"]).exits(0).prints("started\n");
    wait_until("its network is gone", || network(&place).is_empty());
    // One of another name is of no interest.
    place.scenario.docker(["network", "create", "other"]).exits(0);
    place.scenario.docker(["run", "-d", "--network=other", IMAGE, "sleep", "600"]).exits(0);
    place.run(&["--network=isolated", "--", "echo", "started"]).exits(0).prints("started\n");
}
