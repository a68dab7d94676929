//! What all benches have in common: names, sizes, runs in turns.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::contender::Contender;
use super::entry::Entry;
use super::many::{self, Many, Shape};
use super::results::{Bar, Column, Results};
use super::run::{self, Run};
use super::setting::{Setting, path_text};
use super::{bound, check, conns, device, leech, limits, seed, spread};
use crate::interop::namespace;
use crate::interop::stage::Stage;

/// How long a run may take beside the transfer: hashing, comparing.
const AROUND: Duration = Duration::from_secs(60);

/// With `--quick`: how much benches move that are not bound to a rate, MiB.
pub(super) const MIB_QUICK: u64 = 64;

/// Why a bench measures nobody else.
pub(super) const OURS_ALONE: &str = "its bars are about one client alone";

/// In the order in which they run.
pub(super) const ALL: [Bench; 10] = [
    leech::BENCH,
    seed::BENCH,
    spread::BENCH,
    check::BENCH,
    many::SMALL,
    many::LARGE,
    conns::BENCH,
    limits::BENCH,
    device::BENCH,
    bound::BENCH,
];

/// One thing that is measured.
#[derive(Clone, Copy)]
pub(super) struct Bench {
    pub(super) name: &'static str,
    /// How much it moves unless told otherwise, MiB.
    pub(super) mib: u64,
    /// The same with `--quick`.
    pub(super) mib_quick: u64,
    /// How many runs each entry has unless told otherwise.
    pub(super) runs: u32,
    /// What its figures are measured on, for the record.
    pub(super) says: &'static str,
    /// Why it does not measure whom it leaves out.
    pub(super) left_out: &'static str,
    /// What a run gives.
    pub(super) columns: &'static [Column],
    /// Who takes turns, of the clients that are asked for.
    pub(super) entries: fn(&[Contender]) -> Vec<Entry>,
    pub(super) run: Runner,
    /// What was promised, and what became of it.
    pub(super) bars: fn(&Results) -> Vec<Bar>,
}

/// What a run does, inside its namespaces. Gives a figure for each column.
#[derive(Clone, Copy)]
pub(super) enum Runner {
    Transfer(fn(&Run<'_>, Entry) -> Result<Vec<f64>>),
    /// Has idle torrents of a shape.
    Many(Shape),
}

impl Bench {
    /// The bench of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|bench| bench.name == name)
    }

    /// Clients that it cannot measure, with the reason: none is left out silently.
    pub(super) fn left_out(&self, clients: &[Contender]) -> Option<String> {
        let entries = (self.entries)(clients);
        let is_out = |one: &&Contender| !entries.iter().any(|entry| entry.client() == Some(**one));
        let out = clients.iter().filter(is_out).map(|one| one.name());
        let out: Vec<&str> = out.collect();
        let why = self.left_out;
        (!out.is_empty()).then(|| format!("Not measured: {} ({why}).", out.join(", ")))
    }

    /// How much there is of what it is about.
    pub(super) fn amount(&self, setting: &Setting) -> String {
        match self.run {
            Runner::Transfer(_) => format!("{} MiB", setting.mib),
            Runner::Many(_) => format!(
                "{} torrents, watched for {} s",
                setting.torrents,
                setting.watched.as_secs()
            ),
        }
    }

    /// All runs, in turns, so that what else the machine does hits all alike.
    /// Gives the figures and what failed.
    pub(super) fn measure(
        &self,
        clients: &[Contender],
        runs: u32,
        setting: &Setting,
    ) -> Result<(Results, Vec<String>)> {
        let entries = (self.entries)(clients);
        if matches!(self.run, Runner::Transfer(_)) {
            setting.fixture()?;
        }
        let bench = self.name;
        let mut results = Results::new(self.columns, &entries);
        let mut failures = Vec::new();
        for n in 1..=runs {
            for entry in &entries {
                let name = entry.name();
                match self.measure_one(*entry, setting) {
                    Ok(figures) => {
                        println!("{bench} {name:17} run {n}: {}", self.shown(&figures));
                        results.add(*entry, &figures);
                    }
                    Err(error) => {
                        let failure = format!("{bench} {name} run {n} FAILED: {error:#}");
                        println!("{failure}");
                        failures.push(failure);
                    }
                }
            }
        }
        Ok((results, failures))
    }

    fn shown(&self, figures: &[f64]) -> String {
        let shown = self.columns.iter().zip(figures).map(|(column, figure)| {
            let digits = column.digits;
            format!("{} {figure:.digits$}", column.heading)
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    /// One run, in namespaces of its own. Gives its figures.
    fn measure_one(&self, entry: Entry, setting: &Setting) -> Result<Vec<f64>> {
        // Gone whatever becomes of the run: memory is dear.
        let dir = tempfile::tempdir_in(&setting.place)?;
        let name = entry.name();
        let run_dir = path_text(dir.path())?;
        let mut args = vec!["peers-bench", "--inside", self.name, name, run_dir];
        let words = setting.words()?;
        args.extend(words.iter().map(String::as_str));
        let limit = match self.run {
            Runner::Many(shape) => many::limit(shape, setting.torrents, setting.watched),
            Runner::Transfer(_) => run::limit(setting.total_len()),
        };
        let output = namespace::run(&self.stage_name(entry), &args, limit + AROUND)?;
        let figures: Vec<f64> = output
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("no figures: {output}"))?;
        ensure!(
            figures.len() == self.columns.len(),
            "not all figures: {output}"
        );
        Ok(figures)
    }

    /// The inside of a run. Gives its figures as `measure_one` reads them.
    pub(super) fn inside(&self, entry: Entry, setting: &Setting, dir: PathBuf) -> Result<String> {
        namespace::set_up()?;
        let stage = Stage::new(&self.stage_name(entry))?;
        let figures = match self.run {
            Runner::Many(shape) => {
                let many = Many {
                    stage: &stage,
                    shape,
                    setting,
                };
                many.run(entry)?
            }
            Runner::Transfer(run) => run(&Run::new(&stage, setting, dir)?, entry)?,
        };
        stage.clear()?;
        let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
        Ok(figures.join(" "))
    }

    fn stage_name(&self, entry: Entry) -> String {
        format!("peers-{}-{}", self.name, entry.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_found_by_its_name_and_no_two_share_it() {
        for (at, bench) in ALL.iter().enumerate() {
            let found = ALL.iter().position(|one| one.name == bench.name);
            assert_eq!(found, Some(at));
            assert!(Bench::named(bench.name).is_some());
        }
        assert!(Bench::named("leeches").is_none());
    }

    #[test]
    fn who_cannot_be_measured_is_named() {
        for bench in ALL {
            let known = (bench.entries)(&Contender::ALL);
            let said = bench.left_out(&Contender::ALL).unwrap_or_default();
            for client in Contender::ALL {
                let is_known = known.iter().any(|entry| entry.client() == Some(client));
                assert_ne!(said.contains(client.name()), is_known, "{}", bench.name);
            }
        }
    }

    #[test]
    fn every_bar_can_be_judged_before_anything_ran() {
        for bench in ALL {
            let entries = (bench.entries)(&Contender::ALL);
            let results = Results::new(bench.columns, &entries);
            for bar in (bench.bars)(&results) {
                assert!(!bar.is_met(), "{}", bar.what);
            }
        }
    }
}
