//! An engine without a world: the tests play its peers, its disk and its clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::disk::{OpenReport, PieceVerdict};
use superseed_engine::{
    Action, AddTorrent, Command, ConnKey, DiskError, DiskErrorKind, DiskJob, DiskOp, DiskResult,
    Engine, Input, ListenerId, Outbox, Settings, Ticket, Time, TorrentKey, TorrentOptions,
    TorrentSource,
};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};
use superseed_proto::wire::{Capability, Handshake, Message, Reserved, encode_piece_header};
use superseed_proto::{BLOCK_LEN, Bitfield, PeerId};

/// Every byte of every torrent.
const BYTE: u8 = 7;

pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) now: Time,
    /// Actions that nobody looked at yet, but for disk jobs and writes.
    pub(crate) actions: Vec<Action>,
    /// Disk jobs that are not answered.
    pub(crate) jobs: Vec<DiskJob>,
    /// What each stream was given and nobody read.
    pub(crate) streams: BTreeMap<ConnKey, Vec<u8>>,
    /// Bytes that each stream took.
    pub(crate) taken: BTreeMap<ConnKey, usize>,
    /// No stream takes anything.
    pub(crate) is_deaf: bool,
    strangers: u8,
}

/// A torrent of equal bytes.
pub(crate) fn torrent(name: &str, piece_len: u32, pieces: u32) -> Arc<Metainfo> {
    let content = vec![BYTE; (piece_len * pieces) as usize];
    let torrent = TorrentBuilder::new(name, piece_len).single_file(content.len() as u64);
    Arc::new(Metainfo::parse(&torrent.hash_content(&content).build()).unwrap())
}

/// A storage that is empty.
pub(crate) fn nothing(pieces: u32) -> OpenReport {
    OpenReport {
        trusted: Bitfield::new(pieces),
        unchecked: Bitfield::new(pieces),
        record: None,
        device: 0,
    }
}

/// A storage that holds everything.
pub(crate) fn everything(pieces: u32) -> OpenReport {
    OpenReport {
        trusted: Bitfield::full(pieces),
        ..nothing(pieces)
    }
}

pub(crate) fn error(kind: DiskErrorKind) -> DiskError {
    DiskError {
        kind,
        message: "the disk says no".to_owned(),
    }
}

/// The handshake of a peer that speaks the Fast extension.
pub(crate) fn hello(metainfo: &Metainfo, peer_id: PeerId) -> Vec<u8> {
    let handshake = Handshake {
        reserved: Reserved::default().with(Capability::Fast),
        swarm: metainfo.info_hashes.primary_swarm_key(),
        peer_id,
    };
    handshake.encode().to_vec()
}

impl Scene {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut scene = Self {
            engine: Engine::new(settings, [5; 32]),
            now: Time::START,
            actions: Vec::new(),
            jobs: Vec::new(),
            streams: BTreeMap::new(),
            taken: BTreeMap::new(),
            is_deaf: false,
            strangers: 0,
        };
        scene.handle(Input::Listening {
            listener: ListenerId(0),
            addr: ([10, 0, 0, 1], 6881).into(),
        });
        scene
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        let mut out = Outbox::new();
        self.engine.handle(input, self.now, &mut out);
        while let Some(action) = out.pop() {
            match action {
                Action::Disk(job) => self.jobs.push(job),
                Action::WantWrite { .. } if self.is_deaf => {}
                Action::WantWrite { conn } => self.write(conn, &mut out),
                other => self.actions.push(other),
            }
        }
    }

    /// Takes all that the engine offers for a stream, as a fast line does.
    fn write(&mut self, conn: ConnKey, out: &mut Outbox) {
        loop {
            let mut bytes = Vec::new();
            let mut slices = Vec::new();
            self.engine
                .outgoing(conn, usize::MAX, self.now, &mut slices);
            for slice in slices {
                bytes.extend_from_slice(slice);
            }
            if bytes.is_empty() {
                return;
            }
            let len = bytes.len();
            self.streams.entry(conn).or_default().append(&mut bytes);
            *self.taken.entry(conn).or_default() += len;
            self.engine.handle(Input::Sent { conn, len }, self.now, out);
        }
    }

    /// A stream takes all that waits for it.
    pub(crate) fn flush(&mut self, conn: ConnKey) {
        let mut out = Outbox::new();
        self.write(conn, &mut out);
        while let Some(action) = out.pop() {
            if let Action::Disk(job) = action {
                self.jobs.push(job);
            }
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.handle(Input::Command(command));
    }

    pub(crate) fn add(&mut self, metainfo: &Arc<Metainfo>, options: TorrentOptions) -> TorrentKey {
        self.command(Command::Add(Box::new(AddTorrent {
            ticket: Ticket(1),
            source: TorrentSource::Metainfo(Arc::clone(metainfo)),
            options,
        })));
        let added = self.actions.iter().rev().find_map(|action| match action {
            Action::Added { torrent, .. } => Some(*torrent),
            _ => None,
        });
        added.unwrap()
    }

    /// Adds a torrent and answers for its storage.
    pub(crate) fn add_open(
        &mut self,
        metainfo: &Arc<Metainfo>,
        options: TorrentOptions,
        report: OpenReport,
    ) -> TorrentKey {
        let key = self.add(metainfo, options);
        self.answer_open(report);
        key
    }

    pub(crate) fn answer_open(&mut self, report: OpenReport) {
        let job = self.take_job(|op| matches!(op, DiskOp::Open)).job;
        self.done(job, DiskResult::Opened(Ok(Box::new(report))));
    }

    pub(crate) fn done(&mut self, job: superseed_engine::JobKey, result: DiskResult) {
        self.handle(Input::DiskDone { job, result });
    }

    pub(crate) fn has_job(&self, is: impl Fn(&DiskOp) -> bool) -> bool {
        self.jobs.iter().any(|job| is(&job.op))
    }

    pub(crate) fn take_job(&mut self, is: impl Fn(&DiskOp) -> bool) -> DiskJob {
        let at = self.jobs.iter().position(|job| is(&job.op));
        self.jobs
            .remove(at.expect("a job of this kind should be out"))
    }

    /// Answers every disk job until none is left, as a good disk would.
    pub(crate) fn serve_disk(&mut self) {
        while !self.jobs.is_empty() {
            self.serve_one();
        }
    }

    /// Answers the oldest disk job.
    pub(crate) fn serve_one(&mut self) {
        let DiskJob { job, op, .. } = self.jobs.remove(0);
        let result = match op {
            DiskOp::Write {
                piece,
                blocks,
                mut hasher,
                expected,
                ..
            } => {
                if let Some(state) = &mut hasher {
                    blocks.iter().for_each(|block| state.update(block.bytes()));
                }
                let verdict = expected.map_or(PieceVerdict::Unfinished, |expected| {
                    let hasher = hasher.take().unwrap();
                    PieceVerdict::Verified(hasher.finish(piece, &expected).unwrap())
                });
                DiskResult::Written {
                    blocks,
                    hasher,
                    outcome: Ok(verdict),
                }
            }
            DiskOp::Read { len, .. } => DiskResult::Read(Ok(vec![BYTE; len as usize].into())),
            DiskOp::HashBack {
                piece,
                len,
                mut hasher,
                expected,
                ..
            } => {
                hasher.update(&vec![BYTE; len as usize]);
                let (hasher, verdict) = match expected {
                    Some(expected) => {
                        let proof = hasher.finish(piece, &expected).unwrap();
                        (None, PieceVerdict::Verified(proof))
                    }
                    None => (Some(hasher), PieceVerdict::Unfinished),
                };
                DiskResult::HashedBack {
                    hasher,
                    outcome: Ok(verdict),
                }
            }
            DiskOp::Sync => DiskResult::Synced(Ok(())),
            DiskOp::SaveRecord(_) => DiskResult::Saved(Ok(())),
            DiskOp::SetWanted { .. } => DiskResult::WantedSet(Ok(())),
            other => panic!("unexpected {other:?}"),
        };
        self.done(job, result);
    }

    /// Lets time pass, firing what is due on the way; gives how often.
    pub(crate) fn pass(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut fired = 0;
        while let Some((at, _)) = self.engine.next_deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.handle(Input::Tick);
            fired += 1;
            assert!(fired < 1_000_000, "time stands still");
        }
        self.now = end;
        fired
    }

    /// The connections that the engine wants to make.
    pub(crate) fn take_connects(&mut self) -> Vec<ConnKey> {
        let mut connects = Vec::new();
        self.actions.retain(|action| match action {
            Action::Connect { conn, .. } => {
                connects.push(*conn);
                false
            }
            _ => true,
        });
        connects
    }

    /// Whether the engine closed a connection.
    pub(crate) fn is_closed(&self, conn: ConnKey) -> bool {
        let closed =
            |action: &Action| matches!(action, Action::Close { conn: gone } if *gone == conn);
        self.actions.iter().any(closed)
    }

    /// A peer that speaks the Fast extension connects and says its handshake.
    pub(crate) fn peer(&mut self, metainfo: &Metainfo) -> ConnKey {
        let id = PeerId([self.strangers + 1; 20]);
        self.peer_with_id(metainfo, id)
    }

    /// The same, for a peer with a certain id.
    pub(crate) fn peer_with_id(&mut self, metainfo: &Metainfo, peer_id: PeerId) -> ConnKey {
        self.strangers += 1;
        let conn = self.connect_as(self.strangers);
        self.shake_hands(conn, metainfo, peer_id);
        conn
    }

    /// A stranger of this number connects and says nothing yet.
    pub(crate) fn connect_as(&mut self, stranger: u8) -> ConnKey {
        self.handle(Input::Incoming {
            ticket: Ticket(u64::from(stranger)),
            remote: ([10, 0, 1, stranger], 50_000).into(),
            listener: ListenerId(0),
        });
        let Some(Action::Accept { conn, .. }) = self.actions.pop() else {
            panic!("the engine should take the peer");
        };
        conn
    }

    /// A peer says its handshake.
    pub(crate) fn shake_hands(&mut self, conn: ConnKey, metainfo: &Metainfo, peer_id: PeerId) {
        self.hear(conn, &hello(metainfo, peer_id));
        // What the engine sent so far began with its handshake, which is no message.
        self.streams.remove(&conn);
    }

    pub(crate) fn hear(&mut self, conn: ConnKey, bytes: &[u8]) {
        self.handle(Input::Received { conn, bytes });
    }

    pub(crate) fn say(&mut self, conn: ConnKey, message: &Message<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.hear(conn, &bytes);
    }

    /// The whole blocks that the engine asked a peer for, as piece and begin.
    pub(crate) fn take_asked(&mut self, conn: ConnKey) -> Vec<(u32, u32)> {
        let stream = self.streams.remove(&conn).unwrap_or_default();
        let word = |at: usize| u32::from_be_bytes(stream[at..at + 4].try_into().unwrap());
        let (mut asked, mut at) = (Vec::new(), 0);
        while at < stream.len() {
            let len = word(at) as usize;
            if len > 0 && stream[at + 4] == 6 {
                asked.push((word(at + 5), word(at + 9)));
            }
            at += 4 + len;
        }
        asked
    }

    /// A peer brings a block.
    pub(crate) fn bring(&mut self, conn: ConnKey, (piece, begin): (u32, u32)) {
        let mut bytes = Vec::new();
        encode_piece_header(piece, begin, BLOCK_LEN, &mut bytes);
        bytes.resize(bytes.len() + BLOCK_LEN as usize, BYTE);
        self.hear(conn, &bytes);
    }
}
