//! An engine, its scripted peers, and a disk that answers at once.
//!
//! All pieces have the same bytes, so that one hash serves for every proof and
//! one buffer for every block: what is measured is the engine.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::disk::{OpenReport, PieceVerdict};
use superseed_engine::{
    Action, AddTorrent, Command, ConnKey, DiskJob, DiskOp, DiskResult, Engine, Input, JobKey,
    ListenerId, Outbox, Settings, Ticket, Time, TorrentOptions, TorrentSource,
};
use superseed_proto::hash::{ExpectedHash, PieceHasher, SwarmKey};
use superseed_proto::layout::PieceIndex;
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};
use superseed_proto::wire::{
    Capability, HANDSHAKE_LEN, Handshake, Message, Reserved, encode_piece_header,
};
use superseed_proto::{BLOCK_LEN, Bitfield, PeerId};

const PIECE_LEN: u32 = 256 << 10;
/// 1 GiB: more than any run moves.
const PIECES: u32 = 4_096;
const LISTENER: ListenerId = ListenerId(0);
/// What all peers together bring or take, in bytes per second of the engine's time.
const RATE: u64 = 150 << 20;
/// Requests that a peer that fetches has out.
const OUTSTANDING: usize = 64;

/// Who sends blocks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    way: Way,
    peers: usize,
    /// Blocks that come with one read, or are asked for at once.
    batch: usize,
    /// In the torrent.
    pieces: u32,
}

impl Case {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::new("download-1", Way::Down, 1, 8, PIECES),
        Self::new("download-1000", Way::Down, 1_000, 1, PIECES),
        // So few blocks for so many that most of it is the end of a download.
        Self::new("end-1000", Way::Down, 1_000, 1, 128),
        Self::new("upload-1", Way::Up, 1, 8, PIECES),
        Self::new("upload-1000", Way::Up, 1_000, 1, PIECES),
    ];

    const fn new(name: &'static str, way: Way, peers: usize, batch: usize, pieces: u32) -> Self {
        Self {
            name,
            way,
            peers,
            batch,
            pieces,
        }
    }

    /// Whether a run is the whole download, from its first request on.
    pub(crate) fn is_whole(&self) -> bool {
        self.pieces < PIECES
    }

    /// The blocks of the torrent.
    pub(crate) fn blocks(&self) -> u64 {
        u64::from(self.pieces) * u64::from(PIECE_LEN / BLOCK_LEN)
    }

    /// The case of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name == name)
    }
}

/// A peer as its own machine sees it.
struct Remote {
    conn: ConnKey,
    /// What the engine has asked of it and it has not sent.
    asked: VecDeque<(u32, u32)>,
    /// The beginning of a message of the engine that has not come whole.
    heard: Vec<u8>,
    /// Bytes of blocks that came since it last asked for more.
    got: usize,
    /// The next block that it will ask for, 0-based in the torrent.
    next: u64,
    writable: bool,
}

/// See the module.
pub(crate) struct Scene {
    case: Case,
    engine: Engine,
    out: Outbox,
    now: Time,
    remotes: Vec<Remote>,
    by_conn: slotmap::SecondaryMap<ConnKey, usize>,
    /// Answers of the disk that the engine gets before anything else.
    answers: VecDeque<(JobKey, DiskResult)>,
    /// Blocks that went to the disk before their hash, for lack of memory.
    pub(crate) spilt: u64,
    /// Pieces that were verified.
    whole: u32,
    piece: Bytes,
    hasher: PieceHasher,
    wire: Vec<u8>,
    turn: usize,
}

impl Scene {
    /// Everybody is connected, interested and unchoked.
    pub(crate) fn new(case: Case) -> Self {
        let piece = Bytes::from(vec![7; PIECE_LEN as usize]);
        let mut hasher = PieceHasher::new();
        hasher.update(&piece);
        let hashes = std::iter::repeat_n(hasher.sha1(), case.pieces as usize);
        let torrent = TorrentBuilder::new("bench", PIECE_LEN)
            .single_file(u64::from(PIECE_LEN) * u64::from(case.pieces))
            .piece_hashes(hashes)
            .build();
        let metainfo = Metainfo::parse(&torrent).expect("the builder makes valid torrents");
        let swarm = metainfo.info_hashes.primary_swarm_key();
        let settings = Settings {
            connections_max: 2 * case.peers + 10,
            connections_per_torrent_max: 2 * case.peers + 10,
            upload_slots: Some(case.peers),
            ..Settings::default()
        };
        let mut scene = Self {
            case,
            engine: Engine::new(settings, [1; 32]),
            out: Outbox::new(),
            now: Time::START,
            remotes: Vec::new(),
            by_conn: slotmap::SecondaryMap::new(),
            answers: VecDeque::new(),
            spilt: 0,
            whole: 0,
            piece,
            hasher,
            wire: Vec::new(),
            turn: 0,
        };
        let addr = ([10, 0, 0, 1], 6881).into();
        scene.handle(Input::Listening {
            listener: LISTENER,
            addr,
        });
        let add = AddTorrent {
            ticket: Ticket(1),
            source: TorrentSource::Metainfo(Arc::new(metainfo)),
            options: TorrentOptions::default(),
        };
        scene.handle(Input::Command(Command::Add(Box::new(add))));
        scene.settle();
        for number in 0..case.peers {
            scene.join(number, swarm);
        }
        // Chokers look again, windows open.
        for _ in 0..300 {
            scene.pass(Duration::from_millis(100));
        }
        scene
    }

    /// A peer connects and says what it has and wants.
    fn join(&mut self, number: usize, swarm: SwarmKey) {
        let [high, low] = (number as u16 + 2).to_be_bytes();
        let remote = SocketAddr::from(([10, 1, high, low], 6881));
        let ticket = Ticket(10 + number as u64);
        self.handle(Input::Incoming {
            ticket,
            remote,
            listener: LISTENER,
        });
        self.settle();
        let conn = self.remotes.last().expect("it was let in").conn;
        let mut peer_id = [9; 20];
        peer_id[..2].copy_from_slice(&[high, low]);
        let handshake = Handshake {
            reserved: Reserved::default().with(Capability::Fast),
            swarm,
            peer_id: PeerId(peer_id),
        };
        let mut hello = handshake.encode().to_vec();
        match self.case.way {
            Way::Down => {
                Message::HaveAll.encode(&mut hello);
                Message::Unchoke.encode(&mut hello);
            }
            Way::Up => {
                Message::HaveNone.encode(&mut hello);
                Message::Interested.encode(&mut hello);
            }
        }
        self.handle(Input::Received {
            conn,
            bytes: &hello,
        });
        self.settle();
    }

    /// Moves this many blocks or a few more.
    pub(crate) fn run(&mut self, blocks: u64) {
        let mut left = blocks as i64;
        let mut idle = 0;
        while left > 0 && !(self.case.is_whole() && self.is_complete()) {
            self.turn = (self.turn + 1) % self.remotes.len();
            let moved = match self.case.way {
                Way::Down => self.bring(self.turn),
                Way::Up => self.fetch(self.turn),
            };
            left -= moved as i64;
            idle = if moved == 0 { idle + 1 } else { 0 };
            assert!(idle < 100 * self.remotes.len(), "nothing moves any more");
            let bytes = moved.max(1) as u64 * u64::from(BLOCK_LEN);
            self.pass(Duration::from_nanos(bytes * 1_000_000_000 / RATE));
        }
    }

    fn is_complete(&self) -> bool {
        self.whole == self.case.pieces
    }

    /// A peer sends what it was asked for; gives the number of blocks.
    fn bring(&mut self, at: usize) -> usize {
        let mut wire = std::mem::take(&mut self.wire);
        wire.clear();
        let mut count = 0;
        while count < self.case.batch
            && let Some((piece, begin)) = self.remotes[at].asked.pop_front()
        {
            encode_piece_header(piece, begin, BLOCK_LEN, &mut wire);
            wire.extend_from_slice(&self.piece[begin as usize..][..BLOCK_LEN as usize]);
            count += 1;
        }
        if count > 0 {
            let conn = self.remotes[at].conn;
            self.handle(Input::Received { conn, bytes: &wire });
            self.settle();
        }
        self.wire = wire;
        count
    }

    /// A peer takes what has come and asks for as much again; gives the number
    /// of blocks.
    fn fetch(&mut self, at: usize) -> usize {
        let remote = &mut self.remotes[at];
        let got = remote.got / BLOCK_LEN as usize;
        remote.got -= got * BLOCK_LEN as usize;
        // It begins with all that it ever has out.
        let wanted = if remote.next == at as u64 {
            OUTSTANDING.min(self.case.batch * 8)
        } else {
            got
        };
        let mut wire = std::mem::take(&mut self.wire);
        wire.clear();
        for _ in 0..wanted {
            let block = remote.next % self.case.blocks();
            let per_piece = u64::from(PIECE_LEN / BLOCK_LEN);
            Message::Request {
                piece: (block / per_piece) as u32,
                begin: (block % per_piece) as u32 * BLOCK_LEN,
                len: BLOCK_LEN,
            }
            .encode(&mut wire);
            remote.next += 1;
        }
        if wanted > 0 {
            let conn = remote.conn;
            self.handle(Input::Received { conn, bytes: &wire });
            self.settle();
        }
        self.wire = wire;
        got
    }

    fn handle(&mut self, input: Input<'_>) {
        self.engine.handle(input, self.now, &mut self.out);
    }

    /// Time goes by.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        if let Some((at, _)) = self.engine.next_deadline()
            && at <= self.now
        {
            self.handle(Input::Tick);
            self.settle();
        }
    }

    /// One turn after the other, as a host makes them, until nothing is left.
    fn settle(&mut self) {
        let mut writers = Vec::new();
        loop {
            while let Some(action) = self.out.pop() {
                match action {
                    Action::Disk(DiskJob { job, op, .. }) => {
                        let result = self.disk(op);
                        self.answers.push_back((job, result));
                    }
                    Action::Accept { conn, .. } => self.accept(conn),
                    Action::WantWrite { conn } => {
                        let at = self.by_conn[conn];
                        if !std::mem::replace(&mut self.remotes[at].writable, true) {
                            writers.push(at);
                        }
                    }
                    // Who has all and wants nothing is of no use to a seed.
                    Action::Close { conn } if self.is_complete() => {
                        self.remotes[self.by_conn[conn]].asked.clear();
                    }
                    Action::Close { .. } => panic!("the engine closed a connection"),
                    _ => {}
                }
            }
            if let Some((job, result)) = self.answers.pop_front() {
                self.handle(Input::DiskDone { job, result });
            } else if let Some(at) = writers.pop() {
                self.remotes[at].writable = false;
                self.take_written(at);
            } else {
                return;
            }
        }
    }

    fn accept(&mut self, conn: ConnKey) {
        let number = self.remotes.len();
        self.by_conn.insert(conn, number);
        self.remotes.push(Remote {
            conn,
            asked: VecDeque::new(),
            heard: Vec::new(),
            got: 0,
            next: number as u64,
            writable: false,
        });
    }

    fn disk(&mut self, op: DiskOp) -> DiskResult {
        match op {
            DiskOp::Open => {
                let trusted = match self.case.way {
                    Way::Down => Bitfield::new(self.case.pieces),
                    Way::Up => Bitfield::full(self.case.pieces),
                };
                DiskResult::Opened(Ok(Box::new(OpenReport {
                    trusted,
                    unchecked: Bitfield::new(self.case.pieces),
                    record: None,
                    device: 0,
                })))
            }
            DiskOp::Write {
                piece,
                blocks,
                hasher,
                expected,
                ..
            } => {
                self.spilt += if hasher.is_none() {
                    blocks.len() as u64
                } else {
                    0
                };
                DiskResult::Written {
                    blocks,
                    outcome: Ok(self.verdict(piece, expected)),
                    hasher: hasher.filter(|_| expected.is_none()),
                }
            }
            DiskOp::HashBack {
                piece,
                hasher,
                expected,
                ..
            } => DiskResult::HashedBack {
                outcome: Ok(self.verdict(piece, expected)),
                hasher: expected.is_none().then_some(hasher),
            },
            DiskOp::Read { begin, len, .. } => {
                let run = begin as usize..(begin + len) as usize;
                DiskResult::Read(Ok(self.piece.slice(run)))
            }
            DiskOp::Sync => DiskResult::Synced(Ok(())),
            DiskOp::SaveRecord(_) => DiskResult::Saved(Ok(())),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// What a hash of the piece's bytes says.
    fn verdict(&mut self, piece: PieceIndex, expected: Option<ExpectedHash>) -> PieceVerdict {
        let Some(expected) = expected else {
            return PieceVerdict::Unfinished;
        };
        self.whole += 1;
        let proof = self.hasher.clone().finish(piece, &expected);
        PieceVerdict::Verified(proof.expect("the bytes are right"))
    }

    /// A stream takes all that the engine has for it.
    fn take_written(&mut self, at: usize) {
        let conn = self.remotes[at].conn;
        loop {
            let mut len = 0;
            let mut slices: Vec<&[u8]> = Vec::new();
            let limit = usize::MAX;
            self.engine.outgoing(conn, limit, self.now, &mut slices);
            let remote = &mut self.remotes[at];
            for slice in slices {
                len += slice.len();
                // Only a block is so long.
                if slice.len() >= BLOCK_LEN as usize {
                    remote.got += slice.len();
                } else if self.case.way == Way::Down {
                    remote.heard.extend_from_slice(slice);
                }
            }
            if len == 0 {
                break;
            }
            self.handle(Input::Sent { conn, len });
        }
        self.remotes[at].note_requests();
    }
}

impl Remote {
    /// Notes the requests among the messages that came whole.
    fn note_requests(&mut self) {
        let mut at = 0;
        // The first byte of a handshake is no length that we would send.
        if self.heard.first() == Some(&19) {
            at = HANDSHAKE_LEN;
        }
        while let Some(head) = self.heard.get(at..).and_then(<[u8]>::first_chunk::<4>) {
            let len = u32::from_be_bytes(*head) as usize;
            let Some(body) = self.heard.get(at + 4..at + 4 + len) else {
                break;
            };
            if let [6, words @ ..] = body {
                let word = |at: usize| words.get(at..).and_then(<[u8]>::first_chunk::<4>);
                let word = |at| u32::from_be_bytes(*word(at).expect("a request is whole"));
                self.asked.push_back((word(0), word(4)));
            }
            at += 4 + len;
        }
        self.heard.drain(..at);
    }
}
