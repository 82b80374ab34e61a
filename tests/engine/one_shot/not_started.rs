//! Where gVisor does not start, the command was not started: 125 and what to do, never a code that a command may have.

use std::os::unix::fs::PermissionsExt as _;

use super::Place;
use crate::stage::{Cli, OwnEngine, Scenario};

#[test]
fn a_gvisor_that_does_not_start_must_be_told_from_a_command_that_is_not_there() {
    let own = OwnEngine::start("runsc");
    let works = own.configuration();
    let program = own.engine.dir.join("bin/runsc").display().to_string();
    let absent = |runtime: &str| works.replace(&format!("{{\"path\": \"{program}\"}}"), runtime);
    // A sandbox whose parts are of another release dies, and says why to a log only: its runsc here says what Docker says then.
    let mixed = own.engine.dir.join("mixed");
    std::fs::create_dir_all(mixed.join("opt/gvisor-bin")).unwrap();
    std::fs::copy(own.engine.dir.join("root/usr/bin/runsc"), mixed.join("opt/runsc")).unwrap();
    std::fs::write(mixed.join("opt/gvisor-bin/gvisor_sentry"), "release-20260701.0").unwrap();
    let died = "creating container: cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF";
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' create '*)\n    while [ \"$1\" != --log ]; do shift; done\n    \
         echo '{{\"level\":\"error\",\"msg\":\"{died}\",\"time\":\"2026-01-01T00:00:00Z\"}}' >>\"$2\"\n    \
         exit 128 ;;\nesac\nexec {}/opt/runsc \"$@\"\n",
        mixed.display()
    );
    std::fs::write(mixed.join("runsc"), script).unwrap();
    std::fs::set_permissions(mixed.join("runsc"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let rows = [
        (
            absent(&format!("{{\"path\": \"{}/runsc\"}}", mixed.display())),
            "parts of different gVisor releases",
        ),
        (absent("{\"path\": \"/nope/runsc\"}"), "does not exist on the daemon's host"),
        (absent("{\"path\": \"runsc-nope\"}"), "does not exist on the daemon's host"),
        (
            absent(&format!(
                "{{\"path\": \"{program}\", \"runtimeArgs\": [\"--platform=kvm\", \"--platform_device_path=/nope/kvm\"]}}"
            )),
            "no /dev/kvm that it may open",
        ),
    ];
    for (daemon_json, cause) in rows {
        assert_ne!(daemon_json, works);
        own.configure(&daemon_json);
        own.reload();
        let place = Place::of(Scenario::with(own.engine.clone(), Cli::newest()), &[]);
        let refused = place.run(&["--", "echo", "started"]).exits(125);
        assert_eq!(refused.out(), "", "{refused}");
        assert!(refused.err().contains(cause) && refused.err().contains("\n    "), "{refused}");
        let refused = place.run(&["--format=json", "--", "echo", "started"]).exits(125);
        let report: serde_json::Value = serde_json::from_str(&refused.out()).unwrap();
        assert_eq!(report["error"]["code"], "start-failed", "{refused}");
        assert!(report["error"]["hints"].to_string().contains(cause), "{refused}");
        assert_eq!(place.sandboxes(), Vec::<String>::new());
    }
    // What is the command's own stays so.
    own.configure(&works);
    own.reload();
    let place = Place::of(Scenario::with(own.engine.clone(), Cli::newest()), &[]);
    for (command, code) in [("no-such-command", 127), ("/tmp", 126)] {
        let outcome = place.run(&["--", command]).exits(code);
        assert!(!outcome.err().contains("gVisor:"), "{outcome}");
        place.run(&["--format=json", "--", command]).exits(code);
    }
    place.run(&["--", "sh", "-c", "exit 125"]).exits(125);
}
