//! The v2 half of a hybrid's info dictionary (BEP 52), as far as it must agree
//! with the v1 half.

use super::error::MetainfoError;
use super::info::Info;
use super::limits::FILE_LEN_MAX;
use super::path;
use crate::bencode::Dict;
use crate::layout::BLOCK_LEN;

/// The length of a SHA-256, in bytes.
const ROOT_LEN: usize = 32;

/// Checks that both halves describe the same files.
///
/// A client that reads the other half must get the same bytes: the same paths
/// and lengths in the same order, with padding such that each file begins with
/// a piece. Of the tree nothing is kept: a path in it costs its sender one
/// element, where a list of whole paths would cost us a hundred.
pub(super) fn check_hybrid(dict: Dict<'_>, info: &Info) -> Result<(), MetainfoError> {
    let piece_len = info.layout.piece_len_nominal();
    if !piece_len.is_power_of_two() || piece_len < BLOCK_LEN {
        return Err(MetainfoError::PieceLengthV2(piece_len));
    }
    let tree = dict.dict("file tree").ok_or(MetainfoError::FileTree)?;
    let mut files = info.files.iter().filter(|file| !file.padding);
    for_each_file(tree, |path, len| {
        let agrees = files.next().is_some_and(|file| {
            let aligned = len == 0 || file.offset.is_multiple_of(u64::from(piece_len));
            aligned && file.len == len && file.path == path
        });
        if agrees {
            Ok(())
        } else {
            Err(MetainfoError::InconsistentHybrid)
        }
    })?;
    if files.next().is_none() {
        Ok(())
    } else {
        Err(MetainfoError::InconsistentHybrid)
    }
}

/// Visits each file's path and length in the order of the tree. Does not
/// recurse; the depth is bounded by the decoder's.
fn for_each_file(
    root: Dict<'_>,
    mut visit: impl FnMut(&[String], u64) -> Result<(), MetainfoError>,
) -> Result<(), MetainfoError> {
    let mut path = Vec::new();
    let mut open = vec![root.iter()];
    while let Some(entries) = open.last_mut() {
        let Some((name, value)) = entries.next() else {
            open.pop();
            path.pop();
            continue;
        };
        let node = value.as_dict().ok_or(MetainfoError::FileTree)?;
        if name.is_empty() {
            return Err(MetainfoError::FileTree);
        }
        path.push(path::sanitize_forced(name));
        match node.get("") {
            Some(leaf) if node.iter().nth(1).is_none() => {
                let leaf = leaf.as_dict().ok_or(MetainfoError::FileTree)?;
                visit(&path, leaf_len(leaf)?)?;
                path.pop();
            }
            Some(_) => return Err(MetainfoError::FileTree),
            None => open.push(node.iter()),
        }
    }
    Ok(())
}

fn leaf_len(leaf: Dict<'_>) -> Result<u64, MetainfoError> {
    let attr = leaf.bytes("attr").unwrap_or_default();
    if attr.contains(&b'p') {
        // BEP 52 aligns by itself: padding has no place in its tree.
        return Err(MetainfoError::FileTree);
    }
    if attr.contains(&b'l') {
        return Ok(0);
    }
    let len = leaf
        .int("length")
        .and_then(|len| u64::try_from(len).ok())
        .filter(|len| *len <= FILE_LEN_MAX)
        .ok_or(MetainfoError::FileTree)?;
    let has_root = leaf
        .bytes("pieces root")
        .is_some_and(|root| root.len() == ROOT_LEN && root.iter().any(|byte| *byte != 0));
    if len > 0 && !has_root {
        Err(MetainfoError::PiecesRoot)
    } else {
        Ok(len)
    }
}
