//! The peer wire, as far as scripted peers and load generators need it (BEP 3
//! and 6).

use std::io::{self, Read, Write};
use std::net::TcpStream;

use superseed_proto::wire::HANDSHAKE_LEN;

pub(crate) const CHOKE: u8 = 0;
pub(crate) const UNCHOKE: u8 = 1;
pub(crate) const INTERESTED: u8 = 2;
pub(crate) const BITFIELD: u8 = 5;
pub(crate) const REQUEST: u8 = 6;
pub(crate) const PIECE: u8 = 7;
pub(super) const CANCEL: u8 = 8;
pub(super) const REJECT: u8 = 16;

/// The longest message that the program under test has reason to send.
pub(crate) const MESSAGE_LEN_MAX: usize = 1 << 20;

/// Exchanges handshakes. Gives whether both sides know the Fast extension.
pub(super) fn shake_hands(
    stream: &mut TcpStream,
    info_hash: [u8; 20],
    peer_id: [u8; 20],
    fast: bool,
) -> io::Result<bool> {
    let mut theirs = [0; HANDSHAKE_LEN];
    stream.read_exact(&mut theirs)?;
    stream.write_all(&handshake(info_hash, peer_id, fast))?;
    check_swarm(&theirs, info_hash)?;
    Ok(fast && theirs[27] & 4 != 0)
}

/// Begins the exchange of handshakes, as the side that has connected. Knows no
/// extension.
pub(crate) fn greet(
    stream: &mut TcpStream,
    info_hash: [u8; 20],
    peer_id: [u8; 20],
) -> io::Result<()> {
    stream.write_all(&handshake(info_hash, peer_id, false))?;
    let mut theirs = [0; HANDSHAKE_LEN];
    stream.read_exact(&mut theirs)?;
    check_swarm(&theirs, info_hash)
}

fn check_swarm(handshake: &[u8; HANDSHAKE_LEN], info_hash: [u8; 20]) -> io::Result<()> {
    match handshake[28..48] == info_hash {
        true => Ok(()),
        false => Err(io::Error::other("a handshake for another torrent")),
    }
}

/// A handshake as it goes over the wire.
pub(crate) fn handshake(info_hash: [u8; 20], peer_id: [u8; 20], fast: bool) -> [u8; HANDSHAKE_LEN] {
    let mut bytes = *b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0\
        0123456789abcdefghij0123456789abcdefghij";
    if fast {
        bytes[27] = 4;
    }
    bytes[28..48].copy_from_slice(&info_hash);
    bytes[48..].copy_from_slice(&peer_id);
    bytes
}

/// Sends a message.
pub(crate) fn send(stream: &mut TcpStream, id: u8, payload: &[&[u8]]) -> io::Result<()> {
    stream.write_all(&frame(id, payload)?)
}

/// A message as it goes over the wire.
pub(crate) fn frame(id: u8, payload: &[&[u8]]) -> io::Result<Vec<u8>> {
    let len = 1 + payload.iter().map(|part| part.len()).sum::<usize>();
    let len = u32::try_from(len).map_err(io::Error::other)?;
    let mut bytes = len.to_be_bytes().to_vec();
    bytes.push(id);
    for part in payload {
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

/// Receives the next message that is not a keep-alive: its id and payload.
pub(crate) fn receive(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    loop {
        let mut len = [0; 4];
        stream.read_exact(&mut len)?;
        let len = usize::try_from(u32::from_be_bytes(len)).map_err(io::Error::other)?;
        if len > MESSAGE_LEN_MAX {
            return Err(io::Error::other("a message that is too long"));
        }
        let mut message = vec![0; len];
        stream.read_exact(&mut message)?;
        if let Some((id, payload)) = message.split_first() {
            return Ok((*id, payload.to_vec()));
        }
    }
}

/// The three numbers of REQUEST, CANCEL and REJECT.
pub(crate) fn numbers(payload: &[u8]) -> Option<[u32; 3]> {
    let mut words = payload
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes(word.try_into().expect("a chunk of four bytes")));
    Some([words.next()?, words.next()?, words.next()?])
}
