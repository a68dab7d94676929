//! What a fetch believes of whom, and for how long.

use core::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use slotmap::SlotMap;
use superseed_proto::wire::METADATA_BLOCK_LEN;

use super::{Ask, Fetch, Taken};
use crate::ids::ConnKey;
use crate::time::Time;

const BLOCK: u32 = METADATA_BLOCK_LEN;

/// Sources that state lengths, and time.
struct Scene {
    fetch: Fetch,
    keys: SlotMap<ConnKey, ()>,
    hosts: u32,
    now: Time,
}

impl Scene {
    fn new() -> Self {
        Self {
            fetch: Fetch::default(),
            keys: SlotMap::with_key(),
            hosts: 0,
            now: Time::START,
        }
    }

    /// Somebody on a host of its own states a length.
    fn join(&mut self, len: u32) -> ConnKey {
        self.hosts += 1;
        let host = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + self.hosts));
        let key = self.keys.insert(());
        self.fetch.joined(key, host, Some(len), self.now).unwrap();
        key
    }

    fn pass(&mut self, s: u64) {
        self.now += Duration::from_secs(s);
    }

    fn ask(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        self.fetch.ask(self.now, &mut asks);
        asks
    }

    /// Whether somebody is asked for something.
    fn is_asked(&mut self, peer: ConnKey) -> bool {
        self.ask().iter().any(|ask| ask.peer == peer)
    }

    fn give(&mut self, peer: ConnKey, block: u32, len: u32) -> Taken {
        let start = block * BLOCK;
        let bytes = vec![1; BLOCK.min(len - start) as usize];
        let taken = self
            .fetch
            .data(peer, (block, Some(len)), &bytes, u64::MAX, self.now);
        taken.unwrap()
    }

    /// Three state lengths that cannot be told from right ones, and send a block.
    fn lied_to() -> (Self, Vec<ConnKey>) {
        let mut scene = Self::new();
        let liars: Vec<_> = (1..4).map(|n| scene.join(n * 100 * BLOCK)).collect();
        for (ask, n) in scene.ask().into_iter().take(3).zip(1..) {
            assert_eq!(ask.peer, liars[n as usize - 1]);
            scene.give(ask.peer, ask.block, n * 100 * BLOCK);
        }
        (scene, liars)
    }
}

#[test]
fn a_length_that_more_hosts_state_takes_the_place_of_one_that_fewer_do() {
    let (mut scene, _) = Scene::lied_to();
    let first = scene.join(5 * BLOCK);
    assert!(!scene.is_asked(first));
    let second = scene.join(5 * BLOCK);
    assert!(scene.is_asked(second));
}

#[test]
fn who_trickles_blocks_of_a_lie_does_not_keep_a_lonely_seed_out_for_ever() {
    let (mut scene, liars) = Scene::lied_to();
    let honest = scene.join(5 * BLOCK);
    for _ in 0..15 {
        assert!(!scene.is_asked(honest));
        scene.pass(2);
        for ask in scene.ask() {
            let at = liars.iter().position(|liar| *liar == ask.peer).unwrap();
            scene.give(ask.peer, ask.block, (at as u32 + 1) * 100 * BLOCK);
        }
        scene.pass(18);
    }
    assert!(scene.is_asked(honest));
}

#[test]
fn what_nobody_adds_to_is_let_go_of_by_the_clock() {
    let mut scene = Scene::new();
    let peer = scene.join(5 * BLOCK);
    scene.ask();
    scene.give(peer, 0, 5 * BLOCK);
    scene.fetch.left(peer);
    assert_eq!(scene.fetch.bytes(), u64::from(BLOCK));
    let due = scene.fetch.next_deadline(scene.now);
    assert!(due < Time::NEVER);
    scene.now = due;
    scene.ask();
    assert_eq!(scene.fetch.bytes(), 0);
    assert_eq!(scene.fetch.next_deadline(scene.now), Time::NEVER);
}

#[test]
fn a_reject_that_answers_nothing_changes_nothing() {
    let mut scene = Scene::new();
    let peer = scene.join(5 * BLOCK);
    let asked = scene.ask();
    assert!(!scene.fetch.rejected(peer, 4, scene.now));
    assert!(scene.fetch.is_of_use(peer, scene.now));
    assert!(scene.fetch.rejected(peer, asked[0].block, scene.now));
    assert!(!scene.fetch.is_of_use(peer, scene.now));
}
