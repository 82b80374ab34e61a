//! The commands of docs/install.md, typed one after the other where a runsc is on PATH.

use crate::stage::{IMAGE, Site};

const GUIDE: &str = include_str!("../../docs/install.md");

#[test]
fn the_guides_commands_must_lead_to_gvisor_and_back() {
    let site = Site::new();
    let before = site.files();
    // Everybody may enter the folder: the runsc in it is registered where it is.
    std::fs::copy(site.source().join("runsc"), site.scenario.home().join("bin/runsc")).unwrap();
    site.scenario.docker(["tag", IMAGE, "busybox"]).exits(0);
    let commands: Vec<&str> = GUIDE.lines().filter_map(|line| line.strip_prefix("$ docker ")).collect();
    let ran: Vec<String> = commands
        .iter()
        .map(|command| {
            let outcome = site.scenario.docker(command.split(' ')).exits(0);
            format!("{}{}", outcome.out(), outcome.err())
        })
        .collect();
    let [plan, setup, dmesg, undo] = &ran[..] else { panic!("another guide: {commands:?}") };
    assert!(plan.contains("+    \"runsc\": {") && plan.ends_with("Nothing was changed.\n"), "{plan}");
    assert!(setup.contains("is `runsc-sandbox`"), "{setup}");
    assert!(dmesg.contains("Starting gVisor"), "{dmesg}");
    assert!(undo.contains("everything is as it was before setup"), "{undo}");
    assert_eq!(site.files(), before);
}
