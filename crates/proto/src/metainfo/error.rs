//! Why a torrent is refused: one sentence each, for the user to read.

use thiserror::Error;

use super::limits::{FILE_LEN_MAX, PATH_DEPTH_MAX, PIECE_LEN_MAX, RENAMED_FILES_MAX};
use crate::bencode::DecodeError;
use crate::hash::Sha256Hash;

/// What makes bytes no torrent that can be downloaded safely.
///
/// File numbers count from 1, as in the lists that users see.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetainfoError {
    /// The bytes are not bencode.
    #[error("not a torrent: {0}")]
    NotBencode(#[from] DecodeError),
    /// The bytes are bencode, but no dictionary.
    #[error("not a torrent: the data is not a dictionary")]
    NotADictionary,
    /// There is no info dictionary.
    #[error("the torrent has no info dictionary")]
    MissingInfo,
    /// `name` is not there or not a string.
    #[error("the torrent has no name")]
    MissingName,
    /// `piece length` is not there, not an integer, or out of bounds.
    #[error("the torrent's piece length is missing or not between 1 and {PIECE_LEN_MAX} bytes")]
    PieceLength,
    /// `piece length` is not one of BEP 52.
    #[error("the torrent's piece length of {0} bytes is not a power of two of at least 16 KiB")]
    PieceLengthV2(u32),
    /// `pieces` is not there or not a string.
    #[error("the torrent has no piece hashes")]
    MissingPieces,
    /// `pieces` has not twenty bytes for each piece.
    #[error("the torrent has {found} bytes of piece hashes where its size asks for {expected}")]
    PiecesMismatch {
        /// The length of `pieces`, in bytes.
        found: u64,
        /// What it must be, in bytes.
        expected: u64,
    },
    /// There are more pieces than the limits allow.
    #[error("the torrent has {count} pieces, more than the limit of {limit}")]
    TooManyPieces {
        /// How many there would be.
        count: u64,
        /// How many there may be.
        limit: u32,
    },
    /// Neither `length` nor `files` is there.
    #[error("the torrent says neither its length nor its files")]
    NoLengthNorFiles,
    /// `length` and `files` are both there and may contradict each other.
    #[error("the torrent is a single file and a list of files at once")]
    LengthAndFiles,
    /// The list of files is empty or not a list.
    #[error("the torrent has no files")]
    NoFiles,
    /// An entry of `files` is not a dictionary.
    #[error("file {0} of the torrent is not described by a dictionary")]
    FileNotADictionary(usize),
    /// A length is not there, not an integer, negative or too large.
    #[error("the length of file {0} of the torrent is missing or not between 0 and {FILE_LEN_MAX}")]
    FileLength(usize),
    /// A path is not there, empty, or holds what is not a string.
    #[error("file {0} of the torrent has no path")]
    FilePath(usize),
    /// A path has too many elements.
    #[error("the path of file {0} of the torrent has more than {PATH_DEPTH_MAX} elements")]
    PathTooDeep(usize),
    /// All files together are empty.
    #[error("the torrent's files are all empty")]
    Empty,
    /// All files together are beyond the limit.
    #[error("the torrent is larger than {FILE_LEN_MAX} bytes")]
    TooLarge,
    /// Too many files have the same path.
    #[error("more than {RENAMED_FILES_MAX} files of the torrent have the name of another")]
    TooManyDuplicates,
    /// `meta version` is not one we know.
    #[error("the torrent is of an unknown version")]
    UnknownVersion,
    /// There is a v2 file tree, but no `meta version`.
    #[error("the torrent has a version 2 file tree but does not say its version")]
    MissingVersion,
    /// A v2 or hybrid torrent whose info dictionary is not canonical (BEP 52).
    #[error("the torrent's info dictionary is not canonical, as version 2 torrents must be")]
    NotCanonical,
    /// The v2 file tree is not one.
    #[error("the torrent's version 2 file tree is broken")]
    FileTree,
    /// A file of the v2 tree has no root hash, or one of zeroes.
    #[error("a file of the torrent's version 2 file tree has no root hash")]
    PiecesRoot,
    /// The two halves of a hybrid describe different files.
    #[error("the version 1 and version 2 halves of the torrent describe different files")]
    InconsistentHybrid,
    /// Padding in a v2 file tree, where BEP 52 has none.
    #[error("file {0} of the torrent's version 2 file tree is padding, which has no place there")]
    PaddingInTree(usize),
    /// The paths of a v2-only torrent are longer than its own length allows.
    #[error("the paths of the torrent's files are too long together")]
    PathsTooLong,
    /// An entry of `piece layers` is no list of hashes.
    #[error("an entry of the torrent's piece layers is not a root and its hashes")]
    PieceLayer,
    /// A piece layer of a root that no file of several pieces has, or that had
    /// its layer already.
    #[error("the torrent has a piece layer for {0}, which is the root of no file that needs one")]
    PieceLayerForeign(Sha256Hash),
    /// A piece layer that has not a hash for each piece of its file.
    #[error(
        "the piece layer of {root} has {found} bytes where the file's size asks for {expected}"
    )]
    PieceLayerLength {
        /// The root.
        root: Sha256Hash,
        /// The length of the layer, in bytes.
        found: u64,
        /// What it must be, in bytes.
        expected: u64,
    },
    /// A piece layer that does not hash to its root.
    #[error("the piece layer of {0} does not belong to that root")]
    PieceLayerRoot(Sha256Hash),
}

impl MetainfoError {
    /// Whether the bytes are not even bencode, as opposed to a bad torrent.
    /// The command's exit codes tell the two apart.
    pub fn is_not_bencode(&self) -> bool {
        matches!(self, Self::NotBencode(_))
    }
}
