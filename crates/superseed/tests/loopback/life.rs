//! The lives of sessions and torrents: started, stopped, resumed, removed.

use std::time::{Duration, Instant};

use superseed::{
    AddError, AddOptions, Config, EventKind, Format, Gone, Notice, ReadError, Session, StartError,
    TorrentBuilder, TorrentOptions, TorrentState, WaitError,
};

use crate::world::{Content, run, session};

#[test]
fn a_download_goes_on_where_an_earlier_session_stopped() {
    run(async {
        let content = Content::single("resumed.bin", 8_000_000, 64 * 1024);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seeder = session();
        content.seed(&seeder, here.path()).await;

        let first = session();
        let mut events = first.subscribe();
        let torrent = content.add(&first, there.path()).await;
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        let mut pieces = 0;
        while pieces < 20 {
            match events.next().await.unwrap() {
                Notice::Event(event) if matches!(event.kind, EventKind::Piece(_)) => pieces += 1,
                _ => {}
            }
        }
        first.stop().await;

        let second = session();
        let torrent = content.add(&second, there.path()).await;
        torrent.wait_checked().await.unwrap();
        let before = torrent.stats().await.unwrap();
        assert!(
            before.pieces_have >= 20,
            "{} pieces were kept",
            before.pieces_have
        );
        torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
        torrent.wait_complete().await.unwrap();
        let after = torrent.stats().await.unwrap();
        assert_eq!(
            after.session_downloaded_bytes,
            8_000_000 - before.have_bytes
        );
        second.stop().await;
        seeder.stop().await;
        content.assert_in(there.path());
    });
}

#[test]
fn a_complete_torrent_is_complete_again_after_a_restart() {
    run(async {
        let content = Content::single("kept.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let first = session();
        content.seed(&first, dir.path()).await;
        first.stop().await;
        let second = session();
        let torrent = content.add(&second, dir.path()).await;
        torrent.wait_complete().await.unwrap();
        torrent.recheck().await.unwrap();
        torrent.wait_checked().await.unwrap();
        torrent.wait_complete().await.unwrap();
        assert_eq!(torrent.stats().await.unwrap().state, TorrentState::Seeding);
        second.stop().await;
    });
}

#[test]
fn a_paused_download_goes_on_when_resumed() {
    run(async {
        let content = Content::single("paused.bin", 2_000_000, 64 * 1024);
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (seeder, leecher) = (session(), session());
        content.seed(&seeder, here.path()).await;
        let options = TorrentOptions {
            paused: true,
            peers: vec![seeder.listen_addrs()[0]],
            ..TorrentOptions::default()
        };
        let options = AddOptions {
            torrent: options,
            ..AddOptions::default()
        };
        let torrent = content.add_with(&leecher, there.path(), options).await;
        let stats = torrent.stats().await.unwrap();
        assert_eq!((stats.state, stats.peers), (TorrentState::Paused, 0));
        torrent.resume().await.unwrap();
        torrent.wait_complete().await.unwrap();
        torrent.pause().await.unwrap();
        let stats = torrent.stats().await.unwrap();
        assert_eq!((stats.state, stats.peers), (TorrentState::Paused, 0));
        leecher.stop().await;
        seeder.stop().await;
    });
}

#[test]
fn a_removed_torrent_is_gone_and_its_files_stay() {
    run(async {
        let content = Content::single("removed.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        let torrent = content.seed(&session, dir.path()).await;
        torrent.remove().await.unwrap();
        assert_eq!(torrent.stats().await.err(), Some(Gone::Torrent));
        assert_eq!(torrent.pause().await, Err(Gone::Torrent));
        assert!(session.torrents().await.unwrap().is_empty());
        content.assert_in(dir.path());
        let again = content.add(&session, dir.path()).await;
        again.wait_complete().await.unwrap();
        session.stop().await;
        assert_eq!(session.stats().await.err(), Some(Gone::Session));
    });
}

#[test]
fn a_wait_ends_with_the_torrent() {
    run(async {
        let content = Content::single("waited.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        let torrent = content.add(&session, dir.path()).await;
        let (waited, removed) = tokio::join!(torrent.wait_complete(), torrent.remove());
        assert_eq!(waited, Err(WaitError::Gone(Gone::Torrent)));
        assert_eq!(removed, Ok(()));
        session.stop().await;
    });
}

#[test]
fn bytes_are_read_as_soon_as_they_are_verified() {
    run(async {
        let content = Content::multi("read", &[("a", 40_000), ("b", 90_000)], 32 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        let seed = content.seed(&session, dir.path()).await;
        let all: Vec<u8> = content
            .files
            .iter()
            .flat_map(|(_, bytes)| bytes.clone())
            .collect();
        assert_eq!(seed.read(0..130_000).await.unwrap(), all);
        assert_eq!(
            seed.read(39_999..40_001).await.unwrap(),
            all[39_999..40_001]
        );
        assert_eq!(seed.read(5..5).await.unwrap(), "");
        let second = seed
            .read_file(superseed::FileIndex(1), 10..20)
            .await
            .unwrap();
        assert_eq!(second, content.files[1].1[10..20]);
        assert!(matches!(
            seed.read(0..130_001).await,
            Err(ReadError::OutOfRange { .. })
        ));
        session.stop().await;

        let empty = tempfile::tempdir().unwrap();
        let leecher = crate::world::session();
        let torrent = content.add(&leecher, empty.path()).await;
        assert_eq!(torrent.read(0..1).await, Err(ReadError::Missing));
        leecher.stop().await;
    });
}

#[test]
fn a_torrent_is_added_once() {
    run(async {
        let content = Content::single("once.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        content.seed(&session, dir.path()).await;
        let options = AddOptions {
            dir: Some(dir.path().to_owned()),
            ..AddOptions::default()
        };
        let again = session.add(content.torrent.clone(), options).await;
        assert!(matches!(again, Err(AddError::Duplicate)), "{again:?}");
        assert_eq!(session.torrents().await.unwrap().len(), 1);
        let broken = session.add(b"de".to_vec(), AddOptions::default()).await;
        assert!(matches!(broken, Err(AddError::Metainfo(_))), "{broken:?}");
        let v2_only = TorrentBuilder::new("v2.bin", 16_384)
            .format(Format::V2)
            .single_file(5)
            .hash_content(b"12345");
        let refused = session.add(v2_only.build(), AddOptions::default()).await;
        assert!(matches!(refused, Err(AddError::V2Only(_))), "{refused:?}");
        session.stop().await;
    });
}

#[test]
fn what_cannot_be_opened_is_not_added() {
    run(async {
        let content = Content::single("blocked.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("blocked.bin")).unwrap();
        let session = session();
        let options = AddOptions {
            dir: Some(dir.path().to_owned()),
            ..AddOptions::default()
        };
        let error = session
            .add(content.torrent.clone(), options)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("blocked.bin"), "{error}");
        assert!(matches!(error, AddError::Foreign(_)), "{error:?}");
        assert!(session.torrents().await.unwrap().is_empty());
        session.stop().await;
    });
}

#[test]
fn two_sessions_do_not_work_on_the_same_files() {
    run(async {
        let content = Content::single("locked.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (session(), session());
        content.seed(&first, dir.path()).await;
        let options = || AddOptions {
            dir: Some(dir.path().to_owned()),
            ..AddOptions::default()
        };
        let refused = second.add(content.torrent.clone(), options()).await;
        assert!(matches!(refused, Err(AddError::Locked(_))), "{refused:?}");
        first.stop().await;
        second
            .add(content.torrent.clone(), options())
            .await
            .unwrap();
        second.stop().await;
    });
}

#[test]
fn a_session_ends_when_its_last_handle_is_dropped() {
    run(async {
        let content = Content::single("dropped.bin", 100_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        let addr = session.listen_addrs()[0];
        let torrent = content.seed(&session, dir.path()).await;
        let mut events = session.subscribe();
        drop(session);
        assert!(
            torrent.stats().await.is_ok(),
            "a torrent's handle keeps the session"
        );
        let began = Instant::now();
        drop(torrent);
        while events.next().await.is_some() {}
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        let listen = vec![addr];
        let again = Session::start(Config {
            listen,
            ..Config::default()
        })
        .unwrap();
        again.stop().await;
    });
}

#[test]
fn a_busy_port_is_named() {
    run(async {
        let first = session();
        let listen = first.listen_addrs().to_vec();
        let error = Session::start(Config {
            listen,
            ..Config::default()
        })
        .unwrap_err();
        let busy = first.listen_addrs()[0];
        assert!(
            matches!(error, StartError::PortBusy { addr } if addr == busy),
            "{error:?}"
        );
        first.stop().await;
    });
}

#[test]
fn settings_change_while_the_session_runs() {
    run(async {
        let session = session();
        let mut settings = session.settings().await.unwrap();
        settings.limits.upload_bytes_per_s = Some(12_345);
        session.configure(settings.clone()).await.unwrap();
        assert_eq!(session.settings().await.unwrap(), settings);
        session.stop().await;
    });
}
