//! The handshake of the extension protocol (BEP 10).
//!
//! Owns the dictionary that peers tell each other once, and again when
//! something changes. What the extensions themselves say is not known here.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bencode::{self, Dict, Encoder, Limits, Mode};
use crate::{compact, text};

/// The extended id of the handshake itself.
pub const HANDSHAKE_ID: u8 = 0;

/// How much of a client's name is kept, in characters.
pub const CLIENT_CHARS_MAX: usize = 64;

/// The ids under which a peer wants to receive extension messages.
///
/// In a decoded handshake, `None` is an extension it did not mention and
/// `Some(0)` one it turns off. [`ExtensionIds::update`] removes the difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// Metadata exchange (BEP 9).
    pub ut_metadata: Option<u8>,
    /// Peer exchange (BEP 11).
    pub ut_pex: Option<u8>,
    /// A piece is no longer there (BEP 54).
    pub lt_donthave: Option<u8>,
    /// The peer wants nothing any more (BEP 21, as libtorrent sends it).
    pub upload_only: Option<u8>,
    /// Hole punching (BEP 55).
    pub ut_holepunch: Option<u8>,
}

impl ExtensionIds {
    /// Applies a handshake of the peer to what earlier ones said: the list is
    /// additive, and id 0 turns an extension off (BEP 10). After this no id is
    /// zero, so begin with [`ExtensionIds::default`].
    pub fn update(&mut self, newer: &Self) {
        for ((_, known), (_, said)) in self.entries_mut().into_iter().zip(newer.entries()) {
            match said {
                Some(0) => *known = None,
                Some(id) => *known = Some(id),
                None => {}
            }
        }
    }

    fn entries(&self) -> [(&'static str, Option<u8>); 5] {
        let mut copy = *self;
        copy.entries_mut().map(|(name, id)| (name, *id))
    }

    fn entries_mut(&mut self) -> [(&'static str, &mut Option<u8>); 5] {
        [
            ("lt_donthave", &mut self.lt_donthave),
            ("upload_only", &mut self.upload_only),
            ("ut_holepunch", &mut self.ut_holepunch),
            ("ut_metadata", &mut self.ut_metadata),
            ("ut_pex", &mut self.ut_pex),
        ]
    }
}

/// What a peer tells of itself. Every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedHandshake {
    /// The extension messages it takes (`m`).
    pub m: ExtensionIds,
    /// Name and version of the client (`v`), fit to show.
    pub client: Option<String>,
    /// The TCP port it listens on (`p`), never 0.
    pub listen_port: Option<u16>,
    /// How many requests it keeps before it drops some (`reqq`), never 0.
    pub reqq: Option<u32>,
    /// The receiver's address as the sender sees it (`yourip`).
    pub yourip: Option<IpAddr>,
    /// An IPv4 address of the sender (`ipv4`).
    pub ipv4: Option<Ipv4Addr>,
    /// An IPv6 address of the sender (`ipv6`).
    pub ipv6: Option<Ipv6Addr>,
    /// Whether it wants to download nothing (`upload_only`, BEP 21); `None`
    /// when it does not say, which in a later handshake means no change.
    pub upload_only: Option<bool>,
    /// Whether it would rather be connected to with encryption (`e`); `None`
    /// when it does not say. No BEP has it but BEP 11, for its flag 0x01.
    pub prefers_encryption: Option<bool>,
    /// The length of the info dictionary in bytes (BEP 9); 0 where the peer
    /// says a number that no length can be. It is its word only: compare it
    /// with a limit before keeping that much.
    pub metadata_size: Option<u32>,
}

/// A payload of the extension protocol that is not a bencoded dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the extension message is not a bencoded dictionary")]
pub struct NotADictionary;

impl ExtendedHandshake {
    /// The payload of the extended message with id [`HANDSHAKE_ID`].
    pub fn encode(&self) -> Vec<u8> {
        Encoder::dict(|dict| {
            if let Some(prefers) = self.prefers_encryption {
                dict.int("e", i64::from(prefers));
            }
            if let Some(ip) = self.ipv4 {
                dict.bytes("ipv4", ip.octets());
            }
            if let Some(ip) = self.ipv6 {
                dict.bytes("ipv6", ip.octets());
            }
            dict.dict("m", |m| {
                for (name, id) in self.m.entries() {
                    if let Some(id) = id {
                        m.int(name, i64::from(id));
                    }
                }
            });
            if let Some(size) = self.metadata_size {
                dict.int("metadata_size", i64::from(size));
            }
            if let Some(port) = self.listen_port {
                dict.int("p", i64::from(port));
            }
            if let Some(count) = self.reqq {
                dict.int("reqq", i64::from(count));
            }
            if let Some(upload_only) = self.upload_only {
                dict.int("upload_only", i64::from(upload_only));
            }
            if let Some(client) = &self.client {
                dict.bytes("v", client);
            }
            match self.yourip {
                Some(IpAddr::V4(ip)) => dict.bytes("yourip", ip.octets()),
                Some(IpAddr::V6(ip)) => dict.bytes("yourip", ip.octets()),
                None => {}
            }
        })
    }

    /// Reads a payload. A part of the wrong type or out of range counts as
    /// missing, since clients in the field send all sorts.
    ///
    /// # Errors
    /// If the payload is no dictionary within [`Limits::PEER_MESSAGE`].
    pub fn decode(payload: &[u8]) -> Result<Self, NotADictionary> {
        let document = bencode::decode(payload, &Limits::PEER_MESSAGE, Mode::Lenient)
            .map_err(|_| NotADictionary)?;
        let dict = document.root().as_dict().ok_or(NotADictionary)?;
        let mut m = ExtensionIds::default();
        if let Some(ids) = dict.dict("m") {
            for (name, id) in m.entries_mut() {
                *id = integer(&ids, name);
            }
        }
        Ok(Self {
            m,
            client: dict
                .bytes("v")
                .map(|name| text::printable(name, CLIENT_CHARS_MAX))
                .filter(|name| !name.is_empty()),
            listen_port: integer(&dict, "p").filter(|&port| port != 0),
            reqq: integer(&dict, "reqq").filter(|&count| count != 0),
            yourip: dict.bytes("yourip").and_then(compact::ip),
            ipv4: array(&dict, "ipv4").map(|octets: [u8; 4]| octets.into()),
            ipv6: array(&dict, "ipv6").map(|octets: [u8; 16]| octets.into()),
            upload_only: dict.int("upload_only").map(|flag| flag != 0),
            prefers_encryption: dict.int("e").map(|flag| flag != 0),
            metadata_size: dict
                .int("metadata_size")
                .map(|size| u32::try_from(size).unwrap_or(0)),
        })
    }
}

fn integer<T: TryFrom<i64>>(dict: &Dict<'_>, key: &str) -> Option<T> {
    dict.int(key).and_then(|value| T::try_from(value).ok())
}

fn array<const N: usize>(dict: &Dict<'_>, key: &str) -> Option<[u8; N]> {
    dict.bytes(key).and_then(|bytes| bytes.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_bep_10_is_read() {
        let payload =
            b"d1:md11:LT_metadatai1e7:\xc2\xb5T_PEXi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e";
        let handshake = ExtendedHandshake::decode(payload).unwrap();
        assert_eq!(handshake.listen_port, Some(6881));
        assert_eq!(handshake.client.as_deref(), Some("µTorrent 1.2"));
        assert_eq!(handshake.m, ExtensionIds::default());
    }

    #[test]
    fn the_example_of_bep_21_is_read() {
        let handshake =
            ExtendedHandshake::decode(b"d1:md11:ut_metadatai3ee11:upload_onlyi1ee").unwrap();
        assert_eq!(handshake.m.ut_metadata, Some(3));
        assert_eq!(handshake.upload_only, Some(true));
    }

    #[test]
    fn a_handshake_is_written_in_canonical_order() {
        let handshake = ExtendedHandshake {
            m: ExtensionIds {
                ut_metadata: Some(3),
                ut_pex: Some(1),
                ..ExtensionIds::default()
            },
            client: Some("superseed 0.1".into()),
            listen_port: Some(6881),
            reqq: Some(2000),
            yourip: Some(Ipv4Addr::new(1, 2, 3, 4).into()),
            upload_only: Some(true),
            prefers_encryption: Some(false),
            metadata_size: Some(31235),
            ..ExtendedHandshake::default()
        };
        let expected = b"d1:ei0e1:md11:ut_metadatai3e6:ut_pexi1ee13:metadata_sizei31235e1:pi6881e\
            4:reqqi2000e11:upload_onlyi1e1:v13:superseed 0.16:yourip4:\x01\x02\x03\x04e";
        assert_eq!(
            handshake.encode().escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        assert_eq!(ExtendedHandshake::decode(expected), Ok(handshake));
    }

    #[test]
    fn parts_of_the_wrong_type_or_out_of_range_count_as_missing() {
        let payload = b"d1:e1:14:ipv43:abc1:md6:ut_pexi256e11:ut_metadata1:xe13:metadata_sizei-1e\
            1:pi65536e4:reqqi0e1:vi7e6:yourip5:abcdee";
        assert_eq!(
            ExtendedHandshake::decode(payload),
            Ok(ExtendedHandshake {
                // Whoever says so is to be found out.
                metadata_size: Some(0),
                ..ExtendedHandshake::default()
            })
        );
    }

    #[test]
    fn what_is_no_dictionary_is_an_error() {
        for payload in [&b""[..], b"i1e", b"le", b"d1:m", b"\0\0"] {
            assert_eq!(ExtendedHandshake::decode(payload), Err(NotADictionary));
        }
    }

    #[test]
    fn a_hostile_client_name_is_short_and_has_no_escapes() {
        let mut payload = b"d1:v2000:\x1b[2J".to_vec();
        payload.resize(9 + 2000, b'x');
        payload.push(b'e');
        let name = ExtendedHandshake::decode(&payload).unwrap().client.unwrap();
        assert_eq!(name.chars().count(), CLIENT_CHARS_MAX);
        assert!(name.starts_with("[2Jxx"));
    }

    #[test]
    fn later_handshakes_add_change_and_turn_off() {
        let first = ExtensionIds {
            ut_pex: Some(1),
            ut_metadata: Some(2),
            ..ExtensionIds::default()
        };
        let second = ExtensionIds {
            ut_pex: Some(0),
            lt_donthave: Some(7),
            ..ExtensionIds::default()
        };
        let mut known = ExtensionIds::default();
        known.update(&first);
        known.update(&second);
        assert_eq!(
            known,
            ExtensionIds {
                ut_metadata: Some(2),
                lt_donthave: Some(7),
                ..ExtensionIds::default()
            }
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_alike(
            ids: [Option<u8>; 5],
            client in prop::option::of("[a-zA-Z0-9µ./]{1,20}"),
            listen_port in prop::option::of(1u16..),
            reqq in prop::option::of(1u32..),
            yourip: Option<IpAddr>,
            ipv4: Option<Ipv4Addr>,
            ipv6: Option<Ipv6Addr>,
            upload_only: Option<bool>,
            prefers_encryption: Option<bool>,
            metadata_size in prop::option::of(1u32..),
        ) {
            let [ut_metadata, ut_pex, lt_donthave, upload, ut_holepunch] = ids;
            let m = ExtensionIds { ut_metadata, ut_pex, lt_donthave, upload_only: upload, ut_holepunch };
            let sent = ExtendedHandshake {
                m, client, listen_port, reqq, yourip, ipv4, ipv6, upload_only,
                prefers_encryption, metadata_size,
            };
            prop_assert_eq!(ExtendedHandshake::decode(&sent.encode()), Ok(sent));
        }

        #[test]
        fn any_bytes_are_read_or_refused(payload: Vec<u8>) {
            let _ = ExtendedHandshake::decode(&payload);
        }
    }
}
