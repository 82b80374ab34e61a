//! Rootless Docker, a user's own: what is written is that user's, limits that do not hold are said, and every way out is
//! for that daemon. Each promise is looked at on the host.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::doctor::Diagnosis;
use crate::stage::{Cli, Engine, Form, IMAGE, Io, Outcome, OwnEngine, Scenario, User, files, wait_until};

const ALLOW: &str = "--allow=limits-unenforced";
const QUIET: &str = "--quiet-rule=limits-unenforced";

struct Rootless {
    scenario: Scenario,
    user: User,
}

impl Rootless {
    fn of(engine: Engine) -> Self {
        let user = User::owning(&engine);
        let scenario = Scenario::with(engine, Cli::newest()).owned_by(user);
        scenario.write(
            ".docker/config.json",
            &format!("{{\"plugins\": {{\"sandbox\": {{\"image\": \"{IMAGE}\"}}}}}}"),
        );
        Self { scenario, user }
    }

    fn shared() -> Self {
        Self::of(Engine::named("rootless"))
    }

    fn work(&self) -> std::path::PathBuf {
        self.scenario.home().join("work")
    }

    /// `do` where limits are not asked for.
    fn run(&self, args: &[&str]) -> Outcome {
        not_too_soon(|| self.scenario.docker(["sandbox", "do", ALLOW, QUIET].iter().chain(args)))
    }

    fn spares(&self) -> usize {
        self.scenario.ask(&["ps", "-q", "--filter", "name=docker-sandbox-spare"]).lines().count()
    }
}

/// What `start` comes to, once runsc has done with starting it before it ends: `ended-first` in src/gvisor/failures.rs.
fn not_too_soon(start: impl Fn() -> Outcome) -> Outcome {
    let done = || Some(start()).filter(|outcome| !(outcome.out() + &outcome.err()).contains("oom_score_adj"));
    (0..10).find_map(|_| done()).expect("ten times runsc was too late")
}

/// Asserts that everything in `folder` is `user`'s.
#[track_caller]
fn assert_all_owned_by(user: User, folder: &Path) {
    for (path, (uid, gid, ..)) in files(folder) {
        assert_eq!((uid, gid), (user.id, user.id), "{}", path.display());
    }
}

#[test]
fn what_do_writes_belongs_to_the_caller_cold_and_warm() {
    let own = OwnEngine::start_suite("rootless", "runsc");
    let place = Rootless::of(own.engine.clone());
    let (user, work) = (place.user, place.work());
    place.scenario.write_as(user, "work/file", "hello\n");
    let (processes, networks) = (user.processes(), place.scenario.ask(&["network", "ls", "-q"]));
    let before = files(&work);

    place.run(&["--", "sh", "-c", "cat file"]).exits(0).prints("hello\n");
    place.run(&["--", "sh", "-c", "echo x >> file || touch new || exit 3"]).exits(3);
    place.run(&["--discard", "--", "sh", "-c", "echo x > file; cat file; mkdir d"]).exits(0).prints("x\n");
    assert_eq!(files(&work), before);

    let script = "echo more >> file; mkdir made; echo y > made/new; ln -s file link; chmod 751 made";
    place.run(&["--write", "--", "sh", "-c", script]).exits(0).quietly();
    assert_all_owned_by(user, &work);
    assert_eq!(std::fs::read_to_string(work.join("file")).unwrap(), "hello\nmore\n");
    assert_eq!(files(&work).len(), before.len() + 3);

    let written = files(&work);
    place.run(&["--warm=1", "--", "true"]).exits(0);
    wait_until("a sandbox waits", || place.spares() == 1);
    let warm = ["--warm=1", "--format=json", "--", "sh", "-c", "cat file; echo x > file; rm -r made"];
    wait_until("a warm sandbox ran it", || {
        let report: Value = serde_json::from_str(&place.run(&warm).out()).unwrap();
        report["warm"] == true
    });
    assert_eq!(files(&work), written);

    // A copy would not be the host's any more by the time that a command comes.
    let script = "echo w > warm; rm made/new; mkdir hooks && mkdir -p .git && echo x > .git/config";
    let again = ["--write", "--warm=1", "--verbose", "--", "sh", "-c", script];
    let said = place.run(&again).exits(0).says("works on a copy of").says("Docker is rootless");
    assert!(said.err().contains("held back; see, and apply or drop: docker sandbox changes "), "{said}");
    assert_all_owned_by(user, &work);
    assert!(work.join("warm").exists() && !work.join("made/new").exists());
    assert_eq!(std::fs::read_dir(work.join(".git")).map_or(0, Iterator::count), 0);

    place.run(&["--network=isolated", "--", "true"]).exits(0);
    wait_until("all that worked for it is gone", || {
        place.scenario.docker(["sandbox", "prune", "--force"]).exits(0);
        let same = user.processes() == processes;
        same && place.scenario.ask(&["ps", "-aq"]).is_empty()
            && place.scenario.ask(&["network", "ls", "-q"]) == networks
    });
}

#[test]
fn another_users_rootless_docker_is_refused_where_the_owner_counts() {
    let engine = Engine::named("rootless");
    let user = User::owning(&engine);
    let scenario = Scenario::with(engine, Cli::newest());
    let before = files(&scenario.home().join("work"));
    let image = format!("--image={IMAGE}");
    let write = ["sandbox", "do", ALLOW, QUIET, &image, "--write", "--", "touch", "file"];
    scenario
        .docker(write)
        .exits(125)
        .says(&format!("this is the rootless Docker of user {}", user.id))
        .says(&format!("docker sandbox do --user=0:0 {image} {ALLOW} {QUIET} --write -- touch file"));
    assert_eq!(files(&scenario.home().join("work")), before);
    scenario.direct(["setup", "--dry-run"]).exits(1).says(&format!("sudo -H -u '#{}' ", user.id));
}

#[test]
fn a_run_with_limits_that_nothing_enforces_is_warned_of_once() {
    let place = Rootless::shared();
    // 64 MiB of memory: a sandbox that is held to that dies of it.
    let eat = [
        "--rm",
        "--memory=64m",
        "--tmpfs=/t:size=512m",
        IMAGE,
        "dd",
        "if=/dev/zero",
        "of=/t/x",
        "bs=1M",
        "count=200",
    ];
    let with = |options: &[&str]| {
        let start = || place.scenario.run(Form::Docker, options.iter().chain(&eat));
        let said = not_too_soon(start).exits(0).err();
        said.lines().filter(|line| line.starts_with("docker sandbox:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let said = with(&["--pids-limit=50", "--cpus=0.5", "--cpuset-cpus=0"]);
    let [line] = said.as_slice() else { panic!("one line: {said:#?}") };
    for part in ["--memory=64m", "--pids-limit=50", "--cpus=0.5", "--cpuset-cpus=0", "[limits-unenforced]"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(with(&[QUIET]), [""; 0]);
    let none = ["--rm", "--memory=0", "--pids-limit=-1", "--cpus=0", IMAGE, "true"];
    for args in [none.as_slice(), &["--rm", IMAGE, "true"]] {
        not_too_soon(|| place.scenario.run(Form::Docker, args)).exits(0).quietly();
    }

    // The same where limits hold.
    let root = Scenario::on("trixie");
    root.run(Form::Docker, eat).exits(137);
}

#[test]
fn do_refuses_limits_that_nothing_enforces_and_reports_them_where_they_are_allowed() {
    let place = Rootless::shared();
    let before = files(&place.work());
    let containers = place.scenario.containers();
    let refused =
        place.scenario.docker(["sandbox", "do", "--memory=64m", "--", "sh", "-c", "touch /tmp/x"]).exits(125);
    let said = refused.err();
    assert!(said.contains("[limits-unenforced]; nothing was started"), "{said}");
    let hint = said.lines().last().unwrap().trim();
    assert_eq!(hint, format!("docker sandbox do {ALLOW} --memory=64m -- sh -c 'touch /tmp/x'"));
    assert_eq!((files(&place.work()), place.scenario.containers()), (before, containers));
    let words = ["sh", "-c", hint];
    let as_hinted = place.scenario.start("/usr/bin/env", words, Io::Pipes).end();
    as_hinted.exits(0).says("[limits-unenforced, allowed by");

    let json = |scenario: &Scenario, args: &[&str]| -> Value {
        let words = ["sandbox", "do", "--format=json"].iter().chain(args).chain(&["--", "true"]);
        let words: Vec<&&str> = words.collect();
        serde_json::from_str(&not_too_soon(|| scenario.docker(words.clone())).out()).unwrap()
    };
    let denied = json(&place.scenario, &[]);
    assert_eq!(denied["error"]["code"], "rule-denied");
    assert_eq!(json(&place.scenario, &[ALLOW])["limits"]["enforced"], false);
    // Docker's own runtime is not held to them either.
    let runc = json(&place.scenario, &["--no-sandbox"]);
    assert_eq!((&runc["limits"]["enforced"], &runc["exit_code"]), (&false.into(), &0.into()));
    let image = format!("--image={IMAGE}");
    assert_eq!(json(&Scenario::on("trixie"), &[&image])["limits"]["enforced"], true);

    place.scenario.write(
        ".docker/config.json",
        &format!(
            "{{\"plugins\": {{\"sandbox\": {{\"image\": \"{IMAGE}\", \"allow\": \"limits-unenforced\", \
             \"quiet-rule\": \"limits-unenforced\"}}}}}}"
        ),
    );
    not_too_soon(|| place.scenario.docker(["sandbox", "do", "--", "true"])).exits(0).quietly();
}

#[test]
fn names_resolve_on_a_network_of_ones_own() {
    let place = Rootless::shared();
    let network = place.scenario.name().to_owned();
    let [peer, me] = ["peer", "me"].map(|name| format!("{network}-{name}"));
    place.scenario.docker(["network", "create", &network]).exits(0);
    let run = |name: &str, rest: &[&str]| {
        let words = [format!("--network={network}"), format!("--name={name}")];
        let words = words.iter().map(String::as_str).chain(rest.iter().copied());
        not_too_soon(|| place.scenario.run(Form::Docker, words.clone())).exits(0).quietly()
    };
    run(&peer, &["--detach", IMAGE, "sleep", "600"]);
    let address = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    let address = place.scenario.inspect(&peer, &address);
    let seen = run(&me, &["--rm", IMAGE, "cat", "/etc/hosts"]).out();
    let line = seen.lines().find(|line| line.split_whitespace().any(|word| word == peer));
    assert!(line.is_some_and(|line| line.starts_with(&format!("{address}\t"))), "{address}: {seen}");
    // One that comes later.
    let late = format!("{network}-late");
    run(&late, &["--detach", IMAGE, "sleep", "600"]);
    wait_until("the one that came later has a name", || {
        place.scenario.docker(["exec", &peer, "cat", "/etc/hosts"]).exits(0).out().contains(&late)
    });
    for container in [&peer, &late] {
        place.scenario.docker(["rm", "--force", container]).exits(0);
    }
    place.scenario.docker(["network", "rm", &network]).exits(0);
}

#[test]
fn doctor_looks_at_the_users_daemon_and_names_commands_for_it() {
    let own = OwnEngine::start_suite("rootless", "runsc,runsc-broken");
    let place = Rootless::of(own.engine.clone());
    let scenario = &place.scenario;
    let seen = Diagnosis::of(scenario, &[]);
    seen.has("daemon.system", "", "ok", &["rootless"])
        .has("runtime.limits", "`runsc`", "warn", &["--ignore-cgroups"])
        .has("proof.without-network", "`runsc`", "ok", &["runsc-sandbox"])
        .has("proof.with-network", "`runsc`", "ok", &["runsc-sandbox"])
        .has("host.orphans", "", "ok", &["none"])
        .ends(0);
    let config = own.engine.dir.join("home/.config/docker/daemon.json");
    let commands = seen.checks().iter().flat_map(|check| check["fix"].as_array().into_iter().flatten());
    let commands: BTreeSet<&str> = commands
        .flat_map(|fix| fix["commands"].as_array().unwrap())
        .map(|command| command.as_str().unwrap())
        .collect();
    for command in &commands {
        for system in ["sudo systemctl", "sudo runsc", "sudo pkill", "/etc/docker/"] {
            assert!(!command.contains(system), "{command}");
        }
    }

    // Docker leaves a sandbox behind where gVisor fails at its start.
    let failed = scenario.run(Form::Docker, ["--rm", "--runtime=runsc-broken", IMAGE, "true"]);
    if failed.status.success() {
        return;
    }
    let failed = failed.exits(125).says("systemctl --user restart docker");
    assert!(failed.err().contains(&format!("--config_file={}", config.display())), "{failed}");
    let orphans = || Diagnosis::of(scenario, &["--quick"]);
    wait_until("the sandbox of the failed start is named", || {
        orphans().about("host.orphans", "")[0]["result"] == "warn"
    });
    let fix = orphans().about("host.orphans", "")[0]["fix"][0]["commands"][0].as_str().unwrap().to_owned();
    let done = scenario.start("/usr/bin/env", ["sh", "-c", &fix], Io::Pipes).end();
    assert!(done.status.success(), "{fix}: {done}");
    wait_until("it is gone", || orphans().about("host.orphans", "")[0]["result"] == "ok");
    // It is no business of another daemon's.
    Diagnosis::of(&Scenario::on("trixie"), &["--quick"]).about("host.orphans", "").iter().for_each(|check| {
        assert!(!check.to_string().contains("home"), "{check}");
    });
}

#[test]
fn setup_registers_gvisor_with_the_users_daemon_and_takes_it_back() {
    let own = OwnEngine::start_suite("rootless", "none");
    let place = Rootless::of(own.engine.clone());
    let (scenario, user) = (&place.scenario, place.user);
    let source = own.engine.dir.join("home/source");
    std::fs::create_dir(&source).unwrap();
    std::fs::copy(own.engine.dir.join("bin/runsc"), source.join("runsc")).unwrap();
    let config = own.engine.dir.join("home/.config/docker/daemon.json");
    let state = || (files(&own.engine.dir.join("home/.config")), files(&scenario.home().join("work")));
    let before = state();
    let from = ["setup", "--from", source.to_str().unwrap(), "--prefix"];
    let prefix = scenario.home().join("opt");
    let words = |more: &[&'static str]| {
        let all = from.iter().copied().map(std::ffi::OsString::from).chain([prefix.clone().into()]);
        all.chain(more.iter().map(std::ffi::OsString::from)).collect::<Vec<_>>()
    };

    let plan = scenario.direct(words(&["--dry-run"])).exits(0).out();
    assert!(plan.contains(config.to_str().unwrap()) && plan.contains("\"--ignore-cgroups\""), "{plan}");
    assert_eq!(state(), before);
    assert!(!prefix.exists());

    scenario.direct(words(&["--yes"])).exits(0);
    assert!(std::fs::read_to_string(&config).unwrap().contains("--ignore-cgroups"));
    assert_all_owned_by(user, &own.engine.dir.join("home/.config"));
    assert_all_owned_by(user, &prefix);
    not_too_soon(|| scenario.run(Form::Docker, ["--rm", IMAGE, "true"])).exits(0);
    scenario.direct(["setup", "--undo", "--yes"]).exits(0);
    assert_eq!(state(), before);
    assert!(!prefix.exists());
}
