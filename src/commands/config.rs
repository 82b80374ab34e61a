//! `docker sandbox config`: the settings in force and where each came from.

use std::fmt::Write as _;

use clap::ArgMatches;
use serde::Serialize;

use crate::context::Context;
use crate::docker::run_line::Ours;
use crate::settings::decide::{Origin, Sourced};
use crate::settings::load::{self, Settings};
use crate::settings::policy;
use crate::ui::{self, plain};

/// One setting.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    value: Option<String>,
    source: String,
}

#[derive(Debug, Serialize)]
struct Report {
    settings: Vec<Row>,
    warnings: Vec<String>,
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let settings = load::survey(context, &Ours::default())?;
    let report = Report { settings: rows(&settings), warnings: warnings(context, &settings) };
    if matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        ui::out(&format!("{}\n", ui::json(&serde_json::to_string_pretty(&report)?)))?;
        return Ok(load::within_policy(context, &settings)?);
    }
    let width = report
        .settings
        .iter()
        .map(|row| row.value.as_deref().unwrap_or("-").chars().count())
        .max()
        .unwrap_or(0)
        .max(5);
    let mut text = format!("{:<16} {:<width$} {}\n", "SETTING", "VALUE", "SOURCE");
    for row in &report.settings {
        let value = plain(row.value.as_deref().unwrap_or("-"));
        let _ = writeln!(text, "{:<16} {value:<width$} {}", row.name, row.source);
    }
    ui::out(&text)?;
    for warning in &report.warnings {
        ui::warn(warning);
    }
    // Shown all the same: who looks here wants to know why nothing starts.
    Ok(load::within_policy(context, &settings)?)
}

fn rows(settings: &Settings) -> Vec<Row> {
    let mode = &settings.decision.mode;
    let audit = settings.audit.as_ref();
    let weakest = settings.policy.as_ref().and_then(|policy| policy.weakest_mode);
    let may_allow = settings.policy.as_ref().and_then(|policy| policy.may_allow.as_deref());
    let mut rows = vec![
        Row { name: "mode", value: Some(mode.value.to_string()), source: mode.origin.to_string() },
        Row {
            name: "weakest-mode",
            value: weakest.map(|mode| mode.to_string()),
            source: from_policy(settings),
        },
        Row {
            name: "may-allow",
            value: may_allow.map(|ids| if ids.is_empty() { "none".to_owned() } else { ids.join(",") }),
            source: from_policy(settings),
        },
        exceptions("allow", &settings.exceptions.allow),
        exceptions("quiet-rule", &settings.exceptions.quiet),
        Row {
            name: "detect-timeout",
            value: Some(humantime::format_duration(settings.detect_timeout.value).to_string()),
            source: settings.detect_timeout.origin.to_string(),
        },
        Row {
            name: "ttl",
            value: Some(settings.ttl.value.to_string()),
            source: settings.ttl.origin.to_string(),
        },
        Row {
            name: "audit",
            value: audit.map(|audit| audit.value.to_string_lossy().into_owned()),
            source: audit.map_or(Origin::Default, |audit| audit.origin.clone()).to_string(),
        },
    ];
    let one_shot = settings.one_shot.rows().into_iter();
    rows.extend(one_shot.map(|(name, value, origin)| Row { name, value, source: origin.to_string() }));
    rows
}

fn from_policy(settings: &Settings) -> String {
    match settings.policy {
        Some(_) => format!("the machine's policy {}", policy::PATH),
        None => format!("there is no policy {}", policy::PATH),
    }
}

fn exceptions(name: &'static str, rules: &[Sourced<&'static str>]) -> Row {
    let ids: Vec<&str> = rules.iter().map(|rule| rule.value).collect();
    let source = rules.first().map_or(Origin::Default, |rule| rule.origin.clone());
    Row { name, value: (!ids.is_empty()).then(|| ids.join(",")), source: source.to_string() }
}

fn warnings(context: &Context, settings: &Settings) -> Vec<String> {
    let ignored = settings.decision.ignored.iter().map(|file| load::ignored_project(context, file));
    let unknown = settings.unknown_keys.iter().map(|key| {
        format!("`plugins.sandbox.{}` in config.json is no setting of docker sandbox", plain(key))
    });
    ignored.chain(unknown).collect()
}
