//! superseed against real clients, in network namespaces of their own.
//!
//! Every case is a process of its own (`cargo xtask interop --inside CASE`) in
//! fresh network and process namespaces: addresses never clash, nothing leaves
//! the machine, and the kernel kills whatever a case leaves behind. This module
//! owns the command line and the tally; it knows no client.
//! docs/interop.md tells users about it.

mod bars;
mod case;
mod clients;
mod compare;
mod disturbed;
mod fixture;
mod install;
mod matrix;
mod metainfo;
mod namespace;
mod resume;
mod scripted;
mod stage;
mod tally;
mod tracker;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use case::{Case, Group};
use stage::Stage;
use tally::{Outcome, Tally};

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
        install::install()?;
    }
    stage::build_superseed()?;
    run_cases(&cases)
}

fn run_cases(cases: &[Case]) -> Result<()> {
    let mut tally = Tally::default();
    for case in cases {
        let outcome = match install::missing(&case.needs) {
            Some(tool) => Outcome::Skipped(format!("{tool} is not installed; --install does it")),
            None => prepare(case)
                .and_then(|()| namespace::run(case))
                .unwrap_or_else(|error| Outcome::Failed(format!("{error:#}"))),
        };
        tally.count(&case.name, &outcome);
    }
    println!("{tally}");
    ensure!(
        tally.failed == 0,
        "{} cases of interop failed",
        tally.failed
    );
    Ok(())
}

/// What is slow and shared by many cases happens outside, before the clock runs.
fn prepare(case: &Case) -> Result<()> {
    for set in &case.sets {
        set.fixture()
            .with_context(|| format!("cannot make the data of {}", set.name()))?;
    }
    Ok(())
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
