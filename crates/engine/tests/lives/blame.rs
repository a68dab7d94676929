//! Who is banned for a wrong piece, and who is not.

use std::collections::BTreeSet;
use std::net::IpAddr;

use superseed_engine::disk::PieceVerdict;
use superseed_engine::{
    Action, Command, ConnKey, DiskErrorKind, DiskJob, DiskOp, DiskResult, Event, EventKind, Input,
    Settings, StreamEnd, TorrentKey, TorrentOptions, TorrentState,
};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::metainfo::Metainfo;
use superseed_proto::wire::{Message, encode_piece_header};
use superseed_proto::{BLOCK_LEN, PieceIndex};

use crate::scene::{Scene, error, nothing, torrent};

/// Two runs: what is wrong in the first is on the disk when the piece fails.
const PIECE_LEN: u32 = 2 << 20;

/// A scene with a disk that keeps what it is given.
struct Stage {
    scene: Scene,
    key: TorrentKey,
    metainfo: std::sync::Arc<Metainfo>,
    disk: Vec<u8>,
    piece_len: u32,
    /// Digests fail.
    broken: bool,
    /// Verdicts so far, by piece, and whether the piece was right.
    verdicts: Vec<(u32, bool)>,
    digests: usize,
}

impl Stage {
    fn new(piece_len: u32, pieces: u32) -> Self {
        let mut scene = Scene::new(Settings::default());
        let metainfo = torrent("a", piece_len, pieces);
        let key = scene.add_open(&metainfo, TorrentOptions::default(), nothing(pieces));
        Self {
            scene,
            key,
            metainfo,
            disk: vec![0; (piece_len * pieces) as usize],
            piece_len,
            broken: false,
            verdicts: Vec::new(),
            digests: 0,
        }
    }

    fn seed(&mut self) -> ConnKey {
        let conn = self.scene.peer(&self.metainfo.clone());
        self.scene.say(conn, &Message::HaveAll);
        self.scene.say(conn, &Message::Unchoke);
        conn
    }

    fn range(&self, piece: PieceIndex, begin: u32, len: u32) -> std::ops::Range<usize> {
        let start = (piece.0 * self.piece_len + begin) as usize;
        start..start + len as usize
    }

    /// Answers the oldest disk job.
    fn serve_one(&mut self) {
        let DiskJob { job, torrent, op } = self.scene.jobs.remove(0);
        let result = match op {
            DiskOp::Write {
                piece,
                begin,
                blocks,
                mut hasher,
                expected,
            } => {
                let bytes: Vec<u8> = blocks.iter().flat_map(|buf| buf.bytes().to_vec()).collect();
                if let Some(hasher) = &mut hasher {
                    hasher.update(&bytes);
                }
                let verdict = expected.map_or(PieceVerdict::Unfinished, |expected| {
                    let proof = hasher.take().unwrap().finish(piece, &expected);
                    self.verdicts.push((piece.0, proof.is_some()));
                    proof.map_or(PieceVerdict::Mismatch, PieceVerdict::Verified)
                });
                if verdict != PieceVerdict::Mismatch {
                    let range = self.range(piece, begin, bytes.len() as u32);
                    self.disk[range].copy_from_slice(&bytes);
                }
                DiskResult::Written {
                    blocks,
                    hasher,
                    outcome: Ok(verdict),
                }
            }
            DiskOp::HashBack {
                piece,
                begin,
                len,
                mut hasher,
                expected,
            } => {
                hasher.update(&self.disk[self.range(piece, begin, len)]);
                let (hasher, verdict) = match expected {
                    None => (Some(hasher), PieceVerdict::Unfinished),
                    Some(expected) => {
                        let proof = hasher.finish(piece, &expected);
                        self.verdicts.push((piece.0, proof.is_some()));
                        let verdict = proof.map_or(PieceVerdict::Mismatch, PieceVerdict::Verified);
                        (None, verdict)
                    }
                };
                DiskResult::HashedBack {
                    hasher,
                    outcome: Ok(verdict),
                }
            }
            DiskOp::Digest {
                piece, unwritten, ..
            } => {
                self.digests += 1;
                let in_memory: usize = unwritten.iter().map(|buf| buf.bytes().len()).sum();
                let on_disk = self.range(piece, 0, self.piece_len - in_memory as u32);
                let mut bytes = self.disk[on_disk].to_vec();
                for buf in &unwritten {
                    bytes.extend_from_slice(buf.bytes());
                }
                let digests = bytes.chunks(BLOCK_LEN as usize).map(Sha1Hash::of).collect();
                let outcome = if self.broken {
                    Err(error(DiskErrorKind::Io))
                } else {
                    Ok(digests)
                };
                DiskResult::Digested { unwritten, outcome }
            }
            op => {
                self.scene.jobs.insert(0, DiskJob { job, torrent, op });
                return self.scene.serve_one();
            }
        };
        self.scene.done(job, result);
    }

    /// Answers disk jobs until none is left that `serves`.
    fn serve(&mut self, serves: impl Fn(&DiskOp) -> bool) {
        while let Some(at) = self.scene.jobs.iter().position(|job| serves(&job.op)) {
            let job = self.scene.jobs.remove(at);
            self.scene.jobs.insert(0, job);
            self.serve_one();
        }
    }

    /// A peer brings a block, right or wrong.
    fn bring(&mut self, conn: ConnKey, block: (u32, u32), wrong: bool) {
        if !wrong {
            return self.scene.bring(conn, block);
        }
        let mut bytes = Vec::new();
        encode_piece_header(block.0, block.1, BLOCK_LEN, &mut bytes);
        bytes.resize(bytes.len() + BLOCK_LEN as usize, 99);
        self.scene.hear(conn, &bytes);
    }

    /// Peers bring all they are asked for, in turns, until the engine asks for
    /// nothing more or `over`. The liar's blocks are wrong.
    fn exchange(
        &mut self,
        peers: &[ConnKey],
        liar: Option<ConnKey>,
        serves: impl Fn(&DiskOp) -> bool + Copy,
        over: impl Fn(&Self) -> bool,
    ) {
        let mut any = true;
        while any && !over(self) {
            any = false;
            for conn in peers {
                for block in self.scene.take_asked(*conn) {
                    any = true;
                    self.bring(*conn, block, liar == Some(*conn));
                    self.serve(serves);
                }
            }
        }
    }

    /// Two peers bring the torrent until a piece was wrong; the second lies.
    fn spoil(&mut self) -> (ConnKey, ConnKey) {
        let (honest, liar) = (self.seed(), self.seed());
        let no_digests = |op: &DiskOp| !matches!(op, DiskOp::Digest { .. });
        self.exchange(&[honest, liar], Some(liar), no_digests, |stage| {
            stage.verdicts.iter().any(|(_, right)| !right)
        });
        assert!(self.verdicts.contains(&(0, false)), "{:?}", self.verdicts);
        // What was asked for twice at the end came from the other.
        for conn in [honest, liar] {
            self.scene.take_asked(conn);
        }
        (honest, liar)
    }

    fn banned(&self) -> BTreeSet<IpAddr> {
        let banned = self.scene.actions.iter().filter_map(|action| match action {
            Action::Event(Event {
                kind: EventKind::PeerBanned { addr },
                ..
            }) => Some(addr.ip()),
            _ => None,
        });
        banned.collect()
    }

    fn state(&self) -> TorrentState {
        let stats = self.scene.engine.torrent_stats(self.key, self.scene.now);
        stats.unwrap().state
    }
}

/// The addresses of the first and the second stranger.
const HONEST: [u8; 4] = [10, 0, 1, 1];
const LIAR: [u8; 4] = [10, 0, 1, 2];

#[test]
fn of_a_large_piece_on_the_disk_the_liar_is_found_and_nobody_else() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    let (honest, liar) = stage.spoil();
    assert!(stage.banned().is_empty(), "it is not known yet who lied");
    stage.serve(|_| true);
    stage.exchange(&[honest, liar], None, |_| true, |_| false);
    assert_eq!(stage.state(), TorrentState::Seeding);
    assert_eq!(stage.digests, 2);
    assert_eq!(comes_back(&mut stage, HONEST), Admission::LetIn);
    assert_eq!(comes_back(&mut stage, LIAR), Admission::Refused);
}

#[test]
fn of_a_small_piece_too() {
    let mut stage = Stage::new(1 << 20, 1);
    let (honest, liar) = stage.spoil();
    stage.serve(|_| true);
    stage.exchange(&[honest, liar], None, |_| true, |_| false);
    assert_eq!(stage.state(), TorrentState::Seeding);
    assert_eq!(comes_back(&mut stage, HONEST), Admission::LetIn);
    assert_eq!(comes_back(&mut stage, LIAR), Admission::Refused);
}

#[test]
fn nothing_of_a_wrong_piece_is_asked_for_or_written_before_its_digests_are_there() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    let (honest, liar) = stage.spoil();
    let newcomer = stage.seed();
    for conn in [honest, liar, newcomer] {
        assert!(stage.scene.take_asked(conn).is_empty());
    }
    stage.bring(newcomer, (0, 0), false);
    assert!(!stage.scene.has_job(|op| matches!(op, DiskOp::Write { .. })));
    stage.serve(|_| true);
    let asked = [honest, liar, newcomer].map(|conn| stage.scene.take_asked(conn).len());
    assert!(asked.iter().sum::<usize>() > 0);
}

#[test]
fn a_disk_that_cannot_say_who_lied_leads_to_no_ban_and_stops_nothing() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    stage.broken = true;
    let (honest, liar) = stage.spoil();
    stage.serve(|_| true);
    stage.exchange(&[honest, liar], None, |_| true, |_| false);
    assert_eq!(stage.state(), TorrentState::Seeding);
    assert!(stage.banned().is_empty());
}

#[test]
fn a_liar_that_left_before_the_verdict_is_not_let_in_again() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    let (honest, liar) = stage.spoil();
    let end = StreamEnd::Eof;
    stage.scene.handle(Input::Closed { conn: liar, end });
    stage.serve(|_| true);
    stage.exchange(&[honest], None, |_| true, |_| false);
    assert_eq!(stage.state(), TorrentState::Seeding);
    assert_eq!(comes_back(&mut stage, HONEST), Admission::LetIn);
    assert_eq!(comes_back(&mut stage, LIAR), Admission::Refused);
}

#[derive(Debug, PartialEq, Eq)]
enum Admission {
    LetIn,
    Refused,
}

/// Somebody from this address connects and shakes hands.
fn comes_back(stage: &mut Stage, ip: [u8; 4]) -> Admission {
    stage.scene.handle(Input::Incoming {
        ticket: superseed_engine::Ticket(u64::from(u32::from_be_bytes(ip))),
        remote: (ip, 60_000).into(),
        listener: superseed_engine::ListenerId(0),
    });
    let Some(Action::Accept { conn, .. }) = stage.scene.actions.pop() else {
        panic!("a stranger is let in to say what it wants");
    };
    let id = superseed_proto::PeerId([ip[3] + 100; 20]);
    let metainfo = stage.metainfo.clone();
    stage.scene.shake_hands(conn, &metainfo, id);
    if stage.scene.is_closed(conn) {
        Admission::Refused
    } else {
        Admission::LetIn
    }
}

#[test]
fn a_pause_while_the_digests_are_made_loses_nothing() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    stage.spoil();
    stage.scene.command(Command::Pause(stage.key));
    stage.serve(|_| true);
    assert_eq!(stage.scene.engine.buffered_bytes(), 0);
    stage.scene.command(Command::Resume(stage.key));
    let other = stage.seed();
    stage.exchange(&[other], None, |_| true, |_| false);
    assert_eq!(stage.state(), TorrentState::Seeding);
    assert_eq!(comes_back(&mut stage, LIAR), Admission::Refused);
    assert_eq!(comes_back(&mut stage, HONEST), Admission::LetIn);
}

#[test]
fn a_recheck_while_the_digests_are_made_forgets_the_attempt() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    stage.spoil();
    stage.scene.command(Command::Recheck(stage.key));
    stage.serve(|op| matches!(op, DiskOp::Digest { .. }));
    assert_eq!(stage.scene.engine.buffered_bytes(), 0);
    assert!(stage.banned().is_empty());
}

#[test]
fn what_a_single_host_sent_needs_no_digests() {
    let mut stage = Stage::new(PIECE_LEN, 1);
    let liar = stage.seed();
    stage.exchange(&[liar], Some(liar), |_| true, |_| false);
    assert_eq!(stage.banned(), BTreeSet::from([HONEST.into()]));
    assert_eq!(stage.digests, 0);
}

#[test]
fn while_it_is_not_known_who_lied_other_pieces_of_the_suspects_wait_for_their_verdict() {
    let mut stage = Stage::new(1 << 20, 8);
    let (honest, liar) = (stage.seed(), stage.seed());
    stage.exchange(&[honest, liar], Some(liar), |_| true, |_| false);
    let wrong = stage.verdicts.iter().filter(|(_, right)| !right).count();
    assert!(wrong <= 2, "{:?}", stage.verdicts);
    assert_eq!(stage.banned(), BTreeSet::from([LIAR.into()]));
    assert_eq!(stage.state(), TorrentState::Seeding);
}
