//! From the hashes of pieces to what is wrong with files.

use std::ops::Range;

use superseed_proto::layout::{FileIndex, PieceIndex};
use superseed_proto::metainfo::{FileEntry, Metainfo};

use super::report::{FileReport, Verdict, VerifyReport};
use crate::content::hash::{Digests, Plan, root_of_nodes};

/// What a piece turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PieceState {
    Good,
    Bad,
    /// Some of the bytes that its hash is made of could not be read.
    Unread,
}

/// Puts the report together. `seen` is what was found before hashing.
pub(super) fn report(
    metainfo: &Metainfo,
    plan: &Plan,
    digests: &Digests,
    seen: Vec<Verdict>,
) -> VerifyReport {
    let info = &metainfo.info;
    let mut states = v1_states(metainfo, digests);
    let mut wrong_roots = Vec::new();
    for (file, entry) in info.files_indexed() {
        if !judge_v2(metainfo, file, entry, digests, &mut states) {
            wrong_roots.push(file);
        }
    }
    let mut files: Vec<FileReport> = info
        .files_indexed()
        .zip(seen)
        .map(|((file, _), verdict)| FileReport {
            file,
            verdict,
            damaged: Vec::new(),
            unverifiable: Vec::new(),
        })
        .collect();
    for (piece, state) in (0..).zip(&states) {
        if *state == PieceState::Good {
            continue;
        }
        for part in plan.parts(piece..piece + 1) {
            let Some(file) = part.file else { continue };
            let report = &mut files[file as usize];
            let range = clip(part.file_range(), &report.verdict);
            match state {
                PieceState::Bad => add(&mut report.damaged, range),
                _ => add(&mut report.unverifiable, range),
            }
        }
    }
    for file in wrong_roots {
        let report = &mut files[file.0 as usize];
        // Without its layer nobody can say where it is wrong, unless v1 did.
        if report.damaged.is_empty() {
            add(&mut report.damaged, 0..info.file(file).len);
        }
    }
    for report in &mut files {
        if report.verdict == Verdict::Ok {
            report.verdict = match (&*report.damaged, &*report.unverifiable) {
                ([], []) => Verdict::Ok,
                ([], _) => Verdict::Unverifiable,
                _ => Verdict::Damaged,
            };
        }
    }
    files.retain(|report| !info.file(report.file).padding);
    VerifyReport { files }
}

fn v1_states(metainfo: &Metainfo, digests: &Digests) -> Vec<PieceState> {
    let is_bad = |piece: u32| {
        let expected = metainfo.info.sha1(PieceIndex(piece));
        expected.is_some_and(|expected| expected != digests.sha1[piece as usize])
    };
    (0..)
        .zip(&digests.hashed)
        .map(|(piece, hashed)| match hashed {
            false => PieceState::Unread,
            true if is_bad(piece) => PieceState::Bad,
            true => PieceState::Good,
        })
        .collect()
}

/// Judges the pieces of a file by its v2 half; `false` if its layer is missing
/// and its root is wrong.
fn judge_v2(
    metainfo: &Metainfo,
    file: FileIndex,
    entry: &FileEntry,
    digests: &Digests,
    states: &mut [PieceState],
) -> bool {
    let Some(root) = &entry.pieces_root else {
        return true;
    };
    let pieces = metainfo.info.file_pieces(file);
    let pieces = pieces.start as usize..pieces.end as usize;
    let Some(layer) = metainfo.piece_layer(file) else {
        if digests.hashed[pieces.clone()].contains(&false) {
            // The root says nothing of a part of the file; the v1 half does.
            if !metainfo.info.format().has_v1() {
                states[pieces].fill(PieceState::Unread);
            }
            return true;
        }
        let piece_len = metainfo.info.layout.piece_len_nominal();
        return root_of_nodes(&digests.nodes[pieces], piece_len) == *root;
    };
    for (at, expected) in pieces.zip(layer.iter()) {
        if states[at] == PieceState::Good && digests.nodes[at] != expected {
            states[at] = PieceState::Bad;
        }
    }
    true
}

/// What there is of a range of a file.
fn clip(range: Range<u64>, verdict: &Verdict) -> Range<u64> {
    match verdict {
        Verdict::TooShort { len } => range.start.min(*len)..range.end.min(*len),
        Verdict::Missing | Verdict::NotAFile => 0..0,
        _ => range,
    }
}

/// Adds a range behind the others.
fn add(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    if range.is_empty() {
        return;
    }
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}
