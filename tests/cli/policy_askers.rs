//! Every policy against everybody who can ask for a mode.

use crate::policy::policy;

const MODES: [&str; 3] = ["none", "preferred", "required"];

#[test]
fn whoever_asks_a_policy_lets_through_what_is_at_least_as_strict_and_nothing_else() {
    for (weakest, policy_mode) in MODES.iter().enumerate() {
        for (asked, mode) in MODES.iter().enumerate() {
            for asker in ["flag", "environment", "project", "user"] {
                let mut test = policy(&format!("{{\"weakest-mode\": \"{policy_mode}\"}}"));
                let mut flag = String::new();
                match asker {
                    "flag" => flag = format!("--sandbox={mode} "),
                    "environment" => {
                        test.set("DOCKER_SANDBOX", mode);
                    }
                    "project" => test.trusted_project(mode),
                    _ => test.user(&format!("{{\"mode\": \"{mode}\"}}")),
                }
                let seen = test.docker(&format!("sandbox run {flag}img"));
                let started = seen.text().contains("\ndocker run ");
                let case = format!("policy {policy_mode}, {asker} asks for {mode}: {}", seen.text());
                assert_eq!(started, asked >= weakest, "{case}");
                assert!(seen.text().starts_with(if started { "exit 0\n" } else { "exit 125\n" }), "{case}");
            }
        }
    }
}
