//! Disks that are full, slow to answer, or busy with what no longer matters.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::disk::{CheckVerdict, OpenReport};
use superseed_engine::{
    BlockBuf, Command, ConnKey, DiskErrorKind, DiskJob, DiskOp, DiskResult, Input, Settings,
    TorrentKey, TorrentOptions, TorrentState,
};
use superseed_proto::wire::{Message, encode_piece_header};
use superseed_proto::{BLOCK_LEN, Bitfield};

use crate::scene::{Scene, error, nothing, torrent};

fn is_write(op: &DiskOp) -> bool {
    matches!(op, DiskOp::Write { .. })
}

/// A torrent of one piece, and a seed that serves it.
fn with_seed() -> (Scene, TorrentKey, ConnKey) {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 1);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), nothing(1));
    scene.jobs.clear();
    let seed = scene.peer(&metainfo);
    scene.say(seed, &Message::HaveAll);
    scene.say(seed, &Message::Unchoke);
    (scene, key, seed)
}

#[test]
fn a_piece_that_a_full_disk_refused_is_written_after_a_pause() {
    let (mut scene, key, seed) = with_seed();
    for block in scene.take_asked(seed) {
        scene.bring(seed, block);
    }
    let DiskJob {
        job,
        op: DiskOp::Write { blocks, .. },
        ..
    } = scene.take_job(is_write)
    else {
        unreachable!("the job was chosen by its kind");
    };
    let outcome = Err(error(DiskErrorKind::Full));
    scene.done(
        job,
        DiskResult::Written {
            blocks,
            hasher: None,
            outcome,
        },
    );
    scene.command(Command::Pause(key));
    scene.pass(Duration::from_secs(40));
    scene.command(Command::Resume(key));
    scene.pass(Duration::from_secs(40));
    assert!(scene.has_job(is_write));
}

#[test]
fn a_block_in_shared_memory_is_written_from_where_it_lies() {
    let (mut scene, key, seed) = with_seed();
    let mut stream = Vec::new();
    for (piece, begin) in scene.take_asked(seed) {
        encode_piece_header(piece, begin, BLOCK_LEN, &mut stream);
        stream.resize(stream.len() + BLOCK_LEN as usize, 7);
    }
    let mut stream = Bytes::from(stream);
    let memory = stream.as_ptr_range();
    // One block comes whole, the other in two parts.
    let second = stream.split_off(stream.len() - BLOCK_LEN as usize / 2);
    for bytes in [stream, second] {
        scene.handle(Input::ReceivedShared { conn: seed, bytes });
    }
    let job = scene.take_job(is_write);
    let DiskOp::Write { blocks, .. } = &job.op else {
        unreachable!("the job was chosen by its kind");
    };
    let is_there = |block: &BlockBuf| memory.contains(&block.bytes().as_ptr());
    assert!(is_there(&blocks[0]) && !is_there(&blocks[1]));
    scene.jobs = vec![job];
    scene.serve_one();
    let stats = scene.engine.torrent_stats(key, scene.now).unwrap();
    assert_eq!(stats.left_bytes, 0, "the piece is right");
    assert_eq!(scene.engine.holdings().block_bytes, 0);
}

#[test]
fn a_sync_that_a_full_disk_refused_is_tried_again() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 1);
    scene.add_open(&metainfo, TorrentOptions::default(), nothing(1));
    scene.serve_disk();
    let seed = scene.peer(&metainfo);
    scene.say(seed, &Message::HaveAll);
    scene.say(seed, &Message::Unchoke);
    for block in scene.take_asked(seed) {
        scene.bring(seed, block);
    }
    scene.serve_one();
    for _ in 0..3 {
        let job = scene.take_job(|op| matches!(op, DiskOp::Sync)).job;
        scene.done(job, DiskResult::Synced(Err(error(DiskErrorKind::Full))));
        scene.pass(Duration::from_secs(90));
    }
    assert!(scene.has_job(|op| matches!(op, DiskOp::Sync)));
}

#[test]
fn checks_of_an_earlier_life_do_not_count_in_the_next() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 4 << 20, 6);
    let mut unchecked = nothing(6);
    unchecked.unchecked = Bitfield::full(6);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), unchecked);
    let mut stale = take_checks(&mut scene);
    assert_eq!(stale.len(), 4);
    let (job, pieces) = stale.remove(0);
    let failed = CheckVerdict::Failed(error(DiskErrorKind::Io));
    scene.done(job, DiskResult::Checked(vec![(pieces[0], failed)]));
    scene.command(Command::Resume(key));
    let mut unchecked = nothing(6);
    unchecked.unchecked = Bitfield::full(6);
    scene.answer_open(unchecked);
    let mut checked = BTreeSet::new();
    let mut fresh = take_checks(&mut scene);
    for (job, pieces) in stale {
        let verdicts = pieces.iter().map(|piece| (*piece, CheckVerdict::Absent));
        scene.done(job, DiskResult::Checked(verdicts.collect()));
        fresh.append(&mut take_checks(&mut scene));
    }
    let state = |scene: &Scene| scene.engine.torrent_stats(key, scene.now).unwrap().state;
    while let Some((job, pieces)) = fresh.pop() {
        assert_eq!(state(&scene), TorrentState::Checking);
        checked.extend(pieces.iter().copied());
        let verdicts = pieces.iter().map(|piece| (*piece, CheckVerdict::Absent));
        scene.done(job, DiskResult::Checked(verdicts.collect()));
        fresh.append(&mut take_checks(&mut scene));
    }
    assert_eq!(checked.len(), 6);
    assert_eq!(state(&scene), TorrentState::Downloading);
}

type CheckJob = (
    superseed_engine::JobKey,
    Vec<superseed_proto::layout::PieceIndex>,
);

fn take_checks(scene: &mut Scene) -> Vec<CheckJob> {
    let mut checks = Vec::new();
    while scene.has_job(|op| matches!(op, DiskOp::Check { .. })) {
        let DiskJob {
            job,
            op: DiskOp::Check { pieces },
            ..
        } = scene.take_job(|op| matches!(op, DiskOp::Check { .. }))
        else {
            unreachable!("the job was chosen by its kind");
        };
        checks.push((job, pieces.into_iter().map(|(piece, _)| piece).collect()));
    }
    checks
}

#[test]
fn a_paused_torrent_gives_its_memory_back() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 65_536, 2);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), nothing(2));
    scene.serve_disk();
    let seed = scene.peer(&metainfo);
    scene.say(seed, &Message::HaveAll);
    scene.say(seed, &Message::Unchoke);
    let asked = scene.take_asked(seed);
    scene.bring(seed, asked[0]);
    scene.bring(seed, asked[2]);
    assert!(scene.engine.buffered_bytes() > 0);
    scene.command(Command::Pause(key));
    scene.serve_disk();
    assert_eq!(scene.engine.buffered_bytes(), 0);
    scene.command(Command::Resume(key));
    let seed = scene.peer(&metainfo);
    scene.say(seed, &Message::HaveAll);
    scene.say(seed, &Message::Unchoke);
    for block in scene.take_asked(seed) {
        scene.bring(seed, block);
    }
    while scene.has_job(is_write) || scene.has_job(|op| matches!(op, DiskOp::HashBack { .. })) {
        scene.serve_one();
    }
    let stats = scene.engine.torrent_stats(key, scene.now).unwrap();
    assert_eq!(stats.state, TorrentState::Seeding);
}

/// A torrent on a device, and a seed that unchokes us.
fn on_device(scene: &mut Scene, name: &str, device: u64) -> (TorrentKey, ConnKey) {
    let metainfo = torrent(name, 4 * BLOCK_LEN, 200);
    let report = OpenReport {
        device,
        ..nothing(200)
    };
    let key = scene.add_open(&metainfo, TorrentOptions::default(), report);
    scene.serve_disk();
    let seed = scene.peer(&metainfo);
    scene.say(seed, &Message::HaveAll);
    scene.say(seed, &Message::Unchoke);
    (key, seed)
}

/// A seed brings what it was asked for until it is asked for nothing more.
fn bring_all(scene: &mut Scene, seed: ConnKey) -> usize {
    let mut brought = 0;
    loop {
        let asked = scene.take_asked(seed);
        if asked.is_empty() {
            return brought;
        }
        brought += asked.len();
        for block in asked {
            scene.bring(seed, block);
        }
    }
}

/// With two torrents of which one waits for its writes: how many blocks the
/// other brings while its own are answered at once.
fn brought_beside_one_that_hangs(devices: [u64; 2]) -> (usize, usize) {
    let mut scene = Scene::new(Settings {
        piece_budget_bytes: 64 * u64::from(BLOCK_LEN),
        ..Settings::default()
    });
    let (stuck, first) = on_device(&mut scene, "stuck", devices[0]);
    let (_, second) = on_device(&mut scene, "fine", devices[1]);
    let held = bring_all(&mut scene, first);
    let mut brought = 0;
    for _ in 0..10 {
        brought += bring_all(&mut scene, second);
        let (hung, fine) = std::mem::take(&mut scene.jobs)
            .into_iter()
            .partition(|job| job.torrent == stuck);
        scene.jobs = fine;
        scene.serve_disk();
        scene.jobs = hung;
        bring_all(&mut scene, first);
    }
    (held, brought)
}

#[test]
fn a_device_that_hangs_holds_no_more_memory_than_its_part() {
    let (held, brought) = brought_beside_one_that_hangs([1, 2]);
    assert!(
        (32..40).contains(&held),
        "{held} blocks wait for the device"
    );
    assert!(brought >= 10 * 24, "the other brought {brought}");
}

#[test]
fn torrents_of_one_device_wait_for_it_together() {
    let (held, brought) = brought_beside_one_that_hangs([1, 1]);
    assert!(held >= 50, "{held} blocks wait for the device");
    assert!(brought < 10 * 10, "the other brought {brought}");
}
