//! Magnet links (BEP 9, 52, 53), read and written.
//!
//! Owns the grammar and its limits. A link comes from strangers, like a
//! .torrent file: what a user would miss is an error in one sentence (no
//! info-hash, two torrents, a selection that cannot be read); whatever else is
//! not as it should be is left out, as the fields of [`Magnet`] say. What is
//! parsed is as long as the link at most. Nothing is looked up or connected
//! to, and text is kept as it came: who shows it makes it printable.
//!
//! Where clients differ we read what either reads: keys in any case, numbered
//! keys (`tr.1`), `&amp;` of links copied from HTML, `magnet://?`. A `+` in a
//! name is a space, as in libtorrent; in a URL, which holds no spaces, it is a
//! plus sign, as in Transmission.

mod error;
mod parse;
mod peer;
mod select;
mod write;

#[cfg(test)]
mod tests;

pub use error::{MagnetError, SelectError};
pub use peer::MagnetPeer;
pub use select::{FILE_NUMBER_MAX, SELECT_RANGES_MAX, SelectOnly};

use crate::hash::InfoHashes;
use crate::metainfo::Metainfo;
use crate::percent;

/// The longest link that is read, in bytes: more than any link within the
/// other limits takes.
pub const LINK_LEN_MAX: usize = 4 << 20;

/// The longest name that is kept, in bytes; the rest is cut off.
pub const NAME_LEN_MAX: usize = 4096;

/// The longest URL that is kept, in bytes.
pub const URL_LEN_MAX: usize = 2048;

/// How many trackers are kept.
pub const TRACKERS_MAX: usize = 256;

/// How many web seeds are kept.
pub const WEB_SEEDS_MAX: usize = 64;

/// How many peers are kept.
pub const PEERS_MAX: usize = 256;

/// What a magnet link says.
///
/// [`Display`](std::fmt::Display) writes a link that every client reads, with
/// all values but peers and numbers percent-encoded; reading that link gives an
/// equal value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magnet {
    /// The torrent (`xt`).
    pub info_hashes: InfoHashes,
    /// What to call it until its metadata is there (`dn`). Not empty and never
    /// over [`NAME_LEN_MAX`]; may hold anything that text can hold, such as
    /// separators, control characters and those that turn the direction of
    /// writing. No file name.
    pub name: Option<String>,
    /// The length of all files in bytes (`xl`), as the link claims.
    pub exact_len: Option<u64>,
    /// Tracker URLs (`tr`) in order, each once, at most [`TRACKERS_MAX`].
    pub trackers: Vec<String>,
    /// Web seeds (`ws`, and `as`) in order, each once, at most
    /// [`WEB_SEEDS_MAX`].
    pub web_seeds: Vec<String>,
    /// Peers to connect to first (`x.pe`), each once, at most [`PEERS_MAX`].
    pub peers: Vec<MagnetPeer>,
    /// The files to download (`so`); all of them if empty.
    pub select_only: SelectOnly,
}

impl Magnet {
    /// A link that only names a torrent.
    pub fn new(info_hashes: InfoHashes) -> Self {
        Self {
            info_hashes,
            name: None,
            exact_len: None,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            peers: Vec::new(),
            select_only: SelectOnly::default(),
        }
    }

    /// The link of a torrent: its hashes, name, trackers of all tiers and web
    /// seeds, within the limits of links.
    pub fn of(metainfo: &Metainfo) -> Self {
        let mut magnet = Self::new(metainfo.info_hashes);
        magnet.set_name(metainfo.name());
        for url in metainfo.trackers.iter().flatten() {
            magnet.add_tracker(url);
        }
        for url in &metainfo.web_seeds {
            magnet.add_web_seed(url);
        }
        magnet
    }

    /// Reads a link, and ignores white space around it.
    ///
    /// # Errors
    ///
    /// What makes it no link to one torrent, or its selection of files
    /// unreadable.
    pub fn parse(link: &str) -> Result<Self, MagnetError> {
        parse::link(link)
    }

    /// The link that a bare info-hash stands for: 40 hexadecimal or 32 base32
    /// characters (v1), or 64 hexadecimal ones (v2) with or without the `1220`
    /// of a multihash. White space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`MagnetError::InfoHash`].
    pub fn from_info_hash(text: &str) -> Result<Self, MagnetError> {
        let text = text.trim();
        parse::bare_info_hash(text)
            .map(Self::new)
            .ok_or_else(|| MagnetError::InfoHash(error::excerpt(text)))
    }

    /// Sets the name, cut to [`NAME_LEN_MAX`]; an empty one is none.
    pub fn set_name(&mut self, name: &str) {
        let name = &name[..name.floor_char_boundary(NAME_LEN_MAX)];
        self.name = (!name.is_empty()).then(|| name.to_owned());
    }

    /// Adds a tracker unless it is there, is no URL, or there are enough.
    /// Whether its scheme is one that can be announced to is not asked.
    pub fn add_tracker(&mut self, url: &str) {
        add(&mut self.trackers, TRACKERS_MAX, url);
    }

    /// Adds a web seed under the rules of [`add_tracker`](Self::add_tracker),
    /// after encoding what a URL cannot hold: spaces in them are common.
    pub fn add_web_seed(&mut self, url: &str) {
        let url = percent::encode_unprintable(url.trim());
        add(&mut self.web_seeds, WEB_SEEDS_MAX, &url);
    }

    /// Adds a peer unless it is there, or there are enough.
    pub fn add_peer(&mut self, peer: MagnetPeer) {
        if self.peers.len() < PEERS_MAX && !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
    }
}

fn add(urls: &mut Vec<String>, count_max: usize, url: &str) {
    let url = url.trim();
    let is_url = url.len() <= URL_LEN_MAX
        && url.contains("://")
        // Some of these would end a line of an HTTP request.
        && !url.contains(|c: char| c.is_control() || c.is_whitespace());
    if is_url && urls.len() < count_max && !urls.iter().any(|known| known == url) {
        urls.push(url.to_owned());
    }
}
