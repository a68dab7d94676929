//! Names of nodes, how far they are apart, and which names an address may have
//! (BEP 5, BEP 42).

use core::net::{IpAddr, Ipv6Addr};

use crate::SwarmKey;
use crate::hash::hex_display;

/// A point in the space of the DHT: the name of a node, or what a node is
/// looked for by, such as the key of a swarm or the target of an item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 20]);

/// How far two points are apart: their exclusive or as an unsigned number, so
/// that the smaller is the closer (BEP 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Distance(pub [u8; 20]);

impl NodeId {
    /// How many bits there are.
    pub const BITS: u32 = 160;

    /// How far this point is from another.
    pub fn distance(&self, to: &Self) -> Distance {
        let mut distance = self.0;
        for (byte, other) in distance.iter_mut().zip(to.0) {
            *byte ^= other;
        }
        Distance(distance)
    }

    /// How many of the first bits the two have in common: [`NodeId::BITS`] if
    /// they are one.
    pub fn shared_bits(&self, with: &Self) -> u32 {
        self.distance(with).leading_zeros()
    }

    /// An id that [fits](NodeId::fits) a node at `ip`, which is the address that
    /// others see. All that the address leaves open comes from `random`, which
    /// must be uniform.
    pub fn of_ip(ip: IpAddr, random: [u8; 20]) -> Self {
        let mut id = random;
        let [first, second, third, _] = prefix(ip, random[19]).to_be_bytes();
        id[0] = first;
        id[1] = second;
        id[2] = third & PREFIX_REST | random[2] & !PREFIX_REST;
        Self(id)
    }

    /// Whether a node at `ip` may have this id: the first 21 bits follow from
    /// the address and the last byte (BEP 42). An [exempt](is_exempt) address
    /// may have any.
    pub fn fits(&self, ip: IpAddr) -> bool {
        if is_exempt(ip) {
            return true;
        }
        let [first, second, third, _] = prefix(ip, self.0[19]).to_be_bytes();
        self.0[..2] == [first, second] && (self.0[2] ^ third) & PREFIX_REST == 0
    }
}

/// The bits of an id's third byte that follow from the address.
const PREFIX_REST: u8 = 0b1111_1000;

impl Distance {
    /// How many bits are zero before the first that is not.
    pub fn leading_zeros(&self) -> u32 {
        let zero_bytes = self.0.iter().take_while(|&&byte| byte == 0).count();
        let rest = self
            .0
            .get(zero_bytes)
            .map_or(0, |byte| byte.leading_zeros());
        zero_bytes as u32 * 8 + rest
    }
}

impl From<SwarmKey> for NodeId {
    /// Where the peers of a swarm are kept.
    fn from(swarm: SwarmKey) -> Self {
        Self(swarm.0)
    }
}

hex_display!(NodeId, Distance);

/// Whether an address is exempt from the rule of [`NodeId::fits`]: it is not of
/// the public network, so nobody outside sees it (BEP 42). The text lists IPv4
/// only; unique local and link-local addresses are the same in IPv6.
pub fn is_exempt(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// What the first 21 bits of an id come from. Of the bytes of an address the
/// first count least, so that who has a large network has few ids for it; and
/// three bits of chance let hosts behind one address differ.
fn prefix(ip: IpAddr, last_byte: u8) -> u32 {
    const V4_MASK: u32 = 0x030f_3fff;
    const V6_MASK: u64 = 0x0103_070f_1f3f_7fff;
    let chance = last_byte & 0x7;
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let masked = u32::from(ip) & V4_MASK | u32::from(chance) << 29;
            crc32c(&masked.to_be_bytes())
        }
        IpAddr::V6(ip) => {
            let masked = network(ip) & V6_MASK | u64::from(chance) << 61;
            crc32c(&masked.to_be_bytes())
        }
    }
}

/// The 64 bits of an address that a provider assigns.
fn network(ip: Ipv6Addr) -> u64 {
    (u128::from(ip) >> 64) as u64
}

/// CRC-32C (Castagnoli), as RFC 3720 has it.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc32c_table();
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)]
    })
}

const fn crc32c_table() -> [u32; 256] {
    /// The polynomial, its bits reversed.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_checksum_has_its_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn ids_are_those_of_bep_42() {
        let table: [(&str, u8, u32, [u8; 20]); 5] = [
            (
                "124.31.75.21",
                1,
                0x5fbf_bdb2,
                *b"\x5f\xbf\xbf\xf1\x0c\x5d\x6a\x4e\xc8\xa8\x8e\x4c\x6a\xb4\xc2\x8b\x95\xee\xe4\x01",
            ),
            (
                "21.75.31.124",
                86,
                0x5a3c_e9b0,
                *b"\x5a\x3c\xe9\xc1\x4e\x7a\x08\x64\x56\x77\xbb\xd1\xcf\xe7\xd8\xf9\x56\xd5\x32\x56",
            ),
            (
                "65.23.51.170",
                22,
                0xa5d4_344a,
                *b"\xa5\xd4\x32\x20\xbc\x8f\x11\x2a\x3d\x42\x6c\x84\x76\x4f\x8c\x2a\x11\x50\xe6\x16",
            ),
            (
                "84.124.73.14",
                65,
                0x1b03_217b,
                *b"\x1b\x03\x21\xdd\x1b\xb1\xfe\x51\x81\x01\xce\xef\x99\x46\x2b\x94\x7a\x01\xff\x41",
            ),
            (
                "43.213.53.83",
                90,
                0xe56f_6972,
                *b"\xe5\x6f\x6c\xbf\x5b\x7c\x4b\xe0\x23\x79\x86\xd5\x24\x3b\x87\xaa\x6d\x51\x30\x5a",
            ),
        ];
        for (addr, chance, checksum, id) in table {
            assert_eq!(prefix(ip(addr), chance), checksum, "{addr}");
            assert!(NodeId(id).fits(ip(addr)), "{addr}");
            assert_eq!(NodeId::of_ip(ip(addr), id), NodeId(id), "{addr}");
            // Every bit that counts does, and no other.
            for bit in 0..NodeId::BITS as usize {
                let mut other = id;
                other[bit / 8] ^= 0x80 >> (bit % 8);
                let counts = !(21..157).contains(&bit);
                assert_eq!(NodeId(other).fits(ip(addr)), !counts, "{addr}, bit {bit}");
            }
        }
    }

    #[test]
    fn only_the_network_of_an_ipv6_address_counts() {
        let id = NodeId::of_ip(ip("2a02:1234:5678:9abc::1"), [0x5a; 20]);
        assert!(id.fits(ip("2a02:1234:5678:9abc:ffff:ffff:ffff:ffff")));
        assert!(!id.fits(ip("2a02:1234:5678:9abd::1")));
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_the_one_it_maps() {
        let id = NodeId::of_ip(ip("124.31.75.21"), [7; 20]);
        assert!(id.fits(ip("::ffff:124.31.75.21")));
    }

    #[test]
    fn addresses_of_private_networks_may_have_any_id() {
        let id = NodeId([0x11; 20]);
        for local in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "127.0.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "fdff::1",
            "::ffff:10.1.2.3",
        ] {
            assert!(is_exempt(ip(local)) && id.fits(ip(local)), "{local}");
        }
        for public in [
            "11.0.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "2a00::1",
            "0.0.0.0",
        ] {
            assert!(!is_exempt(ip(public)), "{public}");
        }
    }

    #[test]
    fn distance_is_the_exclusive_or_and_the_first_bits_count_most() {
        let near = NodeId([0; 20]);
        let mut far = near;
        far.0[0] = 1;
        let mut less = near;
        less.0[1..].fill(0xff);
        assert!(near.distance(&less) < near.distance(&far));
        assert_eq!(near.shared_bits(&far), 7);
        assert_eq!(near.shared_bits(&less), 8);
        assert_eq!(near.shared_bits(&near), NodeId::BITS);
    }

    proptest! {
        #[test]
        fn an_id_made_of_an_address_fits_it(addr: IpAddr, random: [u8; 20]) {
            let id = NodeId::of_ip(addr, random);
            prop_assert!(id.fits(addr));
            prop_assert_eq!(&id.0[3..], &random[3..]);
        }

        #[test]
        fn distance_is_a_metric(a: [u8; 20], b: [u8; 20]) {
            let (a, b) = (NodeId(a), NodeId(b));
            prop_assert_eq!(a.distance(&b), b.distance(&a));
            prop_assert_eq!(a.distance(&b) == Distance([0; 20]), a == b);
            let shared = a.shared_bits(&b) as usize;
            let bit = |id: &NodeId, at: usize| id.0[at / 8] >> (7 - at % 8) & 1;
            prop_assert!((0..shared).all(|at| bit(&a, at) == bit(&b, at)));
            prop_assert!(shared == 160 || bit(&a, shared) != bit(&b, shared));
        }
    }
}
