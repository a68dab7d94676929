//! Thousands of idle torrents in one session, started from resume records: when
//! the last of them answers, what each holds in memory, and what all cost while
//! nothing happens.

mod torrents;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::bench::{Bench, Runner};
use super::contender::Contender;
use super::entry::Entry;
use super::load;
use super::procfs;
use super::results::{Bar, Column, Results};
use super::setting::Setting;
use crate::interop::clients::{PORT, libtorrent, superseed};
use crate::interop::namespace::host;
use crate::interop::scripted::CountingTracker;
use crate::interop::stage::{Process, Stage, example, wait_until};
use torrents::Torrents;

pub(crate) use torrents::Shape;

/// The program of the library's that seeds idle torrents.
pub(super) const EXAMPLE: &str = "idle_torrents";

const KIB: f64 = 1024.0;

const UP_S: usize = 0;
const KIB_EACH: usize = 1;
const CPU_PERCENT: usize = 2;
const ANNOUNCES: usize = 4;

/// The bench of small torrents.
pub(super) const SMALL: Bench = Bench {
    name: "many-small",
    run: Runner::Many(Shape::Small),
    ..BENCH
};

/// The bench of large ones.
pub(super) const LARGE: Bench = Bench {
    name: "many-large",
    run: Runner::Many(Shape::Large),
    ..BENCH
};

const BENCH: Bench = Bench {
    name: "many",
    // Nothing is moved.
    mib: 0,
    mib_quick: 0,
    // The watch is long enough to be its own median.
    runs: 1,
    says: "Complete torrents in one session, started from resume records, without trackers. All \
         answer when the last of them has answered a handshake; the start of Python is not in \
         libtorrent's time. KiB each is what the process holds more than with one torrent, and \
         its CPU that of a while in which nobody comes, both after each torrent was knocked at \
         once. Announces are those of a further start with one tracker for all, and their cost \
         what that took more.",
    left_out: "they are not given thousands of torrents here",
    columns: COLUMNS,
    entries,
    run: Runner::Many(Shape::Small),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::lower("all answer after, s", 2),
    Column::lower("KiB each", 2),
    Column::lower("% of a core", 3),
    Column::plain("MiB with one torrent", 1),
    Column::lower("most announces in a second", 0),
    Column::lower("CPU ms of an announce", 3),
];

/// The bars of the issue.
const KIB_EACH_MAX: f64 = 8.0;
const CPU_PERCENT_MAX: f64 = 0.1;
const ANNOUNCES_PER_S_MAX: u32 = 50;

const LIBTORRENT: Entry = Entry::Client(Contender::Libtorrent);

/// Longer than any run.
const FOR_EVER_S: &str = "1000000";
/// How long it is left alone before idling counts: what it did for those who
/// knocked is over.
const SETTLE: Duration = Duration::from_secs(5);
/// How long stopping may take.
const STOP_MAX: Duration = Duration::from_secs(120);
/// How often it is looked whether all have answered.
const POLL: Duration = Duration::from_millis(2);

/// Who takes turns: clients that a program can give so many torrents.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for client in clients {
        match client {
            Contender::Superseed => entries.extend([Entry::OURS, Entry::Library]),
            Contender::Libtorrent => entries.push(LIBTORRENT),
            _ => {}
        }
    }
    entries
}

/// How long a run may take.
pub(super) fn limit(shape: Shape, count: u32, idle: Duration) -> Duration {
    // The first one hashes everything.
    let hashing = shape.total_len() * u64::from(count) / (256 << 20);
    Duration::from_secs(300 + hashing + u64::from(count) / 20) + idle
}

/// One run.
#[derive(Debug)]
pub(super) struct Many<'s> {
    pub(super) stage: &'s Stage,
    pub(super) shape: Shape,
    pub(super) setting: &'s Setting,
}

impl Many<'_> {
    pub(super) fn run(&self, entry: Entry) -> Result<Vec<f64>> {
        let one_resident = {
            let one = Torrents::make(&self.setting.place, self.shape, 1)?;
            self.record(entry, &one)?;
            let (process, _) = self.up(entry, &one, None)?;
            thread::sleep(SETTLE);
            procfs::resident_bytes(process.id())?
        };
        let all = Torrents::make(&self.setting.place, self.shape, self.setting.torrents)?;
        self.record(entry, &all)?;
        let (mut process, up_s) = self.up(entry, &all, None)?;
        thread::sleep(SETTLE);
        let (start, before) = (Instant::now(), procfs::usage(process.id())?.cpu_s);
        thread::sleep(self.setting.watched);
        let cpu_s = procfs::usage(process.id())?.cpu_s - before;
        let seconds = start.elapsed().as_secs_f64();
        let resident = procfs::resident_bytes(process.id())?;
        // What answers must also have what it is asked for.
        process.ensure_runs()?;
        self.knock(&all, true)?;
        process.ensure_runs()?;
        drop(process);
        let idle = Idle {
            start_s: up_s + SETTLE.as_secs_f64(),
            start_cpu_s: before,
            cores: cpu_s / seconds,
        };
        let announces = self.announces(entry, &all, &idle)?;
        let more = resident as f64 - one_resident as f64;
        Ok(vec![
            up_s,
            more / KIB / f64::from(self.setting.torrents - 1),
            100.0 * cpu_s / seconds,
            one_resident as f64 / KIB / KIB,
            f64::from(announces.most_in_a_second),
            announces.cpu_ms_each,
        ])
    }

    /// Starts once more, with a tracker, and waits until it has heard of all.
    fn announces(&self, entry: Entry, torrents: &Torrents, idle: &Idle) -> Result<Announces> {
        let tracker = CountingTracker::start(host(9), &[])?;
        let start = Instant::now();
        let (mut process, _) = self.up(entry, torrents, Some(&tracker.url))?;
        let count = self.setting.torrents as usize;
        let limit = limit(self.shape, self.setting.torrents, STOP_MAX);
        wait_until(limit, "as many announces as torrents", || {
            process.ensure_runs()?;
            Ok(tracker.announces().len() >= count)
        })?;
        thread::sleep(SETTLE);
        let cpu_s = procfs::usage(process.id())?.cpu_s;
        let without = idle.cpu_s(start.elapsed().as_secs_f64());
        let times = tracker.announces();
        Ok(Announces {
            most_in_a_second: most_in_a_second(&times)?,
            cpu_ms_each: 1e3 * (cpu_s - without) / times.len() as f64,
        })
    }

    /// Lets a client write the records that it will start from.
    fn record(&self, entry: Entry, torrents: &Torrents) -> Result<()> {
        match entry {
            Entry::OURS if !torrents.has_records() => {
                let mut process = self.start(entry, torrents, None)?;
                self.knock(torrents, true)?;
                process.interrupt()?;
                let limit = limit(self.shape, self.setting.torrents, STOP_MAX);
                process.wait_ended(limit)?;
                torrents.note_records()
            }
            Entry::Library if !torrents.state().exists() => {
                let mut command = Command::new(example(EXAMPLE));
                crate::process::run(command.arg("keep").arg(torrents.dir()))
            }
            LIBTORRENT if !torrents.resume().exists() => {
                let dirs = [torrents.torrents(), torrents.data(), torrents.resume()];
                let mut command = libtorrent::many_command("prepare");
                crate::process::run(command.args(dirs))
            }
            _ => Ok(()),
        }
    }

    /// Starts a client and waits until every torrent answers. Gives the seconds
    /// that took.
    fn up(
        &self,
        entry: Entry,
        torrents: &Torrents,
        tracker: Option<&str>,
    ) -> Result<(Process, f64)> {
        let mut start = Instant::now();
        let mut process = self.start(entry, torrents, tracker)?;
        if entry == LIBTORRENT {
            // Python's start is not libtorrent's.
            wait_until(STOP_MAX, "libtorrent to be loaded", || {
                process.ensure_runs()?;
                Ok(process.output()?.contains("started"))
            })?;
            start = Instant::now();
        }
        self.knock(torrents, false)?;
        let seconds = start.elapsed().as_secs_f64();
        process.ensure_runs()?;
        Ok((process, seconds))
    }

    fn start(&self, entry: Entry, torrents: &Torrents, tracker: Option<&str>) -> Result<Process> {
        let listen = format!("{}:{PORT}", host(2));
        // What an earlier one said is not this one's word.
        let _ = fs::remove_file(self.stage.path("client.out"));
        let mut command = match entry {
            Entry::OURS => {
                let mut command = superseed::program(self.stage);
                command.args(["seed", "--quiet", "--listen", &listen]);
                superseed::keep_to_itself(&mut command);
                command.args(["--max-concurrent-downloads", &u16::MAX.to_string()]);
                command.arg("--input-file").arg(torrents.list());
                command.arg("--dir").arg(torrents.data());
                command.args(tracker.iter().flat_map(|url| ["--tracker", url]));
                command
            }
            Entry::Library => {
                let mut command = Command::new(example(EXAMPLE));
                command.arg(torrents.dir()).args(["--listen", &listen]);
                command.args(["--seconds", FOR_EVER_S]);
                command.args(tracker.iter().flat_map(|url| ["--tracker", url]));
                command
            }
            LIBTORRENT => {
                let mut command = libtorrent::many_command("serve");
                command.arg(torrents.resume()).arg(listen);
                command.args(tracker);
                command
            }
            _ => bail!("{} cannot be given so many torrents", entry.name()),
        };
        self.stage.spawn("client", &mut command)
    }

    /// Returns when all torrents have answered, or said that they are complete.
    fn knock(&self, torrents: &Torrents, complete: bool) -> Result<()> {
        let mut command: Command = load::command(&self.setting.program, "knock");
        command.arg(torrents.hashes());
        command.arg(format!("{}:{PORT}", host(2)));
        if complete {
            command.arg(torrents.shape.pieces().to_string());
        }
        let mut knock = self.stage.spawn("knock", &mut command)?;
        let (start, limit) = (
            Instant::now(),
            limit(self.shape, self.setting.torrents, STOP_MAX),
        );
        while !procfs::usage(knock.id())?.ended {
            ensure!(start.elapsed() < limit, "not all torrents answer");
            thread::sleep(POLL);
        }
        knock.wait_success(STOP_MAX)
    }
}

/// What it takes without trackers.
struct Idle {
    /// When the start was over, and what it had taken.
    start_s: f64,
    start_cpu_s: f64,
    /// What it uses from then on.
    cores: f64,
}

impl Idle {
    /// What it has used after so many seconds.
    fn cpu_s(&self, seconds: f64) -> f64 {
        self.start_cpu_s + self.cores * (seconds - self.start_s).max(0.0)
    }
}

/// What became of announces.
struct Announces {
    most_in_a_second: u32,
    /// Beside what it takes without.
    cpu_ms_each: f64,
}

/// The most that fall into any one second, of times in order.
fn most_in_a_second(times: &[Instant]) -> Result<u32> {
    let mut first = 0;
    let mut most = 0;
    for (at, time) in times.iter().enumerate() {
        while time.duration_since(times[first]) >= Duration::from_secs(1) {
            first += 1;
        }
        most = most.max(at + 1 - first);
    }
    Ok(u32::try_from(most)?)
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    // The command is given torrent files and reads each of them; a session alone
    // starts from records, as libtorrent does here.
    let ours = |column| results.median(Entry::Library, column);
    let theirs = results.median(LIBTORRENT, UP_S);
    vec![
        Bar::most("all answer / libtorrent's", ours(UP_S) / theirs, 1.0),
        Bar::most("KiB of an idle torrent", ours(KIB_EACH), KIB_EACH_MAX),
        Bar::most(
            "% of a core while all are idle, without trackers",
            ours(CPU_PERCENT),
            CPU_PERCENT_MAX,
        ),
        Bar::most(
            "most announces in a second to one host",
            ours(ANNOUNCES),
            f64::from(ANNOUNCES_PER_S_MAX),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_may_begin_anywhere() -> Result<()> {
        let start = Instant::now();
        let at = |millis: &u64| start + Duration::from_millis(*millis);
        let times: Vec<Instant> = [0, 900, 950, 1000, 1850, 3000].iter().map(at).collect();
        assert_eq!(most_in_a_second(&times)?, 4);
        assert_eq!(most_in_a_second(&[])?, 0);
        Ok(())
    }
}
