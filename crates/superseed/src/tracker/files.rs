//! Torrent files that a tracker hands out beside its announces, so that a
//! client needs nothing but a URL of it. A small table of bytes in memory: it
//! never opens a file, and no request can add to it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::error::ServeFileError;
use super::limits::{FILE_LEN_MAX, FILE_PATH_LEN_MAX, FILES_MAX};

/// Paths that mean something else.
const RESERVED: [&str; 3] = ["/", "/announce", "/scrape"];

/// What is served, by the path of its URL.
#[derive(Debug, Default)]
pub(super) struct Files {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    bytes: BTreeMap<String, Bytes>,
    fetches: u64,
}

impl Files {
    /// Serves `bytes` at `path` from now on, in place of what was there.
    pub(super) fn insert(&self, path: &str, bytes: Vec<u8>) -> Result<(), ServeFileError> {
        if !is_plain(path) || RESERVED.contains(&path) {
            return Err(ServeFileError::BadPath {
                path: path.to_owned(),
            });
        }
        if bytes.len() > FILE_LEN_MAX {
            return Err(ServeFileError::TooLarge { len: bytes.len() });
        }
        let table = &mut self.table().bytes;
        if table.len() >= FILES_MAX && !table.contains_key(path) {
            return Err(ServeFileError::TooMany);
        }
        table.insert(path.to_owned(), bytes.into());
        Ok(())
    }

    /// The bytes for a request, which is counted.
    pub(super) fn fetch(&self, path: &str) -> Option<Bytes> {
        let mut table = self.table();
        let bytes = table.bytes.get(path).cloned()?;
        table.fetches += 1;
        Some(bytes)
    }

    /// How many requests were answered with a file.
    pub(super) fn fetches(&self) -> u64 {
        self.table().fetches
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a path is written in one way only: paths are compared as they come,
/// so nothing in them may need an escape.
fn is_plain(path: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    path.starts_with('/') && path.len() <= FILE_PATH_LEN_MAX && path.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain_and_not_one_of_the_trackers_own() {
        let files = Files::default();
        let long = format!("/{}", "a".repeat(FILE_PATH_LEN_MAX));
        for path in [
            "",
            "a",
            "/",
            "/announce",
            "/scrape",
            "/a b",
            "/%41",
            "/ä",
            "/a?b",
            &long,
        ] {
            let refused = files.insert(path, Vec::new());
            assert!(
                matches!(refused, Err(ServeFileError::BadPath { .. })),
                "{path}"
            );
        }
        assert!(files.insert("/announce.torrent", vec![1]).is_ok());
        assert_eq!(files.fetch("/announce.torrent").as_deref(), Some(&[1][..]));
        assert_eq!(files.fetch("/other"), None);
        assert_eq!(files.fetches(), 1);
    }

    #[test]
    fn the_table_is_bounded_in_number_and_length() {
        let files = Files::default();
        for at in 0..FILES_MAX {
            assert!(files.insert(&format!("/{at}"), Vec::new()).is_ok());
        }
        assert!(matches!(
            files.insert("/more", Vec::new()),
            Err(ServeFileError::TooMany)
        ));
        assert!(files.insert("/0", vec![7]).is_ok(), "in place of another");
        assert!(matches!(
            files.insert("/1", vec![0; FILE_LEN_MAX + 1]),
            Err(ServeFileError::TooLarge { .. })
        ));
    }
}
