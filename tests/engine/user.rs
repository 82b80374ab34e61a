//! A user of the group `docker` on a daemon that is root's: who may start containers, and see little of the daemon.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::doctor::Diagnosis;
use crate::stage::{Cli, Engine, Form, IMAGE, OwnEngine, Scenario, User, files, wait_until};

fn member(engine: Engine) -> (Scenario, User) {
    let user = User::in_the_group_of(&engine);
    let scenario = Scenario::with(engine, Cli::newest()).owned_by(user);
    scenario.write(
        ".docker/config.json",
        &format!("{{\"plugins\": {{\"sandbox\": {{\"image\": \"{IMAGE}\"}}}}}}"),
    );
    (scenario, user)
}

/// `/proc` as many machines have it: nobody sees another's processes.
const HIDDEN: [&str; 4] = ["unshare", "-m", "sh", "-c"];
const HIDE: &str = r#"mount -t proc -o hidepid=2 none /proc && exec "$@""#;

fn blind(engine: Engine) -> Scenario {
    let user = User::in_the_group_of(&engine);
    let scenario = Scenario::with(engine, Cli::newest());
    scenario.write(
        ".docker/config.json",
        &format!("{{\"plugins\": {{\"sandbox\": {{\"image\": \"{IMAGE}\"}}}}}}"),
    );
    scenario.through(HIDDEN).through([HIDE, "sh"]).owned_by(user)
}

#[test]
fn what_do_writes_belongs_to_the_user_cold_and_warm() {
    for scenario in [member(Engine::named("trixie")).0, blind(Engine::named("trixie"))] {
        let user = User::in_the_group_of(&scenario.engine);
        let work = scenario.home().join("work");
        scenario.write_as(user, "work/file", "hello\n");
        let before = files(&work);
        let run = |args: &[&str]| scenario.docker(["sandbox", "do"].iter().chain(args));
        run(&["--", "sh", "-c", "cat file; echo x > file || exit 3"]).exits(3);
        run(&["--discard", "--", "sh", "-c", "echo x > file; cat file"]).exits(0).prints("x\n");
        assert_eq!(files(&work), before);
        run(&["--write", "--", "sh", "-c", "echo more >> file; mkdir made; echo y > made/new"])
            .exits(0)
            .quietly();
        wait_until("a warm sandbox ran it", || {
            let warm = ["--write", "--warm=1", "--format=json", "--", "sh", "-c", "echo w > warm"];
            let report: Value = serde_json::from_str(&run(&warm).exits(0).out()).unwrap();
            assert_eq!(report["limits"]["enforced"], true);
            report["warm"] == true
        });
        for (path, (uid, gid, ..)) in files(&work) {
            assert_eq!((uid, gid), (user.id, user.id), "{}", path.display());
        }
        assert_eq!(files(&work).len(), before.len() + 3);
        // The next spare may still be on its way.
        wait_until("nothing works for the user any more", || {
            let own = scenario.docker(["sandbox", "ls", "-aq"]).exits(0).out();
            for container in own.split_whitespace() {
                scenario.docker(["rm", "--force", "--volumes", container]);
            }
            user.processes().is_empty()
        });
    }
}

#[test]
fn names_resolve_or_it_is_said_that_they_do_not() {
    let (open, _) = member(Engine::named("trixie"));
    for (scenario, sees) in [(open, true), (blind(Engine::named("trixie")), false)] {
        let network = scenario.name().to_owned();
        let peer = format!("{network}-peer");
        scenario.docker(["network", "create", &network]).exits(0);
        let net = format!("--network={network}");
        let name = format!("--name={peer}");
        scenario.run(Form::Docker, [&net, &name, "--detach", IMAGE, "sleep", "600"]).exits(0);
        let seen = scenario.run(Form::Docker, [&net, "--rm", IMAGE, "cat", "/etc/hosts"]).exits(0);
        assert!(seen.out().contains(&peer), "{seen}");
        if sees {
            seen.quietly();
        } else {
            let said = seen.err();
            assert!(
                said.contains("it cannot be seen whether the daemon shares this machine's files"),
                "{said}"
            );
        }
        scenario.docker(["rm", "--force", &peer]).exits(0);
        scenario.docker(["network", "rm", &network]).exits(0);
    }
}

#[test]
fn doctor_tells_what_the_user_may_see() {
    let own = OwnEngine::start("runsc");
    let dir = own.engine.dir.clone();
    // As root's home is.
    std::fs::create_dir(dir.join("hidden")).unwrap();
    std::fs::copy(dir.join("bin/runsc"), dir.join("hidden/runsc")).unwrap();
    std::fs::set_permissions(dir.join("hidden"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = dir.join("hidden/runsc");
    own.configure(&json!({"runtimes": {"runsc": {"path": path}}}).to_string());
    own.reload();

    let (scenario, _) = member(own.engine.clone());
    Diagnosis::of(&scenario, &[])
        .has("runtime.registered", "`runsc`", "ok", &["you may not look at it"])
        .has("daemon.system", "", "ok", &["this machine"])
        .has("proof.without-network", "`runsc`", "ok", &["runsc-sandbox"])
        .ends(0);

    let scenario = blind(own.engine.clone());
    Diagnosis::of(&scenario, &[])
        .has("daemon.system", "", "ok", &["/proc hides it from you"])
        .has("proof.without-network", "`runsc`", "ok", &["the daemon's processes cannot be seen from here"])
        .ends(0);
}
