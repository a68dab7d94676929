//! The rules of a seed's turns.

use super::tests::Swarm;

const PIECE: u64 = 256 * 1024;

#[test]
fn a_seed_gives_everyone_a_turn() {
    let mut swarm = Swarm::seeding(12, 4);
    let mut turns = [0; 12];
    for _ in 0..18 {
        swarm.rounds(1);
        for at in swarm.unchoked() {
            turns[at] += 1;
            // The first ones are a hundred times as fast.
            swarm.peers[at].uploaded_since_unchoke += if at < 4 { 100_000_000 } else { 1_000_000 };
        }
        assert_eq!(swarm.unchoked().len(), 4);
    }
    assert!(turns.iter().all(|&turns| turns > 0), "{turns:?}");
    assert!(turns[4..].iter().all(|&turns| turns >= 6), "{turns:?}");
}

#[test]
fn a_turn_ends_with_its_pieces_or_its_minute_if_others_wait() {
    let mut swarm = Swarm::seeding(6, 4);
    swarm.rechoke();
    let first = swarm.unchoked();
    swarm.peers[first[0]].uploaded_since_unchoke = 20 * 256 * 1024;
    swarm.rounds(1);
    assert!(!swarm.unchoked().contains(&first[0]));
    assert!(first[1..].iter().all(|at| swarm.unchoked().contains(at)));
    swarm.rounds(5);
    assert_eq!(
        first[1..]
            .iter()
            .filter(|at| swarm.unchoked().contains(at))
            .count(),
        1
    );
    let mut alone = Swarm::seeding(4, 4);
    alone.rounds(20);
    assert_eq!(alone.unchoked().len(), 4, "nobody waits, nobody is choked");
}

/// Everything was never seen at the peers, and what each got is known.
fn first_copy(peers: u64, slots: usize) -> Swarm {
    let mut swarm = Swarm::seeding(peers, slots);
    swarm.cx.first_copy = true;
    swarm
}

#[test]
fn while_the_first_copy_is_sent_everyone_has_a_piece_before_anyone_has_more() {
    let mut swarm = first_copy(10, 4);
    swarm.rechoke();
    let mut served = swarm.unchoked();
    assert_eq!(served.len(), 4);
    for _ in 0..6 {
        let ends = swarm.unchoked()[0];
        swarm.peers[ends].uploaded_since_unchoke = PIECE - 1;
        assert!(
            swarm.after(1).rechoke().is_empty(),
            "its piece is not whole"
        );
        swarm.peers[ends].uploaded_since_unchoke = PIECE;
        swarm.rechoke();
        assert!(!swarm.unchoked().contains(&ends), "others wait for theirs");
        served.extend(swarm.unchoked());
    }
    served.sort_unstable();
    served.dedup();
    assert_eq!(served.len(), 10, "everybody had a turn within six seconds");
    let last = swarm.unchoked();
    for at in &last {
        swarm.peers[*at].uploaded_since_unchoke = 5 * PIECE;
    }
    swarm.rounds(1);
    assert_eq!(swarm.unchoked(), last, "now turns are long");
}

#[test]
fn who_comes_while_the_first_copy_is_sent_displaces_one_and_not_all() {
    let mut swarm = first_copy(5, 4);
    swarm.peers[4].interested = false;
    swarm.rechoke();
    for at in 0..4 {
        swarm.peers[at].uploaded_since_unchoke = (2 + at as u64) * PIECE;
    }
    swarm.peers[4].interested = true;
    swarm.after(1).rechoke();
    assert_eq!(swarm.unchoked(), [0, 1, 2, 4], "who got most makes way");
    // Its turn over or not, nobody else is displaced between rounds.
    swarm.peers[3].choked_at = Some(swarm.now);
    for at in 0..3 {
        swarm.peers[at].uploaded_since_unchoke = 100 * PIECE;
    }
    assert!(swarm.after(1).rechoke().is_empty());
}

#[test]
fn who_comes_again_has_no_second_first_turn() {
    let mut swarm = first_copy(6, 4);
    swarm.peers[4].interested = false;
    swarm.peers[5].had_first_turn = true;
    swarm.rechoke();
    assert_eq!(swarm.unchoked().len(), 4);
    for at in swarm.unchoked() {
        swarm.peers[at].uploaded_since_unchoke = 2 * PIECE;
    }
    let before = swarm.unchoked();
    assert!(swarm.after(1).rechoke().is_empty(), "it waits as others do");
    swarm.peers[4].interested = true;
    swarm.rechoke();
    assert!(swarm.unchoked().contains(&4));
    let stay = before.iter().filter(|at| swarm.unchoked().contains(at));
    assert_eq!(stay.count(), 3);
}

#[test]
fn a_first_turn_of_small_pieces_is_of_many() {
    let mut swarm = first_copy(5, 4);
    swarm.cx.piece_len = 16 * 1024;
    swarm.rechoke();
    let first = swarm.unchoked();
    swarm.peers[first[0]].uploaded_since_unchoke = PIECE - 1;
    assert!(swarm.after(1).rechoke().is_empty());
    swarm.peers[first[0]].uploaded_since_unchoke = PIECE;
    assert_eq!(swarm.rechoke().len(), 2);
}

#[test]
fn when_others_have_everything_too_nobody_is_displaced_between_rounds() {
    let mut swarm = Swarm::seeding(10, 4);
    swarm.rechoke();
    for at in swarm.unchoked() {
        swarm.peers[at].uploaded_since_unchoke = 5 * PIECE;
    }
    assert!(swarm.after(1).rechoke().is_empty());
}
