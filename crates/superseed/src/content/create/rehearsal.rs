//! Making the torrent with invented hashes, to see that it loads.

use std::path::{Path, PathBuf};

use superseed_proto::bencode::Limits;
use superseed_proto::hash::{Sha1Hash, Sha256Hash};
use superseed_proto::merkle::{LEAF_LEN, root_of_layer};
use superseed_proto::metainfo::{
    FileEntry, Info, Metainfo, MetainfoError, MetainfoLimits, PlacedFile, Symlink, TorrentBuilder,
    sanitize_element,
};

use super::error::CreateError;
use super::scan::full_path;
use super::torrent::Draft;
use super::walk::{Found, FoundKind};

/// Stands for the hash of anything.
const SHA1: Sha1Hash = Sha1Hash([1; 20]);

/// Stands for the hash of a piece of a file; a root of zeroes would be refused.
///
/// Each file has another: files with equal hashes share a piece layer, and the
/// torrent would be foreseen shorter than it is going to be.
fn sha256(at: usize) -> Sha256Hash {
    let mut hash = [1; 32];
    hash[..8].copy_from_slice(&(at as u64).to_be_bytes());
    Sha256Hash(hash)
}

/// Reads the torrent that `draft` is going to become, and sees that each file
/// keeps its name and each link leads to where it should.
pub(super) fn rehearse(root: &Path, draft: &Draft, found: &[Found]) -> Result<Info, CreateError> {
    let unloadable = |reason| CreateError::Unloadable {
        path: root.to_owned(),
        reason,
    };
    // Not left to the parser: a v2-only torrent of one file loads under the name
    // of that file, even where it lies in a directory (BEP 52 has one tree for
    // both).
    if !is_kept(&draft.name) {
        return Err(CreateError::Name {
            path: root.to_owned(),
            name: draft.name.clone(),
        });
    }
    check_piece_count(draft).map_err(unloadable)?;
    let torrent = with_invented_hashes(draft).build();
    if torrent.len() > Limits::TORRENT_FILE.bytes {
        return Err(CreateError::TorrentTooLarge {
            path: root.to_owned(),
            len: torrent.len(),
        });
    }
    let info = Metainfo::parse(&torrent).map_err(unloadable)?.info;
    let files = info.files.iter().filter(|file| !file.padding);
    for (file, found) in files.zip(found) {
        compare(file, found, || full_path(root, found))?;
    }
    Ok(info)
}

/// Whether loading leaves a path element as it is.
fn is_kept(element: &str) -> bool {
    sanitize_element(element.as_bytes()).is_some_and(|kept| kept == element)
}

/// Sees that there are not too many pieces, before memory is taken for their
/// hashes: a sparse file can be longer than any disk.
fn check_piece_count(draft: &Draft) -> Result<(), MetainfoError> {
    let arrangement = draft.builder.arrangement();
    let end = |placed: &PlacedFile| placed.offset.saturating_add(placed.len);
    let total_len = arrangement.last().map_or(0, end);
    let count = total_len.div_ceil(u64::from(draft.piece_len));
    let limit = MetainfoLimits::default().piece_count;
    if count > u64::from(limit) {
        Err(MetainfoError::TooManyPieces { count, limit })
    } else {
        Ok(())
    }
}

fn compare(
    file: &FileEntry,
    found: &Found,
    full_path: impl Fn() -> PathBuf,
) -> Result<(), CreateError> {
    let has_path = !found.path.is_empty();
    if has_path && !file.path.iter().eq(found.elements()) {
        let changed = found.elements().find(|element| !is_kept(element));
        return Err(match changed {
            Some(name) => CreateError::Name {
                path: full_path(),
                name: name.to_owned(),
            },
            None => CreateError::Collision(full_path()),
        });
    }
    if let FoundKind::Link { target, text } = &found.kind {
        let leads_there = matches!(
            &file.symlink,
            Some(Symlink::Inside(elements)) if elements.iter().eq(target.split('/'))
        );
        if !leads_there {
            return Err(CreateError::LinkOutside {
                path: full_path(),
                target: text.clone(),
            });
        }
    }
    Ok(())
}

fn with_invented_hashes(draft: &Draft) -> TorrentBuilder {
    let piece_len = u64::from(draft.piece_len);
    let mut builder = draft.builder.clone();
    let arrangement = builder.arrangement();
    if draft.format.has_v1() {
        let total_len: u64 = arrangement.iter().map(|placed| placed.len).sum();
        let count = total_len.div_ceil(piece_len) as usize;
        builder = builder.piece_hashes(std::iter::repeat_n(SHA1, count));
    }
    if draft.format.has_v2() {
        for placed in &arrangement {
            let Some(at) = placed.file.filter(|_| placed.len > 0) else {
                continue;
            };
            let count = placed.len.div_ceil(piece_len) as usize;
            let layer = std::iter::repeat_n(sha256(at), count);
            builder = match count {
                1 => builder.pieces_root(at, sha256(at)),
                _ => {
                    let root = root_of_layer(layer.clone(), draft.piece_len / LEAF_LEN);
                    builder.pieces_root(at, root).piece_layer(at, layer)
                }
            };
        }
    }
    builder
}
