//! Torrent files (BEP 3, 12, 19, 27, 47) and the info dictionaries in them.
//!
//! Owns what a torrent's metadata means and every check that makes it safe to
//! act on: after [`Metainfo::parse`] all sizes add up, all counts are bounded,
//! and no path leads out of its directory. It must never touch a disk, and it
//! never changes the raw info dictionary, whose hash is the torrent's name.
//!
//! BEP 52: one list of files describes all formats. That of a hybrid is its v1
//! half, which must agree with its v2 half; that of a v2-only torrent comes
//! from its file tree.

mod attributes;
pub mod builder;
mod edit;
mod error;
mod file_tree;
mod hybrid;
mod info;
mod layers;
mod limits;
mod links;
mod lints;
mod names;
mod notes;
mod outer;
mod path;
mod tree;
mod v1;
mod v2;
mod web_seed;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::bencode::{self, Encoder, Limits, Mode};
use crate::hash::InfoHashes;
use crate::layout::FileIndex;
use layers::Layers;
use outer::Remarks;

pub use builder::{BuildFile, PlacedFile, TorrentBuilder};
pub use edit::{Change, Edited, TorrentEdit};
pub use error::MetainfoError;
pub use info::{FileEntry, Format, Info, Symlink};
pub use layers::PieceLayer;
pub use limits::{FILE_LEN_MAX, MetainfoLimits, PIECE_COUNT_CEILING, PIECE_LEN_MAX};
pub use lints::{Lint, PrivateSign, lints};
pub use path::sanitize_element;

/// A torrent: its info dictionary and what the file around it says.
#[derive(Clone, Debug)]
pub struct Metainfo {
    /// The files and pieces.
    pub info: Info,
    /// The hashes of [`raw_info`](Self::raw_info).
    pub info_hashes: InfoHashes,
    /// The info dictionary as it came, to be served to peers (BEP 9).
    pub raw_info: Bytes,
    /// Tracker URLs by tier (BEP 12). `announce` alone is one tier of one, and
    /// counts only where `announce-list` names nothing. Trimmed; no URL is
    /// empty or there twice, and no tier is empty.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19), each once, with what a URL cannot hold
    /// percent-encoded. In a torrent of several files each ends with `/`.
    pub web_seeds: Vec<String>,
    /// DHT nodes to ask first (BEP 5): host and port, the port never 0.
    pub nodes: Vec<(String, u16)>,
    /// What the creator had to say. May hold control characters.
    pub comment: Option<String>,
    /// The program that made the torrent. May hold control characters.
    pub created_by: Option<String>,
    /// When the torrent was made, in seconds since 1970, not negative.
    pub creation_date: Option<i64>,
    /// The piece layers that came with the torrent.
    layers: Layers,
    /// What is odd around the info dictionary.
    remarks: Remarks,
}

impl Metainfo {
    /// Reads a .torrent file under the usual limits.
    ///
    /// # Errors
    ///
    /// What makes the file no torrent that can be downloaded safely.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetainfoError> {
        Self::parse_within(bytes, &MetainfoLimits::default())
    }

    /// Reads a .torrent file under the caller's limits.
    ///
    /// # Errors
    ///
    /// As [`Metainfo::parse`].
    pub fn parse_within(bytes: &[u8], limits: &MetainfoLimits) -> Result<Self, MetainfoError> {
        let document = bencode::decode(bytes, &Limits::TORRENT_FILE, Mode::Lenient)?;
        let root = document
            .root()
            .as_dict()
            .ok_or(MetainfoError::NotADictionary)?;
        let info = root.get("info").ok_or(MetainfoError::MissingInfo)?;
        info.as_dict().ok_or(MetainfoError::MissingInfo)?;
        let raw_info = Bytes::copy_from_slice(info.raw());
        let mut metainfo = Self::of_info(raw_info, &Limits::TORRENT_FILE, limits)?;
        if metainfo.info.format().has_v2() {
            metainfo.layers = Layers::read(root.get("piece layers"), &metainfo.info)?;
        }
        outer::read(root, &mut metainfo);
        metainfo.remarks.trailing_len = bytes.len() - document.consumed();
        Ok(metainfo)
    }

    /// The torrent as a .torrent file again. The info dictionary and the piece
    /// layers are the bytes that came; around them stands what the fields say,
    /// so that what this program does not know of is left out.
    pub fn encode(&self) -> Vec<u8> {
        Encoder::dict(|root| {
            let around = outer::Around {
                trackers: &self.trackers,
                web_seeds: &self.web_seeds,
                nodes: &self.nodes,
                comment: self.comment.as_deref(),
                created_by: self.created_by.as_deref(),
                creation_date: self.creation_date,
            };
            around.write(root);
            root.raw("info", &self.raw_info);
            if let Some(layers) = &self.layers.raw {
                root.raw("piece layers", layers);
            }
        })
    }

    /// The torrent's name: see [`Info::name`].
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// What each piece of a file must hash to by the v2 half: the layer that
    /// came with the torrent, or the root itself for a file of at most one
    /// piece. `None` where the layer is missing, and for files without a root:
    /// those of v1 torrents, empty ones, links and padding.
    ///
    /// # Panics
    ///
    /// If the index is not one of this torrent's.
    pub fn piece_layer(&self, file: FileIndex) -> Option<PieceLayer<'_>> {
        self.layers.of_file(&self.info, self.info.file(file))
    }

    /// A torrent of which only the info dictionary is known, as it comes from
    /// peers (BEP 9). Whether it has the hash that was asked for is for the
    /// caller to compare.
    ///
    /// # Errors
    ///
    /// As [`Metainfo::parse`].
    pub fn from_raw_info(raw_info: Bytes, limits: &MetainfoLimits) -> Result<Self, MetainfoError> {
        Self::of_info(raw_info, &Limits::METADATA, limits)
    }

    fn of_info(
        raw_info: Bytes,
        decoding: &Limits,
        limits: &MetainfoLimits,
    ) -> Result<Self, MetainfoError> {
        let (info, info_hashes) = info::read(&raw_info, decoding, limits)?;
        Ok(Self {
            info,
            info_hashes,
            raw_info,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            nodes: Vec::new(),
            comment: None,
            created_by: None,
            creation_date: None,
            layers: Layers::default(),
            remarks: Remarks::default(),
        })
    }
}
