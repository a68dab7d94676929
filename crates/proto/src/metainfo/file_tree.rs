//! The v2 file tree (BEP 52), walked without recursion.

use super::attributes::{self, Attributes};
use super::error::MetainfoError;
use super::layers::SHA256_LEN;
use super::limits::{FILE_LEN_MAX, LEAF_COUNT_MAX};
use super::notes::Notes;
use super::path;
use crate::bencode::Dict;
use crate::hash::Sha256Hash;
use crate::layout::BLOCK_LEN;

/// A file of the tree. Its path is with the one who walks.
#[derive(Debug)]
pub(super) struct Leaf {
    /// How long the file is, in bytes; 0 for a link.
    pub(super) len: u64,
    pub(super) attributes: Attributes,
    /// There for each file that has bytes.
    pub(super) pieces_root: Option<Sha256Hash>,
    /// Where a link wants to lead.
    pub(super) link_target: Option<Vec<String>>,
}

/// Visits each file with its path, in the order of the tree. The depth is
/// bounded by the decoder's; of the tree nothing is kept but the path at hand.
///
/// # Errors
///
/// What is no file tree, and what `visit` says.
pub(super) fn for_each_file(
    root: Dict<'_>,
    notes: &mut Notes,
    mut visit: impl FnMut(&[String], Leaf) -> Result<(), MetainfoError>,
) -> Result<(), MetainfoError> {
    let mut path = Vec::new();
    let mut open = vec![root.iter()];
    let mut number = 0;
    while let Some(entries) = open.last_mut() {
        let Some((name, value)) = entries.next() else {
            open.pop();
            path.pop();
            continue;
        };
        // An empty name belongs to a leaf alone: beside other names it would
        // make a directory that is a file at once.
        let node = value.as_dict().filter(|_| !name.is_empty());
        let node = node.ok_or(MetainfoError::FileTree)?;
        path.push(notes.sanitized(name, path::sanitize_forced(name)));
        match leaf_of(node) {
            Some(leaf) => {
                number += 1;
                let leaf = leaf.ok_or(MetainfoError::FileTree)?;
                visit(&path, read_leaf(leaf, number, notes)?)?;
                path.pop();
            }
            None => open.push(node.iter()),
        }
    }
    Ok(())
}

/// The only entry of the tree, if that is a file: then the torrent is that
/// file, without a directory around it.
pub(super) fn only_file(root: Dict<'_>) -> Option<&[u8]> {
    let mut entries = root.iter();
    let (name, value) = entries.next()?;
    leaf_of(value.as_dict()?)?;
    entries.next().is_none().then_some(name)
}

/// The inner value of a node that is a file and nothing else; `Some(None)` if
/// that value is no dictionary.
fn leaf_of(node: Dict<'_>) -> Option<Option<Dict<'_>>> {
    let mut entries = node.iter();
    let (name, value) = entries.next()?;
    (name.is_empty() && entries.next().is_none()).then(|| value.as_dict())
}

fn read_leaf(leaf: Dict<'_>, number: usize, notes: &mut Notes) -> Result<Leaf, MetainfoError> {
    let attributes = Attributes::read(leaf);
    if attributes.padding {
        // BEP 52 aligns by itself: padding has no place in its tree.
        return Err(MetainfoError::PaddingInTree(number));
    }
    let (len, link_target) = if attributes.link {
        // A link takes no place in the torrent's bytes, whatever it says.
        (0, attributes::link_target(leaf, number, notes)?)
    } else {
        let len = leaf.int("length").and_then(|len| u64::try_from(len).ok());
        let fits = |len: &u64| *len <= FILE_LEN_MAX && len / u64::from(BLOCK_LEN) < LEAF_COUNT_MAX;
        (
            len.filter(fits).ok_or(MetainfoError::FileLength(number))?,
            None,
        )
    };
    Ok(Leaf {
        len,
        attributes,
        pieces_root: pieces_root(leaf, len)?,
        link_target,
    })
}

/// The root of a file that has bytes. A root of zeroes is what an unknown hash
/// looks like elsewhere, and no file has it.
fn pieces_root(leaf: Dict<'_>, len: u64) -> Result<Option<Sha256Hash>, MetainfoError> {
    if len == 0 {
        return Ok(None);
    }
    let root = leaf
        .bytes("pieces root")
        .and_then(|root| <[u8; SHA256_LEN]>::try_from(root).ok())
        .filter(|root| *root != [0; SHA256_LEN])
        .ok_or(MetainfoError::PiecesRoot)?;
    Ok(Some(Sha256Hash(root)))
}
