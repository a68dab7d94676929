//! Local service discovery (BEP 14): the datagrams in which clients of one
//! network tell each other their swarms.
//!
//! Owns their bytes and the groups that they go to. How often one is sent, and
//! which senders are believed, is the engine's to say.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fmt::Write;

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::SwarmKey;
use crate::tracker::AddressFamily;

/// The port of both groups.
pub const PORT: u16 = 6771;

/// How many swarms one datagram of ours names, at most: so many that it stays
/// within the 1,400 bytes of BEP 14 ("Protocol").
pub const SWARMS_SENT_MAX: usize = 25;

/// How many swarms are read of one datagram; the rest is passed over.
pub const SWARMS_READ_MAX: usize = 32;

/// How the first line begins, but for the minor version, which HTTP says must
/// not matter.
const REQUEST: &str = "BT-SEARCH * HTTP/1.";

/// The multicast group of an address family, to which announces are sent and
/// at which they are heard.
pub fn group(family: AddressFamily) -> SocketAddr {
    let ip: IpAddr = match family {
        AddressFamily::V4 => Ipv4Addr::new(239, 192, 152, 143).into(),
        AddressFamily::V6 => Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0xefc0, 0x988f).into(),
    };
    SocketAddr::new(ip, PORT)
}

/// What a client tells its neighbours, whose address is the datagram's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LsdAnnounce<'a> {
    /// The TCP port at which it accepts connections, never 0.
    pub port: u16,
    /// The swarms that it is in, none twice: at least one, and at most
    /// [`SWARMS_READ_MAX`].
    pub swarms: Vec<SwarmKey>,
    /// What its own announces are known by, if it said that: any bytes but
    /// those that end a line.
    pub cookie: Option<&'a [u8]>,
}

impl<'a> LsdAnnounce<'a> {
    /// Reads a datagram. Headers come in any order and their names in any case;
    /// those that are not known are passed over, and so is an info-hash that is
    /// not forty hexadecimal digits. Of a repeated header other than `Infohash`
    /// the first counts.
    ///
    /// `None` is a datagram that does not begin as an announce, has no empty
    /// line at the end of its headers and so may be cut short, or has no usable
    /// port or swarm.
    pub fn decode(datagram: &'a [u8]) -> Option<Self> {
        let mut lines = datagram.split(|&byte| byte == b'\n');
        let request = lines.next()?.get(..REQUEST.len())?;
        if !request.eq_ignore_ascii_case(REQUEST.as_bytes()) {
            return None;
        }
        let mut port = None;
        let mut swarms = Vec::new();
        let mut cookie = None;
        loop {
            let line = lines.next()?.trim_ascii();
            if line.is_empty() {
                // What follows the last line break is the rest of a line.
                lines.next()?;
                break;
            }
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let name = line[..colon].trim_ascii();
            let value = line[colon + 1..].trim_ascii();
            if name.eq_ignore_ascii_case(b"port") {
                port.get_or_insert(value);
            } else if name.eq_ignore_ascii_case(b"infohash") {
                if swarms.len() < SWARMS_READ_MAX
                    && let Some(swarm) = swarm(value)
                    && !swarms.contains(&swarm)
                {
                    swarms.push(swarm);
                }
            } else if name.eq_ignore_ascii_case(b"cookie") {
                cookie.get_or_insert(value);
            }
        }
        let port = std::str::from_utf8(port?).ok()?.parse().ok()?;
        (port != 0 && !swarms.is_empty()).then_some(Self {
            port,
            swarms,
            cookie,
        })
    }

    /// Whether the announce was made by [`encode`] with `cookie`: one of our
    /// own, come back from the group.
    pub fn is_of(&self, cookie: u32) -> bool {
        self.cookie == Some(shown(cookie).as_bytes())
    }
}

/// An announce to the group of `family` that `swarms` are to be had at `port`.
///
/// Only the first [`SWARMS_SENT_MAX`] swarms are named: give them in chunks.
/// Some clients read one swarm of a datagram and no more (BEP 14, "Protocol").
/// `cookie` is the same in all announces of a session, and of no other.
pub fn encode(family: AddressFamily, port: u16, swarms: &[SwarmKey], cookie: u32) -> Vec<u8> {
    let mut out = format!("{REQUEST}1\r\nHost: {}\r\nPort: {port}\r\n", group(family));
    for swarm in swarms.iter().take(SWARMS_SENT_MAX) {
        write!(out, "Infohash: {swarm}\r\n").expect("a string takes what is written");
    }
    write!(out, "cookie: {}\r\n\r\n\r\n", shown(cookie)).expect("a string takes what is written");
    out.into_bytes()
}

/// A cookie of ours as it stands in a datagram.
fn shown(cookie: u32) -> String {
    format!("{cookie:08x}")
}

/// The twenty bytes of an info-hash.
fn swarm(hex: &[u8]) -> Option<SwarmKey> {
    // Judged before it is decoded, since the value may be as long as it likes.
    let hex: &[u8; 40] = hex.try_into().ok()?;
    let mut key = [0; 20];
    HEXLOWER_PERMISSIVE.decode_mut(hex, &mut key).ok()?;
    Some(SwarmKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f10111213";

    fn key(first: u8) -> SwarmKey {
        SwarmKey(core::array::from_fn(|at| first + at as u8))
    }

    fn read(text: &str) -> Option<LsdAnnounce<'_>> {
        LsdAnnounce::decode(text.as_bytes())
    }

    fn announce(port: u16, swarms: Vec<SwarmKey>, cookie: Option<&[u8]>) -> LsdAnnounce<'_> {
        LsdAnnounce {
            port,
            swarms,
            cookie,
        }
    }

    #[test]
    fn the_groups_are_those_of_bep_14() {
        let shown = |family| group(family).to_string();
        assert_eq!(shown(AddressFamily::V4), "239.192.152.143:6771");
        assert_eq!(shown(AddressFamily::V6), "[ff15::efc0:988f]:6771");
    }

    #[test]
    fn announces_have_the_bytes_of_bep_14() {
        let cases = [
            (AddressFamily::V4, "239.192.152.143:6771"),
            (AddressFamily::V6, "[ff15::efc0:988f]:6771"),
        ];
        for (family, host) in cases {
            let datagram = encode(family, 6881, &[key(0)], 0xbeef);
            assert_eq!(
                String::from_utf8(datagram).unwrap(),
                format!(
                    "BT-SEARCH * HTTP/1.1\r\nHost: {host}\r\nPort: 6881\r\n\
                     Infohash: {HEX}\r\ncookie: 0000beef\r\n\r\n\r\n"
                )
            );
        }
    }

    #[test]
    fn our_own_announce_is_known_by_its_cookie() {
        let datagram = encode(AddressFamily::V4, 1, &[key(0)], 7);
        let announce = LsdAnnounce::decode(&datagram).unwrap();
        assert!(announce.is_of(7));
        assert!(!announce.is_of(8));
        let text = format!("BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: {HEX}\r\n\r\n");
        assert!(!LsdAnnounce::decode(text.as_bytes()).unwrap().is_of(7));
    }

    #[test]
    fn a_datagram_of_ours_is_never_longer_than_1400_bytes() {
        let swarms: Vec<_> = (0..100).map(key).collect();
        let datagram = encode(AddressFamily::V6, u16::MAX, &swarms, u32::MAX);
        assert!(datagram.len() <= 1400, "{}", datagram.len());
        assert!(
            datagram.len() + "Infohash: \r\n".len() + 40 > 1400,
            "one more swarm has room"
        );
        let read = LsdAnnounce::decode(&datagram).unwrap().swarms;
        assert_eq!(read, swarms[..SWARMS_SENT_MAX]);
    }

    #[test]
    fn headers_come_in_any_order_and_case_and_unknown_ones_are_passed_over() {
        let upper = HEX.to_uppercase();
        let text = format!(
            "bt-search * http/1.0\r\nINFOHASH:{upper}\r\nX-New: a: b\r\nnonsense\r\n\
             cookie:  a b \r\nPORT : 080\r\nport: 9\r\nCookie: c\r\n\r\n"
        );
        assert_eq!(
            read(&text),
            Some(announce(80, vec![key(0)], Some(&b"a b"[..])))
        );
        let bare = format!("BT-SEARCH * HTTP/1.1\nPort: 80\nInfohash: {HEX}\n\n");
        assert_eq!(read(&bare), Some(announce(80, vec![key(0)], None)));
    }

    #[test]
    fn a_hash_that_is_none_or_known_is_passed_over_and_the_others_count() {
        let text = format!(
            "BT-SEARCH * HTTP/1.1\r\nPort: 80\r\nInfohash: {HEX}0\r\nInfohash: {}g\r\n\
             Infohash:\r\nInfohash: {HEX}\r\nInfohash: {HEX}\r\n\r\n",
            &HEX[1..]
        );
        assert_eq!(read(&text), Some(announce(80, vec![key(0)], None)));
    }

    #[test]
    fn no_more_than_32_swarms_are_read() {
        let hashes: String = (0..100)
            .map(|first| format!("Infohash: {}\r\n", key(first)))
            .collect();
        let text = format!("BT-SEARCH * HTTP/1.1\r\nPort: 80\r\n{hashes}\r\n\r\n");
        let expected: Vec<_> = (0..32).map(key).collect();
        assert_eq!(read(&text), Some(announce(80, expected, None)));
    }

    #[test]
    fn what_is_no_announce_is_none() {
        let hash = format!("Infohash: {HEX}\r\n");
        let head = "BT-SEARCH * HTTP/1.1\r\n";
        for text in [
            String::new(),
            "\r\n\r\n".into(),
            format!("M-SEARCH * HTTP/1.1\r\nPort: 80\r\n{hash}\r\n"),
            format!("BT-SEARCH * HTTP/2.0\r\nPort: 80\r\n{hash}\r\n"),
            format!("{head}Port: 80\r\n{hash}"),
            format!("{head}Port: 80\r\n{hash}\r"),
            format!("{head}Port: 80\r\n\r\n{hash}\r\n"),
            format!("{head}{hash}\r\n"),
            format!("{head}Port: 0\r\n{hash}\r\n"),
            format!("{head}Port: 65536\r\n{hash}\r\n"),
            format!("{head}Port: -1\r\n{hash}\r\n"),
            format!("{head}Port:\r\n{hash}\r\n"),
        ] {
            assert_eq!(read(&text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_alike(
            is_v4: bool,
            port in 1u16..,
            keys in prop::collection::btree_set(any::<[u8; 20]>(), 1..=SWARMS_SENT_MAX),
            cookie: u32,
        ) {
            let family = if is_v4 { AddressFamily::V4 } else { AddressFamily::V6 };
            let swarms: Vec<_> = keys.into_iter().map(SwarmKey).collect();
            let datagram = encode(family, port, &swarms, cookie);
            let announce = LsdAnnounce::decode(&datagram).unwrap();
            prop_assert!(announce.is_of(cookie));
            prop_assert_eq!((announce.port, announce.swarms), (port, swarms));
        }

        #[test]
        fn any_bytes_are_read_or_refused(datagram: Vec<u8>) {
            let _ = LsdAnnounce::decode(&datagram);
        }

        #[test]
        fn any_headers_are_read_or_refused(headers in "(Port: [0-9]{0,6}|Infohash: [0-9a-g]{39,41}|[a-z:]{0,9}|\r|\n){0,20}") {
            let text = format!("{REQUEST}1\r\n{headers}\r\n\r\n");
            if let Some(announce) = LsdAnnounce::decode(text.as_bytes()) {
                prop_assert!(announce.port != 0);
                prop_assert!((1..=SWARMS_READ_MAX).contains(&announce.swarms.len()));
            }
        }
    }
}
