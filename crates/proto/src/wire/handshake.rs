//! The sixty-eight bytes that open a connection (BEP 3).
//!
//! Owns the layout of the handshake and of its reserved bits. Decides nothing:
//! whether the swarm is ours and the peer id welcome is asked elsewhere.

use std::fmt;

use super::fault::WireFault;
use crate::{PeerId, SwarmKey};

/// The length of a handshake in bytes.
pub const HANDSHAKE_LEN: usize = 68;

/// The bytes up to and including the swarm key: enough to answer a handshake.
const HEAD_LEN: usize = 48;
const PREFIX: [u8; 20] = *b"\x13BitTorrent protocol";

/// The eight reserved bytes: one bit for each extension a client speaks.
///
/// Bits without a meaning here are kept as they came.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Reserved(pub [u8; 8]);

/// One bit of [`Reserved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// The extension protocol (BEP 10).
    ExtensionProtocol,
    /// A DHT node that answers PORT messages (BEP 5).
    Dht,
    /// The Fast extension (BEP 6).
    Fast,
    /// A hybrid torrent's peer that would rather use its v2 swarm (BEP 52).
    V2,
}

impl Capability {
    /// Byte and mask, as the BEPs give them.
    fn place(self) -> (usize, u8) {
        match self {
            Self::ExtensionProtocol => (5, 0x10),
            Self::Dht => (7, 0x01),
            Self::Fast => (7, 0x04),
            Self::V2 => (7, 0x10),
        }
    }
}

impl Reserved {
    /// The same bits and `capability`.
    #[must_use]
    pub fn with(mut self, capability: Capability) -> Self {
        let (byte, mask) = capability.place();
        self.0[byte] |= mask;
        self
    }

    /// Whether the bit of `capability` is set.
    pub fn has(self, capability: Capability) -> bool {
        let (byte, mask) = capability.place();
        self.0[byte] & mask != 0
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserved({:016x})", u64::from_be_bytes(self.0))
    }
}

/// A whole handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// What the sender speaks beyond BEP 3.
    pub reserved: Reserved,
    /// The swarm the connection is for.
    pub swarm: SwarmKey,
    /// Who the sender says it is.
    pub peer_id: PeerId,
}

impl Handshake {
    /// The bytes to send.
    pub fn encode(&self) -> [u8; HANDSHAKE_LEN] {
        let mut out = [0; HANDSHAKE_LEN];
        out[..20].copy_from_slice(&PREFIX);
        out[20..28].copy_from_slice(&self.reserved.0);
        out[28..HEAD_LEN].copy_from_slice(&self.swarm.0);
        out[HEAD_LEN..].copy_from_slice(&self.peer_id.0);
        out
    }
}

/// What a [`HandshakeReader`] has come to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeEvent {
    /// The first 48 bytes are there. An accepting side answers now: some
    /// clients hold their peer id back until they have seen ours.
    Head {
        /// What the remote speaks beyond BEP 3.
        reserved: Reserved,
        /// The swarm the remote asks for.
        swarm: SwarmKey,
    },
    /// The handshake is whole; what is left of the input are messages.
    Complete(Handshake),
}

/// Reads a handshake from a stream in any pieces.
#[derive(Clone, Debug)]
pub struct HandshakeReader {
    received: [u8; HANDSHAKE_LEN],
    len: u8,
}

impl HandshakeReader {
    /// A reader that has seen no byte.
    pub fn new() -> Self {
        Self {
            received: [0; HANDSHAKE_LEN],
            len: 0,
        }
    }

    /// The bytes consumed so far, never more than [`HANDSHAKE_LEN`].
    ///
    /// After a [`WireFault::WrongProtocol`] they are the part that still looked
    /// like a handshake, for a layer that wants to read the stream differently.
    pub fn received(&self) -> &[u8] {
        &self.received[..usize::from(self.len)]
    }

    /// Reads on. `None` means that `input` is used up or the handshake is over;
    /// bytes after the handshake stay in `input`.
    ///
    /// # Errors
    /// [`WireFault::WrongProtocol`] on the first byte that differs from the
    /// protocol string; that byte and what follows stay in `input`.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<HandshakeEvent>, WireFault> {
        let from = usize::from(self.len);
        let goal = if from < HEAD_LEN {
            HEAD_LEN
        } else {
            HANDSHAKE_LEN
        };
        let wanted = input.len().min(goal - from);
        let expected = &PREFIX[from.min(PREFIX.len())..];
        let wrong = input[..wanted]
            .iter()
            .zip(expected)
            .position(|(got, want)| got != want);
        let taken = wrong.unwrap_or(wanted);
        self.received[from..from + taken].copy_from_slice(&input[..taken]);
        self.len += taken as u8;
        *input = &input[taken..];
        if wrong.is_some() {
            return Err(WireFault::WrongProtocol { at: self.len });
        }
        if taken == 0 {
            return Ok(None);
        }
        Ok(match usize::from(self.len) {
            HEAD_LEN => Some(HandshakeEvent::Head {
                reserved: self.reserved(),
                swarm: self.swarm(),
            }),
            HANDSHAKE_LEN => Some(HandshakeEvent::Complete(Handshake {
                reserved: self.reserved(),
                swarm: self.swarm(),
                peer_id: PeerId(self.field(HEAD_LEN)),
            })),
            _ => None,
        })
    }

    fn reserved(&self) -> Reserved {
        Reserved(self.field(20))
    }

    fn swarm(&self) -> SwarmKey {
        SwarmKey(self.field(28))
    }

    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.received[at..at + N]);
        field
    }
}

impl Default for HandshakeReader {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Handshake {
        Handshake {
            reserved: Reserved::default()
                .with(Capability::Fast)
                .with(Capability::ExtensionProtocol),
            swarm: SwarmKey([0xaa; 20]),
            peer_id: PeerId(*b"-SS0100-abcdefghijkl"),
        }
    }

    #[test]
    fn the_bytes_are_those_of_bep_3() {
        let mut expected = b"\x13BitTorrent protocol".to_vec();
        expected.extend([0, 0, 0, 0, 0, 0x10, 0, 0x04]);
        expected.extend([0xaa; 20]);
        expected.extend(b"-SS0100-abcdefghijkl");
        assert_eq!(example().encode().as_slice(), expected);
    }

    #[test]
    fn reserved_bits_are_where_their_beps_put_them() {
        let all = [
            (Capability::ExtensionProtocol, 0x0000_0000_0010_0000),
            (Capability::Dht, 1),
            (Capability::Fast, 4),
            (Capability::V2, 0x10),
        ];
        for (capability, bits) in all {
            let reserved = Reserved(u64::to_be_bytes(bits));
            assert!(reserved.has(capability));
            assert_eq!(Reserved::default().with(capability), reserved);
        }
        let unknown = Reserved([0x80, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(unknown.with(Capability::Dht).0, [0x80, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn the_head_is_known_before_the_peer_id_arrives() {
        let bytes = example().encode();
        let mut reader = HandshakeReader::new();
        let mut input = &bytes[..48];
        let head = HandshakeEvent::Head {
            reserved: example().reserved,
            swarm: example().swarm,
        };
        assert_eq!(reader.next(&mut input), Ok(Some(head)));
        assert_eq!(reader.next(&mut input), Ok(None));
        let mut rest = &bytes[48..];
        assert_eq!(
            reader.next(&mut rest),
            Ok(Some(HandshakeEvent::Complete(example())))
        );
    }

    #[test]
    fn the_first_wrong_byte_is_a_fault_and_is_not_consumed() {
        let mut reader = HandshakeReader::new();
        let mut input: &[u8] = b"GET / HTTP/1.1";
        assert_eq!(
            reader.next(&mut input),
            Err(WireFault::WrongProtocol { at: 0 })
        );
        assert_eq!(input, b"GET / HTTP/1.1");

        let mut reader = HandshakeReader::new();
        let mut input: &[u8] = b"\x13BitTorrent Protocol";
        assert_eq!(
            reader.next(&mut input),
            Err(WireFault::WrongProtocol { at: 12 })
        );
        assert_eq!(reader.received(), b"\x13BitTorrent ");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_handshake(reserved: [u8; 8], swarm: [u8; 20], id: [u8; 20], step in 1usize..80) {
            let sent = Handshake { reserved: Reserved(reserved), swarm: SwarmKey(swarm), peer_id: PeerId(id) };
            let mut bytes = sent.encode().to_vec();
            bytes.extend(b"messages");
            let mut reader = HandshakeReader::new();
            let mut events = Vec::new();
            let mut after: Vec<u8> = Vec::new();
            for mut part in bytes.chunks(step) {
                while let Some(event) = reader.next(&mut part).unwrap() {
                    events.push(event);
                }
                after.extend(part);
            }
            let head = HandshakeEvent::Head { reserved: sent.reserved, swarm: sent.swarm };
            prop_assert_eq!(events, [head, HandshakeEvent::Complete(sent)]);
            prop_assert_eq!(after, b"messages");
        }
    }
}
