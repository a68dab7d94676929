//! Announces to the neighbours: what is read is bounded, and written again says
//! the same.

use superseed_proto::lsd::{self, LsdAnnounce, SWARMS_READ_MAX, SWARMS_SENT_MAX};
use superseed_proto::tracker::AddressFamily;

/// Checks one input: as a datagram, and as the headers of one.
pub fn check(bytes: &[u8]) {
    datagram(bytes);
    datagram(&[b"BT-SEARCH * HTTP/1.1\r\n", bytes, b"\r\n\r\n"].concat());
}

fn datagram(bytes: &[u8]) {
    let Some(announce) = LsdAnnounce::decode(bytes) else {
        return;
    };
    let LsdAnnounce {
        port,
        swarms,
        cookie,
    } = announce;
    assert_ne!(port, 0);
    assert!((1..=SWARMS_READ_MAX).contains(&swarms.len()));
    assert!((1..swarms.len()).all(|at| !swarms[..at].contains(&swarms[at])));
    assert!(cookie.is_none_or(|cookie| !cookie.contains(&b'\n')));
    let mut read = Vec::new();
    for chunk in swarms.chunks(SWARMS_SENT_MAX) {
        let written = lsd::encode(AddressFamily::V4, port, chunk, 7);
        assert!(written.len() <= 1400);
        let announce = LsdAnnounce::decode(&written).expect("ours is an announce");
        assert!(announce.is_of(7));
        assert_eq!(announce.port, port);
        read.extend(announce.swarms);
    }
    assert_eq!(read, swarms);
}
