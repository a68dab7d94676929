//! The messages of metadata exchange (BEP 9): asking a peer for blocks of the
//! info dictionary, and answering.
//!
//! Owns the payload of `ut_metadata` in both directions. Whether a block was
//! asked for, has its proper length and belongs to the torrent is the engine's
//! to say: nothing here knows how long the metadata is.

use crate::bencode::{self, Encoder, Limits, Mode};

/// How many bytes of metadata one DATA carries, the last of the metadata
/// excepted, which carries what is left (BEP 9, "metadata").
pub const METADATA_BLOCK_LEN: u32 = 16_384;

/// A message about one block of the metadata, which BEP 9 calls a piece: block
/// `piece` begins at byte `piece * METADATA_BLOCK_LEN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataMessage<'a> {
    /// Asks for a block.
    Request {
        /// The block, 0-based.
        piece: u32,
    },
    /// Answers with a block.
    Data {
        /// The block, 0-based.
        piece: u32,
        /// The length of the whole metadata in bytes (`total_size`), if the
        /// peer said something that can be one. It may be 0, and is the peer's
        /// word only: compare it with a limit before keeping that much.
        total_len: Option<u32>,
        /// The bytes as they came; none, or more than
        /// [`METADATA_BLOCK_LEN`], are not refused here.
        block: &'a [u8],
    },
    /// Answers that there is no such block, or not for this peer.
    Reject {
        /// The block, 0-based.
        piece: u32,
    },
    /// A message of a type (`msg_type`) that BEP 9 does not know, and wants
    /// ignored.
    Unknown(i64),
}

/// A payload that is no message of BEP 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata message is no bencoded dictionary with a type and a piece")]
pub struct NotMetadata;

impl<'a> MetadataMessage<'a> {
    /// The payload of the extended message with the receiver's id of
    /// `ut_metadata`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::dict(|dict| {
            dict.int("msg_type", self.msg_type());
            match *self {
                Self::Request { piece } | Self::Reject { piece } => {
                    dict.int("piece", i64::from(piece));
                }
                Self::Data {
                    piece, total_len, ..
                } => {
                    dict.int("piece", i64::from(piece));
                    if let Some(len) = total_len {
                        dict.int("total_size", i64::from(len));
                    }
                }
                Self::Unknown(_) => {}
            }
        });
        if let Self::Data { block, .. } = self {
            out.extend_from_slice(block);
        }
        out
    }

    /// Reads a payload. Keys that are not known are passed over, and so is what
    /// stands behind the dictionary of a message that carries no block.
    ///
    /// # Errors
    /// If the payload does not begin with a dictionary within
    /// [`Limits::PEER_MESSAGE`], or that has no integer `msg_type`, or its type
    /// is known and its `piece` is missing, negative or beyond 32 bits.
    pub fn decode(payload: &'a [u8]) -> Result<Self, NotMetadata> {
        let (document, len) = bencode::decode_prefix(payload, &Limits::PEER_MESSAGE, Mode::Lenient)
            .map_err(|_| NotMetadata)?;
        let dict = document.root().as_dict().ok_or(NotMetadata)?;
        let integer = |key| dict.int(key).and_then(|value| u32::try_from(value).ok());
        let piece = integer("piece").ok_or(NotMetadata);
        Ok(match dict.int("msg_type").ok_or(NotMetadata)? {
            0 => Self::Request { piece: piece? },
            1 => Self::Data {
                piece: piece?,
                total_len: integer("total_size"),
                block: &payload[len..],
            },
            2 => Self::Reject { piece: piece? },
            other => Self::Unknown(other),
        })
    }

    fn msg_type(&self) -> i64 {
        match *self {
            Self::Request { .. } => 0,
            Self::Data { .. } => 1,
            Self::Reject { .. } => 2,
            Self::Unknown(msg_type) => msg_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MetadataMessage as M;
    use super::*;
    use proptest::prelude::*;

    /// The examples of BEP 9 as they are printed. Two of them are not what the
    /// text around them says: the total size has a digit too many, and the
    /// reject has the type of data. What their bytes say is read.
    #[test]
    fn the_examples_of_bep_9_are_read() {
        assert_eq!(
            M::decode(b"d8:msg_typei0e5:piecei0ee"),
            Ok(M::Request { piece: 0 })
        );
        assert_eq!(
            M::decode(b"d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx"),
            Ok(M::Data {
                piece: 0,
                total_len: Some(34_256),
                block: b"xxxxxxxx"
            })
        );
        assert_eq!(
            M::decode(b"d8:msg_typei1e5:piecei0ee"),
            Ok(M::Data {
                piece: 0,
                total_len: None,
                block: b""
            })
        );
    }

    #[test]
    fn messages_have_the_bytes_of_bep_9() {
        let cases = [
            (M::Request { piece: 0 }, &b"d8:msg_typei0e5:piecei0ee"[..]),
            (
                M::Data {
                    piece: 0,
                    total_len: Some(3425),
                    block: b"xxxxxxxx",
                },
                b"d8:msg_typei1e5:piecei0e10:total_sizei3425eexxxxxxxx",
            ),
            (M::Reject { piece: 0 }, b"d8:msg_typei2e5:piecei0ee"),
        ];
        for (message, expected) in cases {
            assert_eq!(
                message.encode().escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
            assert_eq!(M::decode(expected), Ok(message));
        }
    }

    #[test]
    fn a_block_that_looks_like_bencode_is_still_the_block() {
        let payload = b"d8:msg_typei1e5:piecei7ee5:piecei8eed8:msg_typei2ee";
        assert_eq!(
            M::decode(payload),
            Ok(M::Data {
                piece: 7,
                total_len: None,
                block: b"5:piecei8eed8:msg_typei2ee"
            })
        );
    }

    #[test]
    fn types_of_the_future_are_known_as_such() {
        for (payload, msg_type) in [
            (&b"d8:msg_typei3e5:piecei0ee"[..], 3),
            (b"d8:msg_typei-1ee", -1),
            (b"d8:msg_typei9e5:piecei-1eexx", 9),
        ] {
            assert_eq!(M::decode(payload), Ok(M::Unknown(msg_type)));
        }
    }

    #[test]
    fn a_total_size_out_of_range_counts_as_missing() {
        for size in ["i-1e", "i4294967296e", "1:x"] {
            let payload = format!("d8:msg_typei1e5:piecei0e10:total_size{size}e");
            assert_eq!(
                M::decode(payload.as_bytes()),
                Ok(M::Data {
                    piece: 0,
                    total_len: None,
                    block: b""
                }),
                "{size}"
            );
        }
    }

    #[test]
    fn what_names_no_type_or_no_piece_is_an_error() {
        for payload in [
            &b""[..],
            b"i0e",
            b"le",
            b"de",
            b"d8:msg_typei0e5:piecei0e",
            b"d8:msg_typei0ee",
            b"d5:piecei0ee",
            b"d8:msg_type1:05:piecei0ee",
            b"d8:msg_typei0e5:piece1:0e",
            b"d8:msg_typei0e5:piecei-1ee",
            b"d8:msg_typei1e5:piecei4294967296eexx",
            b"d8:msg_typei2e5:piecei99999999999999999999ee",
        ] {
            assert_eq!(
                M::decode(payload),
                Err(NotMetadata),
                "{}",
                payload.escape_ascii()
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_alike(
            kind in 0u8..4,
            piece: u32,
            total_len: Option<u32>,
            block: Vec<u8>,
            msg_type in prop_oneof![i64::MIN..0, 3..=i64::MAX],
        ) {
            let block = &block;
            let sent = match kind {
                0 => M::Request { piece },
                1 => M::Data { piece, total_len, block },
                2 => M::Reject { piece },
                _ => M::Unknown(msg_type),
            };
            let payload = sent.encode();
            prop_assert_eq!(M::decode(&payload), Ok(sent));
        }

        #[test]
        fn any_bytes_are_read_or_refused(payload: Vec<u8>) {
            let _ = M::decode(&payload);
        }
    }
}
