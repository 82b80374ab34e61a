//! What `docker events` tells of networks and containers, for as long as it does.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::docker::client::Docker;

/// Something that may change which names there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// What happened: `create`, `connect`, `start`, `rename`.
    pub(super) action: String,
    /// The container it happened to.
    pub(super) container: String,
    /// The network, where it is about one.
    pub(super) network: Option<String>,
}

/// A running `docker events`. Dropped, it is killed. If we are killed, it ends at the next event, which it cannot
/// write.
pub(super) struct Events {
    child: Child,
    /// Closed when the daemon is gone.
    pub(super) inbox: Receiver<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    #[serde(rename = "Type")]
    kind: String,
    action: String,
    actor: Actor,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, rename = "Attributes")]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    container: String,
}

impl Events {
    /// All from now on.
    pub(super) fn follow(docker: &Docker) -> anyhow::Result<Self> {
        // The daemon remembers: what happens before `docker events` has reached it is told as well.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut words = vec!["events".to_owned(), format!("--since={now}"), "--format={{json .}}".to_owned()];
        words.extend(["network", "container"].map(|kind| format!("--filter=type={kind}")));
        let events = ["create", "connect", "disconnect", "start", "die", "destroy", "rename"];
        words.extend(events.map(|event| format!("--filter=event={event}")));
        let mut child = docker.command(words).stream()?;
        let (events, inbox) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::Builder::new().spawn(move || {
                let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
                lines.filter_map(|line| read(&line)).all(|event| events.send(event).is_ok());
            })?;
        }
        Ok(Self { child, inbox })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(line: &[u8]) -> Option<Event> {
    let Line { kind, action, actor } = serde_json::from_slice(line).ok()?;
    let (container, network) = match kind.as_str() {
        "network" => (actor.attributes.container, Some(actor.id)),
        _ => (actor.id, None),
    };
    Some(Event { action, container, network })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_both_kinds_are_read() {
        let connect = br#"{"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{"container":"c","name":"x","type":"bridge"}},"scope":"local","time":1}"#;
        let start = br#"{"status":"start","id":"c","Type":"container","Action":"start","Actor":{"ID":"c","Attributes":{"image":"i"}}}"#;
        let event = |action: &str, network: Option<&str>| Event {
            action: action.into(),
            container: "c".into(),
            network: network.map(str::to_owned),
        };
        assert_eq!(read(connect), Some(event("connect", Some("n"))));
        assert_eq!(read(start), Some(event("start", None)));
        assert_eq!(read(b"nonsense"), None);
    }
}
