//! Hashes the bytes of a torrent with all cores, for creating and verifying.
//!
//! The pieces are cut into jobs; each worker takes the next one, reads it in
//! large portions and feeds what it read at once to every hash that is asked
//! for. A worker holds one buffer and one open file, whatever the number of
//! files and the length of pieces. What a hash should be, and what becomes of
//! a file that cannot be read, is not known here.

mod plan;
mod read;
mod worker;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use superseed_proto::hash::{Sha1Hash, Sha256Hash};
use superseed_proto::merkle::{LEAF_LEN, root_of_layer};

pub(super) use plan::{Algorithms, Plan};
use worker::{PieceDigest, Worker};

use super::Progress;

/// The caller does not want the result any more.
pub(super) struct Cancelled;

/// The files that are hashed. Methods are called from all workers.
pub(super) trait Content: Sync {
    /// Why all of the work is given up.
    type Stop: Send + From<Cancelled>;

    /// Opens a file; `None` leaves the pieces with bytes of it without a hash.
    fn open(&self, file: u32) -> Result<Option<File>, Self::Stop>;

    /// A read failed, or the file ended before its length
    /// ([`io::ErrorKind::UnexpectedEof`]). If this is no reason to stop, the
    /// piece has no hash.
    fn unreadable(&self, file: u32, error: io::Error) -> Result<(), Self::Stop>;
}

/// What the pieces hash to. A list that was not asked for is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Digests {
    /// The SHA-1 of each piece, padding included.
    pub(super) sha1: Vec<Sha1Hash>,
    /// The merkle node of each piece: of a file that is no longer than a
    /// piece, its root.
    pub(super) nodes: Vec<Sha256Hash>,
    /// Which pieces could be read whole; the hashes of others mean nothing.
    pub(super) hashed: Vec<bool>,
}

impl Digests {
    fn new(plan: &Plan) -> Self {
        let count = plan.piece_count as usize;
        let count_if = |asked| if asked { count } else { 0 };
        Self {
            sha1: vec![Sha1Hash([0; 20]); count_if(plan.algorithms.sha1)],
            nodes: vec![Sha256Hash([0; 32]); count_if(plan.algorithms.merkle)],
            hashed: vec![false; count],
        }
    }

    fn set(&mut self, piece: u32, digest: &PieceDigest) {
        let at = piece as usize;
        if let Some(sha1) = digest.sha1 {
            self.sha1[at] = sha1;
        }
        if let Some(node) = digest.node {
            self.nodes[at] = node;
        }
        self.hashed[at] = true;
    }
}

/// The root of a file, from the nodes of all its pieces.
pub(super) fn root_of_nodes(nodes: &[Sha256Hash], piece_len: u32) -> Sha256Hash {
    match nodes {
        [root] => *root,
        _ => root_of_layer(nodes, piece_len / LEAF_LEN),
    }
}

/// Hashes all pieces of a plan.
///
/// `threads` is how many workers there are, one for each core if it is `None`.
pub(super) fn hash<C: Content>(
    plan: &Plan,
    content: &C,
    threads: Option<NonZeroUsize>,
    progress: &dyn Progress,
) -> Result<Digests, C::Stop> {
    let per_job = plan.pieces_per_job();
    let jobs = plan.piece_count.div_ceil(per_job);
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = threads
        .map_or_else(cores, NonZeroUsize::get)
        .min(jobs as usize);
    let next_job = AtomicU32::new(0);
    let stopping = AtomicBool::new(false);
    let result = Mutex::new(Ok(Digests::new(plan)));
    let work = || {
        let mut worker = Worker::new(plan, content, progress, &stopping);
        let mut digests = Vec::with_capacity(per_job as usize);
        loop {
            let job = next_job.fetch_add(1, Ordering::Relaxed);
            if job >= jobs || stopping.load(Ordering::Relaxed) {
                break;
            }
            let first = job * per_job;
            let pieces = first..first.saturating_add(per_job).min(plan.piece_count);
            let done = worker.hash_job(pieces, &mut digests);
            let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
            match (done, &mut *result) {
                (Ok(()), Ok(result)) => {
                    for (piece, digest) in digests.drain(..) {
                        result.set(piece, &digest);
                    }
                }
                (Err(stop), Ok(_)) => {
                    stopping.store(true, Ordering::Relaxed);
                    *result = Err(stop);
                }
                // What stopped the work first is told.
                (_, Err(_)) => break,
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers {
            // Where the system gives no more threads, those there are do it all.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    result.into_inner().unwrap_or_else(PoisonError::into_inner)
}
