//! Changes to a .torrent file that is there already.
//!
//! Owns the replacing of keys at the level of bencode: what an edit does not
//! name stays as it was, byte for byte, unknown keys included. The info
//! dictionary is written again only if something in it must change, and then
//! canonical; the reader of the result checks it.

mod canonical;

#[cfg(test)]
mod tests;

use super::outer::Around;
use super::{Metainfo, MetainfoError, v1};
use crate::bencode::{self, Dict, DictEncoder, Encoder, Limits, Mode};
use crate::hash::InfoHashes;

/// What is to become of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken out.
    Remove,
    /// It is replaced, or put in.
    Set(T),
}

/// Changes to a .torrent file; the default changes nothing.
///
/// ```
/// use superseed_proto::metainfo::{Change, TorrentBuilder, TorrentEdit};
/// let torrent = TorrentBuilder::new("a.bin", 16_384)
///     .single_file(3)
///     .hash_content(b"abc")
///     .build();
/// let edit = TorrentEdit {
///     comment: Change::Set("hello".to_owned()),
///     ..TorrentEdit::default()
/// };
/// let edited = edit.apply(&torrent).unwrap();
/// assert!(!edited.info_hash_changed());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TorrentEdit {
    /// Trackers by tier (BEP 12): `announce` and `announce-list` together. One
    /// tracker is written as `announce` alone, several as both.
    pub trackers: Change<Vec<Vec<String>>>,
    /// Web seeds (BEP 19): `url-list`.
    pub web_seeds: Change<Vec<String>>,
    /// `comment`, and `comment.utf-8`, which would hide it.
    pub comment: Change<String>,
    /// Whether peers may come from the trackers only (BEP 27). `None` leaves
    /// it; a change changes the info-hash.
    pub private: Option<bool>,
    /// `source`. A change changes the info-hash.
    pub source: Change<String>,
}

/// A .torrent file after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole file. Its keys are sorted and each is there once.
    pub bytes: Vec<u8>,
    /// The hashes before.
    pub before: InfoHashes,
    /// The hashes after.
    pub after: InfoHashes,
}

impl Edited {
    /// Whether the torrent is another one for trackers and peers now.
    pub fn info_hash_changed(&self) -> bool {
        self.before != self.after
    }
}

impl TorrentEdit {
    /// Applies the changes to the bytes of a .torrent file.
    ///
    /// # Errors
    ///
    /// As [`Metainfo::parse`], of the file before and of the file after: an
    /// edit may make it longer than a torrent may be.
    pub fn apply(&self, torrent: &[u8]) -> Result<Edited, MetainfoError> {
        let before = Metainfo::parse(torrent)?.info_hashes;
        let document = bencode::decode(torrent, &Limits::TORRENT_FILE, Mode::Lenient)?;
        let root = document
            .root()
            .as_dict()
            .ok_or(MetainfoError::NotADictionary)?;
        let bytes = Encoder::dict(|out| self.write(root, out));
        let after = Metainfo::parse(&bytes)?.info_hashes;
        Ok(Edited {
            bytes,
            before,
            after,
        })
    }

    /// Writes the whole torrent. Of a repeated key the encoder keeps the first
    /// value, which is the one that counts in a reader.
    fn write(&self, root: Dict<'_>, out: &mut DictEncoder<'_>) {
        self.around().write(out);
        for (key, value) in root {
            match (key, value.as_dict()) {
                (b"info", Some(info)) if self.changes_info(info) => {
                    out.raw("info", &self.info(info));
                }
                _ if self.replaces(key) => {}
                _ => out.raw(key, value.raw()),
            }
        }
    }

    /// What is set outside the info dictionary.
    fn around(&self) -> Around<'_> {
        Around {
            trackers: set(&self.trackers).map_or(&[], Vec::as_slice),
            web_seeds: set(&self.web_seeds).map_or(&[], Vec::as_slice),
            nodes: &[],
            comment: set(&self.comment).map(String::as_str),
            created_by: None,
            creation_date: None,
        }
    }

    /// Whether the old value of a key goes.
    fn replaces(&self, key: &[u8]) -> bool {
        match key {
            b"announce" | b"announce-list" => self.trackers != Change::Keep,
            b"url-list" => self.web_seeds != Change::Keep,
            b"comment" | b"comment.utf-8" => self.comment != Change::Keep,
            _ => false,
        }
    }

    /// Whether the info dictionary would not say already what it is to say.
    fn changes_info(&self, info: Dict<'_>) -> bool {
        self.changes_private(info) || self.changes_source(info)
    }

    fn changes_private(&self, info: Dict<'_>) -> bool {
        self.private
            .is_some_and(|private| private != v1::is_private(info))
    }

    fn changes_source(&self, info: Dict<'_>) -> bool {
        match &self.source {
            Change::Keep => false,
            Change::Remove => info.get("source").is_some(),
            Change::Set(source) => info.bytes("source") != Some(source.as_bytes()),
        }
    }

    /// The changed info dictionary, canonical.
    fn info(&self, info: Dict<'_>) -> Vec<u8> {
        Encoder::dict(|out| {
            if self.changes_private(info) && self.private == Some(true) {
                out.int("private", 1);
            }
            if let Some(source) = set(&self.source) {
                out.bytes("source", source);
            }
            for (key, value) in info {
                let goes = match key {
                    b"private" => self.changes_private(info),
                    b"source" => self.changes_source(info),
                    _ => false,
                };
                if !goes {
                    out.raw(key, &canonical::encoded(value));
                }
            }
        })
    }
}

/// The value that is to be set, if one is.
fn set<T>(change: &Change<T>) -> Option<&T> {
    match change {
        Change::Set(value) => Some(value),
        Change::Keep | Change::Remove => None,
    }
}
