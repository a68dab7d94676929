//! Extension messages of a few bytes without bencode: `lt_donthave` (BEP 54)
//! and `upload_only` (BEP 21, as libtorrent sends it).
//!
//! Owns their payloads. Which pieces exist, and what follows from a piece that
//! a peer has lost, is not known here.

/// The sender no longer has a piece that it announced (BEP 54, "Protocol
/// encoding").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DontHave {
    /// The index of the piece, 0-based; as on the wire, so it may be beyond
    /// the torrent's pieces.
    pub piece: u32,
}

impl DontHave {
    /// The payload of the extended message with the receiver's id of
    /// `lt_donthave`.
    pub fn encode(self) -> [u8; 4] {
        self.piece.to_be_bytes()
    }

    /// Reads a payload; `None` unless it is four bytes long.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let piece = u32::from_be_bytes(payload.try_into().ok()?);
        Some(Self { piece })
    }
}

/// The sender has begun, or ceased, to want nothing of the receiver.
///
/// No BEP has this message: BEP 21 puts `upload_only` into the extension
/// handshake, and libtorrent sends changes of it in a message of its own to
/// peers that name an id for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadOnly {
    /// Whether it wants to download nothing.
    pub is_on: bool,
}

impl UploadOnly {
    /// The payload of the extended message with the receiver's id of
    /// `upload_only`.
    pub fn encode(self) -> [u8; 1] {
        [u8::from(self.is_on)]
    }

    /// Reads a payload, in which any byte but 0 is yes; `None` unless it is one
    /// byte long.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let [flag] = payload.try_into().ok()?;
        Some(Self { is_on: flag != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;
    use proptest::prelude::*;

    #[test]
    fn a_lost_piece_has_the_bytes_of_bep_54() {
        let payload = DontHave { piece: 258 }.encode();
        let mut message = Vec::new();
        Message::Extended {
            id: 7,
            payload: &payload,
        }
        .encode(&mut message);
        assert_eq!(message, [0, 0, 0, 6, 20, 7, 0, 0, 1, 2]);
        assert_eq!(
            DontHave::decode(&message[6..]),
            Some(DontHave { piece: 258 })
        );
    }

    #[test]
    fn upload_only_is_one_byte() {
        for (is_on, byte) in [(false, 0), (true, 1)] {
            assert_eq!(UploadOnly { is_on }.encode(), [byte]);
            assert_eq!(UploadOnly::decode(&[byte]), Some(UploadOnly { is_on }));
        }
        assert_eq!(UploadOnly::decode(&[9]), Some(UploadOnly { is_on: true }));
    }

    #[test]
    fn other_lengths_are_no_messages() {
        for len in (0..10).filter(|&len| len != 4) {
            assert_eq!(DontHave::decode(&vec![0; len]), None, "{len}");
        }
        for len in (0..10).filter(|&len| len != 1) {
            assert_eq!(UploadOnly::decode(&vec![1; len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_alike(piece: u32) {
            let sent = DontHave { piece };
            prop_assert_eq!(DontHave::decode(&sent.encode()), Some(sent));
        }

        #[test]
        fn any_bytes_are_read_or_refused(payload: Vec<u8>) {
            prop_assert_eq!(DontHave::decode(&payload).is_some(), payload.len() == 4);
            prop_assert_eq!(UploadOnly::decode(&payload).is_some(), payload.len() == 1);
        }
    }
}
