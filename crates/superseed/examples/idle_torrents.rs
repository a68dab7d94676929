//! What a session of idle torrents costs: time to start, memory, processor.
//!
//! ```text
//! idle_torrents make DIR N PIECES FILES TRACKER   make torrents, and data full of holes
//! idle_torrents keep DIR                          make resume records that trust the data
//! idle_torrents DIR --listen ADDR [--seconds N] [--tracker URL]
//!                                                 seed them and print one line of figures
//! ```
//!
//! Torrent files are in `DIR/torrents`, data in `DIR/data`, records in
//! `DIR/state`; `make` keeps what it makes. A TRACKER of `-` is none.

use std::error::Error;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use superseed::storage::fs::FileStorage;
use superseed::storage::{Keepsake, RecordTotals, ResumeSnapshot, Storage, StorageSpec, Terms};
use superseed::{Config, Metainfo, Session, TorrentBuilder};
use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::Sha1Hash;

/// The length of a piece.
const PIECE_LEN: u32 = 16 << 10;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["make", dir, count, pieces, files, tracker] => {
            let shape = Shape {
                pieces: pieces.parse()?,
                files: files.parse()?,
                tracker: (tracker != "-").then_some(tracker),
            };
            make(Path::new(dir), count.parse()?, &shape)
        }
        ["keep", dir] => keep(Path::new(dir)),
        [dir, ref options @ ..] if !options.is_empty() => {
            let (mut listen, mut time, mut tracker) = (None, Duration::ZERO, None);
            for option in options.chunks(2) {
                match option {
                    ["--listen", addr] => listen = Some(addr.parse()?),
                    ["--seconds", seconds] => time = Duration::from_secs(seconds.parse()?),
                    ["--tracker", url] => tracker = Some(*url),
                    _ => return Err(USAGE.into()),
                }
            }
            seed(dir.into(), listen.ok_or(USAGE)?, time, tracker).await
        }
        _ => Err(USAGE.into()),
    }
}

const USAGE: &str = "usage: idle_torrents make DIR N PIECES FILES TRACKER | idle_torrents keep DIR \
                     | idle_torrents DIR --listen ADDR [--seconds N] [--tracker URL]";

/// What each torrent is like.
struct Shape<'a> {
    pieces: u32,
    files: u32,
    tracker: Option<&'a str>,
}

fn torrents_dir(dir: &Path) -> PathBuf {
    dir.join("torrents")
}

fn data_dir(dir: &Path) -> PathBuf {
    dir.join("data")
}

fn state_dir(dir: &Path) -> PathBuf {
    dir.join("state")
}

/// Makes `count` torrents and files full of holes, and keeps them.
fn make(dir: &Path, count: u32, shape: &Shape<'_>) -> Outcome<()> {
    fs::create_dir_all(torrents_dir(dir))?;
    fs::create_dir_all(data_dir(dir))?;
    let hole = Sha1Hash::of(&vec![0; PIECE_LEN as usize]);
    for number in 0..count {
        let name = format!("idle-{number:05}");
        let mut torrent =
            TorrentBuilder::new(&name, PIECE_LEN).piece_hashes((0..shape.pieces).map(|_| hole));
        if let Some(tracker) = shape.tracker {
            torrent = torrent.tier([tracker]);
        }
        let len = u64::from(shape.pieces) * u64::from(PIECE_LEN);
        if shape.files == 1 {
            torrent = torrent.single_file(len);
        } else {
            let each = len / u64::from(shape.files);
            for file in 0..shape.files {
                let rest = if file + 1 == shape.files {
                    len % u64::from(shape.files)
                } else {
                    0
                };
                torrent = torrent.file([format!("part-{file:03}.bin")], each + rest);
            }
        }
        let torrent = torrent.build();
        fs::write(torrents_dir(dir).join(format!("{name}.torrent")), &torrent)?;
        let metainfo = Metainfo::parse(&torrent)?;
        for file in StorageSpec::new(&metainfo, data_dir(dir), state_dir(dir)).files {
            let path = data_dir(dir).join(&file.path);
            fs::create_dir_all(path.parent().ok_or("a file without a directory")?)?;
            File::create(path)?.set_len(file.len)?;
        }
    }
    keep(dir)
}

/// Keeps each torrent as a session does that has verified it.
fn keep(dir: &Path) -> Outcome<()> {
    let storage = FileStorage::default();
    for entry in fs::read_dir(torrents_dir(dir))? {
        let metainfo = Metainfo::parse(&fs::read(entry?.path())?)?;
        let spec = Arc::new(StorageSpec::new(&metainfo, data_dir(dir), state_dir(dir)));
        let (open, _) = storage.open(&spec)?;
        open.keep(&Keepsake {
            snapshot: ResumeSnapshot {
                pieces: Bitfield::full(spec.layout.piece_count()),
                totals: RecordTotals {
                    completed_told: true,
                    ..RecordTotals::default()
                },
            },
            terms: Terms {
                trackers: metainfo.trackers.clone(),
                ..Terms::default()
            },
            metainfo: Arc::new(metainfo),
        })?;
        open.close();
    }
    Ok(())
}

/// Seeds the torrents of a directory and says what that costs.
async fn seed(
    dir: PathBuf,
    listen: SocketAddr,
    time: Duration,
    tracker: Option<&str>,
) -> Outcome<()> {
    let mut settings = Config::default().settings;
    // What sleeps is measured, without questions of strangers.
    settings.dht.enabled = false;
    let config = Config {
        settings,
        listen: vec![listen],
        dir: data_dir(&dir),
        state_dir: Some(state_dir(&dir)),
        ..Config::default()
    };
    let session = Session::start(config)?;
    let empty_kib = rss_kib()?;
    let began = Instant::now();
    let restored = session.restore(state_dir(&dir)).await?;
    for (path, error) in &restored.failed {
        eprintln!("{}: {error}", path.display());
    }
    let up_s = began.elapsed().as_secs_f64();
    if let Some(url) = tracker {
        for torrent in session.torrents().await? {
            torrent.add_tracker(url).await?;
        }
    }
    let cpu_before = cpu_s()?;
    tokio::time::sleep(time).await;
    let idle_cpu_s = cpu_s()? - cpu_before;
    let kib = rss_kib()?.saturating_sub(empty_kib) as f64 / restored.torrents.max(1) as f64;
    println!(
        "torrents={} up_s={up_s:.3} kib_per_torrent={kib:.2} seconds={} idle_cpu_s={idle_cpu_s:.3}",
        restored.torrents,
        time.as_secs()
    );
    session.stop().await;
    Ok(())
}

/// Memory of this process.
fn rss_kib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.ok_or("no VmRSS")?.parse()?)
}

/// Processor time of this process, user and system.
fn cpu_s() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}
