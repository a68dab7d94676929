//! The metadata of links, as torrent files beside the resume records: who was
//! interrupted need not ask peers for it again.

use std::path::{Path, PathBuf};

use superseed_proto::hash::InfoHashes;
use superseed_proto::metainfo::Metainfo;

use super::error::{Attempt, failed};
use super::record;
use crate::storage::DiskError;

/// A link has one name for its file, whatever else the torrent turned out to
/// be called.
fn path_of(state_dir: &Path, link: InfoHashes) -> PathBuf {
    state_dir.join(format!("{}.torrent", link.primary_swarm_key()))
}

/// Keeps what a link stands for.
pub(super) fn save(
    state_dir: &Path,
    link: InfoHashes,
    metainfo: &Metainfo,
) -> Result<(), DiskError> {
    let path = path_of(state_dir, link);
    record::replace(&path, &metainfo.encode())
        .map_err(|error| failed(Attempt::Write, &path, &error))
}

/// What a link stands for, if that was kept and is what the link names: the
/// hashes are computed anew, so that damage costs no more than asking again.
pub(super) fn load(state_dir: &Path, link: InfoHashes) -> Option<Metainfo> {
    let path = path_of(state_dir, link);
    let bytes = std::fs::read(&path).ok()?;
    let metainfo = Metainfo::parse(&bytes).ok();
    let metainfo = metainfo.filter(|metainfo| {
        let has = |swarm| metainfo.info_hashes.swarm_keys().any(|own| own == swarm);
        link.swarm_keys().all(has)
    });
    if metainfo.is_none() {
        tracing::warn!(path = %path.display(), "damaged metadata of a link is ignored");
    }
    metainfo
}

#[cfg(test)]
mod tests {
    use superseed_proto::metainfo::TorrentBuilder;

    use super::*;

    fn metainfo(name: &str) -> Metainfo {
        let torrent = TorrentBuilder::new(name, 16_384).single_file(3);
        Metainfo::parse(&torrent.hash_content(&[1; 3]).build()).unwrap()
    }

    #[test]
    fn what_was_kept_of_a_link_is_found_by_it() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = dir.path().join("state");
        let (one, other) = (metainfo("one"), metainfo("other"));
        save(&state_dir, one.info_hashes, &one).unwrap();
        let found = load(&state_dir, one.info_hashes).unwrap();
        assert_eq!(found.raw_info, one.raw_info);
        assert!(load(&state_dir, other.info_hashes).is_none());
    }

    #[test]
    fn what_is_damaged_or_another_torrents_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (metainfo("one"), metainfo("other"));
        save(dir.path(), one.info_hashes, &other).unwrap();
        assert!(load(dir.path(), one.info_hashes).is_none());
        let path = path_of(dir.path(), one.info_hashes);
        std::fs::write(path, &one.encode()[1..]).unwrap();
        assert!(load(dir.path(), one.info_hashes).is_none());
    }
}
