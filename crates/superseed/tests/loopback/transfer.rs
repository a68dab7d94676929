//! A seed, a leecher, and the bytes between them.

use std::time::{Duration, Instant};

use superseed::{
    AddOptions, Config, FileIndex, Priority, RateLimits, Session, Settings, TorrentOptions,
};

use crate::world::{Content, run, session, session_on};

async fn transfer(content: &Content, ip: &str) {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (seeder, leecher) = (session_on(ip), session_on(ip));
    content.seed(&seeder, here.path()).await;
    let torrent = content.add(&leecher, there.path()).await;
    torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
    torrent.wait_complete().await.unwrap();
    let stats = torrent.stats().await.unwrap();
    assert_eq!(stats.left_bytes, 0);
    assert_eq!(stats.wasted_bytes, 0);
    leecher.stop().await;
    seeder.stop().await;
    content.assert_in(there.path());
}

#[test]
fn a_single_file_in_small_pieces_arrives() {
    run(async {
        transfer(
            &Content::single("small.bin", 5_000_001, 16 * 1024),
            "127.0.0.1",
        )
        .await;
    });
}

#[test]
fn a_single_file_in_large_pieces_arrives() {
    run(async {
        transfer(
            &Content::single("large.bin", 20_000_003, 1 << 20),
            "127.0.0.1",
        )
        .await;
    });
}

#[test]
fn a_file_shorter_than_a_block_arrives() {
    run(async { transfer(&Content::single("tiny.txt", 1, 16 * 1024), "127.0.0.1").await });
}

#[test]
fn a_file_arrives_over_ipv6() {
    run(async { transfer(&Content::single("six.bin", 1_000_000, 64 * 1024), "::1").await });
}

#[test]
fn many_files_with_empty_ones_among_them_arrive() {
    let files = [
        ("first.txt", 100),
        ("empty", 0),
        ("deep/er/file.bin", 70_000),
        ("deep/empty", 0),
        ("日本語.txt", 16_384),
        ("last.bin", 33_333),
    ];
    run(async { transfer(&Content::multi("many", &files, 32 * 1024), "127.0.0.1").await });
}

#[test]
fn a_leecher_serves_what_it_has() {
    run(async {
        let content = Content::single("chain.bin", 3_000_000, 64 * 1024);
        let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let (seeder, middle, last) = (session(), session(), session());
        content.seed(&seeder, dirs[0].path()).await;
        let first = content.add(&middle, dirs[1].path()).await;
        let second = content.add(&last, dirs[2].path()).await;
        // The last one knows only the one in the middle.
        second.add_peer(middle.listen_addrs()[0]).await.unwrap();
        first.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        second.wait_complete().await.unwrap();
        first.wait_complete().await.unwrap();
        for session in [last, middle, seeder] {
            session.stop().await;
        }
        content.assert_in(dirs[2].path());
    });
}

#[test]
fn only_selected_files_are_made() {
    run(async {
        let content = Content::multi(
            "some",
            &[("a", 50_000), ("b", 50_000), ("c", 50_000)],
            16_384,
        );
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (seeder, leecher) = (session(), session());
        content.seed(&seeder, here.path()).await;
        let priorities = vec![Priority::Normal, Priority::Skip, Priority::Normal];
        let torrent = TorrentOptions {
            priorities,
            ..TorrentOptions::default()
        };
        let options = AddOptions {
            torrent,
            ..AddOptions::default()
        };
        let torrent = content.add_with(&leecher, there.path(), options).await;
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        assert!(!there.path().join("some/b").exists());
        torrent
            .set_priorities(vec![(FileIndex(1), Priority::High)])
            .await
            .unwrap();
        // The order was followed before the wait: the torrent is incomplete again.
        torrent.wait_complete().await.unwrap();
        leecher.stop().await;
        seeder.stop().await;
        content.assert_in(there.path());
    });
}

#[test]
fn a_download_with_little_memory_arrives() {
    run(async {
        let content = Content::single("spilled.bin", 8_000_000, 256 * 1024);
        let dirs = [(); 4].map(|()| tempfile::tempdir().unwrap());
        let settings = Settings {
            piece_budget_bytes: 128 * 1024,
            ..Settings::default()
        };
        let leecher = Session::start(Config {
            settings,
            listen: vec![([127, 0, 0, 1], 0).into()],
            ..Config::default()
        })
        .unwrap();
        let torrent = content.add(&leecher, dirs[0].path()).await;
        let mut seeders = Vec::new();
        for dir in &dirs[1..] {
            let seeder = session();
            content.seed(&seeder, dir.path()).await;
            seeders.push(seeder);
        }
        for seeder in &seeders {
            torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        }
        torrent.wait_complete().await.unwrap();
        leecher.stop().await;
        for seeder in seeders {
            seeder.stop().await;
        }
        content.assert_in(dirs[0].path());
    });
}

#[test]
fn a_limit_is_held() {
    run(async {
        let content = Content::single("slow.bin", 600_000, 16 * 1024);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (seeder, leecher) = (session(), session());
        content.seed(&seeder, here.path()).await;
        let limits = RateLimits {
            download_bytes_per_s: Some(300_000),
            upload_bytes_per_s: None,
        };
        let torrent = TorrentOptions {
            limits,
            ..TorrentOptions::default()
        };
        let options = AddOptions {
            torrent,
            ..AddOptions::default()
        };
        let torrent = content.add_with(&leecher, there.path(), options).await;
        let began = Instant::now();
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        // Two seconds' worth, of which a burst may come at once.
        assert!(
            began.elapsed() > Duration::from_millis(800),
            "{:?}",
            began.elapsed()
        );
        leecher.stop().await;
        seeder.stop().await;
    });
}
