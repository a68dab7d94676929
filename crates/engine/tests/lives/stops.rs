//! Pauses, resumptions and goals at awkward moments.

use std::time::Duration;

use superseed_engine::disk::RecordTotals;
use superseed_engine::{
    Action, Command, DiskErrorKind, DiskOp, DiskResult, Input, SeedGoal, Settings, TorrentOptions,
    TorrentState,
};
use superseed_proto::wire::Message;

use crate::scene::{Scene, error, everything, nothing, torrent};

fn with_peer() -> TorrentOptions {
    TorrentOptions {
        peers: vec![([10, 0, 0, 2], 6881).into()],
        ..TorrentOptions::default()
    }
}

fn state(scene: &Scene, key: superseed_engine::TorrentKey) -> TorrentState {
    scene.engine.torrent_stats(key, scene.now).unwrap().state
}

#[test]
fn an_attempt_that_a_pause_cut_short_is_made_again() {
    let mut scene = Scene::new(Settings::default());
    let key = scene.add_open(&torrent("a", 16_384, 2), with_peer(), nothing(2));
    assert_eq!(scene.take_connects().len(), 1);
    scene.command(Command::Pause(key));
    scene.command(Command::Resume(key));
    scene.pass(Duration::from_secs(5));
    assert_eq!(scene.take_connects().len(), 1);
}

#[test]
fn a_slow_connection_leaves_its_peer_the_whole_time_for_the_handshake() {
    let mut scene = Scene::new(Settings::default());
    scene.add_open(&torrent("a", 16_384, 2), with_peer(), nothing(2));
    let conn = scene.take_connects()[0];
    scene.pass(Duration::from_millis(9_900));
    scene.handle(Input::Connected { conn });
    let closed = |scene: &Scene| {
        let mut actions = scene.actions.iter();
        actions.any(|action| matches!(action, Action::Close { conn: gone } if *gone == conn))
    };
    scene.pass(Duration::from_millis(9_900));
    assert!(!closed(&scene));
    scene.pass(Duration::from_millis(200));
    assert!(closed(&scene));
}

#[test]
fn a_pause_while_the_storage_opens_is_a_pause() {
    let mut scene = Scene::new(Settings::default());
    let key = scene.add(&torrent("a", 16_384, 2), TorrentOptions::default());
    scene.command(Command::Pause(key));
    scene.answer_open(nothing(2));
    assert_eq!(state(&scene, key), TorrentState::Paused);
}

#[test]
fn what_the_user_resumed_stays_resumed_after_an_error() {
    let mut scene = Scene::new(Settings::default());
    let options = TorrentOptions {
        paused: true,
        ..TorrentOptions::default()
    };
    let metainfo = torrent("a", 16_384, 2);
    let key = scene.add_open(&metainfo, options, everything(2));
    scene.command(Command::Resume(key));
    fail_a_read(&mut scene, &metainfo);
    assert_eq!(state(&scene, key), TorrentState::Failed);
    scene.command(Command::Resume(key));
    scene.answer_open(everything(2));
    assert_eq!(state(&scene, key), TorrentState::Seeding);
}

fn fail_a_read(scene: &mut Scene, metainfo: &superseed_proto::metainfo::Metainfo) {
    let leech = scene.peer(metainfo);
    scene.say(leech, &Message::HaveNone);
    scene.say(leech, &Message::Interested);
    scene.pass(Duration::from_secs(2));
    scene.say(
        leech,
        &Message::Request {
            piece: 0,
            begin: 0,
            len: 16_384,
        },
    );
    let job = scene.take_job(|op| matches!(op, DiskOp::Read { .. })).job;
    scene.done(job, DiskResult::Read(Err(error(DiskErrorKind::Io))));
}

#[test]
fn a_goal_that_was_reached_earlier_announces_nothing() {
    let mut scene = Scene::new(Settings::default());
    let options = TorrentOptions {
        goal: SeedGoal {
            ratio: Some(1.0),
            time: None,
        },
        trackers: vec!["http://10.0.0.9/announce".to_owned()],
        ..TorrentOptions::default()
    };
    let mut report = everything(2);
    report.record = Some(RecordTotals {
        uploaded_bytes: 1 << 20,
        ..RecordTotals::default()
    });
    let key = scene.add_open(&torrent("a", 16_384, 2), options, report);
    assert_eq!(state(&scene, key), TorrentState::Paused);
    scene.pass(Duration::from_secs(60));
    let announced = |action: &Action| match action {
        Action::HttpAnnounce(announce) => announce.url.contains("event=started"),
        _ => false,
    };
    assert!(!scene.actions.iter().any(announced));
}

#[test]
fn totals_are_not_counted_twice_after_an_error() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 2);
    let mut report = everything(2);
    report.record = Some(RecordTotals {
        uploaded_bytes: 1_000,
        ..RecordTotals::default()
    });
    let key = scene.add_open(&metainfo, TorrentOptions::default(), report);
    let leech = scene.peer(&metainfo);
    scene.say(leech, &Message::HaveNone);
    scene.say(leech, &Message::Interested);
    scene.pass(Duration::from_secs(2));
    let request = Message::Request {
        piece: 1,
        begin: 0,
        len: 16_384,
    };
    scene.say(leech, &request);
    scene.serve_disk();
    let uploaded = |scene: &Scene| {
        let stats = scene.engine.torrent_stats(key, scene.now).unwrap();
        stats.uploaded_bytes
    };
    assert_eq!(uploaded(&scene), 1_000 + 16_384);
    scene.pass(Duration::from_secs(70));
    let saved = scene.take_job(|op| matches!(op, DiskOp::SaveRecord(_)));
    let DiskOp::SaveRecord(record) = saved.op else {
        unreachable!("the job was chosen by its kind");
    };
    scene.done(saved.job, DiskResult::Saved(Ok(())));
    fail_a_read(&mut scene, &metainfo);
    scene.command(Command::Resume(key));
    let mut report = everything(2);
    report.record = Some(record.totals);
    scene.answer_open(report);
    assert_eq!(uploaded(&scene), 1_000 + 16_384);
}
