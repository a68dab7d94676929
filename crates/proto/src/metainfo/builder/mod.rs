//! Makes .torrent files of all formats (BEP 3, 47, 52) from what is already
//! hashed or held in memory.
//!
//! Owns the order of files, padding and keys, and must never hash or read what
//! lies on a disk.

mod arrange;
mod content;
mod file;
mod write;

pub use arrange::PlacedFile;
pub use file::BuildFile;

use super::Format;
use super::outer::Around;
use crate::bencode::Encoder;
use crate::hash::{Sha1Hash, Sha256Hash};

/// Gathers what a torrent says and writes it as canonical bencode.
///
/// To make a torrent of files on a disk: [`add`](Self::add) them, hash the
/// pieces of [`arrangement`](Self::arrangement), and give back the results by
/// [`piece_hashes`](Self::piece_hashes), [`pieces_root`](Self::pieces_root)
/// and [`piece_layer`](Self::piece_layer).
///
/// Nothing is checked here: [`Metainfo::parse`](super::Metainfo::parse) of the
/// result is the check.
///
/// ```
/// use superseed_proto::metainfo::{Metainfo, TorrentBuilder};
/// let torrent = TorrentBuilder::new("songs", 16_384)
///     .file(["a.flac"], 20_000)
///     .file(["live", "b.flac"], 10_000)
///     .hash_content(&[7; 30_000])
///     .tier(["http://tracker.example/announce"])
///     .build();
/// let metainfo = Metainfo::parse(&torrent).unwrap();
/// assert_eq!(metainfo.info.layout.piece_count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct TorrentBuilder {
    name: String,
    piece_len: u32,
    format: Format,
    single: bool,
    files: Vec<BuildFile>,
    pieces: Vec<u8>,
    tiers: Vec<Vec<String>>,
    web_seeds: Vec<String>,
    nodes: Vec<(String, u16)>,
    private: bool,
    source: Option<String>,
    comment: Option<String>,
    created_by: Option<String>,
    creation_date: Option<i64>,
}

impl TorrentBuilder {
    /// A v1 torrent with this name and this length of pieces in bytes.
    pub fn new(name: impl Into<String>, piece_len: u32) -> Self {
        Self {
            name: name.into(),
            piece_len,
            format: Format::V1,
            single: false,
            files: Vec::new(),
            pieces: Vec::new(),
            tiers: Vec::new(),
            web_seeds: Vec::new(),
            nodes: Vec::new(),
            private: false,
            source: None,
            comment: None,
            created_by: None,
            creation_date: None,
        }
    }

    /// Which halves the info dictionary has.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The torrent is one file of `len` bytes, called as the torrent.
    pub fn single_file(self, len: u64) -> Self {
        self.single(BuildFile::new([""; 0], len))
    }

    /// The torrent is this file alone, called as the torrent: the file's own
    /// path does not count.
    pub fn single(mut self, file: BuildFile) -> Self {
        self.single = true;
        self.files = vec![file];
        self
    }

    /// Adds a file to a torrent of several; its path is relative to the
    /// directory that is called as the torrent.
    pub fn file<P>(self, path: P, len: u64) -> Self
    where
        P: IntoIterator,
        P::Item: Into<String>,
    {
        self.add(BuildFile::new(path, len))
    }

    /// Adds a file to a torrent of several, with all that is known of it.
    #[expect(
        clippy::should_implement_trait,
        reason = "a file is no summand, and nobody would write builder + file"
    )]
    pub fn add(mut self, file: BuildFile) -> Self {
        if self.single {
            self.single = false;
            self.files.clear();
        }
        self.files.push(file);
        self
    }

    /// The files in the order of the torrent's bytes, padding included: what
    /// the v1 pieces are hashed over. The bytes of a v2-only torrent have gaps
    /// between files, which no hash covers.
    ///
    /// v1 files keep the order in which they were added. With a v2 half they
    /// are in the order of the file tree, by the bytes of their path elements.
    pub fn arrangement(&self) -> Vec<PlacedFile> {
        arrange::arrange(&self.files, self.format, self.piece_len)
    }

    /// The v1 hashes of all pieces of the [`arrangement`](Self::arrangement)
    /// in order. Padding is hashed as zeroes.
    pub fn piece_hashes(mut self, hashes: impl IntoIterator<Item = Sha1Hash>) -> Self {
        self.pieces = hashes.into_iter().flat_map(|hash| hash.0).collect();
        self
    }

    /// Sets the merkle root of the file that was added as number `at`.
    ///
    /// # Panics
    ///
    /// If fewer files were added.
    pub fn pieces_root(mut self, at: usize, root: Sha256Hash) -> Self {
        self.files[at].pieces_root = Some(root);
        self
    }

    /// Sets the piece layer of the file that was added as number `at`. It is
    /// written only for a file that is longer than a piece.
    ///
    /// # Panics
    ///
    /// If fewer files were added.
    pub fn piece_layer(mut self, at: usize, hashes: impl IntoIterator<Item = Sha256Hash>) -> Self {
        self.files[at].piece_layer = hashes.into_iter().collect();
        self
    }

    /// Adds a tier of trackers (BEP 12). One tier of one tracker is written as
    /// `announce` alone.
    pub fn tier<T>(mut self, urls: T) -> Self
    where
        T: IntoIterator,
        T::Item: Into<String>,
    {
        self.tiers.push(urls.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a web seed (BEP 19).
    pub fn web_seed(mut self, url: impl Into<String>) -> Self {
        self.web_seeds.push(url.into());
        self
    }

    /// Adds a DHT node to ask first (BEP 5).
    pub fn node(mut self, host: impl Into<String>, port: u16) -> Self {
        self.nodes.push((host.into(), port));
        self
    }

    /// Whether peers may come from the trackers only (BEP 27).
    pub fn private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    /// Sets `source`, which changes the info-hash.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the comment.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Names the program that makes the torrent.
    pub fn created_by(mut self, program: impl Into<String>) -> Self {
        self.created_by = Some(program.into());
        self
    }

    /// Sets when the torrent was made, in seconds since 1970.
    pub fn creation_date(mut self, seconds: i64) -> Self {
        self.creation_date = Some(seconds);
        self
    }

    /// The info dictionary alone.
    pub fn build_info(&self) -> Vec<u8> {
        Encoder::dict(|info| write::info(self, info))
    }

    /// The whole .torrent file.
    pub fn build(&self) -> Vec<u8> {
        Encoder::dict(|root| {
            let around = Around {
                trackers: &self.tiers,
                web_seeds: &self.web_seeds,
                nodes: &self.nodes,
                comment: self.comment.as_deref(),
                created_by: self.created_by.as_deref(),
                creation_date: self.creation_date,
            };
            around.write(root);
            root.dict("info", |info| write::info(self, info));
            if self.format.has_v2() {
                root.dict("piece layers", |layers| write::layers(self, layers));
            }
        })
    }

    /// Whether the torrent is one file without a directory around it.
    fn is_single(&self) -> bool {
        self.single || self.files.is_empty()
    }
}
