//! Which of the daemon's runtimes is gVisor: by what the runtime is, never by its name alone.

use std::ffi::OsStr;

use super::shim;
use crate::docker::info::{Runtime, Runtimes};

/// The name under which gVisor's own documentation registers it.
pub const USUAL_NAME: &str = "runsc";

/// runc states its version there in its `features`. Source: opencontainers/runc `features.go`.
const RUNC_VERSION: &str = "org.opencontainers.runc.version";
/// runsc lists the flags that annotations may set under this prefix, from release-20260511.0 on.
const GVISOR_PREFIX: &str = "dev.gvisor.";

/// What a registered runtime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Its own features, its shim's type or its binary say gVisor.
    Gvisor,
    /// Nobody says what it is: only a proof can tell. See [`shim`].
    Unstated,
    /// It is named like gVisor and is something else, for the reason given.
    Impostor(&'static str),
    /// Another runtime.
    Other,
}

/// What `name`, registered as `runtime`, is.
#[must_use]
pub fn identify(name: &str, runtime: &Runtime) -> Identity {
    if !runtime.is_stated() {
        return Identity::Unstated;
    }
    let binary = binary_of(runtime);
    let claims = name == USUAL_NAME || name == shim::TYPE || binary.is_some_and(is_runsc);
    let no = |why| if claims { Identity::Impostor(why) } else { Identity::Other };
    if let Some(annotations) = runtime.feature_annotations() {
        if annotations.contains_key(RUNC_VERSION) {
            return no("its features say that it is runc");
        }
        if annotations.keys().any(|key| key.starts_with(GVISOR_PREFIX)) {
            return Identity::Gvisor;
        }
    }
    match (binary, runtime.runtime_type.as_deref()) {
        (Some(binary), _) if is_runsc(binary) => Identity::Gvisor,
        (Some(_), _) => no("its binary is not runsc"),
        (None, Some(kind)) if shim::is_gvisor(kind) => Identity::Gvisor,
        (None, _) => no("nothing in its registration names runsc"),
    }
}

/// The binary a runtime starts: its path, or the `BinaryName` in the options of runc's shim.
fn binary_of(runtime: &Runtime) -> Option<&str> {
    let path = runtime.path.as_deref().filter(|path| !path.is_empty());
    path.or_else(|| runtime.options.as_ref()?.get("BinaryName")?.as_str())
}

/// Whether a path's last part is runsc, or a wrapper that carries its name (`runsc.sh`).
fn is_runsc(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_prefix("runsc").is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
}

/// The runtime to start a container with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one is gVisor; why it was taken, for `--verbose`.
    Use {
        /// Its name.
        name: String,
        /// A clause: `registered with the binary /usr/bin/runsc`.
        why: String,
    },
    /// The user named a runtime that is registered and is not gVisor.
    NamedIsOther {
        /// The runtime that was asked for.
        name: String,
        /// Why it is not gVisor, where it claims to be.
        impostor: Option<&'static str>,
    },
    /// The user named a runtime that is not registered.
    NamedIsMissing {
        /// The runtime that was asked for.
        name: String,
    },
    /// `runsc` is registered and is not gVisor.
    Impostor {
        /// The reason.
        why: &'static str,
    },
    /// None of the registered runtimes is gVisor.
    Nothing,
}

/// Chooses among `runtimes`: the user's, else `runsc`, else the first that is gVisor by name order.
#[must_use]
pub fn choose(runtimes: &Runtimes, named: Option<&OsStr>) -> Choice {
    if let Some(named) = named {
        let name = named.to_string_lossy().into_owned();
        return match runtimes.get(&name) {
            Some(runtime) => match identify(&name, runtime) {
                Identity::Gvisor | Identity::Unstated => using(&name, runtime, "asked for"),
                Identity::Impostor(why) => Choice::NamedIsOther { name, impostor: Some(why) },
                Identity::Other => Choice::NamedIsOther { name, impostor: None },
            },
            None if name == shim::TYPE => {
                Choice::Use { name, why: "asked for: gVisor's own containerd shim".into() }
            }
            None => Choice::NamedIsMissing { name },
        };
    }
    if let Some(runtime) = runtimes.get(USUAL_NAME) {
        return match identify(USUAL_NAME, runtime) {
            Identity::Gvisor | Identity::Unstated => using(USUAL_NAME, runtime, "registered"),
            Identity::Impostor(why) => Choice::Impostor { why },
            Identity::Other => Choice::Nothing,
        };
    }
    runtimes
        .iter()
        .find(|(name, runtime)| identify(name, runtime) == Identity::Gvisor)
        .map_or(Choice::Nothing, |(name, runtime)| using(name, runtime, "registered"))
}

fn using(name: &str, runtime: &Runtime, how: &str) -> Choice {
    let what = match (binary_of(runtime), runtime.runtime_type.as_deref()) {
        (Some(binary), _) => format!("its binary is {binary}"),
        (None, Some(shim)) => format!("its type is {shim}"),
        (None, None) if !runtime.is_stated() => "the daemon does not report its type".to_owned(),
        (None, None) => "its features name gVisor".to_owned(),
    };
    Choice::Use { name: name.to_owned(), why: format!("{how}; {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn runtimes(value: serde_json::Value) -> Runtimes {
        serde_json::from_value(value).unwrap()
    }

    fn features(annotation: &str) -> serde_json::Value {
        let features = json!({ "annotations": { annotation: "x" } }).to_string();
        json!({ "org.opencontainers.runtime-spec.features": features })
    }

    fn name_of(choice: Choice) -> Option<String> {
        match choice {
            Choice::Use { name, .. } => Some(name),
            _ => None,
        }
    }

    #[test]
    fn gvisor_is_recognised_by_what_it_is() {
        let find = |value| name_of(choose(&runtimes(value), None));
        assert_eq!(
            find(json!({"runc": {"path": "runc"}, "runsc": {"path": "/usr/bin/runsc"}})),
            Some("runsc".into())
        );
        assert_eq!(
            find(json!({"gv": {"path": "/opt/gvisor/runsc"}, "runc": {"path": "runc"}})),
            Some("gv".into())
        );
        assert_eq!(find(json!({"gv": {"runtimeType": "io.containerd.runsc.v1"}})), Some("gv".into()));
        assert_eq!(find(json!({"gv": {"runtimeType": "/opt/containerd-shim-runsc-v1"}})), Some("gv".into()));
        assert_eq!(
            find(json!({"gv": {"path": "/x", "status": features("dev.gvisor.flag.debug")}})),
            Some("gv".into())
        );
        let options = json!({"BinaryName": "/opt/runsc"});
        assert_eq!(
            find(json!({"gv": {"runtimeType": "io.containerd.runc.v2", "options": options}})),
            Some("gv".into())
        );
        assert_eq!(
            find(json!({"runc": {"path": "runc"}, "kata": {"runtimeType": "io.containerd.kata.v2"}})),
            None
        );
        assert_eq!(find(json!({"gv": {"path": "/usr/bin/notrunsc"}})), None);
    }

    #[test]
    fn an_impostor_is_never_chosen() {
        for impostor in [
            json!({"path": "runc"}),
            json!({"path": "/usr/bin/runsc", "status": features(RUNC_VERSION)}),
            json!({"runtimeType": "io.containerd.runc.v2"}),
            json!({"runtimeType": "containerd-shim-runsc-v1"}),
        ] {
            let seen = choose(&runtimes(json!({"runsc": impostor, "zz": {"path": "/opt/runsc"}})), None);
            assert!(matches!(seen, Choice::Impostor { .. }), "{seen:?}");
        }
    }

    #[test]
    fn what_nobody_says_anything_of_is_taken_only_by_its_name() {
        let known = runtimes(json!({"runsc": {}, "kata": {}}));
        assert_eq!(identify("runsc", &known["runsc"]), Identity::Unstated);
        assert_eq!(name_of(choose(&known, None)), Some("runsc".into()));
        assert_eq!(name_of(choose(&known, Some(OsStr::new("kata")))), Some("kata".into()));
        assert_eq!(choose(&runtimes(json!({"kata": {}})), None), Choice::Nothing);
    }

    #[test]
    fn a_named_runtime_counts_only_if_it_is_gvisor() {
        let known =
            runtimes(json!({"runc": {"path": "runc"}, "runsc": {"path": "runc"}, "gv": {"path": "runsc"}}));
        let choose = |name: &str| choose(&known, Some(OsStr::new(name)));
        assert_eq!(name_of(choose("gv")), Some("gv".into()));
        assert_eq!(name_of(choose(shim::TYPE)), Some(shim::TYPE.into()));
        assert_eq!(choose("runc"), Choice::NamedIsOther { name: "runc".into(), impostor: None });
        assert!(matches!(choose("runsc"), Choice::NamedIsOther { impostor: Some(_), .. }));
        assert_eq!(choose("nope"), Choice::NamedIsMissing { name: "nope".into() });
    }
}
