//! A stand-in for the daemon: an HTTP server on a unix socket that records what the CLI asks of it.
//!
//! It answers what the CLI needs before it creates a container, and refuses to create one: what
//! came to the socket until then is all that these tests are about.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// gVisor under the name that our binary prefers.
pub(crate) const RUNSC: &str = "runsc";
/// gVisor under another name.
pub(crate) const OTHER_GVISOR: &str = "gv-debug";
/// gVisor's shim, which works without being registered.
pub(crate) const SHIM: &str = "io.containerd.runsc.v1";
/// Registered, and no gVisor.
pub(crate) const NVIDIA: &str = "nvidia";

/// What the stand-in says to a container that somebody wants created.
const REFUSAL: &str = r#"{"message":"recorded"}"#;

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The path without `/v1.41`, and without the query.
    fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
            Some((version, _)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
                &path[2 + version.len()..]
            }
            _ => path,
        }
    }

    /// Whether it only asks what the daemon is, or what the rules want to know of a volume or a
    /// container that the line names: it starts and changes nothing.
    fn is_question(&self) -> bool {
        let path = self.path();
        matches!(self.method.as_str(), "GET" | "HEAD")
            && (matches!(path, "/_ping" | "/info" | "/version")
                || path.starts_with("/volumes/")
                || path.starts_with("/networks/")
                || path.starts_with("/containers/") && path.ends_with("/json"))
    }

    /// Whether it wants a container.
    pub(crate) fn is_create(&self) -> bool {
        self.method == "POST" && self.path() == "/containers/create"
    }
}

/// A running stand-in. One caller at a time: what came since [`Daemon::take`] was last called is
/// that caller's.
#[derive(Debug)]
pub(crate) struct Daemon {
    socket: PathBuf,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Daemon {
    /// Listens on `socket`, for as long as this process lives.
    pub(crate) fn start(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, log) = (stream.unwrap(), Arc::clone(&log));
                thread::spawn(move || converse(stream, &log));
            }
        });
        Self { socket: socket.to_owned(), seen }
    }

    /// For `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// What came since the last time, without the questions about the daemon itself.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.retain(|request| !request.is_question());
        seen
    }
}

/// Serves one connection until the caller closes it. A connection that breaks is the caller's to explain.
fn converse(stream: UnixStream, log: &Mutex<Vec<Request>>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Ok(Some(request)) = read(&mut reader) {
        let (status, answer) = answer(&request);
        let body = if request.method == "HEAD" { "" } else { &answer };
        let response = format!(
            "HTTP/1.1 {status}\r\nApi-Version: 1.50\r\nOSType: linux\r\nDocker-Experimental: false\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            answer.len()
        );
        log.lock().unwrap().push(request);
        if writer.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

/// The next request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next().filter(|word| !word.is_empty()), words.next()) else {
        return Ok(None);
    };
    let mut headers = BTreeMap::new();
    loop {
        let header = line(reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        while let size @ 1.. = usize::from_str_radix(&line(reader)?, 16).map_err(io::Error::other)? {
            part(reader, size, &mut body)?;
            line(reader)?;
        }
        while !line(reader)?.is_empty() {}
    } else if let Some(size) = headers.get("content-length") {
        part(reader, size.parse().map_err(io::Error::other)?, &mut body)?;
    }
    Ok(Some(Request { method: method.to_owned(), target: target.to_owned(), headers, body }))
}

/// A line without its end, of a request's head or of a chunk's.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn part(reader: &mut impl BufRead, size: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let start = body.len();
    body.resize(start + size, 0);
    reader.read_exact(&mut body[start..])
}

fn answer(request: &Request) -> (&'static str, String) {
    match request.path() {
        "/_ping" => ("200 OK", "OK".to_owned()),
        "/info" => ("200 OK", info().to_string()),
        "/version" => {
            ("200 OK", json!({"Version": "28.2.2", "ApiVersion": "1.50", "Os": "linux"}).to_string())
        }
        "/containers/create" => ("409 Conflict", REFUSAL.to_owned()),
        "/images/create" => ("200 OK", "{\"status\":\"pulled\"}\n".to_owned()),
        // The containers that generated values name: `--volumes-from other`, `--ipc container:x`.
        "/containers/other/json" | "/containers/x/json" => {
            let container = json!({"Id": "other", "Mounts": [], "HostConfig": {"IpcMode": "shareable"}});
            ("200 OK", container.to_string())
        }
        path => match path.strip_prefix("/volumes/") {
            Some(name) => {
                ("404 Not Found", json!({"message": format!("get {name}: no such volume")}).to_string())
            }
            None => ("404 Not Found", r#"{"message":"no such page"}"#.to_owned()),
        },
    }
}

fn info() -> Value {
    json!({
        "ID": "stand-in", "Name": "stand-in", "ServerVersion": "28.2.2", "OSType": "linux",
        "OperatingSystem": "Debian GNU/Linux 13 (trixie)", "Architecture": "x86_64",
        "IndexServerAddress": "https://index.docker.io/v1/", "DefaultRuntime": "runc",
        "Runtimes": {
            "io.containerd.runc.v2": {"path": "runc"},
            // Sorts before `runsc`: neither the first in the list nor the last is the one to take.
            OTHER_GVISOR: {"path": "/opt/gvisor/runsc", "runtimeArgs": ["--debug", "--directfs=false"]},
            NVIDIA: {"path": "nvidia-container-runtime"},
            "runc": {"path": "runc"},
            // Else what is mounted read-only would be mounted another way, or refused.
            RUNSC: {"path": "/usr/bin/runsc", "runtimeArgs": ["--directfs=false"]},
            "zz": {"runtimeType": "io.containerd.kata.v2"},
        },
    })
}

#[test]
fn requests_are_read_with_lengths_with_chunks_and_one_after_the_other() {
    let text = "POST /v1.41/containers/create?name=x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\
                POST /images/create HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n\
                HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
    let mut reader = BufReader::new(text.as_bytes());
    let first = read(&mut reader).unwrap().unwrap();
    assert!(first.is_create() && first.target.ends_with("?name=x") && first.body == b"{}");
    assert_eq!(read(&mut reader).unwrap().unwrap().body, b"abc0123456789");
    assert!(read(&mut reader).unwrap().unwrap().is_question());
    assert_eq!(read(&mut reader).unwrap(), None);
}
