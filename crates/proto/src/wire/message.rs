//! The messages of BEP 3, BEP 5 (PORT), BEP 6 and BEP 10, and their encoding.
//!
//! Indices and offsets are raw integers here; the torrent that is active turns
//! them into pieces. Blocks are not messages of this module: a payload of 16 KiB
//! is never gathered, so the decoder reports it in parts and the sender writes
//! [`encode_piece_header`] and then the block from where it lies.

/// Message ids on the wire.
pub(super) mod id {
    pub(crate) const CHOKE: u8 = 0;
    pub(crate) const UNCHOKE: u8 = 1;
    pub(crate) const INTERESTED: u8 = 2;
    pub(crate) const NOT_INTERESTED: u8 = 3;
    pub(crate) const HAVE: u8 = 4;
    pub(crate) const BITFIELD: u8 = 5;
    pub(crate) const REQUEST: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const PORT: u8 = 9;
    pub(crate) const SUGGEST: u8 = 0x0d;
    pub(crate) const HAVE_ALL: u8 = 0x0e;
    pub(crate) const HAVE_NONE: u8 = 0x0f;
    pub(crate) const REJECT: u8 = 0x10;
    pub(crate) const ALLOWED_FAST: u8 = 0x11;
    pub(crate) const EXTENDED: u8 = 20;
}

/// The bytes of a PIECE message before its block: length, id, piece, begin.
pub const PIECE_HEADER_LEN: usize = 13;

/// A keep-alive: a message of length zero.
pub const KEEP_ALIVE: [u8; 4] = [0; 4];

/// A message other than keep-alive and PIECE, borrowing its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The sender will not answer requests.
    Choke,
    /// The sender answers requests.
    Unchoke,
    /// The sender wants pieces of the receiver.
    Interested,
    /// The sender wants nothing of the receiver.
    NotInterested,
    /// The sender has this piece now.
    Have(u32),
    /// The pieces the sender has, in the layout of [`crate::Bitfield::from_wire`].
    Bitfield(&'a [u8]),
    /// The sender wants a block.
    Request {
        /// The piece.
        piece: u32,
        /// Where the block begins in the piece, in bytes.
        begin: u32,
        /// The length of the block in bytes.
        len: u32,
    },
    /// The sender no longer wants a block.
    Cancel {
        /// The piece.
        piece: u32,
        /// Where the block begins in the piece, in bytes.
        begin: u32,
        /// The length of the block in bytes.
        len: u32,
    },
    /// The UDP port of the sender's DHT node (BEP 5).
    Port(u16),
    /// The receiver might like to download this piece (BEP 6).
    Suggest(u32),
    /// The sender has every piece (BEP 6).
    HaveAll,
    /// The sender has no piece (BEP 6).
    HaveNone,
    /// The sender will not answer this request (BEP 6).
    Reject {
        /// The piece.
        piece: u32,
        /// Where the block begins in the piece, in bytes.
        begin: u32,
        /// The length of the block in bytes.
        len: u32,
    },
    /// The sender answers requests for this piece though it chokes (BEP 6).
    AllowedFast(u32),
    /// A message of the extension protocol (BEP 10).
    Extended {
        /// 0 is the handshake; others are as the receiver's handshake named them.
        id: u8,
        /// What follows the id.
        payload: &'a [u8],
    },
    /// A message with an id this crate does not know; its payload is skipped.
    Unknown {
        /// The message id.
        id: u8,
        /// The length of the payload after the id, in bytes.
        len: u32,
    },
}

impl Message<'_> {
    /// Appends the message with its length prefix to `out`.
    ///
    /// Of an [`Message::Unknown`] only length and id are written: the `len`
    /// bytes of its payload are the caller's to append.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Choke => head(id::CHOKE, 0, out),
            Self::Unchoke => head(id::UNCHOKE, 0, out),
            Self::Interested => head(id::INTERESTED, 0, out),
            Self::NotInterested => head(id::NOT_INTERESTED, 0, out),
            Self::Have(piece) => words(id::HAVE, &[piece], out),
            Self::Bitfield(bits) => {
                head(id::BITFIELD, bits.len(), out);
                out.extend_from_slice(bits);
            }
            Self::Request { piece, begin, len } => words(id::REQUEST, &[piece, begin, len], out),
            Self::Cancel { piece, begin, len } => words(id::CANCEL, &[piece, begin, len], out),
            Self::Port(port) => {
                head(id::PORT, 2, out);
                out.extend_from_slice(&port.to_be_bytes());
            }
            Self::Suggest(piece) => words(id::SUGGEST, &[piece], out),
            Self::HaveAll => head(id::HAVE_ALL, 0, out),
            Self::HaveNone => head(id::HAVE_NONE, 0, out),
            Self::Reject { piece, begin, len } => words(id::REJECT, &[piece, begin, len], out),
            Self::AllowedFast(piece) => words(id::ALLOWED_FAST, &[piece], out),
            Self::Extended { id, payload } => {
                head(self::id::EXTENDED, 1 + payload.len(), out);
                out.push(id);
                out.extend_from_slice(payload);
            }
            Self::Unknown { id, len } => head(id, len as usize, out),
        }
    }
}

/// Appends the thirteen bytes that go before a block of `len` bytes.
pub fn encode_piece_header(piece: u32, begin: u32, len: u32, out: &mut Vec<u8>) {
    head(id::PIECE, 8 + len as usize, out);
    out.extend_from_slice(&piece.to_be_bytes());
    out.extend_from_slice(&begin.to_be_bytes());
}

fn head(id: u8, payload_len: usize, out: &mut Vec<u8>) {
    let len = u32::try_from(1 + payload_len).expect("we send no message of 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.push(id);
}

fn words(id: u8, words: &[u32], out: &mut Vec<u8>) {
    head(id, words.len() * 4, out);
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_the_bytes_of_its_bep() {
        let block = |id: u8| vec![0, 0, 0, 13, id, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x3f, 0xff];
        let (piece, begin, len) = (1, 0x4000, 0x3fff);
        let table: Vec<(Message<'_>, Vec<u8>)> = vec![
            (Message::Choke, vec![0, 0, 0, 1, 0]),
            (Message::Unchoke, vec![0, 0, 0, 1, 1]),
            (Message::Interested, vec![0, 0, 0, 1, 2]),
            (Message::NotInterested, vec![0, 0, 0, 1, 3]),
            (Message::Have(258), vec![0, 0, 0, 5, 4, 0, 0, 1, 2]),
            (Message::Bitfield(&[0x80, 1]), vec![0, 0, 0, 3, 5, 0x80, 1]),
            (Message::Request { piece, begin, len }, block(6)),
            (Message::Cancel { piece, begin, len }, block(8)),
            (Message::Port(6881), vec![0, 0, 0, 3, 9, 0x1a, 0xe1]),
            (Message::Suggest(7), vec![0, 0, 0, 5, 0x0d, 0, 0, 0, 7]),
            (Message::HaveAll, vec![0, 0, 0, 1, 0x0e]),
            (Message::HaveNone, vec![0, 0, 0, 1, 0x0f]),
            (Message::Reject { piece, begin, len }, block(0x10)),
            (Message::AllowedFast(7), vec![0, 0, 0, 5, 0x11, 0, 0, 0, 7]),
            (
                Message::Extended {
                    id: 3,
                    payload: b"de",
                },
                vec![0, 0, 0, 4, 20, 3, b'd', b'e'],
            ),
            (Message::Unknown { id: 99, len: 2 }, vec![0, 0, 0, 3, 99]),
        ];
        for (message, expected) in table {
            let mut out = Vec::new();
            message.encode(&mut out);
            assert_eq!(out, expected, "{message:?}");
        }
    }

    #[test]
    fn a_piece_header_counts_the_block_that_follows() {
        let mut out = Vec::new();
        encode_piece_header(1, 0x4000, 0x4000, &mut out);
        assert_eq!(out, [0, 0, 0x40, 9, 7, 0, 0, 0, 1, 0, 0, 0x40, 0]);
        assert_eq!(out.len(), PIECE_HEADER_LEN);
    }
}
