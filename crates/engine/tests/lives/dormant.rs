//! Many torrents that sleep: what they announce, what strangers can make of
//! them, and what happens at the edges of sleep.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::disk::{Awakening, RecordTotals, Summary, Terms};
use superseed_engine::limits::{
    CANDIDATES_PER_DORMANT_MAX, EARLY_BYTES_MAX, IDLE_AWAKE_MAX, WAKING_MAX,
};
use superseed_engine::trackers::ANNOUNCES_PER_S_MAX;
use superseed_engine::{
    Action, AddTorrent, AnnounceKey, Command, ConnKey, DiskErrorKind, DiskOp, DiskResult,
    EventKind, Input, Settings, Ticket, Time, TorrentKey, TorrentOptions, TorrentSource,
    TorrentState,
};
use superseed_proto::metainfo::Metainfo;
use superseed_proto::wire::Message;
use superseed_proto::{PeerId, hash::InfoHashV1, hash::InfoHashes};

use crate::filter::filter;
use crate::scene::{Scene, error, everything, torrent};

const DORMANT_AFTER: Duration = Duration::from_secs(30);
const TRACKER: &str = "http://tracker.example/announce";

fn sleepy() -> Scene {
    Scene::new(Settings {
        dormant_after: Some(DORMANT_AFTER),
        ..Settings::default()
    })
}

fn summary(info_hashes: InfoHashes, metainfo: &Metainfo) -> Summary {
    Summary {
        info_hashes,
        name: metainfo.info.name.clone(),
        private: false,
        layout: metainfo.info.layout,
        totals: RecordTotals {
            uploaded_bytes: 7,
            seeding_s: 100,
            ..RecordTotals::default()
        },
        terms: Terms {
            trackers: vec![vec![TRACKER.to_owned()]],
            options: TorrentOptions::default(),
        },
    }
}

fn add_kept(scene: &mut Scene, summary: Summary) -> TorrentKey {
    scene.command(Command::Add(Box::new(AddTorrent {
        ticket: Ticket(1),
        source: TorrentSource::Kept(Box::new(summary)),
        options: TorrentOptions::default(),
    })));
    let added = scene.actions.iter().rev().find_map(|action| match action {
        Action::Added { torrent, .. } => Some(*torrent),
        _ => None,
    });
    added.unwrap()
}

/// The HTTP announces since this was last asked.
fn take_announces(scene: &mut Scene) -> Vec<(AnnounceKey, String)> {
    let mut announces = Vec::new();
    for action in std::mem::take(&mut scene.actions) {
        if let Action::HttpAnnounce(announce) = action {
            announces.push((announce.announce, announce.url));
        }
    }
    announces
}

/// Fails if any second holds more announces than a host may get.
fn check_pace(moments: &[Time]) {
    let mut second = VecDeque::new();
    for &at in moments {
        second.push_back(at);
        while second
            .front()
            .is_some_and(|first| *first + Duration::from_secs(1) <= at)
        {
            second.pop_front();
        }
        assert!(second.len() <= ANNOUNCES_PER_S_MAX as usize, "at {at:?}");
    }
}

#[test]
fn ten_thousand_torrents_of_one_tracker_all_announce_and_never_flood_it() {
    const COUNT: usize = 10_000;
    let mut scene = sleepy();
    let metainfo = torrent("many", 16 << 10, 4);
    for number in 0..COUNT {
        let mut hash = [0; 20];
        hash[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let names = InfoHashes::V1(InfoHashV1(hash));
        add_kept(&mut scene, summary(names, &metainfo));
    }
    let mut told: BTreeMap<String, u32> = BTreeMap::new();
    let mut moments = Vec::new();
    let answer = |scene: &mut Scene, told: &mut BTreeMap<String, u32>, moments: &mut Vec<Time>| {
        for (announce, url) in take_announces(scene) {
            let (_, hash) = url.split_once("info_hash=").unwrap();
            let (hash, _) = hash.split_once('&').unwrap();
            *told.entry(hash.to_owned()).or_default() += 1;
            moments.push(scene.now);
            scene.handle(Input::AnnounceDone {
                announce,
                result: Ok(b"d8:intervali1800e5:peers0:e"),
            });
        }
    };
    answer(&mut scene, &mut told, &mut moments);
    // All of them begin, and most announce a second time.
    let end = scene.now + Duration::from_secs(2_200);
    while let Some((at, _)) = scene.engine.next_deadline().filter(|(at, _)| *at <= end) {
        scene.now = scene.now.max(at);
        scene.handle(Input::Tick);
        answer(&mut scene, &mut told, &mut moments);
    }
    scene.now = end;
    check_pace(&moments);
    assert_eq!(told.len(), COUNT);
    let most = told.iter().max_by_key(|(_, times)| **times);
    assert!(most.is_some_and(|(_, times)| *times <= 2), "{most:?}");
    assert!(told.values().filter(|times| **times == 2).count() > COUNT / 2);
    assert!(scene.jobs.is_empty(), "nobody was woken for it");

    scene.command(Command::Shutdown);
    let mut stops = 0;
    let end = scene.now + Duration::from_secs(4);
    loop {
        for (announce, url) in take_announces(&mut scene) {
            assert!(url.contains("event=stopped"), "{url}");
            stops += 1;
            moments.push(scene.now);
            let result = Ok(&b"de"[..]);
            scene.handle(Input::AnnounceDone { announce, result });
        }
        for job in std::mem::take(&mut scene.jobs) {
            let result = match job.op {
                DiskOp::Amend(amendment) => {
                    assert!(amendment.totals.seeding_s >= 2_300);
                    DiskResult::Amended(Ok(()))
                }
                DiskOp::Close => DiskResult::Closed,
                other => panic!("unexpected {other:?}"),
            };
            scene.done(job.job, result);
        }
        let next = scene.engine.next_deadline().filter(|(at, _)| *at < end);
        let Some((at, _)) = next.filter(|_| !scene.engine.torrents().is_empty()) else {
            break;
        };
        scene.now = scene.now.max(at);
        scene.handle(Input::Tick);
    }
    check_pace(&moments);
    assert!(
        scene.engine.torrents().is_empty(),
        "the time for farewells is over"
    );
    assert!(stops >= 40, "{stops} farewells");
}

/// Torrents that differ, each kept and asleep.
fn many(scene: &mut Scene, count: usize) -> Vec<(TorrentKey, Arc<Metainfo>)> {
    let make = |number| torrent(&format!("t{number}"), 16 << 10, 4);
    let all = (0..count).map(make).map(|metainfo| {
        let mut summary = summary(metainfo.info_hashes, &metainfo);
        summary.terms.trackers.clear();
        (add_kept(scene, summary), metainfo)
    });
    all.collect()
}

fn a_peer_of_each(scene: &mut Scene, of: &[(TorrentKey, Arc<Metainfo>)]) -> Vec<ConnKey> {
    of.iter()
        .map(|(_, metainfo)| scene.peer(metainfo))
        .collect()
}

fn answer_wake(scene: &mut Scene, of: &[(TorrentKey, Arc<Metainfo>)]) {
    let job = scene.take_job(|op| matches!(op, DiskOp::Wake { .. }));
    let (_, metainfo) = of.iter().find(|(key, _)| *key == job.torrent).unwrap();
    let awakening = Awakening {
        metainfo: Arc::clone(metainfo),
        report: everything(4),
    };
    scene.done(job.job, DiskResult::Woken(Ok(Box::new(awakening))));
}

#[test]
fn who_knocks_at_every_torrent_wakes_a_few_at_a_time_and_never_holds_many() {
    let mut scene = sleepy();
    let all = many(&mut scene, 300);
    for (number, (_, metainfo)) in all.iter().enumerate() {
        let conn = scene.connect_as((number % 200) as u8);
        scene.shake_hands(conn, metainfo, PeerId([1 + (number % 200) as u8; 20]));
        let wakes = scene
            .jobs
            .iter()
            .filter(|job| matches!(job.op, DiskOp::Wake { .. }));
        assert!(wakes.count() <= WAKING_MAX);
    }
    let mut awake_most = 0;
    while let Some(job) = scene.jobs.first() {
        match job.op {
            DiskOp::Wake { .. } => answer_wake(&mut scene, &all),
            DiskOp::Sleep => {
                let job = scene.jobs.remove(0).job;
                scene.done(job, DiskResult::Asleep);
            }
            _ => panic!("unexpected {job:?}"),
        }
        // Each peer leaves as soon as it was greeted.
        let greeted: Vec<_> = scene.streams.keys().copied().collect();
        for conn in greeted {
            scene.streams.remove(&conn);
            let end = superseed_engine::StreamEnd::Eof;
            scene.handle(Input::Closed { conn, end });
        }
        scene.handle(Input::Tick);
        let awake = all.iter().filter(|(key, _)| !scene.engine.is_dormant(*key));
        awake_most = awake_most.max(awake.count());
    }
    assert!(
        (WAKING_MAX..=IDLE_AWAKE_MAX).contains(&awake_most),
        "{awake_most}"
    );
    scene.pass(DORMANT_AFTER);
    assert!(all.iter().all(|(key, _)| scene.engine.is_dormant(*key)));
}

#[test]
fn torrents_wake_though_as_many_as_may_wake_at_a_time_wait_for_a_device_that_hangs() {
    let mut scene = sleepy();
    let all = many(&mut scene, WAKING_MAX + 1);
    let peers = a_peer_of_each(&mut scene, &all);
    let wakes = |scene: &Scene| {
        let jobs = scene.jobs.iter();
        jobs.map(|job| job.torrent).collect::<Vec<_>>()
    };
    assert_eq!(wakes(&scene).len(), WAKING_MAX);
    scene.pass(Duration::from_secs(1));
    let last = all[WAKING_MAX].0;
    assert_eq!(wakes(&scene).last(), Some(&last));
    scene.jobs.swap(0, WAKING_MAX);
    answer_wake(&mut scene, &all);
    scene.pass(Duration::from_secs(1));
    assert!(!scene.engine.is_dormant(last));
    assert!(!scene.is_closed(peers[WAKING_MAX]));
}

#[test]
fn who_waits_too_long_for_a_torrent_to_wake_is_let_go() {
    let mut scene = sleepy();
    let all = many(&mut scene, 1);
    let peer = scene.peer(&all[0].1);
    scene.pass(Duration::from_secs(11));
    assert!(scene.is_closed(peer));
    answer_wake(&mut scene, &all);
    assert_eq!(
        scene.engine.peer_stats(all[0].0, scene.now).unwrap().len(),
        0
    );
}

#[test]
fn what_a_peer_says_before_its_torrent_is_awake_is_heard_later_and_is_little() {
    let mut scene = sleepy();
    let all = many(&mut scene, 2);
    let talkers = [scene.peer(&all[0].1), scene.peer(&all[1].1)];
    let room = |scene: &mut Scene, conn| scene.engine.read_allowance(conn, scene.now);
    assert_eq!(room(&mut scene, talkers[0]), EARLY_BYTES_MAX);
    scene.say(talkers[0], &Message::HaveNone);
    scene.say(talkers[0], &Message::Interested);
    assert_eq!(room(&mut scene, talkers[0]), EARLY_BYTES_MAX - 10);
    // A host that reads on all the same.
    scene.hear(talkers[1], &[0; EARLY_BYTES_MAX + 1]);
    assert!(scene.is_closed(talkers[1]));
    answer_wake(&mut scene, &all);
    scene.pass(Duration::from_secs(2));
    let peers = scene.engine.peer_stats(all[0].0, scene.now).unwrap();
    assert!(peers[0].peer_interested && !peers[0].am_choking);
}

#[test]
fn who_leaves_before_its_torrent_has_its_turn_wakes_nobody() {
    let mut scene = sleepy();
    let all = many(&mut scene, WAKING_MAX + 1);
    let peers = a_peer_of_each(&mut scene, &all);
    let last = peers[WAKING_MAX];
    let end = superseed_engine::StreamEnd::Eof;
    scene.handle(Input::Closed { conn: last, end });
    for _ in 0..WAKING_MAX {
        answer_wake(&mut scene, &all);
    }
    assert!(scene.jobs.is_empty());
    assert!(scene.engine.is_dormant(all[WAKING_MAX].0));
}

#[test]
fn a_kept_torrent_that_is_another_one_fails_and_is_closed_again() {
    let mut scene = sleepy();
    let all = many(&mut scene, 1);
    let peer = scene.peer(&all[0].1);
    answer_wake(&mut scene, &[(all[0].0, torrent("another", 16 << 10, 4))]);
    assert!(scene.is_closed(peer));
    assert!(scene.has_job(|op| matches!(op, DiskOp::Sleep)));
    let stats = scene.engine.torrent_stats(all[0].0, scene.now).unwrap();
    assert_eq!(stats.state, TorrentState::Failed);
    assert!(stats.error.unwrap().contains("another torrent"));
}

#[test]
fn a_torrent_that_is_removed_while_it_is_woken_is_gone_when_storage_is_closed() {
    let mut scene = sleepy();
    let all = many(&mut scene, 1);
    let key = all[0].0;
    let peer = scene.peer(&all[0].1);
    scene.command(Command::Remove(key));
    assert!(scene.is_closed(peer));
    answer_wake(&mut scene, &all);
    let job = scene.take_job(|op| matches!(op, DiskOp::Amend(_))).job;
    scene.done(job, DiskResult::Amended(Err(error(DiskErrorKind::Full))));
    let job = scene.take_job(|op| matches!(op, DiskOp::Close)).job;
    scene.done(job, DiskResult::Closed);
    let removed =
        |action: &Action| matches!(action, Action::Removed { torrent } if *torrent == key);
    assert!(scene.actions.iter().any(removed));
}

#[test]
fn a_storage_that_keeps_nothing_never_lets_a_torrent_sleep() {
    let mut scene = sleepy();
    let metainfo = torrent("kept", 16 << 10, 4);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), everything(4));
    scene.pass(DORMANT_AFTER);
    let job = scene.take_job(|op| matches!(op, DiskOp::Keep(_))).job;
    scene.done(job, DiskResult::Kept(Ok(false)));
    scene.pass(10 * DORMANT_AFTER);
    assert!(!scene.engine.is_dormant(key));
    assert!(scene.jobs.is_empty());
}

#[test]
fn a_peer_that_comes_while_its_torrent_is_kept_keeps_it_awake() {
    let mut scene = sleepy();
    let metainfo = torrent("kept", 16 << 10, 4);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), everything(4));
    scene.pass(DORMANT_AFTER);
    scene.peer(&metainfo);
    let job = scene.take_job(|op| matches!(op, DiskOp::Keep(_))).job;
    scene.done(job, DiskResult::Kept(Ok(true)));
    assert!(!scene.engine.is_dormant(key));
    assert_eq!(scene.engine.peer_stats(key, scene.now).unwrap().len(), 1);
}

#[test]
fn what_could_not_be_kept_stays_awake_and_its_record_is_saved() {
    let mut scene = sleepy();
    let metainfo = torrent("kept", 16 << 10, 4);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), everything(4));
    scene.pass(DORMANT_AFTER);
    let job = scene.take_job(|op| matches!(op, DiskOp::Keep(_))).job;
    scene.done(job, DiskResult::Kept(Err(error(DiskErrorKind::Full))));
    scene.pass(Duration::from_secs(61));
    assert!(!scene.engine.is_dormant(key));
    assert!(scene.has_job(|op| matches!(op, DiskOp::SaveRecord(_))));
}

#[test]
fn a_kept_torrent_begins_asleep_with_its_totals_and_wakes_for_its_goal_never() {
    let mut scene = sleepy();
    let metainfo = torrent("goal", 16 << 10, 4);
    let mut kept = summary(metainfo.info_hashes, &metainfo);
    kept.terms.options.goal.time = Some(Duration::from_secs(200));
    let key = add_kept(&mut scene, kept);
    let stats = |scene: &Scene| scene.engine.torrent_stats(key, scene.now).unwrap();
    assert_eq!(stats(&scene).state, TorrentState::Seeding);
    assert_eq!(stats(&scene).uploaded_bytes, 7);
    scene.pass(Duration::from_secs(101));
    let reached = |action: &Action| matches!(action, Action::Event(event) if matches!(event.kind, EventKind::GoalReached));
    assert!(scene.actions.iter().any(reached));
    assert_eq!(stats(&scene).state, TorrentState::Paused);
    assert!(scene.jobs.is_empty());
}

#[test]
fn a_tracker_that_names_many_wakes_a_torrent_and_does_not_make_it_hold_them() {
    let mut scene = sleepy();
    let metainfo = torrent("named", 16 << 10, 4);
    let key = add_kept(&mut scene, summary(metainfo.info_hashes, &metainfo));
    let mut body = b"d8:intervali1800e5:peers1200:".to_vec();
    body.extend((0..200u8).flat_map(|host| [10, 0, 2, host, 0x1a, 0xe1]));
    body.push(b'e');
    for (announce, _) in take_announces(&mut scene) {
        let result = Ok(&body[..]);
        scene.handle(Input::AnnounceDone { announce, result });
    }
    let holdings = scene.engine.holdings();
    assert_eq!(
        holdings.of_one_torrent.candidates,
        CANDIDATES_PER_DORMANT_MAX
    );
    answer_wake(&mut scene, &[(key, metainfo)]);
    let connects = scene.take_connects().len();
    assert!(
        (1..=CANDIDATES_PER_DORMANT_MAX).contains(&connects),
        "{connects}"
    );
}

#[test]
fn an_idle_torrent_that_sleeps_has_no_timer_but_its_announce() {
    let mut scene = sleepy();
    let metainfo = torrent("quiet", 16 << 10, 4);
    let key = add_kept(&mut scene, summary(metainfo.info_hashes, &metainfo));
    for (announce, _) in take_announces(&mut scene) {
        scene.handle(Input::AnnounceDone {
            announce,
            result: Ok(b"d8:intervali1800e5:peers0:e"),
        });
    }
    assert_eq!(scene.pass(Duration::from_secs(1_799)), 0);
    assert_eq!(scene.pass(Duration::from_secs(2)), 1);
    assert!(scene.engine.is_dormant(key));
}

#[test]
fn who_is_blocked_while_its_torrent_wakes_is_let_go() {
    let mut scene = sleepy();
    let all = many(&mut scene, 2);
    let conns = a_peer_of_each(&mut scene, &all);
    // The peers are 10.0.1.1 and 10.0.1.2.
    scene.command(Command::SetFilter(filter("10.0.1.2", "10.0.1.9")));
    assert!(!scene.is_closed(conns[0]));
    assert!(scene.is_closed(conns[1]));
}
