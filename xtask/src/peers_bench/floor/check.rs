//! Hashes a file against its torrent: one thread for each core, each of which
//! takes the next piece, reads it with one `pread` and hashes it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::layout::PieceIndex;
use superseed_proto::metainfo::Info;

/// Checks `content`; fails if a piece is wrong.
pub(super) fn run(content: &Path, info: &Info) -> Result<()> {
    let next = AtomicU32::new(0);
    let cores = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        let start = |_| scope.spawn(|| work(content, info, &next));
        let workers: Vec<_> = (0..cores).map(start).collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    })
}

fn work(content: &Path, info: &Info, next: &AtomicU32) -> Result<()> {
    let file = File::open(content).with_context(|| format!("cannot open {}", content.display()))?;
    let mut bytes = vec![0; info.layout.piece_len_nominal() as usize];
    loop {
        let index = PieceIndex(next.fetch_add(1, Ordering::Relaxed));
        if index.0 >= info.layout.piece_count() {
            return Ok(());
        }
        let piece = &mut bytes[..info.piece_len(index) as usize];
        file.read_exact_at(piece, info.layout.piece_offset(index))?;
        let is_right = info.sha1(index) == Some(Sha1Hash::of(piece));
        ensure!(is_right, "piece {} is wrong", index.0);
    }
}
