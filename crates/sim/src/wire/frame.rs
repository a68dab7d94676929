//! Messages as values that own their bytes (BEP 3, 6, 10).

use bytes::{Buf, Bytes, BytesMut};
use superseed_proto::wire::{Message, encode_piece_header};

/// One message of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The handshake: reserved bytes, swarm key, peer id.
    Handshake([u8; 8], [u8; 20], [u8; 20]),
    /// A message of length zero.
    KeepAlive,
    /// The sender will not answer requests.
    Choke,
    /// The sender answers requests.
    Unchoke,
    /// The sender wants pieces.
    Interested,
    /// The sender wants nothing.
    NotInterested,
    /// The sender has a piece now.
    Have(u32),
    /// What the sender has.
    Bitfield(Bytes),
    /// Piece, begin, length in bytes.
    Request(u32, u32, u32),
    /// Piece, begin, block.
    Piece(u32, u32, Bytes),
    /// Piece, begin, length in bytes.
    Cancel(u32, u32, u32),
    /// The sender has everything (BEP 6).
    HaveAll,
    /// The sender has nothing (BEP 6).
    HaveNone,
    /// Piece, begin, length in bytes (BEP 6).
    Reject(u32, u32, u32),
    /// A piece that may be asked for while choked (BEP 6).
    AllowedFast(u32),
    /// Extended id and payload (BEP 10).
    Extended(u8, Bytes),
    /// Any other id with its payload.
    Other(u8, Bytes),
}

const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";

impl Frame {
    /// Appends the bytes of the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Handshake(reserved, swarm, peer_id) => {
                out.extend_from_slice(HANDSHAKE);
                out.extend_from_slice(reserved);
                out.extend_from_slice(swarm);
                out.extend_from_slice(peer_id);
            }
            Self::KeepAlive => out.extend_from_slice(&[0; 4]),
            Self::Choke => Message::Choke.encode(out),
            Self::Unchoke => Message::Unchoke.encode(out),
            Self::Interested => Message::Interested.encode(out),
            Self::NotInterested => Message::NotInterested.encode(out),
            Self::Have(piece) => Message::Have(*piece).encode(out),
            Self::Bitfield(bits) => Message::Bitfield(bits).encode(out),
            Self::Request(piece, begin, len) => {
                let (piece, begin, len) = (*piece, *begin, *len);
                Message::Request { piece, begin, len }.encode(out);
            }
            Self::Cancel(piece, begin, len) => {
                let (piece, begin, len) = (*piece, *begin, *len);
                Message::Cancel { piece, begin, len }.encode(out);
            }
            Self::Reject(piece, begin, len) => {
                let (piece, begin, len) = (*piece, *begin, *len);
                Message::Reject { piece, begin, len }.encode(out);
            }
            Self::Piece(piece, begin, block) => {
                encode_piece_header(*piece, *begin, block.len() as u32, out);
                out.extend_from_slice(block);
            }
            Self::HaveAll => Message::HaveAll.encode(out),
            Self::HaveNone => Message::HaveNone.encode(out),
            Self::AllowedFast(piece) => Message::AllowedFast(*piece).encode(out),
            Self::Extended(id, payload) => {
                Message::Extended { id: *id, payload }.encode(out);
            }
            Self::Other(id, payload) => {
                let len = payload.len() as u32;
                Message::Unknown { id: *id, len }.encode(out);
                out.extend_from_slice(payload);
            }
        }
    }

    /// The bytes of the message.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::new();
        self.encode(&mut out);
        out.into()
    }

    /// Cuts the next message off, if it is whole.
    ///
    /// # Panics
    ///
    /// On anything that is not BitTorrent: the engine wrote it, so a test fails.
    pub(crate) fn cut(buf: &mut BytesMut, shook_hands: bool) -> Option<Self> {
        if !shook_hands {
            return Self::cut_handshake(buf);
        }
        let len = u32::from_be_bytes(buf.get(..4)?.try_into().ok()?) as usize;
        if buf.len() < 4 + len {
            return None;
        }
        let mut body = buf.split_to(4 + len).freeze();
        body.advance(4);
        if body.is_empty() {
            return Some(Self::KeepAlive);
        }
        let id = body.get_u8();
        Some(match (id, body.len()) {
            (0, 0) => Self::Choke,
            (1, 0) => Self::Unchoke,
            (2, 0) => Self::Interested,
            (3, 0) => Self::NotInterested,
            (4, 4) => Self::Have(body.get_u32()),
            (5, _) => Self::Bitfield(body),
            (6, 12) => Self::Request(body.get_u32(), body.get_u32(), body.get_u32()),
            (7, 9..) => Self::Piece(body.get_u32(), body.get_u32(), body),
            (8, 12) => Self::Cancel(body.get_u32(), body.get_u32(), body.get_u32()),
            (0x0e, 0) => Self::HaveAll,
            (0x0f, 0) => Self::HaveNone,
            (0x10, 12) => Self::Reject(body.get_u32(), body.get_u32(), body.get_u32()),
            (0x11, 4) => Self::AllowedFast(body.get_u32()),
            (20, 1..) => Self::Extended(body.get_u8(), body),
            (0..=8, len) => panic!("the engine sent message {id} with {len} bytes"),
            _ => Self::Other(id, body),
        })
    }

    fn cut_handshake(buf: &mut BytesMut) -> Option<Self> {
        if buf.len() < 68 {
            return None;
        }
        let bytes = buf.split_to(68);
        assert!(bytes.starts_with(HANDSHAKE), "the engine sent no handshake");
        let mut parts = ([0; 8], [0; 20], [0; 20]);
        parts.0.copy_from_slice(&bytes[20..28]);
        parts.1.copy_from_slice(&bytes[28..48]);
        parts.2.copy_from_slice(&bytes[48..]);
        Some(Self::Handshake(parts.0, parts.1, parts.2))
    }
}
