//! A session as a stranger with a socket sees it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use superseed::Session;

use crate::world::{Content, run, session, session_on};

fn connect(session: &Session) -> TcpStream {
    let stream = TcpStream::connect(session.listen_addrs()[0]).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

fn handshake(info_hash: [u8; 20]) -> Vec<u8> {
    [
        &b"\x13BitTorrent protocol"[..],
        &[0; 8],
        &info_hash,
        b"-XX0001-abcdefghijkl",
    ]
    .concat()
}

#[test]
fn a_handshake_is_answered_even_byte_by_byte() {
    run(async {
        for ip in ["127.0.0.1", "::1"] {
            let content = Content::single("greet.bin", 20_000, 16 * 1024);
            let dir = tempfile::tempdir().unwrap();
            let session = session_on(ip);
            let torrent = content.seed(&session, dir.path()).await;
            let info_hash = torrent.info_hashes().v1().unwrap().0;
            let mut stream = connect(&session);
            stream.set_nodelay(true).unwrap();
            for byte in handshake(info_hash) {
                stream.write_all(&[byte]).unwrap();
            }
            let mut answer = [0; 68];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer[..20], b"\x13BitTorrent protocol");
            assert_eq!(answer[28..48], info_hash);
            session.stop().await;
        }
    });
}

#[test]
fn a_stranger_is_shown_the_door() {
    run(async {
        let content = Content::single("known.bin", 20_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        content.seed(&session, dir.path()).await;
        for bytes in [
            handshake([7; 20]),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            vec![0xff; 100],
        ] {
            let mut stream = connect(&session);
            stream.write_all(&bytes).unwrap();
            let mut rest = Vec::new();
            // Closed in order or reset: either way it ends, without an answer.
            let _ = stream.read_to_end(&mut rest);
            assert!(rest.is_empty(), "{rest:?}");
        }
        // Nobody else suffers.
        assert!(session.stats().await.is_ok());
        session.stop().await;
    });
}

#[test]
fn streams_end_with_the_session() {
    run(async {
        let content = Content::single("end.bin", 20_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session();
        let torrent = content.seed(&session, dir.path()).await;
        let mut stream = connect(&session);
        stream
            .write_all(&handshake(torrent.info_hashes().v1().unwrap().0))
            .unwrap();
        let mut answer = [0; 68];
        stream.read_exact(&mut answer).unwrap();
        session.stop().await;
        let _ = stream.read_to_end(&mut Vec::new());
    });
}

#[test]
fn a_session_on_a_specific_address_connects_from_it() {
    run(async {
        let content = Content::single("from.bin", 20_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let session = session_on("127.0.0.2");
        let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let torrent = content.add(&session, dir.path()).await;
        torrent.add_peer(peer.local_addr().unwrap()).await.unwrap();
        let (mut stream, from) = peer.accept().unwrap();
        assert_eq!(from.ip().to_string(), "127.0.0.2");
        let mut greeting = [0; 48];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting[28..], torrent.info_hashes().v1().unwrap().0);
        session.stop().await;
    });
}
