//! What a torrent says of its own state when it is asked why it is no faster.

use std::time::Duration;

use superseed_engine::{
    Cause, Command, ConnKey, DiskErrorKind, DiskJob, DiskOp, DiskResult, RateLimits, Settings,
    TorrentKey, TorrentOptions,
};
use superseed_proto::Bitfield;
use superseed_proto::wire::Message;

use crate::scene::{Scene, error, everything, nothing, torrent};

fn causes(scene: &Scene, key: TorrentKey) -> Vec<Cause> {
    let why = scene.engine.explain(key, scene.now).unwrap();
    assert_eq!(why.causes().next(), Some(why.main()));
    why.causes().cloned().collect()
}

/// A peer that has everything and does not unchoke.
fn miser(scene: &mut Scene, metainfo: &superseed_proto::metainfo::Metainfo) -> ConnKey {
    let peer = scene.peer(metainfo);
    scene.say(peer, &Message::HaveAll);
    peer
}

#[test]
fn a_torrent_that_does_not_run_says_so_and_no_more() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 4);
    let key = scene.add(&metainfo, TorrentOptions::default());
    assert_eq!(causes(&scene, key), [Cause::Opening]);
    scene.answer_open(nothing(4));
    scene.command(Command::Pause(key));
    assert_eq!(causes(&scene, key), [Cause::Paused]);
    assert!(
        scene
            .engine
            .explain(TorrentKey::default(), scene.now)
            .is_none()
    );
}

#[test]
fn a_check_tells_how_much_is_left_of_it() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 4);
    let mut report = nothing(4);
    report.unchecked = Bitfield::full(4);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), report);
    assert_eq!(causes(&scene, key), [Cause::Checking { pieces_left: 4 }]);
}

#[test]
fn a_seed_counts_who_wants_something_and_gets_it() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 4);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), everything(4));
    let leecher = scene.peer(&metainfo);
    scene.say(leecher, &Message::HaveNone);
    let complete = |interested, unchoked| Cause::Complete {
        interested,
        unchoked,
    };
    assert_eq!(causes(&scene, key), [complete(0, 0)]);
    scene.say(leecher, &Message::Interested);
    scene.pass(Duration::from_secs(30));
    assert_eq!(causes(&scene, key), [complete(1, 1)]);
}

#[test]
fn peers_are_counted_by_what_they_are_good_for() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 4);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), nothing(4));
    let nobody = Cause::NoPeers {
        candidates: 0,
        connecting: 0,
        next_try: None,
    };
    assert_eq!(causes(&scene, key), [nobody]);
    let poor = scene.peer(&metainfo);
    scene.say(poor, &Message::HaveNone);
    assert_eq!(causes(&scene, key), [Cause::NothingWeLack { peers: 1 }]);
    let misers: Vec<_> = (0..3).map(|_| miser(&mut scene, &metainfo)).collect();
    let choked = Cause::Choked {
        choking: 3,
        having: 3,
    };
    assert_eq!(causes(&scene, key), [choked]);
    scene.say(misers[0], &Message::Unchoke);
    let slow = |snubbing| Cause::PeersAreSlow {
        serving: 1,
        snubbing,
        bytes_per_s: 0,
    };
    assert_eq!(causes(&scene, key), [slow(0)]);
    scene.pass(Duration::from_secs(100));
    assert_eq!(causes(&scene, key), [slow(1)]);
}

#[test]
fn a_disk_that_hangs_or_refuses_is_told_apart_with_its_figures() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 1);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), nothing(1));
    let seed = miser(&mut scene, &metainfo);
    scene.say(seed, &Message::Unchoke);
    for block in scene.take_asked(seed) {
        scene.bring(seed, block);
    }
    let fast = &causes(&scene, key)[0];
    assert!(matches!(fast, Cause::PeersAreSlow { .. }), "{fast:?}");
    scene.pass(Duration::from_secs(5));
    let hangs = Cause::DiskIsSlow {
        jobs: 1,
        bytes: 32_768,
        oldest: Duration::from_secs(5),
        memory_is_full: false,
    };
    assert_eq!(causes(&scene, key)[0], hangs);
    let DiskJob {
        job,
        op: DiskOp::Write { blocks, .. },
        ..
    } = scene.take_job(|op| matches!(op, DiskOp::Write { .. }))
    else {
        unreachable!("the job was chosen by its kind");
    };
    let full = error(DiskErrorKind::Full);
    scene.done(
        job,
        DiskResult::Written {
            blocks,
            hasher: None,
            outcome: Err(full.clone()),
        },
    );
    scene.pass(Duration::from_secs(10));
    let refuses = Cause::DiskRefuses {
        error: full,
        retry_in: Some(Duration::from_secs(20)),
    };
    assert_eq!(causes(&scene, key)[0], refuses);
}

#[test]
fn the_narrower_of_two_upload_limits_is_named_with_its_value() {
    let limits = |rate| RateLimits {
        upload_bytes_per_s: Some(rate),
        ..RateLimits::default()
    };
    let mut scene = Scene::new(Settings {
        limits: limits(50_000),
        ..Settings::default()
    });
    let metainfo = torrent("a", 16_384, 64);
    let options = TorrentOptions {
        limits: limits(20_000),
        ..TorrentOptions::default()
    };
    let key = scene.add_open(&metainfo, options, everything(64));
    let leecher = scene.peer(&metainfo);
    scene.say(leecher, &Message::HaveNone);
    scene.say(leecher, &Message::Interested);
    scene.pass(Duration::from_secs(2));
    for piece in 0..64 {
        let (begin, len) = (0, 16_384);
        scene.say(leecher, &Message::Request { piece, begin, len });
    }
    for _ in 0..100 {
        scene.serve_disk();
        scene.pass(Duration::from_millis(100));
    }
    let Cause::UploadLimit(limit) = causes(&scene, key)[0] else {
        panic!("{:?}", causes(&scene, key));
    };
    assert_eq!((limit.bytes_per_s, limit.of_session), (20_000, false));
    assert!(limit.since >= Duration::from_secs(9), "{limit:?}");
}
