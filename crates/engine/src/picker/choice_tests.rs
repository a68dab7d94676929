//! The rules of choice, and that chance is fair.

use super::tests::{Books, block, conn, rng, set};
use super::*;

/// A picker past its random first pieces, of which the last four are done.
fn rarest_first(pieces: u32) -> Books {
    let mut books = Books::new(pieces + 4, PickerKind::RarestFirst);
    for done in pieces..pieces + 4 {
        books.picker.set_have(PieceIndex(done));
    }
    books
}

fn peer(at: u64, have: &Bitfield) -> PickPeer<'_> {
    PickPeer {
        conn: conn(at),
        have,
        fast: false,
        snubbed: false,
        on_parole: false,
        retries: false,
    }
}

fn fast(at: u64, have: &Bitfield) -> PickPeer<'_> {
    PickPeer {
        fast: true,
        ..peer(at, have)
    }
}

/// χ² of the first pieces that `choose` gives over many seeds.
fn chi_squared(pieces: usize, mut choose: impl FnMut(u64) -> u32) -> f64 {
    let mut counts = vec![0u32; pieces];
    for seed in 0..4_000 {
        counts[choose(seed) as usize] += 1;
    }
    let expected = 4_000.0 / pieces as f64;
    counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum()
}

/// The 99.9 % point of χ² with 7 degrees of freedom.
const CHI_SQUARED_MAX: f64 = 24.3;

#[test]
fn equal_pieces_are_equally_likely_first_choices() {
    for first in [true, false] {
        let chi = chi_squared(8, |seed| {
            let mut books = if first {
                Books::new(8, PickerKind::RarestFirst)
            } else {
                rarest_first(8)
            };
            books.rng = rng(seed);
            books.pick(0, 1)[0].piece.0
        });
        assert!(chi < CHI_SQUARED_MAX, "random first: {first}, {chi}");
    }
}

#[test]
fn equal_pieces_stay_equally_likely_after_haves_in_order_and_for_a_peer_with_some() {
    let have = set(20, &[1, 3, 4, 5, 9, 12, 13, 15]);
    let chi = chi_squared(8, |seed| {
        let mut books = rarest_first(16);
        books.rng = rng(seed);
        for piece in 0..20 {
            books.picker.peer_has(PieceIndex(piece));
        }
        let piece = books.pick_as(&peer(0, &have), 1)[0].piece;
        have.iter().position(|had| had == piece).unwrap() as u32
    });
    assert!(chi < CHI_SQUARED_MAX, "{chi}");
}

#[test]
fn a_full_scan_is_uniform_too() {
    // More pieces than a poor peer has, and all equal: the band is scanned.
    let have = set(204, &(0..80).collect::<Vec<_>>());
    let mut counts = [0u32; 8];
    for seed in 0..2_000 {
        let mut books = rarest_first(200);
        books.rng = rng(seed);
        counts[(books.pick_as(&peer(0, &have), 1)[0].piece.0 / 10) as usize] += 1;
    }
    let chi: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - 250.0).powi(2) / 250.0)
        .sum();
    assert!(chi < CHI_SQUARED_MAX, "{counts:?}");
}

#[test]
fn the_rarest_piece_comes_first_once_four_are_complete() {
    for seed in 0..50 {
        let mut books = rarest_first(100);
        books.rng = rng(seed);
        let mut common = Bitfield::full(104);
        common.remove(PieceIndex(61));
        for _ in 0..3 {
            books.picker.peer_joined(&common);
        }
        books.picker.peer_joined(&Bitfield::full(104));
        assert_eq!(books.picker.availability(PieceIndex(61)), 1);
        assert_eq!(books.picker.availability(PieceIndex(60)), 4);
        assert_eq!(books.pick(0, 1), [block(61, 0)]);
    }
}

#[test]
fn pieces_are_started_in_ascending_availability() {
    let mut books = rarest_first(50);
    for piece in 0..50 {
        for _ in 0..(piece * 17) % 50 {
            books.picker.peer_has(PieceIndex(piece));
        }
    }
    let order = books.pick(0, 200);
    let availability: Vec<_> = order
        .iter()
        .map(|block| books.picker.availability(block.piece))
        .collect();
    assert_eq!(availability.len(), 200);
    assert!(availability.is_sorted());
}

#[test]
fn the_first_four_pieces_are_random_and_not_rarest() {
    let mut rarest = 0;
    for seed in 0..400 {
        let mut books = Books::new(8, PickerKind::RarestFirst);
        books.rng = rng(seed);
        books.picker.peer_joined(&set(8, &[0, 1, 2, 3, 4, 5, 6]));
        rarest += u32::from(books.pick(0, 1)[0].piece.0 == 7);
    }
    assert!((20..90).contains(&rarest), "{rarest} of 400");
}

#[test]
fn in_order_means_in_order_from_the_first_piece_on() {
    let mut books = Books::in_order(600);
    let have = set(600, &[5, 300, 599]);
    assert_eq!(
        books.pick_as(&peer(0, &have), 5)[..],
        *blocks_of(&[5, 300])[..5].to_vec()
    );
    assert_eq!(books.pick(1, 3), [block(0, 0), block(0, 1), block(0, 2)]);
    assert_eq!(books.pick(2, 2), [block(0, 3), block(1, 0)]);
}

fn blocks_of(pieces: &[u32]) -> Vec<Block> {
    pieces
        .iter()
        .flat_map(|&piece| (0..4).map(move |index| block(piece, index)))
        .collect()
}

#[test]
fn priorities_are_strict() {
    for kind in [PickerKind::RarestFirst, PickerKind::InOrder] {
        let mut books = Books::new(6, kind);
        let priorities = [
            Priority::Skip,
            Priority::Low,
            Priority::Normal,
            Priority::High,
            Priority::Normal,
        ];
        for (at, priority) in (0..).zip(priorities) {
            books.picker.set_priority(PieceIndex(at), priority);
        }
        books.picker.set_have(PieceIndex(5));
        let picked = books.pick(0, 100);
        let order: Vec<_> = picked
            .iter()
            .step_by(4)
            .map(|block| block.piece.0)
            .collect();
        assert_eq!((order[0], order[3], order.len()), (3, 1, 4), "{kind:?}");
    }
}

#[test]
fn a_second_peer_joins_a_started_piece() {
    let mut books = rarest_first(20);
    let started = books.pick(0, 2)[0].piece;
    let joined = books.pick(1, 2);
    assert_eq!(
        joined,
        [
            Block {
                piece: started,
                index: 2
            },
            Block {
                piece: started,
                index: 3
            }
        ]
    );
}

#[test]
fn a_slow_peer_goes_on_with_its_piece_though_another_lacks_less() {
    let mut books = rarest_first(20);
    let own = books.pick(0, 1)[0].piece;
    let mut others = books.all.clone();
    others.remove(own);
    let shared = books.pick_as(&peer(1, &others), 1)[0].piece;
    assert_eq!(books.pick_as(&peer(2, &others), 2)[0].piece, shared);
    assert_eq!(books.pick(0, 1)[0].piece, own);
    assert_eq!(books.pick(0, 2)[0].piece, own);
    assert_eq!(books.pick(0, 1)[0].piece, shared, "its own is asked for");
}

#[test]
fn a_fast_peer_gets_pieces_of_its_own() {
    let mut books = rarest_first(20);
    let all = books.all.clone();
    let slow = books.pick(0, 2)[0].piece;
    let own = books.pick_as(&fast(1, &all), 2);
    assert_ne!(own[0].piece, slow);
    assert_eq!(
        books.pick_as(&fast(1, &all), 2)[0].piece,
        own[0].piece,
        "it finishes its own first"
    );
    let own = books.pick_as(&fast(1, &all), 1)[0].piece;
    assert_eq!(books.pick(2, 2)[0].piece, slow, "the others leave it alone");
    assert_ne!(books.pick(2, 1)[0].piece, own);
}

#[test]
fn when_nothing_else_is_left_everyone_works_on_everything() {
    let mut books = rarest_first(2);
    let all = books.all.clone();
    books.pick_as(&fast(0, &all), 1);
    books.pick(1, 1);
    assert_eq!(books.pick_as(&fast(2, &all), 100).len(), 6);
}

#[test]
fn early_on_a_fast_peer_helps_to_finish() {
    let mut books = Books::new(20, PickerKind::RarestFirst);
    let all = books.all.clone();
    let started = books.pick(0, 2)[0].piece;
    assert_eq!(books.pick_as(&fast(1, &all), 1)[0].piece, started);
}

#[test]
fn too_many_started_pieces_are_finished_first() {
    let mut books = rarest_first(600);
    let all = books.all.clone();
    for at in 0..512 {
        let piece = books.pick_as(&fast(at, &all), 1)[0].piece;
        assert_eq!(books.picker.started().count(), at as usize + 1, "{piece:?}");
    }
    assert_eq!(books.picker.started().count(), 512);
    books.pick_as(&fast(600, &all), 1);
    assert_eq!(books.picker.started().count(), 513);
    books.pick_as(&fast(601, &all), 3);
    assert_eq!(books.picker.started().count(), 513);
}

#[test]
fn without_memory_no_piece_is_started() {
    let mut books = rarest_first(20);
    let all = books.all.clone();
    books.pick(0, 1);
    let mut out = Vec::new();
    for peer in [peer(1, &all), fast(2, &all)] {
        books.picker.pick(&peer, 2, false, &mut books.rng, &mut out);
    }
    assert_eq!(out.len(), 3);
    assert_eq!(books.picker.started().count(), 1);
}

#[test]
fn a_snubbed_peer_gets_what_most_have_and_holds_up_no_started_piece() {
    let mut books = rarest_first(20);
    for piece in 0..20 {
        for _ in 0..=piece {
            books.picker.peer_has(PieceIndex(piece));
        }
    }
    let all = books.all.clone();
    books.pick(0, 1);
    let snubbed = PickPeer {
        snubbed: true,
        ..peer(1, &all)
    };
    assert_eq!(books.pick_as(&snubbed, 1), [block(19, 0)]);
}

#[test]
fn a_seed_is_one_counter_and_who_becomes_one_stays_counted_piece_by_piece() {
    let mut books = rarest_first(10);
    let piece = PieceIndex(3);
    books.picker.peer_joined(&books.all);
    assert_eq!(books.picker.availability(piece), 1);
    let mut leecher = Bitfield::new(14);
    for at in 0..14 {
        leecher.insert(PieceIndex(at));
        books.picker.peer_has(PieceIndex(at));
    }
    assert_eq!(books.picker.availability(piece), 2);
    assert_eq!(books.picker.pieces.availability(piece), 1);
    books.picker.peer_left(&leecher, false);
    books.picker.peer_left(&books.all, true);
    assert!((0..14).all(|at| books.picker.availability(PieceIndex(at)) == 0));
}

#[test]
fn a_peer_with_one_common_piece_of_very_many_is_served() {
    let pieces = 40_000;
    let mut books = rarest_first(pieces);
    let common = PieceIndex(31_234);
    for _ in 0..5 {
        books.picker.peer_has(common);
    }
    // A rich peer whose pieces all come behind the scan's end.
    let half: Vec<_> = (0..pieces / 2).collect();
    for piece in &half {
        books.picker.peer_has(PieceIndex(*piece));
    }
    assert_eq!(
        books
            .pick_as(&peer(0, &set(pieces + 4, &[common.0])), 9)
            .len(),
        4
    );
    assert_eq!(books.pick_as(&peer(1, &set(pieces + 4, &half)), 9).len(), 9);
}

fn on_parole(at: u64, have: &Bitfield) -> PickPeer<'_> {
    PickPeer {
        on_parole: true,
        ..peer(at, have)
    }
}

/// The pieces of the blocks that a peer is given.
fn pieces_of(books: &mut Books, of: &PickPeer<'_>, count: usize) -> Vec<u32> {
    let mut out = Vec::new();
    let rng = &mut books.rng;
    books.picker.pick(of, count, true, rng, &mut out);
    let mut pieces: Vec<_> = out.iter().map(|block| block.piece.0).collect();
    pieces.dedup();
    pieces
}

#[test]
fn a_peer_on_parole_works_alone_while_there_is_other_work() {
    for early in [true, false] {
        let mut books = if early {
            Books::new(3, PickerKind::RarestFirst)
        } else {
            rarest_first(3)
        };
        let all = Bitfield::full(books.picker.have().len());
        let shared = pieces_of(&mut books, &peer(1, &all), 1);
        let alone = pieces_of(&mut books, &on_parole(2, &all), 1);
        assert_ne!(shared, alone, "it joins nobody");
        let again = pieces_of(&mut books, &on_parole(2, &all), 1);
        assert_eq!(again, alone, "it goes on with its own");
        let third = pieces_of(&mut books, &peer(3, &all), 1);
        assert_ne!(third, alone, "nobody joins it");
    }
}

#[test]
fn a_peer_on_parole_joins_others_when_there_is_nothing_else() {
    let mut books = rarest_first(1);
    let all = Bitfield::full(books.picker.have().len());
    assert_eq!(pieces_of(&mut books, &peer(1, &all), 1), [0]);
    assert_eq!(pieces_of(&mut books, &on_parole(2, &all), 1), [0]);
}

#[test]
fn a_piece_that_failed_goes_to_the_fastest_first_and_to_others_last() {
    let mut books = rarest_first(3);
    let all = Bitfield::full(books.picker.have().len());
    let piece = PieceIndex(2);
    for index in 0..books.picker.layout.block_count(piece) {
        books.picker.received(conn(1), Block { piece, index });
    }
    books.picker.piece_failed(piece);
    let blocks_of_others = 2 * books.picker.layout.block_count(piece) as usize;
    let slow = pieces_of(&mut books, &peer(4, &all), blocks_of_others);
    assert!(!slow.contains(&2), "{slow:?}");
    let fastest = PickPeer {
        retries: true,
        ..peer(5, &all)
    };
    assert_eq!(pieces_of(&mut books, &fastest, 1), [2]);
    books.picker.release_all(conn(5));
    assert_eq!(
        pieces_of(&mut books, &peer(6, &all), 1),
        [2],
        "nothing else is left"
    );
}

#[test]
fn a_piece_that_is_needed_soon_comes_before_all_others_from_whom_brings_it_in_time() {
    let at = crate::time::Time::from_micros;
    let mut books = rarest_first(20);
    let all = books.all.clone();
    for (piece, deadline) in [(7, 200), (3, 100), (5, 300)] {
        books
            .picker
            .set_deadline(PieceIndex(piece), Some(at(deadline)));
    }
    let mut urgent = |from, by: (u64, bool), count| {
        let mut out = Vec::new();
        let by = (at(by.0), by.1);
        books
            .picker
            .pick_urgent(&peer(from, &all), by, count, true, &mut out);
        out.iter().map(|block| block.piece.0).collect::<Vec<_>>()
    };
    assert_eq!(
        urgent(0, (150, false), 5),
        [7, 7, 7, 7, 5],
        "3 would be late"
    );
    assert_eq!(urgent(1, (50, false), 5), [3, 3, 3, 3, 5]);
    assert_eq!(urgent(2, (900, false), 5), [] as [u32; 0]);
    assert_eq!(urgent(2, (900, true), 5), [5, 5], "nobody is in time");
}

#[test]
fn what_somebody_waits_for_is_asked_twice_before_endgame_but_not_of_a_peer_on_parole() {
    let mut books = rarest_first(20);
    let all = books.all.clone();
    let asked = books.pick(0, 1)[0];
    let on_parole = PickPeer {
        on_parole: true,
        ..peer(1, &all)
    };
    let may = |picker: &mut Picker, to: &PickPeer<'_>| picker.ask_too(asked, conn(0), to);
    assert!(!may(&mut books.picker, &peer(1, &all)), "nobody waits");
    let deadline = Some(crate::time::Time::from_micros(1));
    books.picker.set_deadline(asked.piece, deadline);
    assert!(!may(&mut books.picker, &on_parole));
    assert!(may(&mut books.picker, &peer(1, &all)));
    assert!(!may(&mut books.picker, &peer(2, &all)), "two are enough");
}
