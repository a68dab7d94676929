//! The info dictionary: files, pieces and what they must hash to.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

use super::error::MetainfoError;
use super::limits::{MetainfoLimits, PIECE_LEN_MAX};
use super::notes::Notes;
use super::{hybrid, links, names, v1, v2};
use crate::bencode::{self, Dict, Limits, Mode};
use crate::hash::{ExpectedHash, InfoHashV1, InfoHashV2, InfoHashes, Sha1Hash, Sha256Hash};
use crate::layout::{BLOCK_LEN, FileIndex, Layout, PieceIndex};

/// The length of a SHA-1, in bytes.
pub(super) const SHA1_LEN: usize = 20;

/// What an info dictionary says, checked.
#[derive(Clone, Debug)]
pub struct Info {
    /// The name of the only file, or of the directory of all files: one safe
    /// path element. The info-hash where the torrent's own name has nothing
    /// that a name can hold.
    pub name: String,
    /// The lengths of pieces.
    pub layout: Layout,
    /// The files in the order of their bytes, padding and links included.
    /// A v2-only torrent has no padding: each of its files begins with a piece,
    /// and the bytes from the end of one to the next belong to no file.
    pub files: Vec<FileEntry>,
    /// Whether peers may come from the trackers only (BEP 27).
    pub private: bool,
    /// `source`, by which private trackers tell their torrents from others'.
    pub source: Option<String>,
    /// Whether the files lie in a directory called [`name`](Self::name).
    pub multi_file: bool,
    /// Which halves the info dictionary has.
    pub(super) format: Format,
    /// Twenty bytes for each piece of `layout`; none in a v2-only torrent.
    pub(super) pieces: Bytes,
    /// What was changed to make names safe.
    pub(super) notes: Notes,
}

/// Which versions of the protocol an info dictionary is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// BEP 3: pieces run through all files.
    V1,
    /// BEP 52: each file has pieces of its own.
    V2,
    /// Both, in one info dictionary.
    Hybrid,
}

impl Format {
    /// Whether there is a v1 half.
    pub fn has_v1(self) -> bool {
        self != Self::V2
    }

    /// Whether there is a v2 half.
    pub fn has_v2(self) -> bool {
        self != Self::V1
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        })
    }
}

/// One file of a torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Safe path elements, never none, *without* the directory of a multi-file
    /// torrent: [`Info::file_path`] adds it. No two files that are not padding
    /// have the same path, not even but for ASCII case.
    pub path: Vec<String>,
    /// How long the file is, in bytes; 0 for a link.
    pub len: u64,
    /// Where the file begins in the torrent's bytes.
    pub offset: u64,
    /// Bytes that are all zero and belong on no disk: they align the file
    /// after them (BEP 47).
    pub padding: bool,
    /// The file is to be executable (BEP 47).
    pub executable: bool,
    /// The file is to be hidden (BEP 47).
    pub hidden: bool,
    /// The file is a symbolic link (BEP 47), and must not be made as a file.
    pub symlink: Option<Symlink>,
    /// The root of the file's merkle tree (BEP 52): in v2 and hybrid torrents,
    /// of each file that has bytes and is not padding.
    pub pieces_root: Option<Sha256Hash>,
}

/// Where a symbolic link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symlink {
    /// To a file or directory of this torrent, by path elements from the
    /// torrent's directory; other links of the torrent may be on the way.
    Inside(Vec<String>),
    /// Out of the torrent, nowhere, or in a circle: make nothing.
    Refused,
}

impl Info {
    /// Reads a raw info dictionary under the usual limits.
    ///
    /// # Errors
    ///
    /// As [`Metainfo::parse`](super::Metainfo::parse).
    pub fn parse(raw_info: &Bytes) -> Result<Self, MetainfoError> {
        let limits = MetainfoLimits::default();
        read(raw_info, &Limits::METADATA, &limits).map(|(info, _)| info)
    }

    /// A file.
    ///
    /// # Panics
    ///
    /// If the index is not one of this torrent's.
    pub fn file(&self, file: FileIndex) -> &FileEntry {
        &self.files[file.0 as usize]
    }

    /// All files with their indices.
    pub fn files_indexed(&self) -> impl DoubleEndedIterator<Item = (FileIndex, &FileEntry)> {
        self.files
            .iter()
            .enumerate()
            .map(|(at, file)| (FileIndex(at as u32), file))
    }

    /// Where a file lies, relative to the download directory: in a multi-file
    /// torrent the directory of the torrent comes first.
    ///
    /// # Panics
    ///
    /// If the index is not one of this torrent's.
    pub fn file_path(&self, file: FileIndex) -> PathBuf {
        let root = self.multi_file.then_some(&self.name);
        root.into_iter().chain(&self.file(file).path).collect()
    }

    /// The pieces that hold bytes of a file; none for an empty file.
    ///
    /// # Panics
    ///
    /// If the index is not one of this torrent's.
    pub fn file_pieces(&self, file: FileIndex) -> Range<u32> {
        let entry = self.file(file);
        self.layout
            .pieces_of(entry.offset..entry.offset + entry.len)
    }

    /// Which halves the info dictionary has.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The length of a piece in bytes, exact in every format: in a v2-only
    /// torrent the last piece of *each* file may be short, where
    /// [`Layout::piece_len`] knows of the last of all only.
    ///
    /// # Panics
    ///
    /// If the piece is not one of this torrent's.
    pub fn piece_len(&self, piece: PieceIndex) -> u32 {
        let nominal = self.layout.piece_len(piece);
        if self.format != Format::V2 {
            return nominal;
        }
        let begin = self.layout.piece_offset(piece);
        let after = self.files.partition_point(|file| file.offset <= begin);
        let file = &self.files[after - 1];
        // Not above `nominal`, which is a u32.
        u64::from(nominal).min(file.offset + file.len - begin) as u32
    }

    /// The bytes of all files that belong on a disk, padding left out.
    pub fn content_len(&self) -> u64 {
        let on_disk = self.files.iter().filter(|file| !file.padding);
        on_disk.map(|file| file.len).sum()
    }

    /// What a piece must hash to by the v1 half, if there is one.
    ///
    /// # Panics
    ///
    /// If there is a v1 half and the piece is not one of this torrent's.
    pub fn sha1(&self, piece: PieceIndex) -> Option<Sha1Hash> {
        if !self.format.has_v1() {
            return None;
        }
        let at = piece.0 as usize * SHA1_LEN;
        let mut hash = [0; SHA1_LEN];
        hash.copy_from_slice(&self.pieces[at..at + SHA1_LEN]);
        Some(Sha1Hash(hash))
    }

    /// What a piece must hash to in a v1 swarm.
    ///
    /// # Panics
    ///
    /// If the piece is not one of this torrent's, or the torrent is v2 only:
    /// no v1 swarm has it, and the engine takes none.
    pub fn expected_hash(&self, piece: PieceIndex) -> ExpectedHash {
        let sha1 = self.sha1(piece);
        ExpectedHash::Sha1(sha1.expect("torrents that are v2 only are refused before"))
    }
}

/// Reads and hashes a raw info dictionary. What decoding it may cost depends on
/// where it comes from.
pub(super) fn read(
    raw: &Bytes,
    decoding: &Limits,
    limits: &MetainfoLimits,
) -> Result<(Info, InfoHashes), MetainfoError> {
    let document = bencode::decode(raw, decoding, Mode::Lenient)?;
    if document.consumed() != raw.len() {
        let kind = bencode::DecodeErrorKind::TrailingData;
        return Err(bencode::DecodeError {
            kind,
            offset: document.consumed(),
        }
        .into());
    }
    let dict = document
        .root()
        .as_dict()
        .ok_or(MetainfoError::MissingInfo)?;
    let version = version(dict)?;
    if version > 0 && document.root().has_soft_error() {
        return Err(MetainfoError::NotCanonical);
    }
    let is_v2 = version == 2;
    let piece_len = piece_len(dict, is_v2)?;
    // libtorrent's rule, too: either key makes a v1 half, which must be right.
    let has_v1 = !is_v2 || dict.list("files").is_some() || dict.get("length").is_some();
    let hashes = hashes(raw, has_v1, is_v2);
    let mut info = if is_v2 {
        let tree = dict.dict("file tree").ok_or(MetainfoError::FileTree)?;
        if has_v1 {
            let mut info = v1::read(dict, raw, piece_len, &hashes, limits)?;
            hybrid::join(tree, &mut info)?;
            info
        } else {
            v2::read(dict, tree, raw, piece_len, &hashes, limits)?
        }
    } else {
        v1::read(dict, raw, piece_len, &hashes, limits)?
    };
    info.notes.not_canonical = document.root().has_soft_error();
    names::make_unique(&mut info.files, &mut info.notes)?;
    links::confine(&mut info.files);
    Ok((info, hashes))
}

fn hashes(raw: &[u8], has_v1: bool, has_v2: bool) -> InfoHashes {
    let v2 = || InfoHashV2::of_info(raw);
    match (has_v1, has_v2) {
        (false, _) => InfoHashes::V2(v2()),
        (true, false) => InfoHashes::V1(InfoHashV1::of_info(raw)),
        (true, true) => InfoHashes::Hybrid(InfoHashV1::of_info(raw), v2()),
    }
}

/// `meta version`; 0 where it is missing or no version at all, as in most v1
/// torrents.
fn version(dict: Dict<'_>) -> Result<i64, MetainfoError> {
    let version = dict.int("meta version").unwrap_or(0).max(0);
    match version {
        2 => Ok(version),
        0 | 1 if dict.dict("file tree").is_none() => Ok(version),
        0 | 1 => Err(MetainfoError::MissingVersion),
        _ => Err(MetainfoError::UnknownVersion),
    }
}

fn piece_len(dict: Dict<'_>, is_v2: bool) -> Result<u32, MetainfoError> {
    let len = dict
        .int("piece length")
        .and_then(|len| u32::try_from(len).ok())
        .filter(|len| (1..=PIECE_LEN_MAX).contains(len))
        .ok_or(MetainfoError::PieceLength)?;
    if is_v2 && !(len.is_power_of_two() && len >= BLOCK_LEN) {
        return Err(MetainfoError::PieceLengthV2(len));
    }
    Ok(len)
}
