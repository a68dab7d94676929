//! The benches behind one face: names, sizes, runs in turns.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::client::Client;
use super::entry::Entry;
use super::many::{self, Many, Shape};
use super::results::{Bar, Column, Results};
use super::run::{self, Run};
use super::setting::{Setting, path_text};
use super::{check, conns, leech, seed, spread};
use crate::interop::namespace;
use crate::interop::stage::Stage;

/// How long a run may take beside the transfer: hashing, comparing.
const AROUND: Duration = Duration::from_secs(60);

/// What is measured. Displays as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bench {
    Leech,
    Seed,
    Check,
    Spread,
    Conns,
    /// Idle torrents.
    Many(Shape),
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leech => "leech",
            Self::Seed => "seed",
            Self::Check => "check",
            Self::Spread => "spread",
            Self::Conns => "conns",
            Self::Many(Shape::Small) => "many-small",
            Self::Many(Shape::Large) => "many-large",
        })
    }
}

impl Bench {
    /// In the order in which they run.
    pub(super) const ALL: [Self; 7] = [
        Self::Leech,
        Self::Seed,
        Self::Spread,
        Self::Check,
        Self::Many(Shape::Small),
        Self::Many(Shape::Large),
        Self::Conns,
    ];

    /// The bench of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|bench| bench.to_string() == name)
    }

    /// How much it moves unless told otherwise, MiB; nothing is moved by those
    /// of idle torrents.
    pub(super) fn mib(self) -> u64 {
        match self {
            Self::Many(_) => 0,
            Self::Leech | Self::Check => 2048,
            Self::Seed => 1024,
            // A hundred times.
            Self::Spread => 256,
            // Long enough for some whole seconds in the middle.
            Self::Conns => 3072,
        }
    }

    /// How much there is of what it is about.
    pub(super) fn amount(self, setting: &Setting) -> String {
        match self {
            Self::Many(_) => format!(
                "{} torrents, watched for {} s",
                setting.torrents,
                setting.idle.as_secs()
            ),
            _ => format!("{} MiB", setting.mib),
        }
    }

    /// What its figures are measured on, for the record.
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Leech => {
                "From one libtorrent seeder, over loopback, to files in memory; the pair is \
                 superseed from superseed. Throughput is of the bytes between 10 % and 90 % as \
                 they went over the wire; CPU is user and system time of the whole process, \
                 until all is on the disk; the floors receive, hash whole pieces and write, \
                 on one thread or with hashing and writing on a second one."
            }
            Self::Seed => {
                "To one libtorrent leecher, over loopback, from files in memory. CPU is user and \
                 system time of the seeder from the leecher's start to its end; the floor is \
                 sendfile to a reader that looks at nothing."
            }
            Self::Spread => {
                "To a hundred leechers that are at most 16 MiB apart, each a little behind the \
                 next; from a file on the disk that is not in the page cache. Bytes of read calls \
                 are what the process asked the kernel for (rchar), bytes from the disk what the \
                 page cache did not have."
            }
            Self::Conns => {
                "From a thousand seeds of 200 KiB/s in one process, over loopback, to files in \
                 memory, and from a single one without a limit. Active in a second is who sent a block in it; seconds count \
                 that lie between 10 % and 90 % of the bytes."
            }
            Self::Many(_) => {
                "Complete torrents in one session, started from resume records, without trackers. \
                 All answer when the last of them has answered a handshake; the start of Python \
                 is not in libtorrent's time. KiB each is what the process holds more than with \
                 one torrent, and its CPU that of a while in which nobody comes, both after each \
                 torrent was knocked at once. Announces are those of a further start with one \
                 tracker for all, and their cost what that took more."
            }
            Self::Check => {
                "A file in memory against its torrent. Processes from start to end, but for \
                 libtorrent, whose own check is timed; the floor reads and hashes one piece after \
                 the other on all cores."
            }
        }
    }

    /// What a run gives.
    fn columns(self) -> &'static [Column] {
        match self {
            Self::Leech => leech::COLUMNS,
            Self::Seed => seed::COLUMNS,
            Self::Spread => spread::COLUMNS,
            Self::Check => check::COLUMNS,
            Self::Conns => conns::COLUMNS,
            Self::Many(_) => many::COLUMNS,
        }
    }

    fn entries(self, clients: &[Client]) -> Vec<Entry> {
        match self {
            Self::Leech => leech::entries(clients),
            Self::Seed => seed::entries(clients),
            Self::Spread => spread::entries(clients),
            Self::Check => check::entries(clients),
            Self::Conns => conns::entries(clients),
            Self::Many(_) => many::entries(clients),
        }
    }

    /// What was promised, and what became of it.
    pub(super) fn bars(self, results: &Results) -> Vec<Bar> {
        match self {
            Self::Leech => leech::bars(results),
            Self::Seed => seed::bars(results),
            Self::Spread => spread::bars(results),
            Self::Check => check::bars(results),
            Self::Conns => conns::bars(results),
            Self::Many(_) => many::bars(results),
        }
    }

    /// All runs, in turns, so that what else the machine does hits all alike.
    /// Gives the figures and what failed.
    pub(super) fn measure(
        self,
        clients: &[Client],
        runs: u32,
        setting: &Setting,
    ) -> Result<(Results, Vec<String>)> {
        let entries = self.entries(clients);
        if !matches!(self, Self::Many(_)) {
            setting.fixture()?;
        }
        let mut results = Results::new(self.columns(), &entries);
        let mut failures = Vec::new();
        for n in 1..=runs {
            for entry in &entries {
                let name = entry.name();
                match self.measure_one(*entry, setting) {
                    Ok(figures) => {
                        println!("{self} {name:17} run {n}: {}", self.shown(&figures));
                        results.add(*entry, &figures);
                    }
                    Err(error) => {
                        let failure = format!("{self} {name} run {n} FAILED: {error:#}");
                        println!("{failure}");
                        failures.push(failure);
                    }
                }
            }
        }
        Ok((results, failures))
    }

    fn shown(self, figures: &[f64]) -> String {
        let shown = self.columns().iter().zip(figures).map(|(column, figure)| {
            let digits = column.digits;
            format!("{} {figure:.digits$}", column.heading)
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    /// One run, in namespaces of its own. Gives its figures.
    fn measure_one(self, entry: Entry, setting: &Setting) -> Result<Vec<f64>> {
        // Gone whatever becomes of the run: memory is dear.
        let dir = tempfile::tempdir_in(&setting.place)?;
        let (bench, name) = (self.to_string(), entry.name());
        let mut args = vec![
            "peers-bench",
            "--inside",
            &bench,
            name,
            path_text(dir.path())?,
        ];
        let words = setting.words()?;
        args.extend(words.iter().map(String::as_str));
        let limit = match self {
            Self::Many(shape) => many::limit(shape, setting.torrents, setting.idle),
            _ => run::limit(setting.total_len()),
        };
        let output = namespace::run(&self.stage_name(entry), &args, limit + AROUND)?;
        let figures: Vec<f64> = output
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("no figures: {output}"))?;
        ensure!(
            figures.len() == self.columns().len(),
            "not all figures: {output}"
        );
        Ok(figures)
    }

    /// The inside of a run. Gives its figures as `measure_one` reads them.
    pub(super) fn inside(self, entry: Entry, setting: &Setting, dir: PathBuf) -> Result<String> {
        namespace::set_up()?;
        let stage = Stage::new(&self.stage_name(entry))?;
        let figures = match self {
            Self::Many(shape) => {
                let many = Many {
                    stage: &stage,
                    shape,
                    setting,
                };
                many.run(entry)?
            }
            _ => self.transfer(entry, &Run::new(&stage, setting, dir)?)?,
        };
        stage.clear()?;
        let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
        Ok(figures.join(" "))
    }

    fn transfer(self, entry: Entry, run: &Run<'_>) -> Result<Vec<f64>> {
        match self {
            Self::Leech => leech::run(run, entry),
            Self::Seed => seed::run(run, entry),
            Self::Spread => spread::run(run, entry),
            Self::Check => check::run(run, entry),
            Self::Conns => conns::run(run, entry),
            Self::Many(_) => bail!("{self} moves nothing"),
        }
    }

    fn stage_name(self, entry: Entry) -> String {
        format!("peers-{self}-{}", entry.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_found_by_the_name_it_shows() {
        for bench in Bench::ALL {
            assert_eq!(Bench::named(&bench.to_string()), Some(bench));
        }
        assert_eq!(Bench::named("leeches"), None);
    }
}
