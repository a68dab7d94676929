//! What real clients reach in a swarm of slow uplinks and on one long line, one
//! client beside the other.
//!
//! This module owns the command line. `crowd` and `line` are the two benches;
//! every run of them is a process of its own in fresh namespaces
//! (`cargo xtask swarm --inside BENCH CLIENT`). docs/interop.md tells users
//! about it.

mod bench;
mod contender;
mod crowd;
mod leecher;
mod line;
mod relay;
mod seed;

use anyhow::{Context, Result, bail, ensure};

use bench::{Bench, LEECHERS};
use contender::Contender;

use crate::interop::fixture;
use crate::interop::install::{self, Tool};
use crate::interop::stage::{self, Stage};
use crate::summary::Summary;

const USAGE: &str = "cargo xtask swarm [line] [--install] [--clients NAME,NAME] [--runs N] \
                     [--leechers N]";

/// More do not get a share of the machine that would be worth measuring.
const LEECHERS_MAX: u8 = 100;

/// How many leechers the case of continuous integration has.
const FEW: u8 = 4;
/// What a swarm may take there, in fluid limits: no bar, but a machine that does
/// much else passes and a swarm that stands still does not.
const FEW_OVER_FLUID_MAX: f64 = 1.6;

/// What was asked for.
struct Options {
    bench: Bench,
    install: bool,
    contenders: Vec<Contender>,
    runs: u32,
}

/// Runs the bench, and fails if a run fails or superseed misses its bar.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    if let ["--inside", bench, contender] = args {
        let figures =
            Bench::named(bench)?.inside(Contender::named(contender, &Contender::OF_SWARMS)?)?;
        println!("{figures}");
        return Ok(());
    }
    if let ["--relay", listen, to] = args {
        return relay::serve(listen.parse()?, to.parse()?);
    }
    let options = Options::parse(args)?;
    install::provide(&options.needs(), options.install, install::ADVICE)?;
    stage::build_superseed()?;
    fixture::make(&[options.bench.set()])?;
    options.measure()
}

/// A small swarm of superseed, as a case of `cargo xtask interop`. Gives its
/// figures.
pub(crate) fn few_leechers(stage: &Stage) -> Result<String> {
    let (ratio, words) = crowd::run(stage, Contender::Superseed, FEW)?;
    let figures = format!("{ratio:.3} x the fluid limit: {words}");
    ensure!(ratio <= FEW_OVER_FLUID_MAX, "{figures}");
    Ok(figures)
}

impl Options {
    fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self {
            bench: Bench::Crowd { leechers: LEECHERS },
            install: false,
            contenders: Contender::OF_SWARMS.to_vec(),
            runs: 3,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} wants a value"));
            match *arg {
                "line" => options.bench = Bench::Line,
                "--install" => options.install = true,
                "--clients" => {
                    let names = value()?.split(',');
                    options.contenders = names
                        .map(|name| Contender::named(name, &Contender::OF_SWARMS))
                        .collect::<Result<_>>()?;
                }
                "--runs" => options.runs = value()?.parse().context("--runs wants a number")?,
                "--leechers" => {
                    let leechers = value()?.parse().context("--leechers wants a number")?;
                    ensure!(
                        (1..=LEECHERS_MAX).contains(&leechers),
                        "--leechers wants 1 to {LEECHERS_MAX}"
                    );
                    options.bench = Bench::Crowd { leechers };
                }
                _ => bail!("unknown argument {arg}; usage: {USAGE}"),
            }
        }
        Ok(options)
    }

    /// The seed is libtorrent, whoever the leechers are.
    fn needs(&self) -> Vec<Tool> {
        let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
        needs.extend(self.contenders.iter().filter_map(|one| one.tool()));
        needs
    }

    fn measure(&self) -> Result<()> {
        let unit = self.bench.unit();
        let summary = |one: &Contender| Summary::new(one.name());
        let mut summaries: Vec<Summary> = self.contenders.iter().map(summary).collect();
        let mut failed = 0;
        // In turns, so that what else the machine does hits all alike.
        for run in 1..=self.runs {
            for (contender, summary) in self.contenders.iter().zip(&mut summaries) {
                let name = contender.name();
                match self.bench.measure(*contender) {
                    Ok((figure, words)) => {
                        summary.figures.push(figure);
                        println!("{name:11} run {run}: {figure:.3} {unit}: {words}");
                    }
                    Err(error) => {
                        failed += 1;
                        println!("{name:11} run {run} FAILED: {error:#}");
                    }
                }
            }
        }
        for summary in &summaries {
            println!("{summary} {unit}");
        }
        ensure!(failed == 0, "{failed} runs failed");
        self.bench.judge(&summaries)
    }
}
