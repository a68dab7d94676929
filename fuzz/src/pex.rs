//! Peer exchange: what is read is bounded, and written again says the same.

use superseed_proto::bencode::Encoder;
use superseed_proto::wire::{PEX_LIST_MAX, Pex};

/// Checks one input: as a message, and as each list of one.
pub fn check(bytes: &[u8]) {
    message(bytes);
    message(&Encoder::dict(|dict| {
        for key in [
            "added", "added.f", "added6", "added6.f", "dropped", "dropped6",
        ] {
            dict.bytes(key, bytes);
        }
    }));
}

fn message(bytes: &[u8]) {
    let Ok(pex) = Pex::decode(bytes) else {
        return;
    };
    // A list for each address family.
    assert!(pex.added.len() <= 2 * PEX_LIST_MAX);
    assert!(pex.dropped.len() <= 2 * PEX_LIST_MAX);
    let added = pex.added.iter().map(|(addr, _)| addr);
    assert!(added.chain(&pex.dropped).all(|addr| addr.port() != 0));
    let written = pex.encode();
    assert_eq!(written == b"de", pex.is_empty());
    assert_eq!(Pex::decode(&written), Ok(pex));
}
