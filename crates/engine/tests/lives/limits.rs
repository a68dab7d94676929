//! Rate limits, memory and places that many peers share.

use std::time::Duration;

use superseed_engine::limits::INCOMING_SLACK;
use superseed_engine::{
    Action, DiskOp, Input, ListenerId, RateLimits, Reason, Settings, Ticket, TorrentOptions,
};
use superseed_proto::wire::Message;

use crate::scene::{Scene, everything, torrent};

fn ask(scene: &mut Scene, conn: superseed_engine::ConnKey, pieces: impl Iterator<Item = u32>) {
    for piece in pieces {
        let request = Message::Request {
            piece,
            begin: 0,
            len: 16_384,
        };
        scene.say(conn, &request);
    }
}

#[test]
fn a_tight_upload_limit_is_shared_evenly_and_wakes_seldom() {
    let rate = 100_000;
    let settings = Settings {
        limits: RateLimits {
            upload_bytes_per_s: Some(rate),
            ..RateLimits::default()
        },
        upload_slots: Some(8),
        ..Settings::default()
    };
    let mut scene = Scene::new(settings);
    let metainfo = torrent("a", 16_384, 512);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(512));
    let leeches: Vec<_> = (0..5).map(|_| scene.peer(&metainfo)).collect();
    for &leech in &leeches {
        scene.say(leech, &Message::HaveNone);
        scene.say(leech, &Message::Interested);
    }
    scene.pass(Duration::from_secs(2));
    for &leech in &leeches {
        ask(&mut scene, leech, 0..512);
    }
    scene.serve_disk();
    scene.taken.clear();
    let mut wakes = 0;
    for _ in 0..300 {
        wakes += scene.pass(Duration::from_millis(100));
        scene.serve_disk();
    }
    let shares: Vec<usize> = leeches.iter().map(|leech| scene.taken[leech]).collect();
    let total: usize = shares.iter().sum();
    let error = total as f64 / (30.0 * rate as f64) - 1.0;
    assert!(error.abs() < 0.03, "{total} bytes in 30 s");
    for share in &shares {
        let part = *share as f64 * 5.0 / total as f64;
        assert!((0.8..1.2).contains(&part), "{shares:?}");
    }
    assert!(wakes < 30 * 110, "{wakes} wake-ups in 30 s");
}

/// What is waited for at these limits comes in turns of a fiftieth of a second,
/// or of a segment where that is more; a tenth more where less was there to send.
const TURNS_AT_MOST: [(u64, f64); 4] = [
    (16 << 10, 12.0),
    (256 << 10, 55.0),
    (4 << 20, 55.0),
    (200 << 20, 55.0),
];

#[test]
fn one_peer_under_an_upload_limit_is_told_to_go_on_fifty_times_a_second_at_most() {
    for (rate, turns_per_s) in TURNS_AT_MOST {
        let settings = Settings {
            limits: RateLimits {
                upload_bytes_per_s: Some(rate),
                ..RateLimits::default()
            },
            ..Settings::default()
        };
        let mut scene = Scene::new(settings);
        let metainfo = torrent("a", 16_384, 512);
        scene.add_open(&metainfo, TorrentOptions::default(), everything(512));
        let leech = scene.peer(&metainfo);
        scene.say(leech, &Message::HaveNone);
        scene.say(leech, &Message::Interested);
        scene.pass(Duration::from_secs(2));
        let (mut turns, mut asked) = (0, 0);
        scene.taken.clear();
        let taken = |scene: &Scene| scene.taken.get(&leech).copied().unwrap_or_default() as u64;
        let end = scene.now + Duration::from_secs(4);
        while scene.now < end {
            // It never has less than a MiB to come.
            while asked < taken(&scene) + (1 << 20) {
                let piece = (asked / 16_384 % 512) as u32;
                ask(&mut scene, leech, piece..piece + 1);
                asked += 16_384;
                scene.serve_disk();
            }
            scene.streams.clear();
            let (next, reason) = scene.engine.next_deadline().unwrap();
            scene.pass(next.since(scene.now));
            turns += u32::from(reason == Reason::UploadQuota);
        }
        let error = taken(&scene) as f64 / (4 * rate) as f64 - 1.0;
        // A burst of a quarter of a second is saved up when it begins.
        assert!((-0.01..0.08).contains(&error), "{rate}: {error}");
        assert!(f64::from(turns) <= 4.0 * turns_per_s, "{rate}: {turns}");
    }
}

#[test]
fn one_peer_under_a_download_limit_is_told_to_go_on_fifty_times_a_second_at_most() {
    for (rate, turns_per_s) in TURNS_AT_MOST {
        let settings = Settings {
            limits: RateLimits {
                download_bytes_per_s: Some(rate),
                ..RateLimits::default()
            },
            ..Settings::default()
        };
        let mut scene = Scene::new(settings);
        let metainfo = torrent("a", 16_384, 1);
        scene.add_open(&metainfo, TorrentOptions::default(), everything(1));
        let talker = scene.peer(&metainfo);
        let (mut turns, mut received) = (0, 0);
        let end = scene.now + Duration::from_secs(4);
        while scene.now < end {
            // It says that it is alive, as fast as it may.
            loop {
                let allowed = scene.engine.read_allowance(talker, scene.now);
                if allowed == 0 {
                    break;
                }
                received += allowed as u64;
                scene.hear(talker, &vec![0; allowed]);
            }
            let (next, reason) = scene.engine.next_deadline().unwrap();
            scene.pass(next.since(scene.now));
            turns += u32::from(reason == Reason::DownloadQuota);
        }
        let error = received as f64 / (4 * rate) as f64 - 1.0;
        assert!((-0.01..0.08).contains(&error), "{rate}: {error}");
        assert!(f64::from(turns) <= 4.0 * turns_per_s, "{rate}: {turns}");
    }
}

#[test]
fn reading_ahead_for_many_peers_stays_within_the_cache() {
    let settings = Settings {
        read_cache_bytes: 4 << 20,
        upload_slots: Some(50),
        ..Settings::default()
    };
    let mut scene = Scene::new(settings);
    let metainfo = torrent("a", 256 << 10, 64);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(64));
    scene.jobs.clear();
    let leeches: Vec<_> = (0..4).map(|_| scene.peer(&metainfo)).collect();
    for &leech in &leeches {
        scene.say(leech, &Message::HaveNone);
        scene.say(leech, &Message::Interested);
    }
    scene.pass(Duration::from_secs(2));
    for &leech in &leeches {
        ask(&mut scene, leech, 0..64);
    }
    let reads = scene.jobs.iter().map(|job| match job.op {
        DiskOp::Read { len, .. } => u64::from(len),
        _ => 0,
    });
    let bytes: u64 = reads.sum();
    assert!(bytes > 0 && bytes <= 4 << 20, "{bytes}");
}

#[test]
fn ten_strangers_more_than_the_limit_are_let_in_and_the_next_is_turned_away() {
    let settings = Settings {
        connections_max: 2,
        ..Settings::default()
    };
    let mut scene = Scene::new(settings);
    let metainfo = torrent("a", 16_384, 1);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(1));
    for stranger in 1..=12 {
        scene.connect_as(stranger);
    }
    scene.handle(Input::Incoming {
        ticket: Ticket(13),
        remote: ([10, 0, 1, 13], 50_000).into(),
        listener: ListenerId(0),
    });
    let Some(Action::Refuse { ticket }) = scene.actions.pop() else {
        panic!("the engine should turn the stranger away");
    };
    assert_eq!(ticket, Ticket(13));
}

#[test]
fn a_full_session_gives_up_who_is_useless_and_nobody_else_for_who_knocks() {
    let mut scene = Scene::new(Settings {
        connections_max: 2,
        ..Settings::default()
    });
    let places = u8::try_from(2 + INCOMING_SLACK).unwrap();
    let metainfo = torrent("a", 16_384, 1);
    let other = torrent("b", 16_384, 1);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(1));
    scene.add_open(&other, TorrentOptions::default(), everything(1));
    let useful = scene.peer(&metainfo);
    scene.say(useful, &Message::HaveNone);
    scene.say(useful, &Message::Interested);
    let idle: Vec<_> = (1..places).map(|_| scene.peer(&other)).collect();
    for peer in &idle {
        scene.say(*peer, &Message::HaveNone);
    }
    let knocks = |scene: &mut Scene, number| {
        scene.handle(Input::Incoming {
            ticket: Ticket(number),
            remote: ([10, 0, 2, 1], 50_000).into(),
            listener: ListenerId(0),
        });
        let accepts = |action: &Action| matches!(action, Action::Accept { .. });
        let is_in = scene.actions.iter().any(accepts);
        scene.actions.retain(|action| !accepts(action));
        is_in
    };
    assert!(!knocks(&mut scene, 100), "nobody was useless for long");
    scene.pass(Duration::from_secs(70));
    let gone = |scene: &Scene| idle.iter().filter(|peer| scene.is_closed(**peer)).count();
    assert!(knocks(&mut scene, 101));
    assert!(!knocks(&mut scene, 102), "one at a time");
    assert_eq!(gone(&scene), 1);
    assert!(!scene.is_closed(useful));
}
