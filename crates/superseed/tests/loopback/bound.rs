//! More peers than a session takes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use superseed::{Config, Session};

use crate::world::{Content, run};

/// How many connections there may be.
const BOUND: usize = 20;
/// How many are taken in beyond it.
const SLACK: usize = superseed_engine::limits::INCOMING_SLACK;
/// How many knock.
const STRANGERS: u8 = 90;

/// A peer from an address of its own has said its handshake.
fn knock(at: SocketAddr, info_hash: [u8; 20], number: u8) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from(([127, 1, 0, number], 0));
    socket.bind(&from.into()).unwrap();
    socket.connect(&at.into()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut stream = TcpStream::from(socket);
    let mut handshake = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0".to_vec();
    handshake.extend(info_hash);
    handshake.extend([number; 20]);
    // Who was turned away already hears of it when it reads.
    let _ = stream.write_all(&handshake);
    stream
}

fn is_answered(stream: &mut TcpStream) -> bool {
    stream.read_exact(&mut [0; 68]).is_ok()
}

/// Reads messages until one with this id.
fn until(stream: &mut TcpStream, wanted: u8) {
    loop {
        let mut len = [0; 4];
        stream.read_exact(&mut len).unwrap();
        let mut message = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut message).unwrap();
        if message.first() == Some(&wanted) {
            return;
        }
    }
}

#[test]
fn those_over_the_bound_are_turned_away_and_those_below_it_stay_and_are_served() {
    run(async {
        let content = Content::single("bound.bin", 200_000, 16 * 1024);
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ..Config::default()
        };
        config.settings.connections_max = BOUND;
        config.settings.connections_per_torrent_max = BOUND;
        let session = Session::start(config).unwrap();
        let torrent = content.seed(&session, dir.path()).await;
        let (at, info_hash) = (
            session.listen_addrs()[0],
            torrent.info_hashes().v1().unwrap().0,
        );
        let mut first = knock(at, info_hash, 1);
        assert!(is_answered(&mut first));
        let mut others: Vec<_> = (2..=STRANGERS)
            .map(|number| knock(at, info_hash, number))
            .collect();
        let answered = others.iter_mut().map(is_answered);
        let answered = answered.filter(|answered| *answered).count();
        assert_eq!(answered + 1, BOUND + SLACK);
        // INTERESTED, and when it is unchoked a REQUEST.
        first.write_all(&[0, 0, 0, 1, 2]).unwrap();
        until(&mut first, 1);
        let request = [13, 6, 0, 0, 16 * 1024].map(u32::to_be_bytes).concat();
        first.write_all(&request[..4]).unwrap();
        first.write_all(&request[7..]).unwrap();
        until(&mut first, 7);
        session.stop().await;
    });
}
