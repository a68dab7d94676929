//! Who spoilt a piece.
//!
//! A wrong piece of which one host sent everything is that host's. Of several,
//! a worker digests what each of them sent, before any of it is asked for or
//! written again; when the piece is right, it digests the right bytes, and who
//! sent a block that differs is banned, and nobody else. Until then all of them
//! are *on parole*: each works on pieces of its own, so that the next mistake
//! has a name; and pieces that they brought together wait for their verdict, so
//! that one liar does not spoil all that are under way. What a banned host sent
//! and nobody verified is thrown away.
//!
//! No answer of the disk, no ban. Nothing is hashed here.

use std::collections::VecDeque;
use std::time::Duration;

use superseed_proto::hash::{ExpectedHash, Sha1Hash};
use superseed_proto::layout::{Block, PieceIndex};

use super::Torrent;
use super::writing::Run;
use crate::block::BlockBuf;
use crate::disk::{DiskError, DiskOp};
use crate::engine::jobs::JobKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::ids::ConnKey;
use crate::limits::{SUSPECT_BLOCKS_MAX, SUSPECT_PIECES_MAX};
use crate::peer::Sender;
use crate::time::Time;

/// How long verdicts wait while nothing comes of the wrong pieces: nobody may
/// have them any more.
const INQUIRY_PATIENCE: Duration = Duration::from_secs(30);

/// A block as it was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    block: u32,
    sender: Sender,
    digest: Sha1Hash,
}

/// What was sent of one piece in its wrong attempts.
#[derive(Debug)]
struct SpoiltPiece {
    piece: PieceIndex,
    /// All who sent, each once.
    senders: Vec<Sender>,
    sent: Vec<Sent>,
}

/// What was sent of pieces that hashed wrong and were not right since, in the
/// order in which they first failed.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    pieces: VecDeque<SpoiltPiece>,
    /// Digests of all pieces.
    digests: usize,
    /// Verdicts on pieces of several hosts wait.
    inquiry: bool,
    /// Blocks of wrong pieces that had come again when it was last looked.
    brought_again: u32,
}

impl Suspects {
    /// A piece of these is wrong. At a limit the oldest makes room.
    fn open(&mut self, piece: PieceIndex, senders: Vec<Sender>) {
        let mut all = self.take(piece).unwrap_or(SpoiltPiece {
            piece,
            senders: Vec::new(),
            sent: Vec::new(),
        });
        all.senders.extend(senders);
        all.senders.sort_unstable();
        all.senders.dedup();
        if self.pieces.len() >= SUSPECT_PIECES_MAX {
            self.drop_oldest();
        }
        self.digests += all.sent.len();
        self.pieces.push_back(all);
    }

    /// Adds what was sent in the last attempt at the piece that was opened.
    fn add(&mut self, piece: PieceIndex, sent: Vec<Sent>) {
        while self.digests + sent.len() > SUSPECT_BLOCKS_MAX && !self.pieces.is_empty() {
            self.drop_oldest();
        }
        let found = self.pieces.iter_mut().find(|all| all.piece == piece);
        if let Some(all) = found {
            self.digests += sent.len();
            all.sent.extend(sent);
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.pieces.pop_front() {
            self.digests -= oldest.sent.len();
        }
    }

    fn take(&mut self, piece: PieceIndex) -> Option<SpoiltPiece> {
        let at = self.pieces.iter().position(|all| all.piece == piece)?;
        let all = self.pieces.remove(at)?;
        self.digests -= all.sent.len();
        Some(all)
    }

    fn has(&self, piece: PieceIndex) -> bool {
        self.pieces.iter().any(|all| all.piece == piece)
    }

    /// Wrong pieces that are remembered.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Digests of what was sent of them.
    pub(super) fn digests(&self) -> usize {
        self.digests
    }

    /// Whether nobody is suspected of anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether somebody may have sent a wrong block.
    pub(crate) fn names(&self, sender: Sender) -> bool {
        self.pieces.iter().any(|all| all.senders.contains(&sender))
    }
}

impl SpoiltPiece {
    /// Who sent something else than what is right, each once.
    fn culprits(&self, right: &[Sha1Hash]) -> Vec<Sender> {
        let wrong = self.sent.iter().filter(|sent| {
            let right = right.get(sent.block as usize);
            right.is_some_and(|right| *right != sent.digest)
        });
        let mut culprits: Vec<_> = wrong.map(|sent| sent.sender).collect();
        culprits.sort_unstable();
        culprits.dedup();
        culprits
    }
}

impl Torrent {
    /// A piece hashed wrong; `unwritten` are its last blocks, where they are
    /// still in memory.
    pub(super) fn piece_was_wrong(&mut self, cx: &mut Cx<'_>, run: Run, unwritten: Vec<BlockBuf>) {
        let piece = run.piece;
        self.lasting.totals.wasted += u64::from(self.layout.piece_len(piece));
        cx.event(self.key, EventKind::PieceFailed(piece));
        let mut senders: Vec<_> = self.senders(piece).map(|(_, sender)| sender).collect();
        senders.sort_unstable();
        senders.dedup();
        if let [culprit] = senders[..] {
            self.give_all(cx, unwritten);
            self.begin_again(cx, piece);
            return self.ban_sender(cx, culprit);
        }
        // Until the answer every block counts as received, so that none is
        // asked for; nor is any written.
        self.store.freeze(piece);
        self.suspects.open(piece, senders);
        if !std::mem::replace(&mut self.suspects.inquiry, true) {
            cx.timer(Timer::Inquiry(self.key), cx.now + INQUIRY_PATIENCE);
        }
        self.review_parole(cx);
        self.digest(cx, JobKind::DigestWrong(run), piece, unwritten, None);
    }

    fn digest(
        &self,
        cx: &mut Cx<'_>,
        kind: JobKind,
        piece: PieceIndex,
        unwritten: Vec<BlockBuf>,
        expected: Option<ExpectedHash>,
    ) {
        let op = DiskOp::Digest {
            piece,
            unwritten,
            expected,
        };
        self.disk(cx, kind, op);
    }

    /// The blocks of a started piece with who sent them.
    fn senders(&self, piece: PieceIndex) -> impl Iterator<Item = (u32, Sender)> + '_ {
        let senders = self.picker.contributors(piece);
        senders.filter_map(move |(block, conn)| Some((block, self.store.sender_of(piece, conn)?)))
    }

    /// All of a piece is missing, and to be asked for again.
    fn begin_again(&mut self, cx: &mut Cx<'_>, piece: PieceIndex) {
        self.store.forget(piece, &mut cx.shared.pool);
        self.picker.piece_failed(piece);
        self.refill_due = true;
    }

    /// What was sent of a wrong piece is digested, or could not be.
    pub(crate) fn digested_wrong(
        &mut self,
        cx: &mut Cx<'_>,
        run: Run,
        unwritten: Vec<BlockBuf>,
        outcome: Result<Vec<Sha1Hash>, DiskError>,
    ) {
        self.give_all(cx, unwritten);
        if self.store.attempt(run.piece) != Some(run.attempt) {
            return;
        }
        // An error says nothing of who sent what; if it lasts, the next write
        // will say so.
        if let Ok(digests) = outcome {
            let sent = self.senders(run.piece).filter_map(|(block, sender)| {
                let digest = *digests.get(block as usize)?;
                Some(Sent {
                    block,
                    sender,
                    digest,
                })
            });
            let sent = sent.collect();
            self.suspects.add(run.piece, sent);
        }
        self.begin_again(cx, run.piece);
    }

    /// A piece is right and written: if it was wrong before, its bytes tell
    /// who sent the wrong ones.
    pub(super) fn compare_suspects(&mut self, cx: &mut Cx<'_>, piece: PieceIndex) {
        if self.suspects.has(piece) {
            let expected = Some(self.metainfo.info.expected_hash(piece));
            let kind = JobKind::DigestRight(piece);
            self.digest(cx, kind, piece, Vec::new(), expected);
        }
    }

    /// The right bytes of a piece are digested, or could not be.
    pub(crate) fn digested_right(
        &mut self,
        cx: &mut Cx<'_>,
        piece: PieceIndex,
        outcome: Result<Vec<Sha1Hash>, DiskError>,
    ) {
        let Some(spoilt) = self.suspects.take(piece) else {
            return;
        };
        if let Ok(right) = outcome {
            for culprit in spoilt.culprits(&right) {
                self.ban_sender(cx, culprit);
            }
        }
        self.review_parole(cx);
        if self.suspects.is_empty() {
            self.end_inquiry(cx);
        }
    }

    /// Whether the verdict on a piece waits until it is known who spoilt another.
    pub(super) fn awaits_inquiry(&self, piece: PieceIndex) -> bool {
        self.suspects.inquiry
            && !self.suspects.has(piece)
            && self
                .store
                .is_mixed(piece, |sender| self.suspects.names(sender))
    }

    /// Verdicts waited for a while: longer if something came of the wrong pieces.
    pub(crate) fn inquiry_due(&mut self, cx: &mut Cx<'_>) {
        let started = self.picker.started();
        let again = started.filter(|started| self.suspects.has(started.piece));
        let brought = again.map(|started| started.received).sum();
        if std::mem::replace(&mut self.suspects.brought_again, brought) == brought {
            self.end_inquiry(cx);
        } else {
            cx.timer(Timer::Inquiry(self.key), cx.now + INQUIRY_PATIENCE);
        }
    }

    /// Verdicts wait no longer.
    fn end_inquiry(&mut self, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.suspects.inquiry) {
            cx.timer(Timer::Inquiry(self.key), Time::NEVER);
            self.write_all(cx);
        }
    }

    /// Looks again at who works alone.
    fn review_parole(&self, cx: &mut Cx<'_>) {
        for key in self.suppliers() {
            let Some(conn) = cx.conns.get_mut(key) else {
                continue;
            };
            let on_parole = self.suspects.names(conn.sender());
            if let Some(peer) = conn.peer_mut() {
                peer.on_parole = on_parole;
            }
        }
    }

    /// Throws away what banned hosts sent of pieces that have no verdict: each
    /// block of it could cost the whole piece.
    pub(super) fn drop_distrusted(&mut self, cx: &mut Cx<'_>) {
        let started: Vec<_> = self.picker.started().map(|started| started.piece).collect();
        for piece in started {
            self.drop_distrusted_of(cx, piece);
        }
    }

    /// The same for one piece, of which a job ended.
    pub(super) fn drop_tainted(&mut self, cx: &mut Cx<'_>, piece: PieceIndex) {
        if self.store.take_tainted(piece) {
            self.drop_distrusted_of(cx, piece);
        }
    }

    fn drop_distrusted_of(&mut self, cx: &mut Cx<'_>, piece: PieceIndex) {
        let distrusted = self
            .senders(piece)
            .filter(|(_, sender)| self.is_banned(*sender));
        let blocks: Vec<u32> = distrusted.map(|(block, _)| block).collect();
        for index in blocks {
            let block = Block { piece, index };
            let (out, buf) = self.store.take_out(block);
            if let Some(buf) = buf {
                cx.shared.pool.give(buf);
            }
            if out {
                self.lasting.totals.wasted += u64::from(self.layout.block_len(block));
                self.picker.blocks_lost(piece, index..index + 1);
                self.refill_due = true;
            }
        }
    }

    /// Never again.
    fn ban_sender(&mut self, cx: &mut Cx<'_>, culprit: Sender) {
        match culprit {
            Sender::Peer(ip) => self.ban(cx, ip),
            Sender::WebSeed(source) => self.ban_web_seed(cx, source),
        }
    }

    fn is_banned(&self, sender: Sender) -> bool {
        match sender {
            Sender::Peer(ip) => self.lasting.candidates.is_banned(ip),
            Sender::WebSeed(source) => {
                let seeds = self.web_seeds.as_ref();
                seeds.is_some_and(|seeds| seeds.source(source).is_banned())
            }
        }
    }

    /// Whether a connection's host is on parole.
    pub(super) fn is_suspect(&self, cx: &Cx<'_>, key: ConnKey) -> bool {
        let conn = cx.conns.get(key);
        conn.is_some_and(|conn| self.suspects.names(conn.sender()))
    }
}
