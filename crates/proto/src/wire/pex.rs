//! The message of peer exchange (BEP 11): whom the sender has connected to, and
//! whom no longer.
//!
//! Owns the payload of `ut_pex` in both directions and of both address
//! families. Who may be told to whom, how often, and who is believed is the
//! engine's to say.

use core::net::SocketAddr;

use crate::bencode::{self, Dict, Encoder, Limits, Mode};
use crate::compact;
use crate::tracker::AddressFamily;
use crate::wire::extended::NotADictionary;

/// How many entries are read of each of the four lists of a message; the rest
/// is passed over. BEP 11 has no more than 50 in a message of either kind, but
/// for the first, to which it sets no bound.
pub const PEX_LIST_MAX: usize = 100;

/// What the sender knows of a peer that it adds: a set of [`PexFlag`].
///
/// A bit without a meaning here is lost when it is read, since BEP 11 reserves
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PexFlags(u8);

/// One of [`PexFlags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PexFlag {
    /// It prefers encryption, as its extension handshake said (`e`).
    PrefersEncryption,
    /// It is a seed, or wants to download nothing.
    UploadOnly,
    /// It speaks uTP.
    Utp,
    /// It takes `ut_holepunch` (BEP 55), as its extension handshake said.
    Holepunch,
    /// The sender connected to it, so that it can be reached.
    Reachable,
}

impl PexFlag {
    /// Every flag.
    pub const ALL: [Self; 5] = [
        Self::PrefersEncryption,
        Self::UploadOnly,
        Self::Utp,
        Self::Holepunch,
        Self::Reachable,
    ];

    /// The bit, as BEP 11 gives it.
    fn mask(self) -> u8 {
        match self {
            Self::PrefersEncryption => 0x01,
            Self::UploadOnly => 0x02,
            Self::Utp => 0x04,
            Self::Holepunch => 0x08,
            Self::Reachable => 0x10,
        }
    }
}

impl PexFlags {
    /// The same flags and `flag`.
    #[must_use]
    pub fn with(self, flag: PexFlag) -> Self {
        Self(self.0 | flag.mask())
    }

    /// Whether `flag` is among them.
    pub fn has(self, flag: PexFlag) -> bool {
        self.0 & flag.mask() != 0
    }

    fn from_byte(byte: u8) -> Self {
        PexFlag::ALL
            .into_iter()
            .filter(|flag| byte & flag.mask() != 0)
            .fold(Self::default(), Self::with)
    }
}

/// The difference between whom the sender is connected to and what its last
/// message told.
///
/// Decoded lists are as they came, IPv4 before IPv6: an address may be there
/// twice, in both lists, or be one that no peer can have, but its port is not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pex {
    /// Whom it has connected to since, and what it knows of them.
    pub added: Vec<(SocketAddr, PexFlags)>,
    /// Whom it is connected to no longer.
    pub dropped: Vec<SocketAddr>,
}

/// The keys of one address family.
struct Keys {
    family: AddressFamily,
    added: &'static str,
    flags: &'static str,
    dropped: &'static str,
}

impl Keys {
    /// Whether an entry of one of the lists can be a peer's address, and has no
    /// other spelling: an IPv4 address mapped into IPv6 has one.
    fn may_list(&self, addr: SocketAddr) -> bool {
        addr.port() != 0 && AddressFamily::of(addr.ip()) == self.family
    }
}

const KEYS: [Keys; 2] = [
    Keys {
        family: AddressFamily::V4,
        added: "added",
        flags: "added.f",
        dropped: "dropped",
    },
    Keys {
        family: AddressFamily::V6,
        added: "added6",
        flags: "added6.f",
        dropped: "dropped6",
    },
];

impl Pex {
    /// Whether the message would tell nothing; BEP 11 forbids to send such.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty()
    }

    /// The payload of the extended message with the receiver's id of `ut_pex`.
    ///
    /// Lists without entries are left out, and IPv4 addresses mapped into IPv6
    /// are written as IPv4. How many may be told at once is the caller's to
    /// heed: a list longer than [`PEX_LIST_MAX`] is written whole.
    pub fn encode(&self) -> Vec<u8> {
        Encoder::dict(|dict| {
            for keys in &KEYS {
                let mut added = Vec::new();
                let mut flags = Vec::new();
                for &(addr, known) in &self.added {
                    if push(addr, keys.family, &mut added) {
                        flags.push(known.0);
                    }
                }
                if !added.is_empty() {
                    dict.bytes(keys.added, added);
                    dict.bytes(keys.flags, flags);
                }
                let mut dropped = Vec::new();
                for &addr in &self.dropped {
                    push(addr, keys.family, &mut dropped);
                }
                if !dropped.is_empty() {
                    dict.bytes(keys.dropped, dropped);
                }
            }
        })
    }

    /// Reads a payload. A list of the wrong type counts as missing. An
    /// incomplete last entry, port 0 and an IPv4 address in a list of IPv6 are
    /// passed over, and who has no byte of flags has no flags.
    ///
    /// # Errors
    /// If the payload is no dictionary within [`Limits::PEER_MESSAGE`].
    pub fn decode(payload: &[u8]) -> Result<Self, NotADictionary> {
        let document = bencode::decode(payload, &Limits::PEER_MESSAGE, Mode::Lenient)
            .map_err(|_| NotADictionary)?;
        let dict = document.root().as_dict().ok_or(NotADictionary)?;
        let mut pex = Self::default();
        for keys in &KEYS {
            // Flags belong to places in the list, so they are paired before
            // any entry is passed over.
            let flags = dict.bytes(keys.flags).unwrap_or_default();
            let flags = flags.iter().copied().chain(core::iter::repeat(0));
            let added = entries(&dict, keys.added, keys.family).zip(flags);
            pex.added.extend(
                added
                    .filter(|&(addr, _)| keys.may_list(addr))
                    .map(|(addr, byte)| (addr, PexFlags::from_byte(byte))),
            );
            let dropped = entries(&dict, keys.dropped, keys.family);
            pex.dropped
                .extend(dropped.filter(|&addr| keys.may_list(addr)));
        }
        Ok(pex)
    }
}

/// The first entries of a list, whatever they say.
fn entries<'a>(
    dict: &Dict<'a>,
    key: &str,
    family: AddressFamily,
) -> impl Iterator<Item = SocketAddr> + use<'a> {
    let list = dict.bytes(key).unwrap_or_default();
    compact::peers(list, family).take(PEX_LIST_MAX)
}

/// Appends an address to a list if it is of the list's family, and tells
/// whether it is.
fn push(addr: SocketAddr, family: AddressFamily, list: &mut Vec<u8>) -> bool {
    let is_of_family = AddressFamily::of(addr.ip()) == family;
    if is_of_family {
        compact::push(SocketAddr::new(addr.ip().to_canonical(), addr.port()), list);
    }
    is_of_family
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flags(flags: &[PexFlag]) -> PexFlags {
        flags
            .iter()
            .copied()
            .fold(PexFlags::default(), PexFlags::with)
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_message_has_the_keys_and_flags_of_bep_11() {
        let pex = Pex {
            added: vec![
                (addr("1.2.3.4:6881"), flags(&[PexFlag::UploadOnly])),
                (
                    addr("5.6.7.8:80"),
                    flags(&[PexFlag::PrefersEncryption, PexFlag::Reachable]),
                ),
                (
                    addr("[2001:db8::1]:6882"),
                    flags(&[PexFlag::Utp, PexFlag::Holepunch]),
                ),
            ],
            dropped: vec![addr("9.9.9.9:1"), addr("[2001:db8::2]:2")],
        };
        let expected = b"d5:added12:\x01\x02\x03\x04\x1a\xe1\x05\x06\x07\x08\0\x50\
            7:added.f2:\x02\x11\
            6:added618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe2\
            8:added6.f1:\x0c\
            7:dropped6:\x09\x09\x09\x09\0\x01\
            8:dropped618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x02e";
        assert_eq!(
            pex.encode().escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        assert_eq!(Pex::decode(expected), Ok(pex));
    }

    #[test]
    fn lists_without_entries_are_left_out() {
        let pex = Pex {
            dropped: vec![addr("1.2.3.4:5")],
            ..Pex::default()
        };
        assert!(!pex.is_empty());
        assert_eq!(pex.encode(), b"d7:dropped6:\x01\x02\x03\x04\0\x05e");
        assert!(Pex::default().is_empty());
        assert_eq!(Pex::decode(b"d5:added0:7:added.f0:e"), Ok(Pex::default()));
    }

    #[test]
    fn an_ipv4_address_mapped_into_ipv6_is_told_as_ipv4_and_not_believed() {
        let pex = Pex {
            added: vec![(addr("[::ffff:1.2.3.4]:5"), PexFlags::default())],
            ..Pex::default()
        };
        assert_eq!(
            pex.encode(),
            b"d5:added6:\x01\x02\x03\x04\0\x057:added.f1:\0e"
        );
        let payload = b"d6:added618:\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04\0\x05e";
        assert_eq!(Pex::decode(payload), Ok(Pex::default()));
    }

    #[test]
    fn flags_that_are_missing_or_reserved_are_none() {
        let payload = b"d5:added12:\x01\x02\x03\x04\0\x05\x01\x02\x03\x05\0\x057:added.f1:\xe2e";
        let expected = vec![
            (addr("1.2.3.4:5"), flags(&[PexFlag::UploadOnly])),
            (addr("1.2.3.5:5"), PexFlags::default()),
        ];
        assert_eq!(Pex::decode(payload).unwrap().added, expected);
    }

    #[test]
    fn who_has_no_port_is_passed_over_and_takes_its_flags_along() {
        let payload = b"d5:added12:\x01\x02\x03\x04\0\0\x01\x02\x03\x05\0\x05\
            7:added.f2:\x01\x027:dropped6:\x01\x02\x03\x04\0\0e";
        let pex = Pex::decode(payload).unwrap();
        let expected = vec![(addr("1.2.3.5:5"), flags(&[PexFlag::UploadOnly]))];
        assert_eq!(pex.added, expected);
        assert_eq!(pex.dropped, []);
    }

    #[test]
    fn lists_of_odd_length_are_cut_and_of_the_wrong_type_missing() {
        let payload = b"d5:added8:\x01\x02\x03\x04\0\x05\x07\x07\
            7:added.fi1e6:added6i0e7:droppedl1:xe8:dropped617:aaaaaaaaaaaaaaaaae";
        let pex = Pex::decode(payload).unwrap();
        assert_eq!(pex.added, [(addr("1.2.3.4:5"), PexFlags::default())]);
        assert_eq!(pex.dropped, []);
    }

    #[test]
    fn of_a_message_without_end_the_first_entries_are_read() {
        let sent = Pex {
            added: (1..=300)
                .map(|port| (SocketAddr::from(([1, 2, 3, 4], port)), PexFlags::default()))
                .collect(),
            dropped: (1..=300)
                .map(|port| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], port)))
                .collect(),
        };
        let read = Pex::decode(&sent.encode()).unwrap();
        assert_eq!(read.added, sent.added[..PEX_LIST_MAX]);
        assert_eq!(read.dropped, sent.dropped[..PEX_LIST_MAX]);
    }

    #[test]
    fn what_is_no_dictionary_is_an_error() {
        for payload in [&b""[..], b"i1e", b"le", b"d5:added", b"\0\0"] {
            assert_eq!(Pex::decode(payload), Err(NotADictionary));
        }
    }

    /// Addresses as they are kept: no mapped ones, and no port 0.
    fn contacts(count_max: usize) -> impl Strategy<Value = Vec<SocketAddr>> {
        let contact = (any::<core::net::IpAddr>(), 1u16..)
            .prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port));
        // The lists come back with IPv4 first.
        prop::collection::vec(contact, 0..count_max).prop_map(|mut contacts| {
            contacts.sort_by_key(SocketAddr::is_ipv6);
            contacts
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_alike(
            added in contacts(PEX_LIST_MAX),
            bytes in prop::collection::vec(any::<u8>(), PEX_LIST_MAX),
            dropped in contacts(PEX_LIST_MAX),
        ) {
            let known = bytes.into_iter().map(PexFlags::from_byte);
            let sent = Pex { added: added.into_iter().zip(known).collect(), dropped };
            prop_assert_eq!(Pex::decode(&sent.encode()), Ok(sent));
        }

        #[test]
        fn any_bytes_are_read_or_refused(payload: Vec<u8>) {
            let _ = Pex::decode(&payload);
        }

        #[test]
        fn any_lists_are_read_up_to_their_bound(list: Vec<u8>, bytes: Vec<u8>) {
            let payload = Encoder::dict(|dict| {
                for key in ["added", "added6", "dropped", "dropped6"] {
                    dict.bytes(key, &list);
                }
                dict.bytes("added.f", &bytes);
                dict.bytes("added6.f", &bytes);
            });
            let pex = Pex::decode(&payload).unwrap();
            let added: Vec<_> = pex.added.iter().map(|&(addr, _)| addr).collect();
            prop_assert_eq!(&added, &pex.dropped);
            prop_assert!(added.len() <= list.len() / 6 + list.len() / 18);
        }
    }
}
