//! The daemon of the fleet's tests: containers with labels, as Docker tells of them.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::environment::TestEnvironment;

/// A container in the daemon.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    image: String,
    about: Value,
}

/// 64 digits that begin with `beginning`.
fn id(beginning: &str) -> String {
    format!("{beginning:0<64}")
}

fn time(age: i64) -> String {
    let now = SystemTime::now();
    let seconds = Duration::from_secs(age.unsigned_abs());
    humantime::format_rfc3339_seconds(if age < 0 { now + seconds } else { now - seconds }).to_string()
}

impl Container {
    /// One that has run for an hour, without labels, of an image without labels.
    pub(crate) fn others(beginning: &str, name: &'static str) -> Self {
        let id = id(beginning);
        let about = json!({
            "Id": id,
            "Name": format!("/{name}"),
            "Image": "sha256:plain",
            "Created": time(3605),
            "State": {"Status": "running", "Pid": 0, "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z"},
            "Config": {"Image": "alpine", "Labels": {}},
            "HostConfig": {"Runtime": "runsc"},
            "NetworkSettings": {"Networks": {"bridge": {"NetworkID": "b1"}}},
        });
        Self { id, name, image: "sha256:plain".into(), about }
    }

    /// One of ours that never expires.
    pub(crate) fn ours(beginning: &str, name: &'static str, kind: &str) -> Self {
        let owner = rustix::process::getuid().as_raw().to_string();
        Self::others(beginning, name)
            .label("id", &format!("{beginning}-fresh"))
            .label("kind", kind)
            .label("mode", "required")
            .label("owner", &owner)
            .label("project", "/work/web")
            .label("version", "0.1.0")
            .label("expires", "")
    }

    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.about["Config"]["Labels"][format!("docker-sandbox.{key}")] = value.into();
        self
    }

    /// It expired so many seconds ago; it will, if that is negative.
    pub(crate) fn expired(self, seconds: i64) -> Self {
        self.label("expires", &time(seconds))
    }

    pub(crate) fn ended(self, seconds: i64) -> Self {
        let state = json!({"Status": "exited", "ExitCode": 3, "FinishedAt": time(seconds)});
        self.with("State", state)
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.about[key] = value;
        self
    }

    /// Of another image: `labelled`, whose own labels are those of the container, or `gone`.
    pub(crate) fn image(mut self, name: &str) -> Self {
        self.image = format!("sha256:{name}");
        let image = self.image.clone();
        self.with("Image", image.into())
    }
}

/// Scripts all that is asked about `containers`; `networks` are the ids of those with our label.
pub(crate) fn daemon(test: &TestEnvironment, containers: &[Container]) {
    let lines = |lines: Vec<String>| lines.join("\n") + "\n";
    let labelled = |one: &&Container| one.about["Config"]["Labels"]["docker-sandbox.id"].is_string();
    let runs = |one: &&Container| one.about["State"]["Status"] == "running";
    let ids = |all: bool| {
        let some = containers.iter().filter(labelled).filter(|one| all || runs(one));
        some.map(|one| one.id.clone()).collect::<Vec<_>>()
    };
    // What is scripted last is tried first.
    test.answer("ps --quiet --no-trunc --filter=label=docker-sandbox.id").stdout(&lines(ids(false)));
    test.answer("ps --quiet --no-trunc --filter=label=docker-sandbox.id --all").stdout(&lines(ids(true)));
    let mut images: Vec<Value> = Vec::new();
    for one in containers {
        let labels = match one.image.as_str() {
            "sha256:gone" => continue,
            "sha256:labelled" => one.about["Config"]["Labels"].clone(),
            _ => json!({"maintainer": "x"}),
        };
        images.push(json!({"Id": one.image, "Architecture": "amd64", "Config": {"Labels": labels}}));
    }
    let images = test
        .answer("image inspect --format\n{{json .}}")
        .stdout(&lines(images.iter().map(Value::to_string).collect()));
    if containers.iter().any(|one| one.image == "sha256:gone") {
        images.stderr("Error response from daemon: No such image: sha256:gone\n").status(1);
    }
    inspects(test, &ids(true), containers);
    inspects(test, &ids(false), containers);
    test.answer("network ls --quiet --no-trunc --filter=label=docker-sandbox.id").stdout("");
}

/// Scripts `container inspect` of exactly these names or ids.
pub(crate) fn inspects<S: AsRef<str>>(test: &TestEnvironment, names: &[S], containers: &[Container]) {
    if names.is_empty() {
        return;
    }
    let mut asked = vec!["container", "inspect", "--format", "{{json .}}", "--"];
    asked.extend(names.iter().map(AsRef::as_ref));
    let is = |one: &&Container, name: &str| one.id.starts_with(name) || one.name == name;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for name in names.iter().map(AsRef::as_ref) {
        match containers.iter().find(|one| is(one, name)) {
            Some(one) => stdout.extend([one.about.to_string(), "\n".into()]),
            None => stderr.extend(["Error response from daemon: No such container: ", name, "\n"]),
        }
    }
    let status = u8::from(!stderr.is_empty());
    test.answer_words(&asked).stdout(&stdout).stderr(&stderr).status(status);
}
