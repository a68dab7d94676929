//! What a torrent is to be made of and what it is to say.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use superseed_proto::metainfo::Format;

/// Says whether a file is to be in the torrent, by its path below the
/// directory, elements parted by `/`.
pub type Filter = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How [`scan`](super::scan) looks at files, and what the torrent says.
#[derive(Clone)]
pub struct CreateOptions {
    /// Which kind of torrent.
    pub format: Format,
    /// The length of pieces in bytes; [`piece_len_auto`](super::piece_len_auto)
    /// chooses if it is `None`. Any length up to
    /// [`PIECE_LEN_MAX`](superseed_proto::metainfo::PIECE_LEN_MAX) for v1, a
    /// power of two of at least 16 KiB where there is a v2 half (BEP 52).
    pub piece_len: Option<u32>,
    /// The torrent's name; that of the file or directory if it is `None`.
    pub name: Option<String>,
    /// Tracker URLs by tier (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// DHT nodes to ask first (BEP 5): host and port.
    pub nodes: Vec<(String, u16)>,
    /// Whether peers may come from the trackers only (BEP 27).
    pub private: bool,
    /// `source`, by which private trackers tell their torrents from others'.
    pub source: Option<String>,
    /// What the creator has to say.
    pub comment: Option<String>,
    /// The program that makes the torrent.
    pub created_by: Option<String>,
    /// When the torrent was made, in seconds since 1970. There is no default:
    /// the same input gives the same bytes.
    pub creation_date: Option<i64>,
    /// Which files of a directory are taken; all if it is `None`. Files whose
    /// names begin with a dot are files like others.
    pub filter: Option<Filter>,
    /// The order of the files of a v1 torrent, the first key first; what is
    /// equal then is ordered by path. BEP 52 prescribes the order by path, and
    /// other kinds allow no other.
    pub order: Vec<SortKey>,
    /// What becomes of symbolic links in the directory.
    pub symlinks: Symlinks,
    /// How many threads hash; one for each core if it is `None`.
    pub threads: Option<NonZeroUsize>,
}

impl Default for CreateOptions {
    /// A v1 torrent that says nothing beside its files.
    fn default() -> Self {
        Self {
            format: Format::V1,
            piece_len: None,
            name: None,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            nodes: Vec::new(),
            private: false,
            source: None,
            comment: None,
            created_by: None,
            creation_date: None,
            filter: None,
            order: Vec::new(),
            symlinks: Symlinks::default(),
            threads: None,
        }
    }
}

impl fmt::Debug for CreateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateOptions")
            .field("format", &self.format)
            .field("piece_len", &self.piece_len)
            .field("name", &self.name)
            .field("order", &self.order)
            .field("symlinks", &self.symlinks)
            .finish_non_exhaustive()
    }
}

/// What files are ordered by.
///
/// Paths are compared element by element and byte by byte, as BEP 52 orders
/// its file tree, so that all kinds of torrents have one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// By path.
    Path,
    /// By path, the last first.
    PathDescending,
    /// The smallest first.
    Size,
    /// The largest first.
    SizeDescending,
}

/// What becomes of symbolic links.
///
/// The file or directory that is scanned may itself be reached through one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symlinks {
    /// Links stay links (BEP 47), and must lead to something in the torrent.
    #[default]
    Keep,
    /// What a link leads to is taken in its place, wherever that is. A link to
    /// a directory that it is in is refused.
    Follow,
}
