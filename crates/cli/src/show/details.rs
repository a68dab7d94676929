//! The keys of `imdl torrent show --json`, and ours. They are a promise to
//! programs: none is renamed, and what is not known is null.

use serde::Serialize;
use superseed::{FileIndex, Metainfo};
use superseed_proto::magnet::Magnet;
use superseed_proto::metainfo::{FileEntry, Lint, Symlink, lints};

use super::page::host_port;

/// A torrent, or what a link says of one.
#[derive(Debug, Default, Serialize)]
pub(super) struct Details<'a> {
    name: Option<&'a str>,
    comment: Option<&'a str>,
    creation_date: Option<i64>,
    created_by: Option<&'a str>,
    source: Option<&'a str>,
    info_hash: Option<String>,
    info_hash_v2: Option<String>,
    meta_version: u8,
    torrent_size: Option<usize>,
    content_size: Option<u64>,
    private: Option<bool>,
    tracker: Option<&'a str>,
    announce_list: Vec<&'a [String]>,
    /// Always null: we read no such key, and imdl prints it.
    update_url: Option<&'a str>,
    dht_nodes: Vec<String>,
    web_seeds: &'a [String],
    magnet: String,
    piece_size: Option<u32>,
    piece_count: Option<u32>,
    file_count: Option<usize>,
    files: Option<Vec<String>>,
    file_details: Option<Vec<FileDetail>>,
    lints: Option<Vec<Oddity>>,
    /// The peers that a link names.
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<Vec<String>>,
    /// The files that a link selects, counted from 0 as it does (BEP 53).
    #[serde(skip_serializing_if = "Option::is_none")]
    so: Option<String>,
}

/// A file, padding included.
#[derive(Debug, Serialize)]
pub(super) struct FileDetail {
    number: u32,
    path: String,
    length: u64,
    offset: u64,
    pieces_root: Option<String>,
    attr: String,
    symlink: Option<String>,
}

/// Something odd about the torrent.
#[derive(Debug, Serialize)]
struct Oddity {
    kind: &'static str,
    message: String,
}

impl Oddity {
    fn of(lint: &Lint) -> Self {
        Self {
            kind: kind(lint),
            message: lint.to_string(),
        }
    }
}

/// What programs call a lint.
fn kind(lint: &Lint) -> &'static str {
    match lint {
        Lint::PieceLenOdd(_) => "piece_length_odd",
        Lint::PieceLenShort(_) => "piece_length_short",
        Lint::PieceLenLong(_) => "piece_length_long",
        Lint::ManyPieces { .. } => "many_pieces",
        Lint::FewPieces { .. } => "few_pieces",
        Lint::PrivateFlagMissing(_) => "private_flag_missing",
        Lint::PrivateWithoutTracker => "private_without_tracker",
        Lint::PrivateWithNodes => "private_with_nodes",
        Lint::TrackerScheme(_) => "tracker_scheme",
        Lint::UnsafeName { .. } => "unsafe_name",
        Lint::DuplicateName { .. } => "duplicate_name",
        Lint::CaseDuplicate { .. } => "case_duplicate",
        Lint::FileIsDirectory { .. } => "file_is_directory",
        Lint::MoreNames(_) => "more_names",
        Lint::LinkRefused(_) => "link_refused",
        Lint::MoreLinks(_) => "more_links",
        Lint::LayersMissing(_) => "layers_missing",
        Lint::NonCanonicalInfo => "non_canonical_info",
        Lint::NonCanonicalOuter => "non_canonical_outer",
        Lint::TrailingBytes(_) => "trailing_bytes",
        Lint::Encoding(_) => "encoding",
        // Lints of a later version of the reader.
        _ => "other",
    }
}

impl<'a> Details<'a> {
    /// What a torrent says; its file has `torrent_len` bytes.
    pub(super) fn of(metainfo: &'a Metainfo, torrent_len: usize) -> Self {
        let info = &metainfo.info;
        let hashes = metainfo.info_hashes;
        let files: Vec<String> = info
            .files_indexed()
            .filter(|(_, file)| !file.padding)
            .map(|(index, _)| path(metainfo, index))
            .collect();
        let nodes = metainfo.nodes.iter();
        Self {
            name: Some(&info.name),
            comment: metainfo.comment.as_deref(),
            creation_date: metainfo.creation_date,
            created_by: metainfo.created_by.as_deref(),
            source: info.source.as_deref(),
            info_hash: hashes.v1().map(|hash| hash.to_string()),
            info_hash_v2: hashes.v2().map(|hash| hash.to_string()),
            meta_version: if info.format().has_v2() { 2 } else { 1 },
            torrent_size: Some(torrent_len),
            content_size: Some(info.content_len()),
            private: Some(info.private),
            tracker: metainfo
                .trackers
                .iter()
                .flatten()
                .next()
                .map(String::as_str),
            announce_list: metainfo.trackers.iter().map(Vec::as_slice).collect(),
            dht_nodes: nodes.map(|(host, port)| host_port(host, *port)).collect(),
            web_seeds: &metainfo.web_seeds,
            magnet: Magnet::of(metainfo).to_string(),
            piece_size: Some(info.layout.piece_len_nominal()),
            piece_count: Some(info.layout.piece_count()),
            file_count: Some(files.len()),
            files: Some(files),
            file_details: Some(file_details(metainfo).collect()),
            lints: Some(lints(metainfo).iter().map(Oddity::of).collect()),
            ..Self::default()
        }
    }

    /// What a link says. Each of its trackers is a tier.
    pub(super) fn of_magnet(magnet: &'a Magnet) -> Self {
        let hashes = magnet.info_hashes;
        let selected = &magnet.select_only;
        Self {
            name: magnet.name.as_deref(),
            info_hash: hashes.v1().map(|hash| hash.to_string()),
            info_hash_v2: hashes.v2().map(|hash| hash.to_string()),
            meta_version: if hashes.v2().is_some() { 2 } else { 1 },
            content_size: magnet.exact_len,
            tracker: magnet.trackers.first().map(String::as_str),
            announce_list: magnet.trackers.chunks(1).collect(),
            web_seeds: &magnet.web_seeds,
            magnet: magnet.to_string(),
            peers: Some(magnet.peers.iter().map(ToString::to_string).collect()),
            so: (!selected.is_empty()).then(|| selected.to_string()),
            ..Self::default()
        }
    }
}

/// Every file, padding included: it has a number.
pub(super) fn file_details(metainfo: &Metainfo) -> impl Iterator<Item = FileDetail> {
    metainfo
        .info
        .files_indexed()
        .map(|(index, file)| FileDetail {
            number: index.0 + 1,
            path: path(metainfo, index),
            length: file.len,
            offset: file.offset,
            pieces_root: file.pieces_root.map(|root| root.to_string()),
            attr: attributes(file),
            symlink: match &file.symlink {
                Some(Symlink::Inside(target)) => Some(target.join("/")),
                Some(Symlink::Refused) | None => None,
            },
        })
}

fn path(metainfo: &Metainfo, index: FileIndex) -> String {
    metainfo
        .info
        .file_path(index)
        .to_string_lossy()
        .into_owned()
}

/// The letters of BEP 47.
fn attributes(file: &FileEntry) -> String {
    let letters = [
        ('l', file.symlink.is_some()),
        ('x', file.executable),
        ('h', file.hidden),
        ('p', file.padding),
    ];
    letters
        .iter()
        .filter(|(_, set)| *set)
        .map(|(letter, _)| letter)
        .collect()
}
