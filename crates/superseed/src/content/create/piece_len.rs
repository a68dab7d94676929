//! How long pieces are.

use superseed_proto::metainfo::{Format, PIECE_LEN_MAX};

use super::error::CreateError;

/// The shortest piece that is chosen, and the shortest that BEP 52 allows, in
/// bytes.
pub const PIECE_LEN_MIN: u32 = 16 << 10;

/// The longest piece that is chosen, in bytes: whoever has a longer one must
/// fetch much before he can share anything.
pub const PIECE_LEN_AUTO_MAX: u32 = 16 << 20;

/// The length of pieces for content of so many bytes: the least power of two
/// p from 16 KiB to 16 MiB with `total_len` ≤ p² / 100.
///
/// Pieces become longer with the square root of the size, so that the list of
/// hashes (p / 5 bytes in v1) and the least unit of sharing grow alike. The
/// figures are libtorrent 2.1's, so that the same files make the same torrent
/// (docs/decisions/021-hashing-content.md compares others).
pub fn piece_len_auto(total_len: u64) -> u32 {
    let mut piece_len = PIECE_LEN_MIN;
    while piece_len < PIECE_LEN_AUTO_MAX && total_len > longest_content(piece_len) {
        piece_len *= 2;
    }
    piece_len
}

/// p² / 100, rounded to the nearest.
fn longest_content(piece_len: u32) -> u64 {
    (u64::from(piece_len).pow(2) + 50) / 100
}

/// The length that was asked for, or the one that fits.
pub(super) fn choose(
    asked: Option<u32>,
    format: Format,
    total_len: u64,
) -> Result<u32, CreateError> {
    let Some(piece_len) = asked else {
        return Ok(piece_len_auto(total_len));
    };
    if !(1..=PIECE_LEN_MAX).contains(&piece_len) {
        return Err(CreateError::PieceLen(piece_len));
    }
    let fits_v2 = piece_len.is_power_of_two() && piece_len >= PIECE_LEN_MIN;
    if format != Format::V1 && !fits_v2 {
        return Err(CreateError::PieceLenV2(piece_len));
    }
    Ok(piece_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by bisection with libtorrent 2.1.1: the longest content that it
    /// gives pieces of 16 KiB, 32 KiB and so on.
    const LIBTORRENT: [u64; 10] = [
        2_684_355,
        10_737_418,
        42_949_673,
        171_798_692,
        687_194_767,
        2_748_779_069,
        10_995_116_278,
        43_980_465_111,
        175_921_860_444,
        703_687_441_777,
    ];

    #[test]
    fn pieces_are_as_long_as_libtorrents() {
        for (step, longest) in LIBTORRENT.into_iter().enumerate() {
            assert_eq!(piece_len_auto(longest), PIECE_LEN_MIN << step);
            assert_eq!(piece_len_auto(longest + 1), PIECE_LEN_MIN << (step + 1));
        }
        assert_eq!(piece_len_auto(0), PIECE_LEN_MIN);
        assert_eq!(piece_len_auto(u64::MAX), PIECE_LEN_AUTO_MAX);
    }

    #[test]
    fn a_length_that_no_torrent_may_have_is_refused() {
        let choose = |len, format| choose(Some(len), format, 1);
        assert_eq!(choose(1000, Format::V1).unwrap(), 1000);
        assert_eq!(choose(PIECE_LEN_MAX, Format::V1).unwrap(), PIECE_LEN_MAX);
        for len in [0, PIECE_LEN_MAX + 1, u32::MAX] {
            assert!(matches!(
                choose(len, Format::V1),
                Err(CreateError::PieceLen(_))
            ));
        }
        for len in [1, 8192, 16_383, 49_152] {
            for format in [Format::V2, Format::Hybrid] {
                assert!(matches!(
                    choose(len, format),
                    Err(CreateError::PieceLenV2(_))
                ));
            }
        }
        assert_eq!(choose(1 << 28, Format::V2).unwrap(), 1 << 28);
    }
}
