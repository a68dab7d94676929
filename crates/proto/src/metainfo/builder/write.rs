//! The info dictionary and the layers as bencode.
//!
//! Which keys come where is libtorrent 2.1's way, so that the same data and
//! options have the same info-hash there and here:
//!
//! - A file's dictionary has `attr` only where it has letters, in the order
//!   `p`, `h`, `x`, `l`. Of a single file it stands in the info dictionary.
//! - A link has `length` 0 in a v1 list, and no `length` in a file tree. Its
//!   target is counted from the torrent's directory. libtorrent takes `x` from
//!   the mode of the link itself, which is 0777 on Linux, so its links have
//!   `attr` `xl` there; `h` is set by hand only.
//! - An empty file has no `pieces root`.
//! - Padding is called `.pad/` and its length, and has `attr` `p`. Only a
//!   hybrid of several files has it; see [`arrange`](super::arrange). `attr` of
//!   a v1-only torrent never has `p` here: v1 files follow each other.
//! - `piece layers` is there in every torrent with a v2 half, if only as an
//!   empty dictionary, and has the files that are longer than a piece.

use super::{BuildFile, TorrentBuilder};
use crate::bencode::{DictEncoder, ListEncoder};

/// Writes the entries of the info dictionary.
pub(super) fn info(torrent: &TorrentBuilder, info: &mut DictEncoder<'_>) {
    if torrent.format.has_v2() {
        info.dict("file tree", |tree| write_tree(torrent, tree));
        info.int("meta version", 2);
    }
    if torrent.format.has_v1() {
        if torrent.is_single() {
            let none = BuildFile::default();
            write_v1_entry(torrent.files.first().unwrap_or(&none), info);
        } else {
            info.list("files", |list| write_list(torrent, list));
        }
        info.bytes("pieces", &torrent.pieces);
    }
    info.bytes("name", &torrent.name);
    info.int("piece length", i64::from(torrent.piece_len));
    if torrent.private {
        info.int("private", 1);
    }
    if let Some(source) = &torrent.source {
        info.bytes("source", source);
    }
}

/// Writes the entries of `piece layers`.
pub(super) fn layers(torrent: &TorrentBuilder, layers: &mut DictEncoder<'_>) {
    for file in &torrent.files {
        if let Some(root) = file.pieces_root
            && file.len > u64::from(torrent.piece_len)
            && !file.piece_layer.is_empty()
        {
            let hashes: Vec<u8> = file.piece_layer.iter().flat_map(|hash| hash.0).collect();
            layers.bytes(root.0, hashes);
        }
    }
}

fn write_list(torrent: &TorrentBuilder, list: &mut ListEncoder<'_>) {
    for placed in torrent.arrangement() {
        list.dict(|entry| match placed.file {
            Some(at) => {
                let file = &torrent.files[at];
                write_v1_entry(file, entry);
                write_path("path", &file.path, entry);
            }
            None => {
                entry.bytes("attr", "p");
                entry.int("length", signed(placed.len));
                let path = [".pad".to_owned(), placed.len.to_string()];
                write_path("path", &path, entry);
            }
        });
    }
}

/// All of a v1 file but its path.
fn write_v1_entry(file: &BuildFile, entry: &mut DictEncoder<'_>) {
    if let Some(attr) = file.attr() {
        entry.bytes("attr", attr);
    }
    entry.int("length", signed(file.len));
    if let Some(target) = &file.symlink {
        write_path("symlink path", target, entry);
    }
}

fn write_tree(torrent: &TorrentBuilder, tree: &mut DictEncoder<'_>) {
    if torrent.is_single() {
        if let Some(file) = torrent.files.first() {
            tree.dict(&torrent.name, |node| write_leaf(file, node));
        }
        return;
    }
    let placed = torrent.arrangement();
    let files: Vec<&BuildFile> = placed
        .iter()
        .filter_map(|placed| placed.file)
        .map(|at| &torrent.files[at])
        .collect();
    write_level(&files, 0, tree);
}

/// Writes files that have the first `depth` path elements in common. Recurses
/// as deep as the longest path, which comes from a file system or a test.
fn write_level(files: &[&BuildFile], depth: usize, tree: &mut DictEncoder<'_>) {
    for same in files.chunk_by(|a, b| a.path.get(depth) == b.path.get(depth)) {
        match same[0].path.get(depth) {
            Some(element) => tree.dict(element, |node| write_level(same, depth + 1, node)),
            None => write_leaf(same[0], tree),
        }
    }
}

fn write_leaf(file: &BuildFile, node: &mut DictEncoder<'_>) {
    node.dict("", |entry| {
        if let Some(attr) = file.attr() {
            entry.bytes("attr", attr);
        }
        if let Some(target) = &file.symlink {
            write_path("symlink path", target, entry);
            return;
        }
        entry.int("length", signed(file.len));
        if let Some(root) = file.pieces_root.filter(|_| file.len > 0) {
            entry.bytes("pieces root", root.0);
        }
    });
}

fn write_path(key: &str, path: &[String], entry: &mut DictEncoder<'_>) {
    entry.list(key, |list| path.iter().for_each(|part| list.bytes(part)));
}

/// Lengths beyond 63 bits are beyond every limit of the reader, too.
fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
