//! The filter by which nodes count the peers of a swarm together (BEP 33).

use core::net::IpAddr;
use std::fmt;

use crate::hash::{Sha1Hash, write_hex};

/// A set of IPs that can be united with others and whose size can be estimated,
/// up to some 6,000. An IPv4 address mapped into IPv6 counts as IPv4.
#[derive(Clone, PartialEq, Eq)]
pub struct Bloom(pub [u8; Bloom::LEN]);

impl Bloom {
    /// Its length in bytes.
    pub const LEN: usize = 256;

    const BITS: u16 = 8 * Self::LEN as u16;

    /// Adds an IP.
    pub fn insert(&mut self, ip: IpAddr) {
        for bit in bits(ip) {
            self.0[usize::from(bit / 8)] |= 1 << (bit % 8);
        }
    }

    /// Whether an IP may have been added; `false` is certain.
    pub fn may_contain(&self, ip: IpAddr) -> bool {
        bits(ip)
            .iter()
            .all(|bit| self.0[usize::from(bit / 8)] >> (bit % 8) & 1 == 1)
    }

    /// Adds everything that is in another.
    pub fn unite(&mut self, with: &Self) {
        for (byte, other) in self.0.iter_mut().zip(with.0) {
            *byte |= other;
        }
    }

    /// How many IPs were added, about.
    pub fn estimate(&self) -> f64 {
        let bits = f64::from(Self::BITS);
        let ones: u32 = self.0.iter().map(|byte| byte.count_ones()).sum();
        // A full filter would be infinitely many; the text treats the empty one
        // as if it had one bit, which would make something of nothing.
        let zeroes = (bits - f64::from(ones)).max(1.0);
        (zeroes / bits).ln() / (2.0 * (1.0 - 1.0 / bits).ln())
    }
}

impl Default for Bloom {
    /// The empty set.
    fn default() -> Self {
        Self([0; Self::LEN])
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bloom(")?;
        write_hex(f, &self.0[..8])?;
        write!(f, "…, about {:.0})", self.estimate())
    }
}

/// The two bits of an IP.
fn bits(ip: IpAddr) -> [u16; 2] {
    let Sha1Hash(hash) = match ip.to_canonical() {
        IpAddr::V4(ip) => Sha1Hash::of(&ip.octets()),
        IpAddr::V6(ip) => Sha1Hash::of(&ip.octets()),
    };
    [[hash[0], hash[1]], [hash[2], hash[3]]].map(|pair| u16::from_le_bytes(pair) % Bloom::BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    /// What BEP 33 prints for the addresses of [`printed`].
    const PRINTED: &str = "\
        F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE\
        FE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1BDF59DB53DBE9FA5B\
        7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE148246C2BC5DBFF7E7EFDCF24F\
        D8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81FC7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3\
        FA1FC77BFE07FFF905B7B7FFC7FEFEFFE0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5\
        BFAF2E9EBFFFFEECD67ADBF7C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB57\
        62ABE8FF237279BFEFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6\
        FD8F72EF";

    fn printed() -> impl Iterator<Item = IpAddr> {
        let v4 = (0..=255).map(|last| IpAddr::from([192, 0, 2, last]));
        let v6 =
            (0..=0x3e7).map(|last| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)));
        v4.chain(v6)
    }

    #[test]
    fn the_filter_is_the_one_of_bep_33() {
        let mut filter = Bloom::default();
        printed().for_each(|ip| filter.insert(ip));
        let expected = data_encoding::HEXUPPER.decode(PRINTED.as_bytes()).unwrap();
        assert_eq!(filter.0[..], expected);
        assert!((filter.estimate() - 1224.9308).abs() < 0.0001);
        assert!(printed().all(|ip| filter.may_contain(ip)));
    }

    #[test]
    fn nothing_is_estimated_as_nothing_and_a_full_filter_is_finite() {
        assert_eq!(Bloom::default().estimate(), 0.0);
        let full = Bloom([0xff; Bloom::LEN]);
        assert!((7_000.0..8_000.0).contains(&full.estimate()));
    }

    #[test]
    fn an_address_mapped_into_ipv6_is_the_one_it_maps() {
        let mut filter = Bloom::default();
        filter.insert(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into());
        assert!(filter.may_contain(Ipv4Addr::new(192, 0, 2, 1).into()));
    }

    proptest! {
        #[test]
        fn a_union_is_what_all_addresses_would_have_made(a: Vec<IpAddr>, b: Vec<IpAddr>) {
            let filter = |ips: &[IpAddr]| {
                let mut filter = Bloom::default();
                ips.iter().for_each(|&ip| filter.insert(ip));
                filter
            };
            let mut united = filter(&a);
            united.unite(&filter(&b));
            prop_assert_eq!(united, filter(&[a, b].concat()));
        }
    }
}
