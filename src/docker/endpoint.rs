//! Which daemon a `docker` command line reaches, where that can be known without asking.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::daemon::hex;
use super::flags::Flags;
use super::grammar::{self, Occurrence};

/// What chooses the endpoint besides the global options.
#[derive(Debug, Clone, Default)]
pub struct Chooser<'a> {
    /// `DOCKER_HOST`.
    pub host: Option<&'a OsStr>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<&'a OsStr>,
    /// Whether `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set: they move the default to a TCP port.
    pub tls: bool,
    /// `currentContext` in `config.json`.
    pub current_context: Option<&'a str>,
}

/// The unix socket that `docker GLOBALS …` talks to, if it certainly is one on this machine.
///
/// Source: `resolveContextName` and `resolveDockerEndpoint` in docker/cli's `cli/command/cli.go`.
/// A named context is left to Docker: `None`.
#[must_use]
pub fn local_socket(globals: &[OsString], chooser: &Chooser<'_>) -> Option<PathBuf> {
    let parsed = grammar::parse(globals, &Flags::global()).ok()?;
    let given = |name: &str| parsed.last(name).and_then(|option| option.value.as_deref());
    // TLS moves the default to a TCP port, and an empty value is not the same as none for Docker.
    let unusual = |option: &Occurrence| {
        option.name.starts_with("tls")
            || matches!(option.name.as_str(), "host" | "context")
                && option.value.as_deref() == Some(OsStr::new(""))
    };
    if chooser.tls || parsed.options.iter().any(unusual) {
        return None;
    }
    let named = |context: &OsStr| !context.is_empty() && context != "default";
    let text = |value: Option<&OsStr>| value.filter(|value| !value.is_empty()).map(OsStr::to_owned);
    if given("context").is_some_and(named) {
        return None;
    }
    let chosen = text(given("context"));
    let host = text(given("host")).or_else(|| text(chooser.host));
    if host.is_none() && chosen.is_none() {
        let other = text(chooser.context).or_else(|| text(chooser.current_context.map(OsStr::new)));
        if other.is_some_and(|context| named(&context)) {
            return None;
        }
    }
    match host {
        None => Some(PathBuf::from("/var/run/docker.sock")),
        Some(host) => {
            let path = host.to_str()?.strip_prefix("unix://")?;
            path.starts_with('/').then(|| PathBuf::from(path))
        }
    }
}

/// A name for the way that leads to a daemon, the same only as long as nothing that chooses it has changed: the global
/// options, the environment, the current context, and what the contexts of these names say in `config`, the folder of
/// `config.json`.
///
/// Source: docker/cli's `cli/context/store`: `contexts/meta/SHA256(NAME)/meta.json`.
#[must_use]
pub fn route(globals: &[OsString], chooser: &Chooser<'_>, config: Option<&Path>) -> String {
    let parsed = grammar::parse(globals, &Flags::global()).ok();
    let given = parsed.as_ref().and_then(|parsed| parsed.last("context")?.value.clone());
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    add(&(globals.len() as u64).to_le_bytes());
    for word in globals {
        add(word.as_bytes());
    }
    add(chooser.host.unwrap_or_default().as_bytes());
    add(&[u8::from(chooser.tls)]);
    for context in [given.as_deref(), chooser.context, chooser.current_context.map(OsStr::new)] {
        let name = context.unwrap_or_default();
        add(name.as_bytes());
        let folder =
            config.map(|config| config.join("contexts/meta").join(hex(&Sha256::digest(name.as_bytes()))));
        add(&folder.and_then(|folder| std::fs::read(folder.join("meta.json")).ok()).unwrap_or_default());
    }
    hex(&hash.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(globals: &str, host: &str, context: &str, current: &str) -> Option<String> {
        let globals: Vec<OsString> = globals.split_ascii_whitespace().map(OsString::from).collect();
        let chooser = Chooser {
            host: Some(OsStr::new(host)),
            context: Some(OsStr::new(context)),
            tls: false,
            current_context: Some(current),
        };
        local_socket(&globals, &chooser).map(|path| path.to_string_lossy().into_owned())
    }

    #[test]
    fn a_route_is_another_one_as_soon_as_anything_that_chooses_the_daemon_is() {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder.path().join("contexts/meta").join(hex(&Sha256::digest(b"far")));
        std::fs::create_dir_all(&meta).unwrap();
        let point_to = |host: &str| std::fs::write(meta.join("meta.json"), host).unwrap();
        let of = |globals: &[&str], host: &str, current: &str| {
            let globals: Vec<OsString> = globals.iter().map(OsString::from).collect();
            let chooser = Chooser {
                host: Some(OsStr::new(host)),
                current_context: Some(current),
                ..Chooser::default()
            };
            route(&globals, &chooser, Some(folder.path()))
        };
        point_to("tcp://one");
        let all = [
            of(&[], "", ""),
            of(&["-H", "tcp://a"], "", ""),
            of(&["-H", "tcp://b"], "", ""),
            of(&[], "tcp://a", ""),
            of(&[], "", "far"),
            of(&["--context", "far"], "", ""),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        assert_eq!(of(&[], "", "far"), all[4]);
        point_to("tcp://two");
        assert_ne!(of(&[], "", "far"), all[4]);
        assert_ne!(of(&["--context", "far"], "", ""), all[5]);
        assert_eq!(of(&[], "tcp://a", ""), all[3]);
    }

    #[test]
    fn the_socket_is_the_one_docker_would_use_or_unknown() {
        let system = Some("/var/run/docker.sock".to_owned());
        assert_eq!(socket("", "", "", ""), system);
        assert_eq!(socket("", "", "default", "other"), system);
        assert_eq!(socket("", "", "", "other"), None);
        assert_eq!(socket("", "", "other", ""), None);
        assert_eq!(socket("--context other", "unix:///a", "", ""), None);
        assert_eq!(socket("-c default", "", "other", "other"), system);
        assert_eq!(socket("-Hunix:///b", "unix:///a", "x", "y"), Some("/b".into()));
        assert_eq!(socket("-D", "unix:///a", "x", "y"), Some("/a".into()));
        assert_eq!(socket("-H tcp://h:1", "", "", ""), None);
        assert_eq!(socket("--tlsverify", "", "", ""), None);
        assert_eq!(socket("--host=", "unix:///a", "", ""), None);
        assert_eq!(socket("--context=", "unix:///a", "", ""), None);
        assert_eq!(local_socket(&[], &Chooser { tls: true, ..Chooser::default() }), None);
    }
}
