//! Makes .torrent files (v1) from what is already hashed or held in memory.

use sha1::{Digest, Sha1};

use super::info::SHA1_LEN;
use crate::bencode::{DictEncoder, Encoder};
use crate::hash::Sha1Hash;

/// Gathers what a v1 torrent says and writes it as canonical bencode.
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
    single_len: u64,
    files: Vec<(Vec<String>, u64)>,
    pieces: Vec<u8>,
    tiers: Vec<Vec<String>>,
    web_seeds: Vec<String>,
    private: bool,
    source: Option<String>,
    comment: Option<String>,
    created_by: Option<String>,
    creation_date: Option<i64>,
}

impl TorrentBuilder {
    /// A torrent with this name and this length of pieces in bytes.
    pub fn new(name: impl Into<String>, piece_len: u32) -> Self {
        Self {
            name: name.into(),
            piece_len,
            single_len: 0,
            files: Vec::new(),
            pieces: Vec::new(),
            tiers: Vec::new(),
            web_seeds: Vec::new(),
            private: false,
            source: None,
            comment: None,
            created_by: None,
            creation_date: None,
        }
    }

    /// The torrent is one file of `len` bytes, called as the torrent.
    pub fn single_file(mut self, len: u64) -> Self {
        self.single_len = len;
        self
    }

    /// Adds a file to a torrent of several; its path is relative to the
    /// directory that is called as the torrent.
    pub fn file<P>(mut self, path: P, len: u64) -> Self
    where
        P: IntoIterator,
        P::Item: Into<String>,
    {
        self.files
            .push((path.into_iter().map(Into::into).collect(), len));
        self
    }

    /// The hashes of all pieces in order.
    pub fn piece_hashes(mut self, hashes: impl IntoIterator<Item = Sha1Hash>) -> Self {
        self.pieces = hashes.into_iter().flat_map(|hash| hash.0).collect();
        self
    }

    /// Hashes the pieces of content that is in memory: all files in order,
    /// without gaps.
    pub fn hash_content(self, content: &[u8]) -> Self {
        let hash = |piece: &[u8]| -> Sha1Hash {
            let digest: [u8; SHA1_LEN] = Sha1::digest(piece).into();
            Sha1Hash(digest)
        };
        let hashes: Vec<_> = content
            .chunks(self.piece_len.max(1) as usize)
            .map(hash)
            .collect();
        self.piece_hashes(hashes)
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
        Encoder::dict(|info| self.write_info(info))
    }

    /// The whole .torrent file.
    pub fn build(&self) -> Vec<u8> {
        Encoder::dict(|root| {
            if let Some(first) = self.tiers.iter().flatten().next() {
                root.bytes("announce", first);
            }
            if self.tiers.iter().flatten().nth(1).is_some() {
                root.list("announce-list", |tiers| {
                    for tier in &self.tiers {
                        tiers.list(|urls| tier.iter().for_each(|url| urls.bytes(url)));
                    }
                });
            }
            if let Some(comment) = &self.comment {
                root.bytes("comment", comment);
            }
            if let Some(program) = &self.created_by {
                root.bytes("created by", program);
            }
            if let Some(seconds) = self.creation_date {
                root.int("creation date", seconds);
            }
            root.dict("info", |info| self.write_info(info));
            if !self.web_seeds.is_empty() {
                root.list("url-list", |list| {
                    for url in &self.web_seeds {
                        list.bytes(url);
                    }
                });
            }
        })
    }

    fn write_info(&self, info: &mut DictEncoder<'_>) {
        if self.files.is_empty() {
            info.int("length", signed(self.single_len));
        } else {
            info.list("files", |list| {
                for (path, len) in &self.files {
                    list.dict(|file| {
                        file.int("length", signed(*len));
                        file.list("path", |list| path.iter().for_each(|part| list.bytes(part)));
                    });
                }
            });
        }
        info.bytes("name", &self.name);
        info.int("piece length", i64::from(self.piece_len));
        info.bytes("pieces", &self.pieces);
        if self.private {
            info.int("private", 1);
        }
        if let Some(source) = &self.source {
            info.bytes("source", source);
        }
    }
}

/// Lengths beyond 63 bits are beyond every limit of the reader, too.
fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
