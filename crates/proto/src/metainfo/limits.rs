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
