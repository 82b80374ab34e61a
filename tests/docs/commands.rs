//! docs/cli: one file per command, generated from what the command says about itself.
//! `SNAPSHOTS=overwrite cargo test --test docs` writes them anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use docker_sandbox::cli;
use snapbox::cmd::{Command, cargo_bin};

use crate::guides;

const NOTE: &str =
    "<!-- Generated from the command itself: SNAPSHOTS=overwrite cargo test --test docs -->\n\n";

fn folder() -> PathBuf {
    guides::root().join("docs/cli")
}

/// What `docker sandbox WORDS --help` prints.
fn help(words: &[&str]) -> String {
    let empty = tempfile::tempdir().unwrap();
    let run = Command::new(cargo_bin!("docker-sandbox"))
        .env_clear()
        .env("HOME", empty.path())
        .env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "docker")
        .current_dir(empty.path())
        .arg("sandbox")
        .args(words)
        .arg("--help")
        .assert()
        .success()
        .stderr_eq("");
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Each file's name and the content it must have.
fn pages() -> Vec<(String, String)> {
    let tree = cli::tree();
    let commands: Vec<&str> = tree.get_subcommands().map(clap::Command::get_name).collect();
    let list: Vec<String> =
        commands.iter().map(|command| format!("- [docker sandbox {command}]({command}.md)\n")).collect();
    let index = format!("{NOTE}# docker sandbox\n\n```text\n{}\n```\n\n{}", help(&[]), list.concat());
    let mut pages = vec![("README.md".to_owned(), index)];
    for command in commands {
        let page = format!("{NOTE}# docker sandbox {command}\n\n```text\n{}\n```\n", help(&[command]));
        pages.push((format!("{command}.md"), page));
    }
    pages
}

#[test]
fn every_command_has_a_page_that_says_what_its_help_says() {
    for (name, content) in pages() {
        snapbox::assert_data_eq!(content, snapbox::Data::read_from(&folder().join(name), None).raw());
    }
}

#[test]
fn no_page_is_about_a_command_that_is_gone() {
    let files = std::fs::read_dir(folder()).unwrap();
    let there: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = pages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, expected);
}
