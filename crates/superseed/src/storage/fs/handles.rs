//! The pool of open files that all torrents of a storage share.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which file of which torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HandleKey {
    /// The number that the storage gave to the open torrent.
    pub(super) torrent: u64,
    /// The file's index.
    pub(super) file: usize,
}

/// Open files, the least recently used of which is closed when there are too
/// many. One that a thread is using stays open until that thread is done, so
/// files in the open are at most the bound and one per worker.
///
/// The lock is held only to look up: never while a file is opened, closed,
/// read or written.
#[derive(Debug)]
pub(super) struct HandlePool {
    max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<HandleKey, Entry>,
    /// Counts look-ups, which orders the entries by their last use.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    file: Arc<File>,
    writable: bool,
    used: u64,
}

impl HandlePool {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            open: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open file, writable if that is asked for.
    pub(super) fn find(&self, key: HandleKey, write: bool) -> Option<Arc<File>> {
        let mut open = self.lock();
        open.clock += 1;
        let clock = open.clock;
        let entry = open
            .files
            .get_mut(&key)
            .filter(|entry| entry.writable || !write)?;
        entry.used = clock;
        Some(Arc::clone(&entry.file))
    }

    /// Takes in a file that was just opened, instead of one that can do less.
    pub(super) fn insert(&self, key: HandleKey, file: File, writable: bool) -> Arc<File> {
        let file = Arc::new(file);
        let mut open = self.lock();
        open.clock += 1;
        let entry = Entry {
            file: Arc::clone(&file),
            writable,
            used: open.clock,
        };
        // Replaced and evicted files are closed after the lock is gone.
        let mut closing = vec![open.files.insert(key, entry)];
        while open.files.len() > self.max {
            let oldest = open
                .files
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| *key);
            closing.push(oldest.and_then(|oldest| open.files.remove(&oldest)));
        }
        drop(open);
        file
    }

    /// Closes the files of a torrent.
    pub(super) fn forget_torrent(&self, torrent: u64) {
        let mut open = self.lock();
        let closing: Vec<_> = open
            .files
            .extract_if(|key, _| key.torrent == torrent)
            .collect();
        drop(open);
        drop(closing);
    }

    /// Closes every file that is not in use, when the process has no
    /// descriptor left.
    pub(super) fn forget_all(&self) {
        let closing = std::mem::take(&mut self.lock().files);
        drop(closing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_file_is_closed_first() {
        let pool = HandlePool::new(2);
        let key = |file| HandleKey { torrent: 1, file };
        let file = || tempfile::tempfile().unwrap();
        pool.insert(key(0), file(), false);
        pool.insert(key(1), file(), true);
        assert!(pool.find(key(0), false).is_some());
        assert!(pool.find(key(0), true).is_none());
        pool.insert(key(2), file(), false);
        assert!(pool.find(key(1), false).is_none());
        assert!(pool.find(key(0), false).is_some());
        pool.forget_torrent(1);
        assert!(pool.find(key(2), false).is_none());
    }
}
