//! Invariant 7: nothing is allocated per block in the steady state.
//!
//! One engine downloads from one scripted seed. Reads, the disk and its answers
//! are made here and allocate nothing in the counted stretch themselves, but
//! for the one buffer list per run that the disk job owns.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

use std::collections::VecDeque;
use std::sync::Arc;

use superseed_engine::disk::{OpenReport, PieceVerdict};
use superseed_engine::{
    Action, AddTorrent, Command, ConnKey, DiskJob, DiskOp, DiskResult, Engine, Input, ListenerId,
    Outbox, Settings, Ticket, Time, TorrentOptions, TorrentSource,
};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};
use superseed_proto::wire::{Capability, Handshake, Message, Reserved, encode_piece_header};
use superseed_proto::{BLOCK_LEN, Bitfield, PeerId};

const PIECE_LEN: u32 = 4 << 20;
const PIECES: u32 = 24;
const BLOCKS_PER_PIECE: u64 = (PIECE_LEN / BLOCK_LEN) as u64;

/// An engine, its one peer, and a disk that answers at once.
struct Scene {
    engine: Engine,
    out: Outbox,
    now: Time,
    conn: Option<ConnKey>,
    /// Blocks that were asked for, in order.
    asked: VecDeque<(u32, u32)>,
    received: Vec<u8>,
    block: Vec<u8>,
    writable: bool,
}

impl Scene {
    fn handle(&mut self, input: Input<'_>) {
        self.now += std::time::Duration::from_micros(50);
        self.engine.handle(input, self.now, &mut self.out);
    }

    /// Performs what the engine asked for, until it asks for nothing more.
    fn settle(&mut self) {
        while let Some(action) = self.out.pop() {
            match action {
                Action::Disk(DiskJob { job, op, .. }) => self.disk(job, op),
                Action::Connect { conn, .. } => {
                    self.conn = Some(conn);
                    self.handle(Input::Connected { conn });
                }
                Action::WantWrite { .. } => self.writable = true,
                Action::Close { .. } => panic!("the engine closed the connection"),
                _ => {}
            }
        }
        // As a busy stream does, this one takes what gathered, now and then.
        if self.asked.len() < 8 && std::mem::take(&mut self.writable) {
            self.write();
        }
    }

    fn write(&mut self) {
        let Some(conn) = self.conn else { return };
        loop {
            let mut len = 0;
            {
                let mut slices: Vec<&[u8]> = Vec::new();
                self.engine
                    .outgoing(conn, usize::MAX, self.now, &mut slices);
                for slice in slices {
                    self.received.extend_from_slice(slice);
                    len += slice.len();
                }
            }
            if len == 0 {
                break;
            }
            self.handle(Input::Sent { conn, len });
        }
        self.read_requests();
    }

    /// Takes whole messages off what the engine sent, and notes the requests.
    fn read_requests(&mut self) {
        let mut at = 0;
        while let Some(head) = self.received[at..].first_chunk::<4>() {
            let len = u32::from_be_bytes(*head) as usize;
            let Some(body) = self.received.get(at + 4..at + 4 + len) else {
                break;
            };
            if let [6, rest @ ..] = body {
                let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
                self.asked.push_back((word(0), word(4)));
            }
            at += 4 + len;
        }
        self.received.drain(..at);
    }

    fn disk(&mut self, job: superseed_engine::JobKey, op: DiskOp) {
        let result = match op {
            DiskOp::Open => DiskResult::Opened(Ok(Box::new(OpenReport {
                trusted: Bitfield::new(PIECES),
                unchecked: Bitfield::new(PIECES),
                record: None,
                device: 0,
            }))),
            DiskOp::Write {
                piece,
                blocks,
                mut hasher,
                expected,
                ..
            } => {
                let state = hasher.as_mut().expect("nothing is spilled here");
                for block in &blocks {
                    state.update(block.bytes());
                }
                let outcome = expected.map_or(PieceVerdict::Unfinished, |expected| {
                    let hasher = hasher.take().expect("it was there a line ago");
                    let proof = hasher.finish(piece, &expected).expect("the data is right");
                    PieceVerdict::Verified(proof)
                });
                DiskResult::Written {
                    blocks,
                    hasher,
                    outcome: Ok(outcome),
                }
            }
            DiskOp::Sync => DiskResult::Synced(Ok(())),
            DiskOp::SaveRecord(_) => DiskResult::Saved(Ok(())),
            other => panic!("unexpected {other:?}"),
        };
        self.handle(Input::DiskDone { job, result });
    }

    fn say(&mut self, message: &Message<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.hear(&bytes);
    }

    fn hear(&mut self, bytes: &[u8]) {
        let conn = self.conn.expect("a connection");
        self.handle(Input::Received { conn, bytes });
        self.settle();
    }

    /// Answers one request; false if there is none.
    fn serve_one(&mut self) -> bool {
        let Some((piece, begin)) = self.asked.pop_front() else {
            return false;
        };
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        encode_piece_header(piece, begin, BLOCK_LEN, &mut block);
        block.resize(block.len() + BLOCK_LEN as usize, 7);
        self.hear(&block);
        self.block = block;
        true
    }
}

fn scene() -> Scene {
    let content = vec![7; (PIECE_LEN * PIECES) as usize];
    let torrent = TorrentBuilder::new("steady", PIECE_LEN).single_file(content.len() as u64);
    let metainfo = Metainfo::parse(&torrent.hash_content(&content).build()).unwrap();
    let swarm = metainfo.info_hashes.primary_swarm_key();
    let mut scene = Scene {
        engine: Engine::new(Settings::default(), [1; 32]),
        out: Outbox::new(),
        now: Time::START,
        conn: None,
        asked: VecDeque::with_capacity(4_096),
        received: Vec::with_capacity(1 << 20),
        block: Vec::with_capacity(BLOCK_LEN as usize + 64),
        writable: false,
    };
    scene.handle(Input::Listening {
        listener: ListenerId(0),
        addr: ([10, 0, 0, 1], 6881).into(),
    });
    let options = TorrentOptions {
        peers: vec![([10, 0, 0, 2], 6881).into()],
        ..TorrentOptions::default()
    };
    let add = AddTorrent {
        ticket: Ticket(1),
        source: TorrentSource::Metainfo(Arc::new(metainfo)),
        options,
    };
    scene.handle(Input::Command(Command::Add(Box::new(add))));
    scene.settle();
    let reserved = Reserved::default().with(Capability::Fast);
    let handshake = Handshake {
        reserved,
        swarm,
        peer_id: PeerId([9; 20]),
    };
    scene.received.clear();
    scene.hear(&handshake.encode());
    // What the engine sent so far began with its handshake, which is no message.
    scene.received.clear();
    scene.say(&Message::HaveAll);
    scene.say(&Message::Unchoke);
    scene
}

#[test]
fn a_steady_download_allocates_nothing_per_block() {
    let mut scene = scene();
    let mut served = 0;
    // Pools, queues and windows grow to their size first.
    while served < 8 * BLOCKS_PER_PIECE {
        assert!(
            scene.serve_one(),
            "the engine stopped asking after {served} blocks"
        );
        served += 1;
    }
    let before = served;
    let counted = allocation_counter::measure(|| {
        while served < 20 * BLOCKS_PER_PIECE {
            assert!(
                scene.serve_one(),
                "the engine stopped asking after {served} blocks"
            );
            served += 1;
        }
    });
    let blocks = served - before;
    let per_block = counted.count_total as f64 / blocks as f64;
    // A job of 16 blocks or more owns one list of buffers and a boxed hash
    // state's copy; a piece owns its tables.
    assert!(
        per_block < 0.35,
        "{} allocations for {blocks} blocks",
        counted.count_total
    );
}
