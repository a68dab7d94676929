//! What an HTTP tracker sees of a torrent's life.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::world::{Content, run, session};

/// A tracker that knows one peer; it reports the query of each announce.
fn tracker(peer: Option<SocketAddr>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/announce", listener.local_addr().unwrap());
    let (queries, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok);
            let first = head.next().unwrap_or_default();
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let mut body = b"d8:intervali1800e5:peers".to_vec();
            match peer {
                Some(SocketAddr::V4(peer)) => {
                    body.extend_from_slice(b"6:");
                    body.extend_from_slice(&peer.ip().octets());
                    body.extend_from_slice(&peer.port().to_be_bytes());
                }
                _ => body.extend_from_slice(b"0:"),
            }
            body.push(b'e');
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // The client may be gone; the next one counts.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            if queries.send(first).is_err() {
                return;
            }
        }
    });
    (url, seen)
}

fn next(seen: &Receiver<String>) -> String {
    seen.recv_timeout(Duration::from_secs(10))
        .expect("no announce")
}

#[test]
fn peers_come_from_the_tracker_and_it_hears_how_the_download_went() {
    run(async {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (seeder, leecher) = (session(), session());
        let (url, seen) = tracker(Some(seeder.listen_addrs()[0]));
        let content = Content::single("tracked.bin", 500_000, 16 * 1024);
        content.seed(&seeder, here.path()).await;
        let tracked = Content::single_with_tracker("tracked.bin", 500_000, 16 * 1024, Some(&url));
        let torrent = tracked.add(&leecher, there.path()).await;
        torrent.wait_complete().await.unwrap();
        leecher.stop().await;
        seeder.stop().await;
        content.assert_in(there.path());

        let started = next(&seen);
        assert!(started.contains("event=started"), "{started}");
        assert!(started.contains("left=500000"), "{started}");
        let port = leecher.listen_addrs()[0].port();
        assert!(started.contains(&format!("port={port}")), "{started}");
        let completed = next(&seen);
        assert!(completed.contains("event=completed"), "{completed}");
        assert!(completed.contains("downloaded=500000"), "{completed}");
        let stopped = next(&seen);
        assert!(stopped.contains("event=stopped"), "{stopped}");
    });
}

#[test]
fn an_end_does_not_wait_for_a_tracker_that_hangs() {
    run(async {
        let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/announce", hanging.local_addr().unwrap());
        let content = Content::single_with_tracker("hang.bin", 50_000, 16 * 1024, Some(&url));
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        content.seed(&session, dir.path()).await;
        let began = std::time::Instant::now();
        session.stop().await;
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
    });
}
