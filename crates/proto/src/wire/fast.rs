//! The allowed-fast set (BEP 6): pieces that a choked newcomer may ask for.

use core::net::Ipv4Addr;

use sha1::{Digest, Sha1};

use crate::{PieceIndex, SwarmKey};

/// The size of the set that BEP 6 proposes.
pub const ALLOWED_FAST_COUNT: usize = 10;

/// The largest set that is made; a larger one would only invite abuse.
pub const ALLOWED_FAST_COUNT_MAX: usize = 64;

/// The canonical set for the peer at `ip`, in its canonical order.
///
/// Every client makes the same set, so a peer gains nothing by asking many of
/// them. It has `count` pieces, or all of them if the torrent has fewer, and
/// never more than [`ALLOWED_FAST_COUNT_MAX`]. BEP 6 defines it for IPv4 only.
pub fn allowed_fast_set(
    ip: Ipv4Addr,
    swarm: &SwarmKey,
    piece_count: u32,
    count: usize,
) -> Vec<PieceIndex> {
    let count = count.min(piece_count as usize).min(ALLOWED_FAST_COUNT_MAX);
    let mut set: Vec<PieceIndex> = Vec::with_capacity(count);
    let [a, b, c, _] = ip.octets();
    let mut digest: [u8; 20] = Sha1::new()
        .chain_update([a, b, c, 0])
        .chain_update(swarm.0)
        .finalize()
        .into();
    while set.len() < count {
        let (words, _) = digest.as_chunks::<4>();
        for word in words {
            let piece = PieceIndex(u32::from_be_bytes(*word) % piece_count);
            if set.len() < count && !set.contains(&piece) {
                set.push(piece);
            }
        }
        digest = Sha1::digest(digest).into();
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_the_one_printed_in_bep_6() {
        let published = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508].map(PieceIndex);
        let ip = Ipv4Addr::new(80, 4, 4, 200);
        let swarm = SwarmKey([0xaa; 20]);
        assert_eq!(allowed_fast_set(ip, &swarm, 1313, 7), published[..7]);
        assert_eq!(allowed_fast_set(ip, &swarm, 1313, 9), published);
    }

    #[test]
    fn the_last_byte_of_the_address_does_not_matter() {
        let swarm = SwarmKey([1; 20]);
        let set = |last| allowed_fast_set(Ipv4Addr::new(10, 0, 0, last), &swarm, 500, 10);
        assert_eq!(set(1), set(254));
    }

    #[test]
    fn a_small_torrent_gives_all_its_pieces_and_an_empty_one_none() {
        let ip = Ipv4Addr::LOCALHOST;
        let swarm = SwarmKey([7; 20]);
        let mut set = allowed_fast_set(ip, &swarm, 3, ALLOWED_FAST_COUNT);
        set.sort_unstable();
        assert_eq!(set, [0, 1, 2].map(PieceIndex));
        assert!(allowed_fast_set(ip, &swarm, 0, 10).is_empty());
        let most = allowed_fast_set(ip, &swarm, 100_000, usize::MAX);
        assert_eq!(most.len(), ALLOWED_FAST_COUNT_MAX);
    }
}
