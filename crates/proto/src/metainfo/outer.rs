//! What a .torrent file says around its info dictionary.
//!
//! None of it can make a torrent unusable: what is not as it should be is
//! left out.

use std::collections::BTreeSet;

use super::{Metainfo, notes};
use crate::bencode::{Dict, DictEncoder, Value};
use crate::percent;

/// What is written around an info dictionary.
pub(super) struct Around<'a> {
    pub(super) trackers: &'a [Vec<String>],
    pub(super) web_seeds: &'a [String],
    pub(super) nodes: &'a [(String, u16)],
    pub(super) comment: Option<&'a str>,
    pub(super) created_by: Option<&'a str>,
    pub(super) creation_date: Option<i64>,
}

impl Around<'_> {
    /// Writes the entries. One tracker is `announce` alone; of several the
    /// first is `announce` too, for clients that know no tiers.
    pub(super) fn write(&self, root: &mut DictEncoder<'_>) {
        if let Some(first) = self.trackers.iter().flatten().next() {
            root.bytes("announce", first);
        }
        if self.trackers.iter().flatten().nth(1).is_some() {
            root.list("announce-list", |tiers| {
                for tier in self.trackers {
                    tiers.list(|urls| tier.iter().for_each(|url| urls.bytes(url)));
                }
            });
        }
        if let Some(comment) = self.comment {
            root.bytes("comment", comment);
        }
        if let Some(program) = self.created_by {
            root.bytes("created by", program);
        }
        if let Some(seconds) = self.creation_date {
            root.int("creation date", seconds);
        }
        if !self.nodes.is_empty() {
            root.list("nodes", |list| {
                for (host, port) in self.nodes {
                    list.list(|pair| {
                        pair.bytes(host);
                        pair.int(i64::from(*port));
                    });
                }
            });
        }
        if !self.web_seeds.is_empty() {
            root.list("url-list", |list| {
                self.web_seeds.iter().for_each(|url| list.bytes(url));
            });
        }
    }
}

/// What is odd around an info dictionary, for a person to see.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks {
    /// It is lenient bencode only.
    pub(super) not_canonical: bool,
    /// How many bytes follow the torrent.
    pub(super) trailing_len: usize,
    /// `encoding`, where it is not UTF-8. Escaped and cut.
    pub(super) encoding: Option<String>,
}

/// Fills in everything of `metainfo` that is not in the info dictionary.
pub(super) fn read(root: Dict<'_>, metainfo: &mut Metainfo) {
    metainfo.trackers = trackers(root);
    metainfo.web_seeds = web_seeds(root, metainfo.info.files.len() > 1);
    metainfo.nodes = nodes(root);
    metainfo.comment = text(root, "comment.utf-8").or_else(|| text(root, "comment"));
    metainfo.created_by = text(root, "created by.utf-8").or_else(|| text(root, "created by"));
    metainfo.remarks = remarks(root);
    metainfo.creation_date = root.int("creation date").filter(|seconds| *seconds >= 0);
}

fn remarks(root: Dict<'_>) -> Remarks {
    let is_utf8 = |name: &&[u8]| {
        let known: [&[u8]; 2] = [b"UTF-8", b"UTF8"];
        known.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let encoding = root.bytes("encoding").filter(|name| !is_utf8(name));
    let sorted = root.iter().is_sorted_by(|(a, _), (b, _)| a < b);
    // What is wrong within the info dictionary is told of that.
    let soft = |(key, value): (&[u8], Value<'_>)| key != b"info" && value.has_soft_error();
    let not_canonical = !sorted || root.iter().any(soft);
    Remarks {
        not_canonical,
        trailing_len: 0,
        encoding: encoding.map(notes::shown),
    }
}

fn text(root: Dict<'_>, key: &str) -> Option<String> {
    let bytes = root.bytes(key).filter(|bytes| !bytes.is_empty())?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// A URL without the white space around it.
fn url(value: Value<'_>) -> Option<&str> {
    value.as_str().map(str::trim).filter(|url| !url.is_empty())
}

fn trackers(root: Dict<'_>) -> Vec<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut tiers = Vec::new();
    for tier in root.list("announce-list").into_iter().flatten() {
        let urls = tier.as_list().into_iter().flatten().filter_map(url);
        let tier: Vec<String> = urls
            .filter(|url| seen.insert(*url))
            .map(str::to_owned)
            .collect();
        if !tier.is_empty() {
            tiers.push(tier);
        }
    }
    if tiers.is_empty() {
        tiers.extend(
            root.get("announce")
                .and_then(url)
                .map(|url| vec![url.to_owned()]),
        );
    }
    tiers
}

/// `url-list`: a string, or a list of strings (BEP 19).
fn web_seeds(root: Dict<'_>, many_files: bool) -> Vec<String> {
    let Some(value) = root.get("url-list") else {
        return Vec::new();
    };
    let alone = url(value).into_iter();
    let listed = value.as_list().into_iter().flatten().filter_map(url);
    let urls = alone.chain(listed).map(|url| {
        let mut url = percent::encode_unprintable(url);
        if many_files && !url.ends_with('/') {
            url.push('/');
        }
        url
    });
    // Compared as they are used: what is spelled in two ways is one seed.
    let mut seen = BTreeSet::new();
    urls.filter(|url| seen.insert(url.clone())).collect()
}

/// `nodes`: a list of pairs of host and port (BEP 5).
fn nodes(root: Dict<'_>) -> Vec<(String, u16)> {
    let list = root.list("nodes").into_iter().flatten();
    list.filter_map(|node| {
        let mut pair = node.as_list()?.iter();
        let host = url(pair.next()?)?;
        let port = u16::try_from(pair.next()?.as_int()?)
            .ok()
            .filter(|port| *port != 0)?;
        Some((host.to_owned(), port))
    })
    .collect()
}
