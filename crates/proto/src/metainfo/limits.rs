//! The bounds of what a torrent may ask for. The figures are libtorrent 2.1's,
//! so that what the swarm's most common client loads is loaded here.

/// The longest piece: 32,767 blocks, in bytes.
pub const PIECE_LEN_MAX: u32 = 32_767 * 16_384;

/// The longest file, and the longest torrent, in bytes: 2^48 − 1.
pub const FILE_LEN_MAX: u64 = (1 << 48) - 1;

/// The most pieces under any limits.
pub const PIECE_COUNT_CEILING: u32 = (1 << 30) - 1;

/// How many elements a path may have.
pub(super) const PATH_DEPTH_MAX: usize = 100;

/// How many files may be renamed because their names collide.
pub(super) const RENAMED_FILES_MAX: usize = 500;

/// How many leaves a file's merkle tree may have, in whole blocks (BEP 52).
pub(super) const LEAF_COUNT_MAX: u64 = (1 << 30) - 1;

/// How many changes of names are recorded for a person to see.
pub(super) const NOTES_MAX: usize = 100;

/// How much memory the paths of a v2-only torrent may take, by the length of
/// its info dictionary, in bytes. A file tree has each directory once where the
/// list of files has it once a file, so twenty bytes could ask for twenty
/// thousand. Real torrents need less than ten times their own length: a file
/// costs its creator some eighty bytes, and a path some forty an element.
pub(super) fn path_memory_max(info_len: usize) -> usize {
    (1 << 20) + info_len.saturating_mul(16)
}

/// The limits of a torrent that the user may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetainfoLimits {
    /// The most pieces; what is above [`PIECE_COUNT_CEILING`] counts as that.
    pub piece_count: u32,
}

impl Default for MetainfoLimits {
    fn default() -> Self {
        Self {
            piece_count: 1 << 21,
        }
    }
}
