//! Two torrents in one session, one of them on a device that hangs: what the
//! other loses.
//!
//! The device is bindfs over a directory in memory, told to keep nothing in the
//! page cache. While it is stopped with a signal whoever opens, reads, writes or
//! closes anything on it waits.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::bench::{Bench, OURS_ALONE, Runner};
use super::contender::{Contender, superseed_command};
use super::entry::Entry;
use super::ready;
use super::results::{Bar, Column, Results};
use super::run::Run;
use super::setting::path_text;
use crate::interop::clients::{Job, PORT};
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::fixture::Fixture;
use crate::interop::namespace::host;
use crate::interop::stage::{Process, example, wait_until};

const MIB: u64 = 1 << 20;

/// How long the device hangs, and how long it works in between.
const HANG: Duration = Duration::from_secs(5);
const WORK: Duration = Duration::from_secs(1);
/// What the torrent on it moves at most.
const STUCK_RATE_BYTES_PER_S: u64 = 10 * MIB;
/// What the other moves at most: what the machine can do with ease, so that a
/// second lost is lost, and nothing is gained by a processor that is free while
/// the device hangs.
const RATE_BYTES_PER_S: u64 = 40 * MIB;
/// How large that torrent is: more than it gets done.
const STUCK_LEN: u64 = 1024 * MIB;
/// How long it may take to be mounted, or hashed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the device is used for, and whether it hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: &'static str,
    seeds: bool,
    hangs: bool,
}

/// All that are measured.
pub(super) const ALL: [Device; 4] = [
    Device::new("seed-beside-one-that-works", true, false),
    Device::new("seed-beside-one-that-hangs", true, true),
    Device::new("leech-beside-one-that-works", false, false),
    Device::new("leech-beside-one-that-hangs", false, true),
];

impl Device {
    const fn new(name: &'static str, seeds: bool, hangs: bool) -> Self {
        Self { name, seeds, hangs }
    }
}

/// The program of the library's that has each torrent in a directory of its own.
pub(super) const EXAMPLE: &str = "apart";

const RATE: usize = 0;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "device",
    // Some hangs long.
    mib: 768,
    mib_quick: 512,
    runs: 3,
    says: "Two torrents in one session of the library's example `apart`, seeded to a superseed \
         each, or downloaded from one each, over loopback. One is in memory, and its peer moves \
         40 MiB/s; the other, whose peer moves 10 MiB/s, is on a device that hangs for 5 s, \
         works for 1 s, and so on, while the first is moved; of a download from the start. The rate is that of the first from the start of \
         its download to its end.",
    left_out: OURS_ALONE,
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::plain("MiB/s of the other torrent", 1),
    Column::plain("MiB/s of the one on the device", 1),
    Column::plain("hangs", 0),
];

/// The bar of the issue.
const RATE_KEPT_MIN: f64 = 0.95;

/// Who takes turns.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    Entry::if_ours(clients, ALL.map(Entry::Device))
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let Entry::Device(device) = entry else {
        return Err(entry.misplaced());
    };
    // Made once for all runs, as the other content is.
    let place = run.dir.parent().context("a run is in a place")?;
    let stuck = Fixture::single(&place.join("content-stuck"), STUCK_LEN, MIB)?;
    let mount = Mount::new(run)?;
    if device.seeds {
        seed(run, &stuck, &mount, device)
    } else {
        leech(run, &stuck, &mount, device)
    }
}

fn seed(run: &Run<'_>, stuck: &Fixture, mount: &Mount, device: Device) -> Result<Vec<f64>> {
    stuck.link_into(&mount.behind)?;
    let full = run.full("seed")?;
    let nobody = "-".to_owned();
    let mut session = apart(
        run,
        [
            (stuck, &mount.path, &nobody),
            (&run.fixture, &full, &nobody),
        ],
    )?;
    says(&mut session, &["0 complete", "1 complete"])?;
    let hanging = device.hangs.then(|| Hanging::begin(&mount.process));
    let hanging = hanging.transpose()?;
    let (slow, fast) = (run.data("stuck")?, run.data("leech")?);
    let begun = Instant::now();
    let peers = [(host(3), PORT).into()];
    let job = |torrent, dir, n| Job {
        torrent,
        dir,
        ip: host(n),
        peers: &peers,
        upload_limit: None,
    };
    let leech = |job: &Job<'_>, rate: u64| {
        let mut command = superseed_command(run.stage, "download", job);
        command.args(["--max-overall-download-limit", &rate.to_string()]);
        Contender::Superseed.until_exit(run.stage, command)
    };
    let slow_leech = leech(&job(&stuck.torrent, &slow, 4), STUCK_RATE_BYTES_PER_S)?;
    let begun_other = Instant::now();
    let mut leech = leech(&job(&run.fixture.torrent, &fast, 2), RATE_BYTES_PER_S)?;
    leech.process.wait_success(run.limit())?;
    let other_s = begun_other.elapsed().as_secs_f64();
    let moved = allocated(&slow)? as f64 / begun.elapsed().as_secs_f64();
    let hangs = hanging.map_or(0, Hanging::end);
    same_tree(&run.fixture.content, &fast, Strictness::Extras)?;
    drop((slow_leech, session));
    Ok(figures(run, other_s, moved, hangs))
}

fn leech(run: &Run<'_>, stuck: &Fixture, mount: &Mount, device: Device) -> Result<Vec<f64>> {
    let seed = |fixture: &Fixture, name: &str, n, rate| {
        let full = run.data(name)?;
        fixture.link_into(&full)?;
        let job = Job {
            torrent: &fixture.torrent,
            dir: &full,
            ip: host(n),
            peers: &[],
            upload_limit: Some(rate),
        };
        let mut seed = Contender::Superseed.seed(run.stage, &job)?;
        let addr = (host(n), PORT).into();
        let pieces = fixture.total_len.div_ceil(fixture.piece_len);
        ready::wait(&mut seed, addr, fixture.info_hash, pieces)?;
        anyhow::Ok(seed)
    };
    let seeds = [
        seed(&run.fixture, "seed", 2, RATE_BYTES_PER_S)?,
        seed(stuck, "stuck", 4, STUCK_RATE_BYTES_PER_S)?,
    ];
    let dir = run.data("leech")?;
    let hanging = device.hangs.then(|| Hanging::begin(&mount.process));
    let hanging = hanging.transpose()?;
    let begun = Instant::now();
    let peers = [2, 4].map(|n| format!("{}:{PORT}", host(n)));
    let torrents = [
        (stuck, &mount.path, &peers[1]),
        (&run.fixture, &dir, &peers[0]),
    ];
    let mut session = apart(run, torrents)?;
    says(&mut session, &["1 complete"])?;
    let seconds = begun.elapsed().as_secs_f64();
    let moved = allocated(&mount.behind)? as f64 / seconds;
    let hangs = hanging.map_or(0, Hanging::end);
    same_tree(&run.fixture.content, &dir, Strictness::Extras)?;
    drop((session, seeds));
    Ok(figures(run, seconds, moved, hangs))
}

fn figures(run: &Run<'_>, seconds: f64, moved_bytes_per_s: f64, hangs: u32) -> Vec<f64> {
    let mib = MIB as f64;
    vec![
        run.fixture.total_len as f64 / mib / seconds,
        moved_bytes_per_s / mib,
        hangs.into(),
    ]
}

/// Starts a session at `host(3)` with two torrents: what each is, where it
/// is, and from whom it comes.
fn apart(run: &Run<'_>, torrents: [(&Fixture, &PathBuf, &String); 2]) -> Result<Process> {
    let mut command = Command::new(example(EXAMPLE));
    command.arg(format!("{}:{PORT}", host(3)));
    for (fixture, dir, peer) in torrents {
        command.arg(&fixture.torrent).arg(dir).arg(peer);
    }
    run.stage.spawn(EXAMPLE, &mut command)
}

/// Waits until a process has said these lines.
fn says(process: &mut Process, lines: &[&str]) -> Result<()> {
    wait_until(4 * PATIENCE, &lines.join(" and "), || {
        process.ensure_runs()?;
        let output = process.output()?;
        let said = |line: &&str| output.lines().any(|said| said == *line);
        Ok(lines.iter().all(said))
    })
}

/// Bytes that the files in a directory hold: they are written sparsely.
fn allocated(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            bytes += metadata.blocks() * 512;
        }
    }
    Ok(bytes)
}

/// A directory of a file system of its own.
struct Mount {
    path: PathBuf,
    /// Where its files really are.
    behind: PathBuf,
    process: Process,
}

impl Mount {
    /// It goes with the run's namespaces.
    fn new(run: &Run<'_>) -> Result<Self> {
        let (path, behind) = (run.data("device")?, run.data("behind")?);
        let mut command = Command::new("bindfs");
        command.args([
            "-f",
            "-o",
            "direct_io",
            path_text(&behind)?,
            path_text(&path)?,
        ]);
        let before = std::fs::metadata(&path)?.dev();
        let mut process = run.stage.spawn("device", &mut command)?;
        wait_until(PATIENCE, "the device to be mounted", || {
            process.ensure_runs()?;
            Ok(std::fs::metadata(&path)?.dev() != before)
        })?;
        Ok(Self {
            path,
            behind,
            process,
        })
    }
}

/// A device that hangs again and again until this is dropped.
struct Hanging {
    ends: Sender<()>,
    thread: Option<JoinHandle<Result<u32>>>,
}

impl Hanging {
    /// It hangs from now on.
    fn begin(device: &Process) -> Result<Self> {
        let pid = i32::try_from(device.id())?;
        let pid = Pid::from_raw(pid).context("a process has a number")?;
        let (ends, ended) = mpsc::channel();
        kill_process(pid, Signal::STOP)?;
        let thread = thread::spawn(move || {
            for hangs in 1.. {
                let end = ended.recv_timeout(HANG);
                kill_process(pid, Signal::CONT)?;
                if end != Err(RecvTimeoutError::Timeout)
                    || ended.recv_timeout(WORK) != Err(RecvTimeoutError::Timeout)
                {
                    return Ok(hangs);
                }
                kill_process(pid, Signal::STOP)?;
            }
            Ok(u32::MAX)
        });
        Ok(Self {
            ends,
            thread: Some(thread),
        })
    }

    /// It works again; how often it hung.
    fn end(mut self) -> u32 {
        let hangs = self.join();
        hangs.unwrap_or_default()
    }

    fn join(&mut self) -> Option<u32> {
        // The thread may have ended with an error.
        let _ = self.ends.send(());
        self.thread.take()?.join().ok()?.ok()
    }
}

/// What is killed while it waits for a device that hangs does not end.
impl Drop for Hanging {
    fn drop(&mut self) {
        self.join();
    }
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let kept = |what: &str, [works, hangs]: [Device; 2]| {
        let rate = |device| results.median(Entry::Device(device), RATE);
        let kept = rate(hangs) / rate(works);
        Bar::least(format!("{what}, of the rate kept"), kept, RATE_KEPT_MIN)
    };
    vec![
        kept("seeding beside a device that hangs", [ALL[0], ALL[1]]),
        kept("downloading beside one", [ALL[2], ALL[3]]),
    ]
}
