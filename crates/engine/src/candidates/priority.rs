//! Canonical peer priority (BEP 40): both ends of a possible connection give it
//! the same number, so that a swarm agrees on which of more than anybody can
//! hold are kept, and whoever floods it with addresses gains nothing.

use core::net::{IpAddr, SocketAddr};

/// CRC-32C, the Castagnoli polynomial, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The priority of a connection between two addresses; the greater the better.
/// `None` between IPv4 and IPv6.
pub fn peer_priority(ours: SocketAddr, theirs: SocketAddr) -> Option<u32> {
    match (ours.ip().to_canonical(), theirs.ip().to_canonical()) {
        (ours_ip, theirs_ip) if ours_ip == theirs_ip => {
            let (low, high) = sorted(ours.port(), theirs.port());
            Some(crc32c(&[low.to_be_bytes(), high.to_be_bytes()].concat()))
        }
        (IpAddr::V4(ours), IpAddr::V4(theirs)) => Some(of_ips(&ours.octets(), &theirs.octets(), 2)),
        (IpAddr::V6(ours), IpAddr::V6(theirs)) => Some(of_ips(&ours.octets(), &theirs.octets(), 6)),
        _ => None,
    }
}

/// Of two different addresses of a family. Two bytes of the network count in
/// full for IPv4 and six for IPv6, and one more than the addresses have in
/// common beyond these; of the rest every other bit.
fn of_ips(ours: &[u8], theirs: &[u8], network: usize) -> u32 {
    let common = (ours.iter().zip(theirs))
        .take_while(|(ours, theirs)| ours == theirs)
        .count();
    let whole = if common < network {
        network
    } else {
        common + 1
    };
    let masked = |ip: &[u8]| -> Vec<u8> {
        let bytes = ip.iter().enumerate();
        bytes
            .map(|(at, byte)| if at < whole { *byte } else { byte & 0x55 })
            .collect()
    };
    let (low, high) = sorted(masked(ours), masked(theirs));
    crc32c(&[low, high].concat())
}

fn sorted<T: Ord>(a: T, b: T) -> (T, T) {
    if a <= b { (a, b) } else { (b, a) }
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(ours: &str, theirs: &str) -> Option<u32> {
        peer_priority(ours.parse().unwrap(), theirs.parse().unwrap())
    }

    #[test]
    fn the_examples_of_bep_40_come_out() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let ours = "123.213.32.10:1";
        assert_eq!(priority(ours, "98.76.54.32:2"), Some(0xec2d_7224));
        assert_eq!(priority(ours, "123.213.32.234:2"), Some(0x9956_8189));
    }

    #[test]
    fn both_ends_come_to_the_same() {
        for (a, b) in [
            ("1.2.3.4:5", "9.8.7.6:5"),
            ("1.2.3.4:5", "1.2.7.6:5"),
            ("1.2.3.4:5", "1.2.3.6:7"),
            ("1.2.3.4:5", "1.2.3.4:7"),
            ("[2001:db8::1]:5", "[2001:db8:0:1::1]:5"),
        ] {
            assert_eq!(priority(a, b), priority(b, a));
            assert!(priority(a, b).is_some());
        }
        assert_eq!(priority("1.2.3.4:5", "[2001:db8::1]:5"), None);
    }

    #[test]
    fn what_a_host_can_choose_of_its_address_counts_half() {
        let ours = "123.213.32.10:1";
        assert_eq!(
            priority(ours, "98.76.54.32:2"),
            priority(ours, "98.76.190.168:9"),
            "54 and 190, 32 and 168 differ in masked bits alone"
        );
        assert_ne!(
            priority(ours, "98.76.54.32:2"),
            priority(ours, "98.77.54.32:2")
        );
    }

    #[test]
    fn neighbours_are_told_apart_by_more_of_their_address() {
        // FFFF:FFFF:FFFF:5555:…, and one byte more within the same /48.
        let ours = "[2001:db8:1:aaff::1]:1";
        assert_eq!(
            priority(ours, "[2001:db9:1:aa00::2]:1"),
            priority(ours, "[2001:db9:1:0000::2]:1")
        );
        assert_ne!(
            priority(ours, "[2001:db8:1:aa00::2]:1"),
            priority(ours, "[2001:db8:1:0000::2]:1")
        );
    }
}
