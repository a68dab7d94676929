//! The policy alone: a swarm as plain data, and what is shown to whom.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use slotmap::SlotMap;

use super::*;

const PIECE_LEN: u32 = 256 << 10;

/// A swarm whose peers do what the tests say.
struct Scene {
    seed: SuperSeed,
    layout: Layout,
    ours: Bitfield,
    keys: SlotMap<ConnKey, ()>,
    peers: BTreeMap<ConnKey, Peer>,
    now: Time,
    rng: Xoshiro256PlusPlus,
}

struct Peer {
    have: Bitfield,
    shown: Vec<PieceIndex>,
    served: bool,
    interested: bool,
}

impl Scene {
    fn new(pieces: u32) -> Self {
        let layout = Layout::new(u64::from(PIECE_LEN * pieces), PIECE_LEN).unwrap();
        Self {
            seed: SuperSeed::default(),
            layout,
            ours: Bitfield::full(pieces),
            keys: SlotMap::with_key(),
            peers: BTreeMap::new(),
            now: Time::START,
            rng: Xoshiro256PlusPlus::seed_from_u64(7),
        }
    }

    fn join(&mut self) -> ConnKey {
        let conn = self.keys.insert(());
        let peer = Peer {
            have: Bitfield::new(self.layout.piece_count()),
            shown: Vec::new(),
            served: true,
            interested: true,
        };
        self.peers.insert(conn, peer);
        self.seed.join(conn, self.layout);
        conn
    }

    /// Shows what is due; gives how many pieces that were.
    fn show(&mut self) -> usize {
        let view = |(conn, peer): (&ConnKey, _)| {
            let peer: &Peer = peer;
            (*conn, peer.have.clone(), peer.served, peer.interested)
        };
        let peers: Vec<_> = self.peers.iter().map(view).collect();
        let views = peers
            .iter()
            .map(|(conn, have, served, interested)| ShowPeer {
                conn: *conn,
                have,
                served: *served && *interested,
                interested: *interested,
                upload_bytes_per_s: 0,
            });
        let views: Vec<_> = views.collect();
        let availability = |piece| availability(&self.peers, piece);
        let swarm = Swarm {
            ours: &self.ours,
            availability: &availability,
            peers: &views,
            alone: self.peers.len() < 2,
        };
        let shows = self.seed.show(&swarm, self.now, &mut self.rng);
        for (conn, piece) in &shows {
            self.peers.get_mut(conn).unwrap().shown.push(*piece);
        }
        shows.len()
    }

    fn send(&mut self, conn: ConnKey, piece: PieceIndex) {
        self.seed.sent(conn, piece, PIECE_LEN, self.now);
    }

    fn has(&mut self, conn: ConnKey, piece: PieceIndex) {
        self.peers.get_mut(&conn).unwrap().have.insert(piece);
        let availability = availability(&self.peers, piece);
        self.seed.has(conn, piece, availability, self.now);
    }

    /// The peer fetches everything it was shown of us, and says so.
    fn fetch(&mut self, conn: ConnKey) {
        for piece in self.peers[&conn].shown.clone() {
            if !self.peers[&conn].have.has(piece) {
                self.send(conn, piece);
                self.has(conn, piece);
            }
        }
    }

    fn shown(&self, conn: ConnKey) -> usize {
        self.peers[&conn].shown.len()
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

fn availability(peers: &BTreeMap<ConnKey, Peer>, piece: PieceIndex) -> u32 {
    peers.values().filter(|peer| peer.have.has(piece)).count() as u32
}

#[test]
fn every_peer_is_shown_other_pieces_as_long_as_there_are_any() {
    let mut scene = Scene::new(64);
    let peers: Vec<_> = (0..20).map(|_| scene.join()).collect();
    scene.show();
    let mut shown: Vec<_> = peers
        .iter()
        .flat_map(|conn| scene.peers[conn].shown.clone())
        .collect();
    let count = shown.len();
    assert!(count >= 20);
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), count, "a piece was shown twice");
}

#[test]
fn a_peer_may_ask_for_what_it_was_shown_and_for_nothing_else() {
    let mut scene = Scene::new(16);
    let (conn, other) = (scene.join(), scene.keys.insert(()));
    scene.show();
    let shown = scene.peers[&conn].shown.clone();
    for piece in scene.layout.pieces() {
        let may = scene.seed.may_ask(conn, piece);
        assert_eq!(may, shown.contains(&piece));
        assert!(scene.seed.may_ask(other, piece), "it is not masked");
    }
}

#[test]
fn the_next_piece_is_shown_when_little_of_the_last_is_left() {
    let mut scene = Scene::new(64);
    let (conn, _busy) = (scene.join(), scene.join());
    // The others keep the line busy.
    let others: Vec<_> = (0..4).map(|_| scene.join()).collect();
    scene.show();
    assert_eq!(scene.shown(conn), 1);
    let piece = scene.peers[&conn].shown[0];
    let left = AHEAD_BYTES_MIN as u32;
    assert!(!scene.seed.sent(conn, piece, PIECE_LEN - left, scene.now));
    assert_eq!(scene.show(), 0);
    assert!(scene.seed.sent(conn, piece, 1, scene.now));
    assert_eq!(scene.show(), 1);
    assert_eq!(scene.shown(conn), 2);
    assert!(others.iter().all(|other| scene.shown(*other) == 1));
}

#[test]
fn who_has_enough_that_nobody_else_has_waits_until_another_has_some_of_it() {
    let mut scene = Scene::new(64);
    let peers: Vec<_> = (0..6).map(|_| scene.join()).collect();
    let first = peers[0];
    for _ in 0..20 {
        scene.show();
        scene.fetch(first);
    }
    assert_eq!(scene.shown(first) as u64, UNSPREAD_MIN);
    let piece = scene.peers[&first].shown[0];
    scene.has(peers[1], piece);
    scene.show();
    assert_eq!(scene.shown(first) as u64, UNSPREAD_MIN + 1);
}

#[test]
fn an_only_peer_never_waits_for_others() {
    let mut scene = Scene::new(64);
    let only = scene.join();
    for _ in 0..64 {
        scene.show();
        scene.fetch(only);
    }
    assert!(scene.peers[&only].have.is_full());
}

#[test]
fn a_peer_that_passes_nothing_on_gets_a_piece_at_a_time_after_longer_and_longer_waits() {
    let mut scene = Scene::new(256);
    let rider = scene.join();
    for _ in 0..4 {
        scene.join();
    }
    let mut before = 0;
    let mut waits = Vec::new();
    for second in 0..1_200 {
        scene.show();
        scene.fetch(rider);
        if scene.shown(rider) > before {
            before = scene.shown(rider);
            waits.push(second);
        }
        scene.wait(1);
    }
    let gaps: Vec<_> = waits.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 6 && gaps.is_sorted(), "{gaps:?}");
    assert!(*gaps.last().unwrap() >= 300, "{gaps:?}");
}

#[test]
fn a_piece_that_is_not_passed_on_is_shown_to_another_peer_and_one_that_is_redeems() {
    let mut scene = Scene::new(2);
    let (rider, other) = (scene.join(), scene.join());
    scene.peers.get_mut(&other).unwrap().served = false;
    scene.show();
    scene.fetch(rider);
    scene.show();
    scene.fetch(rider);
    // The other one waits for a slot with one of the two; neither is spread.
    assert_eq!((scene.shown(rider), scene.shown(other)), (2, 1));
    scene.wait(60);
    scene.peers.get_mut(&other).unwrap().served = true;
    scene.show();
    scene.fetch(other);
    scene.show();
    assert_eq!(scene.shown(other), 2);
    assert_eq!(scene.seed.masked[&rider].merit().0, 0);
}

#[test]
fn no_wait_leaves_the_line_idle() {
    let mut scene = Scene::new(64);
    let peers: Vec<_> = (0..3).map(|_| scene.join()).collect();
    // Nobody ever passes anything on.
    let mut all = 0;
    while all < 64 {
        let shown = scene.show();
        assert!(shown > 0, "the line is idle after {all} pieces");
        all += shown;
        for conn in &peers {
            scene.fetch(*conn);
        }
    }
}

#[test]
fn a_choked_peer_is_shown_one_piece_and_what_it_holds_up_goes_to_a_served_one() {
    let mut scene = Scene::new(3);
    let (choked, served) = (scene.join(), scene.join());
    scene.peers.get_mut(&choked).unwrap().served = false;
    for _ in 0..3 {
        scene.show();
        scene.fetch(served);
    }
    assert_eq!(scene.shown(choked), 1);
    assert!(scene.peers[&served].have.is_full());
}

#[test]
fn a_peer_that_wants_nothing_is_shown_something_else_in_time() {
    let mut scene = Scene::new(8);
    let picky = scene.join();
    scene.join();
    scene.peers.get_mut(&picky).unwrap().interested = false;
    scene.show();
    scene.wait(5);
    scene.show();
    assert_eq!(scene.shown(picky), 1);
    scene.wait(5);
    scene.show();
    assert_eq!(scene.shown(picky), 2);
}

#[test]
fn a_client_that_never_says_have_to_us_is_not_taken_for_a_free_rider() {
    let mut scene = Scene::new(64);
    let (silent, other) = (scene.join(), scene.join());
    for _ in 0..3 {
        scene.join();
    }
    for _ in 0..20 {
        scene.show();
        for piece in scene.peers[&silent].shown.clone() {
            scene.send(silent, piece);
            scene.has(other, piece);
        }
        scene.wait(10);
    }
    assert!(scene.shown(silent) >= 20);
}

#[test]
fn what_left_with_a_peer_is_shown_again() {
    let mut scene = Scene::new(4);
    let gone = scene.join();
    for _ in 0..4 {
        scene.show();
        scene.fetch(gone);
    }
    let shown = scene.seed.leave(gone).unwrap();
    assert!(shown.is_full());
    scene.peers.remove(&gone);
    assert!(scene.seed.is_empty());
    assert!(
        scene
            .seed
            .copies
            .iter()
            .all(|copies| *copies == Copies::default())
    );
    let next = scene.join();
    scene.show();
    assert!(scene.shown(next) >= 1);
}

#[test]
fn the_watch_over_a_peer_is_bounded() {
    let mut scene = Scene::new(4 * crate::limits::GIVEN_PIECES_MAX as u32);
    let rider = scene.join();
    scene.join();
    for _ in 0..4 * crate::limits::GIVEN_PIECES_MAX {
        scene.show();
        let piece = *scene.peers[&rider].shown.last().unwrap();
        scene.send(rider, piece);
        scene.has(rider, piece);
    }
    assert!(scene.seed.masked[&rider].given.len() <= crate::limits::GIVEN_PIECES_MAX + 8);
}
