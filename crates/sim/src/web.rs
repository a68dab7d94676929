//! Web seeds: servers that have a torrent's files, or fail in the ways that
//! servers fail.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{FetchKey, Time};
use superseed_proto::BLOCK_LEN;
use superseed_proto::layout::PieceIndex;

use crate::content::Content;
use crate::rng::Rng;
use crate::world::HostId;

/// What of an answer lies between the server and whoever reads it: the buffers
/// of the systems and the line.
const BUFFERED_MAX: u64 = 256 << 10;
/// How much a server writes at a time.
const CHUNK: u64 = BLOCK_LEN as u64;

/// How a web seed behaves.
#[derive(Clone, Debug, PartialEq)]
pub enum WebSeedMood {
    /// Answers.
    Works,
    /// Ends each answer after so many bytes.
    Truncates(u64),
    /// Spoils this part of what it writes.
    Lies(f64),
    /// Sends whoever asks to where nobody is.
    RedirectsToNowhere,
    /// Has not the file of this number.
    Lacks(u32),
    /// Takes requests and never answers.
    Silent,
    /// Has too much to do, and says for how long.
    Busy(Duration),
}

/// A web seed.
#[derive(Clone, Debug)]
pub struct WebSeedSpec {
    /// What it does.
    pub mood: WebSeedMood,
    /// Bytes per second that it sends to all together.
    pub bytes_per_s: u64,
    /// Its delay, beside that of the client's link, one way.
    pub latency: Duration,
}

impl Default for WebSeedSpec {
    fn default() -> Self {
        Self {
            mood: WebSeedMood::Works,
            bytes_per_s: 4 << 20,
            latency: Duration::from_millis(20),
        }
    }
}

/// Who asked: a fetch of a run of a host's engine.
pub(crate) type Asker = (HostId, u32, FetchKey);

/// An answer under way. All counts are of bytes of the answer.
struct Answer {
    /// The torrent's bytes that are its body.
    body: Range<u64>,
    written: u64,
    passed_on: u64,
    lent: u64,
    /// What arrived and was not passed on.
    arrived: Vec<u8>,
    writing: bool,
    /// Where the server ends it.
    ends_at: u64,
    /// All that the server will send is here.
    ended: bool,
}

/// A web seed and what it is at.
pub(crate) struct WebSeed {
    pub(crate) spec: WebSeedSpec,
    content: Arc<Content>,
    rng: Rng,
    answers: BTreeMap<Asker, Answer>,
    /// When its line is free.
    free_at: Time,
    /// Requests that it got.
    pub(crate) requests: u64,
    /// Bytes that were passed on to engines.
    pub(crate) brought: u64,
}

/// What becomes of a request.
pub(crate) enum Reception {
    Answers,
    NeverAnswers,
    Lacks,
    Busy(Duration),
    Nowhere,
}

impl WebSeed {
    pub(crate) fn new(spec: WebSeedSpec, content: Arc<Content>, rng: Rng) -> Self {
        Self {
            spec,
            content,
            rng,
            answers: BTreeMap::new(),
            free_at: Time::START,
            requests: 0,
            brought: 0,
        }
    }

    /// The file of a URL that the engine made of this seed's: by its number.
    fn file_of(&self, url: &str) -> Option<usize> {
        let info = &self.content.metainfo().info;
        let files = info.files.iter();
        let mut names = files.map(|file| file.path.join("/"));
        names.position(|name| url.ends_with(&format!("/{name}")))
    }

    /// A request arrives, for some bytes of a file.
    pub(crate) fn asked(&mut self, who: Asker, url: &str, bytes: Range<u64>) -> Reception {
        self.requests += 1;
        let Some(number) = self.file_of(url) else {
            return Reception::Lacks;
        };
        let file = &self.content.metainfo().info.files[number];
        if bytes.end > file.len || bytes.is_empty() {
            return Reception::Lacks;
        }
        match self.spec.mood {
            WebSeedMood::Lacks(lacks) if lacks as usize == number => return Reception::Lacks,
            WebSeedMood::Silent => return Reception::NeverAnswers,
            WebSeedMood::Busy(time) => return Reception::Busy(time),
            WebSeedMood::RedirectsToNowhere => return Reception::Nowhere,
            _ => {}
        }
        let len = bytes.end - bytes.start;
        let ends_at = match self.spec.mood {
            WebSeedMood::Truncates(after) => len.min(after),
            _ => len,
        };
        let body = file.offset + bytes.start..file.offset + bytes.end;
        self.answers.insert(
            who,
            Answer {
                body,
                written: 0,
                passed_on: 0,
                lent: 0,
                arrived: Vec::new(),
                writing: false,
                ends_at,
                ended: false,
            },
        );
        Reception::Answers
    }

    /// Begins the next write of an answer, unless it waits for its reader, and
    /// says when it is on the line whole.
    pub(crate) fn write(&mut self, who: Asker, now: Time) -> Option<Time> {
        let answer = self.answers.get_mut(&who)?;
        let full = answer.written - answer.passed_on >= BUFFERED_MAX;
        if answer.writing || full || answer.written == answer.ends_at {
            return None;
        }
        answer.writing = true;
        let len = CHUNK.min(answer.ends_at - answer.written);
        let micros = len * 1_000_000 / self.spec.bytes_per_s.max(1);
        self.free_at = self.free_at.max(now) + Duration::from_micros(micros);
        Some(self.free_at)
    }

    /// A write ended: its bytes.
    pub(crate) fn wrote(&mut self, who: Asker) -> Option<Vec<u8>> {
        let answer = self.answers.get_mut(&who)?;
        answer.writing = false;
        let start = answer.body.start + answer.written;
        let len = CHUNK.min(answer.ends_at - answer.written);
        answer.written += len;
        let mut bytes = read(&self.content, start..start + len);
        if let WebSeedMood::Lies(share) = self.spec.mood
            && self.rng.chance(share)
            && let Some(first) = bytes.first_mut()
        {
            *first ^= 1;
        }
        Some(bytes)
    }

    /// Bytes arrive at their reader.
    pub(crate) fn arrived(&mut self, who: Asker, bytes: &[u8]) {
        if let Some(answer) = self.answers.get_mut(&who) {
            answer.arrived.extend_from_slice(bytes);
            let all = answer.passed_on + answer.arrived.len() as u64;
            answer.ended = all == answer.ends_at;
        }
    }

    /// The reader may take more; says whether there is an answer already.
    pub(crate) fn lent(&mut self, who: Asker, bytes: u64) -> bool {
        let answer = self.answers.get_mut(&who);
        let begun = answer.is_some();
        if let Some(answer) = answer {
            answer.lent += bytes;
        }
        begun
    }

    /// What the reader takes now.
    pub(crate) fn pass_on(&mut self, who: Asker) -> Option<Vec<u8>> {
        let answer = self.answers.get_mut(&who)?;
        let room = answer.lent - answer.passed_on;
        let len = room.min(answer.arrived.len() as u64);
        if len == 0 {
            return None;
        }
        answer.passed_on += len;
        self.brought += len;
        Some(answer.arrived.drain(..len as usize).collect())
    }

    /// Forgets an answer that all of was passed on; says whether it was short.
    pub(crate) fn take_ended(&mut self, who: Asker) -> Option<bool> {
        let answer = self.answers.get(&who)?;
        let over = answer.ended && answer.arrived.is_empty();
        let short = answer.ends_at < answer.body.end - answer.body.start;
        over.then(|| {
            self.answers.remove(&who);
            short
        })
    }

    /// The reader is gone, or has enough.
    pub(crate) fn stopped(&mut self, who: Asker) {
        self.answers.remove(&who);
    }
}

/// Some bytes of a torrent.
fn read(content: &Content, bytes: Range<u64>) -> Vec<u8> {
    let layout = content.layout();
    let mut all = Vec::new();
    let mut at = bytes.start;
    while at < bytes.end {
        let piece = PieceIndex((at / u64::from(layout.piece_len_nominal())) as u32);
        let begin = (at - layout.piece_offset(piece)) as u32;
        let len = u64::from(layout.piece_len(piece) - begin).min(bytes.end - at);
        all.extend_from_slice(&content.slice(piece, begin, len as u32));
        at += len;
    }
    all
}
