//! One file of a torrent that is being made.

use crate::hash::Sha256Hash;

/// A file for [`TorrentBuilder::add`](super::TorrentBuilder::add).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildFile {
    /// The path elements, without the directory that is called as the torrent.
    pub path: Vec<String>,
    /// How long the file is, in bytes; 0 for a link.
    pub len: u64,
    /// The file is to be executable (BEP 47).
    pub executable: bool,
    /// The file is to be hidden (BEP 47).
    pub hidden: bool,
    /// The file is a symbolic link (BEP 47) to this path in the torrent.
    pub symlink: Option<Vec<String>>,
    /// The root of the file's merkle tree (BEP 52), where the file has bytes.
    pub pieces_root: Option<Sha256Hash>,
    /// The hash of each piece, where the file is longer than one (BEP 52).
    pub piece_layer: Vec<Sha256Hash>,
}

impl BuildFile {
    /// A file with this path and this length in bytes, and nothing special.
    pub fn new<P>(path: P, len: u64) -> Self
    where
        P: IntoIterator,
        P::Item: Into<String>,
    {
        Self {
            path: path.into_iter().map(Into::into).collect(),
            len,
            ..Self::default()
        }
    }

    /// A symbolic link to a path of the torrent.
    pub fn link<P, T>(path: P, target: T) -> Self
    where
        P: IntoIterator,
        P::Item: Into<String>,
        T: IntoIterator,
        T::Item: Into<String>,
    {
        Self {
            symlink: Some(target.into_iter().map(Into::into).collect()),
            ..Self::new(path, 0)
        }
    }

    /// `attr` (BEP 47), if it has letters. Their order is libtorrent's.
    pub(super) fn attr(&self) -> Option<String> {
        let letters = [
            (self.hidden, 'h'),
            (self.executable, 'x'),
            (self.symlink.is_some(), 'l'),
        ];
        let attr: String = letters
            .into_iter()
            .filter_map(|(is_set, letter)| is_set.then_some(letter))
            .collect();
        (!attr.is_empty()).then_some(attr)
    }
}
