//! Whom a blocklist names is not spoken with, as a peer or as a tracker.

use std::io::ErrorKind;
use std::net::TcpListener;

use superseed::{Blocklist, Config, EventKind, Notice, Session};

use crate::world::{Content, run, session};

fn list(text: &str) -> Blocklist {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("list");
    std::fs::write(&path, text).unwrap();
    Blocklist::read([path]).unwrap()
}

#[test]
fn a_peer_is_spoken_with_when_it_is_blocked_no_longer() {
    run(async {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seeder = session();
        let leecher = Session::start(Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            blocklist: list("127.0.0.0/8\n"),
            ..Config::default()
        })
        .unwrap();
        let content = Content::single("blocked.bin", 100_000, 16 * 1024);
        content.seed(&seeder, here.path()).await;
        let torrent = content.add(&leecher, there.path()).await;
        let peer = seeder.listen_addrs()[0];
        torrent.add_peer(peer).await.unwrap();
        assert_eq!(torrent.stats().await.unwrap().peers, 0);
        leecher.set_blocklist(Blocklist::default()).await.unwrap();
        torrent.add_peer(peer).await.unwrap();
        torrent.wait_complete().await.unwrap();
        content.assert_in(there.path());
    });
}

#[test]
fn a_tracker_that_is_blocked_is_not_connected_to_whatever_its_name() {
    run(async {
        let tracker = TcpListener::bind("127.0.0.1:0").unwrap();
        tracker.set_nonblocking(true).unwrap();
        let port = tracker.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        session.set_blocklist(list("127.0.0.1\n")).await.unwrap();
        let mut events = session.subscribe();
        let content = Content::single("a", 50_000, 16 * 1024);
        let torrent = content.add(&session, dir.path()).await;
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{port}/announce");
            torrent.add_tracker(&url).await.unwrap();
            let error = loop {
                if let Notice::Event(event) = events.next().await.unwrap()
                    && let EventKind::TrackerFailed { url: of, error } = event.kind
                    && of == url
                {
                    break error;
                }
            };
            assert_eq!(error, "the blocklist forbids the address 127.0.0.1");
        }
        let error = tracker.accept().expect_err("nobody connects");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}
