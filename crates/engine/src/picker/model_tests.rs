//! Random sequences of operations against a model that keeps everything in the
//! plainest way.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::order::BANDS;
use super::partial::Reach;
use super::tests::{conn, rng};
use super::*;
use crate::time::Time;

const PIECES: u32 = 9;
const CONNS: u64 = 4;

#[derive(Clone, Debug, Default)]
struct ModelBlock {
    asked: BTreeSet<ConnKey>,
    from: Option<ConnKey>,
}

#[derive(Clone, Debug)]
struct ModelPiece {
    priority: Priority,
    unchecked: bool,
    have: bool,
    /// It hashed wrong and was not right since.
    failed: bool,
    blocks: Vec<ModelBlock>,
}

impl ModelPiece {
    fn wanted(&self) -> bool {
        self.priority != Priority::Skip
    }

    fn askable(&self) -> bool {
        self.wanted() && !self.unchecked && !self.have
    }

    /// A piece that failed is one peer's at a time.
    fn admits(&self, conn: ConnKey) -> bool {
        let mut asked = self.blocks.iter().flat_map(|block| &block.asked);
        !self.failed || asked.all(|other| *other == conn)
    }

    fn forget(&mut self) {
        self.blocks.fill(ModelBlock::default());
        (self.unchecked, self.have) = (false, false);
    }
}

struct Model {
    layout: Layout,
    pieces: Vec<ModelPiece>,
    peers: Vec<Bitfield>,
    /// Which of them had everything when they joined.
    joined_full: Vec<bool>,
    deadlines: BTreeSet<(Time, PieceIndex)>,
}

impl Model {
    fn block(&mut self, block: Block) -> &mut ModelBlock {
        &mut self.pieces[block.piece.0 as usize].blocks[block.index as usize]
    }

    fn blocks(&self) -> impl Iterator<Item = (Block, &ModelPiece, &ModelBlock)> {
        (0..).zip(&self.pieces).flat_map(|(piece, of)| {
            let blocks = (0..).zip(&of.blocks);
            blocks.map(move |(index, block)| {
                (
                    Block {
                        piece: PieceIndex(piece),
                        index,
                    },
                    of,
                    block,
                )
            })
        })
    }

    fn set_deadline(&mut self, piece: u32, deadline: Option<Time>) {
        self.deadlines.retain(|(_, other)| other.0 != piece);
        let missing = !self.pieces[piece as usize].have;
        let deadline = deadline.filter(|_| missing);
        self.deadlines
            .extend(deadline.map(|at| (at, PieceIndex(piece))));
    }

    fn unasked(&self) -> impl Iterator<Item = Block> {
        let missing = self.blocks().filter(|(_, piece, block)| {
            piece.askable() && block.asked.is_empty() && block.from.is_none()
        });
        missing.map(|(block, ..)| block)
    }

    fn endgame(&self) -> bool {
        let unchecked = self
            .pieces
            .iter()
            .any(|piece| piece.wanted() && piece.unchecked);
        !unchecked && self.pieces.iter().any(ModelPiece::askable) && self.unasked().next().is_none()
    }

    fn bytes(&self, is: impl Fn(&ModelPiece) -> bool) -> u64 {
        let pieces = self
            .layout
            .pieces()
            .zip(&self.pieces)
            .filter(|(_, piece)| is(piece));
        pieces
            .map(|(piece, _)| u64::from(self.layout.piece_len(piece)))
            .sum()
    }

    fn assert_agrees(&self, picker: &Picker) {
        let urgent = self.deadlines.iter().copied();
        let urgent = urgent.filter(|(_, piece)| self.pieces[piece.0 as usize].askable());
        assert!(picker.urgent().eq(urgent));
        assert_eq!(picker.wanted_bytes(), self.bytes(ModelPiece::wanted));
        assert_eq!(
            picker.left_bytes(),
            self.bytes(|piece| piece.wanted() && !piece.have)
        );
        assert_eq!(picker.have_bytes(), self.bytes(|piece| piece.have));
        assert_eq!(
            picker.unasked.iter().sum::<u64>(),
            self.unasked().count() as u64
        );
        assert_eq!(picker.endgame(), self.endgame());
        for (piece, of) in self.layout.pieces().zip(&self.pieces) {
            assert_eq!(picker.have().has(piece), of.have);
            assert_eq!(picker.wanted_missing().has(piece), of.askable());
            let holders = self.peers.iter().filter(|have| have.has(piece)).count();
            assert_eq!(picker.availability(piece) as usize, holders);
            let from = (0..)
                .zip(&of.blocks)
                .filter_map(|(at, block)| Some((at, block.from?)));
            let known: Vec<_> = if of.have { Vec::new() } else { from.collect() };
            assert!(picker.contributors(piece).eq(known));
        }
        for (block, piece, of) in self.blocks() {
            assert_eq!(
                picker.is_block_missing(block),
                piece.askable() && of.from.is_none()
            );
        }
        for have in &self.peers {
            let interesting = have
                .iter()
                .any(|piece| self.pieces[piece.0 as usize].askable());
            assert_eq!(picker.interesting(have), interesting);
        }
        assert_ordered(picker);
    }
}

/// The index of open pieces is sorted, complete and knows its own places.
fn assert_ordered(picker: &Picker) {
    let mut indexed = 0;
    for band in BANDS {
        let order: Vec<_> = picker.bands.of(band).unwrap().iter().collect();
        let rarity = |piece: &PieceIndex| std::cmp::Reverse(picker.pieces.availability(*piece));
        assert!(order.is_sorted_by_key(rarity));
        for (place, piece) in (0..).zip(&order) {
            assert_eq!(picker.pieces.place(*piece), place);
            assert_eq!(picker.pieces.priority(*piece), band);
            assert!(picker.open.has(*piece));
        }
        indexed += order.len();
    }
    assert_eq!(picker.open.count() as usize, indexed);
    picker.started.assert_ordered(&picker.pieces);
    for glance in picker.started() {
        assert!(picker.is_started(glance.piece));
        assert!(glance.missing < picker.layout.block_count(glance.piece));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Pick {
        peer: usize,
        count: usize,
        may_start: bool,
        fast: bool,
        snubbed: bool,
        on_parole: bool,
        retries: bool,
    },
    PickUrgent {
        peer: usize,
        count: usize,
        may_start: bool,
        brings_by: u64,
        fastest: bool,
    },
    Deadline {
        piece: u32,
        at: Option<u64>,
    },
    Help {
        peer: usize,
        nth: usize,
        instead: bool,
    },
    Receive {
        peer: usize,
        nth: usize,
    },
    Stray {
        peer: usize,
        piece: u32,
        index: u32,
    },
    Release {
        peer: usize,
        nth: usize,
    },
    ReleaseAll {
        peer: usize,
    },
    Judge {
        piece: u32,
        good: bool,
    },
    Lose {
        piece: u32,
        start: u32,
        len: u32,
    },
    Prioritise {
        piece: u32,
        priority: Priority,
    },
    Set {
        piece: u32,
        to: u8,
    },
    Have {
        peer: usize,
        piece: u32,
    },
    Forget {
        peer: usize,
        piece: u32,
    },
    Rejoin {
        peer: usize,
        bits: u16,
    },
    Kind(PickerKind),
}

fn op() -> impl Strategy<Value = Op> {
    let (peer, piece) = (0..CONNS as usize, 0..PIECES);
    let priority = prop::sample::select(vec![
        Priority::Skip,
        Priority::Low,
        Priority::Normal,
        Priority::High,
    ]);
    let kind = prop::sample::select(vec![PickerKind::RarestFirst, PickerKind::InOrder]);
    prop_oneof![
        6 => (peer.clone(), 0usize..9, any::<[bool; 5]>()).prop_map(
            |(peer, count, [may_start, fast, snubbed, on_parole, retries])| {
                Op::Pick { peer, count, may_start, fast, snubbed, on_parole, retries }
            }
        ),
        4 => (peer.clone(), 0usize..40, any::<bool>())
            .prop_map(|(peer, nth, instead)| Op::Help { peer, nth, instead }),
        3 => (peer.clone(), 0usize..9, any::<[bool; 2]>(), 0u64..9).prop_map(
            |(peer, count, [may_start, fastest], brings_by)| {
                Op::PickUrgent { peer, count, may_start, brings_by, fastest }
            }
        ),
        2 => (piece.clone(), prop::option::of(0u64..9)).prop_map(|(piece, at)| Op::Deadline { piece, at }),
        8 => (peer.clone(), 0usize..40).prop_map(|(peer, nth)| Op::Receive { peer, nth }),
        1 => (peer.clone(), piece.clone(), 0u32..3)
            .prop_map(|(peer, piece, index)| Op::Stray { peer, piece, index }),
        3 => (peer.clone(), 0usize..40).prop_map(|(peer, nth)| Op::Release { peer, nth }),
        1 => peer.clone().prop_map(|peer| Op::ReleaseAll { peer }),
        5 => (piece.clone(), any::<bool>()).prop_map(|(piece, good)| Op::Judge { piece, good }),
        1 => (piece.clone(), 0u32..3, 0u32..4).prop_map(|(piece, start, len)| Op::Lose { piece, start, len }),
        2 => (piece.clone(), priority).prop_map(|(piece, priority)| Op::Prioritise { piece, priority }),
        1 => (piece.clone(), 0u8..3).prop_map(|(piece, to)| Op::Set { piece, to }),
        3 => (peer.clone(), piece.clone()).prop_map(|(peer, piece)| Op::Have { peer, piece }),
        2 => (peer.clone(), piece).prop_map(|(peer, piece)| Op::Forget { peer, piece }),
        1 => (peer, any::<u16>()).prop_map(|(peer, bits)| Op::Rejoin { peer, bits }),
        1 => kind.prop_map(Op::Kind),
    ]
}

fn nth_asked(model: &Model, peer: usize, nth: usize) -> Option<Block> {
    let asked = model
        .blocks()
        .filter(|(.., block)| block.asked.contains(&conn(peer as u64)));
    let asked: Vec<_> = asked.map(|(block, ..)| block).collect();
    (!asked.is_empty()).then(|| asked[nth % asked.len()])
}

fn receive(model: &mut Model, picker: &mut Picker, from: ConnKey, block: Block) {
    let receipt = picker.received(from, block);
    let piece = model.pieces[block.piece.0 as usize].clone();
    let of = model.block(block);
    let started = piece
        .blocks
        .iter()
        .any(|block| block.from.is_some() || !block.asked.is_empty());
    if piece.have || of.from.is_some() {
        assert_eq!(receipt, Receipt::Duplicate);
    } else if piece.unchecked || (!piece.wanted() && !started) || !piece.admits(from) {
        assert_eq!(receipt, Receipt::Unwanted);
    } else {
        let others: BTreeSet<_> = std::mem::take(&mut of.asked)
            .into_iter()
            .filter(|at| *at != from)
            .collect();
        of.from = Some(from);
        let complete = model.pieces[block.piece.0 as usize]
            .blocks
            .iter()
            .all(|block| block.from.is_some());
        let Receipt::First {
            cancel,
            piece_complete,
        } = receipt
        else {
            panic!("{receipt:?}")
        };
        assert_eq!(cancel.into_iter().collect::<BTreeSet<_>>(), others);
        assert_eq!(piece_complete, complete);
    }
}

fn apply(model: &mut Model, picker: &mut Picker, op: Op, seed: u64) {
    let rng = &mut rng(seed);
    match op {
        Op::Pick {
            peer,
            count,
            may_start,
            fast,
            snubbed,
            on_parole,
            retries,
        } => {
            let have = model.peers[peer].clone();
            let key = conn(peer as u64);
            let of = PickPeer {
                conn: key,
                have: &have,
                fast,
                snubbed,
                on_parole,
                retries,
            };
            let mut out = Vec::new();
            let started: BTreeSet<_> = picker.started().map(|started| started.piece).collect();
            let open: Vec<_> = model
                .unasked()
                .filter(|block| have.has(block.piece))
                .filter(|block| model.pieces[block.piece.0 as usize].admits(key))
                .collect();
            let possible = open
                .iter()
                .filter(|block| may_start || started.contains(&block.piece));
            let possible = possible.count().min(count);
            assert_eq!(picker.pick(&of, count, may_start, rng, &mut out), possible);
            assert_eq!(out.len(), possible);
            for block in out {
                assert!(open.contains(&block));
                assert!(
                    model.block(block).asked.insert(key) && model.block(block).asked.len() == 1
                );
            }
        }
        Op::PickUrgent {
            peer,
            count,
            may_start,
            brings_by,
            fastest,
        } => {
            let have = model.peers[peer].clone();
            let key = conn(peer as u64);
            let of = PickPeer {
                conn: key,
                have: &have,
                fast: false,
                snubbed: false,
                on_parole: false,
                retries: false,
            };
            let by = Time::from_micros(brings_by);
            let deadlines = model.deadlines.iter();
            let pieces = deadlines.filter(|(deadline, piece)| {
                let may = match picker.started_piece(*piece) {
                    Some(started) => Reach::Apart.admits(&of, started),
                    None => may_start,
                };
                (fastest || by <= *deadline)
                    && have.has(*piece)
                    && may
                    && model.pieces[piece.0 as usize].admits(key)
            });
            let expected: Vec<_> = pieces
                .flat_map(|(_, piece)| model.unasked().filter(|block| block.piece == *piece))
                .take(count)
                .collect();
            let mut out = Vec::new();
            picker.pick_urgent(&of, (by, fastest), count, may_start, &mut out);
            assert_eq!(out, expected);
            for block in out {
                model.block(block).asked.insert(key);
            }
        }
        Op::Deadline { piece, at } => {
            let at = at.map(Time::from_micros);
            picker.set_deadline(PieceIndex(piece), at);
            model.set_deadline(piece, at);
        }
        Op::Help { peer, nth, instead } => {
            let have = model.peers[peer].clone();
            let key = conn(peer as u64);
            let of = PickPeer {
                conn: key,
                have: &have,
                fast: false,
                snubbed: false,
                on_parole: false,
                retries: false,
            };
            let candidates = model.blocks().filter(|(block, piece, of)| {
                piece.wanted()
                    && !piece.failed
                    && have.has(block.piece)
                    && of.asked.len() == 1
                    && !of.asked.contains(&key)
            });
            let candidates: Vec<_> = candidates
                .flat_map(|(block, _, of)| of.asked.first().map(|first| (block, *first)))
                .collect();
            let Some(&(block, first)) = candidates.get(nth.min(candidates.len().saturating_sub(1)))
            else {
                return;
            };
            if instead {
                if picker.pass_on(block, first, &of) {
                    assert!(model.endgame());
                    model.block(block).asked = [key].into();
                }
            } else {
                let urgent = |(_, piece): &(_, PieceIndex)| *piece == block.piece;
                let may = model.endgame() || model.deadlines.iter().any(urgent);
                assert_eq!(picker.ask_too(block, first, &of), may);
                if may {
                    model.block(block).asked.insert(key);
                }
            }
        }
        Op::Receive { peer, nth } => {
            if let Some(block) = nth_asked(model, peer, nth) {
                receive(model, picker, conn(peer as u64), block);
            }
        }
        Op::Stray { peer, piece, index } => {
            let block = Block {
                piece: PieceIndex(piece),
                index,
            };
            if index < model.layout.block_count(block.piece) {
                receive(model, picker, conn(peer as u64), block);
            } else {
                assert_eq!(picker.received(conn(peer as u64), block), Receipt::Unwanted);
            }
        }
        Op::Release { peer, nth } => {
            if let Some(block) = nth_asked(model, peer, nth) {
                picker.released(conn(peer as u64), block);
                model.block(block).asked.remove(&conn(peer as u64));
            }
        }
        Op::ReleaseAll { peer } => {
            let key = conn(peer as u64);
            let asked = model.blocks().filter(|(.., of)| of.asked.contains(&key));
            let asked: BTreeSet<_> = asked.map(|(block, ..)| block).collect();
            assert_eq!(
                picker.release_all(key).into_iter().collect::<BTreeSet<_>>(),
                asked
            );
            for block in asked {
                model.block(block).asked.remove(&key);
            }
        }
        Op::Judge { piece, good } => {
            let of = &mut model.pieces[piece as usize];
            if of.have || of.unchecked || of.blocks.iter().any(|block| block.from.is_none()) {
                return;
            }
            if good {
                picker.piece_verified(PieceIndex(piece));
            } else {
                assert_eq!(
                    picker.piece_failed(PieceIndex(piece)).len(),
                    of.blocks.len()
                );
            }
            of.forget();
            (of.have, of.failed) = (good, !good);
            if good {
                model.set_deadline(piece, None);
            }
        }
        Op::Lose { piece, start, len } => {
            picker.blocks_lost(PieceIndex(piece), start..start + len);
            let of = &mut model.pieces[piece as usize];
            for block in of.blocks.iter_mut().skip(start as usize).take(len as usize) {
                block.from = None;
            }
        }
        Op::Prioritise { piece, priority } => {
            picker.set_priority(PieceIndex(piece), priority);
            model.pieces[piece as usize].priority = priority;
        }
        Op::Set { piece, to } => {
            let of = &mut model.pieces[piece as usize];
            // An open piece is set missing every time, a started one loses its blocks.
            of.forget();
            match to {
                0 => picker.set_missing(PieceIndex(piece)),
                1 => picker.set_have(PieceIndex(piece)),
                _ => picker.set_unchecked(PieceIndex(piece)),
            }
            (of.have, of.unchecked) = (to == 1, to == 2);
            of.failed &= !of.have;
            if to == 1 {
                model.set_deadline(piece, None);
            }
        }
        Op::Have { peer, piece } => {
            let have = &mut model.peers[peer];
            if have.insert(PieceIndex(piece)) {
                picker.peer_has(PieceIndex(piece));
            }
        }
        Op::Forget { peer, piece } => {
            let have = &mut model.peers[peer];
            if have.has(PieceIndex(piece)) {
                if std::mem::take(&mut model.joined_full[peer]) {
                    picker.seed_is_partial(have);
                }
                have.remove(PieceIndex(piece));
                picker.peer_lost(PieceIndex(piece));
            }
        }
        Op::Rejoin { peer, bits } => {
            picker.peer_left(&model.peers[peer], model.joined_full[peer]);
            let mut have = Bitfield::new(PIECES);
            for piece in (0..PIECES).filter(|piece| bits >> 12 == 0 || bits >> piece & 1 == 1) {
                have.insert(PieceIndex(piece));
            }
            picker.peer_joined(&have);
            model.joined_full[peer] = have.is_full();
            model.peers[peer] = have;
        }
        Op::Kind(kind) => picker.set_kind(kind),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_sequence_agrees_with_the_model(ops in prop::collection::vec(op(), 1..120)) {
        // Three blocks per piece, two in the last.
        let layout = Layout::new(u64::from(PIECES) * 49_152 - 20_000, 49_152).unwrap();
        let mut picker = Picker::new(layout, PickerKind::RarestFirst);
        let pieces = layout.pieces().map(|piece| ModelPiece {
            priority: Priority::Normal,
            unchecked: false,
            have: false,
            failed: false,
            blocks: vec![ModelBlock::default(); layout.block_count(piece) as usize],
        });
        let peers = vec![Bitfield::new(PIECES); CONNS as usize];
        let joined_full = vec![false; CONNS as usize];
        let mut model = Model { layout, pieces: pieces.collect(), peers, joined_full, deadlines: BTreeSet::new() };
        for (seed, op) in (0..).zip(ops) {
            apply(&mut model, &mut picker, op, seed);
            model.assert_agrees(&picker);
        }
        // Whoever leaves, everything can be asked for again.
        for peer in 0..CONNS {
            picker.release_all(conn(peer));
        }
        let all = Bitfield::full(PIECES);
        let of = PickPeer { conn: conn(9), have: &all, fast: true, snubbed: false, on_parole: false, retries: false };
        let mut out = Vec::new();
        picker.pick(&of, 1_000, true, &mut rng(1), &mut out);
        let missing = model.blocks().filter(|(_, piece, of)| piece.askable() && of.from.is_none());
        prop_assert_eq!(out.len(), missing.count());
    }
}
