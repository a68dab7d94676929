//! A server of one directory of files, as small as it can be, that can do wrong.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// What is asked for.
    Works,
    /// Ends each body after so many bytes, and says nothing of it before.
    Truncates(usize),
    /// Sends a wrong byte at the beginning of each body.
    Lies,
    /// Knows no ranges: the whole file, always.
    Whole,
    /// Sends the first bytes of the file, whatever was asked for, and says so.
    WrongRange,
    /// Sends whoever asks under `/moved/` to the files, and there again.
    Moves,
    /// Has too much to do.
    Busy,
    /// Has too much to do as long as it answers somebody.
    OneAtATime,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) range: Option<Range<usize>>,
}

struct Shared {
    files: HashMap<String, Vec<u8>>,
    mood: Mood,
    /// How long each 16 KiB take.
    pace: Duration,
    seen: Mutex<Vec<Seen>>,
    /// Somebody is being answered.
    answering: Mutex<()>,
}

/// A server on a free port of 127.0.0.1, until the test ends.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Of files by their paths, without the first slash.
    pub(crate) fn start(files: &[(String, Vec<u8>)], mood: Mood, pace: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            files: files.iter().cloned().collect(),
            mood,
            pace,
            seen: Mutex::default(),
            answering: Mutex::default(),
        });
        let of_all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_all);
                thread::spawn(move || serve(&shared, stream));
            }
        });
        Self { addr, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }
}

/// Answers the requests of one connection, as long as it lasts.
fn serve(shared: &Shared, stream: TcpStream) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let Some(first) = head.first() else { return };
        let path = first.split(' ').nth(1).unwrap().trim_start_matches('/');
        let range = head.iter().find_map(|line| {
            let value = line.to_ascii_lowercase();
            let (first, last) = value.strip_prefix("range: bytes=")?.split_once('-')?;
            Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1)
        });
        let seen = Seen {
            path: path.to_owned(),
            range: range.clone(),
        };
        shared.seen.lock().unwrap().push(seen);
        // Who has enough hangs up.
        if answer(shared, &mut out, path, range).is_err() {
            return;
        }
    }
}

fn answer(
    shared: &Shared,
    out: &mut TcpStream,
    path: &str,
    range: Option<Range<usize>>,
) -> std::io::Result<()> {
    if shared.mood == Mood::Moves
        && let Some(path) = path.strip_prefix("moved/")
    {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: /{path}\r\nContent-Length: 0\r\n\r\n");
        return out.write_all(head.as_bytes());
    }
    let alone = shared.answering.try_lock();
    let is_busy = match shared.mood {
        Mood::Busy => true,
        Mood::OneAtATime => alone.is_err(),
        _ => false,
    };
    if is_busy {
        let head = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
        return out.write_all(head.as_bytes());
    }
    let Some(file) = shared.files.get(path) else {
        return out.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let range = match shared.mood {
        Mood::Whole => None,
        Mood::WrongRange => range.map(|range| 0..range.len()),
        _ => range,
    };
    let (mut body, head) = match &range {
        Some(range) => (
            file[range.clone()].to_vec(),
            format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{}/{}\r\n",
                range.start,
                range.end - 1,
                file.len()
            ),
        ),
        None => (file.clone(), "HTTP/1.1 200 OK\r\n".to_owned()),
    };
    let len = body.len();
    match shared.mood {
        Mood::Lies => body[0] ^= 1,
        Mood::Truncates(most) => body.truncate(most),
        _ => {}
    }
    out.write_all(format!("{head}Content-Length: {len}\r\n\r\n").as_bytes())?;
    for part in body.chunks(16 << 10) {
        out.write_all(part)?;
        thread::sleep(shared.pace);
    }
    match body.len() < len {
        true => Err(std::io::ErrorKind::BrokenPipe.into()),
        false => Ok(()),
    }
}
