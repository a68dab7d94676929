use core::net::SocketAddr;
use std::time::Duration;

use slotmap::SlotMap;
use superseed_proto::SwarmKey;
use superseed_proto::lsd::{LsdAnnounce, SWARMS_SENT_MAX, encode};
use superseed_proto::tracker::AddressFamily;

use super::{Lsd, Turn};
use crate::ids::{ListenerId, TorrentKey};
use crate::limits::{LSD_HEARD_PER_S_MAX, LSD_HOSTS_MAX};
use crate::time::Time;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A session with torrents that it may announce.
struct Scene {
    lsd: Lsd,
    torrents: Vec<TorrentKey>,
    now: Time,
}

/// An announce: when, from where, and of whom.
type Said = (Duration, ListenerId, Vec<SwarmKey>);

fn swarm(number: usize) -> SwarmKey {
    let mut key = [0; 20];
    key[..8].copy_from_slice(&number.to_be_bytes());
    SwarmKey(key)
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Scene {
    fn new(torrents: usize, turn: Turn) -> Self {
        let mut keys: SlotMap<TorrentKey, ()> = SlotMap::with_key();
        let torrents = (0..torrents).map(|_| keys.insert(())).collect();
        let mut scene = Self {
            lsd: Lsd::new([3; 32]),
            torrents,
            now: Time::START,
        };
        scene
            .lsd
            .listening(&[(ListenerId(4), addr("10.0.0.1:6881"))]);
        for number in 0..scene.torrents.len() {
            scene.set(number, Some(turn));
        }
        scene
    }

    fn set(&mut self, number: usize, turn: Option<Turn>) {
        let torrent = self.torrents[number];
        self.lsd.set(torrent, swarm(number), turn, self.now);
    }

    /// Lets time pass and gives what is said meanwhile.
    fn pass(&mut self, time: Duration) -> Vec<Said> {
        let end = self.now + time;
        let mut said = Vec::new();
        while self.lsd.next_deadline() <= end {
            self.now = self.now.max(self.lsd.next_deadline());
            let mut out = Vec::new();
            self.lsd.poll(self.now, &mut out);
            assert!(!out.is_empty(), "a deadline is there for something");
            said.extend(out.into_iter().map(|(listener, bytes)| {
                let announce = LsdAnnounce::decode(&bytes).unwrap();
                let at = self.now.since(Time::START);
                (at, listener, announce.swarms)
            }));
        }
        self.now = end;
        said
    }

    fn hear(&mut self, from: &str, near: bool) -> bool {
        let bytes = encode(AddressFamily::V4, 7, &[swarm(0)], 1);
        let heard = self.lsd.heard(addr(from), near, &bytes, self.now);
        heard.is_some()
    }
}

/// How many swarms each announce names, and when in seconds.
fn pace(said: &[Said]) -> Vec<(u64, usize)> {
    let pace = said
        .iter()
        .map(|(at, _, swarms)| (at.as_secs(), swarms.len()));
    pace.collect()
}

#[test]
fn a_torrent_is_announced_at_once_and_every_five_minutes() {
    let mut scene = Scene::new(1, Turn::Awake);
    let said = scene.pass(11 * MINUTE);
    assert_eq!(pace(&said), [(0, 1), (300, 1), (600, 1)]);
}

#[test]
fn five_torrents_have_an_announce_each_and_of_more_the_last_names_all() {
    let mut scene = Scene::new(5, Turn::Awake);
    let alone = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)];
    assert_eq!(pace(&scene.pass(MINUTE * 5 - SECOND)), alone);
    let mut scene = Scene::new(12, Turn::Awake);
    let said = scene.pass(MINUTE);
    assert_eq!(pace(&said), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 8)]);
}

#[test]
fn with_many_torrents_there_is_one_announce_a_minute_and_each_has_its_turn() {
    let mut scene = Scene::new(1_000, Turn::Dormant);
    let said = scene.pass(44 * MINUTE);
    for window in said[5..].windows(2) {
        assert_eq!(window[1].0 - window[0].0, MINUTE);
    }
    let mut named: Vec<_> = said.into_iter().flat_map(|(.., swarms)| swarms).collect();
    named.truncate(1_000);
    named.sort_unstable();
    named.dedup();
    assert_eq!(
        named.len(),
        1_000,
        "nobody is named twice before all are once"
    );
}

#[test]
fn of_torrents_that_are_named_together_each_is_the_first_in_its_turn() {
    let mut scene = Scene::new(12, Turn::Awake);
    let said = scene.pass(60 * MINUTE);
    let mut first: Vec<_> = said.iter().map(|(.., swarms)| swarms[0]).collect();
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 12);
}

#[test]
fn who_is_awake_does_not_wait_for_those_who_sleep() {
    let mut scene = Scene::new(1_000, Turn::Dormant);
    scene.pass(10 * MINUTE);
    scene.set(999, None);
    scene.set(999, Some(Turn::Awake));
    let said = scene.pass(MINUTE);
    assert_eq!(said[0].2[0], swarm(999));
    assert_eq!(said[0].2.len(), SWARMS_SENT_MAX);
}

#[test]
fn who_is_heard_hears_us_soon() {
    let mut scene = Scene::new(300, Turn::Dormant);
    // Its turn would come in minutes, and four hundred others are due before it.
    scene.pass(3 * MINUTE);
    scene.lsd.answer(scene.torrents[299], scene.now);
    let said = scene.pass(MINUTE);
    assert_eq!(said[0].2[0], swarm(299));

    let mut scene = Scene::new(1, Turn::Awake);
    scene.pass(2 * MINUTE);
    scene.lsd.answer(scene.torrents[0], scene.now);
    let said = scene.pass(SECOND);
    assert_eq!(said.len(), 1);
    // Others that hear it bring nothing about within a minute of the last time.
    scene.lsd.answer(scene.torrents[0], scene.now);
    let again = scene.pass(2 * MINUTE);
    assert_eq!(again[0].0 - said[0].0, MINUTE);
}

#[test]
fn however_often_we_are_named_there_is_one_announce_a_minute() {
    let mut scene = Scene::new(3, Turn::Awake);
    let mut said = Vec::new();
    for _ in 0..3_600 {
        for torrent in scene.torrents.clone() {
            scene.lsd.answer(torrent, scene.now);
        }
        said.extend(scene.pass(SECOND));
    }
    assert!(said.len() <= 65, "{} in an hour", said.len());
}

#[test]
fn a_torrent_that_ceased_is_not_announced_and_nobody_is_its_neighbour() {
    let mut scene = Scene::new(2, Turn::Awake);
    scene.set(0, None);
    assert!(!scene.lsd.announces(scene.torrents[0]));
    scene.lsd.answer(scene.torrents[0], scene.now);
    let said = scene.pass(10 * MINUTE);
    assert!(said.iter().all(|(.., swarms)| *swarms == [swarm(1)]));
    scene.lsd.forget(scene.torrents[1]);
    assert_eq!(scene.lsd.next_deadline(), Time::NEVER);
}

#[test]
fn each_listener_says_it_but_those_on_loopback() {
    let mut scene = Scene::new(1, Turn::Awake);
    scene.lsd.listening(&[
        (ListenerId(0), addr("0.0.0.0:1")),
        (ListenerId(1), addr("[::]:2")),
        (ListenerId(2), addr("127.0.0.1:3")),
    ]);
    let said = scene.pass(SECOND);
    let from: Vec<_> = said.iter().map(|(_, listener, _)| listener.0).collect();
    assert_eq!(from, [0, 1]);
    scene.lsd.listening(&[(ListenerId(2), addr("127.0.0.1:3"))]);
    assert_eq!(scene.lsd.next_deadline(), Time::NEVER);
}

#[test]
fn strangers_from_outside_are_not_believed() {
    let mut scene = Scene::new(1, Turn::Awake);
    for near in [
        "10.9.9.9:1",
        "192.168.0.7:1",
        "169.254.1.1:1",
        "[fe80::1]:1",
        "[fd00::1]:1",
    ] {
        assert!(scene.hear(near, false), "{near}");
    }
    for outside in ["93.184.216.34:1", "[2001:db8::1]:1", "127.0.0.1:1"] {
        assert!(!scene.hear(outside, false), "{outside}");
        assert!(scene.hear(outside, true), "{outside} in a network of ours");
    }
}

#[test]
fn a_neighbour_is_where_it_says_that_it_listens_and_never_ourselves() {
    let scene = &mut Scene::new(1, Turn::Awake);
    let bytes = encode(AddressFamily::V4, 7, &[swarm(0)], scene.lsd.cookie);
    let from = addr("10.9.9.9:6771");
    assert_eq!(scene.lsd.heard(from, true, &bytes, scene.now), None);
    let bytes = encode(AddressFamily::V4, 7, &[swarm(0)], !scene.lsd.cookie);
    let neighbour = scene.lsd.heard(from, true, &bytes, scene.now).unwrap();
    assert_eq!(neighbour.addr, addr("10.9.9.9:7"));
    assert_eq!(neighbour.swarms, [swarm(0)]);
}

#[test]
fn who_talks_without_end_is_heard_ten_times_a_second() {
    let mut scene = Scene::new(1, Turn::Awake);
    for _ in 0..3 {
        let heard = (0..1_000)
            .filter(|_| scene.hear("10.9.9.9:1", true))
            .count();
        assert_eq!(heard, LSD_HEARD_PER_S_MAX as usize);
        assert!(scene.hear("10.9.9.8:1", true), "others are still heard");
        scene.now += SECOND;
    }
}

#[test]
fn a_crowd_of_hosts_is_not_remembered_without_bound() {
    let mut scene = Scene::new(1, Turn::Awake);
    let crowd = |scene: &mut Scene| {
        let hosts = (0..2_000).map(|host| format!("10.9.{}.{}:1", host / 256, host % 256));
        hosts.filter(|host| scene.hear(host, true)).count()
    };
    assert_eq!(crowd(&mut scene), LSD_HOSTS_MAX);
    assert_eq!(scene.lsd.hosts_heard(), LSD_HOSTS_MAX);
    scene.now += SECOND;
    assert_eq!(crowd(&mut scene), LSD_HOSTS_MAX);
}
