//! A socket that answers for one engine and starts containers on another.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// What an engine says of itself.
const CLAIMS: [&str; 3] = ["/_ping", "/version", "/info"];

/// Listens at `socket`: what is asked about the engine is answered by the one at `claimed`, everything else by the
/// one at `real`.
pub(crate) fn listen(socket: &Path, claimed: &Path, real: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    let (claimed, real) = (claimed.to_owned(), real.to_owned());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (claimed, real) = (claimed.clone(), real.clone());
            // A connection that breaks is the caller's to explain.
            std::thread::spawn(move || drop(pass(client, &claimed, &real)));
        }
    });
}

fn pass(mut client: UnixStream, claimed: &Path, real: &PathBuf) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut part = vec![0; 1 << 16];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut part)? {
            0 => return Ok(()),
            length => head.extend_from_slice(&part[..length]),
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    if CLAIMS.iter().any(|claim| path.ends_with(claim)) && !path.contains("/containers/") {
        let mut engine = UnixStream::connect(claimed)?;
        // One answer only, so that the next question comes on a connection of its own.
        let (first, rest) = text.split_once("\r\n").unwrap_or_default();
        write!(engine, "{first}\r\nConnection: close\r\n{rest}")?;
        std::io::copy(&mut engine, &mut client)?;
        return client.shutdown(Shutdown::Both);
    }
    let mut engine = UnixStream::connect(real)?;
    engine.write_all(&head)?;
    let (mut from, mut to) = (engine.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut client, &mut engine)?;
    engine.shutdown(Shutdown::Write)
}
