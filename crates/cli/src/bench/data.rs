//! Random data, its torrent, and the comparison at the end.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use superseed::TorrentBuilder;
use superseed_proto::hash::Sha1Hash;

use crate::exit::{Exit, Failure};

const NAME: &str = "random.bin";

/// Writes `size` random bytes to a file in `dir` and answers with the torrent
/// of that file.
pub(super) fn make(dir: &Path, size: u64, trackers: &[String]) -> Result<Vec<u8>, Failure> {
    let path = dir.join(NAME);
    let failed = |error: io::Error| Failure::file("write", path.display(), &error);
    let mut file = File::create(&path).map_err(failed)?;
    let piece_len = piece_len(size);
    let mut random = Random(RandomState::new().hash_one(size) | 1);
    let mut piece = vec![0; piece_len as usize];
    let mut hashes = Vec::new();
    let mut left = size;
    while left > 0 {
        let len = left.min(u64::from(piece_len)) as usize;
        random.fill(&mut piece[..len]);
        hashes.push(Sha1Hash::of(&piece[..len]));
        file.write_all(&piece[..len]).map_err(failed)?;
        left -= len as u64;
    }
    let builder = TorrentBuilder::new(NAME, piece_len)
        .single_file(size)
        .piece_hashes(hashes);
    let builder = trackers
        .iter()
        .fold(builder, |builder, url| builder.tier([url]));
    Ok(builder.build())
}

/// Compares every byte of a leecher's file with the seeder's.
pub(super) fn compare(seeder: &Path, leecher: &Path) -> Result<(), Failure> {
    let (left, right) = (seeder.join(NAME), leecher.join(NAME));
    let open = |path: &Path| {
        File::open(path)
            .map(|file| BufReader::with_capacity(1 << 20, file))
            .map_err(|error| Failure::file("read", path.display(), &error))
    };
    let same = same(open(&left)?, open(&right)?)
        .map_err(|error| Failure::file("compare", right.display(), &error))?;
    if same {
        Ok(())
    } else {
        Err(Failure::new(
            Exit::Verify,
            format!("{} is not what the seeder has", right.display()),
        ))
    }
}

fn same(mut left: impl Read, mut right: impl Read) -> io::Result<bool> {
    const RUN: u64 = 1 << 20;
    let (mut a, mut b) = (Vec::new(), Vec::new());
    loop {
        a.clear();
        b.clear();
        left.by_ref().take(RUN).read_to_end(&mut a)?;
        right.by_ref().take(RUN).read_to_end(&mut b)?;
        if a != b {
            return Ok(false);
        }
        if a.is_empty() {
            return Ok(true);
        }
    }
}

/// About a thousand pieces, of 16 KiB to 4 MiB: what creators of torrents choose.
fn piece_len(size: u64) -> u32 {
    let ideal = (size / 1000).next_power_of_two();
    ideal.clamp(16 << 10, 4 << 20) as u32
}

/// xorshift64*: fast, and random enough that nothing could compress it.
struct Random(u64);

impl Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        for run in bytes.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            run.copy_from_slice(&word[..run.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use superseed::Metainfo;

    #[test]
    fn the_torrent_describes_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let torrent = make(
            dir.path(),
            100_001,
            &["http://t.example/announce".to_owned()],
        )
        .unwrap();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        let data = std::fs::read(dir.path().join(NAME)).unwrap();
        assert_eq!(metainfo.info.layout.total_len(), data.len() as u64);
        let again = TorrentBuilder::new(NAME, metainfo.info.layout.piece_len_nominal())
            .single_file(data.len() as u64)
            .hash_content(&data)
            .build_info();
        assert_eq!(metainfo.raw_info, again);
    }

    #[test]
    fn one_different_byte_is_found_and_so_is_a_missing_one() {
        assert!(same(&b"abc"[..], &b"abc"[..]).unwrap());
        assert!(!same(&b"abc"[..], &b"abd"[..]).unwrap());
        assert!(!same(&b"abc"[..], &b"ab"[..]).unwrap());
    }

    #[test]
    fn there_are_about_a_thousand_pieces() {
        assert_eq!(piece_len(1), 16 << 10);
        assert_eq!(piece_len(256 << 20), 512 << 10);
        assert_eq!(piece_len(u64::MAX >> 1), 4 << 20);
    }
}
