//! The metadata of links, kept from one run to the next.

use std::path::PathBuf;
use std::sync::Arc;

use superseed_proto::hash::InfoHashes;
use superseed_proto::metainfo::Metainfo;

use super::aside::aside;
use super::config::state_dir_for;
use super::request::Link;
use crate::storage::Storage;

/// What was kept of a link whose files go to `dir`.
pub(super) async fn metadata(
    link: &Link,
    info_hashes: InfoHashes,
    dir: Option<PathBuf>,
) -> Option<Arc<Metainfo>> {
    let places = &link.places;
    let dir = dir.as_ref().unwrap_or(&places.dir);
    let state_dir = state_dir_for(dir, places.state_dir.as_deref());
    let read = move |storage: &dyn Storage| storage.metadata_of(&state_dir, info_hashes);
    let found = with_storage(link, read).await.flatten();
    found.map(Arc::new)
}

/// Keeps what a link stands for. Without it the next run asks peers again, so
/// what fails is only logged.
pub(super) async fn keep(
    link: &Link,
    info_hashes: InfoHashes,
    metainfo: Arc<Metainfo>,
    state_dir: PathBuf,
) {
    let write = move |storage: &dyn Storage| {
        if let Err(error) = storage.keep_metadata(&state_dir, info_hashes, &metainfo) {
            tracing::warn!(%error, "the metadata of a link is not kept");
        }
    };
    with_storage(link, write).await;
}

/// Does something with the storage.
async fn with_storage<T: Send + 'static>(
    link: &Link,
    act: impl FnOnce(&dyn Storage) -> T + Send + 'static,
) -> Option<T> {
    let storage = Arc::clone(&link.places.storage);
    aside("superseed-link", move || act(&*storage)).await
}
