//! The benches behind one face: names, sizes, runs in turns.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::entry::Entry;
use super::results::{Bar, Column, Results};
use super::run::{self, Run};
use super::{check, conns, leech, seed, spread};
use crate::interop::fixture::Fixture;
use crate::interop::namespace;
use crate::interop::stage::Stage;

const MIB: u64 = 1 << 20;

/// The length of a piece, bytes.
const PIECE_LEN: u64 = MIB;
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
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leech => "leech",
            Self::Seed => "seed",
            Self::Check => "check",
            Self::Spread => "spread",
            Self::Conns => "conns",
        })
    }
}

/// What all runs of a bench share.
#[derive(Debug)]
pub(super) struct Setting {
    /// How much is moved, MiB.
    pub(super) mib: u64,
    /// Where content and results lie, in memory.
    pub(super) place: PathBuf,
    /// This program, built with all optimisations.
    pub(super) program: PathBuf,
}

impl Setting {
    fn fixture(&self) -> Result<Fixture> {
        let dir = self.place.join(format!("content-{}", self.mib));
        Fixture::single(&dir, self.mib * MIB, PIECE_LEN)
    }
}

impl Bench {
    /// In the order in which they run.
    pub(super) const ALL: [Self; 5] = [
        Self::Leech,
        Self::Seed,
        Self::Spread,
        Self::Check,
        Self::Conns,
    ];

    /// The bench of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|bench| bench.to_string() == name)
    }

    /// How much it moves unless told otherwise, MiB.
    pub(super) fn mib(self) -> u64 {
        match self {
            Self::Leech | Self::Check => 2048,
            Self::Seed => 1024,
            // A hundred times.
            Self::Spread => 256,
            // Long enough for some whole seconds in the middle.
            Self::Conns => 3072,
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
        }
    }

    fn entries(self, clients: &[Client]) -> Vec<Entry> {
        match self {
            Self::Leech => leech::entries(clients),
            Self::Seed => seed::entries(clients),
            Self::Spread => spread::entries(clients),
            Self::Check => check::entries(clients),
            Self::Conns => conns::entries(clients),
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
        setting.fixture()?;
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
        let text = |path: &Path| {
            path.to_str()
                .map(str::to_owned)
                .context("a path is no text")
        };
        let args = [
            "peers-bench",
            "--inside",
            &self.to_string(),
            entry.name(),
            &setting.mib.to_string(),
            &text(&setting.place)?,
            &text(&setting.program)?,
            &text(dir.path())?,
        ];
        let limit = run::limit(setting.mib * MIB) + AROUND;
        let output = namespace::run(&self.stage_name(entry), &args, limit)?;
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
        let run = Run {
            stage,
            fixture: setting.fixture()?,
            dir,
            program: setting.program.clone(),
        };
        let figures = match self {
            Self::Leech => leech::run(&run, entry)?,
            Self::Seed => seed::run(&run, entry)?,
            Self::Spread => spread::run(&run, entry)?,
            Self::Check => check::run(&run, entry)?,
            Self::Conns => conns::run(&run, entry)?,
        };
        run.stage.clear()?;
        let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
        Ok(figures.join(" "))
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
