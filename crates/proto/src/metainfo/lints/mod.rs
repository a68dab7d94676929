//! What is odd about a torrent that loads, for a person to know.
//!
//! Pure judgement of what the reader holds and has noted. Nothing here makes a
//! torrent unusable.

mod private;
mod sentence;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::info::Symlink;
use super::notes::{Note, Taken};
use super::{Format, Metainfo, notes};
use crate::layout::BLOCK_LEN;

/// The longest piece that common creators make, in bytes; other clients may
/// refuse longer ones.
const PIECE_LEN_USUAL_MAX: u32 = 128 << 20;

/// Above so many pieces, longer ones would make the torrent file small again.
const PIECE_COUNT_USUAL_MAX: u32 = 100_000;

/// From this length on, pieces should be more than a few, in bytes.
const PIECE_LEN_LONG: u32 = 4 << 20;

/// The fewest long pieces that a torrent should have: what is not a whole
/// piece cannot be traded.
const LONG_PIECES_MIN: u32 = 16;

/// Something that a person may want to know or to mend. `Display` is one
/// sentence without a full stop; names in it are escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lint {
    /// The piece length is not a power of two; in bytes.
    PieceLenOdd(u32),
    /// The piece length is below 16 KiB; in bytes.
    PieceLenShort(u32),
    /// The piece length is above what common creators make; in bytes.
    PieceLenLong(u32),
    /// There are very many pieces for the size.
    ManyPieces {
        /// How many.
        count: u32,
        /// How long, in bytes.
        piece_len: u32,
    },
    /// There are very few pieces for their length.
    FewPieces {
        /// How many.
        count: u32,
        /// How long, in bytes.
        piece_len: u32,
    },
    /// `source` or a tracker's URL says that the torrent is of a private
    /// tracker, but the private flag is missing (BEP 27).
    PrivateFlagMissing(PrivateSign),
    /// The torrent is private and has no tracker, so nobody can find a peer.
    PrivateWithoutTracker,
    /// The torrent is private and names DHT nodes.
    PrivateWithNodes,
    /// A tracker's URL is of no kind that is known; the URL's scheme.
    TrackerScheme(String),
    /// A name was unsafe and is read as another.
    UnsafeName {
        /// As it is in the torrent.
        raw: String,
        /// As it is used.
        name: String,
    },
    /// A file has the path of an earlier one and gets another name.
    DuplicateName {
        /// The path.
        path: String,
        /// The new name.
        name: String,
    },
    /// A file has the path of an earlier one but for the case of letters.
    CaseDuplicate {
        /// The path.
        path: String,
        /// The new name.
        name: String,
    },
    /// A file has the path of a directory of other files.
    FileIsDirectory {
        /// The path.
        path: String,
        /// The new name.
        name: String,
    },
    /// So many more names were changed than are told.
    MoreNames(usize),
    /// A symbolic link leads out of the torrent, nowhere or in a circle; its
    /// path.
    LinkRefused(String),
    /// So many more links are refused than are told.
    MoreLinks(usize),
    /// So many files of the v2 half have no piece layer, which must come from
    /// peers then.
    LayersMissing(usize),
    /// The info dictionary is bencode that other clients may refuse.
    NonCanonicalInfo,
    /// What is around the info dictionary is bencode that other clients may
    /// refuse.
    NonCanonicalOuter,
    /// Bytes follow the torrent; how many.
    TrailingBytes(usize),
    /// `encoding` is not UTF-8, so names may be read wrong; what it is.
    Encoding(String),
}

/// By what a torrent looks like one of a private tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateSign {
    /// It has a `source`; which.
    Source(String),
    /// A tracker's URL has what looks like a user's key; the URL's host, since
    /// the key is nobody's business.
    Passkey(String),
}

/// How many schemes of trackers that are not known are told.
const TRACKER_SCHEMES_MAX: usize = 20;

/// How many links that are refused are told one by one.
const LINKS_MAX: usize = 20;

/// Looks for everything that is odd.
pub fn lints(metainfo: &Metainfo) -> Vec<Lint> {
    let mut lints = Vec::new();
    pieces(metainfo, &mut lints);
    private::look(metainfo, &mut lints);
    trackers(metainfo, &mut lints);
    names(metainfo, &mut lints);
    links(metainfo, &mut lints);
    layers(metainfo, &mut lints);
    bencode(metainfo, &mut lints);
    lints
}

fn pieces(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    let layout = &metainfo.info.layout;
    let (piece_len, count) = (layout.piece_len_nominal(), layout.piece_count());
    if !piece_len.is_power_of_two() {
        lints.push(Lint::PieceLenOdd(piece_len));
    }
    if piece_len < BLOCK_LEN {
        lints.push(Lint::PieceLenShort(piece_len));
    } else if piece_len > PIECE_LEN_USUAL_MAX {
        lints.push(Lint::PieceLenLong(piece_len));
    }
    if count > PIECE_COUNT_USUAL_MAX && piece_len < PIECE_LEN_USUAL_MAX {
        lints.push(Lint::ManyPieces { count, piece_len });
    } else if count < LONG_PIECES_MIN && piece_len >= PIECE_LEN_LONG {
        lints.push(Lint::FewPieces { count, piece_len });
    }
}

fn trackers(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    const KNOWN: [&str; 5] = ["http", "https", "udp", "ws", "wss"];
    let mut unknown = BTreeSet::new();
    for url in metainfo.trackers.iter().flatten() {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let is_known = KNOWN.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !is_known && unknown.len() < TRACKER_SCHEMES_MAX && unknown.insert(scheme) {
            lints.push(Lint::TrackerScheme(notes::shown(scheme.as_bytes())));
        }
    }
}

fn names(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    let notes = &metainfo.info.notes;
    lints.extend(notes.list.iter().cloned().map(|note| match note {
        Note::Sanitized { raw, element } => Lint::UnsafeName { raw, name: element },
        Note::Renamed { path, name, taken } => match taken {
            Taken::Same => Lint::DuplicateName { path, name },
            Taken::Case => Lint::CaseDuplicate { path, name },
            Taken::Directory => Lint::FileIsDirectory { path, name },
        },
    }));
    if notes.left_out > 0 {
        lints.push(Lint::MoreNames(notes.left_out));
    }
}

fn links(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    let refused = |file: &&super::FileEntry| file.symlink == Some(Symlink::Refused);
    let mut refused = metainfo.info.files.iter().filter(refused);
    for file in refused.by_ref().take(LINKS_MAX) {
        let path = notes::shown(file.path.join("/").as_bytes());
        lints.push(Lint::LinkRefused(path));
    }
    match refused.count() {
        0 => {}
        more => lints.push(Lint::MoreLinks(more)),
    }
}

fn layers(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    if metainfo.info.format() == Format::V1 {
        return;
    }
    let missing = metainfo
        .info
        .files_indexed()
        .filter(|(at, file)| file.pieces_root.is_some() && metainfo.piece_layer(*at).is_none())
        .count();
    if missing > 0 {
        lints.push(Lint::LayersMissing(missing));
    }
}

fn bencode(metainfo: &Metainfo, lints: &mut Vec<Lint>) {
    let remarks = &metainfo.remarks;
    if metainfo.info.notes.not_canonical {
        lints.push(Lint::NonCanonicalInfo);
    }
    if remarks.not_canonical {
        lints.push(Lint::NonCanonicalOuter);
    }
    if remarks.trailing_len > 0 {
        lints.push(Lint::TrailingBytes(remarks.trailing_len));
    }
    if let Some(encoding) = &remarks.encoding {
        lints.push(Lint::Encoding(encoding.clone()));
    }
}
