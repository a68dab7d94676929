//! Rules of the picker, and a random walk against what must always hold.

use std::collections::BTreeMap;

use proptest::prelude::*;
use slotmap::SlotMap;

use super::*;
use superseed_proto::layout::BLOCK_LEN;

fn conns(count: usize) -> Vec<ConnKey> {
    let mut keys: SlotMap<ConnKey, ()> = SlotMap::with_key();
    (0..count).map(|_| keys.insert(())).collect()
}

fn picker(pieces: u32, blocks: u32, kind: PickerKind) -> Picker {
    let piece_len = blocks * BLOCK_LEN;
    let layout = Layout::new(u64::from(pieces) * u64::from(piece_len), piece_len).unwrap();
    Picker::new(layout, kind, 7)
}

fn peer(conn: ConnKey, have: &Bitfield) -> PickPeer<'_> {
    PickPeer { conn, have, fast: false, snubbed: false }
}

fn pick(picker: &mut Picker, peer: &PickPeer<'_>, count: usize) -> Vec<(u32, u32)> {
    let mut out = Vec::new();
    picker.pick(peer, count, true, &mut out);
    out.iter().map(|block| (block.piece.0, block.index)).collect()
}

fn block(piece: u32, index: u32) -> Block {
    Block { piece: PieceIndex(piece), index }
}

#[test]
fn in_order_means_lowest_first_and_priorities_are_strict() {
    let (keys, all) = (conns(1), Bitfield::full(3));
    let mut picker = picker(3, 2, PickerKind::InOrder);
    picker.set_priority(PieceIndex(2), Priority::High);
    picker.set_priority(PieceIndex(0), Priority::Skip);
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 9), [(2, 0), (2, 1), (1, 0), (1, 1)]);
    assert!(picker.endgame());
    picker.set_priority(PieceIndex(0), Priority::Low);
    assert!(!picker.endgame(), "new work ends the endgame");
}

#[test]
fn the_rarest_comes_first_once_some_pieces_are_there() {
    let (keys, all) = (conns(1), Bitfield::full(10));
    let mut picker = picker(10, 1, PickerKind::RarestFirst);
    for piece in 0..4 {
        picker.set_have(PieceIndex(piece));
    }
    let mut common = Bitfield::full(10);
    common.remove(PieceIndex(7));
    picker.peer_joined(&common);
    picker.peer_joined(&all);
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 1), [(7, 0)]);
    assert_eq!((picker.availability(PieceIndex(7)), picker.availability(PieceIndex(8))), (1, 2));
}

#[test]
fn the_first_pieces_are_random() {
    let (keys, all) = (conns(1), Bitfield::full(8));
    let mut firsts = [0u32; 8];
    for seed in 0..4_000 {
        let layout = Layout::new(8 * 16_384, 16_384).unwrap();
        let mut picker = Picker::new(layout, PickerKind::RarestFirst, seed);
        // Piece 3 is the rarest, and yet it is not the first more often than others.
        for piece in (0..8).filter(|piece| *piece != 3) {
            picker.peer_has(PieceIndex(piece), false);
        }
        firsts[pick(&mut picker, &peer(keys[0], &all), 1)[0].0 as usize] += 1;
    }
    let chi2: f64 = firsts.iter().map(|&n| (f64::from(n) - 500.0).powi(2) / 500.0).sum();
    assert!(chi2 < 24.3, "{chi2} {firsts:?}");
}

#[test]
fn a_slow_peer_joins_and_a_fast_one_starts_its_own() {
    let (keys, all) = (conns(3), Bitfield::full(4));
    let mut picker = picker(4, 4, PickerKind::RarestFirst);
    let first = pick(&mut picker, &peer(keys[0], &all), 1)[0].0;
    assert_eq!(pick(&mut picker, &peer(keys[1], &all), 1)[0].0, first);
    let fast = PickPeer { fast: true, ..peer(keys[2], &all) };
    let own = pick(&mut picker, &fast, 2);
    assert_ne!(own[0].0, first);
    assert_eq!(pick(&mut picker, &fast, 1)[0].0, own[0].0, "it goes on with its own");
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 2).iter().filter(|b| b.0 == own[0].0).count(), 0);
}

#[test]
fn without_leave_to_start_only_started_pieces_are_picked() {
    let (keys, all) = (conns(2), Bitfield::full(4));
    let mut picker = picker(4, 2, PickerKind::RarestFirst);
    let first = pick(&mut picker, &peer(keys[0], &all), 1)[0].0;
    let mut out = Vec::new();
    assert_eq!(picker.pick(&peer(keys[1], &all), 9, false, &mut out), 1);
    assert_eq!(out[0].piece.0, first);
}

#[test]
fn the_endgame_asks_twice_and_cancels_on_arrival() {
    let (keys, all) = (conns(3), Bitfield::full(1));
    let mut picker = picker(1, 1, PickerKind::RarestFirst);
    assert!(picker.pick_duplicate(&peer(keys[1], &all)).is_none());
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 1), [(0, 0)]);
    assert!(picker.endgame());
    assert_eq!(picker.pick_duplicate(&peer(keys[0], &all)), None, "not twice of the same peer");
    assert_eq!(picker.pick_duplicate(&peer(keys[1], &all)), Some(block(0, 0)));
    assert_eq!(picker.pick_duplicate(&peer(keys[2], &all)), None, "two are enough");
    let Receipt::First { cancel, piece_whole: true } = picker.received(keys[1], block(0, 0)) else {
        panic!("the first arrival");
    };
    assert_eq!(cancel.as_slice(), [keys[0]]);
    assert_eq!(picker.received(keys[0], block(0, 0)), Receipt::Duplicate);
    picker.piece_verified(PieceIndex(0));
    assert!(picker.is_complete() && !picker.endgame());
    assert_eq!(picker.received(keys[0], block(0, 0)), Receipt::Unwanted);
}

#[test]
fn released_blocks_are_picked_again_and_received_ones_are_not() {
    let (keys, all) = (conns(2), Bitfield::full(1));
    let mut picker = picker(1, 3, PickerKind::RarestFirst);
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 3).len(), 3);
    picker.received(keys[0], block(0, 1));
    picker.released(keys[0], block(0, 0));
    picker.released(keys[0], block(0, 2));
    assert_eq!(pick(&mut picker, &peer(keys[1], &all), 3), [(0, 0), (0, 2)]);
    picker.received(keys[1], block(0, 0));
    picker.received(keys[1], block(0, 2));
    assert_eq!(picker.piece_failed(PieceIndex(0)), [(0, keys[1]), (1, keys[0]), (2, keys[1])]);
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 3).len(), 3, "all is missing again");
}

#[test]
fn unchecked_pieces_are_not_picked_and_still_left() {
    let (keys, all) = (conns(1), Bitfield::full(2));
    let mut picker = picker(2, 1, PickerKind::RarestFirst);
    picker.set_unchecked(PieceIndex(0));
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 9), [(1, 0)]);
    assert_eq!(picker.left_bytes(), 2 * u64::from(BLOCK_LEN));
    picker.set_missing(PieceIndex(0));
    assert_eq!(pick(&mut picker, &peer(keys[0], &all), 9), [(0, 0)]);
}

proptest! {
    #[test]
    fn outside_the_endgame_no_block_is_asked_for_twice(
        ops in prop::collection::vec((0u8..6, 0usize..3, 0usize..40), 1..200),
    ) {
        let (keys, all) = (conns(3), Bitfield::full(6));
        let mut picker = picker(6, 3, PickerKind::RarestFirst);
        let mut asked: BTreeMap<Block, Vec<ConnKey>> = BTreeMap::new();
        let mut received = std::collections::BTreeSet::new();
        for (op, who, n) in ops {
            let key = keys[who];
            let nth = asked.iter().filter(|(_, k)| k.contains(&key)).map(|(b, _)| *b).nth(n);
            match (op, nth) {
                (0 | 1, _) => {
                    let mut out = Vec::new();
                    picker.pick(&PickPeer { fast: who == 0, ..peer(key, &all) }, n % 5, n % 7 != 0, &mut out);
                    for block in out {
                        prop_assert!(!received.contains(&block));
                        prop_assert!(asked.insert(block, vec![key]).is_none(), "{block:?} twice");
                    }
                }
                (2 | 3, Some(block)) => {
                    let others: Vec<_> = asked.remove(&block).unwrap_or_default();
                    let Receipt::First { cancel, .. } = picker.received(key, block) else {
                        panic!("an asked block is new")
                    };
                    prop_assert_eq!(cancel.len(), others.len() - 1);
                    received.insert(block);
                    if (0..3).all(|index| received.contains(&Block { index, ..block })) {
                        if n % 3 == 0 {
                            prop_assert_eq!(picker.piece_failed(block.piece).len(), 3);
                            received.retain(|other| other.piece != block.piece);
                        } else {
                            picker.piece_verified(block.piece);
                        }
                    }
                }
                (4, Some(block)) => {
                    picker.released(key, block);
                    let askers = asked.get_mut(&block).unwrap();
                    askers.retain(|asker| *asker != key);
                    if askers.is_empty() {
                        asked.remove(&block);
                    }
                }
                (5, _) if picker.endgame() => {
                    if let Some(block) = picker.pick_duplicate(&peer(key, &all)) {
                        asked.get_mut(&block).unwrap().push(key);
                    }
                }
                _ => {}
            }
            let left = 18 - picker.have().count() as usize * 3;
            let open = left - received.iter().filter(|b| !picker.have().has(b.piece)).count() - asked.len();
            prop_assert_eq!(picker.endgame(), open == 0 && left > 0);
        }
        // After everything is taken back, all that is missing can be picked.
        for (block, askers) in asked {
            for key in askers {
                picker.released(key, block);
            }
        }
        let missing = 18 - received.len();
        prop_assert_eq!(pick(&mut picker, &peer(keys[0], &all), 99).len(), missing);
    }
}
