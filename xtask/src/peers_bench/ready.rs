//! When a seed serves: it answers a handshake and has every piece. Asked over
//! the wire, as clients say it in too many ways.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Result;

use crate::interop::clients::Running;
use crate::interop::scripted::wire::{self, BITFIELD};
use crate::interop::stage::wait_until;

/// How long a seed may take to hash its data and to listen.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long it may take to say what it has.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Who asks.
const PEER_ID: [u8; 20] = *b"-XT0001-asks-if-read";

/// Waits until the seed at `addr` serves all of a torrent.
pub(super) fn wait(
    seed: &mut Running,
    addr: SocketAddr,
    info_hash: [u8; 20],
    piece_count: u64,
) -> Result<()> {
    wait_until(READY_MAX, "the seed to serve", || {
        seed.process.ensure_runs()?;
        Ok(is_ready(addr, info_hash, piece_count).unwrap_or_default())
    })
}

fn is_ready(addr: SocketAddr, info_hash: [u8; 20], piece_count: u64) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&addr, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    wire::greet(&mut stream, info_hash, PEER_ID)?;
    has_all(&mut stream, piece_count)
}

/// Whether the other side, which has answered a handshake, says that it has so
/// many pieces.
pub(super) fn has_all(stream: &mut TcpStream, piece_count: u64) -> io::Result<bool> {
    loop {
        // Without the Fast extension a seed can say it by its bitfield only.
        let (id, payload) = wire::receive(stream)?;
        if id == BITFIELD {
            let have: u32 = payload.iter().map(|byte| byte.count_ones()).sum();
            return Ok(u64::from(have) == piece_count);
        }
    }
}
