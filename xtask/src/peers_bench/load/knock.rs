//! Knocks at every torrent of a seeder until it answers.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use socket2::{Domain, Socket, Type};

use super::{ip, peer_id};
use crate::interop::fixture::parse_hash;
use crate::interop::scripted::wire;
use crate::peers_bench::ready;

/// How many knock at a time.
const THREADS: u16 = 8;
/// How many addresses they come from, so that none runs out of ports.
const HOSTS: usize = 200;
/// How long they wait before they knock again where nobody answered.
const REST: Duration = Duration::from_millis(2);
/// How long a connection may take. One that did not fit into the queue of a
/// busy listener would else come back after a second only, and the time would be
/// that of TCP.
const CONNECT_MAX: Duration = Duration::from_millis(50);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Returns when the seeder has answered a handshake for each info-hash of a
/// file, a line each; with `pieces`, when it has said that it has so many.
pub(super) fn run(hashes: &Path, seed: SocketAddr, pieces: Option<u64>) -> Result<()> {
    let text = fs::read_to_string(hashes)?;
    let hashes: Vec<[u8; 20]> = text.lines().map(parse_hash).collect::<Result<_>>()?;
    ensure!(!hashes.is_empty(), "there is nobody to knock at");
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(hash) = hashes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut tries = 0;
                    // Whatever went wrong, it is not up yet.
                    while !answers(*hash, seed, pieces, tries).unwrap_or_default() {
                        tries += 1;
                        thread::sleep(REST);
                    }
                }
            });
        }
    });
    Ok(())
}

fn answers(hash: [u8; 20], seed: SocketAddr, pieces: Option<u64>, tries: usize) -> Result<bool> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let host = u16::try_from((usize::from(hash[0]) + tries) % HOSTS)?;
    socket.bind(&SocketAddr::new(ip(host), 0).into())?;
    socket.connect_timeout(&seed.into(), CONNECT_MAX)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let mut stream = TcpStream::from(socket);
    wire::greet(&mut stream, hash, peer_id(host))?;
    Ok(match pieces {
        Some(pieces) => ready::has_all(&mut stream, pieces)?,
        None => true,
    })
}
