//! This side: docker, this plugin, and its settings.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::Wanted;
use super::check::Check;
use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::plugin_file;
use crate::docker::run_line::Ours;
use crate::error::Error;
use crate::plugin::metadata;
use crate::settings::load;
use crate::settings::policy;
use crate::ui::shell_line;

/// The plugin's file in each folder.
const FILE: &str = "docker-sandbox";
const LIMIT: Duration = Duration::from_secs(5);

/// Returns docker, if there is one.
pub(super) fn check(wanted: &Wanted<'_>, sink: &mut dyn FnMut(Check)) -> Option<Docker> {
    let context = wanted.context;
    let docker = match context.docker() {
        Ok(docker) => docker,
        Err(error) => {
            sink(broken("client.docker", "docker", &error));
            return None;
        }
    };
    sink(version(&docker));
    sink(endpoint(&docker));
    sink(plugin(context));
    settings(context, sink);
    Some(docker)
}

/// A check that ended with an error: its causes are the evidence, its hints the way out.
pub(super) fn broken(id: &'static str, what: &str, error: &anyhow::Error) -> Check {
    let mut check = Check::fail(id, what, format!("{error:#}"));
    for cause in error.chain().filter_map(|cause| cause.downcast_ref::<Error>()) {
        check.fix.extend(cause.ways_out().iter().cloned());
    }
    check
}

fn version(docker: &Docker) -> Check {
    let (id, what) = ("client.docker", "docker");
    let program = docker.program().to_string_lossy().into_owned();
    let answer = docker.command(["--version"]).answer_within(LIMIT).ok().flatten();
    match answer.filter(|answer| answer.status.success()) {
        Some(answer) => Check::ok(id, what, format!("{}, {program}", answer.stdout.trim())),
        None => Check::fail(id, what, format!("{program} does not tell its version"))
            .fix("See what it says:", [shell_line([docker.program(), Path::new("--version")])]),
    }
}

fn endpoint(docker: &Docker) -> Check {
    let (id, what) = ("client.context", "context");
    let ask = docker.command(["context", "inspect", "--format", "{{.Name}} at {{.Endpoints.docker.Host}}"]);
    match ask.answer_within(LIMIT) {
        Ok(Some(answer)) if answer.status.success() => Check::ok(id, what, answer.stdout.trim()),
        Ok(Some(answer)) => Check::fail(id, what, answer.stderr.trim())
            .fix("List the contexts there are:", ["docker context ls"]),
        _ => Check::warn(id, what, "docker does not tell which context is in use"),
    }
}

/// What Docker's `config.json` says about folders with plugins.
#[derive(Debug, Default, Deserialize)]
struct Folders {
    #[serde(rename = "cliPluginsExtraDirs", default)]
    extra: Vec<PathBuf>,
}

fn plugin(context: &Context) -> Check {
    let config = context.config_json();
    let extra = config.as_deref().and_then(|path| std::fs::read(path).ok());
    let extra: Folders = extra.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let own = config.as_deref().and_then(Path::parent).map(|folder| folder.join("cli-plugins"));
    let folders = extra.extra.into_iter().chain(own).chain(plugin_file::SYSTEM_FOLDERS.map(PathBuf::from));
    let found: Vec<PathBuf> = folders
        .map(|folder| folder.join(FILE))
        // A link to nowhere, as a removed Docker Desktop leaves one, counts: Docker stumbles over it.
        .filter(|file| file.symlink_metadata().is_ok())
        .collect();
    let this = std::env::current_exe().ok();
    placed(this.as_deref(), &found, context.through_docker)
}

/// `found` in the order in which Docker looks.
fn placed(this: Option<&Path>, found: &[PathBuf], through_docker: bool) -> Check {
    let (id, what) = ("client.plugin", "this plugin");
    let shown = |path: &Path| format!("{}{}", path.display(), described(path));
    let same = |path: &&PathBuf| {
        let real = std::fs::canonicalize(path).ok();
        real.is_some() && real == this.and_then(|this| std::fs::canonicalize(this).ok())
    };
    let place = this.map_or_else(|| "its path is not known".to_owned(), |this| this.display().to_string());
    let us = format!("docker-sandbox {}, {place}", metadata::version());
    let Some(first) = found.first() else {
        let check = Check::warn(id, what, format!("{us}; no folder with plugins of docker has it"));
        return if through_docker {
            Check { result: super::check::Outcome::Ok, ..check }
        } else {
            check.fix("Let docker find it:", ["./install.sh"])
        };
    };
    let others: Vec<String> = found.iter().filter(|path| !same(path)).map(|path| shown(path)).collect();
    if !same(&first) {
        return Check::warn(id, what, format!("{us}; docker starts another one: {}", shown(first))).fix(
            "Take that one away, if it is not wanted:",
            [shell_line([OsStr::new("rm"), first.as_os_str()])],
        );
    }
    if others.is_empty() {
        return Check::ok(id, what, us);
    }
    Check::ok(id, what, format!("{us}; it shadows {}", others.join(", ")))
}

/// What another plugin of our name is.
fn described(path: &Path) -> String {
    let target = std::fs::read_link(path).unwrap_or_default();
    let target = target.to_string_lossy();
    let desktops =
        ["Docker.app", "docker-desktop", "Docker Desktop"].iter().any(|part| target.contains(part));
    if desktops {
        " (Docker Desktop's retired plugin)".to_owned()
    } else if !path.exists() {
        " (a link to nowhere)".to_owned()
    } else {
        match plugin_file::vendor(path).as_deref() {
            Some("Docker Inc.") => " (Docker Desktop's retired plugin)".to_owned(),
            Some(vendor) => format!(" (by {vendor})"),
            None => " (which is no plugin)".to_owned(),
        }
    }
}

fn settings(context: &Context, sink: &mut dyn FnMut(Check)) {
    let what = "settings";
    match load::survey(context, &Ours::default()) {
        Ok(settings) => {
            let mode = &settings.decision.mode;
            let limit = &settings.detect_timeout;
            let mut evidence = format!(
                "mode `{}`, from {}; detect-timeout {}, from {}",
                mode.value,
                mode.origin,
                humantime::format_duration(limit.value),
                limit.origin
            );
            if let Some(audit) = &settings.audit {
                let _ = write!(evidence, "; audit {}, from {}", audit.value.display(), audit.origin);
            }
            let ignored = settings.decision.ignored.iter().map(|file| load::ignored_project(context, file));
            let unknown = settings
                .unknown_keys
                .iter()
                .map(|key| format!("`plugins.sandbox.{key}` in config.json is no setting of docker sandbox"));
            let warnings: Vec<String> = ignored.chain(unknown).collect();
            sink(if warnings.is_empty() {
                Check::ok("client.settings", what, evidence)
            } else {
                Check::warn("client.settings", what, format!("{evidence}; {}", warnings.join("; ")))
                    .fix("See them all:", [context.command_line(["config"])])
            });
            if let Err(error) = load::within_policy(context, &settings) {
                sink(broken("client.policy", "policy", &error.into()));
                return;
            }
            sink(match &settings.policy {
                Some(policy) => {
                    Check::ok("client.policy", "policy", format!("{} {}", policy::PATH, policy.describe()))
                }
                None => Check::ok("client.policy", "policy", format!("there is none at {}", policy::PATH)),
            });
        }
        Err(error) => sink(broken("client.settings", what, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Outcome;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn another_plugin_of_our_name_is_told_and_docker_desktops_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let this = folder.path().join("this");
        std::fs::write(&this, "").unwrap();
        let ours = folder.path().join("ours");
        symlink(&this, &ours).unwrap();
        let desktops = folder.path().join("desktops");
        symlink("/Applications/Docker.app/Contents/Resources/cli-plugins/docker-sandbox", &desktops).unwrap();

        let alone = placed(Some(&this), std::slice::from_ref(&ours), true);
        assert_eq!(alone.result, Outcome::Ok);
        assert!(!alone.evidence.contains("shadow"), "{alone:?}");
        let shadowing = placed(Some(&this), &[ours.clone(), desktops.clone()], true);
        assert_eq!(shadowing.result, Outcome::Ok);
        assert!(shadowing.evidence.contains("it shadows"), "{shadowing:?}");
        assert!(shadowing.evidence.contains("Docker Desktop's retired plugin"), "{shadowing:?}");
        let shadowed = placed(Some(&this), &[desktops, ours], false);
        assert_eq!(shadowed.result, Outcome::Warn);
        assert!(shadowed.evidence.contains("docker starts another one"), "{shadowed:?}");
        assert!(shadowed.fix[0].commands[0].starts_with("rm "), "{shadowed:?}");
        let system = folder.path().join("system");
        let metadata = r#"{"SchemaVersion": "0.1.0", "Vendor": "Docker Inc."}"#;
        std::fs::write(&system, format!("#!/bin/sh\necho '{metadata}'\n")).unwrap();
        std::fs::set_permissions(&system, std::fs::Permissions::from_mode(0o755)).unwrap();
        let shadowed = placed(Some(&this), &[system], false);
        assert!(shadowed.evidence.contains("Docker Desktop's retired plugin"), "{shadowed:?}");
        assert_eq!(placed(Some(&this), &[], false).result, Outcome::Warn);
    }
}
