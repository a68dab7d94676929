//! What moving bytes costs, superseed beside other clients and beside the least
//! that is possible.
//!
//! This module owns the command line. `leech`, `seed`, `spread`, `check`,
//! `many`, `conns`, `limits`, `device` and `bound` are the benches; every run of them is a process of its own in fresh namespaces
//! (`cargo xtask peers-bench --inside …`). docs/peers-bench.md tells users
//! about it.

mod bench;
mod bound;
mod check;
mod conns;
mod contender;
mod device;
mod entry;
mod floor;
mod leech;
mod limits;
mod load;
mod many;
mod procfs;
mod ready;
mod record;
mod results;
mod run;
mod seed;
mod setting;
mod spread;
mod transfer;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use bench::{ALL, Bench, Runner};
use contender::Contender;
use entry::Entry;
use results::Bar;
use setting::Setting;

use crate::interop::install::{self, Tool};
use crate::interop::stage;

const USAGE: &str = "cargo xtask peers-bench [leech|seed|spread|check|many|conns|limits|device|bound] [--install] [--quick] \
                     [--clients NAME,NAME] [--runs N] [--mib N] [--torrents N]";

/// With `--quick`: how many runs.
const RUNS_QUICK: u32 = 1;

/// How many idle torrents, and how long they are watched; limits at most as long.
const TORRENTS: u32 = 10_000;
const WATCHED: Duration = Duration::from_secs(600);
const QUICK_TORRENTS: u32 = 500;
const QUICK_WATCHED: Duration = Duration::from_secs(5);
/// superseed has no more at a time; one is needed to tell what the others take.
const TORRENTS_MAX: u32 = 65_535;

/// Where memory is a file system.
const MEMORY: &str = "/dev/shm";
/// What directories of the bench are called there, before the process id.
const PREFIX: &str = "superseed-peers-";

/// What was asked for.
struct Options {
    benches: Vec<Bench>,
    install: bool,
    /// A look, not a measurement: nothing is kept.
    quick: bool,
    clients: Vec<Contender>,
    /// Whether they were named, and not only taken as there are.
    named: bool,
    /// What there is to say about clients that are not there.
    absent: &'static str,
    runs: Option<u32>,
    mib: Option<u64>,
    torrents: Option<u32>,
}

/// Runs the benches; fails if a run fails. A missed bar is a result.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    match args {
        ["--floor", floor @ ..] => return floor::run(floor),
        ["--load", load @ ..] => return load::run(load),
        ["--inside", bench, entry, dir, setting @ ..] => {
            let setting = Setting::of(setting)?;
            let bench = Bench::named(bench).context("no such bench")?;
            let figures = bench.inside(Entry::named(entry)?, &setting, PathBuf::from(dir))?;
            println!("{figures}");
            return Ok(());
        }
        _ => {}
    }
    let mut options = Options::parse(args)?;
    options.leave_out_what_takes_long();
    install::provide(&options.needs(), options.install, install::ADVICE)?;
    stage::build_superseed()?;
    let program = stage::build_xtask()?;
    let has_idle = |bench: &Bench| matches!(bench.run, Runner::Many(_));
    if options.benches.iter().any(has_idle) {
        stage::build_example(many::EXAMPLE)?;
    }
    if options.has(&device::BENCH) {
        stage::build_example(device::EXAMPLE)?;
    }
    let place = place()?;
    let mut failures = Vec::new();
    for bench in &options.benches {
        let setting = Setting {
            mib: options.mib(bench),
            torrents: options.torrents(),
            watched: options.watched(),
            place: place.path().to_owned(),
            program: program.clone(),
        };
        failures.extend(options.measure(bench, &setting, args)?);
    }
    for failure in &failures {
        println!("{failure}");
    }
    ensure!(failures.is_empty(), "{} runs failed", failures.len());
    Ok(())
}

/// A directory in memory that goes at the end; those of benches that were
/// killed go now.
fn place() -> Result<TempDir> {
    for entry in fs::read_dir(MEMORY).with_context(|| format!("cannot use {MEMORY}"))? {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let pid = rest.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    let place = builder.prefix(&prefix).tempdir_in(MEMORY);
    place.with_context(|| format!("cannot use {MEMORY}"))
}

impl Options {
    fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self {
            benches: Vec::new(),
            install: false,
            quick: false,
            clients: Contender::ALL.to_vec(),
            named: false,
            absent: "",
            runs: None,
            mib: None,
            torrents: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} wants a value"));
            match *arg {
                "--install" => options.install = true,
                "--quick" => options.quick = true,
                "--clients" => {
                    let names = value()?.split(',');
                    options.clients = names
                        .map(|name| Contender::named(name, &Contender::ALL))
                        .collect::<Result<_>>()?;
                    options.named = true;
                }
                "--runs" => {
                    let runs = value()?.parse().context("--runs wants a number")?;
                    ensure!(runs > 0, "--runs wants at least 1");
                    options.runs = Some(runs);
                }
                "--mib" => {
                    let mib = value()?.parse().context("--mib wants a number")?;
                    ensure!(mib > 0, "--mib wants at least 1");
                    options.mib = Some(mib);
                }
                "--torrents" => {
                    let torrents = value()?.parse().context("--torrents wants a number")?;
                    let range = 2..=TORRENTS_MAX;
                    ensure!(
                        range.contains(&torrents),
                        "--torrents wants 2 to {TORRENTS_MAX}"
                    );
                    options.torrents = Some(torrents);
                }
                // Two questions about one thing each.
                "many" => options.benches.extend([many::SMALL, many::LARGE]),
                "seed" => options.benches.extend([seed::BENCH, spread::BENCH]),
                name => match Bench::named(name) {
                    Some(bench) => options.benches.push(bench),
                    None => bail!("unknown argument {arg}; usage: {USAGE}"),
                },
            }
        }
        if options.benches.is_empty() {
            options.benches = ALL.to_vec();
        }
        Ok(options)
    }

    /// rqbit takes many minutes to build: only who names it gets it built.
    fn leave_out_what_takes_long(&mut self) {
        if !self.named && install::missing(&[Tool::Rqbit]).is_some() {
            self.clients.retain(|client| *client != Contender::Rqbit);
            self.absent = "rqbit is not there: --install builds it if --clients names it.";
        }
    }

    fn runs(&self, bench: &Bench) -> u32 {
        let runs = if self.quick { RUNS_QUICK } else { bench.runs };
        self.runs.unwrap_or(runs)
    }

    fn mib(&self, bench: &Bench) -> u64 {
        let mib = if self.quick {
            bench.mib_quick
        } else {
            bench.mib
        };
        self.mib.unwrap_or(mib)
    }

    fn torrents(&self) -> u32 {
        let torrents = if self.quick { QUICK_TORRENTS } else { TORRENTS };
        self.torrents.unwrap_or(torrents)
    }

    fn watched(&self) -> Duration {
        if self.quick { QUICK_WATCHED } else { WATCHED }
    }

    /// libtorrent is the other side of everyone.
    fn needs(&self) -> Vec<Tool> {
        let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
        needs.extend(self.clients.iter().filter_map(|one| one.tool()));
        needs.extend(self.has(&device::BENCH).then_some(Tool::Bindfs));
        needs
    }

    fn has(&self, bench: &Bench) -> bool {
        self.benches.iter().any(|one| one.name == bench.name)
    }

    /// Runs a bench, prints what it gave and keeps it. Gives what failed.
    fn measure(&self, bench: &Bench, setting: &Setting, args: &[&str]) -> Result<Vec<String>> {
        let load = record::load_average()?;
        let (results, failures) = bench.measure(&self.clients, self.runs(bench), setting)?;
        let command = format!("cargo xtask peers-bench {}", args.join(" "));
        let machine = record::machine(command.trim())?;
        let left_out = bench.left_out(&self.clients).unwrap_or_default();
        let intro = format!(
            "{machine}; {}; load average {load} before. {} Medians (least to greatest). {left_out} {}",
            bench.amount(setting),
            bench.says,
            self.absent,
        );
        let body = format!(
            "{}\n\n{}\n{}\n{}",
            intro.trim(),
            results.table(),
            results.ratios(),
            Bar::table(&(bench.bars)(&results)),
        );
        println!("\n## {}\n\n{body}", bench.name);
        if !self.quick && failures.is_empty() {
            record::write(bench.name, &body)?;
            println!("written to {}", record::path().display());
        }
        Ok(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_benches_run_at_full_size_unless_told_otherwise() -> Result<()> {
        let names = |options: &Options| -> Vec<&str> {
            options.benches.iter().map(|bench| bench.name).collect()
        };
        let all = Options::parse(&[])?;
        assert_eq!(names(&all), ALL.map(|bench| bench.name));
        assert_eq!((all.runs(&seed::BENCH), all.mib(&seed::BENCH)), (5, 1024));
        let quick = Options::parse(&["leech", "--quick", "--clients", "superseed,aria2"])?;
        assert_eq!(names(&quick), ["leech"]);
        assert_eq!(
            (quick.runs(&leech::BENCH), quick.mib(&leech::BENCH)),
            (1, 64)
        );
        assert_eq!(quick.clients, [Contender::Superseed, Contender::Aria2]);
        let own = Options::parse(&["--quick", "--runs", "3", "--mib", "256"])?;
        assert_eq!((own.runs(&leech::BENCH), own.mib(&leech::BENCH)), (3, 256));
        assert_eq!(names(&Options::parse(&["seed"])?), ["seed", "spread"]);
        assert!(Options::parse(&["--runs", "0"]).is_err());
        assert!(Options::parse(&["lich"]).is_err());
        Ok(())
    }
}
