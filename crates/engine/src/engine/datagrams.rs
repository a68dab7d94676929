//! Whom a datagram is for. A listener has one UDP socket, and the first byte
//! tells what comes in apart.

use core::net::SocketAddr;

use super::Engine;
use crate::action::Outbox;
use crate::ids::ListenerId;
use crate::time::Time;

/// What the first byte of a datagram says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// An answer of a UDP tracker begins with its action, 0 to 3, in 32 bits
    /// (BEP 15).
    Tracker,
    /// A message of the DHT is a dictionary (BEP 5).
    Dht,
    /// Version 1 in the low half, a type of 0 to 4 in the high half (BEP 29).
    Utp,
}

fn protocol(bytes: &[u8]) -> Option<Protocol> {
    match *bytes.first()? {
        0x00 => Some(Protocol::Tracker),
        b'd' => Some(Protocol::Dht),
        first if first & 0x0f == 1 && first >> 4 <= 4 => Some(Protocol::Utp),
        _ => None,
    }
}

impl Engine {
    pub(super) fn datagram(
        &mut self,
        listener: ListenerId,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
        out: &mut Outbox,
    ) {
        if self.shared.filter.blocks(from.ip()) {
            return;
        }
        match protocol(bytes) {
            Some(Protocol::Tracker) => self.udp_answer(listener, from, bytes, now, out),
            Some(Protocol::Dht) => self.dht_datagram(listener, from, bytes, now, out),
            // Nobody here speaks these.
            Some(Protocol::Utp) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_protocols_apart() {
        for action in 0..4u32 {
            assert_eq!(protocol(&action.to_be_bytes()), Some(Protocol::Tracker));
        }
        assert_eq!(protocol(b"d1:ad2:id20:"), Some(Protocol::Dht));
        for kind in 0..5u8 {
            assert_eq!(protocol(&[kind << 4 | 1, 0]), Some(Protocol::Utp));
        }
        for stranger in [&b""[..], b"\x51", b"\x02", b"\xff", b"i1e", b"\x13"] {
            assert_eq!(protocol(stranger), None, "{stranger:?}");
        }
    }
}
