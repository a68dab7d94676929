//! One JSON object per line on standard output, for programs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use superseed::{CryptoMethod, PeerStats, WebSeedStats, WebSeedStatus};

use super::{Ending, Progress, View, line, peers, why};
use crate::env::Stream;
use crate::exit::{Exit, Failure};
use crate::text::json;

/// How often a progress line comes where the user sets nothing shorter: a
/// program that reads them wants to know sooner than the reader of a log.
const INTERVAL: Duration = Duration::from_secs(1);

/// JSON lines.
pub(super) struct Json {
    stdout: Stream,
    stderr: Stream,
    interval: Duration,
    last: Option<Instant>,
    reader_gone: bool,
}

impl Json {
    pub(super) fn new(stdout: Stream, stderr: Stream, summary_interval: Duration) -> Self {
        // A summary interval of zero asks for no progress at all.
        let interval = if summary_interval.is_zero() {
            Duration::MAX
        } else {
            INTERVAL
        };
        Self {
            stdout,
            stderr,
            interval,
            last: None,
            reader_gone: false,
        }
    }

    fn emit(&mut self, value: &Value) {
        self.reader_gone |= self.stdout.line(json::line(value)).is_err();
    }
}

impl Progress for Json {
    fn added(&mut self, view: &View) {
        self.emit(&json!({
            "event": "added",
            "hash": view.hash,
            "name": view.name,
            "total": view.stats.wanted_bytes,
            "pieces": view.stats.pieces,
        }));
    }

    fn found(&mut self, view: &View, files: usize) {
        self.emit(&json!({
            "event": "metadata",
            "hash": view.hash,
            "name": view.name,
            "total": view.stats.wanted_bytes,
            "pieces": view.stats.pieces,
            "files": files,
        }));
    }

    fn state(&mut self, view: &View) {
        self.emit(&json!({
            "event": "state",
            "hash": view.hash,
            "state": line::word(view.stats.state),
        }));
    }

    fn stalled(&mut self, view: &View) {
        self.emit(&json!({
            "event": "stalled",
            "hash": view.hash,
            "name": view.name,
            "causes": view.stalled.as_ref().map(why::causes),
        }));
    }

    fn update(&mut self, views: &[View], _: usize) {
        if self.last.is_some_and(|last| last.elapsed() < self.interval) {
            return;
        }
        self.last = (self.interval != Duration::MAX).then(Instant::now);
        if self.last.is_none() {
            return;
        }
        for view in views {
            self.emit(&progress(view));
        }
    }

    fn complete(&mut self, view: &View, path: &Path) {
        self.emit(&json!({
            "event": "complete",
            "hash": view.hash,
            "name": view.name,
            "path": path,
            "downloaded": view.stats.session_downloaded_bytes,
            "uploaded": view.stats.session_uploaded_bytes,
            "wasted": view.stats.wasted_bytes,
        }));
    }

    fn error(&mut self, name: &str, hash: &str, failure: &Failure) {
        self.stderr.say(format!("superseed: {failure}"));
        self.emit(&json!({
            "event": "error",
            "hash": hash,
            "name": name,
            "exit": failure.exit.code(),
            "message": failure.message,
        }));
    }

    fn note(&mut self, text: &str) {
        self.emit(&json!({ "event": "note", "message": text }));
    }

    fn summary(&mut self, endings: &[Ending], exit: Exit) {
        let results: Vec<Value> = endings.iter().map(ending).collect();
        self.emit(&json!({ "event": "summary", "exit": exit.code(), "results": results }));
    }

    fn reader_gone(&self) -> bool {
        self.reader_gone
    }
}

fn ending(ending: &Ending) -> Value {
    json!({
        "name": ending.name,
        "hash": ending.hash,
        "path": ending.path,
        "exit": ending.failure.as_ref().map_or(0, |failure| failure.exit.code()),
        "message": ending.failure.as_ref().map(|failure| &failure.message),
    })
}

fn progress(view: &View) -> Value {
    let stats = &view.stats;
    let mut value = json!({
        "event": "progress",
        "hash": view.hash,
        "name": view.name,
        "state": line::word(stats.state),
        "done": line::done_bytes(stats),
        "total": stats.wanted_bytes,
        "pieces": stats.pieces,
        "pieces_have": stats.pieces_have,
        "down": stats.download_bytes_per_s,
        "up": stats.upload_bytes_per_s,
        "downloaded": stats.session_downloaded_bytes,
        "uploaded": stats.session_uploaded_bytes,
        "wasted": stats.wasted_bytes,
        "peers": stats.peers,
        "seeds": stats.seeds,
        "candidates": stats.candidates,
        "eta": stats.eta.map(|eta| eta.as_secs()),
        "incoming_seen": stats.incoming_seen,
        "stalled": view.stalled.as_ref().map(|stalled| why::code(stalled.main())),
    });
    if !view.peers.is_empty() {
        value["peers_table"] = view.peers.iter().map(peer).collect();
    }
    if !view.web_seeds.is_empty() {
        value["web_seeds"] = view.web_seeds.iter().map(web_seed).collect();
    }
    value
}

fn web_seed(seed: &WebSeedStats) -> Value {
    let (status, error, rest) = match &seed.status {
        WebSeedStatus::Ready => ("ready", None, None),
        WebSeedStatus::Resting(error, rest) => ("resting", Some(error), Some(rest.as_secs())),
        WebSeedStatus::Useless(error) => ("useless", Some(error), None),
        WebSeedStatus::Banned => ("banned", None, None),
    };
    json!({
        "url": seed.url,
        "status": status,
        "error": error,
        "next_s": rest,
        "connections": seed.connections,
        "down": seed.download_bytes_per_s,
        "downloaded": seed.downloaded_bytes,
    })
}

fn peer(peer: &PeerStats) -> Value {
    json!({
        "address": peer.addr.to_string(),
        "client": peer.client,
        "flags": peers::flags(peer),
        "encryption": peer.encryption.map(|method| match method {
            CryptoMethod::Plain => "handshake",
            CryptoMethod::Rc4 => "rc4",
        }),
        "incoming": peer.incoming,
        "down": peer.download_bytes_per_s,
        "up": peer.upload_bytes_per_s,
        "downloaded": peer.downloaded_bytes,
        "uploaded": peer.uploaded_bytes,
        "am_choking": peer.am_choking,
        "am_interested": peer.am_interested,
        "peer_choking": peer.peer_choking,
        "peer_interested": peer.peer_interested,
        "requests_out": peer.requests_out,
        "requests_in": peer.requests_in,
        "pieces": peer.pieces,
    })
}
