//! A web server on the loopback interface, for one test.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it serves by path, and how each request was answered.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    /// Paths whose answers have no end.
    endless: Vec<String>,
    /// Paths whose next answer breaks off in the middle.
    cut: Vec<String>,
    log: Vec<String>,
}

pub(crate) struct Mirror {
    address: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl Mirror {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shelf = Arc::<Mutex<Shelf>>::default();
        let served = Arc::clone(&shelf);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &served);
            }
        });
        Self { address, shelf }
    }

    /// Serves `content` as `name`; returns its address.
    pub(crate) fn put(&self, name: &str, content: impl Into<Vec<u8>>) -> String {
        self.shelf.lock().unwrap().files.insert(format!("/{name}"), content.into());
        format!("{}/{name}", self.address)
    }

    /// Serves zeros as `name`, for as long as somebody takes them; returns its address.
    pub(crate) fn put_endless(&self, name: &str) -> String {
        self.shelf.lock().unwrap().endless.push(format!("/{name}"));
        format!("{}/{name}", self.address)
    }

    pub(crate) fn take_away(&self, name: &str) {
        self.shelf.lock().unwrap().files.remove(&format!("/{name}"));
    }

    /// Breaks the next answer for `name` off in the middle.
    pub(crate) fn cut_once(&self, name: &str) {
        self.shelf.lock().unwrap().cut.push(format!("/{name}"));
    }

    /// A line `PATH STATUS` per request, with `from N` where a part was asked for.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shelf.lock().unwrap().log.clone()
    }
}

fn answer(mut stream: TcpStream, shelf: &Mutex<Shelf>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse::<usize>().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut shelf = shelf.lock().unwrap();
    if shelf.endless.contains(&path) {
        drop(shelf);
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        let zeros = vec![0; 1 << 20];
        loop {
            stream.write_all(&zeros)?;
        }
    }
    let part = from.map_or(String::new(), |from| format!(" from {from}"));
    let Some(content) = shelf.files.get(&path).cloned() else {
        shelf.log.push(format!("{path} 404{part}"));
        let page = "<html><body>404 Not Found</body></html>";
        return write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
    };
    let (status, start) = match from {
        Some(from) if from < content.len() => ("206 Partial Content", from),
        _ => ("200 OK", 0),
    };
    shelf.log.push(format!("{path} {}{part}", &status[..3]));
    let range = format!("Content-Range: bytes {start}-{}/{}\r\n", content.len() - 1, content.len());
    let range = if start > 0 { range } else { String::new() };
    let end = match shelf.cut.iter().position(|cut| *cut == path) {
        Some(place) => {
            shelf.cut.remove(place);
            content.len() / 2
        }
        None => content.len(),
    };
    drop(shelf);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\n{range}Connection: close\r\n\r\n",
        content.len() - start
    )?;
    stream.write_all(&content[start..end])
}
