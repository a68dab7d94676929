//! Torrents that sleep, in real sessions with real files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use superseed::storage::memory::MemoryStorage;
use superseed::{
    AddOptions, Config, FileIndex, Priority, RateLimits, Session, Torrent, TorrentOptions,
    TorrentState, WaitError,
};

use crate::world::{Content, run, session};

/// A session whose torrents sleep soon, with its records in `state`.
fn sleepy(state: &Path) -> Session {
    sleepy_with(Config {
        state_dir: Some(state.to_owned()),
        ..Config::default()
    })
}

fn sleepy_with(config: Config) -> Session {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..config
    };
    config.settings.dormant_after = Some(Duration::from_millis(50));
    Session::start(config).unwrap()
}

async fn until_dormant(torrent: &Torrent) {
    while !torrent.is_dormant().await.unwrap() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn only_torrent(session: &Session) -> Torrent {
    let mut torrents = session.torrents().await.unwrap();
    assert_eq!(torrents.len(), 1);
    torrents.remove(0)
}

/// A new session fetches the content from another one.
async fn fetch(content: &Content, from: &Session) {
    let there = tempfile::tempdir().unwrap();
    let leecher = session();
    let torrent = content.add(&leecher, there.path()).await;
    torrent.add_peer(from.listen_addrs()[0]).await.unwrap();
    torrent.wait_complete().await.unwrap();
    leecher.stop().await;
    content.assert_in(there.path());
}

/// The only file of a directory with this ending.
fn file_in(dir: &Path, ending: &str) -> PathBuf {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|end| end == ending))
        .unwrap()
}

struct Dirs {
    _root: tempfile::TempDir,
    data: PathBuf,
    state: PathBuf,
}

fn dirs() -> Dirs {
    let root = tempfile::tempdir().unwrap();
    let (data, state) = (root.path().join("data"), root.path().join("state"));
    std::fs::create_dir_all(&state).unwrap();
    Dirs {
        _root: root,
        data,
        state,
    }
}

fn several() -> Content {
    let files = [
        ("a/one.bin", 70_000),
        ("two.bin", 0),
        ("b/three.bin", 41_234),
    ];
    Content::multi("several", &files, 16 * 1024)
}

#[test]
fn a_torrent_that_sleeps_holds_no_file_and_is_served_all_the_same() {
    run(async {
        let (content, dirs) = (several(), dirs());
        let seeder = sleepy(&dirs.state);
        let torrent = content.seed(&seeder, &dirs.data).await;
        until_dormant(&torrent).await;
        let locks = || {
            let entries = std::fs::read_dir(&dirs.data).unwrap();
            entries
                .filter(|entry| {
                    let name = entry.as_ref().unwrap().file_name();
                    name.to_string_lossy().ends_with(".lock")
                })
                .count()
        };
        assert_eq!(locks(), 0);
        for _ in 0..2 {
            fetch(&content, &seeder).await;
            until_dormant(&torrent).await;
            assert_eq!(locks(), 0);
        }
        let stats = torrent.stats().await.unwrap();
        assert_eq!(stats.state, TorrentState::Seeding);
        assert!(stats.uploaded_bytes >= 2 * 111_234);
        seeder.stop().await;
    });
}

#[test]
fn a_kept_torrent_is_restored_asleep_and_wakes_for_whoever_needs_it() {
    run(async {
        let (content, dirs) = (several(), dirs());
        let first = sleepy(&dirs.state);
        let torrent = content.seed(&first, &dirs.data).await;
        until_dormant(&torrent).await;
        fetch(&content, &first).await;
        until_dormant(&torrent).await;
        let uploaded = torrent.stats().await.unwrap().uploaded_bytes;
        let limits = RateLimits {
            upload_bytes_per_s: Some(50_000_000),
            ..RateLimits::default()
        };
        torrent.set_limits(limits).await.unwrap();
        first.stop().await;
        // Nothing of it is looked at before it wakes.
        let elsewhere = dirs.data.with_extension("moved");
        std::fs::rename(&dirs.data, &elsewhere).unwrap();

        let second = sleepy(&dirs.state);
        let restored = second.restore(&dirs.state).await.unwrap();
        assert_eq!(restored.torrents, 1, "{:?}", restored.failed);
        let torrent = only_torrent(&second).await;
        assert!(torrent.is_dormant().await.unwrap());
        assert_eq!(torrent.name(), "several");
        let stats = torrent.stats().await.unwrap();
        assert_eq!(stats.state, TorrentState::Seeding);
        assert_eq!((stats.left_bytes, stats.uploaded_bytes), (0, uploaded));
        torrent.wait_complete().await.unwrap();

        std::fs::rename(&elsewhere, &dirs.data).unwrap();
        fetch(&content, &second).await;
        until_dormant(&torrent).await;
        let metainfo = torrent.metainfo().await.unwrap();
        assert_eq!(metainfo.encode(), content.torrent);
        assert_eq!(torrent.files().await.unwrap().len(), 3);
        let three = torrent.read_file(FileIndex(2), 1..41_000).await.unwrap();
        assert_eq!(three, content.files[2].1[1..41_000]);
        second.stop().await;
    });
}

#[test]
fn what_was_kept_and_is_damaged_is_an_error_of_its_torrent_alone() {
    run(async {
        let dirs = dirs();
        let (good, bad) = (several(), Content::single("bad.bin", 50_000, 16 * 1024));
        let session = sleepy(&dirs.state);
        let bad_state = dirs.state.join("of-bad");
        let torrent = good.seed(&session, &dirs.data).await;
        let other = sleepy(&bad_state);
        let bad_torrent = bad.seed(&other, &dirs.data).await;
        until_dormant(&bad_torrent).await;
        other.stop().await;
        let kept = file_in(&bad_state, "kept");
        let mut bytes = std::fs::read(&kept).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&kept, bytes).unwrap();
        assert_eq!(session.restore(&bad_state).await.unwrap().torrents, 1);
        let all = session.torrents().await.unwrap();
        let bad_torrent = all.iter().find(|one| one.name() == "bad.bin").unwrap();
        let Err(WaitError::Failed(error)) = bad_torrent.files().await else {
            panic!("this should not wake");
        };
        assert!(error.message.contains("is damaged"), "{error}");
        let stats = bad_torrent.stats().await.unwrap();
        assert_eq!(stats.state, TorrentState::Failed);
        assert_eq!(stats.error, Some(error.message));
        until_dormant(&torrent).await;
        fetch(&good, &session).await;
        // It is no better the second time, and says so again.
        bad_torrent.resume().await.unwrap();
        assert!(bad_torrent.files().await.is_err());
        bad_torrent.remove().await.unwrap();
        session.stop().await;
    });
}

#[test]
fn files_that_changed_in_its_sleep_are_checked_when_it_wakes() {
    run(async {
        let (content, dirs) = (several(), dirs());
        let session = sleepy(&dirs.state);
        let torrent = content.seed(&session, &dirs.data).await;
        until_dormant(&torrent).await;
        let mut spoilt = content.files[0].1.clone();
        spoilt[0] ^= 1;
        std::fs::write(dirs.data.join("several/a/one.bin"), spoilt).unwrap();
        torrent.files().await.unwrap();
        let stats = loop {
            let stats = torrent.stats().await.unwrap();
            if stats.state == TorrentState::Downloading {
                break stats;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        assert_eq!(stats.pieces - stats.pieces_have, 1);
        assert!(!torrent.is_dormant().await.unwrap());
        session.stop().await;
    });
}

#[test]
fn a_torrent_of_which_something_is_unwanted_is_restored_too() {
    run(async {
        let (content, dirs) = (several(), dirs());
        let options = || AddOptions {
            torrent: TorrentOptions {
                priorities: vec![Priority::Skip, Priority::Normal, Priority::Normal],
                ..TorrentOptions::default()
            },
            ..AddOptions::default()
        };
        let (here, seeder) = (tempfile::tempdir().unwrap(), session());
        content.seed(&seeder, here.path()).await;
        let first = sleepy(&dirs.state);
        let torrent = content.add_with(&first, &dirs.data, options()).await;
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        seeder.stop().await;
        first.stop().await;
        // Its last pieces are durable now, which else takes half a minute.
        let first = sleepy(&dirs.state);
        let torrent = content.add_with(&first, &dirs.data, options()).await;
        until_dormant(&torrent).await;
        let have = torrent.stats().await.unwrap().pieces_have;
        first.stop().await;

        let second = sleepy(&dirs.state);
        let restored = second.restore(&dirs.state).await.unwrap();
        assert_eq!(restored.torrents, 1, "{:?}", restored.failed);
        let torrent = only_torrent(&second).await;
        torrent.wait_complete().await.unwrap();
        let stats = torrent.stats().await.unwrap();
        assert_eq!((stats.pieces_have, stats.left_bytes), (have, 0));
        assert!(stats.pieces_have < stats.pieces);
        until_dormant(&torrent).await;
        let files = torrent.files().await.unwrap();
        assert_eq!(files[0].priority, Priority::Skip);
        second.stop().await;
    });
}

#[test]
fn torrents_of_a_storage_that_keeps_nothing_stay_awake() {
    run(async {
        let (content, there) = (several(), tempfile::tempdir().unwrap());
        let seeder = session();
        content.seed(&seeder, there.path()).await;
        let leecher = sleepy_with(Config {
            storage: Some(Arc::new(MemoryStorage::default())),
            ..Config::default()
        });
        let torrent = content.add(&leecher, there.path()).await;
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        seeder.stop().await;
        while torrent.stats().await.unwrap().peers > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        fetch(&content, &leecher).await;
        assert!(!torrent.is_dormant().await.unwrap());
        leecher.stop().await;
    });
}
