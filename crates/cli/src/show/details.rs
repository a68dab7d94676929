//! The keys of `imdl torrent show --json`, and ours. They are a promise to
//! programs: none is renamed, none ever missing.

use serde::Serialize;
use superseed::{FileIndex, Metainfo};
use superseed_proto::metainfo::{FileEntry, Symlink};

use super::page::host_port;
use crate::magnet;

/// A torrent.
#[derive(Debug, Serialize)]
pub(super) struct Details<'a> {
    name: &'a str,
    comment: Option<&'a str>,
    creation_date: Option<i64>,
    created_by: Option<&'a str>,
    source: Option<&'a str>,
    info_hash: Option<String>,
    info_hash_v2: Option<String>,
    meta_version: u8,
    torrent_size: usize,
    content_size: u64,
    private: bool,
    tracker: Option<&'a str>,
    announce_list: &'a [Vec<String>],
    /// Always null: no torrent of ours has one, and imdl prints the key.
    update_url: Option<&'a str>,
    dht_nodes: Vec<String>,
    web_seeds: &'a [String],
    magnet: String,
    piece_size: u32,
    piece_count: u32,
    file_count: usize,
    files: Vec<String>,
    file_details: Vec<FileDetail>,
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
            name: &info.name,
            comment: metainfo.comment.as_deref(),
            creation_date: metainfo.creation_date,
            created_by: metainfo.created_by.as_deref(),
            source: info.source.as_deref(),
            info_hash: hashes.v1().map(|hash| hash.to_string()),
            info_hash_v2: hashes.v2().map(|hash| hash.to_string()),
            meta_version: if info.format().has_v2() { 2 } else { 1 },
            torrent_size: torrent_len,
            content_size: info.content_len(),
            private: info.private,
            tracker: metainfo
                .trackers
                .iter()
                .flatten()
                .next()
                .map(String::as_str),
            announce_list: &metainfo.trackers,
            update_url: None,
            dht_nodes: nodes.map(|(host, port)| host_port(host, *port)).collect(),
            web_seeds: &metainfo.web_seeds,
            magnet: magnet::link(metainfo),
            piece_size: info.layout.piece_len_nominal(),
            piece_count: info.layout.piece_count(),
            file_count: files.len(),
            files,
            file_details: file_details(metainfo).collect(),
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
