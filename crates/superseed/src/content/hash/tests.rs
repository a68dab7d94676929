//! The plan: which parts of which files a run of pieces has.

use superseed_proto::hash::Sha1Hash;
use superseed_proto::metainfo::{BuildFile, Format, Metainfo, TorrentBuilder};

use super::*;

const P: u32 = 16 << 10;

fn plan(format: Format, lens: &[u64]) -> Plan {
    let mut builder = TorrentBuilder::new("t", P).format(format);
    for (number, len) in lens.iter().enumerate() {
        builder = builder.add(BuildFile {
            pieces_root: (*len > 0).then_some(Sha256Hash([1; 32])),
            ..BuildFile::new([format!("{number}")], *len)
        });
    }
    let arrangement = builder.arrangement();
    let total_len: u64 = arrangement.iter().map(|placed| placed.len).sum();
    let count = total_len.div_ceil(u64::from(P)) as usize;
    let builder = builder.piece_hashes(vec![Sha1Hash([1; 20]); count]);
    let metainfo = Metainfo::from_raw_info(builder.build_info().into(), &Default::default());
    let algorithms = Algorithms {
        sha1: format.has_v1(),
        merkle: format.has_v2(),
    };
    Plan::new(&metainfo.unwrap().info, algorithms)
}

/// File, offset and length of each part.
fn parts(plan: &Plan, pieces: std::ops::Range<u32>) -> Vec<(Option<u32>, u64, u64)> {
    let parts = plan.parts(pieces);
    parts
        .map(|part| (part.file, part.file_offset, part.len))
        .collect()
}

#[test]
fn v1_pieces_run_through_files() {
    let plan = plan(Format::V1, &[100, 0, 40_000, 5]);
    assert_eq!(plan.piece_count, 3);
    assert_eq!(
        parts(&plan, 0..1),
        [(Some(0), 0, 100), (Some(2), 0, 16_284)]
    );
    assert_eq!(parts(&plan, 1..2), [(Some(2), 16_284, 16_384)]);
    assert_eq!(
        parts(&plan, 2..3),
        [(Some(2), 32_668, 7_332), (Some(3), 0, 5)]
    );
    assert_eq!(parts(&plan, 0..3).len(), 3);
}

#[test]
fn v2_pieces_have_one_file_and_nothing_between_files() {
    let plan = plan(Format::V2, &[100, 0, 40_000]);
    assert_eq!(plan.piece_count, 4);
    assert_eq!(parts(&plan, 0..1), [(Some(0), 0, 100)]);
    assert_eq!(parts(&plan, 1..2), [(Some(2), 0, 16_384)]);
    assert_eq!(parts(&plan, 3..4), [(Some(2), 32_768, 7_232)]);
}

#[test]
fn hybrid_pieces_are_filled_with_padding() {
    let plan = plan(Format::Hybrid, &[100, 0, 40_000]);
    assert_eq!(plan.piece_count, 4);
    assert_eq!(parts(&plan, 0..1), [(Some(0), 0, 100), (None, 0, 16_284)]);
    assert_eq!(
        parts(&plan, 3..4),
        [(Some(3), 32_768, 7_232), (None, 0, 9_152)]
    );
}

#[test]
fn jobs_are_whole_pieces_however_long() {
    let mut plan = plan(Format::V1, &[100]);
    for (piece_len, pieces) in [(1, 4 << 20), (P, 256), (3 << 20, 1), (512 << 20, 1)] {
        plan.piece_len = piece_len;
        assert_eq!(plan.pieces_per_job(), pieces);
    }
}
