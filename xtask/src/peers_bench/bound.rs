//! More peers knock than may come in: who stays, how soon the others hear, and
//! what becomes of it where the process may open few files.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::bench::{Bench, OURS_ALONE, Runner};
use super::contender::{Contender, superseed_command};
use super::entry::Entry;
use super::load::Knocked;
use super::procfs;
use super::results::{Bar, Column, Results};
use super::run::Run;
use crate::interop::clients::{Job, PORT};
use crate::interop::namespace::host;
use crate::interop::stage::wait_until;
use crate::process::{describe, take_envs};

/// How many seeds knock, and how many the user wants.
const STRANGERS: u16 = 3000;
const WANTED: u16 = 2000;
/// How fast each is, bytes per second.
const RATE_BYTES_PER_S: u64 = 25 << 10;
/// How long they are left alone once each was answered or turned away, and how
/// long they are watched then, in lines of the generator, which says one a second.
const SETTLED: usize = 10;
const WATCHED: usize = 10;
/// How long that may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many are taken in beyond a bound, so that a full client can still be found
/// by peers of torrents that have room.
const SLACK: f64 = 10.0;

/// How many files the process may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) name: &'static str,
    limit: u32,
}

/// All that are measured. The first is more than is ever needed.
pub(super) const ALL: [Files; 3] = [
    Files {
        name: "of-16384-files",
        limit: 16_384,
    },
    Files {
        name: "of-1024-files",
        limit: 1024,
    },
    Files {
        name: "of-256-files",
        limit: 256,
    },
];

const ANSWERED: usize = 0;
const REFUSED: usize = 1;
const LOST: usize = 2;
const SLOWEST: usize = 3;
const OVERFLOWS: usize = 6;
const NO_FILE: usize = 7;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "bound",
    // More than they send while they are watched.
    mib: 2048,
    mib_quick: 2048,
    runs: 3,
    says: "3,000 seeds of 25 KiB/s each, with an address each, connect at once to \
         `superseed download --max-peers 2000`, which may open so many files (`ulimit -n`). The \
         slowest no is the longest time from a connect to the end of a connection that was not \
         answered. The least active of a second are those of ten seconds, ten seconds after all had an \
         answer. Overflows are the kernel's count of connections that found no room in the \
         backlog.",
    left_out: OURS_ALONE,
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::plain("taken in", 0),
    Column::plain("turned away", 0),
    Column::plain("lost", 0),
    Column::plain("slowest no, ms", 1),
    Column::plain("least active in a second", 0),
    Column::plain("MiB/s", 1),
    Column::plain("overflows", 0),
    Column::plain("times no file could be opened", 0),
    Column::plain("peak MiB", 1),
];

/// A SYN that found no room comes again after a second.
const NO_WITHIN_MS: f64 = 500.0;

/// Who takes turns.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    Entry::if_ours(clients, ALL.map(Entry::Files))
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let Entry::Files(files) = entry else {
        return Err(entry.misplaced());
    };
    let dir = run.data("leech")?;
    let job = Job {
        torrent: &run.fixture.torrent,
        dir: &dir,
        ip: host(3),
        peers: &[],
        upload_limit: None,
    };
    let mut command = superseed_command(run.stage, "download", &job);
    command.args(["--max-peers", &WANTED.to_string()]);
    let name = "superseed";
    let mut leecher = run.stage.spawn(name, &mut limited(&command, files.limit))?;
    let client = SocketAddr::new(host(3), PORT);
    wait_until(PATIENCE, "the client to listen", || {
        leecher.ensure_runs()?;
        Ok(std::net::TcpStream::connect(client).is_ok())
    })?;
    let mut command = run.peers("strangers", STRANGERS);
    command.args([RATE_BYTES_PER_S.to_string(), client.to_string()]);
    let mut command = limited(&command, u32::from(STRANGERS) * 2);
    let mut strangers = run.stage.spawn("strangers", &mut command)?;
    let is_settled =
        |one: &&Knocked| one.answered + one.lost + one.refused >= usize::from(STRANGERS);
    let mut watched = Vec::new();
    wait_until(PATIENCE, "all to be answered or turned away", || {
        strangers.ensure_runs()?;
        leecher.ensure_runs()?;
        let said = Knocked::of(&strangers.output()?)?;
        watched = said.iter().filter(is_settled).copied().collect();
        Ok(watched.len() > SETTLED + WATCHED)
    })?;
    let peak = procfs::peak_bytes(leecher.id()).context("the leecher has ended")?;
    let log = std::fs::read_to_string(run.stage.path(&format!("{name}.err")))?;
    let watched = &watched[SETTLED..=SETTLED + WATCHED];
    let (first, last) = (watched[0], watched[WATCHED]);
    let active = watched[1..].iter().map(|one| one.active).min();
    let mib = f64::from(1 << 20);
    Ok(vec![
        last.answered as f64,
        last.refused as f64,
        last.lost as f64,
        last.slowest_s * 1e3,
        active.unwrap_or_default() as f64,
        (last.bytes - first.bytes) as f64 / WATCHED as f64 / mib,
        procfs::listen_overflows()? as f64,
        lines_about_files(&log) as f64,
        peak as f64 / mib,
    ])
}

/// A command that may open so many files.
fn limited(command: &Command, files: u32) -> Command {
    let mut limited = Command::new("sh");
    let line = describe(command);
    limited.args(["-c", &format!("ulimit -n {files}; exec {line}")]);
    take_envs(&mut limited, command);
    limited
}

/// How often a log says that no file could be opened.
fn lines_about_files(log: &str) -> usize {
    let words = [
        "no file descriptor is left",
        "cannot accept",
        "Too many open files",
    ];
    let is_about = |line: &&str| words.iter().any(|words| line.contains(words));
    log.lines().filter(is_about).count()
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let of = |files: Files, column| results.median(Entry::Files(files), column);
    let plenty = ALL[0];
    let wanted = f64::from(WANTED);
    let mut bars = vec![Bar::within(
        "taken in of 3,000",
        of(plenty, ANSWERED),
        [wanted, wanted + SLACK],
    )];
    for files in ALL {
        let name = files.name;
        let all = of(files, ANSWERED) + of(files, REFUSED);
        bars.extend([
            Bar::least(format!("{name}: heard"), all, STRANGERS.into()),
            Bar::most(format!("{name}: lost"), of(files, LOST), 0.0),
            Bar::most(
                format!("{name}: slowest no, ms"),
                of(files, SLOWEST),
                NO_WITHIN_MS,
            ),
            Bar::most(format!("{name}: overflows"), of(files, OVERFLOWS), 0.0),
            Bar::most(format!("{name}: no file"), of(files, NO_FILE), 0.0),
        ]);
    }
    bars
}
