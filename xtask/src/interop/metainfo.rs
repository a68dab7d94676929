//! Torrents with the trackers that a case wants.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use superseed_proto::bencode::Encoder;

use super::fixture::Fixture;

/// Writes `fixture`'s torrent to `path`, with one tier for each tracker.
///
/// The bytes of the info dictionary are copied as libtorrent wrote them.
pub(crate) fn with_trackers(fixture: &Fixture, urls: &[String], path: &Path) -> Result<PathBuf> {
    let torrent = fs::read(&fixture.torrent)?;
    // "info" is the last key of what make_torrent.py writes.
    let key = b"4:info";
    let at = torrent.windows(key.len()).position(|window| window == key);
    let at = at.context("the torrent has no info")? + key.len();
    let info = torrent
        .get(at..torrent.len() - 1)
        .context("the torrent ends early")?;
    let bytes = Encoder::dict(|dict| {
        if let Some(first) = urls.first() {
            dict.bytes("announce", first);
            dict.list("announce-list", |tiers| {
                for url in urls {
                    tiers.list(|tier| tier.bytes(url));
                }
            });
        }
        dict.raw("info", info);
    });
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}
