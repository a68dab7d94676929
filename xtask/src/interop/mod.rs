//! superseed against real clients, in network namespaces of their own.
//!
//! Every case is a process of its own (`cargo xtask interop --inside CASE`) in
//! fresh network and process namespaces: addresses never clash, nothing leaves
//! the machine, and the kernel kills whatever a case leaves behind. This module
//! owns the command line and the tally; it knows no client.
//! docs/interop.md tells users about it.

mod bars;
mod capture;
mod case;
pub(crate) mod clients;
pub(crate) mod compare;
mod discover;
mod disturbed;
mod encryption;
mod files;
pub(crate) mod fixture;
mod gateway;
pub(crate) mod install;
mod interface;
pub(crate) mod lan;
mod leaving;
mod matrix;
pub(crate) mod metainfo;
pub(crate) mod namespace;
mod proxy;
mod resume;
pub(crate) mod scripted;
mod share;
pub(crate) mod stage;
mod tally;
pub(crate) mod tracker;
mod web_seed;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use case::{Case, Group};
use stage::Stage;
use tally::{Outcome, Tally};

/// How many cases run at a time where they share the machine. Transmission
/// waits for its next round most of the time.
const SIDE_BY_SIDE: usize = 3;

const USAGE: &str = "cargo xtask interop [--install] [--list] [--all] [FILTER]";

/// Runs the cases that the arguments name, and fails if one of them fails.
///
/// Without a filter the cases of the default group run; a filter picks from
/// all groups by a part of the name.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (mut install, mut list, mut all, mut filter) = (false, false, false, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--install" => install = true,
            "--list" => list = true,
            "--all" => all = true,
            "--inside" => {
                let name = args.next().context("--inside wants the name of a case")?;
                return inside(name);
            }
            text if text.starts_with('-') => bail!("unknown option {text}; usage: {USAGE}"),
            text => filter = Some(text),
        }
    }
    let mut cases = case::all();
    match filter {
        Some(filter) => cases.retain(|case| case.name.contains(filter)),
        None if !all && !list => cases.retain(|case| case.group == Group::Default),
        None => {}
    }
    if list {
        for case in &cases {
            println!("{:9}{}", case.group.to_string(), case.name);
        }
        return Ok(());
    }
    ensure!(
        !cases.is_empty(),
        "no case is called like that; --list names them"
    );
    if install {
        let needs = cases.iter().flat_map(|case| case.needs.iter().copied());
        install::install(&needs.collect::<Vec<_>>())?;
    }
    stage::build_superseed()?;
    discover::build(&cases)?;
    run_cases(&cases)
}

/// Runs the cases that share the machine side by side, then each other alone.
fn run_cases(cases: &[Case]) -> Result<()> {
    let (sharing, alone): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.shares);
    let tally = Mutex::new(Tally::default());
    let queue = Mutex::new(sharing.into_iter());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(case) = next(&queue) {
                    run_case(case, &tally);
                }
            });
        }
    });
    for case in alone {
        run_case(case, &tally);
    }
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{tally}");
    ensure!(
        tally.failed == 0,
        "{} cases of interop failed",
        tally.failed
    );
    Ok(())
}

fn next<'c>(queue: &Mutex<impl Iterator<Item = &'c Case>>) -> Option<&'c Case> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

fn run_case(case: &Case, tally: &Mutex<Tally>) {
    let outcome = match install::missing(&case.needs) {
        Some(tool) => Outcome::Skipped(format!("{tool} is not installed; --install does it")),
        None => run_apart(case).map_or_else(|e| Outcome::Failed(format!("{e:#}")), Outcome::Passed),
    };
    tally
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .count(&case.name, &outcome);
}

/// Runs one case in namespaces of its own. Gives its figures.
fn run_apart(case: &Case) -> Result<String> {
    fixture::make(&case.sets)?;
    let start = Instant::now();
    let args = ["interop", "--inside", &case.name];
    let figures = namespace::run(&case.name, &args, case.limit)?;
    Ok(format!(
        "{figures} [{:.1} s]",
        start.elapsed().as_secs_f64()
    ))
}

/// Runs one case in the namespaces that `namespace::run` has made.
///
/// The figures go to standard output, a failure to standard error.
fn inside(name: &str) -> Result<()> {
    let case = case::all().into_iter().find(|case| case.name == name);
    let case = case.with_context(|| format!("no case is called {name}"))?;
    namespace::set_up()?;
    let stage = Stage::new(&case.name)?;
    let figures = (case.run)(&stage)?;
    stage.clear()?;
    println!("{figures}");
    Ok(())
}

/// Where everything of interop lies: programs, fixtures, logs.
fn dir() -> PathBuf {
    crate::root().join("target/interop")
}
