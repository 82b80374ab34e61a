//! The table of Docker's options is complete for every CLI at hand.

use docker_sandbox::docker::flags::Flags;

use crate::stage::{Engines, Scenario};

/// Every CLI once, that of the suite that moves too.
fn clis() -> impl Iterator<Item = Scenario> {
    Scenario::every_cli("trixie").chain(Scenario::on_each(Engines::NEWEST).take(1))
}

#[test]
fn every_option_of_every_cli_must_be_known_with_its_arity() {
    let known = Flags::run();
    for scenario in clis() {
        for verb in ["run", "create"] {
            let help = scenario.docker([verb, "--help"]).exits(0);
            let shown = Flags::from_help(&help.out());
            assert!(shown.iter().count() > 80, "{help}");
            for flag in shown.iter() {
                let version = &scenario.cli.version;
                assert_eq!(known.long(flag.long.as_bytes()), Some(flag), "docker {verb} of {version}");
            }
        }
    }
}

#[test]
fn every_global_option_of_every_cli_must_be_known_with_its_arity() {
    let known = Flags::global();
    for scenario in clis() {
        let help = scenario.docker(["--help"]).exits(0);
        let shown = Flags::from_help(&help.out());
        assert!(shown.iter().count() > 8, "{help}");
        for flag in shown.iter() {
            assert_eq!(known.long(flag.long.as_bytes()), Some(flag), "docker of {}", scenario.cli.version);
        }
    }
}

#[test]
fn our_options_must_be_none_of_dockers() {
    for scenario in clis() {
        let shown = Flags::from_help(&scenario.docker(["run", "--help"]).exits(0).out());
        for ours in Flags::ours().iter() {
            assert_eq!(shown.long(ours.long.as_bytes()), None, "docker run of {}", scenario.cli.version);
        }
    }
}
