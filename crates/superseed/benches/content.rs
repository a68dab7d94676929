//! `create` and `verify` against a reference loop: one thread for each core,
//! each of which takes the next MiB of the same file, reads it with one
//! `pread` and hashes it with the same crates. Nothing can hash files faster
//! without better hash functions, so the ratio says what all else costs.
//!
//! ```text
//! cargo bench -p superseed --bench content
//! ```
//!
//! `SUPERSEED_BENCH_BYTES` is how much is hashed (1 GiB), `SUPERSEED_BENCH_DIR`
//! where (`/dev/shm`, or else the directory for temporary files) and
//! `SUPERSEED_BENCH_ROUNDS` how often (7). Reference and candidate take turns;
//! what is printed are medians.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use sha1::{Digest, Sha1};
use sha2::Sha256;
use superseed::Metainfo;
use superseed::content::{CreateOptions, VerifyOptions, scan, verify};
use superseed_proto::metainfo::Format;

const READ_LEN: usize = 1 << 20;
const BLOCK_LEN: usize = 16 << 10;

/// What is promised. What is missing to 1 is looking at files, opening them
/// and comparing hashes.
const WANTED_RATIO: f64 = 0.95;

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let len = number("SUPERSEED_BENCH_BYTES", 1 << 30);
    let rounds = number("SUPERSEED_BENCH_ROUNDS", 7).max(1);
    let dir = tempfile::tempdir_in(place()).expect("a directory for the content");
    let path = dir.path().join("content");
    write_content(&path, len);
    let cores = thread::available_parallelism().map_or(1, Into::into);
    println!(
        "{} MiB at {}, {cores} threads, medians of {rounds}",
        len >> 20,
        dir.path().display()
    );

    let mut is_slow = false;
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let torrent = create(&path, format);
        let metainfo = Metainfo::parse(&torrent).expect("what is made loads");
        let reference = || reference(&path, len, cores, format);
        let runs: [(&str, &dyn Fn()); 2] = [
            ("create", &|| drop(black_box(create(&path, format)))),
            ("verify", &|| check(&metainfo, &path)),
        ];
        for (what, run) in runs {
            // The first run of each finds cold caches and is not counted.
            reference();
            run();
            let (mut theirs, mut ours) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                theirs.push(time(reference));
                ours.push(time(run));
            }
            // Of each pair, so that what slows the machine for a while slows both.
            let ratios = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours);
            let ratio = median(ratios.collect());
            let (theirs, ours) = (median(theirs), median(ours));
            is_slow |= ratio < WANTED_RATIO;
            let mib_per_s = |seconds: f64| len as f64 / (1 << 20) as f64 / seconds;
            println!(
                "{what} {format}: {:.0} MiB/s, reference {:.0} MiB/s, ratio {ratio:.3}",
                mib_per_s(ours),
                mib_per_s(theirs)
            );
        }
    }
    println!(
        "{} the reference times {WANTED_RATIO}",
        if is_slow { "BELOW" } else { "all at or above" }
    );
}

fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    match std::env::var_os("SUPERSEED_BENCH_DIR") {
        Some(dir) => dir.into(),
        None if memory.is_dir() => memory.to_owned(),
        None => std::env::temp_dir(),
    }
}

/// Bytes without holes; what they are makes no difference to a hash.
fn write_content(path: &Path, len: u64) {
    let file = File::create(path).expect("a file for the content");
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut bytes = vec![0; READ_LEN];
    let mut at = 0;
    while at < len {
        for word in bytes.as_chunks_mut::<8>().0 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *word = state.to_ne_bytes();
        }
        let portion = READ_LEN.min((len - at) as usize);
        file.write_all_at(&bytes[..portion], at)
            .expect("room for the content");
        at += portion as u64;
    }
}

fn create(path: &Path, format: Format) -> Vec<u8> {
    let options = CreateOptions {
        format,
        ..CreateOptions::default()
    };
    let scan = scan(path, &options).expect("the content is there");
    scan.hash(&()).expect("nobody changes the content")
}

fn check(metainfo: &Metainfo, path: &Path) {
    let report = verify(metainfo, path, &VerifyOptions::default(), &());
    assert!(report.expect("the content is there").is_ok());
}

/// Reads and hashes all, and keeps nothing.
fn reference(path: &Path, len: u64, threads: usize, format: Format) {
    let next = AtomicU64::new(0);
    let work = || {
        let file = File::open(path).expect("the content is there");
        let mut bytes = vec![0; READ_LEN];
        loop {
            let at = next.fetch_add(READ_LEN as u64, Ordering::Relaxed);
            if at >= len {
                break;
            }
            let room = &mut bytes[..READ_LEN.min((len - at) as usize)];
            file.read_exact_at(room, at).expect("the content is there");
            if format.has_v1() {
                black_box(Sha1::digest(&*room));
            }
            if format.has_v2() {
                for block in room.chunks(BLOCK_LEN) {
                    black_box(Sha256::digest(block));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

/// How long it takes, in seconds.
fn time(run: impl Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
